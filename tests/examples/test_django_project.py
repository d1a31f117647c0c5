"""The Django project's API, as its description has it, by plain requests."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests

from tests.acceptance.api import MIB, PART_SIZE, Api, assert_problem, put, send_parts, slice_of
from tests.browser.driving import write_random
from tests.examples.django_project import Project, on_folder, on_servers
from tests.examples.plain_upload import upload_file_multipart

OWN_COMMENT, ANOTHERS_COMMENT = 4, 1  # of the demo user and of the guest


@pytest.fixture(scope="module", params=["folder", "servers"])
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The project on what it comes with, and on a bucket and PostgreSQL."""
    folder = tmp_path_factory.mktemp("django-project")
    if request.param == "folder":
        running = on_folder(folder)
    else:
        running = on_servers(folder, request.getfixturevalue("seaweedfs"), request.getfixturevalue("postgres"))
    with running as found:
        yield found


@pytest.fixture
def demo(project: Project) -> Api:
    return project.demo


@pytest.fixture(scope="module")
def guest(project: Project) -> Api:
    """Somebody else, who is no staff."""
    code = "from django.contrib.auth.models import User; from testapp.tokens import token_for"
    return Api(project.url, project.python(f"{code}; print(token_for(User.objects.get(username='guest')))"))


def test_the_plain_client_sends_100_mb_and_the_bytes_come_back(project: Project, demo: Api, tmp_path: Path) -> None:
    digest = write_random(tmp_path / "large-video.mp4", 104_857_600)
    result = upload_file_multipart(
        project.url,
        project.token,
        str(tmp_path / "large-video.mp4"),
        parent_content_type="testapp.post",
        parent_object_id=1,
    )
    assert result["upload_status"] == "completed"
    assert (result["file_name"], result["file_size"]) == ("large-video.mp4", 104_857_600)
    assert result["created_by_name"] == "Dora Moss"
    assert (result["parent_content_type"], result["parent_object_id"]) == ("testapp.post", 1)
    assert demo("GET", f"/files/uploads/{result['id']}").json()["num_parts"] == 20
    downloaded = hashlib.sha256()
    with requests.get(result["url"], headers={"Authorization": f"Bearer {project.token}"}, stream=True) as answer:
        assert answer.status_code == 200
        for chunk in answer.iter_content(MIB):
            downloaded.update(chunk)
    assert downloaded.hexdigest() == digest


