"""What projects test themselves with: a store of their own, and files that are there at once."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client, TestCase, override_settings

from partway.core.blocking import run_straight
from partway.django.conf import configuration
from partway.django.models import File as Row
from partway.django.options import option
from partway.django.testing import local_files, make_file
from tests.django_app.models import Post, User


def test_files_of_tests_lie_apart_and_past_the_policy(default_database: None, tmp_path: Path) -> None:
    strict = {"ALLOWED_EXTENSIONS": ["pdf"], "STORAGE": "default", "CDN_URL": "https://cdn.example.com"}
    with override_settings(PARTWAY=strict, MAX_FILE_UPLOAD_SIZE=1):
        with local_files() as folder:
            user = User.objects.create(name=f"user-{uuid4()}", full_name="Ann Lee")
            file = make_file("grün", owner=user, parent=user, file_name="a.txt", is_public=True, metadata={"a": 1})
            assert (folder / "objects").is_dir()
            assert run_straight(configuration().store.head(file.key)) is not None
            assert (file.file_size, file.file_content_type, file.upload_status) == (5, "text/plain", "completed")
            assert (file.created_by, file.created_by_name, file.parent) == (user, "Ann Lee", user)
            assert (file.is_public, file.metadata) == (True, {"a": 1})
            assert configuration().uploads.policy.allowed_extensions == frozenset({"pdf"})
        assert not folder.exists()
        with local_files(tmp_path / "mine") as mine:
            nobody = make_file()
            assert (nobody.created_by, nobody.file_size, mine) == (None, 0, tmp_path / "mine")
            assert Row.objects.filter(pk=file.pk).exists()


@pytest.mark.usefixtures("default_database")
class PostTests(TestCase):
    """As docs/django.md shows it."""

    def setUp(self) -> None:
        """An empty folder, somebody and a post."""
        self.enterContext(local_files())
        self.user = User.objects.create(name=f"user-{uuid4()}")
        self.post = Post.objects.create(title="a post")
        self.client = Client(SERVER_NAME="localhost")

    def test_a_post_has_its_files(self) -> None:
        """In the transaction of the test."""
        file = make_file(b"hello", owner=self.user, parent=self.post, file_name="a.txt")
        assert transaction.get_connection().in_atomic_block
        self.client.force_login(self.user)
        assert self.client.get(f"/v1/files/{file.pk}/download").getvalue() == b"hello"
        assert file.parent == self.post


@local_files()
def kept() -> Path:
    """Something that is done with files of its own."""
    root: Path = option("LOCAL_ROOT")
    return root


def test_it_is_a_decorator_too(default_database: None) -> None:
    assert kept() != kept()
