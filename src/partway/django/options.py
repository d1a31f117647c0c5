"""The project's settings, read one by one. A wrong one is named, and is never taken for something else."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.db import connections
from django.dispatch import receiver

from partway.core.files import MAX_EXPIRY
from partway.core.hooks import AfterComplete, BeforeInitiate
from partway.core.parts import GIB, MIB, S3_LIMITS
from partway.django import kinds
from partway.django.kinds import Kind, or_none

_DAY = 24 * 3600  # seconds
_MOST_BYTES = 2**63 - 1
_MOST_DAYS = 36_500
_STRICT_PARENTS = "*"


class Option(NamedTuple):
    """One setting."""

    default: Any
    kind: Kind


def _is_hooks(found: Any) -> bool:
    return not isinstance(found, type) and isinstance(found, BeforeInitiate | AfterComplete)


def _parents(value: Any) -> frozenset[str] | str:
    if value == _STRICT_PARENTS:
        return _STRICT_PARENTS
    names: frozenset[str] = kinds.NAMES.read(value)
    if not all(name.count(".") == 1 for name in names):
        raise ValueError
    return names


def _path(value: Any) -> Path:
    return Path(kinds.TEXT.read(os.fspath(value)))


def _database(value: Any) -> str:
    if value not in list(connections):
        raise ValueError
    return str(value)


_CLASSES = kinds.imported("a class", lambda found: isinstance(found, type))
_CALLABLE = kinds.imported("a function", callable)
_FOLDER = Kind("a path", _path)

#: The keys of the dict `PARTWAY`.
OPTIONS: Mapping[str, Option] = {
    "ALLOWED_EXTENSIONS": Option(None, or_none(kinds.NAMES)),  # None: all
    "CDN_URL": Option(None, or_none(kinds.URL)),
    "CHECK_CONTENT": Option(None, or_none(kinds.SWITCH)),  # None: where types are restricted
    "CLOUDFRONT_KEY_ID": Option(None, or_none(kinds.TEXT)),
    "CLOUDFRONT_PRIVATE_KEY": Option(None, or_none(kinds.PRIVATE_TEXT)),  # PEM text, or a path to it
    "COMPLETE_VANISHED": Option(False, kinds.SWITCH),
    "DATABASE": Option("default", Kind("an alias of DATABASES", _database)),
    "DOWNLOAD_URL_EXPIRATION": Option(3600, kinds.whole(1, MAX_EXPIRY)),  # seconds
    "ENCRYPT_AT_REST": Option(None, or_none(kinds.SWITCH)),  # None: as the storage or the bucket does
    "FOLDER_STRUCTURE": Option(None, or_none(kinds.ANY_TEXT)),
    "HOOKS": Option(
        None, or_none(kinds.imported("an object with before_initiate or after_complete (docs/hooks.md)", _is_hooks))
    ),
    "JWKS_URL": Option(None, or_none(kinds.URL)),  # these four are those of `partway.django.tokens`
    "JWT_AUDIENCE": Option(None, or_none(kinds.TEXT)),
    "JWT_ISSUER": Option(None, or_none(kinds.TEXT)),
    "JWT_SECRET": Option(None, or_none(kinds.SECRET)),
    "KEEP_ENDED_DAYS": Option(7, kinds.whole(0, _MOST_DAYS)),
    "KEY_TEMPLATE": Option(None, or_none(kinds.TEXT)),
    "KMS_KEY_ID": Option(None, or_none(kinds.TEXT)),
    "LOCAL_ROOT": Option(None, or_none(_FOLDER)),  # None: `partway` in the media files' folder
    "MAX_BODY_SIZE": Option(4 * MIB, kinds.whole(1, GIB)),  # bytes of a body in JSON
    "MAY_ATTACH": Option(None, or_none(_CALLABLE)),
    "OBJECT_TAGS": Option(None, or_none(kinds.TAGS)),
    "PARENTS": Option(None, or_none(Kind("'*' or a list of models as 'app.model'", _parents))),
    "PART_SIZE": Option(8 * MIB, kinds.whole(S3_LIMITS.min_part_size, S3_LIMITS.max_part_size)),  # bytes, preferred
    "PERMISSION_CLASSES": Option(
        ("rest_framework.permissions.IsAuthenticated",), kinds.all_of(_CLASSES, "a list of permission classes")
    ),
    "PRESERVE_FILENAME": Option(True, kinds.SWITCH),
    "PUBLIC_MAX_AGE": Option(300, kinds.whole(0, 365 * _DAY)),  # seconds that caches may keep a public file
    "PUBLIC_URL": Option(None, or_none(kinds.URL)),  # how clients reach the project; None: as each request did
    "QUOTA_UPLOADS": Option(None, or_none(kinds.whole(1, 2**31))),  # open uploads of one owner
    "READ_TIMEOUT": Option(10, kinds.whole(1, 300)),  # seconds without a byte of the store's answer
    "STORAGE": Option(None, or_none(kinds.TEXT)),  # alias of STORAGES that alone decides where files lie
    "STORAGE_CLASS": Option(None, or_none(kinds.TEXT)),
    "STORE": Option(None, or_none(_CALLABLE)),  # makes a store of the project's own
    "THROTTLE_CLASSES": Option(None, or_none(kinds.all_of(_CLASSES, "a list of throttle classes"))),
    "TRASH_DAYS": Option(30, kinds.whole(0, _MOST_DAYS)),  # 0: for ever
    "UPLOAD_TTL": Option(_DAY, kinds.whole(60, 365 * _DAY)),  # seconds without a sign of life
    "UUID_PREFIX": Option(True, kinds.SWITCH),
}
#: Settings that stand by themselves.
PLAIN: Mapping[str, Option] = {
    "ALLOWED_FILE_TYPES": Option(None, or_none(kinds.NAMES)),
    "AWS_S3_PUBLIC_ENDPOINT_URL": Option(None, or_none(kinds.URL)),
    "FILE_UPLOAD_PRESIGNED_URL_EXPIRATION": Option(3600, kinds.whole(1, MAX_EXPIRY)),  # seconds
    "FILE_UPLOAD_QUOTA_PER_USER": Option(None, or_none(kinds.whole(0, _MOST_BYTES))),  # bytes
    "MAX_FILE_UPLOAD_SIZE": Option(5 * GIB, or_none(kinds.whole(0, _MOST_BYTES))),  # bytes
}
#: Of two that are both set, what is wrong with that.
_CONTRADICTIONS = {
    ("KEY_TEMPLATE", "FOLDER_STRUCTURE"): "both say how keys are made; keep one",
    ("KEY_TEMPLATE", "UUID_PREFIX"): "both say how keys are made; keep one",
    ("KEY_TEMPLATE", "PRESERVE_FILENAME"): "both say how keys are made; keep one",
    ("JWT_SECRET", "JWKS_URL"): "tokens are signed with one of them; keep the one that your issuer uses",
}
#: What needs another setting beside it → that one.
_PAIRS = {
    "CLOUDFRONT_KEY_ID": "CLOUDFRONT_PRIVATE_KEY",
    "CLOUDFRONT_PRIVATE_KEY": "CLOUDFRONT_KEY_ID",
}


@cache
def option(name: str) -> Any:
    """One key of the dict `PARTWAY`, or what holds without it.

    Raises:
        ImproperlyConfigured: its value is wrong, or the dict has a key that nobody knows.
    """
    given = _given()
    for unknown in _unknown(given):
        raise ImproperlyConfigured(unknown)
    found = OPTIONS[name]
    return _read(f'PARTWAY["{name}"]', found.kind, given.get(name, found.default))


@cache
def plain_setting(name: str) -> Any:
    """One of the settings that stand by themselves, or what holds without it.

    Raises:
        ImproperlyConfigured: its value is wrong.
    """
    found = PLAIN[name]
    return _read(name, found.kind, getattr(settings, name, found.default))


def database_alias() -> str:
    """The alias of the files' database, be it right or wrong: for what is decided when a module is imported."""
    given = getattr(settings, "PARTWAY", {})
    return str(given.get("DATABASE", "default")) if isinstance(given, Mapping) else "default"


