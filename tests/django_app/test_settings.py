"""Each setting of a project does what it says, and wrong ones are named and never break a request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, override_settings

from partway.core.blocking import run_straight
from partway.core.file import Caller, File
from partway.core.initiation import NewUpload
from partway.core.parts import GIB, MIB
from partway.django.conf import Configuration, configuration
from partway.django.options import OPTIONS, PLAIN, option, problems
from partway.django.stories import stories
from partway.django.testing import make_file
from partway.errors import PolicyRefused
from tests.acceptance.api import SECRET
from tests.django_app.models import User

Read = Callable[[Configuration], Any]
NEW = {"file_name": "a.bin", "file_size": 5, "file_content_type": ""}


class Listener:
    """Hooks of the project's."""

    def __init__(self) -> None:
        self.heard: list[File] = []

    def before_initiate(self, draft: NewUpload, caller: Caller) -> None:
        """Take nothing called no."""
        if draft.file_name == "no":
            raise PolicyRefused("Not this one.", code="not_this_one")

    def after_complete(self, file: File) -> None:
        """Note it."""
        self.heard.append(file)


HOOKS = Listener()

#: Setting → a value, and where it is found. The others have tests of their own.
VALUES: dict[str, tuple[Any, Read, Any]] = {
    "ALLOWED_EXTENSIONS": ([".PDF"], lambda found: found.uploads.policy.allowed_extensions, {"pdf"}),
    "ALLOWED_FILE_TYPES": (["image/*"], lambda found: found.uploads.policy.allowed_content_types, {"image/*"}),
    "CHECK_CONTENT": (True, lambda found: found.uploads.detector is not None, True),
    "COMPLETE_VANISHED": (True, lambda found: found.upkeep.complete_vanished, True),
    "DATABASE": ("default", lambda found: found.database, "default"),
    "DOWNLOAD_URL_EXPIRATION": (60, lambda found: found.download_expiry, 60),
    "FILE_UPLOAD_PRESIGNED_URL_EXPIRATION": (60, lambda found: found.uploads.url_expiry, 60),
    "FILE_UPLOAD_QUOTA_PER_USER": (10, lambda found: found.uploads.quota.bytes, 10),
    "FOLDER_STRUCTURE": (
        "media/{year}",
        lambda found: found.uploads.key_template.template,
        "{folder}/media/{year}/{id}_{name}",
    ),
    "HOOKS": (f"{__name__}.HOOKS", lambda found: found.hooks is HOOKS, True),
    "KEEP_ENDED_DAYS": (3, lambda found: found.upkeep.keep_ended, timedelta(days=3)),
    "KEY_TEMPLATE": ("x/{id}", lambda found: found.uploads.key_template.template, "x/{id}"),
    "MAX_FILE_UPLOAD_SIZE": (7, lambda found: found.uploads.policy.max_file_size, 7),
    "PART_SIZE": (6 * MIB, lambda found: found.uploads.part_size, 6 * MIB),
    "PRESERVE_FILENAME": (
        False,
        lambda found: found.uploads.key_template.template,
        "{folder}/{year}/{month}/{day}/{id}{extension}",
    ),
    "PUBLIC_MAX_AGE": (0, lambda found: found.public_max_age, 0),
    "PUBLIC_URL": ("https://a.example.com/", lambda found: found.public_url, "https://a.example.com"),
    "QUOTA_UPLOADS": (2, lambda found: found.uploads.quota.uploads, 2),
    "TRASH_DAYS": (0, lambda found: found.upkeep.keep_trash, None),
    "UPLOAD_TTL": (60, lambda found: found.uploads.upload_ttl, 60),
    "UUID_PREFIX": (False, lambda found: found.uploads.key_template.may_repeat, True),
}
#: Those that have tests of their own → where.
ELSEWHERE = {
    "test_storages": [
        *("AWS_S3_PUBLIC_ENDPOINT_URL", "CDN_URL", "CLOUDFRONT_KEY_ID", "CLOUDFRONT_PRIVATE_KEY", "ENCRYPT_AT_REST"),
        *("KMS_KEY_ID", "LOCAL_ROOT", "OBJECT_TAGS", "READ_TIMEOUT", "STORAGE", "STORAGE_CLASS", "STORE"),
    ],
    "test_permissions": ["MAY_ATTACH", "PARENTS", "PERMISSION_CLASSES", "THROTTLE_CLASSES"],
    "below": ["JWKS_URL", "JWT_AUDIENCE", "JWT_ISSUER", "JWT_SECRET", "MAX_BODY_SIZE"],
}
#: Setting → values that it may not have.
WRONG: dict[str, list[Any]] = {
    "ALLOWED_EXTENSIONS": ["pdf", [1], 7, [""]],
    "ALLOWED_FILE_TYPES": ["image/png", [None]],
    "AWS_S3_PUBLIC_ENDPOINT_URL": ["store.example.com", "ftp://a", "http://a:99999", "http://"],
    "CDN_URL": ["cdn.example.com", 7],
    "CHECK_CONTENT": ["yes", 1],
    "CLOUDFRONT_KEY_ID": [7, " "],
    "CLOUDFRONT_PRIVATE_KEY": [7, ""],
    "COMPLETE_VANISHED": [None, "no"],
    "DATABASE": ["nowhere", None, 7],
    "DOWNLOAD_URL_EXPIRATION": [0, 604_801, "60", 60.0, None, True],
    "ENCRYPT_AT_REST": ["true"],
    "FILE_UPLOAD_PRESIGNED_URL_EXPIRATION": [0, 604_801, "60", None],
    "FILE_UPLOAD_QUOTA_PER_USER": [-1, "1 GiB", 2**63],
    "FOLDER_STRUCTURE": [7, ["a"]],
    "HOOKS": ["no.such.hooks", f"{__name__}.Listener", f"{__name__}.VALUES", object(), "hooks"],
    "JWKS_URL": ["keys"],
    "JWT_AUDIENCE": [["a"]],
    "JWT_ISSUER": [""],
    "JWT_SECRET": ["short", 7],
    "KEEP_ENDED_DAYS": [-1, None],
    "KEY_TEMPLATE": ["", 7],
    "KMS_KEY_ID": [""],
    "LOCAL_ROOT": ["", 7],
    "MAX_BODY_SIZE": [0, None, "4 MiB"],
    "MAX_FILE_UPLOAD_SIZE": [-1, "5GB", 1.5],
    "MAY_ATTACH": ["no.such", 7],
    "OBJECT_TAGS": ["a=b", {"a": 1}],
    "PARENTS": ["post", "blog.post", ["post"], [7]],
    "PART_SIZE": [5 * MIB - 1, 5 * GIB + 1, "8"],
    "PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny", ["no.such"], [7], None],
    "PRESERVE_FILENAME": [None, 0],
    "PUBLIC_MAX_AGE": [-1, None],
    "PUBLIC_URL": ["example.com", "https://a.example.com?b=c"],
    "QUOTA_UPLOADS": [0, "2"],
    "READ_TIMEOUT": [0, 301, None],
    "STORAGE": ["", 7],
    "STORAGE_CLASS": ["", 7],
    "STORE": ["no.such", 7],
    "THROTTLE_CLASSES": ["a.b", ["no.such"]],
    "TRASH_DAYS": [-1, None],
    "UPLOAD_TTL": [59, None],
    "UUID_PREFIX": ["yes"],
}


