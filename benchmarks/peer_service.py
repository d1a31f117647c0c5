"""The peer of the service: the same endpoint as one writes it with FastAPI and boto3, without callers and records."""

from __future__ import annotations

import os
import uuid
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI, Response
from pydantic import BaseModel

from benchmarks.peers import boto3_client

_EXPIRY = 3600  #: seconds


class Initiation(BaseModel):
    """The body of the request."""

    file_name: str
    file_size: int
    file_content_type: str
    num_parts: int
    part_size: int


def peer_app(*, endpoint: str, access_key: str, secret_key: str, bucket: str) -> FastAPI:
    """One route. It is a plain function, as boto3 blocks: FastAPI runs it in threads."""
    app = FastAPI()
    client = boto3_client(endpoint, access_key, secret_key)

    @app.post("/uploads", status_code=201)
    def initiate(body: Initiation) -> Response:
        key = f"files/{uuid.uuid4()}_{body.file_name}"
        opened = client.create_multipart_upload(Bucket=bucket, Key=key, ContentType=body.file_content_type)
        upload_id = opened["UploadId"]
        urls = [_part(client, bucket, key, upload_id, number) for number in range(1, body.num_parts + 1)]
        answer = {"upload_id": upload_id, "s3_key": key, "presigned_urls": urls, "expires_in": _EXPIRY}
        return Response(orjson.dumps(answer), status_code=201, media_type="application/json")

    return app


def _part(client: Any, bucket: str, key: str, upload_id: str, number: int) -> dict[str, Any]:
    parameters = {"Bucket": bucket, "Key": key, "UploadId": upload_id, "PartNumber": number}
    url = client.generate_presigned_url("upload_part", Params=parameters, ExpiresIn=_EXPIRY)
    return {"part_number": number, "url": url}


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
