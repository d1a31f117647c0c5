"""Rows that are deleted past the API leave no object behind; upkeep and signals tell the truth."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connections, transaction
from django.db.models import Sum
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from partway.core.blocking import run_straight
from partway.core.file import Caller
from partway.core.initiation import NewUpload
from partway.django import signals
from partway.django.conf import configuration
from partway.django.models import File, OwnerUsage
from partway.django.stories import stories
from partway.django.tasks import cleanup_expired_uploads, cleanup_failed_uploads
from tests.django_app.dead_urls import dead_urls
from tests.django_app.models import Comment, Draft, Note, Post, User

CONTENT = b"hello"


class Undone(Exception):
    """What the project's own code raises in a transaction."""


@pytest.fixture(autouse=True)
def project(database: str, tmp_path: Path) -> Iterator[None]:
    """The app on each database, with files on the local disk."""
    with override_settings(MEDIA_ROOT=tmp_path, PARTWAY={"DATABASE": database}):
        yield


@pytest.fixture
def user(database: str) -> User:
    """Somebody."""
    return User.objects.using(database).create(name=f"user-{uuid4()}")


def stored(user: User, **fields: Any) -> File:
    """A small file, finished."""
    new = NewUpload(file_name="a.txt", file_size=len(CONTENT), file_content_type="text/plain", **fields)
    caller = Caller(id=user.name)
    file = run_straight(stories().proxied.store_small(new, CONTENT, caller=caller))
    return File.objects.using(configuration().database).get(pk=file.id)


def object_of(file: File) -> Any:
    """What the store holds of a file."""
    return run_straight(configuration().store.head(file.key))


def bytes_of(user: User) -> int:
    """What the app thinks that somebody uses."""
    usage = OwnerUsage.objects.using(configuration().database).filter(pk=user.name).first()
    return usage.bytes if usage else 0


def test_a_deleted_row_is_removed_with_its_object(user: User, database: str) -> None:
    file = stored(user)
    assert file.created_by == user
    file.delete()
    assert not File.objects.using(database).filter(pk=file.pk).exists()
    assert object_of(file) is not None
    cleanup_expired_uploads()
    assert object_of(file) is None
    assert not File.everything.using(database).filter(pk=file.pk).exists()
    assert bytes_of(user) == 0


def test_files_go_with_their_user_and_with_what_they_are_attached_to(user: User, database: str) -> None:
    post = Post.objects.using(database).create(title="a post")
    other = User.objects.using(database).create(name=f"user-{uuid4()}")
    with_user = stored(user)
    with_post = stored(other, parent_content_type="tests_app.post", parent_object_id=str(post.pk))
    assert with_post.parent == post
    assert list(File.objects.using(database).of(post)) == [with_post]
    user.delete()
    post.delete()
    cleanup_expired_uploads()
    assert [object_of(file) for file in (with_user, with_post)] == [None, None]
    assert not File.everything.using(database).filter(pk__in=[with_user.pk, with_post.pk]).exists()


def attached(user: User, parent: Any) -> File:
    """A file that is attached to an object, by its model's own name."""
    return stored(user, parent_content_type=parent._meta.label_lower, parent_object_id=str(parent.pk))


def gone(files: list[File]) -> bool:
    """Whether upkeep leaves no row and no object."""
    assert not File.objects.using(configuration().database).filter(pk__in=[file.pk for file in files]).exists()
    assert all(object_of(file) is not None for file in files)
    cleanup_expired_uploads()
    rows = File.everything.using(configuration().database).filter(pk__in=[file.pk for file in files])
    return not rows.exists() and all(object_of(file) is None for file in files)


def test_files_go_with_whatever_takes_their_parent_along(user: User, database: str) -> None:
    post, other = (Post.objects.using(database).create(title="a post") for _ in range(2))
    on_comment = attached(user, Comment.objects.using(database).create(post=post))
    on_draft = attached(user, Draft.objects.using(database).get(pk=post.pk))
    kept = attached(user, other)
    Post.objects.using(database).filter(pk=post.pk).delete()
    assert gone([on_comment, on_draft])
    assert File.objects.using(database).get(owner=user.name) == kept


@pytest.mark.parametrize("by", [Note, Post], ids=["child", "parent"])
def test_files_go_with_a_parent_of_two_tables(user: User, database: str, by: type[Post]) -> None:
    note = Note.objects.using(database).create(title="a note")
    files = [attached(user, note), attached(user, note.post_ptr)]
    by.objects.using(database).get(pk=note.pk).delete()
    assert gone(files)


