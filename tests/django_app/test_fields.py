"""References to files in the project's models and forms."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django import forms
from django.core import signing
from django.core.management import call_command
from django.db import connections, models
from django.db.models import PROTECT, RestrictedError
from django.forms import modelform_factory
from django.test import Client, override_settings
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from partway.core.blocking import run_straight
from partway.core.file import Caller
from partway.core.initiation import NewUpload
from partway.django.accept import Accept
from partway.django.fields import UploadedFileField
from partway.django.form_values import form_value
from partway.django.forms import UploadedFileField as UploadedFormField
from partway.django.forms import UploadInput
from partway.django.models import File
from partway.django.stories import stories
from partway.django.tasks import cleanup_expired_uploads
from partway.errors import Conflict
from tests.django_app.articles.models import MIB, Article, Picture
from tests.django_app.models import User

ArticleForm = modelform_factory(Article, fields=["title", "attachment"])
PictureForm = modelform_factory(Picture, fields=["image"])


@pytest.fixture
def default_project(tmp_path: Path, django_default: None) -> Iterator[None]:
    """The app on the project's default database, which requests and model forms use."""
    with override_settings(MEDIA_ROOT=tmp_path):
        yield


@pytest.fixture(scope="module")
def django_default(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A default database in a file, which other threads see too."""
    place, in_memory = connections.databases["default"], connections["default"]
    connections.databases["default"] = place | {"NAME": str(tmp_path_factory.mktemp("default") / "db.sqlite3")}
    connections["default"] = connections.create_connection("default")
    call_command("migrate", run_syncdb=True, verbosity=0)
    yield
    connections["default"].close()
    connections.databases["default"], connections["default"] = place, in_memory


pytestmark = pytest.mark.usefixtures("default_project")


def somebody(**fields: Any) -> User:
    return User.objects.create(name=f"user-{uuid4()}", **fields)


def stored(user: User, *, name: str = "a.bin", kind: str = "", content: bytes = b"hello") -> File:
    new = NewUpload(file_name=name, file_size=len(content), file_content_type=kind)
    file = run_straight(stories().proxied.store_small(new, content, caller=Caller(id=user.name)))
    return File.objects.get(pk=file.id)


def begun(user: User) -> File:
    new = NewUpload(file_name="a.bin", file_size=20 * MIB, file_content_type="")
    return File.objects.get(pk=run_straight(stories().uploads.initiate(new, caller=Caller(id=user.name))).file.id)


def sent(file: File | str | None, **more: Any) -> Any:
    """An article's form with a file as its page sends it."""
    value = form_value(file.pk) if isinstance(file, File) else file or ""
    return ArticleForm({"title": "An article", "attachment": value}, **more)


def errors(form: Any) -> list[str]:
    return list(form.errors.get("attachment", []))


def test_a_form_attaches_a_file_and_shows_it_again() -> None:
    file = stored(somebody())
    form = sent(file)
    assert form.is_valid(), form.errors
    article = form.save()
    assert Article.objects.get(pk=article.pk).attachment == file
    assert File.objects.get(pk=file.pk).parent == article
    assert list(File.objects.of(article)) == [file]
    page = str(ArticleForm(instance=article)["attachment"])
    assert f'value="{file.pk}"' in page
    assert f"/v1/files/{file.pk}/download?redirect=true" in page
    assert "a.bin" in page


def test_the_widget_is_the_same_in_a_form_that_jinja_renders() -> None:
    file = stored(somebody())
    plain = str(ArticleForm(initial={"attachment": file})["attachment"])
    with override_settings(FORM_RENDERER="django.forms.renderers.Jinja2"):
        page = ArticleForm(initial={"attachment": file}).as_div()
    assert plain in page


def test_the_value_survives_a_form_that_is_not_valid() -> None:
    file = stored(somebody())
    value = form_value(file.pk)
    form = ArticleForm({"title": "", "attachment": value})
    assert not form.is_valid()
    assert f'value="{value}"' in str(form["attachment"])
    assert f"/v1/files/{file.pk}/download" in str(form["attachment"])


@pytest.mark.parametrize(
    "value", ["nonsense", "a:b:c", "11d2a9a4-5b1c-4f0e-9a55-1d5a2f0d7d0c", "\x00", "é" * 300, "<script>"]
)
def test_what_proves_nothing_is_refused(value: str) -> None:
    form = sent(value)
    assert errors(form) == ["This is no file that you have uploaded here. Choose the file again."]
    assert 'value=""' in str(form["attachment"])


def test_an_id_alone_attaches_nothing_and_neither_does_a_signature_for_something_else() -> None:
    file = stored(somebody())
    for value in (
        str(file.pk),
        signing.TimestampSigner(salt="another").sign(str(file.pk)),
        signing.TimestampSigner(salt="partway.django.form_values").sign("no id"),
    ):
        assert errors(sent(value)) == ["This is no file that you have uploaded here. Choose the file again."]


def test_a_value_that_is_too_old_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    value = form_value(stored(somebody()).pk)
    monkeypatch.setattr("django.core.signing.time.time", lambda: timezone.now().timestamp() + 8 * 24 * 3600)
    assert errors(sent(value)) == ["This file was uploaded too long ago. Choose it again."]


def test_a_file_that_is_not_finished_or_was_deleted_is_refused() -> None:
    user = somebody()
    assert errors(sent(begun(user))) == ["“a.bin” is no longer there. Choose it again."]
    deleted = stored(user)
    run_straight(stories().files.delete(deleted.pk, caller=Caller(id=user.name)))
    assert errors(sent(deleted)) == ["“a.bin” is no longer there. Choose it again."]
    gone = stored(user)
    gone.delete()
    assert errors(sent(gone)) == ["This is no file that you have uploaded here. Choose the file again."]


def test_type_and_size_are_looked_at_on_the_server() -> None:
    user = somebody()
    assert errors(sent(stored(user, name="a.txt", kind="text/plain"))) == [
        "“a.txt” is not of an allowed type (.bin,image/*). Choose another file."
    ]
    assert sent(stored(user, name="a.BIN", kind="text/plain")).is_valid()
    assert sent(stored(user, name="a.png")).is_valid()
    field = UploadedFormField(max_size=4)
    with pytest.raises(forms.ValidationError) as refusal:
        field.clean(form_value(stored(user).pk))
    assert refusal.value.messages == ["“a.bin” has 5\xa0bytes; at most 4\xa0bytes are allowed. Choose a smaller file."]


def test_what_the_form_began_with_may_stay_and_be_cleared_and_replaced() -> None:
    others, mine = stored(somebody(), name="a.txt", kind="text/plain"), stored(somebody())
    article = Article.objects.create(title="An article", attachment=others)
    form = sent(str(others.pk), instance=article)
    assert form.is_valid()
    assert "attachment" not in form.changed_data
    assert form.save().attachment == others
    assert File.objects.get(pk=others.pk).parent is None
    form = sent(mine, instance=article)
    assert form.has_changed()
    assert form.save().attachment == mine
    assert File.objects.get(pk=mine.pk).parent == article
    assert sent("", instance=article).save().attachment is None
    assert File.objects.get(pk=mine.pk).parent is None
    assert not sent(str(mine.pk), instance=article).is_valid()


def test_a_file_that_is_attached_elsewhere_stays_there() -> None:
    file = stored(somebody())
    first, second = sent(file).save(), sent(file).save()
    assert File.objects.get(pk=file.pk).parent == first
    assert second.attachment == file


def test_a_required_field_asks_for_a_file() -> None:
    assert PictureForm({"image": ""}).errors["image"] == ["This field is required."]
    assert "required" not in str(PictureForm()["image"]).partition("<button")[0]
    assert 'data-deed="clear"' not in str(PictureForm()["image"])
    assert 'data-deed="clear"' in str(ArticleForm()["attachment"])


def test_a_disabled_field_keeps_its_file() -> None:
    class Fixed(forms.Form):
        file = UploadedFormField(disabled=True)

    file = stored(somebody())
    form = Fixed({"file": ""}, initial={"file": file})
    assert form.is_valid()
    assert form.cleaned_data["file"] == file
    assert not form.has_changed()


def test_what_was_deleted_since_is_shown_without_a_link() -> None:
    user = somebody()
    file = stored(user)
    article = Article.objects.create(title="An article", attachment=file)
    run_straight(stories().files.delete(file.pk, caller=Caller(id=user.name)))
    page = str(ArticleForm(instance=article)["attachment"])
    assert "This file is no longer there." in page
    assert "<a " not in page


def test_a_name_cannot_leave_its_place_in_the_page() -> None:
    file = stored(somebody(), name="<img src=x onerror=alert(1)>.bin")
    page = str(sent(file)["attachment"])
    assert "<img" not in page
    assert "&lt;img" in page


def test_only_the_owner_gets_a_form_value() -> None:
    alice, bob, staff = somebody(), somebody(), somebody(is_staff=True)
    file = stored(alice)
    answers = {}
    for name, user in {"alice": alice, "bob": bob, "staff": staff}.items():
        client = Client(headers={"accept": "application/json"})
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        answers[name] = client.get(f"/v1/files/{file.pk}/form-value")
    assert {name: answer.status_code for name, answer in answers.items()} == {"alice": 200, "bob": 404, "staff": 404}
    assert answers["alice"]["Cache-Control"] == "no-store"
    assert sent(answers["alice"].json()["value"]).is_valid()
    assert Client().get(f"/v1/files/{file.pk}/form-value").status_code in {401, 403}


def test_an_unfinished_file_has_no_form_value() -> None:
    user = somebody()
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.get(f"/v1/files/{begun(user).pk}/form-value")
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_uploading")


def test_files_go_with_their_object() -> None:
    user = somebody()
    article = sent(stored(user)).save()
    picture = PictureForm({"image": form_value(stored(user).pk)}, instance=Picture(article=article)).save()
    files = [article.attachment_id, picture.image_id]
    article.delete()
    assert not File.objects.filter(pk__in=files).exists()
    cleanup_expired_uploads()
    assert not File.everything.filter(pk__in=files).exists()


def test_a_deleted_file_empties_the_reference() -> None:
    user = somebody()
    caller = Caller(id=user.name)
    article = sent(stored(user)).save()
    run_straight(stories().files.delete(article.attachment_id, caller=caller, hard=True))
    article.refresh_from_db()
    assert article.attachment is None
    article = sent(stored(user)).save()
    File.objects.get(pk=article.attachment_id).delete()
    article.refresh_from_db()
    assert article.attachment is None


def test_a_file_that_something_needs_is_not_deleted() -> None:
    user = somebody()
    caller = Caller(id=user.name)
    needed, free = stored(user), stored(user)
    picture = Picture.objects.create(article=Article.objects.create(title="An article"), image=needed)
    for hard in (False, True):
        with pytest.raises(Conflict, match="in use") as refusal:
            run_straight(stories().files.delete(needed.pk, caller=caller, hard=hard))
        assert refusal.value.error_code == "file_in_use"
    with pytest.raises(RestrictedError):
        needed.delete()
    outcomes = run_straight(stories().trash.delete_many([needed.pk, free.pk], caller=caller, hard=True))
    assert [getattr(error, "error_code", None) for error in outcomes] == ["file_in_use", None]
    assert File.objects.get(pk=needed.pk).deleted is None
    picture.delete()
    run_straight(stories().files.delete(needed.pk, caller=caller, hard=True))
    assert not File.everything.filter(pk__in=[needed.pk, free.pk]).exists()


def test_references_on_each_database(database: str, tmp_path: Path) -> None:
    with override_settings(MEDIA_ROOT=tmp_path, PARTWAY={"DATABASE": database}):
        user = User.objects.using(database).create(name=f"user-{uuid4()}")
        caller = Caller(id=user.name)
        new = NewUpload(file_name="a.bin", file_size=5, file_content_type="")
        ids = [run_straight(stories().proxied.store_small(new, b"hello", caller=caller)).id for _ in range(2)]
        article = Article.objects.using(database).create(title="An article", attachment_id=ids[0])
        picture = Picture.objects.using(database).create(article=article, image_id=ids[1])
        outcomes = run_straight(stories().trash.delete_many(ids, caller=caller, hard=True))
        assert [getattr(error, "error_code", None) for error in outcomes] == [None, "file_in_use"]
        article.refresh_from_db()
        assert article.attachment_id is None
        article.delete()
        assert not Picture.objects.using(database).filter(pk=picture.pk).exists()
        run_straight(stories().files.delete(ids[1], caller=caller, hard=True))
        assert not File.everything.using(database).filter(pk__in=ids).exists()


def test_trash_that_something_came_to_need_stays() -> None:
    user = somebody()
    needed, free = stored(user), stored(user)
    Picture.objects.create(article=Article.objects.create(title="An article"), image=needed)
    File.objects.filter(pk__in=[needed.pk, free.pk]).update(deleted=timezone.now() - timedelta(days=100))
    cleanup_expired_uploads()
    assert list(File.everything.filter(pk__in=[needed.pk, free.pk])) == [needed]


def test_migrations_are_whole_and_say_no_more_than_they_must() -> None:
    call_command("makemigrations", "articles", check=True, dry_run=True, verbosity=0)
    field = UploadedFileField(accept="image/*", max_size=5, null=True, blank=True)
    field.set_attributes_from_name("attachment")
    _, path, args, options = field.deconstruct()
    assert (path, args) == ("partway.django.fields.UploadedFileField", [])
    assert options == {"null": True, "blank": True, "on_delete": models.SET_NULL, "related_name": "+"}
    assert UploadedFileField(on_delete=PROTECT).deconstruct()[3]["on_delete"] is PROTECT
    again = UploadedFileField(**options)
    assert again.deconstruct()[1:] == field.deconstruct()[1:]


def test_a_field_with_a_widget_of_its_own_chooses_among_rows() -> None:
    field = Article._meta.get_field("attachment")
    assert isinstance(field.formfield(widget=forms.Select), forms.ModelChoiceField)
    assert isinstance(field.formfield(widget=UploadInput(attrs={"class": "wide"})), UploadedFormField)


def test_the_admin_shows_the_field_bare() -> None:
    client = Client()
    client.force_login(somebody(is_staff=True), backend="django.contrib.auth.backends.ModelBackend")
    article = sent(stored(somebody())).save()
    for path in ("add", f"{article.pk}/change"):
        page = client.get(f"/admin/articles/article/{path}/").content.decode()
        assert page.count("<partway-file") == 2  # one of them in the line that the page adds
        assert page.count('type="module"') == 1
        assert "related-widget-wrapper" not in page


def test_the_script_is_served_for_good() -> None:
    page = ArticleForm()
    (url,) = [word.split('"')[1] for word in str(page.media).split() if word.startswith("src=")]
    assert 'type="module"' in str(page.media)
    answer = Client().get(url)
    assert answer["Content-Type"] == "text/javascript; charset=utf-8"
    assert "immutable" in answer["Cache-Control"]
    old = "/".join(["", "partway", "0" * 16, *url.split("/")[3:]])
    assert Client().get(old)["Cache-Control"] == "no-cache"
    assert Client().get(f"{url}x").status_code == 404
    assert Client().get(url.replace("field/field.js", "index.html")).status_code == 404
    assert Client().post(url).status_code == 405


WORDS = st.sampled_from([".pdf", ".tar.gz", "image/*", "image/png", "application/zip", "*/*", "text/plain"])


@given(st.lists(WORDS, max_size=4))
def test_accept_is_read_as_it_is_written(words: list[str]) -> None:
    accept = Accept.read(" , ".join(words).upper())
    assert set(words) <= set(accept.html.split(",")) | {""}
    assert Accept.read(accept.html).html == accept.html


@pytest.mark.parametrize(
    ("accept", "name", "kind", "taken"),
    [
        ("", "a", "", True),
        ("image/*", "a.png", "image/png", True),
        ("image/*", "a.png", "application/octet-stream", True),
        ("image/*", "a.txt", "text/plain", False),
        (".pdf", "a.PDF", "application/octet-stream", True),
        (".pdf", "pdf", "application/pdf", False),
        ("application/zip", "a.zip", "application/x-zip-compressed", True),
        ("application/x-zip-compressed", "a.zip", "application/zip", True),
        ("*/*", "a", "application/octet-stream", True),
    ],
)
def test_what_is_accepted(accept: str, name: str, kind: str, taken: bool) -> None:
    assert Accept.read(accept).takes(name, kind) is taken


@pytest.mark.parametrize("accept", ["pdf", "image/*,png"])
def test_a_word_that_means_nothing_is_refused(accept: str) -> None:
    with pytest.raises(ValueError, match="neither a media type such as"):
        UploadedFileField(accept=accept)
    with pytest.raises(ValueError, match="neither a media type such as"):
        UploadedFormField(accept=accept)
