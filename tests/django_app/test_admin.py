"""The admin of files: what it lists and shows, what it changes, and what it does with many files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from django.contrib import admin
from django.db import connections
from django.http import HttpRequest
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import include, path, resolve
from django.utils import timezone

from partway.core.blocking import iterate_straight, run_straight
from partway.core.file import Caller
from partway.core.initiation import NewUpload
from partway.core.parts import MIB, StoredPart
from partway.django.admin import FileAdmin
from partway.django.conf import configuration
from partway.django.models import File, OwnerUsage, Part
from partway.django.stories import stories
from partway.django.tasks import cleanup_expired_uploads
from tests.django_app.models import Post, User
from tests.servers.ports import free_port
from tests.servers.seaweedfs import SeaweedFS

CONTENT = b"hello"
LIST = "/admin/partway/file/"


class Onlookers(FileAdmin):
    """What a project may make of it: staff who only look."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


onlookers = admin.AdminSite(name="onlookers")
onlookers.register(File, Onlookers)
urlpatterns = [
    path("admin/", admin.site.urls),
    path("look/", onlookers.urls),
    path("", include("partway.django.urls")),
]


class OneDatabase:
    """Everything lies in one database that is not the default."""

    def __init__(self, alias: str) -> None:
        self._alias = alias

    def db_for_read(self, model: Any, **hints: Any) -> str:
        """It."""
        return self._alias

    db_for_write = db_for_read


@pytest.fixture(autouse=True)
def project(database: str, tmp_path: Path) -> Iterator[None]:
    """The project on each database, with files on the local disk."""
    routers = [OneDatabase(database)]
    with override_settings(
        MEDIA_ROOT=tmp_path, PARTWAY={"DATABASE": database}, DATABASE_ROUTERS=routers, ROOT_URLCONF=__name__
    ):
        Part.objects.all().delete()
        File.everything.all()._raw_delete(database)  # without bringing them back
        yield


@pytest.fixture
def client(project: None) -> Client:
    """A browser in which somebody of the staff is logged in."""
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(User.objects.create(name=f"staff-{uuid4()}", is_staff=True))
    return client


@pytest.fixture
def owner(project: None) -> Caller:
    """Somebody who has files."""
    user = User.objects.create(name=f"owner-{uuid4()}")
    return Caller(id=user.name, name="Ada Lovelace")


def stored(owner: Caller, **fields: Any) -> File:
    """A small file, finished."""
    new = NewUpload(**{"file_name": "a.txt", "file_size": len(CONTENT), "file_content_type": "text/plain", **fields})
    return File.objects.get(pk=run_straight(stories().proxied.store_small(new, CONTENT, caller=owner)).id)


def begun(owner: Caller, *, size: int = 20 * MIB, **fields: Any) -> File:
    """An upload of which nothing was sent."""
    new = NewUpload(**{"file_name": "film.mp4", "file_size": size, "file_content_type": "video/mp4", **fields})
    return File.objects.get(pk=run_straight(stories().uploads.initiate(new, caller=owner)).file.id)


def report(file: File, owner: Caller, *numbers: int) -> None:
    """Have a client say that it has sent parts."""
    parts = [StoredPart(part_number=number, size=0, etag=f"etag{number}") for number in numbers]
    run_straight(stories().uploads.report(file.pk, parts, caller=owner))


def sent(owner: Caller) -> File:
    """An upload that is all there, and whose client has vanished."""
    new = NewUpload(file_name="whole.bin", file_size=len(CONTENT), file_content_type="")
    upload = run_straight(stories().uploads.initiate(new, caller=owner))
    (part,) = upload.signed.parts
    answer = Client(SERVER_NAME="127.0.0.1").put(
        part.url, CONTENT, "application/octet-stream", **_environ(part.headers)
    )
    assert answer.status_code == 200, answer.content
    return File.objects.get(pk=upload.file.id)


def _environ(headers: Any) -> dict[str, Any]:
    return {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}


def object_of(file: File) -> Any:
    """What the store holds of a file."""
    return run_straight(configuration().store.head(file.key))


def row_of(file: File) -> File | None:
    """The row as it stands, also a hidden one."""
    return File.everything.filter(pk=file.pk).first()


def page_of(client: Client, url: str, **data: Any) -> str:
    """A page of the admin as it reads."""
    answer = client.get(url, data)
    assert answer.status_code == 200, f"{answer.status_code} {answer.headers}"
    return str(answer.content.decode())


