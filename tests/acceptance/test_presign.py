"""The stateless API as its clients use it: with the documents' requests, on both services."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
import requests

from tests.acceptance.api import MIB, token_for
from tests.servers.service import Service

PART_SIZE = 8 * MIB
CONTENT = os.urandom(PART_SIZE + 3)


@dataclass(frozen=True)
class Presign:
    """The API as one caller sees it."""

    base: str
    token: str | None

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = options.pop("headers", {})
        if self.token is not None:
            headers = {"Authorization": f"Bearer {self.token}", **headers}
        return requests.request(
            method, f"{self.base}{path}", headers=headers, timeout=60, allow_redirects=False, **options
        )

    def asked(self, path: str, **fields: Any) -> dict[str, Any]:
        """A POST that must be answered."""
        answer = self("POST", path, json=fields)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def refused(self, status: int, code: str, path: str, **fields: Any) -> dict[str, Any]:
        """A POST that must be refused."""
        answer = self("POST", path, json=fields)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        problem: dict[str, Any] = answer.json()
        return problem


@pytest.fixture
def api(service: Service) -> Presign:
    return Presign(service.url, token_for("alice"))


def put(url: str, content: bytes, headers: dict[str, str] | None = None) -> requests.Response:
    return requests.put(url, data=content, headers=headers, timeout=60)


def begin(api: Presign, content: bytes = CONTENT, **fields: Any) -> dict[str, Any]:
    return api.asked("/upload/initiate", filename="large-video.mp4", file_size=len(content), **fields)


def send(api: Presign, begun: dict[str, Any], content: bytes = CONTENT) -> list[dict[str, Any]]:
    numbers = list(range(1, begun["parts_count"] + 1))
    signed = api.asked("/upload/presigned-url", upload_id=begun["upload_id"], key=begun["key"], part_numbers=numbers)
    parts, at = [], 0
    for part in signed["presigned_urls"]:
        answer = put(part["url"], content[at : at + part["size"]], part["headers"])
        assert answer.status_code == 200, answer.text
        parts.append({"PartNumber": part["part_number"], "ETag": answer.headers["ETag"]})
        at += part["size"]
    return parts


def test_a_multipart_upload_with_fields_in_the_query(api: Presign) -> None:
    """As an endpoint with plain parameters takes them: everything in the query, the parts as a list in the body."""
    asked = {"filename": "large-video.mp4", "file_size": str(len(CONTENT)), "content_type": "video/mp4"}
    begun = api("POST", "/upload/initiate", params=asked).json()
    assert (begun["parts_count"], begun["part_size"]) == (2, PART_SIZE)
    named = {"upload_id": begun["upload_id"], "key": begun["key"]}
    parts = []
    for number in (1, 2):
        part = api("POST", "/upload/presigned-url", params={**named, "part_number": number}).json()
        body = CONTENT[(number - 1) * PART_SIZE :][: part["size"]]
        parts.append({"PartNumber": number, "ETag": put(part["url"], body).headers["ETag"]})
    done = api("POST", "/upload/complete", params=named, json=parts).json()
    assert (done["success"], done["key"], done["size"]) == (True, begun["key"], len(CONTENT))
    url = api.asked("/download-url", file_key=done["key"])["presigned_url"]
    assert requests.get(url, timeout=60).content == CONTENT


def test_a_multipart_upload_with_json_and_without_etags(api: Presign) -> None:
    begun = begin(api, metadata={"uploader": "user123"})
    named = {"upload_id": begun["upload_id"], "key": begun["key"]}
    held = api.asked("/upload/list-parts", **named)
    assert held == {"parts": [], "missing": [1, 2], "uploaded_size": 0}
    api.refused(409, "parts_missing", "/upload/complete", **named)
    parts = send(api, begun)
    held = api("GET", "/upload/list-parts", params=named).json()
    assert [(part["PartNumber"], part["Size"]) for part in held["parts"]] == [(1, PART_SIZE), (2, 3)]
    wrong = [parts[0], {"PartNumber": 2, "ETag": "0" * 32}]
    assert api.refused(409, "parts_disagree", "/upload/complete", **named, parts=wrong)["parts"] == [2]
    done = api.asked("/upload/complete", **named)
    assert done == api.asked("/upload/complete", **named, parts=parts)
    assert done["location"].startswith("http")


def test_an_abort_is_final(api: Presign) -> None:
    begun = begin(api)
    named = {"upload_id": begun["upload_id"], "key": begun["key"]}
    part = api.asked("/upload/presigned-url", **named, part_number=2)
    assert api.asked("/upload/abort", **named)["success"]
    assert put(part["url"], CONTENT[PART_SIZE:]).status_code == 404
    for path in ("/upload/abort", "/upload/list-parts", "/upload/complete"):
        api.refused(410, "upload_gone", path, **named)


def test_a_file_by_one_put_as_documented(api: Presign) -> None:
    upload = api.asked("/upload-url", filename="document.pdf", content_type="application/pdf")
    assert upload["expires_in"] == 600
    assert upload["file_key"].startswith("uploads/")
    assert upload["file_key"].endswith("-document.pdf")
    api.refused(404, "not_found", "/download-url", file_key=upload["file_key"])
    assert put(upload["presigned_url"], b"%PDF-", {"Content-Type": "text/html"}).status_code == 403
    assert put(upload["presigned_url"], b"%PDF-", {"Content-Type": "application/pdf"}).status_code == 200

    download = api.asked("/download-url", file_key=upload["file_key"])
    assert (download["expires_in"], download["file_key"]) == (600, upload["file_key"])
    answer = requests.get(download["presigned_url"], timeout=60)
    assert (answer.content, answer.headers["Content-Type"]) == (b"%PDF-", "application/pdf")

    listed = api("GET", "/files", params={"prefix": upload["file_key"]}).json()
    assert listed["count"] == 1
    row = listed["files"][0]
    assert (row["key"], row["size"]) == (upload["file_key"], 5)
    assert row["etag"] == answer.headers["ETag"].strip('"')
    assert datetime.fromisoformat(row["last_modified"]).tzinfo is not None

    encoded = upload["file_key"].replace("/", "%2F")
    assert api("DELETE", f"/files/{encoded}").json()["file_key"] == upload["file_key"]
    assert api("DELETE", f"/files/{encoded}").status_code == 404


def test_a_file_by_one_put_with_the_other_names(api: Presign) -> None:
    upload = api.asked("/generate-upload-url", filename="größe & co.jpg", content_type="image/jpeg")
    assert upload["file_path"].isascii()
    assert upload["file_path"].endswith(".jpg")
    assert put(upload["upload_url"], b"jpeg", upload["headers"]).status_code == 200
    answer = api("GET", f"/files/{upload['file_path']}")
    assert answer.status_code == 307
    assert requests.get(answer.headers["Location"], timeout=60).content == b"jpeg"


def test_a_signed_size_is_the_only_one(api: Presign) -> None:
    upload = api.asked("/upload-url", filename="a.bin", file_size=5)
    for body in (b"", b"1234", b"123456"):
        assert put(upload["presigned_url"], body, upload["headers"]).status_code in {400, 403}
    assert put(upload["presigned_url"], b"12345", upload["headers"]).status_code == 200


def test_an_upload_that_may_happen_once_happens_once(api: Presign) -> None:
    upload = api.asked("/upload-url", filename="a.bin", file_size=5, once=True)
    assert put(upload["presigned_url"], b"12345", upload["headers"]).status_code == 200
    assert put(upload["presigned_url"], b"54321", upload["headers"]).status_code == 412
    url = api.asked("/download-url", file_key=upload["file_key"])["presigned_url"]
    assert requests.get(url, timeout=60).content == b"12345"
    api.refused(422, "invalid_input", "/upload-url", filename="a.bin", once=True)


def test_a_form_takes_no_more_than_is_allowed(api: Presign, service: Service, request: pytest.FixtureRequest) -> None:
    if "local" in request.node.callspec.id:
        api.refused(422, "not_supported", "/upload-form", filename="a.txt", content_type="text/plain")
        return
    form = api.asked("/upload-form", filename="a.txt", content_type="text/plain")

    def post(content: bytes, **changed: str) -> requests.Response:
        fields = {**form["fields"], **changed}
        return requests.post(form["url"], data=fields, files={"file": ("a.txt", content)}, timeout=60)

    assert post(b"hello", **{"Content-Type": "text/html"}).status_code == 403
    assert post(b"hello").status_code in {200, 201, 204}
    url = api.asked("/download-url", file_key=form["file_key"])["presigned_url"]
    assert requests.get(url, timeout=60).content == b"hello"


def test_pages_of_files_give_every_key_once(api: Presign) -> None:
    keys = set()
    for number in range(7):
        upload = api.asked("/upload-url", filename=f"page-{number}.txt", content_type="text/plain")
        assert put(upload["presigned_url"], b"x", upload["headers"]).status_code == 200
        keys.add(upload["file_key"])
    found, cursor, rounds = [], None, 0
    while rounds == 0 or cursor is not None:
        query = {"max_keys": 3} | ({"cursor": cursor} if cursor else {})
        page = api("GET", "/files", params=query).json()
        assert page["count"] == len(page["files"]) <= 3
        found += [row["key"] for row in page["files"]]
        cursor, rounds = page["next_cursor"], rounds + 1
    assert len(found) == len(set(found))
    assert keys <= set(found)
    second = api("GET", "/files", params={"max_keys": 3, "page": 2}).json()
    assert [row["key"] for row in second["files"]] == found[3:6]


WRONG = [
    (422, "invalid_input", "/upload/initiate", {}),
    (422, "invalid_input", "/upload/initiate", {"filename": "a", "file_size": -1}),
    (422, "invalid_input", "/upload/initiate", {"filename": "a", "file_size": 1.5}),
    (422, "invalid_input", "/upload/initiate", {"filename": "a", "file_size": True}),
    (413, "file_too_large", "/upload/initiate", {"filename": "a", "file_size": 2**62}),
    (422, "invalid_file_name", "/upload/initiate", {"filename": "../a", "file_size": 1}),
    (422, "invalid_content_type", "/upload/initiate", {"filename": "a", "file_size": 1, "content_type": "no type"}),
    (422, "invalid_metadata", "/upload/initiate", {"filename": "a", "file_size": 1, "metadata": {"ü": "x"}}),
    (422, "invalid_key", "/download-url", {"file_key": "files/2026/a"}),
    (422, "invalid_key", "/download-url", {"file_key": "uploads/../files/a"}),
    (422, "invalid_key", "/download-url", {"file_key": "uploads/"}),
    (422, "invalid_input", "/download-url", {"file_key": None}),
    (422, "invalid_file_name", "/upload-url", {"filename": ""}),
    (422, "invalid_input", "/upload-url", {"filename": 5}),
]


@pytest.mark.parametrize(("status", "code", "path", "fields"), WRONG, ids=range(len(WRONG)))
def test_bad_input_is_refused(api: Presign, status: int, code: str, path: str, fields: dict[str, Any]) -> None:
    api.refused(status, code, path, **fields)


def test_bad_part_numbers_keys_and_ids_are_refused(api: Presign) -> None:
    begun = begin(api)
    named = {"upload_id": begun["upload_id"], "key": begun["key"]}
    for number in (0, -1, 3, 10_001, 1.5, True, None):
        api.refused(422, "invalid_input", "/upload/presigned-url", **named, part_number=number)
    for text in ("0", "\u0661", "1.0", " 1", "1e0", ""):
        answer = api("POST", "/upload/presigned-url", params={**named, "part_number": text})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input"), text
    for numbers in ([], [0], [1, 10_001], "1", [None]):
        api.refused(422, "invalid_input", "/upload/presigned-url", **named, part_numbers=numbers)
    api.refused(422, "invalid_input", "/upload/presigned-url", **named, part_number=1, part_numbers=[1])
    other = begin(api)
    api.refused(410, "upload_gone", "/upload/abort", upload_id=other["upload_id"], key=begun["key"])
    api.refused(
        410, "upload_gone", "/upload/presigned-url", upload_id=other["upload_id"], key=begun["key"], part_number=1
    )
    api.refused(422, "invalid_upload_id", "/upload/abort", upload_id="\x00", key=begun["key"])
    api.refused(422, "invalid_key", "/upload/abort", upload_id=begun["upload_id"], key="files/a")
    for parts in (
        [],
        [{"PartNumber": 2, "ETag": "a"}, {"PartNumber": 1, "ETag": "a"}],
        [{"PartNumber": 1, "ETag": "a"}, {"PartNumber": 1, "ETag": "a"}],
        [{"PartNumber": 1, "ETag": "<ETag>"}, {"PartNumber": 2, "ETag": "</Part>"}],
        [{"PartNumber": 1, "ETag": "a"}],
    ):
        api.refused(422, "invalid_parts", "/upload/complete", **named, parts=parts)
    assert api.asked("/upload/list-parts", **named)["missing"] == [1, 2]


def test_bodies_that_are_no_json_objects_are_refused(api: Presign) -> None:
    for body, kind, status, code in (
        (b"{", "application/json", 400, "malformed_body"),
        (b"[1]", "application/json", 422, "invalid_input"),
        (b'{"filename": "a"}', "text/plain", 415, "unsupported_media_type"),
        (b"\xff", "application/json", 400, "malformed_body"),
    ):
        answer = api("POST", "/upload-url", data=body, headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_the_files_of_owners_are_out_of_reach(api: Presign, service: Service) -> None:
    owned = requests.post(
        f"{service.url}/v1/files/uploads",
        json={"file_name": "a", "file_size": 5, "file_content_type": ""},
        headers={"Authorization": f"Bearer {api.token}"},
        timeout=60,
    ).json()
    api.refused(422, "invalid_key", "/upload/abort", upload_id=owned["upload_id"], key=owned["s3_key"])
    assert api("DELETE", f"/files/{owned['s3_key']}").status_code == 422
    assert api("GET", "/files", params={"prefix": "files/"}).json()["code"] == "invalid_key"


def test_without_a_token_nothing_is_answered(service: Service) -> None:
    nobody = Presign(service.url, None)
    for path in ("/upload/initiate", "/upload-url", "/download-url", "/upload/abort"):
        nobody.refused(401, "not_authenticated", path, filename="a", file_size=1)
    assert nobody("GET", "/files").status_code == 401
    assert nobody("DELETE", "/files/uploads/a").status_code == 401
