"""Which store an example stands on: the bucket that the environment names, or else a folder on this machine.

An application of your own knows which one it uses. It keeps the one line that connects it, and needs none of this.
"""

from __future__ import annotations

import os
import secrets

from fastapi import FastAPI

from partway.core.ports import Store
from partway.errors import Misconfigured
from partway.fastapi import store_router
from partway.stores.local import BlockingLocalStore
from partway.stores.s3 import S3Settings, S3Store
from partway.threads import in_threads

_SECRET = secrets.token_hex(32)  #: URLs that the folder signed die with this process


def own_url() -> str:
    """Where the example listens; `examples.serving` sets the port."""
    return f"http://127.0.0.1:{os.getenv('PORT', '8000')}"


def s3_settings() -> S3Settings | None:
    """The bucket that the environment names; None: it names none."""
    bucket = os.getenv("S3_BUCKET_NAME")
    if not bucket:
        return None
    access_key, secret_key = os.getenv("AWS_ACCESS_KEY_ID"), os.getenv("AWS_SECRET_ACCESS_KEY")
    if bool(access_key) != bool(secret_key):
        missing = "AWS_SECRET_ACCESS_KEY" if access_key else "AWS_ACCESS_KEY_ID"
        raise Misconfigured(f"{missing} is not set; set both keys, or none for roles and profiles.", setting=missing)
    return S3Settings(
        bucket=bucket,
        region=os.getenv("AWS_REGION") or "us-east-1",
        endpoint_url=os.getenv("S3_ENDPOINT_URL") or None,
        access_key=access_key or None,
        secret_key=secret_key or None,
        session_token=os.getenv("AWS_SESSION_TOKEN") or None,
    )


def local_store(*, public_url: str = "") -> BlockingLocalStore:
    """The folder as a store.

    Args:
        public_url: what its URLs begin with; empty: they begin with `/store/`, and whoever hands them out says where.
    """
    return BlockingLocalStore(os.getenv("EXAMPLE_DATA_DIR", "example-data"), secret_key=_SECRET, public_url=public_url)


def async_store(*, public_url: str = "") -> Store:
    """The store to be awaited."""
    settings = s3_settings()
    if settings is None:
        return in_threads(local_store(public_url=public_url), workers=8, name="local-store")
    return S3Store.connect(settings)


def serve_local_store(app: FastAPI) -> None:
    """A bucket answers its own URLs. For the folder this application does, below `/store/`."""
    if s3_settings() is None:
        app.include_router(store_router(local_store()))
