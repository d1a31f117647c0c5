"""Who may ask, how often, and what files may be attached to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import Http404
from django.test import Client, RequestFactory, override_settings
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle, SimpleRateThrottle
from rest_framework.views import APIView

from partway.django.api import FilesView
from partway.django.permissions import IsOwnerOrStaff
from partway.django.testing import local_files, make_file
from tests.acceptance.api import SECRET, token_for
from tests.django_app.models import Post, User

NEW = {"file_name": "a.bin", "file_size": 5, "file_content_type": ""}


@pytest.fixture(autouse=True)
def project(default_database: None, tmp_path: Path) -> Iterator[None]:
    """The project with files of its own for each test, and nobody counted."""
    cache.clear()
    with override_settings(PARTWAY={"JWT_SECRET": SECRET}), local_files(tmp_path):
        yield


@pytest.fixture
def user() -> User:
    """Somebody."""
    return User.objects.create(name=f"user-{uuid4()}")


@pytest.fixture
def client(user: User) -> Client:
    """Their browser."""
    return signed_in(user)


def signed_in(user: User, **options: Any) -> Client:
    """A browser in which somebody has signed in."""
    client = Client(SERVER_NAME="localhost", **options)
    client.force_login(user)
    return client


def partway(**more: Any) -> override_settings:
    """More keys of `PARTWAY`."""
    return override_settings(PARTWAY={**settings.PARTWAY, **more})


class Weekdays(BasePermission):
    """A permission of the project's."""

    message = "Only on weekdays."

    def has_permission(self, request: Request, view: APIView) -> bool:
        """It is never one."""
        return False


class Hidden(BasePermission):
    """A permission that hides what is there, by Django's own error."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """There is nothing."""
        raise Http404


def test_permission_classes_are_the_projects(client: Client) -> None:
    assert client.get("/v1/files").status_code == 200
    with partway(PERMISSION_CLASSES=[f"{__name__}.Weekdays"]):
        answer = client.get("/v1/files")
        assert (answer.status_code, answer.json()["code"]) == (403, "refused")
        assert answer.json()["detail"] == "Only on weekdays."
        file = make_file(b"hello", is_public=True)
        assert client.get(f"/v1/files/{file.pk}/public").getvalue() == b"hello"  # everybody's
    with partway(PERMISSION_CLASSES=[Hidden]):
        assert client.get("/v1/files").json()["code"] == "not_found"


@pytest.mark.parametrize("classes", [[], ["rest_framework.permissions.AllowAny"]])
def test_nobody_owns_files_without_being_known(classes: list[str]) -> None:
    with partway(PERMISSION_CLASSES=classes):
        answer = Client(SERVER_NAME="localhost").post("/v1/files/uploads", NEW, "application/json")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_401_asks_for_what_the_project_takes() -> None:
    nobody = Client(SERVER_NAME="localhost")
    assert nobody.get("/v1/files")["WWW-Authenticate"] == "Bearer"
    for kinds, challenge in {
        (SessionAuthentication,): "Session",
        (SessionAuthentication, BasicAuthentication): 'Basic realm="api"',
    }.items():
        with patch.object(FilesView, "authentication_classes", kinds):
            answer = nobody.get("/v1/files")
            assert (answer.status_code, answer["WWW-Authenticate"]) == (401, challenge)


def test_a_foreign_page_cannot_ask_in_a_users_name(user: User) -> None:
    client = signed_in(user, enforce_csrf_checks=True)
    answer = client.post("/v1/files/uploads", NEW, "application/json")
    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "csrf_failed"
    client.cookies["csrftoken"] = token = "t" * 32
    answer = client.post("/v1/files/uploads", NEW, "application/json", HTTP_X_CSRFTOKEN=token)
    assert answer.status_code == 201
    answer = client.post("/v1/files/uploads", b"{", "application/json", HTTP_X_CSRFTOKEN=token)
    assert answer.json()["code"] == "malformed_body"
    with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=10):
        answer = client.post("/v1/files/uploads", NEW, "application/json", HTTP_X_CSRFTOKEN=token)
    assert answer.status_code == 201


def test_a_form_is_not_read_twice_for_its_csrf_token(user: User) -> None:
    client = signed_in(user, enforce_csrf_checks=True)
    client.cookies["csrftoken"] = token = "t" * 32
    form = {"file": SimpleUploadedFile("a.txt", b"hello" * 100_000)}
    answer = client.post("/v1/files/upload", form, HTTP_X_CSRFTOKEN=token)
    assert answer.status_code == 201, answer.content
    assert answer.json()["file_size"] == 500_000
    form = {"file": SimpleUploadedFile("a.txt", b"hello")}
    assert client.post("/v1/files/upload", form).json()["code"] == "csrf_failed"


@pytest.mark.parametrize("accept", ["application/octet-stream", "text/event-stream", "application/xml;version=9"])
def test_any_accept_is_taken(client: Client, accept: str) -> None:
    assert client.get("/v1/files", HTTP_ACCEPT=accept).status_code == 200
    assert client.get("/v1/files?format=xml").status_code == 200


class Rarely(ScopedRateThrottle):
    """Rates of the project's."""

    THROTTLE_RATES = {"partway_initiate": "2/hour", "partway_download": "1/day", "other": "1/day"}  # noqa: RUF012


