"""What a transaction that is rolled back left at the store goes too; upkeep and the API are in no transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction
from django.http import HttpResponse
from django.test import RequestFactory, override_settings
from rest_framework.permissions import AllowAny

from partway.core.blocking import run_straight
from partway.core.file import Caller, File
from partway.core.initiation import NewUpload
from partway.core.ports import UploadListing
from partway.core.reconcile import Step
from partway.django.api import FilesView
from partway.django.conf import configuration
from partway.django.models import File as Row
from partway.django.models import Part
from partway.django.reconcile import run_reconcile
from partway.django.stories import stories
from partway.django.tasks import cleanup_expired_uploads
from partway.errors import InvalidInput
from partway.stores.walk_state import Tally
from tests.django_app.dead_urls import dead_urls
from tests.servers.seaweedfs import SeaweedFS

CALLER = Caller(id="somebody")
NEW = NewUpload(file_name="a.bin", file_size=20_000_000, file_content_type="")


class Undone(Exception):
    """What the project's own code raises in a transaction."""


@pytest.fixture(params=["local", "seaweedfs"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """The settings of an empty store."""
    if request.param == "local":
        return {"MEDIA_ROOT": tmp_path}
    seaweedfs: SeaweedFS = request.getfixturevalue("seaweedfs")
    return {
        "AWS_STORAGE_BUCKET_NAME": seaweedfs.new_bucket(),
        "AWS_S3_ENDPOINT_URL": seaweedfs.endpoint,
        "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
        "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
    }


@pytest.fixture(autouse=True)
def project(database: str, store: dict[str, Any]) -> Iterator[None]:
    """The app on each database and each store, with no files."""
    for rows in (Part.objects.using(database).all(), Row.everything.using(database).all()):
        rows._raw_delete(database)
    with override_settings(**store, PARTWAY={"DATABASE": database}):
        yield


def begun() -> File:
    """A large upload."""
    return run_straight(stories().uploads.initiate(NEW, caller=CALLER)).file


def undone(deed: Callable[[], File]) -> File:
    """What the project's code did before it failed."""
    with contextlib.suppress(Undone), transaction.atomic(configuration().database):
        file = deed()
        raise Undone
    return file


def stored() -> File:
    """A small file."""
    new = NewUpload(file_name="a.txt", file_size=5)
    return run_straight(stories().proxied.store_small(new, b"hello", caller=CALLER))


def open_uploads() -> list[str]:
    """The keys of what is open at the store."""
    store: Any = configuration().store
    assert isinstance(store, UploadListing)
    return [upload.key for upload in run_straight(store.list_uploads("")).uploads]


def test_what_a_rolled_back_initiation_left_is_aborted_once_no_url_lives(database: str) -> None:
    lost, kept = undone(begun), begun()
    assert not Row.everything.using(database).filter(pk=lost.id).exists()
    assert cleanup_expired_uploads()["unknown"] == 0
    assert sorted(open_uploads()) == sorted([lost.key, kept.key])
    with dead_urls():
        assert cleanup_expired_uploads()["unknown"] == 1
    assert open_uploads() == [kept.key]


def test_an_object_without_a_record_is_found_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    lost, kept = undone(stored), stored()
    call_command("partway_reconcile")
    with dead_urls():
        with pytest.raises(CommandError, match="1 findings are left"):
            call_command("partway_reconcile")
        assert f"object-without-record   {lost.key}\n" in capsys.readouterr().out
        call_command("partway_reconcile", "--fix", "object-without-record")
        assert run_straight(configuration().store.head(lost.key)) is None
        call_command("partway_reconcile", "--fix")
    assert run_straight(configuration().store.head(kept.key)) is not None


def test_reconciliation_goes_on_where_it_stopped(tmp_path: Path) -> None:
    for _ in range(3):
        stored()
    begun()
    state = tmp_path / "state"
    seen: list[Tally] = []

    def stop(step: Step, tally: Tally) -> None:
        seen.append(tally)
        if len(seen) == 2:
            raise Undone

    with pytest.raises(Undone):
        run_reconcile(watcher=stop, state=state)
    assert state.exists()
    tally = run_reconcile(watcher=stop, state=state)
    assert (tally.records, tally.objects, tally.uploads, tally.left) == (4, 3, 1, 0)
    assert not state.exists()


def test_a_younger_age_than_urls_have_is_refused() -> None:
    with pytest.raises(CommandError, match="3660"):
        call_command("partway_reconcile", min_age=60)


def test_upkeep_in_a_transaction_is_refused(database: str) -> None:
    with transaction.atomic(database), pytest.raises(RuntimeError):
        cleanup_expired_uploads()


class Own(FilesView):
    """A view of the project's own."""

    permission_classes = (AllowAny,)

    def get(self, request: Any) -> HttpResponse:
        """Begin an upload, and then find something wrong."""
        begun()
        raise InvalidInput("Not so.")


def test_an_error_that_is_answered_rolls_back_a_request_that_is_a_transaction(database: str) -> None:
    settings = connections[database].settings_dict
    settings["ATOMIC_REQUESTS"] = True
    try:
        answer = transaction.atomic(database)(Own.as_view())(RequestFactory().get("/"))
    finally:
        settings["ATOMIC_REQUESTS"] = False
    assert answer.status_code == 422
    assert not Row.everything.using(database).exists()
