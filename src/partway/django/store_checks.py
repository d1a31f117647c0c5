"""What `manage.py check --deploy` asks the store itself; `--tag partway_store` for these questions alone.

Every message has an id, which docs/django.md lists, and a hint that says how to cure it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning, register
from django.core.exceptions import ImproperlyConfigured

from partway.core.blocking import run_straight
from partway.core.file import new_file_id
from partway.core.keys import KeyTemplate
from partway.core.ports import Store
from partway.django.buckets import BucketPlace
from partway.django.conf import in_our_names, upload_settings
from partway.django.options import option, problems
from partway.django.storages import open_store, place
from partway.errors import PartwayError, StoreError
from partway.s3.bucket_cors import cors_rules, judge
from partway.s3.bucket_lifecycle import days_until_abort
from partway.s3.bucket_rules import CORS, LIFECYCLE, RuleDocument, RuleKind
from partway.stores.s3 import S3Store
from partway.stores.s3.administration import BucketAdministration

T = TypeVar("T")
TAG = "partway_store"
_PATIENCE = 5.0  # seconds; somebody waits at a terminal
#: The store's word for a refusal → what to look at.
_CURES = {
    "AccessDenied": "Give the credentials the permissions that docs/storage.md lists.",
    "AuthorizationHeaderMalformed": "Set AWS_S3_REGION_NAME to the bucket's region.",
    "ExpiredToken": "Renew AWS_SESSION_TOKEN, or leave static credentials out and use a role.",
    "InvalidAccessKeyId": "Look at AWS_ACCESS_KEY_ID.",
    "NoSuchBucket": "Look at AWS_STORAGE_BUCKET_NAME, or create the bucket.",
    "PermanentRedirect": "Set AWS_S3_REGION_NAME to the bucket's region.",
    "RequestTimeTooSkewed": "Set this machine's clock.",
    "SignatureDoesNotMatch": "Look at AWS_SECRET_ACCESS_KEY.",
}
_UNREACHABLE = "Look at AWS_S3_ENDPOINT_URL, and whether this machine reaches it."
_NO_RULES = {"NotImplemented", "501", "MethodNotAllowed"}  # the store keeps no such rules per bucket


@register(TAG, deploy=True)
def check_store(**_: Any) -> list[CheckMessage]:
    """Whether the store answers, takes what the settings ask of it, and is prepared for uploads from pages."""
    if problems():
        return []  # they are told of by themselves
    try:
        with in_our_names():
            found = place()
            keys = upload_settings(found).key_template
            if isinstance(found, BucketPlace):
                found = replace(found, settings=replace(found.settings, patience=_PATIENCE))
            store = open_store(found)
    except ImproperlyConfigured as error:
        return [Error(f"The store cannot be opened: {error}", hint="Cure that first.", id="partway.E101")]
    try:
        return list(_answers(store, keys))
    finally:
        if isinstance(store, S3Store):
            run_straight(store.aclose())


def _answers(store: Store, keys: KeyTemplate) -> Iterator[CheckMessage]:
    refusal = _refusal(store.check)
    if refusal is not None:
        cure = _CURES.get(refusal.facts.get("store_code", ""), _UNREACHABLE)
        yield Error(f"The store cannot be used: {refusal.detail}", hint=cure, id="partway.E101")
    elif isinstance(store, S3Store):
        yield from _options(store, keys)
        administration = BucketAdministration(store.calls)
        yield from _rules(administration, CORS, _cors_problems)
        yield from _rules(administration, LIFECYCLE, lambda document: _lifecycle_problems(document, keys))


def _options(store: S3Store, keys: KeyTemplate) -> Iterator[CheckMessage]:
    key = keys.key(file_id=new_file_id(), file_name="trial", owner="partway", folder="", created=datetime.now(UTC))
    refusal = _refusal(lambda: store.try_options(key))
    if refusal is not None:
        yield Error(
            f"The store takes no object with this encryption, storage class, ACL and tags: {refusal.detail}",
            hint="Look at the storage's object_parameters and default_acl, and at those keys of PARTWAY.",
            id="partway.E102",
        )


def _rules(
    administration: BucketAdministration,
    kind: RuleKind,
    judged: Callable[[RuleDocument], Iterator[CheckMessage]],
) -> Iterator[CheckMessage]:
    try:
        document = run_straight(administration.rules(kind))
    except StoreError as error:
        if error.facts.get("store_code") not in _NO_RULES:
            yield Info(
                f"Whether the bucket's {kind.subresource} rules are right cannot be seen: {error.detail}",
                hint="Allow the credentials to read them, or look yourself: docs/storage.md.",
                id="partway.I101",
            )
        return
    yield from judged(document)


def _cors_problems(document: RuleDocument) -> Iterator[CheckMessage]:
    rules = cors_rules(document)
    for verdict in judge(rules, origins()):
        if not verdict.works:
            yield Warning(
                f"Pages of {verdict.origin} cannot send files to the bucket: {', '.join(verdict.problems)}.",
                hint="partway bucket cors --origin … --apply sets the rule; docs/storage.md shows it.",
                id="partway.W101",
            )
    if not rules:
        yield Warning(
            "The bucket has no CORS rules: no page can send files to it.",
            hint="partway bucket cors --origin … --apply sets one; docs/storage.md shows it.",
            id="partway.W101",
        )


def _lifecycle_problems(document: RuleDocument, keys: KeyTemplate) -> Iterator[CheckMessage]:
    if days_until_abort(document, keys.fixed_prefix) is None:
        yield Warning(
            "No lifecycle rule of the bucket aborts incomplete uploads: what no clean-up finds is paid for for ever.",
            hint="partway bucket lifecycle --days 7 --apply sets one; docs/storage.md says more.",
            id="partway.W102",
        )


def origins() -> list[str]:
    """The origins of pages, as far as the settings name them: the project's own, and those that it trusts."""
    named: Iterable[str] = (
        *([option("PUBLIC_URL")] if option("PUBLIC_URL") else []),
        *getattr(settings, "CORS_ALLOWED_ORIGINS", ()),  # of django-cors-headers
        *settings.CSRF_TRUSTED_ORIGINS,
    )
    found = (urlsplit(each) for each in named if "*" not in each)
    return list(dict.fromkeys(f"{each.scheme}://{each.netloc}".lower() for each in found))


def _refusal(ask: Callable[[], Coroutine[Any, Any, T]]) -> PartwayError | None:
    try:
        run_straight(ask())
    except PartwayError as error:
        return error
    return None