def throttled(how: str) -> AbstractContextManager[Any]:
    """A project in which requests are counted, by whatever setting."""
    if how == "view":
        return patch.object(FilesView, "throttle_classes", [Rarely])
    if how == "partway":
        return partway(THROTTLE_CLASSES=[f"{__name__}.Rarely"])
    return override_settings(
        REST_FRAMEWORK={**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_CLASSES": [f"{__name__}.Rarely"]}
    )


@pytest.mark.parametrize("how", ["view", "partway", "framework"])
def test_throttles_count_by_families_of_endpoints(client: Client, how: str) -> None:
    with throttled(how):
        statuses = [client.post("/v1/files/uploads", NEW, "application/json").status_code for _ in range(3)]
        assert statuses == [201, 201, 429]
        answer = client.post("/v1/files/uploads/batch", {"files": [NEW]}, "application/json")
        assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
        assert 0 < int(answer["Retry-After"]) <= 3600
        assert client.get("/v1/files").status_code == 200  # no rate, no limit


def test_a_rate_for_a_scope_that_is_not_ours_does_no_harm(client: Client) -> None:
    rates = patch.object(SimpleRateThrottle, "THROTTLE_RATES", {"other": "1/day"})
    with rates, partway(THROTTLE_CLASSES=[ScopedRateThrottle]):
        assert [client.get("/v1/files").status_code for _ in range(3)] == [200, 200, 200]


def test_is_owner_or_staff(user: User) -> None:
    staff, other = User(name="boss", is_staff=True), User(name="other")
    file = make_file(b"hello", owner=user)
    holder = type("Holder", (), {"file": file})()
    permission = IsOwnerOrStaff()

    def may(person: Any, thing: Any = file) -> bool:
        request = Request(RequestFactory().get("/"))
        request.user, request.auth = person, None
        known = permission.has_permission(request, APIView())
        return known and permission.has_object_permission(request, APIView(), thing)

    assert [may(each) for each in (user, staff, other)] == [True, True, False]
    assert [may(each, holder) for each in (user, other)] == [True, False]
    request = Request(RequestFactory().get("/"))
    assert not permission.has_permission(request, APIView())


def attach(client: Client, kind: str, object_id: Any) -> Any:
    """Begin an upload that is attached to something."""
    body = {**NEW, "parent_content_type": kind, "parent_object_id": object_id}
    return client.post("/v1/files/uploads", body, "application/json")


def test_parents_are_texts_unless_the_project_says_more(client: Client) -> None:
    assert attach(client, "no.such", "thing").status_code == 201


@pytest.mark.parametrize("parents", ["*", ["tests_app.post"], ["Tests_App.Post", "auth.group"]])
def test_parents_must_be_there(client: Client, parents: Any) -> None:
    post = Post.objects.create(title="a post")
    with partway(PARENTS=parents):
        answer = attach(client, "tests_app.Post", f"0{post.pk}")
        assert answer.status_code == 201
        file = client.get(f"/v1/files/{answer.json()['id']}").json()
        assert (file["parent_content_type"], file["parent_object_id"]) == ("tests_app.post", post.pk)
        for missing in ("999999", "x", "9" * 30):
            refused = attach(client, "tests_app.post", missing)
            assert (refused.status_code, refused.json()["code"]) == (403, "parent_refused")
        for kind in ("no.such", "post", "a.b.c", ""):
            refused = attach(client, kind, post.pk)
            assert (refused.status_code, refused.json()["field"]) == (422, "parent_content_type")
        half = client.post("/v1/files/uploads", {**NEW, "parent_object_id": "1"}, "application/json")
        assert half.json()["field"] == "parent_content_type"
        assert client.post("/v1/files/uploads", NEW, "application/json").status_code == 201


def test_only_listed_kinds_take_files(client: Client, user: User) -> None:
    with partway(PARENTS=["tests_app.post"]):
        assert attach(client, "tests_app.user", user.pk).json()["field"] == "parent_content_type"


def own_posts(user: User | None, parent: Any) -> bool:
    """A rule of the project's: a post is its namesake's."""
    return user is not None and parent.title == user.name


def test_a_rule_says_who_may_attach(client: Client, user: User) -> None:
    mine, other = Post.objects.create(title=user.name), Post.objects.create(title="other")
    file = make_file(b"hello", owner=user)

    def set_parent(post: Post | None, at: Any = file) -> Any:
        parent = {
            "parent_content_type": None if post is None else "tests_app.post",
            "parent_object_id": None if post is None else post.pk,
        }
        return client.post(f"/v1/files/{at.pk}/set-parent", parent, "application/json")

    with partway(MAY_ATTACH=f"{__name__}.own_posts"):
        assert attach(client, "tests_app.post", mine.pk).status_code == 201
        assert attach(client, "tests_app.post", other.pk).json()["code"] == "parent_refused"
        assert set_parent(mine).status_code == 200
        assert set_parent(other).json()["code"] == "parent_refused"
        assert set_parent(None).status_code == 200
        foreign = make_file(b"hello", owner=User.objects.create(name=f"user-{uuid4()}"))
        assert set_parent(other, at=foreign).json()["code"] == "not_found"
        form = {"file": SimpleUploadedFile("a.txt", b"hello"), "parent_content_type": "tests_app.post"}
        answer = client.post("/v1/files/upload", {"parent_object_id": other.pk, **form})
        assert answer.json()["code"] == "parent_refused"
        bearer = Client(SERVER_NAME="localhost", HTTP_AUTHORIZATION=f"Bearer {token_for(user.name)}")
        assert attach(bearer, "tests_app.post", mine.pk).status_code == 201