def with_setting(name: str, value: Any) -> override_settings:
    """A project with one setting."""
    if name in PLAIN:
        return override_settings(**{name: value}, PARTWAY={})
    return override_settings(PARTWAY={name: value})


@pytest.fixture(autouse=True)
def disk(tmp_path: Path) -> Any:
    """A folder of each test's own."""
    with override_settings(MEDIA_ROOT=tmp_path):
        yield


def test_every_setting_has_its_tests() -> None:
    elsewhere = [name for names in ELSEWHERE.values() for name in names]
    assert sorted([*VALUES, *elsewhere]) == sorted(WRONG) == sorted([*OPTIONS, *PLAIN])


def test_the_documentation_names_every_setting() -> None:
    text = (Path(__file__).parents[2] / "docs" / "django.md").read_text()
    assert [name for name in [*OPTIONS, *PLAIN] if f"`{name}`" not in text] == []


def test_the_defaults_are_right() -> None:
    with override_settings(PARTWAY={}):
        assert list(problems()) == []
        assert configuration().uploads.policy.max_file_size is None  # the settings of the tests say so
        assert [option(name) for name in ("TRASH_DAYS", "UPLOAD_TTL", "PART_SIZE")] == [30, 86_400, 8 * MIB]


@pytest.mark.parametrize("name", VALUES)
def test_a_setting_is_taken(name: str) -> None:
    value, read, expected = VALUES[name]
    with with_setting(name, value):
        assert list(problems()) == []
        assert read(configuration()) == expected


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_setting_is_named(name: str, value: Any) -> None:
    with with_setting(name, value):
        (problem,) = problems()
        assert name in problem
        with pytest.raises(ImproperlyConfigured) as raised:
            configuration()
        assert str(raised.value) == problem


