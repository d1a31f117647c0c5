"""Uploads and downloads by presigned URLs, and a page that uses them.

    python -m examples.presign_app        then open http://127.0.0.1:8000

An application of your own knows its users: give `presign_router` a `caller` that says who may call.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.middleware.cors import CORSMiddleware
from starlette.staticfiles import StaticFiles

from examples import embedded
from partway.bucket import FILE_TYPES, Bucket, BucketRules
from partway.core.policy import UploadPolicy
from partway.errors import Misconfigured
from partway.fastapi import install_problem_handlers, presign_router
from partway.stores.s3 import S3Store
from partway.threads import close_threads


def _number(name: str, default: int) -> int:
    value = os.getenv(name, str(default))
    if not value.isdecimal():
        raise Misconfigured(f"{name} is {value!r}; it must be a whole number.", setting=name)
    return int(value)


URL_EXPIRATION = _number("PRESIGNED_URL_EXPIRATION", 600)  # seconds
MAX_FILE_SIZE = _number("MAX_FILE_SIZE", 50 * 1024 * 1024)  # bytes
ALLOWED_FILE_TYPES = {**FILE_TYPES, ".csv": "text/csv"}  # the usual ones, and one of our own
# Pages of other origins that may call these routes: your front end's, never "*" where users log in by cookies.
CORS_ORIGINS = os.getenv("CORS_ORIGINS", "http://localhost:3000,http://localhost:5173").split(",")
PAGE = Path(__file__).parent / "page"

store = embedded.async_store()  # S3Store.connect(S3Settings(bucket="media"))
bucket = Bucket(
    store,
    BucketRules(
        policy=UploadPolicy(max_file_size=MAX_FILE_SIZE),
        file_types=ALLOWED_FILE_TYPES,
        url_expiry=URL_EXPIRATION,
        download_expiry=URL_EXPIRATION,
    ),
)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Give the store's connections back in the end."""
    yield
    await (store.aclose() if isinstance(store, S3Store) else close_threads(store))


app = FastAPI(title="Presigned URLs", lifespan=lifespan)
app.include_router(presign_router(bucket, name=os.getenv("S3_BUCKET_NAME", "local")))
install_problem_handlers(app)
embedded.serve_local_store(app)
app.add_middleware(
    CORSMiddleware,
    allow_origins=CORS_ORIGINS,
    allow_methods=["GET", "POST", "PUT", "DELETE"],  # PUT: for the store in a folder; a bucket has CORS rules itself
    allow_headers=["*"],
    expose_headers=["ETag"],
)

# The page may run its own script, and talk to us and to the store; no more, whatever a file's name says.
_STORE = store.public_origin if isinstance(store, S3Store) else ""
_POLICY = (
    f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' {_STORE}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@app.get("/", include_in_schema=False)
def page() -> FileResponse:
    """The page."""
    return FileResponse(PAGE / "page.html", headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"})


@app.get("/limits", tags=["health"])
def limits() -> dict[str, int | list[str]]:
    """What the page says and offers; what is taken is decided when an upload is asked for."""
    return {"max_file_size": MAX_FILE_SIZE, "extensions": sorted(ALLOWED_FILE_TYPES)}


app.mount("/page", StaticFiles(directory=PAGE))