def names_in(page: str) -> list[str]:
    """The names of the files in a list."""
    return re.findall(r'field-shown_name"><a[^>]*>([^<]*)<', page)


def act(client: Client, action: str, *files: File, sure: bool = True, place: str = "all") -> str:
    """Do something with files of the list; the page that comes then."""
    sent = {"action": action, "_selected_action": [str(file.pk) for file in files], **({"post": "yes"} if sure else {})}
    answer = client.post(f"{LIST}?place={place}", sent, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def messages_in(page: str) -> list[str]:
    """What a page says first."""
    return [unescape(text) for text in re.findall(r'<li class="(?:success|error|warning|info)">(.*?)</li>', page)]


def test_the_list_tells_of_each_file_with_as_many_queries_for_many_as_for_one(
    client: Client, owner: Caller, database: str
) -> None:
    post = Post.objects.create(title="a post")
    stored(owner, parent_content_type="tests_app.post", parent_object_id=str(post.pk), name="Letter <1>")
    file = begun(owner)
    report(file, owner, 1, 3)
    with CaptureQueriesContext(connections[database]) as of_few:
        page = page_of(client, LIST)
    assert names_in(page) == ["film.mp4", "Letter &lt;1&gt;"]
    assert "Ada Lovelace" in page
    assert f"post {post.pk}" in page
    assert '<span class="partway-badge partway-uploading">uploading</span>' in page
    assert re.sub(r"\s", " ", page).count("</progress> 2 of 3 parts, 12.0 MB</span>") == 1
    for _ in range(10):
        report(begun(owner), owner, 1)
        stored(owner, parent_content_type="tests_app.post", parent_object_id=str(post.pk))
    with CaptureQueriesContext(connections[database]) as of_many:
        assert len(names_in(page_of(client, LIST))) == 22
    assert len(of_many) == len(of_few)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, {"clip", "letter", "scan"}),
        ({"place": "trash"}, {"old"}),
        ({"place": "removing"}, {"gone"}),
        ({"place": "all"}, {"clip", "letter", "scan", "old", "gone"}),
        ({"upload_status__exact": "uploading"}, {"clip"}),
        ({"type": "video"}, {"clip"}),
        ({"type": "pdf"}, {"scan"}),
        ({"type": "other"}, set()),
        ({"is_public__exact": "1"}, {"letter"}),
        ({"parent": "none"}, {"clip", "scan"}),
        ({"q": "LETT"}, {"letter"}),
        ({"q": "ada scan"}, {"scan"}),
        ({"q": "nothing of that"}, set()),
    ],
)
def test_filters_and_search(client: Client, owner: Caller, query: dict[str, str], found: set[str]) -> None:
    begun(owner, name="clip")
    stored(owner, name="letter", is_public=True, parent_content_type="tests_app.post", parent_object_id="1")
    stored(owner, name="scan", file_content_type="application/pdf")
    run_straight(stories().files.delete(stored(owner, name="old").pk, caller=owner))
    stored(owner, name="gone").delete()
    assert set(names_in(page_of(client, LIST, **query))) == found


def test_files_are_found_by_id_by_key_by_owner_and_by_what_they_hang_on(client: Client, owner: Caller) -> None:
    file, other = stored(owner, name="this"), stored(Caller(id="somebody else"), name="that")
    post = Post.objects.create(title="a post")
    run_straight(stories().files.set_parent(file.pk, "tests_app.post", str(post.pk), caller=owner))
    kind = File.objects.get(pk=file.pk).parent_content_type_id
    for query in ({"q": str(file.pk)}, {"q": file.key}, {"q": owner.id}, {"parent": str(kind)}):
        assert names_in(page_of(client, LIST, **query)) == ["this"]
    assert names_in(page_of(client, LIST, q=str(other.pk))) == ["that"]


def test_only_what_may_change_is_changed_and_by_the_rules(client: Client, owner: Caller) -> None:
    file = begun(owner)
    report(file, owner, 1)
    page = page_of(client, f"{LIST}{file.pk}/change/")
    assert "etag1" in page
    assert re.findall(r'name="(name|description|is_public|metadata|key|owner|upload_status)"', page) == [
        *("name", "description", "is_public", "metadata")
    ]
    sent = {"name": "A film", "description": "", "metadata": '{"a": [1]}', "is_public": "on", "key": "stolen"}
    assert client.post(f"{LIST}{file.pk}/change/", sent).status_code == 302
    changed = File.objects.get(pk=file.pk)
    assert (changed.name, changed.metadata, changed.is_public, changed.key) == ("A film", {"a": [1]}, True, file.key)
    assert changed.folded_name == "a film"
    for wrong in ({"name": " "}, {"metadata": "[]"}, {"metadata": json.dumps({"a": "b" * 20_000})}):
        answer = client.post(f"{LIST}{file.pk}/change/", sent | wrong)
        assert b"errorlist" in answer.content
    assert "Changed Name" in re.sub(r"\s+", " ", page_of(client, f"{LIST}{file.pk}/history/"))


