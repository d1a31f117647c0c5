"""How `python -m examples.…` runs an example: options, a look at the store, uvicorn on this machine alone."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from importlib import import_module

import uvicorn
from starlette.middleware.trustedhost import TrustedHostMiddleware

from examples.embedded import own_url, s3_settings
from examples.ports import require_free
from partway.bucket import BlockingBucket
from partway.errors import PartwayError
from partway.stores.s3 import S3Store

_PATIENCE = 3.0  #: seconds that we wait for the store at start
_ENVIRONMENT = """\
Files go to the folder --data-dir, or into a bucket if the environment names one:
  S3_BUCKET_NAME, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, and S3_ENDPOINT_URL for stores that are not AWS.
"""
_OTHER_NAMES = {
    "AWS_BUCKET_NAME": "S3_BUCKET_NAME",
    "AWS_ACCESS_KEY": "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_KEY": "AWS_SECRET_ACCESS_KEY",
}


def main(example: str, about: str) -> None:
    """Run an example as the command line says.

    Args:
        example: its package, with the application in `app.py`.
        about: what it shows, for `--help`.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {example}",
        description=about,
        epilog=_ENVIRONMENT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=8000, help="of 127.0.0.1 (default: 8000)")
    parser.add_argument("--data-dir", default="example-data", help="folder for files (default: example-data)")
    options = parser.parse_args()
    require_free(options.port)
    os.environ["PORT"] = str(options.port)
    os.environ["EXAMPLE_DATA_DIR"] = options.data_dir
    for other, name in _OTHER_NAMES.items():
        if other in os.environ:
            os.environ.setdefault(name, os.environ[other])
    try:
        where = _check_store() or options.data_dir
        app = import_module(f"{example}.app").app
    except PartwayError as error:
        sys.exit(f"error: {error.detail}")
    # Nobody has to log in here. So a page that rebinds its own name to 127.0.0.1 must not get through.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    print(f"{own_url()} with files in {where}", flush=True)
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning")


def _check_store() -> str | None:
    """Ask the bucket, if there is one, for an answer now rather than in the first request; its name."""
    settings = s3_settings()
    if settings is None:
        return None
    bucket = BlockingBucket(S3Store.connect_blocking(replace(settings, patience=_PATIENCE)))
    bucket.check()
    return f"the bucket {settings.bucket}"
