"""`python -m examples.django_project`: migrates, makes a user and some posts, and serves on this machine alone."""

from __future__ import annotations

import argparse
import io
import os
import sys
from pathlib import Path

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from examples import django_project
from examples.ports import require_free
from partway.core.blocking import run_straight
from partway.errors import PartwayError

_HERE = Path(__file__).parent
_ENVIRONMENT = """\
Files go to the folder --data-dir, or into a bucket if the environment names one:
  S3_BUCKET_NAME, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, and S3_ENDPOINT_URL for stores that are not AWS.
DATABASE_URL=postgresql://user:password@host/name takes the place of SQLite in that folder.
"""
#: As the other examples call it → as Django projects do.
_NAMES = {
    "S3_BUCKET_NAME": "AWS_STORAGE_BUCKET_NAME",
    "S3_ENDPOINT_URL": "AWS_S3_ENDPOINT_URL",
    "AWS_REGION": "AWS_S3_REGION_NAME",
}


def main() -> None:
    """Run the project as the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.django_project",
        description=django_project.__doc__,
        epilog=_ENVIRONMENT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=8000, help="of 127.0.0.1 (default: 8000)")
    parser.add_argument("--data-dir", help="folder for files and database (default: example-data/django)")
    options = parser.parse_args()
    if options.data_dir:
        os.environ["EXAMPLE_DATA_DIR"] = options.data_dir
    for other, name in _NAMES.items():
        if other in os.environ:
            os.environ.setdefault(name, os.environ[other])
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    sys.path.insert(0, str(_HERE))  # as `manage.py` has it
    django.setup()
    require_free(options.port)
    try:
        where = _check_store()
    except (PartwayError, ImproperlyConfigured) as error:
        sys.exit(f"error: {error}")
    _serve(options.port, where)


def _check_store() -> str:
    """Ask the store for an answer now rather than in the first request; what it is."""
    from django.conf import settings

    from partway.django.conf import configuration

    run_straight(configuration().store.check())
    bucket = settings.AWS_STORAGE_BUCKET_NAME
    return f"the bucket {bucket}" if bucket else str(settings.MEDIA_ROOT)


def _serve(port: int, where: str) -> None:
    call_command("migrate", verbosity=0)
    from testapp.samples import PASSWORD, make_samples
    from testapp.tokens import token_for

    user = make_samples()
    print(f"http://127.0.0.1:{port} with files in {where}")
    print(f"login  {user.get_username()} / {PASSWORD}")
    print(f"token  {token_for(user)}", flush=True)
    call_command("runserver", f"127.0.0.1:{port}", use_reloader=False, stdout=io.StringIO())


main()
