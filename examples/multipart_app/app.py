"""Large files in parts: the client sends them straight to the store, several at once, and we join them.

    python -m examples.multipart_app
    python -m examples.multipart_app.client upload big.bin

An application of your own knows its users: give each route a dependency that says who may call it.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs

import os

from fastapi import FastAPI

from examples import embedded
from partway.bucket import ListFilesResponse, PartInfo, S3Config, S3MultipartHandler
from partway.fastapi import install_problem_handlers

app = FastAPI(title="Large files in parts")
install_problem_handlers(app)  # errors become problem+json with the right status
embedded.serve_local_store(app)

BUCKET = os.getenv("S3_BUCKET_NAME", "")

# Initialize handler
s3_handler = S3MultipartHandler(
    bucket_name=BUCKET or "local",
    aws_access_key_id=os.getenv("AWS_ACCESS_KEY_ID"),
    aws_secret_access_key=os.getenv("AWS_SECRET_ACCESS_KEY"),
    region=os.getenv("AWS_REGION", "us-east-1"),
    config=S3Config(bucket_name=BUCKET, endpoint_url=os.getenv("S3_ENDPOINT_URL")),  # AWS needs none
    store=None if BUCKET else embedded.local_store(public_url=embedded.own_url()),  # a bucket needs none
)


# Initiate upload
@app.post("/upload/initiate")
async def initiate_upload(filename: str, file_size: int):
    return s3_handler.initiate_upload(
        filename=filename,
        file_size=file_size,
        content_type="application/pdf",
    )


# Generate presigned URL for part
@app.post("/upload/presigned-url")
async def get_presigned_url(upload_id: str, key: str, part_number: int):
    return s3_handler.generate_presigned_url(
        upload_id=upload_id,
        key=key,
        part_number=part_number,
    )


# Complete upload
@app.post("/upload/complete")
async def complete_upload(upload_id: str, key: str, parts: list[PartInfo]):  # FastAPI takes a bare `list` for files
    return s3_handler.complete_upload(
        upload_id=upload_id,
        key=key,
        parts=parts,
    )


# The calls block for a request or two to the store. FastAPI runs a `def` endpoint in a thread, where nobody else
# waits for it; in the `async def` ones above they hold the event loop as long.


@app.post("/upload/abort")
def abort_upload(upload_id: str, key: str) -> dict[str, bool]:
    """Give an upload up: the parts that were sent cost storage until then."""
    s3_handler.abort_upload(upload_id=upload_id, key=key)
    return {"success": True}


@app.get("/files")
def list_files(
    prefix: str | None = None, page: int = 1, page_size: int = 20, cursor: str | None = None
) -> ListFilesResponse:
    """One page. Go on with `next_cursor` as `cursor`: that is one request to the store, however large the bucket."""
    return s3_handler.list_files(prefix=prefix, page=page, page_size=page_size, cursor=cursor)


@app.get("/files/download-url")
def download_url(key: str, expires_in: int = 3600) -> dict[str, str]:
    """Where the file can be fetched for so many seconds."""
    return {"url": s3_handler.generate_download_url(key=key, expires_in=expires_in)}


@app.delete("/files")
def delete_file(key: str) -> dict[str, bool]:
    """Delete a file that is there."""
    s3_handler.delete_file(key=key)
    return {"success": True}
