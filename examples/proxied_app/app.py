"""Two ways for a file to come in, and how a private one goes out.

    python -m examples.proxied_app
    curl -F file=@report.pdf http://127.0.0.1:8000/upload

Through us (`/upload`)
    For: one plain request, also from a simple HTML form. We see the bytes before anybody else, and may refuse them.
    Against: every byte passes through this process, twice, and the connection is ours for as long as it takes.
    Right for: small files, content that has to be looked at, clients that can do nothing but POST a form.

Straight to the store (`/generate-upload-url`)
    For: none of the bytes passes through us. A thousand uploads at once are a thousand small questions.
    Against: the client makes two requests, a browser needs CORS on the bucket, and we see the content only afterwards.
    Right for: everything else, and large files always. Very large ones in parts: see `multipart_app`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import FastAPI, UploadFile
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from examples import embedded
from partway.bucket import Bucket, BucketRules, Naming
from partway.core.policy import UploadPolicy
from partway.errors import PolicyRefused
from partway.fastapi import install_problem_handlers
from partway.fastapi.body_limit import BodyLimit

MIB = 1024 * 1024
MAX_FILE_SIZE = 100 * MIB

app = FastAPI(title="Through us, and past us")
install_problem_handlers(app)
embedded.serve_local_store(app)
# A form is received whole, into a temporary file, before `/upload` is called: the limit has to stand before that.
app.add_middleware(BodyLimit, max_size=MAX_FILE_SIZE + MIB, streaming_prefixes=("/store/",))

bucket = Bucket(
    embedded.async_store(public_url=embedded.own_url()),  # S3Store.connect(S3Settings(bucket="media"))
    BucketRules(policy=UploadPolicy(max_file_size=MAX_FILE_SIZE), url_expiry=3600, download_expiry=600),
)


@app.post("/upload")
async def upload(file: UploadFile) -> dict[str, str | int]:
    """Pass a file on to the store. Memory holds one part of it (8 MiB), whatever its size."""
    content = _looked_at(file, file.content_type or "")
    stored = await bucket.upload(file.filename or "", content, content_type=file.content_type or "")
    return {"url": bucket.object_url(stored.key), "file_path": stored.key, "size": stored.size}


_BEGINNINGS = {"application/pdf": b"%PDF-", "image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}


async def _looked_at(file: UploadFile, content_type: str) -> AsyncIterator[bytes]:
    """The file's bytes; if they are not what they claim to be, nothing of them stays in the store."""
    chunk = await file.read(MIB)
    if not chunk.startswith(_BEGINNINGS.get(content_type, b"")):
        raise PolicyRefused(f"The file is no {content_type}.", code="content_type_mismatch", content_type=content_type)
    while chunk:
        yield chunk
        chunk = await file.read(MIB)


class FileUploadRequest(BaseModel):
    """What the client wants to upload."""

    filename: str
    content_type: str


@app.post("/generate-upload-url")
async def get_upload_url(request: FileUploadRequest) -> dict[str, str]:
    """Where the client may PUT the file, with the same Content-Type."""
    # 1. Validate (e.g., ensure user is allowed to upload)

    # 2. The name is unique (a random id stands before it), 3. and this is the URL. No request to the store is needed.
    signed = await bucket.sign_upload(request.filename, content_type=request.content_type, naming=Naming.FOLDER)
    return {"upload_url": signed.url, "file_path": signed.key}


@app.get("/private/{file_path:path}")
async def private_file(file_path: str) -> RedirectResponse:
    """Send the client to a URL that is good for ten minutes. The bucket stays private."""
    # Whoever holds the URL can read the file, so ask here whether this user may.
    signed = await bucket.sign_download(file_path)
    return RedirectResponse(signed.url, headers={"Cache-Control": "no-store"})
