"""The peer of the stateless API: the same endpoints as one writes them with FastAPI and boto3.

They are `async def`: signing asks nobody, so it does not wait, and a thread for each request would cost more.
"""

from __future__ import annotations

import os
import uuid
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from benchmarks.peers import boto3_client

_EXPIRY = 3600  #: seconds
_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".pdf": "application/pdf",
    ".txt": "text/plain",
    ".doc": "application/msword",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".mp4": "video/mp4",
    ".mp3": "audio/mpeg",
    ".zip": "application/zip",
}


class FileToUpload(BaseModel):
    """Asks where one file goes."""

    filename: str
    content_type: str


class FileUrl(BaseModel):
    """Where it goes."""

    presigned_url: str
    expires_in: int  #: seconds
    file_key: str


class PartsToUpload(BaseModel):
    """Asks where some parts go."""

    upload_id: str
    key: str
    part_numbers: list[int]


class PartUrl(BaseModel):
    """Where a part goes."""

    url: str
    part_number: int
    expires_in: int  #: seconds


def peer_app(*, endpoint: str, access_key: str, secret_key: str, bucket: str) -> FastAPI:
    """Three routes: a whole file, one part, many parts."""
    app = FastAPI()
    client = boto3_client(endpoint, access_key, secret_key)

    @app.post("/upload-url", response_model=FileUrl)
    async def upload_url(asked: FileToUpload) -> FileUrl:
        extension = os.path.splitext(asked.filename)[1].lower()
        if _TYPES.get(extension) != asked.content_type:
            raise HTTPException(400, f"Files of the type {extension} are not taken as {asked.content_type}.")
        key = f"uploads/{uuid.uuid4()}-{asked.filename}"
        url = client.generate_presigned_url(
            "put_object",
            Params={"Bucket": bucket, "Key": key, "ContentType": asked.content_type},
            ExpiresIn=_EXPIRY,
        )
        return FileUrl(presigned_url=url, expires_in=_EXPIRY, file_key=key)

    @app.post("/upload/presigned-url", response_model=PartUrl)
    async def part_url(upload_id: str, key: str, part_number: int) -> PartUrl:
        return _part(client, bucket, upload_id, key, part_number)

    @app.post("/upload/presigned-urls", response_model=list[PartUrl])
    async def part_urls(asked: PartsToUpload) -> list[PartUrl]:
        return [_part(client, bucket, asked.upload_id, asked.key, number) for number in asked.part_numbers]

    return app


def _part(client: Any, bucket: str, upload_id: str, key: str, number: int) -> PartUrl:
    url = client.generate_presigned_url(
        "upload_part",
        Params={"Bucket": bucket, "Key": key, "UploadId": upload_id, "PartNumber": number},
        ExpiresIn=_EXPIRY,
    )
    return PartUrl(url=url, part_number=number, expires_in=_EXPIRY)


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