def test_what_is_in_the_trash_is_only_shown_and_nothing_is_added_by_hand(client: Client, owner: Caller) -> None:
    file = stored(owner)
    act(client, "trash", file)
    assert 'name="_save"' not in page_of(client, f"{LIST}{file.pk}/change/")
    assert client.post(f"{LIST}{file.pk}/change/", {"name": "x"}).status_code == 403
    assert client.get(f"{LIST}add/").status_code == 403


def test_the_page_of_a_file_says_what_it_hangs_on(client: Client, owner: Caller) -> None:
    post = Post.objects.create(title="A fine post")
    file = stored(owner, parent_content_type="tests_app.post", parent_object_id=str(post.pk))
    assert "A fine post" in page_of(client, f"{LIST}{file.pk}/change/")
    lost = stored(owner, parent_content_type="tests_app.post", parent_object_id="no number")
    assert "post no number" in page_of(client, f"{LIST}{lost.pk}/change/")
    foreign = stored(owner, parent_content_type="another.project", parent_object_id="7")
    assert "another.project 7" in page_of(client, f"{LIST}{foreign.pk}/change/")


def test_uploads_are_aborted_once_that_was_confirmed(client: Client, owner: Caller) -> None:
    open_one, finished = begun(owner), stored(owner, name="finished")
    asked = act(client, "abort", open_one, finished, sure=False)
    assert "The parts that were sent are dropped." in asked
    assert row_of(open_one).upload_status == "uploading"  # type: ignore[union-attr]
    said = messages_in(act(client, "abort", open_one, finished))
    assert said == ["1 upload was aborted.", '"finished": The upload is complete.']
    aborted = row_of(open_one)
    assert aborted is not None
    assert (aborted.upload_status, aborted.settled) == ("aborted", True)
    assert run_straight(configuration().store.find_uploads(open_one.key)) == []
    assert "Aborted." in page_of(client, f"{LIST}{open_one.pk}/history/")


def test_what_is_done_on_the_page_of_a_file_leads_back_to_it(client: Client, owner: Caller) -> None:
    file = begun(owner, name="this one")
    own = f"{LIST}{file.pk}/change/"

    def offered() -> list[str]:
        return re.findall(r'<button name="action" value="(\w+)">', page_of(client, own))

    def press(action: str, **more: str) -> Any:
        sent = {"action": action, "_selected_action": str(file.pk), "back": str(file.pk), **more}
        return client.post(f"{LIST}?place=all", sent)

    assert offered() == ["retry", "abort", "purge"]
    assert str(file.pk) in re.findall(r'name="back" value="([^"]+)"', press("abort").content.decode())
    assert press("abort", post="yes")["Location"] == own
    assert offered() == ["purge"]
    assert press("purge", post="yes")["Location"] == f"{LIST}?place=all"
    finished = stored(owner)
    own = f"{LIST}{finished.pk}/change/"
    assert offered() == ["verify", "trash", "purge"]
    act(client, "trash", finished)
    assert offered() == ["verify", "restore", "purge"]
    File.objects.filter(pk=finished.pk).delete()
    assert offered() == ["retry"]


def test_retrying_completes_gives_up_and_says_what_is_missing(client: Client, owner: Caller) -> None:
    whole, young, late, finished = sent(owner), begun(owner, name="young"), begun(owner), stored(owner)
    File.objects.filter(pk=late.pk).update(upload_expires_at=timezone.now() - timedelta(hours=1))
    said = messages_in(act(client, "retry", whole, young, late, finished))
    assert said[:3] == [
        "1 upload was completed.",
        "1 upload was past its deadline and given up.",
        "1 file needed nothing.",
    ]
    assert said[3].startswith('"young": ')
    assert "parts are not at the store" in said[3]
    assert [row_of(each).upload_status for each in (whole, young, late)] == [  # type: ignore[union-attr]
        *("completed", "uploading", "aborted")
    ]
    File.objects.filter(pk=finished.pk).delete()
    assert messages_in(act(client, "retry", finished)) == ["1 file is gone for good."]
    assert object_of(finished) is None


