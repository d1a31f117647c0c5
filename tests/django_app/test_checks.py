"""What `manage.py check` says of a project, each with its cure; only `--deploy` asks anybody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from django.core.management import call_command
from django.test import override_settings
from django.urls import include, path
from django.views.static import serve

from partway.core.blocking import run_straight
from partway.core.parts import MIB
from partway.django.store_checks import TAG, origins
from partway.s3.bucket_cors import CorsRule
from partway.s3.bucket_lifecycle import Abort, with_own_lifecycle_rule
from partway.s3.bucket_rules import LIFECYCLE, RuleDocument
from partway.stores.s3 import S3Store
from partway.stores.s3.administration import BucketAdministration
from tests.django_app.with_storages import with_storages
from tests.servers.ports import free_port
from tests.servers.seaweedfs import SeaweedFS

KEYS = {"access_key": "AK", "secret_key": "secret", "bucket_name": "b"}
S3 = "storages.backends.s3.S3Storage"
SESSIONS = "rest_framework.authentication.SessionAuthentication"
NO_STORAGE = {"BACKEND": "django.core.files.storage.Storage"}
DOCS = Path(__file__).parents[2] / "docs" / "django.md"

urlpatterns: list[Any] = []  # those of a project that forgot ours


class Published:
    """URLs of a project that serves its media files, as many do while they are developed."""

    def __init__(self, folder: Path) -> None:
        media = path("media/<path:path>", serve, {"document_root": str(folder)})
        self.urlpatterns = [path("app/", include([media])), path("", include("partway.django.urls"))]


@pytest.fixture(autouse=True)
def project(tmp_path: Path) -> Iterator[None]:
    """A project with which all is well."""
    with override_settings(
        PARTWAY={"LOCAL_ROOT": tmp_path / "files"},
        MEDIA_ROOT=tmp_path / "media",
        REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": [SESSIONS]},
    ):
        yield


def said(**options: Any) -> list[CheckMessage]:
    """What Partway's checks say."""
    return [each for each in run_checks(**options) if (each.id or "").startswith("partway.")]


def ids(**options: Any) -> list[str]:
    """Their ids."""
    found = said(**options)
    assert all(each.hint for each in found)
    return sorted(each.id or "" for each in found)


@contextmanager
def storage(**options: Any) -> Iterator[None]:
    """A project with a bucket."""
    with with_storages(default={"BACKEND": S3, "OPTIONS": {**KEYS, **options}}), override_settings(PARTWAY={}):
        yield


def test_nothing_is_said_where_nothing_is_wrong() -> None:
    assert ids(include_deployment_checks=True) == []


def test_a_start_asks_and_makes_nothing(tmp_path: Path) -> None:
    assert ids() == []
    assert not (tmp_path / "files").exists()
    with storage(endpoint_url=f"http://127.0.0.1:{free_port()}"):
        assert ids() == []


@pytest.mark.parametrize("given", [{"PART_SIZE": MIB}, {"NO_SUCH": 1}, {"JWT_SECRET": "short"}, 7])
def test_wrong_settings(given: Any) -> None:
    with override_settings(PARTWAY=given):
        assert ids() == ["partway.E001"]
        assert ids(include_deployment_checks=True) == ["partway.E001"]


def test_settings_of_django_that_do_not_do(settings_of_apps: list[str]) -> None:
    with override_settings(USE_TZ=False):
        assert ids() == ["partway.E002"]
    with override_settings(INSTALLED_APPS=[app for app in settings_of_apps if app != "rest_framework"]):
        assert ids() == ["partway.W001"]


@pytest.fixture
def settings_of_apps() -> list[str]:
    """The project's apps, without those whose models would be made anew."""
    from django.conf import settings

    return list(settings.INSTALLED_APPS)


def test_parents_that_are_not_there(tmp_path: Path) -> None:
    for parents, expected in {("tests_app.post", "no.such"): ["partway.E003"], ("tests_app.post",): []}.items():
        with override_settings(PARTWAY={"PARENTS": parents, "LOCAL_ROOT": tmp_path}):
            assert ids() == expected
    with override_settings(PARTWAY={"PARENTS": "*", "LOCAL_ROOT": tmp_path}):
        assert ids() == []


