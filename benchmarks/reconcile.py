"""A million objects and records with planted defects: exactly those are found, in flat memory."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shlex
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.service import PARTWAY

from benchmarks.harness import MIB, Finished, Goal, Result, Settings, run_measured
from benchmarks.peers import credentials_env
from benchmarks.servers import postgres, seaweedfs
from partway.core.file import File, UploadStatus
from partway.core.findings import FindingKind
from partway.records.migrate import upgrade
from partway.records.rows import NATIVE
from partway.s3.refusals import raise_for
from partway.s3.requests import put_object
from partway.stores.s3 import S3Store

ROUNDS = 1
_FILES = 1_000_000
_QUICK_FILES = 3_000
_DEFECTS = 1_000  #: of each kind
_QUICK_DEFECTS = 100
_AT_ONCE = 64  #: requests to the store
_MOST_MEMORY = 150  #: MiB
_BODY = b"x"
_ETAG = hashlib.md5(_BODY).hexdigest()
_LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
#: Three folders in a circle: SeaweedFS lists `a/…` before `a-b/…`, whose bytes come first.
_FOLDERS = ("a", "a-b", "c")
_KEY = "files/{folder}/2026/01/{day:02}/{id}_{number}"


def run(settings: Settings) -> Result:
    """Seconds and memory of one `partway reconcile`."""
    count = _QUICK_FILES if settings.quick else _FILES
    defects = _QUICK_DEFECTS if settings.quick else _DEFECTS
    result = Result(
        "Reconciliation",
        f"`partway reconcile --json` over {count:,} records in PostgreSQL and as many objects in SeaweedFS, with "
        f"{defects:,} planted defects of each kind: records whose objects are gone, objects and open uploads that no "
        "record knows, and records with another size or another ETag than their objects. Exactly those must be found. "
        "A third of the keys is listed out of their byte order, so that most of the listing is sorted on disk. Peak: "
        "resident memory of the process.",
        ["", "records", "objects", "seconds", "peak, MiB", "found"],
    )
    with settings.folder() as folder, seaweedfs(folder) as store, postgres() as database:
        bucket, url = store.new_bucket(), database.new_database()
        upgrade(url)
        _fill_records(url, count, defects)
        asyncio.run(_fill_bucket(store, bucket, count, defects))
        time.sleep(3)  # until what was made last is older than the longest URL
        for _ in range(settings.rounds):
            took, lines = _reconcile(folder, store, bucket, url)
            sums = _checked(lines, count, defects)
            found = sum(sums["found"].values())
            numbers = [f"{sums['records']:,}", f"{sums['objects']:,}", f"{took.seconds:.0f}", f"{took.peak / MIB:.0f}"]
            result.rows.append(["partway reconcile", *numbers, f"{found:,}"])
            result.goals.append(Goal("peak", took.peak / MIB, _MOST_MEMORY, at_most=True, unit="MiB"))
    return result


def _fill_records(url: str, count: int, defects: int) -> None:
    """Records of all files; the first ones have no objects, and the next ones say something else of theirs."""
    columns = list(NATIVE.file_row(_file(0)))
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # no sums of what owners use, and no events
        with cursor.copy(f"COPY partway_files ({', '.join(columns)}) FROM STDIN") as copy:
            for number in range(count):
                file = _file(number)
                if defects <= number < 2 * defects:
                    file = file.evolve(file_size=2) if number % 2 else file.evolve(etag="0" * 32)
                copy.write_row(list(NATIVE.file_row(file).values()))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE partway_files")


def _file(number: int) -> File:
    """The record of a file whose object is right."""
    return File(
        id=_id(number),
        key=_key(number),
        token="t",
        file_name=str(number),
        file_size=len(_BODY),
        file_content_type="text/plain",
        name=str(number),
        created_by="benchmark",
        upload_status=UploadStatus.COMPLETED,
        part_size=len(_BODY),
        num_parts=1,
        settled=True,
        etag=_ETAG,
        created=_LONG_AGO,
        modified=_LONG_AGO,
        expires=_LONG_AGO,
        completed=_LONG_AGO,
    )


async def _fill_bucket(server: SeaweedFS, bucket: str, count: int, defects: int) -> None:
    store = S3Store.connect(server.settings(bucket))

    async def put(key: str) -> None:
        answer = await store.calls.send(put_object(key, _BODY, content_type="text/plain", token="t"))
        raise_for(answer.status, answer.body)

    async def begin(key: str) -> None:
        await store.create_upload(key, content_type="text/plain", token="t")

    await _each(put, map(_key, range(defects, count + defects)))
    await _each(begin, map(_key, range(count + defects, count + 2 * defects)))
    await store.aclose()


async def _each(deed: Callable[[str], Coroutine[Any, Any, None]], keys: Iterable[str]) -> None:
    """Do a deed for each key, many at once."""
    waiting = iter(keys)

    async def work() -> None:
        for key in waiting:
            await deed(key)

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))


def _id(number: int) -> UUID:
    return UUID(hex=hashlib.md5(str(number).encode()).hexdigest())


def _key(number: int) -> str:
    return _KEY.format(folder=_FOLDERS[number % 3], day=number % 28 + 1, id=_id(number), number=number)


def _reconcile(folder: Path, store: SeaweedFS, bucket: str, url: str) -> tuple[Finished, list[Any]]:
    """One run: what it took, and what it wrote."""
    written = folder / "findings"
    command = shlex.join([str(PARTWAY), "reconcile", "--json", "--data-dir", str(folder / "data")])
    env = {
        "S3_BUCKET_NAME": bucket,
        "S3_ENDPOINT_URL": store.endpoint,
        **credentials_env(store.access_key, store.secret_key),
        "S3_PRESIGNED_URL_EXPIRY": "1",
        "PARTWAY_DATABASE_URL": url,
    }
    # 1 is its way of saying that something was found, and of failing: then it writes nothing.
    script = f"{command} > {shlex.quote(str(written))} || [ $? = 1 -a -s {shlex.quote(str(written))} ]"
    took = run_measured(["/bin/sh", "-c", script], env=env)
    return took, [json.loads(line) for line in written.read_text().splitlines()]


def _checked(lines: list[Any], count: int, defects: int) -> Any:
    """The sums of a run.

    Raises:
        RuntimeError: other things were found than were planted.
    """
    *findings, sums = lines
    planted = {
        FindingKind.RECORD_WITHOUT_OBJECT: range(defects),
        FindingKind.DIFFERS: range(defects, 2 * defects),
        FindingKind.OBJECT_WITHOUT_RECORD: range(count, count + defects),
        FindingKind.UNKNOWN_UPLOAD: range(count + defects, count + 2 * defects),
    }
    wanted = Counter((str(kind), _key(number)) for kind, numbers in planted.items() for number in numbers)
    found = Counter((finding["kind"], finding["key"]) for finding in findings)
    if found != wanted or (sums["records"], sums["objects"], sums["uploads"]) != (count, count, defects):
        raise RuntimeError(f"not found: {list(wanted - found)[:3]}; not planted: {list(found - wanted)[:3]}; {sums}")
    return sums
