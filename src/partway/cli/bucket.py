"""`partway bucket`: the CORS rules and the lifecycle rules that uploads need, shown, judged and set."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import click

from partway.cli.bucket_views import CorsView, LifecycleView, View
from partway.cli.remote import one_line_errors, say
from partway.core.blocking import run_straight
from partway.errors import PartwayError, StoreRefused, StoreUnavailable
from partway.s3.bucket_cors import with_own_cors_rule, without_own_cors_rule
from partway.s3.bucket_lifecycle import Abort, with_own_lifecycle_rule, without_own_lifecycle_rule
from partway.s3.bucket_rules import RuleDocument
from partway.service.settings import BucketSettings, ServiceSettings, read_settings
from partway.stores.s3 import S3Settings, S3Store
from partway.stores.s3.administration import BucketAdministration
from partway.stores.s3.transport import TransportFailed

EXIT_CODES = """\b
Exit codes:
  0    all done
  1    something failed
  2    wrong usage
  130  interrupted
"""
_DAY = 24 * 3600  #: seconds
_PATIENCE = 5.0  #: seconds; somebody is waiting at a terminal
_LOOKS = 5  #: after a change: AWS may show the old rules for a moment
_MAX_PREFIX = 1024  #: bytes of a key
Plan = Callable[[RuleDocument], RuleDocument]

_apply = click.option("--apply", "applied", is_flag=True, help="Make the change; without it, it is only shown.")
_remove = click.option("--remove", is_flag=True, help="Take our rule away.")
_json = click.option("--json", "as_json", is_flag=True, help="One JSON object, for scripts.")


@click.group(name="bucket", short_help="Look after the bucket's CORS and lifecycle rules.")
def command() -> None:
    """Look after the bucket's CORS and lifecycle rules.

    The bucket is the service's, named by the same settings: S3_BUCKET_NAME, S3_ENDPOINT_URL,
    AWS_ACCESS_KEY_ID and so on.
    """


@command.command("cors", epilog=EXIT_CODES)
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="Of a page that sends files, such as https://app.example.com; repeatable.  [default: PARTWAY_CORS_ORIGINS]",
)
@_remove
@_apply
@_json
def cors(*, origins: tuple[str, ...], remove: bool, applied: bool, as_json: bool) -> None:
    """Show which pages may send files to the bucket, and let more of them.

    Nothing is changed without --apply, and nobody else's rule ever is.
    """
    if remove and origins:
        raise click.UsageError("--remove takes our rule away whole; leave --origin out.")
    origins = tuple(_origin(each) for each in origins)
    with one_line_errors():
        settings = read_settings(os.environ)
        if settings.bucket.name is None:
            _no_bucket(as_json, "The service answers pages of other origins itself (PARTWAY_CORS_ORIGINS).")
            return
        wanted = origins or settings.cors_origins
        if applied and not (remove or wanted):
            raise click.UsageError("Name the pages' origins with --origin or PARTWAY_CORS_ORIGINS.")
        if "*" in wanted and not remove:
            say("With the origin '*' pages of every site may send files, if they hold a URL for it.")
        view = CorsView(wanted)
        plan: Plan = without_own_cors_rule if remove else lambda document: with_own_cors_rule(document, wanted)
        _run(settings, view, plan if remove or wanted else None, applied=applied, as_json=as_json)
        if not wanted and not remove and not as_json:
            say("Name a page's origin with --origin, and this says whether it could send files.")


@command.command("lifecycle", epilog=EXIT_CODES)
@click.option("--days", type=click.IntRange(1, 365), help="Abort incomplete uploads so long after they were begun.")
@click.option("--prefix", default="", help="Only those whose keys begin so.  [default: the whole bucket]")
@_remove
@_apply
@_json
def lifecycle(*, days: int | None, prefix: str, remove: bool, applied: bool, as_json: bool) -> None:
    """Show whether the store aborts incomplete uploads, and have it do so.

    Nothing is changed without --apply, and nobody else's rule ever is.
    """
    if remove and days is not None:
        raise click.UsageError("--remove takes our rule away; leave --days out.")
    _check_prefix(prefix)
    with one_line_errors():
        settings = read_settings(os.environ)
        if settings.bucket.name is None:
            _no_bucket(as_json, "The service ends open uploads itself (PARTWAY_UPLOAD_TTL).")
            return
        if applied and not remove and days is None:
            raise click.UsageError("Say with --days when incomplete uploads are to be aborted.")
        if days is not None and days * _DAY <= settings.uploads.upload_ttl:
            say(
                f"PARTWAY_UPLOAD_TTL lets an upload rest {settings.uploads.upload_ttl} seconds; the store would abort "
                f"it {days * _DAY} seconds after it was begun. More --days are safer."
            )
        plan: Plan | None = None
        if remove:
            plan = lambda document: without_own_lifecycle_rule(document, prefix)  # noqa: E731
        elif days is not None:
            abort = Abort(prefix, days)
            plan = lambda document: with_own_lifecycle_rule(document, abort)  # noqa: E731
        _run(settings, LifecycleView(prefix), plan, applied=applied, as_json=as_json)


def _run(settings: ServiceSettings, view: View, plan: Plan | None, *, applied: bool, as_json: bool) -> None:
    """Show the rules, and the change if there is a plan; make it if it is to be applied."""
    with _administration(settings.bucket) as (administration, sleep):
        with _cures(view, reading=True):
            before = run_straight(administration.rules(view.kind))
            after = before if plan is None else plan(before)
        needed = view.meaning(before) != view.meaning(after)
        kept, now = True, before
        if applied and needed:
            with _cures(view, reading=False):
                run_straight(administration.set_rules(after))
            kept, now = _read_back(administration, view, after, sleep)
    report = {"bucket": settings.bucket.name, **view.data(now), "change": None}
    if plan is not None:
        made = applied and needed and kept
        report["change"] = {"needed": needed, "made": made, **view.difference(before, after)}
    if as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        _show(settings.bucket, view, before, after, now, planned=plan is not None, applied=applied and needed)
    if not kept:
        raise StoreRefused(
            f"The store took the change, but the rules read back are not those; look again with: partway bucket "
            f"{view.kind.subresource}"
        )


def _show(
    bucket: BucketSettings,
    view: View,
    before: RuleDocument,
    after: RuleDocument,
    now: RuleDocument,
    *,
    planned: bool,
    applied: bool,
) -> None:
    where = f" at {bucket.endpoint_url}" if bucket.endpoint_url else ""
    click.echo(f"Bucket {click.style(bucket.name, bold=True)}{where}")
    changes = view.meaning(before) != view.meaning(after)
    if applied:
        _lines("Changed", view.change_lines(before, after))
    _lines(view.heading(now), view.rule_lines(now))
    _verdict("Uploads", view, now)
    if planned and not changes:
        click.echo("\nNothing to change.")
    elif planned and not applied:
        _lines("The change", view.change_lines(before, after))
        _verdict("Uploads after the change", view, after)
        click.echo("\nNothing is changed yet; --apply makes the change.")


def _verdict(title: str, view: View, document: RuleDocument) -> None:
    lines = view.verdict_lines(document)
    if lines:
        _lines(title, lines)


def _lines(title: str, lines: Sequence[str]) -> None:
    click.echo(f"\n{click.style(title, bold=True)}")
    for line in lines:
        click.echo(f"  {line}".rstrip())


def _read_back(
    administration: BucketAdministration, view: View, wanted: RuleDocument, sleep: Callable[[float], None]
) -> tuple[bool, RuleDocument]:
    """Whether the store shows what it was given, and what it shows."""
    for look in range(_LOOKS):
        if look:
            sleep(1)
        with _cures(view, reading=True):
            now = run_straight(administration.rules(view.kind))
        # In any order: some stores sort rules.
        if Counter(view.meaning(now)) == Counter(view.meaning(wanted)):
            return True, now
    return False, now


@contextmanager
def _administration(bucket: BucketSettings) -> Iterator[tuple[BucketAdministration, Callable[[float], None]]]:
    store = S3Store.connect_blocking(
        S3Settings(
            bucket=bucket.name or "",
            region=bucket.region,
            endpoint_url=bucket.endpoint_url,
            access_key=bucket.access_key,
            secret_key=bucket.secret_key,
            session_token=bucket.session_token,
            style=bucket.addressing_style,
            patience=_PATIENCE,
        )
    )
    try:
        yield BucketAdministration(store.calls), lambda seconds: run_straight(store.calls.sleep(seconds))
    finally:
        run_straight(store.aclose())


@contextmanager
def _cures(view: View, *, reading: bool) -> Iterator[None]:
    """What a person at a terminal can do about an error, and whether something is changed."""
    try:
        yield
    except StoreUnavailable as error:
        if not reading:  # it may have done it, and only its answer was lost
            _again(error, f"{error.detail} Whether the change was made, shows: partway bucket {view.kind.subresource}")
        silent = isinstance(error.__cause__, TransportFailed)
        _again(error, f"{error.detail} Is S3_ENDPOINT_URL right?" if silent else error.detail)
    except StoreRefused as error:
        unchanged = "" if reading else " Nothing is changed."
        said = error.facts.get("store_code")
        if said == "AccessDenied":
            permission = f"s3:{'Get' if reading else 'Put'}{view.permission}"
            _again(error, f"The store's credentials do not allow this; they need {permission}.{unchanged}")
        if said in {"NotImplemented", "501", "MethodNotAllowed"}:
            _again(
                error, f"The store keeps no {view.title} rules per bucket ({said}); see its own settings.{unchanged}"
            )
        _again(error, error.detail + unchanged)


def _again(error: PartwayError, detail: str) -> NoReturn:
    raise type(error)(detail, code=error.error_code, **error.facts) from error


def _no_bucket(as_json: bool, why: str) -> None:
    said = f"S3_BUCKET_NAME is not set: files are kept on the local disk, and nothing is needed. {why}"
    report: dict[str, Any] = {"bucket": None, "detail": said}
    click.echo(json.dumps(report, indent=2) if as_json else said)


def _origin(text: str) -> str:
    """An origin as browsers write it: in lower case, without a path; at most one `*` in it, as S3 takes it."""
    origin = text.strip().rstrip("/").lower()
    if origin != "*" and (not re.fullmatch(r"https?://[!-~]+", origin) or re.search(r"[/?#@]|\*.*\*", origin[8:])):
        raise click.BadParameter(f"'{text}' is not an origin such as https://app.example.com.", param_hint="--origin")
    return origin


def _check_prefix(prefix: str) -> None:
    """A prefix that XML and a key can hold."""
    if not prefix.isprintable():
        raise click.BadParameter("it has characters that cannot be printed.", param_hint="--prefix")
    if len(prefix.encode()) > _MAX_PREFIX:
        raise click.BadParameter(f"it is longer than a key: {_MAX_PREFIX} bytes.", param_hint="--prefix")