def test_bodies_that_would_be_too_large(tmp_path: Path) -> None:
    parts = [{"part_number": 10_000, "etag": f'"{"0" * 32}"', "checksum": "=" * 44}] * 10_000
    needed = len(json.dumps({"parts": parts}))
    for most, expected in ((needed, ["partway.W009"]), (needed * 11 // 10, [])):
        with override_settings(PARTWAY={"MAX_BODY_SIZE": most, "LOCAL_ROOT": tmp_path}):
            assert ids() == expected


@pytest.mark.parametrize(
    ("authentication", "secret", "expected"),
    [
        (["partway.django.tokens.BearerTokens", SESSIONS], {}, ["partway.E004"]),
        (["partway.django.tokens.BearerTokens", SESSIONS], {"JWT_SECRET": "s" * 32}, []),
        (["partway.django.tokens.BearerTokens"], {"JWT_SECRET": "s" * 32}, ["partway.W008"]),
        ([SESSIONS], {}, []),
    ],
)
def test_bearer_tokens_need_to_be_signed_and_forms_need_sessions(
    authentication: list[str], secret: dict[str, str], expected: list[str], tmp_path: Path
) -> None:
    with override_settings(
        REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": authentication},
        PARTWAY={**secret, "LOCAL_ROOT": tmp_path},
    ):
        assert ids() == expected


@pytest.mark.parametrize(
    "options", [{"bucket_name": ""}, {"no_such": 1}, {"location": "a b"}, {"addressing_style": "sideways"}]
)
def test_a_storage_that_cannot_be_used(options: dict[str, Any]) -> None:
    with storage(**options):
        assert ids() == ["partway.E005"]


def test_a_template_that_cannot_be_used() -> None:
    with override_settings(PARTWAY={"FOLDER_STRUCTURE": "{name}"}):
        assert ids() == ["partway.E005"]


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with storage():
        (missing,) = said()
    assert (missing.id, missing.hint) == ("partway.E006", "pip install 'partway[s3]'")
    with storage(access_key=None, secret_key=None):
        assert [each.hint for each in said()] == ["pip install 'partway[s3]'", "pip install 'partway[aws]'"]


def test_what_a_storage_asks_for_in_vain() -> None:
    with storage(object_parameters={"CacheControl": "max-age=1"}):
        (found,) = said()
    assert found.id == "partway.W002"
    assert "CacheControl" in found.msg


def test_a_storage_that_is_no_bucket() -> None:
    with with_storages(default=NO_STORAGE):
        (found,) = said()
    assert found.id == "partway.W003"
    assert "django.core.files.storage.base.Storage" in found.msg


@pytest.mark.parametrize(("root", "expected"), [("media/partway", ["partway.W004"]), ("elsewhere", [])])
def test_a_route_that_publishes_the_files(root: str, expected: list[str], tmp_path: Path) -> None:
    published = Published(tmp_path / "media")
    with override_settings(ROOT_URLCONF=published, PARTWAY={"LOCAL_ROOT": tmp_path / root}):
        assert ids() == expected
    with override_settings(ROOT_URLCONF=published), storage():
        assert ids() == []


def test_files_below_the_media_files_are_named_where_the_public_comes(tmp_path: Path) -> None:
    with override_settings(PARTWAY={}, MEDIA_URL="/media/"):
        assert ids() == []
        assert ids(include_deployment_checks=True) == ["partway.W004"]
    with override_settings(PARTWAY={}, MEDIA_URL=""):
        assert ids(include_deployment_checks=True) == []


def test_a_disk_does_not_encrypt(tmp_path: Path) -> None:
    with override_settings(PARTWAY={"ENCRYPT_AT_REST": True, "LOCAL_ROOT": tmp_path}):
        assert ids(include_deployment_checks=True) == ["partway.W005"]


def test_urls_that_are_not_included() -> None:
    with override_settings(ROOT_URLCONF=__name__):
        assert ids() == ["partway.W006"]


@pytest.mark.parametrize("media", ["", "media"])
def test_a_relative_folder(media: str) -> None:
    with override_settings(PARTWAY={}, MEDIA_ROOT=media):
        assert ids() == ["partway.W007"]


@pytest.fixture
def bucket(seaweedfs: SeaweedFS) -> dict[str, Any]:
    """The options of a storage over a real, empty bucket."""
    return {
        "bucket_name": seaweedfs.new_bucket(),
        "endpoint_url": seaweedfs.endpoint,
        "access_key": seaweedfs.access_key,
        "secret_key": seaweedfs.secret_key,
    }


def asked() -> list[str]:
    """What the store's checks say."""
    return ids(tags=[TAG], include_deployment_checks=True)


def prepare(seaweedfs: SeaweedFS, name: str, *, exposed: tuple[str, ...] = ("ETag",)) -> None:
    """Give a bucket the rules that it needs."""
    store = S3Store.connect_blocking(seaweedfs.settings(name))
    administration = BucketAdministration(store.calls)
    rule = CorsRule(origins=["https://app.example.com"], exposed_headers=exposed)
    run_straight(administration.set_cors([rule]))
    document = with_own_lifecycle_rule(RuleDocument(kind=LIFECYCLE), Abort("", 7))
    run_straight(administration.set_rules(document))
    run_straight(store.aclose())


def test_a_bucket_is_looked_at(seaweedfs: SeaweedFS, bucket: dict[str, Any]) -> None:
    with storage(**bucket):
        assert asked() == ["partway.W101", "partway.W102"]
        prepare(seaweedfs, bucket["bucket_name"])
        assert asked() == []
        with override_settings(CSRF_TRUSTED_ORIGINS=["https://app.example.com", "https://*.example.com"]):
            assert asked() == []
        with override_settings(CORS_ALLOWED_ORIGINS=["https://other.example.com"]):
            (found,) = said(tags=[TAG], include_deployment_checks=True)
            assert found.id == "partway.W101"
            assert "https://other.example.com" in found.msg
        prepare(seaweedfs, bucket["bucket_name"], exposed=())
        with override_settings(CSRF_TRUSTED_ORIGINS=["https://app.example.com"]):
            (found,) = said(tags=[TAG], include_deployment_checks=True)
            assert "ETag is not exposed" in found.msg


@pytest.mark.parametrize(
    ("wrong", "cure"),
    [
        ({"bucket_name": "no-such-bucket"}, "AWS_STORAGE_BUCKET_NAME"),
        ({"access_key": "AKIANOBODY"}, "AWS_ACCESS_KEY_ID"),
        ({"secret_key": "wrong"}, "AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_a_bucket_that_cannot_be_used(bucket: dict[str, Any], wrong: dict[str, str], cure: str) -> None:
    with storage(**{**bucket, **wrong}):
        (found,) = said(tags=[TAG], include_deployment_checks=True)
    assert found.id == "partway.E101"
    assert cure in (found.hint or "")


def test_a_store_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("partway.django.store_checks._PATIENCE", 0.1)
    with storage(endpoint_url=f"http://127.0.0.1:{free_port()}"):
        (found,) = said(tags=[TAG], include_deployment_checks=True)
    assert found.id == "partway.E101"
    assert "AWS_S3_ENDPOINT_URL" in (found.hint or "")


def test_objects_that_the_store_does_not_take(seaweedfs: SeaweedFS, bucket: dict[str, Any]) -> None:
    prepare(seaweedfs, bucket["bucket_name"])
    with storage(**bucket, object_parameters={"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k"}):
        assert asked() == ["partway.E102"]


def test_a_disk_and_a_store_of_the_projects_are_asked_too(tmp_path: Path) -> None:
    assert asked() == []
    (tmp_path / "file").touch()
    with override_settings(PARTWAY={"LOCAL_ROOT": tmp_path / "file" / "below"}):
        assert asked() == ["partway.E101"]
    with override_settings(PARTWAY={"STORE": dict}):
        assert asked() == ["partway.E101"]


def test_origins_are_those_that_the_settings_name() -> None:
    assert origins() == []
    with override_settings(
        PARTWAY={"PUBLIC_URL": "https://A.example.com/app"},
        CSRF_TRUSTED_ORIGINS=["https://a.example.com", "https://*.b.example.com"],
        CORS_ALLOWED_ORIGINS=["http://localhost:3000"],
    ):
        assert origins() == ["https://a.example.com", "http://localhost:3000"]


def test_the_command_shows_the_cure(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = StringIO(), StringIO()
    with override_settings(ROOT_URLCONF=__name__):
        call_command("check", stdout=out, stderr=err)
    assert "(partway.W006)" in err.getvalue()
    assert 'HINT: Add path("", include("partway.django.urls"))' in err.getvalue()


def test_the_documentation_lists_every_id() -> None:
    source = Path(__file__).parents[2] / "src" / "partway" / "django"
    code = "".join((source / name).read_text() for name in ("checks.py", "store_checks.py"))
    named = {part.partition('"')[0] for part in code.split('id="')[1:]}
    listed = {line.split("`")[1] for line in DOCS.read_text().splitlines() if line.startswith("| `partway.")}
    assert named == {name for name in listed if name.removeprefix("partway.")[0] in "EWI"}
