"""`S3MultipartHandler`: the documented calls, on the embedded store and on SeaweedFS."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
import requests

from partway.bucket import (
    FILE_TYPES,
    S3Config,
    S3DeleteError,
    S3HandlerError,
    S3InitiationError,
    S3MultipartHandler,
    S3UploadError,
    S3ValidationError,
)
from partway.core.blocking import run_straight
from partway.core.parts import MIB
from partway.errors import Misconfigured
from partway.stores.s3 import S3Settings, S3Store
from tests.bucket.conftest import Place, put, send_parts
from tests.servers.ports import free_port

CONTENT = random.Random(3).randbytes(12 * MIB)


def test_the_documented_flow(place: Place) -> None:
    s3_handler = place.handler()
    result = s3_handler.initiate_upload(
        filename="large-video.mp4",
        file_size=len(CONTENT),
        content_type="video/mp4",
        metadata={"uploader": "user123", "title": "Größe ☃"},
    )
    assert (result.parts_count, result.part_size, result.bucket) == (3, 5 * MIB, place.name)
    assert result.key.startswith("uploads/")
    assert result.key.endswith("/large-video.mp4")
    parts = send_parts(s3_handler, result.upload_id, result.key, CONTENT, result.parts_count)
    response = s3_handler.complete_upload(upload_id=result.upload_id, key=result.key, parts=parts)
    assert (response.success, response.key, response.bucket) == (True, result.key, place.name)
    assert response.location.endswith(result.key)
    assert s3_handler.complete_upload(upload_id=result.upload_id, key=result.key, parts=parts) == response
    stored = run_straight(place.store.head(result.key))
    assert stored is not None
    assert (stored.content_type, stored.metadata) == ("video/mp4", {"uploader": "user123", "title": "Größe ☃"})

    files = s3_handler.list_files(prefix="uploads/", page=1, page_size=20)
    assert [(each.key, each.filename, each.size) for each in files.files] == [
        (result.key, "large-video.mp4", len(CONTENT))
    ]
    assert files.files[0].etag == response.etag
    assert files.files[0].last_modified.endswith("+00:00")
    assert (files.total_count, files.total_pages, files.page, files.page_size) == (1, 1, 1, 20)

    download_url = s3_handler.generate_download_url(key=result.key, expires_in=3600)
    assert requests.get(download_url, timeout=30).content == CONTENT

    s3_handler.delete_file(key=result.key)
    assert s3_handler.list_files().files == []
    s3_handler.initiate_upload(filename="left.bin", file_size=1)
    assert s3_handler.cleanup_incomplete_uploads(days_old=7) == 0
    cleaned = s3_handler.cleanup_incomplete_uploads(days_old=0)
    assert cleaned == 1
    assert cleaned.uploads[0].key.endswith("/left.bin")


def test_the_documented_configuration(place: Place) -> None:
    handler = place.handler(
        part_size=10 * 1024 * 1024,
        presigned_url_expiry=7200,
        max_file_size=10 * 1024 * 1024 * 1024,
        allowed_extensions=["pdf", "mp4", ".ZIP"],
    )
    result = handler.initiate_upload(filename="FILE.Pdf", file_size=25 * MIB, content_type="application/pdf")
    assert (result.parts_count, result.part_size) == (3, 10 * MIB)
    part = handler.generate_presigned_url(result.upload_id, result.key, 3)
    assert (part.part_number, part.size, part.expires_in) == (3, 5 * MIB, 7200)
    assert handler.initiate_upload("a.zip", 1).parts_count == 1
    for name in ("file.exe", "pdf", "file.pdf.exe"):
        with pytest.raises(S3ValidationError) as refused:
            handler.initiate_upload(filename=name, file_size=1)
        assert refused.value.error_code == "extension_not_allowed"


def test_too_large_a_file_is_a_validation_error(place: Place) -> None:
    with pytest.raises(S3ValidationError, match="5368709120") as refused:
        place.handler().initiate_upload(filename="file.pdf", file_size=1000000000000)
    assert refused.value.error_code == "file_too_large"


def test_defaults_are_the_documented_ones() -> None:
    config = S3Config(bucket_name="b", aws_access_key_id="k", aws_secret_access_key="s")
    assert (config.region, config.part_size, config.presigned_url_expiry) == ("us-east-1", 5 * MIB, 3600)
    assert (config.max_file_size, config.allowed_extensions) == (5 * 1024 * MIB, None)
    assert "s3cr3t" not in repr(S3Config(bucket_name="b", aws_secret_access_key="s3cr3t"))


def test_arguments_stand_over_the_config(monkeypatch: pytest.MonkeyPatch) -> None:
    config = S3Config(bucket_name="old", aws_access_key_id="k", aws_secret_access_key="s", region="eu-west-1")
    handler = S3MultipartHandler("new", "key", "secret", config=config)
    assert (handler.config.bucket_name, handler.config.aws_access_key_id) == ("new", "key")
    assert handler.config.region == "eu-west-1"
    assert S3MultipartHandler("new", "key", "secret", "eu-north-1", config).config.region == "eu-north-1"


def test_missing_credentials_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(S3InitiationError, match="AWS_ACCESS_KEY_ID") as missing:
        S3MultipartHandler(bucket_name="b")
    assert isinstance(missing.value.__cause__, Misconfigured)
    with pytest.raises(S3InitiationError, match="belong together"):
        S3MultipartHandler(bucket_name="b", aws_access_key_id="only one")


def test_a_body_of_another_size_is_refused_by_the_store(place: Place) -> None:
    handler = place.handler()
    begun = handler.initiate_upload("a.bin", 6 * MIB)
    last = handler.generate_presigned_url(begun.upload_id, begun.key, 2)
    for size in (0, last.size - 1, last.size + 1):
        assert put(last.url, bytes(size)).status_code in {400, 403}
    with pytest.raises(S3UploadError) as missing:
        handler.complete_upload(
            begun.upload_id, begun.key, [{"PartNumber": 1, "ETag": "a"}, {"PartNumber": 2, "ETag": "b"}]
        )
    assert (missing.value.error_code, missing.value.facts["missing"]) == ("parts_missing", [1, 2])


def test_an_empty_file_is_a_file(place: Place) -> None:
    handler = place.handler()
    begun = handler.initiate_upload("empty", 0)
    parts = send_parts(handler, begun.upload_id, begun.key, b"", begun.parts_count)
    assert handler.complete_upload(begun.upload_id, begun.key, parts).size == 0


def test_an_aborted_upload_is_gone(place: Place) -> None:
    handler = place.handler()
    begun = handler.initiate_upload("a.bin", 5)
    part = handler.generate_presigned_url(begun.upload_id, begun.key, 1)
    handler.abort_upload(upload_id=begun.upload_id, key=begun.key)
    assert put(part.url, b"12345").status_code == 404
    for again in (
        lambda: handler.abort_upload(begun.upload_id, begun.key),
        lambda: handler.generate_presigned_url(begun.upload_id, begun.key, 1),
        lambda: handler.complete_upload(begun.upload_id, begun.key, [{"PartNumber": 1, "ETag": "a"}]),
    ):
        with pytest.raises(S3UploadError) as gone:
            again()
        assert gone.value.error_code == "upload_gone"


Call = Callable[[S3MultipartHandler, str, str], Any]
WRONG: dict[str, tuple[type[S3HandlerError], str, Call]] = {
    "part 0": (S3ValidationError, "invalid_input", lambda h, u, k: h.generate_presigned_url(u, k, 0)),
    "part 10001": (S3ValidationError, "invalid_input", lambda h, u, k: h.generate_presigned_url(u, k, 10_001)),
    "no part": (S3ValidationError, "invalid_input", lambda h, u, k: h.generate_presigned_url(u, k, "\u0661")),  # type: ignore[arg-type]
    "true": (S3ValidationError, "invalid_input", lambda h, u, k: h.generate_presigned_url(u, k, True)),
    "foreign key": (S3ValidationError, "invalid_key", lambda h, u, k: h.generate_presigned_url(u, "files/a", 1)),
    "dots": (S3ValidationError, "invalid_key", lambda h, u, k: h.generate_presigned_url(u, f"uploads/../{k}", 1)),
    "key of no upload": (S3ValidationError, "invalid_key", lambda h, u, k: h.complete_upload(u, "uploads/a", [])),
    "another size": (
        S3UploadError,
        "upload_gone",
        lambda h, u, k: h.generate_presigned_url(u, k.replace("-6291456-", "-6291457-"), 1),
    ),
    "no id": (S3ValidationError, "invalid_upload_id", lambda h, u, k: h.abort_upload("", k)),
    "another id": (S3UploadError, "upload_gone", lambda h, u, k: h.abort_upload("0" * 48, k)),
    "no parts": (S3ValidationError, "invalid_parts", lambda h, u, k: h.complete_upload(u, k, [])),
    "a part alone": (
        S3ValidationError,
        "invalid_parts",
        lambda h, u, k: h.complete_upload(u, k, [{"PartNumber": 1, "ETag": "a"}]),
    ),
    "unordered": (
        S3ValidationError,
        "invalid_parts",
        lambda h, u, k: h.complete_upload(u, k, [{"PartNumber": 2, "ETag": "a"}, {"PartNumber": 1, "ETag": "a"}]),
    ),
    "twice": (
        S3ValidationError,
        "invalid_parts",
        lambda h, u, k: h.complete_upload(u, k, [{"PartNumber": 1, "ETag": "a"}, {"PartNumber": 1, "ETag": "a"}]),
    ),
    "markup": (
        S3ValidationError,
        "invalid_parts",
        lambda h, u, k: h.complete_upload(u, k, [{"PartNumber": 1, "ETag": "<a>"}, {"PartNumber": 2, "ETag": "&"}]),
    ),
    "no dict": (S3ValidationError, "invalid_parts", lambda h, u, k: h.complete_upload(u, k, ["a"])),  # type: ignore[list-item]
    "path": (S3ValidationError, "invalid_file_name", lambda h, u, k: h.initiate_upload("a/b", 1)),
    "negative": (S3ValidationError, "invalid_input", lambda h, u, k: h.initiate_upload("a", -1)),
    "fraction": (S3ValidationError, "invalid_input", lambda h, u, k: h.initiate_upload("a", 1.5)),  # type: ignore[arg-type]
    "no type": (S3ValidationError, "invalid_content_type", lambda h, u, k: h.initiate_upload("a", 1, "nonsense")),
    "metadata": (
        S3ValidationError,
        "invalid_metadata",
        lambda h, u, k: h.initiate_upload("a", 1, metadata={"a b": "\r\n"}),
    ),
    "page": (S3ValidationError, "invalid_input", lambda h, u, k: h.list_files(page=0)),
    "page size": (S3ValidationError, "invalid_input", lambda h, u, k: h.list_files(page_size=1001)),
    "prefix": (S3ValidationError, "invalid_key", lambda h, u, k: h.list_files(prefix="")),
    "cursor": (S3ValidationError, "invalid_cursor", lambda h, u, k: h.list_files(cursor="\x00")),
    "expiry": (S3ValidationError, "invalid_input", lambda h, u, k: h.generate_download_url(k, 604_801)),
    "download": (S3UploadError, "not_found", lambda h, u, k: h.generate_download_url("uploads/none")),
    "delete": (S3DeleteError, "not_found", lambda h, u, k: h.delete_file("uploads/none")),
    "delete outside": (S3ValidationError, "invalid_key", lambda h, u, k: h.delete_file("files/a")),
    "days": (S3ValidationError, "invalid_input", lambda h, u, k: h.cleanup_incomplete_uploads(-1)),
}


def test_bad_input_has_its_documented_error(place: Place) -> None:
    handler = place.handler()
    begun = handler.initiate_upload("a.bin", 6 * MIB)
    for what, (kind, code, call) in WRONG.items():
        with pytest.raises(S3HandlerError) as refused:
            call(handler, begun.upload_id, begun.key)
        assert (what, type(refused.value), refused.value.error_code) == (what, kind, code)
    parts = send_parts(handler, begun.upload_id, begun.key, bytes(6 * MIB), 2)
    assert handler.complete_upload(begun.upload_id, begun.key, parts).size == 6 * MIB


def test_an_id_of_another_key_gets_nowhere(place: Place) -> None:
    handler = place.handler()
    one, other = handler.initiate_upload("a.bin", 5), handler.initiate_upload("b.bin", 5)
    fresh = place.handler()  # another process would know neither
    for call in (
        lambda: fresh.generate_presigned_url(one.upload_id, other.key, 1),
        lambda: fresh.complete_upload(one.upload_id, other.key, [{"PartNumber": 1, "ETag": "a"}]),
        lambda: fresh.abort_upload(one.upload_id, other.key),
    ):
        with pytest.raises(S3UploadError) as refused:
            call()
        assert refused.value.error_code == "upload_gone"
    for begun in (one, other):
        parts = send_parts(fresh, begun.upload_id, begun.key, b"12345", 1)
        assert fresh.complete_upload(begun.upload_id, begun.key, parts).size == 5


def test_the_table_of_types_is_checked(place: Place) -> None:
    handler = place.handler(file_types=dict(FILE_TYPES))
    begun = handler.initiate_upload("photo.JPG", 3)
    parts = send_parts(handler, begun.upload_id, begun.key, b"abc", 1)
    handler.complete_upload(begun.upload_id, begun.key, parts)
    stored = run_straight(place.store.head(begun.key))
    assert stored is not None
    assert stored.content_type == "image/jpeg"
    for name, kind, code in (
        ("photo.jpg", "text/html", "content_type_mismatch"),
        ("page.html", "text/html", "extension_not_allowed"),
        ("noextension", "", "extension_not_allowed"),
    ):
        with pytest.raises(S3ValidationError) as refused:
            handler.initiate_upload(name, 3, kind)
        assert refused.value.error_code == code


def test_what_could_run_in_a_browser_is_an_attachment(place: Place) -> None:
    handler = place.handler()
    begun = handler.initiate_upload("page.html", 3, "text/html")
    handler.complete_upload(begun.upload_id, begun.key, send_parts(handler, begun.upload_id, begun.key, b"<b>", 1))
    answer = requests.get(handler.generate_download_url(begun.key), timeout=30)
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Content-Type"] == "application/octet-stream"


def test_calls_work_on_an_event_loop_and_wait_for_the_store_only_so_long(place: Place) -> None:
    handler = place.handler()

    async def flow() -> int:
        begun = handler.initiate_upload("a.bin", 5)
        part = handler.generate_presigned_url(begun.upload_id, begun.key, 1)
        answer = await asyncio.to_thread(put, part.url, b"12345")
        parts = [{"PartNumber": 1, "ETag": answer.headers["ETag"]}]
        return handler.complete_upload(begun.upload_id, begun.key, parts).size

    assert asyncio.run(flow()) == 5


def test_a_store_that_is_down_is_named() -> None:
    settings = S3Settings(
        bucket="b", endpoint_url=f"http://127.0.0.1:{free_port()}", access_key="k", secret_key="s", patience=0.2
    )
    handler = S3MultipartHandler("b", store=S3Store.connect_blocking(settings))
    for kind, call in (
        (S3InitiationError, lambda: handler.initiate_upload("a.bin", 5)),
        (S3UploadError, handler.list_files),
        (S3DeleteError, lambda: handler.delete_file("uploads/a")),
        (S3UploadError, handler.cleanup_incomplete_uploads),
    ):
        with pytest.raises(kind) as down:
            call()
        assert down.value.error_code == "store_unavailable"
        assert down.value.facts["retry_after"] > 0