def test_verifying_reports_in_what_record_and_object_differ(client: Client, owner: Caller) -> None:
    right, lost, changed, unfinished = (
        stored(owner),
        stored(owner, name="lost"),
        stored(owner),
        begun(owner, name="half"),
    )
    run_straight(configuration().store.delete(lost.key))
    File.objects.filter(pk=changed.pk).update(file_size=7, etag="other", name="changed")
    said = messages_in(act(client, "verify", right, lost, changed, unfinished))
    assert said[0] == "1 file is at the store as recorded."
    assert '"lost": The store does not hold the object.' in said
    assert any(text.startswith('"changed": size is 7 in the record, 5 at the store; etag is other') for text in said)
    assert any(text.startswith('"half": ') for text in said)
    assert row_of(lost).upload_status == "completed"  # type: ignore[union-attr]


def test_files_go_to_the_trash_come_back_and_go_for_good(client: Client, owner: Caller) -> None:
    file = stored(owner)
    assert messages_in(act(client, "trash", file)) == ["1 file is in the trash now."]
    assert names_in(page_of(client, LIST)) == []
    assert object_of(file) is not None
    assert messages_in(act(client, "restore", file)) == ["1 file was restored."]
    assert messages_in(act(client, "restore", file)) == ['"a.txt": It is not in the trash.']
    assert names_in(page_of(client, LIST)) == ["a.txt"]
    assert "Nothing can be restored" in act(client, "purge", file, sure=False)
    assert object_of(file) is not None
    assert messages_in(act(client, "purge", file)) == ["1 file was deleted for good."]
    assert object_of(file) is None
    assert row_of(file) is None


@pytest.mark.parametrize("many", [False, True])
def test_deleting_queues_the_removal_of_the_objects(client: Client, owner: Caller, many: bool) -> None:
    file, upload = stored(owner), begun(owner)
    report(upload, owner, 1, 2)
    for each in (file, upload):
        if many:
            asked = act(client, "delete_selected", each, sure=False)
            act(client, "delete_selected", each)
        else:
            asked = page_of(client, f"{LIST}{each.pk}/delete/")
            assert client.post(f"{LIST}{each.pk}/delete/", {"post": "yes"}).status_code == 302
        assert "upkeep removes their objects" in asked
        assert "etag" not in asked
    assert names_in(page_of(client, LIST)) == []
    assert object_of(file) is not None
    assert sorted(names_in(page_of(client, LIST, place="removing"))) == ["a.txt", "film.mp4"]
    act(client, "delete_selected", file)  # twice is fine
    cleanup_expired_uploads()
    assert object_of(file) is None
    assert run_straight(configuration().store.find_uploads(upload.key)) == []
    assert row_of(file) is row_of(upload) is None
    used = OwnerUsage.objects.get(pk=owner.id)
    assert (used.bytes, used.files, used.open_uploads) == (0, 0, 0)


def test_a_row_that_was_read_before_it_changed_is_deleted_as_it_stands(owner: Caller) -> None:
    read_early = sent(owner)
    run_straight(stories().uploads.complete(read_early.pk, caller=owner))
    file = File.objects.get(pk=read_early.pk)
    read_early.delete()
    used = OwnerUsage.objects.get(pk=owner.id)
    assert (used.bytes, used.files, used.open_uploads) == (len(CONTENT), 1, 0)
    assert row_of(file).upload_status == "completed"  # type: ignore[union-attr]
    cleanup_expired_uploads()
    assert object_of(file) is None
    used.refresh_from_db()
    assert (used.bytes, used.files, used.open_uploads) == (0, 0, 0)


def test_a_row_that_has_gone_since_it_was_read_does_not_come_back(owner: Caller) -> None:
    read_early = stored(owner)
    run_straight(stories().files.delete(read_early.pk, caller=owner, hard=True))
    file_id = read_early.pk
    read_early.delete()
    assert not File.everything.filter(pk=file_id).exists()
    used = OwnerUsage.objects.get(pk=owner.id)
    assert (used.bytes, used.files, used.open_uploads) == (0, 0, 0)


def test_what_an_action_did_at_the_store_is_not_undone_with_the_transaction_of_its_request() -> None:
    view = resolve(LIST).func
    assert view._non_atomic_requests == {"default"}  # type: ignore[attr-defined]


