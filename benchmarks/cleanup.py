"""Giving up tens of thousands of uploads: three runs of `partway cleanup` at once share them, each exactly once."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import psycopg
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.service import PARTWAY

from benchmarks.harness import Goal, Result, Settings, spread
from benchmarks.peers import credentials_env
from benchmarks.servers import postgres, seaweedfs
from partway.core.file import File, UploadStatus, new_file_id
from partway.records.connect import connect_records
from partway.records.migrate import upgrade
from partway.stores.s3 import S3Store
from partway.threads import together

ROUNDS = 1
_FILES, _QUICK_FILES = 50_000, 600
_OPEN, _QUICK_OPEN = 2_000, 50  #: of them are really open at the store
_OWNERS = 7
_RUNS = 3
_BATCH = 1_000  #: records of one transaction
_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class _Cleaned(NamedTuple):
    """What became of the uploads."""

    seconds: float
    shares: Sequence[int]  #: what each run says that it gave up
    aborted: int  #: records that are aborted and settled
    told: int  #: files with exactly one event of it
    left: int  #: uploads that the store still lists


def run(settings: Settings) -> Result:
    """Seconds, and what each run had of it."""
    count, opened = (_QUICK_FILES, _QUICK_OPEN) if settings.quick else (_FILES, _OPEN)
    result = Result(
        "Uploads past their deadline",
        f"{count:,} uploads of {_OWNERS} owners are past their deadline, {opened:,} of them really open at SeaweedFS; "
        f"of the others the store is asked in vain. {_RUNS} processes of `partway cleanup` run at once over "
        "PostgreSQL; everything shares the machine's cores. What they report is compared with the records, the events "
        "and the store.",
        ["", "seconds", "files/s", "share of each run"],
    )
    found = [_measure(settings, count, opened) for _ in range(settings.rounds)]
    rates = [count / each.seconds for each in found]
    shares = ", ".join(f"{share:,}" for share in found[-1].shares)
    result.rows.append([f"{_RUNS} runs at once", spread([each.seconds for each in found]), spread(rates), shares])
    for each in found:
        result.goals += [
            Goal("given up, by the reports", abs(sum(each.shares) - count), 0, at_most=True, unit="off"),
            Goal("records aborted and settled", each.aborted, count, unit="records"),
            Goal("files with exactly one event of it", each.told, count, unit="files"),
            Goal("uploads that the store still lists", each.left, 0, at_most=True, unit="uploads"),
        ]
    return result


def _measure(settings: Settings, count: int, opened: int) -> _Cleaned:
    with settings.folder() as folder, seaweedfs(folder) as store, postgres() as server:
        url, bucket = server.new_database(), store.new_bucket()
        upgrade(url)
        asyncio.run(_fill(url, store, bucket, count, opened))
        env = {
            **os.environ,
            **credentials_env(store.access_key, store.secret_key),
            "S3_BUCKET_NAME": bucket,
            "S3_ENDPOINT_URL": store.endpoint,
            "PARTWAY_DATABASE_URL": url,
        }
        began = time.monotonic()
        runs = [_start(folder, env) for _ in range(_RUNS)]
        shares = [json.loads(each.communicate()[0])["expired"] for each in runs]
        seconds = time.monotonic() - began
        return _Cleaned(seconds, shares, *_standing(url), asyncio.run(_still_open(store, bucket)))


def _start(folder: Path, env: dict[str, str]) -> subprocess.Popen[str]:
    command = [str(PARTWAY), "cleanup", "--json", "--data-dir", str(folder / "data")]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=sys.stderr, text=True)


async def _fill(url: str, store: SeaweedFS, bucket: str, count: int, opened: int) -> None:
    """Make the records, and open some of the uploads."""
    bucket_store = S3Store.connect(store.settings(bucket))
    records = connect_records(url)
    files = [_file(number) for number in range(count)]
    begun = await together(
        [partial(bucket_store.create_upload, file.key, content_type="a/b", token="t") for file in files[:opened]],
        at_once=16,
    )
    files[:opened] = [file.evolve(upload_id=upload_id) for file, upload_id in zip(files, begun, strict=False)]
    for start in range(0, count, _BATCH):
        await records.add_all(files[start : start + _BATCH])
    await records.aclose()
    await bucket_store.aclose()


def _file(number: int) -> File:
    """The record of an upload that the store has forgotten."""
    file_id = new_file_id()
    return File(
        id=file_id,
        key=f"files/{file_id}_{number}",
        token="t",
        file_name=str(number),
        file_size=5,
        file_content_type="text/plain",
        name=str(number),
        created_by=f"owner-{number % _OWNERS}",
        upload_status=UploadStatus.UPLOADING,
        upload_id="0" * 32,
        part_size=5,
        num_parts=1,
        created=_LONG_AGO,
        modified=_LONG_AGO,
        expires=_LONG_AGO + timedelta(seconds=number),
    )


def _standing(url: str) -> tuple[int, int]:
    """How many records are aborted and settled, and how many files have exactly one event that says so."""
    with psycopg.connect(url) as connection:
        aborted = connection.execute(
            "SELECT count(*) FROM partway_files WHERE upload_status = 'aborted' AND settled AND NOT counted"
        ).fetchone()
        told = connection.execute(
            "SELECT count(*) FROM (SELECT file_id FROM partway_events WHERE type = 'upload.aborted' "
            "GROUP BY file_id HAVING count(*) = 1) AS once"
        ).fetchone()
    assert aborted
    assert told
    return aborted[0], told[0]


async def _still_open(store: SeaweedFS, bucket: str) -> int:
    bucket_store = S3Store.connect(store.settings(bucket))
    page = await bucket_store.list_uploads("")
    await bucket_store.aclose()
    return len(page.uploads)
