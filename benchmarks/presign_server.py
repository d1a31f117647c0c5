"""Partway's stateless API as an application of its own, as the pages on it have one write it."""

from __future__ import annotations

import os

import uvicorn
from fastapi import FastAPI

from benchmarks.peers import REGION
from partway.bucket import FILE_TYPES, Bucket, BucketRules
from partway.fastapi import install_problem_handlers, presign_router
from partway.stores.s3 import S3Settings, S3Store


def app_from_environment() -> FastAPI:
    """The application as the environment describes it."""
    settings = S3Settings(
        bucket=os.environ["PEER_BUCKET"],
        region=REGION,
        endpoint_url=os.environ["PEER_ENDPOINT"],
        access_key=os.environ["AWS_ACCESS_KEY_ID"],
        secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
    )
    app = FastAPI()
    bucket = Bucket(S3Store.connect(settings), BucketRules(file_types=FILE_TYPES))
    app.include_router(presign_router(bucket, name=settings.bucket))
    install_problem_handlers(app)
    return app


if __name__ == "__main__":
    uvicorn.run(
        app_from_environment(),
        host="127.0.0.1",
        port=int(os.environ["PEER_PORT"]),
        access_log=False,
        log_level="warning",
    )
