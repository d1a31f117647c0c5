"""What users do with finished files: restore, attach, inspect, copy, delete many, publish."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from typing import Any
from uuid import uuid4

import boto3
import pytest
import requests

from tests.acceptance.api import Api, assert_problem, token_for
from tests.acceptance.fronts import Front

CONTENT = os.urandom(100_000)


def ids(answer: requests.Response) -> list[str]:
    """The ids of a page."""
    return [file["id"] for file in answer.json()["results"]]


def content_of(api: Api, file: dict[str, Any]) -> bytes:
    """What a download gives."""
    return api("GET", f"/files/{file['id']}/download").content


# Restoring -----------------------------------------------------------------------------------------------------------


def test_a_soft_deletion_is_undone(alice: Api) -> None:
    file = alice.upload(CONTENT)
    assert alice("DELETE", f"/files/{file['id']}").status_code == 204
    assert_problem(alice("GET", f"/files/{file['id']}"), 404, "not_found")
    for _ in range(2):
        restored = alice("POST", f"/files/{file['id']}/restore")
        assert restored.status_code == 200
        assert restored.json() == {**file, "modified": restored.json()["modified"]}
    assert content_of(alice, file) == CONTENT
    assert file["id"] not in ids(alice("GET", "/files", params={"deleted": "true", "limit": 200}))


def test_a_hard_deletion_is_not_undone(alice: Api) -> None:
    file = alice.upload(CONTENT)
    assert alice("DELETE", f"/files/{file['id']}?hard_delete=true").status_code == 204
    assert_problem(alice("POST", f"/files/{file['id']}/restore"), 404, "not_found")


# Attaching and finding -----------------------------------------------------------------------------------------------


def test_a_file_is_attached_found_and_detached(alice: Api) -> None:
    file, number = alice.upload(b"x"), uuid4().int % 10**12
    parent = {"parent_content_type": "blog.post", "parent_object_id": number}
    attached = alice("POST", f"/files/{file['id']}/set-parent", json=parent)
    assert attached.status_code == 200
    assert {name: attached.json()[name] for name in parent} == parent
    assert ids(alice("GET", "/files", params=parent)) == [file["id"]]
    nothing = {"parent_content_type": None, "parent_object_id": None}
    detached = alice("POST", f"/files/{file['id']}/set-parent", json=nothing).json()
    assert {name: detached[name] for name in nothing} == nothing
    assert ids(alice("GET", "/files", params=parent)) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"parent_content_type": "post"},
        {"parent_object_id": 7},
        {"parent_content_type": "post", "parent_object_id": None},
        {"parent_content_type": None, "parent_object_id": "7"},
        {"parent_content_type": "p" * 256, "parent_object_id": 7},
        {"parent_content_type": 7, "parent_object_id": 7},
        {"parent_content_type": "post", "parent_object_id": True},
    ],
)
def test_half_a_parent_is_none(alice: Api, body: dict[str, Any]) -> None:
    file = alice.upload(b"x")
    assert_problem(alice("POST", f"/files/{file['id']}/set-parent", json=body), 422, "invalid_input")


def test_search_knows_every_script(alice: Api) -> None:
    mark = uuid4().hex
    wanted = alice.upload(b"x", file_name=f"{mark} Été ÄRGER 文件 🎬.txt")["id"]
    alice.upload(b"x", file_name=f"{mark} other.txt")
    for part in ("été ärger", "E\u0301TE\u0301", "文件 🎬", "Ärger 文"):
        assert ids(alice("GET", "/files", params={"search": part, "limit": 200})).count(wanted) == 1
    assert_problem(alice("GET", "/files", params={"search": "x" * 256}), 422, "invalid_input")
    assert_problem(alice("GET", "/files", params={"search": "a\0b"}), 422, "invalid_input")


# Metadata ------------------------------------------------------------------------------------------------------------


def test_record_and_store_side_by_side(alice: Api) -> None:
    file = alice.upload(CONTENT, file_content_type="video/mp4", metadata={"category": "x", "tags": ["a", 1]})
    answer = alice("GET", f"/files/{file['id']}/metadata")
    assert answer.status_code == 200
    found = answer.json()
    assert (found["content_type"], found["file_size"]) == ("video/mp4", len(CONTENT))
    assert found["metadata"] == {"category": "x", "tags": ["a", 1]}
    assert found["last_modified"].endswith("Z")
    assert (found["etag"], found["checksum"]) == (file["etag"], file["checksum"])
    assert {"encryption", "storage_class"} <= found.keys()
    store = found["store"]
    assert (store["s3_key"], store["file_size"], store["etag"]) == (file["s3_key"], len(CONTENT), file["etag"])
    assert store["content_type"] == "video/mp4"


def test_metadata_of_an_open_upload_are_none(alice: Api) -> None:
    begun = alice.begin(CONTENT)
    assert_problem(alice("GET", f"/files/{begun['id']}/metadata"), 409, "upload_uploading")


# Copying -------------------------------------------------------------------------------------------------------------


def test_a_copy_is_a_file_of_its_own(alice: Api) -> None:
    source = alice.upload(CONTENT, file_name="Größe.pdf", file_content_type="application/pdf", is_public=True)
    body = {"new_folder": "archives", "new_metadata": {"archived": True, "date": "2025-01-15"}}
    answer = alice("POST", f"/files/{source['id']}/copy", json=body)
    assert answer.status_code == 201
    copy = answer.json()
    assert copy["id"] != source["id"]
    assert copy["s3_key"] != source["s3_key"]
    assert "archives" in copy["s3_key"]
    assert copy["metadata"] == body["new_metadata"]
    assert copy["upload_status"] == "completed"
    assert copy["copied_from"] == source["id"]
    assert (copy["file_name"], copy["file_size"], copy["is_public"]) == ("Größe.pdf", len(CONTENT), False)
    assert alice("GET", f"/files/{copy['id']}").json() == copy
    assert alice("GET", f"/files/{copy['id']}/metadata").json()["store"]["content_type"] == "application/pdf"
    assert alice("DELETE", f"/files/{source['id']}?hard_delete=true").status_code == 204
    assert content_of(alice, copy) == CONTENT


def test_a_copy_needs_no_body_and_takes_a_name(alice: Api) -> None:
    source = alice.upload(b"", metadata={"a": 1})
    plain = alice("POST", f"/files/{source['id']}/copy").json()
    assert (plain["name"], plain["metadata"], plain["file_size"]) == (source["name"], {"a": 1}, 0)
    named = alice("POST", f"/files/{source['id']}/copy", json={"new_name": "Übersicht"}).json()
    assert (named["name"], named["file_name"]) == ("Übersicht", source["file_name"])


def test_a_copying_with_a_key_happens_once(alice: Api) -> None:
    source, other = alice.upload(CONTENT), alice.upload(b"x")
    key = {"Idempotency-Key": uuid4().hex}
    first = alice("POST", f"/files/{source['id']}/copy", headers=key)
    again = alice("POST", f"/files/{source['id']}/copy", headers=key)
    assert first.json() == again.json()
    refused = alice("POST", f"/files/{other['id']}/copy", headers=key)
    assert_problem(refused, 409, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"new_folder": "../up"}, "invalid_folder"),
        ({"new_metadata": [1]}, "invalid_input"),
        ({"new_metadata": {"a": "x" * 20_000}}, "invalid_metadata"),
        ({"new_name": "n" * 256}, "invalid_input"),
        ({"new_folder": 7}, "invalid_input"),
    ],
)
def test_copies_that_are_refused(alice: Api, body: dict[str, Any], code: str) -> None:
    source = alice.upload(b"x")
    assert_problem(alice("POST", f"/files/{source['id']}/copy", json=body), 422, code)


def test_only_a_finished_file_is_copied(alice: Api) -> None:
    begun = alice.begin(CONTENT)
    assert_problem(alice("POST", f"/files/{begun['id']}/copy"), 409, "upload_uploading")


def test_a_copy_counts_as_the_callers(service: Front) -> None:
    dave = Api(service.url, token_for(f"dave-{uuid4()}", quota_bytes=150_000))
    file = dave.upload(CONTENT)
    assert_problem(dave("POST", f"/files/{file['id']}/copy"), 413, "quota_exceeded")
    small = dave.upload(b"x")
    assert dave("POST", f"/files/{small['id']}/copy").status_code == 201
    assert dave("GET", "/files/usage").json()["bytes"] == len(CONTENT) + 2


def test_staffs_copies_are_their_own(alice: Api, staff: Api) -> None:
    copy = staff("POST", f"/files/{alice.upload(CONTENT)['id']}/copy").json()
    assert copy["created_by"] == "carol"
    assert_problem(alice("GET", f"/files/{copy['id']}"), 404, "not_found")


# Deleting many -------------------------------------------------------------------------------------------------------


def small_files(api: Api, count: int) -> list[str]:
    """Ids of fresh small files, made by one request."""
    one = {"file_name": "small.txt", "file_size": 5, "file_content_type": "text/plain"}
    begun = api("POST", "/files/uploads/batch", json={"files": [one] * count}).json()["uploads"]
    for each in begun:
        signed = each["presigned_urls"][0]
        assert requests.put(signed["url"], data=b"small", headers=signed["headers"], timeout=30).ok
    done = api("POST", "/files/uploads/batch/complete", json={"ids": [each["id"] for each in begun]})
    return [file["id"] for file in done.json()["files"]]


@pytest.mark.parametrize("hard", [False, True])
def test_many_files_are_deleted_each_with_its_own_outcome(alice: Api, bob: Api, hard: bool) -> None:
    mine = [*small_files(alice, 20), alice.upload(CONTENT)["id"], alice.begin(CONTENT)["id"]]
    his, unknown = bob.upload(b"x")["id"], str(uuid4())
    asked = [*mine[:5], his, unknown, *mine[5:], mine[0]]
    answer = alice("POST", "/files/bulk-delete", json={"ids": asked, "hard_delete": hard})
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [each["id"] for each in results] == asked
    refused = [each for each in results if "error" in each]
    assert [each["id"] for each in refused] == [his, unknown]
    assert refused[0]["error"] == refused[1]["error"]
    assert refused[0]["error"]["code"] == "not_found"
    assert all(each["deleted"] is True for each in results if "error" not in each)
    for file_id in mine:
        assert alice("GET", f"/files/{file_id}").status_code == 404
        assert alice("POST", f"/files/{file_id}/restore").status_code == (404 if hard else 200)
    assert bob("GET", f"/files/{his}").status_code == 200


@pytest.mark.parametrize("body", [{}, {"ids": []}, {"ids": [str(uuid4())] * 1001}, {"ids": ["x"]}])
def test_bulk_deletions_that_are_refused(alice: Api, body: dict[str, Any]) -> None:
    assert_problem(alice("POST", "/files/bulk-delete", json=body), 422, "invalid_input")


# Public files --------------------------------------------------------------------------------------------------------


def test_a_public_file_is_everybodys(alice: Api) -> None:
    file = alice.upload(CONTENT, file_name="a.png", file_content_type="image/png", is_public=True)
    url = file["public_url"]
    assert url.endswith(f"/files/{file['id']}/public")
    whole = requests.get(url, timeout=30)
    assert (whole.status_code, whole.content) == (200, CONTENT)
    assert whole.headers["ETag"] == f'"{file["etag"]}"'
    assert whole.headers["Cache-Control"] == "public, max-age=300"
    assert whole.headers["Content-Type"] == "image/png"
    assert whole.headers["Content-Disposition"].startswith("inline")
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in whole.headers["Content-Security-Policy"]
    not_changed = requests.get(url, headers={"If-None-Match": whole.headers["ETag"]}, timeout=30)
    assert not_changed.status_code == 304
    assert not_changed.headers["Cache-Control"] == "public, max-age=300"
    part = requests.get(url, headers={"Range": "bytes=10-19"}, timeout=30)
    assert (part.status_code, part.content) == (206, CONTENT[10:20])
    head = requests.head(url, timeout=30)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(CONTENT)))
    saved = requests.get(url, params={"as_attachment": "true"}, timeout=30)
    assert saved.headers["Content-Disposition"].startswith("attachment")


def test_what_is_not_public_finished_and_there_is_nobodys(alice: Api, bob: Api) -> None:
    private, public = alice.upload(CONTENT), alice.upload(CONTENT, is_public=True)
    assert private["public_url"] is None
    begun, deleted = alice.begin(CONTENT, is_public=True), alice.upload(CONTENT, is_public=True)
    assert alice("DELETE", f"/files/{deleted['id']}").status_code == 204
    no_longer = alice("PATCH", f"/files/{public['id']}", json={"is_public": False}).json()
    assert no_longer["public_url"] is None
    anyone = Api(alice.base)
    nothing = anyone("GET", f"/files/{uuid4()}/public")
    assert_problem(nothing, 404, "not_found")
    for file in (private, public, begun, deleted):
        for caller in (anyone, bob, alice):
            assert caller("GET", f"/files/{file['id']}/public").content == nothing.content
            assert caller("HEAD", f"/files/{file['id']}/public").status_code == 404


# Lost objects --------------------------------------------------------------------------------------------------------


def lose(file: dict[str, Any], service: Front, stack: dict[str, str]) -> None:
    """Take a file's object from the store behind the service's back."""
    if "S3_BUCKET_NAME" not in stack:
        (found,) = service.data_dir.glob(f"*/objects/**/*{file['id']}*")
        shutil.rmtree(found)
        return
    s3 = boto3.client(
        "s3",
        endpoint_url=stack["S3_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id=stack["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=stack["AWS_SECRET_ACCESS_KEY"],
    )
    with closing(s3):
        listed = s3.get_paginator("list_objects_v2").paginate(Bucket=stack["S3_BUCKET_NAME"])
        (key,) = [each["Key"] for page in listed for each in page.get("Contents", []) if file["id"] in each["Key"]]
        s3.delete_object(Bucket=stack["S3_BUCKET_NAME"], Key=key)


def test_a_file_whose_object_is_lost_is_gone(service: Front, stack: dict[str, str], alice: Api) -> None:
    file = alice.upload(CONTENT, is_public=True)
    lose(file, service, stack)
    assert_problem(alice("GET", f"/files/{file['id']}/metadata"), 410, "object_gone")
    assert_problem(alice("GET", f"/files/{file['id']}/download"), 410, "object_gone")
    assert_problem(alice("POST", f"/files/{file['id']}/copy"), 410, "object_gone")
    assert_problem(requests.get(file["public_url"], timeout=30), 404, "not_found")
    assert requests.head(file["public_url"], timeout=30).status_code == 404
    assert ids(alice("GET", "/files", params={"status": "all", "limit": 1})) == [file["id"]]


# Downloads -----------------------------------------------------------------------------------------------------------


def test_head_by_redirect_is_answered_here(alice: Api) -> None:
    """A presigned URL is signed for GET alone."""
    file = alice.upload(CONTENT)
    head = alice("HEAD", f"/files/{file['id']}/download", params={"redirect": "true"})
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(CONTENT)))
    assert head.headers["ETag"] == f'"{file["etag"]}"'


def test_head_knows_no_ranges(alice: Api) -> None:
    file = alice.upload(CONTENT)
    for wanted in ("bytes=0-9", "bytes=999999-"):
        head = alice("HEAD", f"/files/{file['id']}/download", headers={"Range": wanted})
        assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(CONTENT)))


# Whose --------------------------------------------------------------------------------------------------------------


def test_another_owners_file_looks_like_none(alice: Api, bob: Api) -> None:
    file, unknown = alice.upload(CONTENT)["id"], str(uuid4())
    deleted = alice.upload(CONTENT)["id"]
    assert alice("DELETE", f"/files/{deleted}").status_code == 204
    parent = {"parent_content_type": "post", "parent_object_id": 7}
    actions = [
        ("POST", "/files/{}/restore", None),
        ("POST", "/files/{}/set-parent", parent),
        ("GET", "/files/{}/metadata", None),
        ("POST", "/files/{}/copy", {}),
    ]
    for method, path, body in actions:
        nothing = bob(method, path.format(unknown), json=body)
        assert_problem(nothing, 404, "not_found")
        for file_id in (file, deleted):
            assert bob(method, path.format(file_id), json=body).content == nothing.content
        assert_problem(Api(bob.base)(method, path.format(file), json=body), 401, "not_authenticated")
    assert_problem(Api(bob.base)("POST", "/files/bulk-delete", json={"ids": [file]}), 401, "not_authenticated")
    assert alice("POST", f"/files/{deleted}/restore").status_code == 200