def test_the_question_before_a_deletion_does_not_name_the_parts(client: Client, owner: Caller) -> None:
    file = begun(owner)
    report(file, owner, 1, 2)
    asked = act(client, "delete_selected", file, sure=False)
    assert re.findall(r"<li>([^<]*)</li>", asked)[:1] == ["Files: 1"]
    assert "Part" not in asked


def test_downloads_are_signed_when_they_are_asked_for(client: Client, owner: Caller) -> None:
    file, upload = stored(owner, name="für dich.txt"), begun(owner)
    url = f"{LIST}{file.pk}/download/"
    page = page_of(client, LIST)
    assert url in page
    assert str(upload.pk) + "/download" not in page
    assert "X-Amz-Signature" not in page
    assert url in page_of(client, f"{LIST}{file.pk}/change/")
    answer = client.get(url)
    assert answer.status_code == 302
    assert "no-store" in answer["Cache-Control"]
    sent = Client(SERVER_NAME="127.0.0.1").get(answer["Location"])
    assert b"".join(sent) == CONTENT
    assert sent["Content-Disposition"].startswith("attachment")
    refused = client.get(f"{LIST}{upload.pk}/download/", follow=True)
    assert messages_in(refused.content.decode()) == ["The upload is still open; send what is missing and complete it."]
    assert Client(SERVER_NAME="127.0.0.1").get(url)["Location"].startswith("/admin/login/")


def test_who_may_only_look_does_nothing_else(client: Client, owner: Caller) -> None:
    file = stored(owner, name="seen")
    stored(owner, name="gone").delete()
    page = page_of(client, "/look/partway/file/", place="all")
    assert names_in(page) == ["seen"]
    assert re.findall(r'<option value="(\w+)">', page) == ["verify"]
    assert 'name="_save"' not in page_of(client, f"/look/partway/file/{file.pk}/change/")
    client.post("/look/partway/file/", {"action": "purge", "_selected_action": [str(file.pk)], "post": "yes"})
    assert row_of(file) is not None
    assert client.post(f"/look/partway/file/{file.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.get(f"/look/partway/file/{file.pk}/download/").status_code == 302


def test_an_outage_of_the_store_is_told_and_the_others_are_not_tried(client: Client, owner: Caller) -> None:
    files = [stored(owner) for _ in range(3)]
    with override_settings(
        AWS_STORAGE_BUCKET_NAME="bucket",
        AWS_S3_ENDPOINT_URL=f"http://127.0.0.1:{free_port()}",
        AWS_ACCESS_KEY_ID="key",
        AWS_SECRET_ACCESS_KEY="secret",
    ):
        said = messages_in(act(client, "verify", *files))
    assert len(said) == 2
    assert said[0].startswith('"a.txt": ')
    assert said[1] == "2 more files were not tried."


def test_an_outage_of_the_database_is_told(client: Client, database: str) -> None:
    connections.databases["away"] = connections.databases["default"] | {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "127.0.0.1",
        "PORT": free_port(),
        "NAME": "away",
        "OPTIONS": {},
    }
    with override_settings(PARTWAY={"DATABASE": "away"}):
        for url in (LIST, f"{LIST}{uuid4()}/change/", f"{LIST}{uuid4()}/delete/", f"{LIST}{uuid4()}/download/"):
            answer = client.get(url, follow=True)
            assert answer.status_code == 200
            assert "The database 'away' does not answer now; try again." in messages_in(answer.content.decode())


def test_files_at_a_store_are_verified_and_downloaded(client: Client, owner: Caller, seaweedfs: SeaweedFS) -> None:
    with override_settings(
        AWS_STORAGE_BUCKET_NAME=seaweedfs.new_bucket(),
        AWS_S3_ENDPOINT_URL=seaweedfs.endpoint,
        AWS_ACCESS_KEY_ID=seaweedfs.access_key,
        AWS_SECRET_ACCESS_KEY=seaweedfs.secret_key,
    ):
        file, other = stored(owner), stored(owner, name="swapped")
        assert messages_in(act(client, "verify", file)) == ["1 file is at the store as recorded."]
        sent = requests.get(client.get(f"{LIST}{file.pk}/download/")["Location"], timeout=20)
        assert sent.content == CONTENT
        assert sent.headers["Content-Disposition"].startswith("attachment")
        stream = run_straight(configuration().store.read(other.key))
        assert b"".join(iterate_straight(stream.chunks)) == CONTENT
        File.objects.filter(pk=other.pk).update(token="0" * 32)
        (said,) = messages_in(act(client, "verify", other))
        assert said == '"swapped": the object is another file\'s.'