def test_no_error_repeats_a_secret() -> None:
    with override_settings(PARTWAY={"JWT_SECRET": "hunter2"}):
        (problem,) = problems()
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"PARTSIZE": 1}, "did you mean 'PART_SIZE'"),
        ({"part_size": 1}, "did you mean 'PART_SIZE'"),
        ({"XYZ": 1}, "it knows ALLOWED_EXTENSIONS"),
        (["PART_SIZE"], "PARTWAY must be a dict"),
        ({"KEY_TEMPLATE": "{id}", "FOLDER_STRUCTURE": ""}, "both say how keys are made"),
        ({"KEY_TEMPLATE": "{id}", "UUID_PREFIX": True}, "both say how keys are made"),
        ({"JWT_SECRET": SECRET, "JWKS_URL": "https://a.example.com"}, "keep the one"),
        ({"CLOUDFRONT_KEY_ID": "K"}, "belong together"),
        ({"CLOUDFRONT_PRIVATE_KEY": "K"}, "belong together"),
        ({"KMS_KEY_ID": "K", "ENCRYPT_AT_REST": False}, "keep one"),
    ],
)
def test_what_is_not_known_or_contradicts_itself_is_named(given: Any, said: str) -> None:
    with override_settings(PARTWAY=given):
        assert said in " ".join(problems())
        with pytest.raises(ImproperlyConfigured, match=said):
            configuration()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"FOLDER_STRUCTURE": "{month"}, 'PARTWAY["FOLDER_STRUCTURE"] cannot be read'),
        ({"FOLDER_STRUCTURE": "{name}"}, 'PARTWAY["FOLDER_STRUCTURE"] has an unknown placeholder'),
        ({"KEY_TEMPLATE": "files/{name}"}, "has no {id}"),
        ({"KEY_TEMPLATE": "a b/{id}"}, 'PARTWAY["KEY_TEMPLATE"]: the template of keys may hold'),
        ({"LOCAL_ROOT": "/proc/nowhere"}, "folder /proc/nowhere cannot be used"),
    ],
)
def test_what_the_core_says_of_settings_has_their_names(given: dict[str, Any], said: str) -> None:
    with override_settings(PARTWAY=given), pytest.raises(ImproperlyConfigured) as raised:
        configuration()
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "given",
    [{"PART_SIZE": "x"}, {"NO_SUCH": 1}, 7, {"FOLDER_STRUCTURE": "{x}"}, {"PERMISSION_CLASSES": 7}, {"STORE": dict}],
)
def test_wrong_settings_are_no_500(given: Any, default_database: None, caplog: pytest.LogCaptureFixture) -> None:
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get_or_create(name="ann")[0])
    with override_settings(PARTWAY=given):
        for path in ("/v1/files", "/v1/files/uploads", "/store/a", "/health/ready"):
            answer = client.post(path, NEW, "application/json") if "uploads" in path else client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "misconfigured"), path
            assert "PARTWAY" not in answer.json()["detail"]
        assert client.get("/health/live").status_code == 200
    assert "The settings of this project are wrong: " in caplog.text


def test_max_body_size(default_database: None) -> None:
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get_or_create(name="ann")[0])
    with override_settings(PARTWAY={"MAX_BODY_SIZE": 50}):
        answer = client.post("/v1/files/uploads", {"file_name": "a" * 60}, "application/json")
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_hooks_are_asked_and_told(default_database: None) -> None:
    owner = f"user-{uuid4()}"
    with override_settings(PARTWAY={"HOOKS": HOOKS}):
        with pytest.raises(PolicyRefused, match="Not this one"):
            run_straight(stories().uploads.initiate(NewUpload(file_name="no", file_size=1), caller=Caller(id=owner)))
        new = NewUpload(file_name="a.txt", file_size=5)
        file = run_straight(stories().proxied.store_small(new, b"hello", caller=Caller(id=owner)))
        assert [heard.id for heard in HOOKS.heard] == [file.id]
        make_file(b"hello", file_name="no")  # past the hooks
        assert len(HOOKS.heard) == 1
