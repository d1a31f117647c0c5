"""What `manage.py check` says of the app: cheap things, for every start. Nobody is asked; see `store_checks` for that.

Every message has an id, which docs/django.md lists, and a hint that says how to cure it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.urls import URLResolver, get_resolver
from django.views.static import serve
from rest_framework.authentication import SessionAuthentication
from rest_framework.settings import api_settings

from partway.core.parts import S3_LIMITS
from partway.django.buckets import BucketPlace
from partway.django.conf import in_our_names, upload_settings
from partway.django.fields import UploadedFileField
from partway.django.options import is_given, option, problems
from partway.django.storages import DiskPlace, Place, place

_PART_IN_JSON = 144  #: bytes of a part's number, ETag and checksum
_WHERE = "See “Where files lie” in docs/django.md."
_OUTSIDE = (
    'Set PARTWAY["LOCAL_ROOT"] to a folder outside MEDIA_ROOT, such as BASE_DIR / "partway", and move the files there; '
    "or have the web server refuse the folder."
)


@register()
def check_settings(**_: Any) -> list[CheckMessage]:
    """Whether the settings are right, one by one and together."""
    found: list[CheckMessage] = [
        Error(problem, hint="docs/django.md lists the settings and what they may be.", id="partway.E001")
        for problem in problems()
    ]
    return found or [*_framework(), *_times(), *_parents(), *_tokens(), *_sessions(), *_bodies(), *_place()]


@register(Tags.urls)
def check_urls(**_: Any) -> list[CheckMessage]:
    """Whether the API can be reached, and files on the disk only by it."""
    if not getattr(settings, "ROOT_URLCONF", None) or problems():
        return []
    return [*_included(), *_published()]


@register(Tags.security, deploy=True)
def check_disk(**_: Any) -> list[CheckMessage]:
    """Whether the local disk is fit to be used by the public."""
    found = _disk()
    if found is None:
        return []
    messages: list[CheckMessage] = []
    if settings.MEDIA_URL.strip("/") and _is_within(found.root, settings.MEDIA_ROOT):
        messages.append(
            Warning(
                f"Files lie in {found.root}, within MEDIA_ROOT: a server that publishes that gives them to everybody.",
                hint=_OUTSIDE,
                id="partway.W004",
            )
        )
    if option("ENCRYPT_AT_REST") or is_given("KMS_KEY_ID"):
        messages.append(
            Warning(
                "Files are to be encrypted at rest, and lie on the local disk, which Partway does not encrypt.",
                hint="Encrypt the volume, or name a bucket.",
                id="partway.W005",
            )
        )
    return messages


def _framework() -> Iterator[CheckMessage]:
    if not apps.is_installed("rest_framework"):
        yield Warning(
            "'rest_framework' is not among INSTALLED_APPS: its own pages and translations are missing.",
            hint="Add 'rest_framework' to INSTALLED_APPS.",
            id="partway.W001",
        )


def _times() -> Iterator[CheckMessage]:
    if not settings.USE_TZ:
        yield Error(
            "USE_TZ is False: the deadlines of uploads would be an hour off when clocks change.",
            hint="Set USE_TZ = True.",
            id="partway.E002",
        )


def _parents() -> Iterator[CheckMessage]:
    named = option("PARENTS") or ()
    for name in sorted(named if named != "*" else ()):
        try:
            apps.get_model(name)
        except LookupError:
            yield Error(
                f'PARTWAY["PARENTS"] names {name!r}, and there is no such model.',
                hint="Write it as app_label.model, such as 'blog.post'.",
                id="partway.E003",
            )


def _tokens() -> Iterator[CheckMessage]:
    from partway.django.tokens import BearerTokens

    kinds: Any = api_settings.DEFAULT_AUTHENTICATION_CLASSES
    if any(issubclass(kind, BearerTokens) for kind in kinds) and not (is_given("JWT_SECRET") or is_given("JWKS_URL")):
        yield Error(
            "BearerTokens is among DEFAULT_AUTHENTICATION_CLASSES, and nothing says how tokens are signed.",
            hint='Set PARTWAY["JWT_SECRET"] or PARTWAY["JWKS_URL"].',
            id="partway.E004",
        )


def _sessions() -> Iterator[CheckMessage]:
    fields = (field for model in apps.get_models() for field in model._meta.local_fields)
    field = next((field for field in fields if isinstance(field, UploadedFileField)), None)
    kinds: Any = api_settings.DEFAULT_AUTHENTICATION_CLASSES
    if field is not None and not any(issubclass(kind, SessionAuthentication) for kind in kinds):
        yield Warning(
            f"Forms upload for {field} as whoever is logged in, and DEFAULT_AUTHENTICATION_CLASSES takes no sessions.",
            hint="Add 'rest_framework.authentication.SessionAuthentication' to it; silence this message if a class of "
            "the project's own takes them.",
            id="partway.W008",
        )


def _bodies() -> Iterator[CheckMessage]:
    needed = S3_LIMITS.max_parts * _PART_IN_JSON
    if option("MAX_BODY_SIZE") < needed:
        yield Warning(
            f"PARTWAY['MAX_BODY_SIZE'] is {option('MAX_BODY_SIZE')} bytes: clients that name their parts when they "
            f"complete an upload of {S3_LIMITS.max_parts} parts send up to {needed}.",
            hint=f"Set it to {needed} or more, or keep to uploads of fewer parts and silence this message.",
            id="partway.W009",
        )


def _place() -> Iterator[CheckMessage]:
    try:
        with in_our_names():
            found = place()
            upload_settings(found)
    except (ImproperlyConfigured, ImportError) as error:
        yield Error(f"Files can be kept nowhere: {error}", hint=_WHERE, id="partway.E005")
        return
    if isinstance(found, BucketPlace):
        yield from _bucket(found)
    if isinstance(found, DiskPlace):
        yield from _folder(found)


def _bucket(found: BucketPlace) -> Iterator[CheckMessage]:
    needed = {"urllib3": "s3"} if found.settings.access_key else {"urllib3": "s3", "botocore": "aws"}
    for module, extra in needed.items():
        if importlib.util.find_spec(module) is None:
            yield Error(
                f"Files lie in a bucket, and the package '{module}' is not installed.",
                hint=f"pip install 'partway[{extra}]'",
                id="partway.E006",
            )
    if found.unused:
        yield Warning(
            f"The storage says what Partway does not do: {'; '.join(found.unused)}.",
            hint="Files that are uploaded by Partway are kept without it. Silence this message if that is fine.",
            id="partway.W002",
        )


def _folder(found: DiskPlace) -> Iterator[CheckMessage]:
    if found.instead_of is not None:
        yield Warning(
            f"STORAGES['default'] is {found.instead_of}, which Partway cannot use: files lie on the local disk, in "
            f"{found.root}.",
            hint='Name a bucket, or a store of your own by PARTWAY["STORE"].',
            id="partway.W003",
        )
    if not found.root.is_absolute():
        yield Warning(
            f"Files lie in {str(found.root)!r}: each process looks for them from where it was started.",
            hint='Set MEDIA_ROOT, or PARTWAY["LOCAL_ROOT"], to an absolute path.',
            id="partway.W007",
        )


def _included() -> Iterator[CheckMessage]:
    if "partway" not in get_resolver().app_dict:
        yield Warning(
            "The URLs of the API are not included: nobody can upload by it.",
            hint='Add path("", include("partway.django.urls")) to the project\'s urlpatterns.',
            id="partway.W006",
        )


def _published() -> Iterator[CheckMessage]:
    found = _disk()
    for folder in _served(get_resolver()) if found else ():
        if found and _is_within(found.root, folder):
            yield Warning(
                f"A route of the project serves {folder}, and so all files that lie in {found.root}, whosoever's.",
                hint=_OUTSIDE,
                id="partway.W004",
            )


def _served(resolver: URLResolver) -> Iterator[str]:
    """The folders that `django.views.static.serve` publishes."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from _served(pattern)
        elif pattern.callback is serve and (folder := pattern.default_args.get("document_root")):
            yield str(folder)


def _disk() -> DiskPlace | None:
    """The folder of the files, if they lie in one."""
    try:
        found: Place | None = None if problems() else place()
    except (ImproperlyConfigured, ImportError):
        return None
    return found if isinstance(found, DiskPlace) else None


def _is_within(folder: Path, other: str | Path) -> bool:
    return folder.resolve().is_relative_to(Path(other).resolve())
