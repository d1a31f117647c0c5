"""The peer of the proxied upload: the endpoint that one writes first, with `UploadFile` and `upload_fileobj`."""

from __future__ import annotations

import os
import uuid
from typing import Annotated

import uvicorn
from botocore.exceptions import NoCredentialsError
from fastapi import FastAPI, File, HTTPException, UploadFile

from benchmarks.peers import boto3_client


def peer_app(*, endpoint: str, access_key: str, secret_key: str, bucket: str) -> FastAPI:
    """One route. FastAPI spools the file to the disk (beyond 1 MiB), then boto3 reads it from there."""
    app = FastAPI()
    s3_client = boto3_client(endpoint, access_key, secret_key)

    async def upload_to_s3(file: UploadFile, filename: str) -> str:
        try:
            s3_client.upload_fileobj(file.file, bucket, filename, ExtraArgs={"ContentType": file.content_type})
            return f"{endpoint}/{bucket}/{filename}"
        except NoCredentialsError:
            raise HTTPException(status_code=500, detail="AWS Credentials missing") from None

    @app.post("/upload", status_code=201)
    async def upload(file: Annotated[UploadFile, File()]) -> dict[str, str]:
        return {"url": await upload_to_s3(file, f"uploads/{uuid.uuid4()}/{file.filename}")}

    return app


def app_from_environment() -> FastAPI:
    """The peer as the environment describes it."""
    return peer_app(
        endpoint=os.environ["PEER_ENDPOINT"],
        access_key=os.environ["AWS_ACCESS_KEY_ID"],
        secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        bucket=os.environ["PEER_BUCKET"],
    )


if __name__ == "__main__":
    uvicorn.run(
        app_from_environment(),
        host="127.0.0.1",
        port=int(os.environ["PEER_PORT"]),
        access_log=False,
        log_level="warning",
    )
