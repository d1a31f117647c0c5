"""Files: list, get, change, delete, download; each owner's own."""

from __future__ import annotations

import os
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.acceptance.api import PART_SIZE, Api, assert_problem

CONTENT = os.urandom(100_000)


def absolute(api: Api, address: str) -> requests.Response:
    return requests.get(address, headers={"Authorization": f"Bearer {api.token}"}, timeout=30)


def test_the_listing_pages_through_the_newest_first(alice: Api) -> None:
    parent = {"parent_content_type": "blog.post", "parent_object_id": uuid4().int % 10**12}
    made = [alice.upload(b"x", file_name=f"{number}.txt", **parent)["id"] for number in range(5)]
    page = alice("GET", "/files", params={**parent, "limit": 2}).json()
    pages = [page]
    while page["next"]:
        page = absolute(alice, page["next"]).json()
        pages.append(page)
    assert [file["id"] for each in pages for file in each["results"]] == made[::-1]
    assert page["results"][0]["parent_object_id"] == parent["parent_object_id"]
    back = absolute(alice, pages[-1]["previous"]).json()
    assert [file["id"] for file in back["results"]] == [file["id"] for file in pages[-2]["results"]]
    assert pages[0]["previous"] is None


def test_the_listing_shows_finished_files_unless_asked_otherwise(alice: Api) -> None:
    parent = {"parent_content_type": "blog.post", "parent_object_id": f"p-{uuid4()}"}
    done = alice.upload(b"x", **parent)["id"]
    begun = alice.initiate(file_size=1, **parent)["id"]

    def listed(**query: Any) -> list[str]:
        return [file["id"] for file in alice("GET", "/files", params={**parent, **query}).json()["results"]]

    assert listed() == [done]
    assert listed(status="uploading") == [begun]
    assert listed(status="all") == [begun, done]


def test_search_takes_wildcards_literally(alice: Api) -> None:
    mark = uuid4().hex
    wanted = alice.upload(b"x", file_name=f"100%_{mark}.txt")["id"]
    alice.upload(b"x", file_name=f"100x_{mark}.txt")
    found = alice("GET", "/files", params={"search": f"100%_{mark}".upper()}).json()["results"]
    assert [file["id"] for file in found] == [wanted]


def test_a_file_is_changed(alice: Api) -> None:
    file = alice.upload(CONTENT, metadata={"a": 1})
    answer = alice(
        "PATCH",
        f"/files/{file['id']}",
        json={"name": "Übersicht ☂.pdf", "metadata": {"tags": ["x"]}, "file_size": 1, "upload_status": "failed"},
    )
    changed = answer.json()
    assert changed["name"] == "Übersicht ☂.pdf"
    assert changed["metadata"] == {"tags": ["x"]}
    assert changed["file_size"] == len(CONTENT)
    assert changed["upload_status"] == "completed"
    assert alice("GET", f"/files/{file['id']}").json() == changed


def test_soft_deletion_hides(alice: Api) -> None:
    file = alice.upload(CONTENT, parent_content_type="t", parent_object_id=str(uuid4()))
    assert alice("DELETE", f"/files/{file['id']}").status_code == 204
    assert alice("DELETE", f"/files/{file['id']}").status_code == 204
    for path in ("", "/download", "/presigned-url"):
        assert_problem(alice("GET", f"/files/{file['id']}{path}"), 404, "not_found")
    query = {"parent_object_id": file["parent_object_id"]}
    assert alice("GET", "/files", params=query).json()["results"] == []
    deleted = alice("GET", "/files", params={**query, "deleted": "true"}).json()["results"]
    assert [each["id"] for each in deleted] == [file["id"]]


def test_hard_deletion_removes_object_and_record(alice: Api) -> None:
    file = alice.upload(CONTENT)
    url = alice("GET", f"/files/{file['id']}/presigned-url").json()["url"]
    assert requests.get(url, timeout=30).content == CONTENT
    assert alice("DELETE", f"/files/{file['id']}", params={"hard_delete": "true"}).status_code == 204
    assert requests.get(url, timeout=30).status_code == 404
    assert_problem(alice("GET", f"/files/{file['id']}"), 404, "not_found")


def test_deleting_an_open_upload_ends_it(alice: Api) -> None:
    begun = alice.begin(CONTENT)
    assert alice("DELETE", f"/files/{begun['id']}", params={"hard_delete": "true"}).status_code == 204
    answer = requests.put(begun["presigned_urls"][0]["url"], data=CONTENT, timeout=30)
    assert answer.status_code == 404


def test_a_presigned_url_serves_under_the_users_name(alice: Api) -> None:
    file = alice.upload(CONTENT, file_name="Prüfung “1”.png", file_content_type="image/png")
    address = f"/files/{file['id']}/presigned-url"
    shown = requests.get(alice("GET", address, params={"expiry": 60}).json()["url"], timeout=30)
    assert shown.content == CONTENT
    assert shown.headers["Content-Type"] == "image/png"
    assert shown.headers["Content-Disposition"].startswith("inline;")
    saved = requests.get(alice("GET", address, params={"force_download": "true"}).json()["url"], timeout=30)
    assert saved.headers["Content-Disposition"].startswith("attachment;")
    assert "filename*=UTF-8''Pr%C3%BCfung" in saved.headers["Content-Disposition"]


