"""Pages of a long listing: the last of a million files comes as soon as the first."""

from __future__ import annotations

import http.client
import json
import statistics
import time
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

import psycopg
from tests.servers.service import Service

from benchmarks.harness import MIB, Goal, Result, Settings, interleaved, ratio, spread
from benchmarks.servers import postgres, service, token
from partway.core.blocking import run_straight
from partway.core.file import File, UploadStatus
from partway.records.connect import connect_blocking_records
from partway.records.cursors import Cursor
from partway.records.migrate import upgrade

ROUNDS = 5
_FILES = 1_000_000
_QUICK_FILES = 5_000
_BATCH = 1_000  #: records of one transaction
_LIMIT = 50  #: files of a page
_REQUESTS = 200  #: for each page, in a round
_QUICK_REQUESTS = 20
_OWNER = "benchmark"  #: the subject of `token`
_BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)
_FIRST, _MIDDLE, _LAST = "first", "middle", "last"


class _Times(NamedTuple):
    """Milliseconds of the pages of one round: the median of many requests."""

    first: float
    middle: float
    last: float


def run(settings: Settings) -> Result:
    """Milliseconds of the first page, of one in the middle and of the last."""
    count = _QUICK_FILES if settings.quick else _FILES
    requests = _QUICK_REQUESTS if settings.quick else _REQUESTS
    result = Result(
        "Pages of a long listing",
        f"`GET /v1/files?limit={_LIMIT}` by an owner of {count:,} completed files, from one connection to the service "
        f"with default settings: the first page, one in the middle and the last, by turns, {requests} times each in a "
        "round; a round's figure is their median. Going on at a cursor, the database looks its place up in an index.",
        ["", "first page, ms", "middle page, ms", "last page, ms"],
    )
    with settings.folder() as folder, ExitStack() as stack:
        urls = {
            "SQLite": f"sqlite:///{folder}/records.db",
            "PostgreSQL": stack.enter_context(postgres()).new_database(),
        }
        for url in urls.values():
            _fill(url, count)
        _analyze(urls["PostgreSQL"])
        running = {
            name: stack.enter_context(service(folder, env={"PARTWAY_DATABASE_URL": url})) for name, url in urls.items()
        }
        contenders = {name: partial(_measure, each, count, requests) for name, each in running.items()}
        found = interleaved(settings.rounds, contenders)
    for name, times in found.items():
        first, middle, last = zip(*times, strict=True)
        result.rows.append([name, *map(spread, (first, middle, last))])
        result.goals.append(Goal(f"{name}, last page / first", ratio(last, first), 1.5, at_most=True))
    return result


def _fill(url: str, count: int) -> None:
    """Make the tables and put the owner's files into them."""
    upgrade(url)
    records = connect_blocking_records(url)
    for start in range(0, count, _BATCH):
        run_straight(records.add_all([_file(number) for number in range(start, min(start + _BATCH, count))]))
    run_straight(records.aclose())


def _analyze(url: str) -> None:
    """Do what autovacuum does within a minute."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _file(number: int) -> File:
    """The owner's file of a number; higher numbers are newer."""
    created = _created(number)
    return File(
        id=_id(number),
        key=f"files/{_id(number)}/report-{number}.pdf",
        token=f"{number:032x}",
        file_name=f"report-{number}.pdf",
        file_size=8 * MIB,
        file_content_type="application/pdf",
        name=f"Report {number}",
        created_by=_OWNER,
        upload_status=UploadStatus.COMPLETED,
        part_size=8 * MIB,
        num_parts=1,
        settled=True,
        etag=f"{number:032x}",
        created=created,
        modified=created,
        expires=created + timedelta(days=1),
        completed=created,
    )


def _created(number: int) -> datetime:
    return _BEGINNING + number * timedelta(seconds=1)


def _id(number: int) -> UUID:
    """A UUIDv7 of the time at which the file was made."""
    milliseconds = int(_created(number).timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | 0x2 << 62 | number)


def _measure(running: Service, count: int, requests: int) -> _Times:
    newest = {_FIRST: count - 1, _MIDDLE: count // 2, _LAST: _LIMIT - 1}  # the number of the page's newest file
    connection = http.client.HTTPConnection("127.0.0.1", running.port)
    headers = {"Authorization": f"Bearer {token()}"}
    seconds: dict[str, list[float]] = {name: [] for name in newest}
    targets = {name: _target(number, count) for name, number in newest.items()}
    for name, number in newest.items():
        _check(json.loads(_page(connection, targets[name], headers)), number)
    for _ in range(requests):
        for name, target in targets.items():
            began = time.perf_counter()
            _page(connection, target, headers)
            seconds[name].append(time.perf_counter() - began)
    connection.close()
    return _Times(*(statistics.median(seconds[name]) * 1000 for name in newest))


def _target(newest: int, count: int) -> str:
    """The path of the page that begins with a file, which is the one behind the file that was made next."""
    query: dict[str, object] = {"limit": _LIMIT}
    if newest + 1 < count:
        query["cursor"] = Cursor(newer=False, created=_created(newest + 1), id=_id(newest + 1))
    return f"/v1/files?{urlencode(query)}"


def _page(connection: http.client.HTTPConnection, target: str, headers: Mapping[str, str]) -> bytes:
    connection.request("GET", target, headers=headers)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"GET {target}: {answer.status} {content[:500]!r}")
    return content


def _check(page: Any, newest: int) -> None:
    """Raise `RuntimeError` unless a page has the files from a number downward, and only the last page has no next."""
    wanted = [str(_id(number)) for number in range(newest, newest - _LIMIT, -1)]
    if [file["id"] for file in page["results"]] != wanted or (page["next"] is None) != (newest == _LIMIT - 1):
        raise RuntimeError(f"the page of file {newest} is another one: {str(page)[:500]}")