def test_files_go_with_a_proxy_of_their_parent(user: User, database: str) -> None:
    draft = Draft.objects.using(database).create(title="a draft")
    files = [attached(user, draft), attached(user, Post.objects.using(database).get(pk=draft.pk))]
    assert files[0].parent == files[1].parent
    draft.delete()
    assert gone(files)


def test_files_go_with_many_users_at_once(database: str) -> None:
    users = [User.objects.using(database).create(name=f"many-{uuid4()}") for _ in range(3)]
    files = [stored(user) for user in users for _ in range(2)]
    with transaction.atomic(database):
        User.objects.using(database).filter(pk__in=[user.pk for user in users]).delete()
    assert gone(files)
    assert [bytes_of(user) for user in users] == [0, 0, 0]


def test_rows_that_are_deleted_without_signals_are_found_by_reconciliation(user: User, database: str) -> None:
    file = stored(user)
    rows = File.everything.using(database).filter(pk=file.pk)
    rows._raw_delete(database)
    with dead_urls():
        call_command("partway_reconcile", fix=["all"])
    assert object_of(file) is None


def test_a_deletion_that_is_rolled_back_removes_nothing(user: User, database: str) -> None:
    file, deleted = stored(user), File.objects.using(database).filter(owner=user.name)
    with contextlib.suppress(Undone), transaction.atomic(database):
        deleted.delete()
        raise Undone
    cleanup_expired_uploads()
    assert list(deleted) == [file]
    assert object_of(file) is not None


def test_an_initiation_that_is_rolled_back_leaves_no_record(user: User, database: str) -> None:
    new = NewUpload(file_name="a.bin", file_size=20_000_000, file_content_type="")
    with contextlib.suppress(Undone), transaction.atomic(database):
        begun = run_straight(stories().uploads.initiate(new, caller=Caller(id=user.name)))
        raise Undone
    assert not File.everything.using(database).filter(pk=begun.file.id).exists()
    assert bytes_of(user) == 0


def test_expired_uploads_are_given_up_and_old_ones_removed(user: User, database: str, capsys: Any) -> None:
    new = NewUpload(file_name="a.bin", file_size=20_000_000, file_content_type="")
    begun = run_straight(stories().uploads.initiate(new, caller=Caller(id=user.name)))
    rows = File.objects.using(database).filter(pk=begun.file.id)
    rows.update(upload_expires_at=timezone.now())
    call_command("partway_cleanup", dry_run=True)
    assert rows.get().upload_status == "uploading"
    call_command("partway_cleanup")
    assert "expired" in capsys.readouterr().out
    assert rows.get().upload_status == "aborted"
    assert bytes_of(user) == 0
    assert cleanup_failed_uploads(days_old=7) == 0
    assert cleanup_failed_uploads(days_old=0) >= 1
    assert not rows.exists()


def test_signals_are_sent_after_the_commit(user: User, database: str) -> None:
    heard: list[tuple[str, Any]] = []

    def listen(sender: Any, file: File, **_: Any) -> None:
        heard.append((file.upload_status, file.pk))

    signals.upload_completed.connect(listen)
    try:
        with transaction.atomic(database):
            file = stored(user)
            assert heard == []
        assert heard == [("completed", file.pk)]
        with contextlib.suppress(Undone), transaction.atomic(database):
            stored(user)
            raise Undone
        assert len(heard) == 1
    finally:
        signals.upload_completed.disconnect(listen)


def test_the_sums_are_those_of_the_rows(user: User, database: str) -> None:
    files = [stored(user) for _ in range(3)]
    files[0].delete()
    run_straight(stories().files.delete(files[1].pk, caller=Caller(id=user.name), hard=True))
    counted = File.everything.using(database).filter(owner=user.name, counted=True)
    assert bytes_of(user) == counted.aggregate(sum=Sum("file_size"))["sum"]


def test_rows_that_files_are_never_attached_to_are_deleted_without_reading_them(database: str) -> None:
    with CaptureQueriesContext(connections[database]) as asked:
        Session.objects.using(database).filter(expire_date__lt=timezone.now()).delete()
    assert [each["sql"] for each in asked if "SELECT" in each["sql"]] == []
