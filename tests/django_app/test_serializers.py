"""Files in a project's own serializers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connections
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from partway.core.blocking import run_straight
from partway.core.file import Caller
from partway.core.initiation import NewUpload
from partway.django.models import File
from partway.django.serializers import FileReferenceField, FileSerializer
from partway.django.stories import stories
from partway.wire.schemas import FileAnswer
from tests.django_app.models import Post, User
from tests.django_app.test_schema import VERSIONS, schema_of

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class PostSerializer(serializers.ModelSerializer[Post]):
    """A post with its files."""

    attachments = FileSerializer(many=True)
    cover = FileReferenceField()

    class Meta:
        model = Post
        fields: ClassVar = ["title", "attachments", "cover"]


class LinkSerializer(FileSerializer):
    """As little of a file as a page needs, and something of the project's own."""

    kind = serializers.SerializerMethodField()

    class Meta(FileSerializer.Meta):
        fields: ClassVar = ["url", "name", "kind", "created_by"]

    def get_kind(self, file: File) -> str:
        """The first half of the type."""
        return file.file_content_type.partition("/")[0]


@pytest.fixture(autouse=True)
def project(database: str, tmp_path: Path) -> Iterator[None]:
    """The app with its files on the local disk."""
    with override_settings(MEDIA_ROOT=tmp_path, PARTWAY={"DATABASE": database}):
        yield


def user(*, staff: bool = False) -> User:
    """Somebody."""
    return User.objects.using("sqlite").create(name=f"user-{uuid4()}", is_staff=staff)


def begun(owner: User) -> File:
    """A file that is being uploaded."""
    new = NewUpload(file_name="a.txt", file_size=5, file_content_type="text/plain")
    file = run_straight(stories().uploads.initiate(new, caller=Caller(id=owner.name))).file
    return File.objects.using("sqlite").get(pk=file.id)


def stored(owner: User) -> File:
    """A finished file."""
    new = NewUpload(file_name="a.txt", file_size=5, file_content_type="text/plain")
    file = run_straight(stories().proxied.store_small(new, b"hello", caller=Caller(id=owner.name)))
    return File.objects.using("sqlite").get(pk=file.id)


def request_of(who: Any) -> Request:
    """A request of somebody."""
    request = Request(APIRequestFactory().get("/", HTTP_HOST="localhost"))
    request.user = who
    return request


def test_a_file_is_shown_as_the_api_shows_it() -> None:
    owner = user()
    file = stored(owner)
    shown = FileSerializer(file, context={"request": request_of(owner)}).data
    assert list(shown) == list(FileAnswer.model_fields)
    assert FileAnswer.model_validate(shown).url == f"http://localhost/v1/files/{file.pk}/download"
    assert (shown["id"], shown["created_by"], shown["s3_key"]) == (str(file.pk), owner.name, file.key)


def test_without_a_request_addresses_are_paths_or_the_public_urls() -> None:
    file = stored(user())
    assert FileSerializer(file).data["url"] == f"/v1/files/{file.pk}/download"
    with override_settings(PARTWAY={"DATABASE": "sqlite", "PUBLIC_URL": "https://files.example.com/"}):
        assert FileSerializer(file).data["url"] == f"https://files.example.com/v1/files/{file.pk}/download"


def test_nested_files_are_read_only_and_ask_the_database_nothing_more() -> None:
    owner = user()
    files = [stored(owner) for _ in range(3)]
    assert PostSerializer().fields["attachments"].read_only
    with CaptureQueriesContext(connections["sqlite"]) as asked:
        shown = FileSerializer(File.objects.using("sqlite").filter(owner=owner.name), many=True).data
    assert {each["id"] for each in shown} == {str(file.pk) for file in files}
    assert len(asked) == 1


def test_a_project_chooses_fields_and_adds_its_own() -> None:
    owner = user()
    shown = LinkSerializer(stored(owner)).data
    assert list(shown) == ["url", "name", "kind", "created_by"]
    assert (shown["kind"], shown["created_by"]) == ("text", owner.name)


def taken(who: Any, value: Any) -> PostSerializer:
    """A serializer that was sent an id."""
    return PostSerializer(data={"title": "a post", "cover": value}, context={"request": request_of(who)})


def test_an_id_of_the_callers_own_finished_file_is_taken() -> None:
    owner = user()
    file = stored(owner)
    serializer = taken(owner, str(file.pk))
    assert serializer.is_valid(), serializer.errors
    assert serializer.validated_data == {"title": "a post", "cover": file}
    assert FileReferenceField().to_representation(file) == str(file.pk)
    assert taken(user(staff=True), str(file.pk)).is_valid()


def test_other_ids_are_refused() -> None:
    owner = user()
    deleted = stored(owner)
    run_straight(stories().files.delete(deleted.pk, caller=Caller(id=owner.name)))
    for value in (stored(user()).pk, begun(owner).pk, deleted.pk, uuid4(), "no id", 7, None, ["a"]):
        serializer = taken(owner, value)
        assert not serializer.is_valid(), value
        assert list(serializer.errors) == ["cover"]
    assert not taken(AnonymousUser(), str(stored(owner).pk)).is_valid()


class PostsView(generics.ListCreateAPIView[Post]):
    """Posts."""

    queryset = Post.objects.all()
    serializer_class = PostSerializer


class LinksView(generics.ListAPIView[File]):
    """Links."""

    queryset = File.objects.all()
    serializer_class = LinkSerializer


@pytest.mark.parametrize("version", VERSIONS)
def test_they_describe_themselves(version: str) -> None:
    schema = schema_of(version, path("posts", PostsView.as_view()), path("links", LinksView.as_view()))
    posts = schema["components"]["schemas"]["Post"]["properties"]
    assert posts["attachments"]["items"] == {"$ref": "#/components/schemas/FileAnswer"}
    assert (posts["cover"]["type"], posts["cover"]["format"]) == ("string", "uuid")
    whole = schema["components"]["schemas"]["FileAnswer"]
    assert list(whole["properties"]) == list(FileAnswer.model_fields)
    links = schema["components"]["schemas"]["Link"]["properties"]
    assert links["url"]["type"] == "string"
    assert links["url"]["readOnly"]