def is_given(name: str) -> bool:
    """Whether the project has set a key of `PARTWAY`."""
    return _given().get(name) is not None


def problems() -> list[str]:
    """What is wrong with the settings themselves: unknown keys, wrong values, and those that contradict each other."""
    try:
        given = _given()
    except ImproperlyConfigured as error:
        return [str(error)]
    labelled = {f'PARTWAY["{name}"]': (found, given.get(name, found.default)) for name, found in OPTIONS.items()}
    labelled |= {name: (found, getattr(settings, name, found.default)) for name, found in PLAIN.items()}
    wrong = [text for label, (found, value) in labelled.items() for text in _wrong(label, found.kind, value)]
    return [*_unknown(given), *wrong] or list(_contradictions(given))


def _given() -> Mapping[str, Any]:
    given = getattr(settings, "PARTWAY", {})
    if not isinstance(given, Mapping):
        raise ImproperlyConfigured("PARTWAY must be a dict.")
    return given


def _unknown(given: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(map(str, given.keys() - OPTIONS.keys())):
        close = get_close_matches(name.upper(), OPTIONS, n=1)
        known = f"did you mean {close[0]!r}?" if close else f"it knows {', '.join(sorted(OPTIONS))}."
        yield f"PARTWAY has no setting {name!r}; {known}"


def _contradictions(given: Mapping[str, Any]) -> Iterator[str]:
    """Which settings cannot stand together, or not alone."""
    present = {name for name, value in given.items() if value is not None}
    for (one, other), why in _CONTRADICTIONS.items():
        if {one, other} <= present:
            yield f'PARTWAY["{one}"] and PARTWAY["{other}"] are both set: {why}.'
    for one, other in _PAIRS.items():
        if one in present and other not in present:
            yield f'PARTWAY["{one}"] is set and PARTWAY["{other}"] is not: they belong together.'
    if "KMS_KEY_ID" in present and given.get("ENCRYPT_AT_REST") is False:
        yield 'PARTWAY["KMS_KEY_ID"] is set and PARTWAY["ENCRYPT_AT_REST"] is False; keep one.'


def _wrong(label: str, kind: Kind, value: Any) -> Iterator[str]:
    try:
        _read(label, kind, value)
    except ImproperlyConfigured as error:
        yield str(error)


def _read(label: str, kind: Kind, value: Any) -> Any:
    try:
        return kind.read(value)
    except ImportError as error:
        raise ImproperlyConfigured(f"{label} is {value!r}, which cannot be imported: {error}") from error
    except (ValueError, TypeError, AttributeError) as error:
        said = "" if kind.is_secret else f" is {value!r}; it"
        raise ImproperlyConfigured(f"{label}{said} must be {kind.wanted}.") from error


@receiver(setting_changed)
def _read_again(**_: object) -> None:
    option.cache_clear()
    plain_setting.cache_clear()