def test_a_file_is_found_changed_moved_and_deleted(project: Project, demo: Api, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(b"notes")
    file = upload_file_multipart(project.url, project.token, str(tmp_path / "notes.txt"), "testapp.post", 2)
    path = f"/files/{file['id']}"
    query = {"parent_content_type": "testapp.post", "parent_object_id": 2}
    assert [each["id"] for each in demo("GET", "/files", params=query).json()["results"]] == [file["id"]]
    changes = {"name": "Notes of March", "description": "by hand", "file_size": 1, "upload_status": "failed"}
    changed = demo("PATCH", path, json=changes).json()
    assert changed == demo("GET", path).json()
    assert (changed["name"], changed["description"]) == ("Notes of March", "by hand")
    assert (changed["file_name"], changed["file_size"], changed["upload_status"]) == ("notes.txt", 5, "completed")
    parent = {"parent_content_type": "testapp.comment", "parent_object_id": OWN_COMMENT}
    moved = demo("POST", f"{path}/set-parent", json=parent).json()
    assert {name: moved[name] for name in parent} == parent
    assert demo("GET", "/files", params=query).json()["results"] == []
    assert [each["id"] for each in demo("GET", "/files", params=parent).json()["results"]] == [file["id"]]
    assert demo("DELETE", path).status_code == 204
    assert_problem(demo("GET", path), 404, "not_found")
    assert demo("GET", "/files", params=parent).json()["results"] == []


def test_parts_go_in_any_order_at_once_and_with_a_type(demo: Api) -> None:
    content = os.urandom(3 * PART_SIZE + 1)
    begun = demo.begin(content, file_content_type="video/mp4")
    assert (begun["upload_status"], begun["expires_in"], len(begun["presigned_urls"])) == ("uploading", 3600, 4)

    def send(signed: dict[str, Any]) -> dict[str, Any]:
        chunk = slice_of(content, signed["part_number"], PART_SIZE)
        answer = requests.put(signed["url"], data=chunk, headers={"Content-Type": "video/mp4"})
        return {"part_number": signed["part_number"], "etag": answer.headers["ETag"].strip('"')}

    with ThreadPoolExecutor(4) as threads:
        parts = list(threads.map(send, reversed(begun["presigned_urls"])))
    done = demo("POST", f"/files/uploads/{begun['id']}/complete", json={"parts": parts[::-1]}).json()
    assert (done["upload_status"], done["file_content_type"]) == ("completed", "video/mp4")
    signed = demo("GET", f"/files/{done['id']}/presigned-url").json()
    answer = requests.get(signed["url"])
    assert (answer.content == content, answer.headers["Content-Type"]) == (True, "video/mp4")


def test_an_upload_is_listed_while_it_goes_on_and_given_up(demo: Api) -> None:
    content = os.urandom(PART_SIZE + 1)
    begun = demo.begin(content, file_name="half.bin")
    send_parts(begun["presigned_urls"][:1], content, part_size=PART_SIZE)

    def uploading() -> list[str]:
        return [each["id"] for each in demo("GET", "/files", params={"status": "uploading"}).json()["results"]]

    assert uploading() == [begun["id"]]
    assert demo("DELETE", f"/files/uploads/{begun['id']}").status_code == 204
    assert uploading() == []
    state = demo("GET", f"/files/uploads/{begun['id']}").json()
    assert (state["upload_status"], state["upload_id"]) == ("aborted", None)
    assert put(begun["presigned_urls"][1], content[PART_SIZE:]).status_code == 404
    assert_problem(demo("POST", f"/files/uploads/{begun['id']}/complete", json={}), 409, "upload_aborted")


@pytest.mark.parametrize(
    ("fields", "status", "code", "said"),
    [
        ({"part_size": 5 * MIB - 1, "num_parts": 3}, 422, "invalid_input", "5 MiB"),
        ({"part_size": 5 * MIB, "num_parts": 2}, 422, "invalid_input", "File size doesn't match parts"),
        ({"part_size": 5 * MIB, "num_parts": 4}, 422, "invalid_input", "File size doesn't match parts"),
        ({"part_size": 5 * MIB, "num_parts": 0}, 422, "invalid_input", "between 1 and 10000"),
        ({"part_size": 5 * MIB, "num_parts": 10_001}, 422, "invalid_input", "between 1 and 10000"),
        ({"part_size": "5 MB", "num_parts": 3}, 422, "invalid_input", "part_size"),
        ({"file_size": 5 * 1024**3 + 1, "part_size": 5 * MIB, "num_parts": 1025}, 413, "file_too_large", "5368709120"),
        ({"file_name": None}, 422, "invalid_input", "file_name"),
    ],
)
def test_what_cannot_be_is_refused_and_told(
    demo: Api, fields: dict[str, Any], status: int, code: str, said: str
) -> None:
    body = {"file_name": "a.bin", "file_size": 15 * MIB, "file_content_type": "", "num_parts": 3, "part_size": 5 * MIB}
    problem = assert_problem(demo("POST", "/files/uploads", json={**body, **fields}), status, code)
    assert said in problem["detail"]
    assert demo("GET", "/files", params={"status": "uploading"}).json()["results"] == []


def test_a_small_file_is_one_part(demo: Api) -> None:
    begun = demo.initiate(file_size=4, num_parts=1, part_size=4)
    parts = send_parts(begun["presigned_urls"], b"tiny", part_size=4)
    done = demo("POST", f"/files/uploads/{begun['id']}/complete", json={"parts": parts})
    assert (done.status_code, done.json()["file_size"]) == (200, 4)


def test_etags_must_be_the_stores_and_all_parts_there(demo: Api) -> None:
    content = os.urandom(PART_SIZE + 1)
    begun = demo.begin(content)
    complete = f"/files/uploads/{begun['id']}/complete"
    parts = send_parts(begun["presigned_urls"][:1], content, part_size=PART_SIZE)
    missing = assert_problem(demo("POST", complete, json={"parts": parts}), 409, "parts_missing")
    assert missing["missing"] == [2]
    parts += send_parts(begun["presigned_urls"][1:], content, part_size=PART_SIZE)
    wrong = [parts[0], {"part_number": 2, "etag": "0" * 32}]
    assert_problem(demo("POST", complete, json={"parts": wrong}), 409, "parts_disagree")
    assert demo("POST", complete, json={"parts": parts}).status_code == 200


def test_files_are_their_owners(demo: Api, guest: Api) -> None:
    begun = demo.begin(b"mine")
    path = f"/files/uploads/{begun['id']}"
    assert_problem(guest("POST", f"{path}/complete", json={}), 404, "not_found")
    assert_problem(guest("DELETE", path), 404, "not_found")
    assert guest("GET", "/files", params={"status": "all"}).json()["results"] == []
    theirs = guest.upload(b"theirs")
    assert_problem(Api(demo.base)("GET", f"/files/{theirs['id']}"), 401, "not_authenticated")
    assert demo("GET", f"/files/{theirs['id']}").status_code == 200  # staff


def test_everybody_has_a_quota(guest: Api) -> None:
    most = 5 * 1024**3
    begun = [guest.initiate(file_size=size, presign_parts=0) for size in (most, most - MIB)]
    body = {"file_name": "a.bin", "file_size": MIB + 1, "file_content_type": ""}
    refused = assert_problem(guest("POST", "/files/uploads", json=body), 413, "quota_exceeded")
    assert refused["limit"] == 10 * 1024**3
    for each in begun:
        guest("DELETE", f"/files/uploads/{each['id']}")
    guest("DELETE", f"/files/uploads/{guest.initiate(**body)['id']}")


@pytest.mark.parametrize(
    ("kind", "object_id", "status", "code"),
    [
        ("testapp.comment", ANOTHERS_COMMENT, 403, "parent_refused"),
        ("testapp.comment", 10**6, 403, "parent_refused"),
        ("auth.user", 1, 422, "invalid_input"),
        ("testapp.comment", None, 422, "invalid_input"),
    ],
)
def test_files_are_attached_to_ones_own(demo: Api, kind: str, object_id: int | None, status: int, code: str) -> None:
    file = demo.upload(b"loose")
    parent = {"parent_content_type": kind, "parent_object_id": object_id}
    assert_problem(demo("POST", f"/files/{file['id']}/set-parent", json=parent), status, code)
    body = {"file_name": "a.bin", "file_size": 4, "file_content_type": "", **parent}
    assert_problem(demo("POST", "/files/uploads", json=body), status, code)


def test_a_token_of_another_is_none(project: Project) -> None:
    stranger = jwt.encode({"sub": "demo", "exp": 4_000_000_000}, "another secret that is long enough for it")
    assert_problem(Api(project.url, stranger)("GET", "/files"), 401, "not_authenticated")
