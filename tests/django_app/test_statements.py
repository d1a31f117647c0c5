"""What an endpoint costs: how often it asks the database, and what it leaves to the garbage collector."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections
from django.http.response import HttpResponseBase
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIRequestFactory, force_authenticate

from partway.core.blocking import run_straight
from partway.core.file import Caller
from partway.core.initiation import NewUpload
from partway.django.api import FilesView
from partway.django.files import FilesListView, FileView, PresignedUrlView, SetParentView
from partway.django.many import BatchView, BulkDeleteView
from partway.django.stories import stories
from partway.django.uploads import CompleteView, PartsView, PresignedUrlsView, UploadsView, UploadView
from tests.django_app.models import User

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
NEW = {"file_name": "a.bin", "file_size": 10_000_000, "file_content_type": ""}
SMALL = {"file_name": "a.txt", "file_size": 5, "file_content_type": "text/plain"}


@pytest.fixture(autouse=True)
def project(database: str, tmp_path: Path) -> Iterator[None]:
    """The app with its files on the local disk, and owners who have a limit."""
    settings = {"MEDIA_ROOT": tmp_path, "FILE_UPLOAD_QUOTA_PER_USER": 2**40}
    with override_settings(PARTWAY={"DATABASE": database, "QUOTA_UPLOADS": 10_000}, **settings):
        yield


@pytest.fixture
def user(database: str) -> User:
    """Somebody who has a file already."""
    user = User.objects.using(database).create(name=f"user-{uuid4()}")
    stored(user)
    return user


def stored(user: User) -> str:
    """The id of a finished file."""
    file = run_straight(stories().proxied.store_small(NewUpload(**SMALL), b"hello", caller=Caller(id=user.name)))
    return str(file.id)


def begun(user: User) -> str:
    """The id of an upload."""
    return str(run_straight(stories().uploads.initiate(NewUpload(**NEW), caller=Caller(id=user.name))).file.id)


def statements(
    view: type[FilesView], method: str, user: User, *, body: Any = None, status: int = 200, **path: str
) -> list[str]:
    """What an endpoint asks the database for one request, with the ends of transactions."""
    content = None if body is None else json.dumps(body)
    request = APIRequestFactory().generic(
        method, "/v1/files", content or "", content_type="application/json", HTTP_HOST="localhost"
    )
    force_authenticate(request, user)
    with CaptureQueriesContext(connections["sqlite"]) as asked:
        answer: HttpResponseBase = view.as_view()(request, **path)
    assert answer.status_code == status
    return [each["sql"] for each in asked.captured_queries]


def test_an_upload_is_begun_in_a_transaction_and_one_statement_more(user: User) -> None:
    asked = statements(UploadsView, "POST", user, body=NEW, status=201)
    assert [sql.split()[0] for sql in asked] == ["BEGIN", "INSERT", "UPDATE", "COMMIT", "UPDATE"]


def test_a_batch_is_inserted_and_its_sums_are_added_up_at_once(user: User) -> None:
    few = statements(BatchView, "POST", user, body={"files": [SMALL] * 2}, status=201)
    many = statements(BatchView, "POST", user, body={"files": [SMALL] * 20}, status=201)
    assert sum(sql.startswith("INSERT") for sql in few) == sum(sql.startswith("INSERT") for sql in many) == 1
    assert sum("ownerusage" in sql for sql in few) == sum("ownerusage" in sql for sql in many) == 1


def test_a_listing_is_one_question(user: User) -> None:
    for _ in range(3):
        stored(user)
    assert len(statements(FilesListView, "GET", user)) == 1


def test_reading_one_file_is_one_question(user: User) -> None:
    file, upload = stored(user), begun(user)
    assert len(statements(FileView, "GET", user, file_id=file)) == 1
    assert len(statements(PresignedUrlView, "GET", user, file_id=file)) == 1
    assert len(statements(UploadView, "GET", user, file_id=upload)) == 1
    assert len(statements(PresignedUrlsView, "POST", user, file_id=upload, body={"part_numbers": [1]})) == 1


def test_changing_a_file(user: User) -> None:
    file = stored(user)
    change = statements(FileView, "PATCH", user, file_id=file, body={"name": "new"})
    assert len(change) <= 5, change
    parent = {"parent_content_type": None, "parent_object_id": None}
    attach = statements(SetParentView, "POST", user, file_id=file, body=parent)
    assert len(attach) <= 6, attach
    delete = statements(FileView, "DELETE", user, file_id=file, status=204)
    assert len(delete) <= 9, delete


def test_deleting_many_files(user: User) -> None:
    few, many = [[stored(user) for _ in range(count)] for count in (1, 3)]
    one = statements(BulkDeleteView, "POST", user, body={"ids": few})
    three = statements(BulkDeleteView, "POST", user, body={"ids": many})
    assert len(three) - len(one) <= 2 * 3, three


def test_the_end_of_an_upload(user: User) -> None:
    upload = begun(user)
    reported = statements(PartsView, "POST", user, file_id=upload, body={"parts": [{"part_number": 1}]})
    assert len(reported) <= 6, reported
    refused = statements(CompleteView, "POST", user, file_id=upload, status=409)
    assert len(refused) <= 3, refused
    aborted = statements(UploadView, "DELETE", user, file_id=upload, status=204)
    assert len(aborted) <= 13, aborted


def test_a_request_leaves_nothing_to_the_garbage_collector(user: User) -> None:
    def ask() -> None:
        request = APIRequestFactory().post("/v1/files/uploads", NEW, format="json", HTTP_HOST="localhost")
        force_authenticate(request, user)
        assert UploadsView.as_view()(request).status_code == 201

    ask()  # what is made once
    gc.collect()
    gc.disable()
    try:
        ask()
        assert gc.collect() == 0
    finally:
        gc.enable()
