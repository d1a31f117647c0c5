"""Every text that people read can be translated: in a language that puts all texts in brackets, none stands without."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django import forms
from django.contrib import admin
from django.test import Client, override_settings
from django.urls import include, path
from django.utils import translation

from partway.core.blocking import run_straight
from partway.core.file import OBJECT_MISSING, Caller, UploadStatus
from partway.core.initiation import NewUpload
from partway.core.refusals import wrong_state
from partway.django.admin import FileAdmin
from partway.django.admin.tally import STATES
from partway.django.forms import UploadedFileField
from partway.django.models import File, Part
from partway.django.stories import stories
from tests.django_app.models import User

LIST = "/admin/partway/file/"
NAME = "0000.0000"  # of files and people: no letters
urlpatterns = [path("admin/", admin.site.urls), path("", include("partway.django.urls"))]


class Texts(HTMLParser):
    """What a page says."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        """Attributes that are shown or read out."""
        self._silent += tag in {"script", "style", "code", "title"}
        said = {"title", "placeholder", "aria-label", *([] if tag != "input" else ["value"])}
        kind = dict(attrs).get("type")
        for name, value in attrs:
            if name.startswith("data-word-") or (name in said and (name != "value" or kind in {"submit", "button"})):
                self.found.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in {"script", "style", "code", "title"}

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.found.append(data)


def untranslated(page: str) -> list[str]:
    """The texts of a page, or pieces of them, that stand in no brackets; words with digits or slashes are values."""
    texts = Texts()
    texts.feed(page)
    for _ in range(3):  # brackets within brackets
        texts.found = [re.sub(r"⟦[^⟦⟧]*⟧", "", text) for text in texts.found]
    words = [re.sub(r"\S*[\d/]\S*", "", text).strip() for text in texts.found]
    return [text for text in words if re.search(r"[^\W\d_]{2}", text)]


@pytest.fixture(autouse=True)
def bracketed(default_database: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A project in that language."""
    catalog: Any = translation._trans  # type: ignore[attr-defined]

    def in_brackets(translate: Callable[..., str]) -> Callable[..., str]:
        return lambda *args: f"⟦{translate(*args)}⟧"

    for name in ("gettext", "ngettext", "pgettext", "npgettext"):
        monkeypatch.setattr(catalog, name, in_brackets(getattr(catalog, name)))
    with override_settings(MEDIA_ROOT=tmp_path, PARTWAY={}, ROOT_URLCONF=__name__):
        yield


def test_the_widget() -> None:
    form = type("Form", (forms.Form,), {"file": UploadedFileField(required=False)})
    assert untranslated(str(form()["file"])) == []


def test_the_admin() -> None:
    Part.objects.all().delete()
    File.everything.all()._raw_delete("default")  # whose names have letters; without bringing them back
    user = User.objects.create(name=f"{uuid4().int}", is_staff=True)
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user)
    new = NewUpload(file_name=NAME, file_size=5, file_content_type="")
    file = run_straight(stories().proxied.store_small(new, b"hello", caller=Caller(id=user.name)))
    upload = run_straight(stories().uploads.initiate(new, caller=Caller(id=user.name))).file
    for page in [LIST, *(f"{LIST}{each.id}/{name}/" for each in (file, upload) for name in ("change", "delete"))]:
        assert untranslated(content(client.get(page))) == [], page
    for action in FileAdmin.actions:
        asked = {"action": action, "_selected_action": [str(file.id), str(upload.id)]}
        for sure in ({}, {"post": "yes"}):  # some ask first
            assert untranslated(content(client.post(LIST, {**asked, **sure}, follow=True))) == [], action


def content(answer: Any) -> str:
    """What stands on a page of the admin between its frame."""
    assert answer.status_code == 200
    page = answer.content.decode()
    messages = page.partition('<ul class="messagelist">')[2].partition("</ul>")[0]
    return messages + page.partition('id="content"')[2].partition(">")[2]


def test_what_the_core_says_of_states_is_found_by_those_who_collect_texts() -> None:
    new = NewUpload(file_name=NAME, file_size=5, file_content_type="")
    file = run_straight(stories().uploads.initiate(new, caller=Caller(id="somebody"))).file
    states = [replace(file, upload_status=status) for status in UploadStatus]
    assert {wrong_state(each).detail for each in [*states, replace(file, failure=OBJECT_MISSING)]} == set(STATES)