@pytest.mark.parametrize("content_type", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml"])
def test_what_could_run_scripts_is_never_shown_inline(alice: Api, content_type: str) -> None:
    file = alice.upload(b"<script>alert(1)</script>", file_name="a.html", file_content_type=content_type)
    streamed = alice("GET", f"/files/{file['id']}/download")
    direct = requests.get(alice("GET", f"/files/{file['id']}/presigned-url").json()["url"], timeout=30)
    for answer in (streamed, direct):
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        assert answer.headers["Content-Type"] == "application/octet-stream"
    assert streamed.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in streamed.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [("bytes=0-0", 0, 0), ("bytes=10-19", 10, 19), ("bytes=99990-", 99_990, 99_999), ("bytes=-7", 99_993, 99_999)],
)
def test_ranges(alice: Api, wanted: str, first: int, last: int) -> None:
    file = alice.upload(CONTENT)
    answer = alice("GET", f"/files/{file['id']}/download", headers={"Range": wanted})
    assert answer.status_code == 206
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/100000"
    assert answer.content == CONTENT[first : last + 1]


def test_conditional_and_impossible_requests(alice: Api) -> None:
    file = alice.upload(CONTENT)
    address = f"/files/{file['id']}/download"
    etag = f'"{file["etag"]}"'
    assert alice("GET", address, headers={"If-None-Match": etag}).status_code == 304
    assert alice("GET", address, headers={"If-None-Match": '"other"'}).status_code == 200
    assert alice("GET", address, headers={"Range": "bytes=0-9", "If-Range": etag}).status_code == 206
    assert alice("GET", address, headers={"Range": "bytes=0-9", "If-Range": '"other"'}).status_code == 200
    impossible = alice("GET", address, headers={"Range": "bytes=100000-"})
    assert_problem(impossible, 416, "range_not_satisfiable")
    assert impossible.headers["Content-Range"] == "bytes */100000"
    head = alice("HEAD", address)
    assert head.status_code == 200
    assert head.headers["Content-Length"] == "100000"
    assert head.content == b""


def test_download_by_redirect(alice: Api) -> None:
    file = alice.upload(CONTENT)
    answer = alice("GET", f"/files/{file['id']}/download", params={"redirect": "true"})
    assert answer.status_code == 307
    assert requests.get(answer.headers["Location"], timeout=30).content == CONTENT


def test_an_unfinished_file_is_not_downloaded(alice: Api) -> None:
    begun = alice.begin(CONTENT)
    assert_problem(alice("GET", f"/files/{begun['id']}/download"), 409, "upload_uploading")
    assert_problem(alice("GET", f"/files/{begun['id']}/presigned-url"), 409, "upload_uploading")


def test_another_owners_file_looks_like_none(alice: Api, bob: Api) -> None:
    file, begun = alice.upload(CONTENT)["id"], alice.begin(CONTENT)["id"]
    unknown = str(uuid4())
    requests_to = [
        ("GET", "/files/{}", None),
        ("PATCH", "/files/{}", {"name": "mine"}),
        ("DELETE", "/files/{}", None),
        ("DELETE", "/files/{}?hard_delete=true", None),
        ("GET", "/files/{}/presigned-url", None),
        ("GET", "/files/{}/download", None),
        ("GET", "/files/uploads/{}", None),
        ("POST", "/files/uploads/{}/presigned-urls", {"part_numbers": [1]}),
        ("POST", "/files/uploads/{}/parts", {"parts": [{"part_number": 1}]}),
        ("POST", "/files/uploads/{}/complete", {}),
        ("DELETE", "/files/uploads/{}", None),
    ]
    for method, path, body in requests_to:
        nothing = bob(method, path.format(unknown), json=body)
        assert_problem(nothing, 404, "not_found")
        for file_id in (file, begun):
            assert bob(method, path.format(file_id), json=body).content == nothing.content
    assert alice("GET", f"/files/{file}").json()["upload_status"] == "completed"
    assert alice("GET", f"/files/uploads/{begun}").json()["upload_status"] == "uploading"


def test_staff_see_everybodys_files(alice: Api, staff: Api) -> None:
    file = alice.upload(CONTENT)
    assert staff("GET", f"/files/{file['id']}").json()["created_by"] == "alice"
    assert file["id"] in [each["id"] for each in staff("GET", "/files").json()["results"]]


def test_large_parts_plan(alice: Api) -> None:
    begun = alice.initiate(file_size=10_000 * PART_SIZE * 100, presign_parts=1)
    assert begun["num_parts"] <= 10_000
    assert begun["part_size"] * begun["num_parts"] >= 10_000 * PART_SIZE * 100
    assert alice("DELETE", f"/files/uploads/{begun['id']}").status_code == 204
