"""`partway reconcile` on thousands of files: local disk with SQLite, SeaweedFS with PostgreSQL."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from partway.cli.main import cli
from partway.core.blocking import run_straight
from partway.core.file import File, UploadStatus
from partway.core.findings import FindingKind
from partway.core.ports import Store
from partway.errors import StoreUnavailable
from partway.records.contract import Bench
from partway.records.memory import MemoryRecords
from partway.records.migrate import upgrade
from partway.service.reconcile import run_reconcile
from partway.service.settings import read_settings
from partway.service.wiring import wire_up
from tests.servers.service import PARTWAY

COUNT = 3_000
DEFECTS = 20  # of each kind
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
BODY = b"x"
ETAG = hashlib.md5(BODY).hexdigest()
#: Of which the bytes and the folders have another order.
FOLDERS = ("a", "a-b", "a.b", "a0", "b")
ORPHAN, LOST, DIFFERS, UNKNOWN = FindingKind


@dataclass
class Bucket:
    """A store and records with planted defects."""

    env: dict[str, str]
    data_dir: Path
    wanted: set[tuple[str, str]] = field(default_factory=set)  #: kind and key of each defect

    @property
    def settings(self) -> Any:
        return read_settings(self.env, data_dir=self.data_dir)

    def run(self, *options: str) -> Result:
        """The command in this process."""
        words = ["reconcile", "--data-dir", str(self.data_dir), *options]
        return CliRunner().invoke(cli, words, env=self.env)

    def run_alone(self, *options: str) -> subprocess.CompletedProcess[str]:
        """The command in a process of its own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PARTWAY_", "S3_", "AWS_"))}
        return subprocess.run(
            [PARTWAY, "reconcile", "--data-dir", str(self.data_dir), *options],
            env={**kept, **self.env},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def found(self, *options: str) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
        """The exit code, the findings and the sums of a run."""
        done = self.run("--json", *options)
        *findings, sums = map(json.loads, done.stdout.splitlines())
        return done.exit_code, findings, sums


@pytest.fixture(scope="module", params=["local-sqlite", "seaweedfs-postgres"])
def bucket(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    env = {"S3_PRESIGNED_URL_EXPIRY": "1"}  # so that everything is old at once
    if request.param == "seaweedfs-postgres":
        seaweedfs = request.getfixturevalue("seaweedfs")
        env |= {
            "S3_BUCKET_NAME": seaweedfs.new_bucket(),
            "S3_ENDPOINT_URL": seaweedfs.endpoint,
            "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
            "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
            "PARTWAY_DATABASE_URL": request.getfixturevalue("postgres").new_database(),
        }
    built = Bucket(env, tmp_path_factory.mktemp("reconcile"))
    upgrade(built.settings.effective_database_url)
    asyncio.run(fill(built))
    time.sleep(3)  # until the last URL would be dead
    return built


async def fill(bucket: Bucket) -> None:
    wiring = wire_up(bucket.settings)
    files = [planned(number) for number in range(COUNT)]
    lost, differing, hidden = files[:DEFECTS], files[DEFECTS : 2 * DEFECTS], files[-DEFECTS:]
    records = [
        *files[: len(files) - DEFECTS],
        *(file.evolve(deleted=LONG_AGO) for file in hidden),
    ]
    for number, file in enumerate(differing):
        wrong = {"file_size": 7} if number % 2 else {"etag": "0" * 32}
        records[DEFECTS + number] = file.evolve(**wrong)
    orphans = [f"files/{FOLDERS[number % 5]}/orphan {number}é" for number in range(DEFECTS)]
    unknown = [f"files/{FOLDERS[number % 5]}/unknown-{number}" for number in range(DEFECTS)]
    known = [planned(COUNT + number, upload_status=UploadStatus.UPLOADING, settled=False) for number in range(DEFECTS)]
    store = wiring.store.store
    gate = asyncio.Semaphore(32)

    async def put(key: str) -> None:
        async with gate:
            await store.write_object(key, BODY, content_type="text/plain", token="t")  # type: ignore[attr-defined]

    await asyncio.gather(*map(put, [file.key for file in files[DEFECTS:]] + orphans + ["elsewhere/object"]))
    for key in [*unknown, "elsewhere/upload"]:
        await store.create_upload(key, content_type="text/plain", token="t")
    await wiring.records.add_all([*records, *[await opened(store, file) for file in known]])
    await wiring.aclose()
    for kind, keys in ((ORPHAN, orphans), (UNKNOWN, unknown)):
        bucket.wanted |= {(str(kind), key) for key in keys}
    for kind, some in ((LOST, lost), (DIFFERS, differing)):
        bucket.wanted |= {(str(kind), file.key) for file in some}


async def opened(store: Store, file: File) -> File:
    upload_id = await store.create_upload(file.key, content_type="text/plain", token=file.token)
    return file.evolve(upload_id=upload_id)


def planned(number: int, **fields: Any) -> File:
    file = Bench(records=MemoryRecords()).file(
        token="t", file_size=len(BODY), etag=ETAG, upload_status=UploadStatus.COMPLETED, settled=True, created=LONG_AGO
    )
    return file.evolve(key=f"files/{FOLDERS[number % 5]}/2026/{number % 28 + 1:02}/{file.id}_{number}", **fields)


def named(findings: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return sorted((each["kind"], each["key"]) for each in findings)


def test_exactly_the_planted_defects_are_found(bucket: Bucket) -> None:
    done = bucket.run_alone("--json")
    assert (done.returncode, done.stderr) == (1, "")
    *findings, sums = map(json.loads, done.stdout.splitlines())
    assert named(findings) == sorted(bucket.wanted)
    assert sums["found"] == {str(kind): DEFECTS for kind in FindingKind}
    assert (sums["records"], sums["objects"], sums["uploads"]) == (COUNT + DEFECTS, COUNT, 2 * DEFECTS)
    assert (sums["fixed"], sums["left"]) == ({}, 4 * DEFECTS)


def test_people_are_told_in_lines(bucket: Bucket) -> None:
    done = bucket.run("--prefix", "files/a-b/")
    mine = {(kind, key) for kind, key in bucket.wanted if key.startswith("files/a-b/")}
    *lines, _ = done.stdout.splitlines()
    assert {tuple(line.split("  ")[0:1]) for line in lines if line.startswith("unknown")} == {("unknown-upload",)}
    for kind, key in mine:
        assert any(line.startswith(kind) and key in line for line in lines)
    assert sum("files/" in line for line in lines) == len(mine)
    assert f"{DEFECTS // 5:>8}  differs" in lines
    assert done.stderr == ""


def test_a_walk_that_is_interrupted_goes_on(bucket: Bucket, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    found: list[tuple[str, str]] = []
    runs = 0
    while True:
        steps = 0

        def watch(step: Any, _: Any) -> None:
            nonlocal steps
            steps += 1
            if steps == 2:
                raise KeyboardInterrupt
            found.extend((str(each.kind), each.key) for each in step.findings)

        runs += 1
        try:
            tally = asyncio.run(run_reconcile(bucket.settings, state=state, watcher=watch))
        except KeyboardInterrupt:
            assert state.exists()
        else:
            break
    assert runs > 2
    assert not state.exists()
    assert sorted(found) == sorted(bucket.wanted)
    assert tally.found == {str(kind): DEFECTS for kind in FindingKind}
    assert (tally.records, tally.objects, tally.uploads) == (COUNT + DEFECTS, COUNT, 2 * DEFECTS)


def test_a_state_file_of_another_walk_is_refused(bucket: Bucket, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text(json.dumps({"walk": "other:files/", "place": {"files": None, "uploads": None}, "tally": {}}))
    other = bucket.run("--state", str(state))
    state.write_text("{")
    broken = bucket.run("--state", str(state))
    nowhere = bucket.run("--state", str(tmp_path / "no folder" / "state.json"))
    assert [done.exit_code for done in (other, broken, nowhere)] == [2, 2, 2]
    assert "another walk" in other.stderr
    assert "cannot be read" in broken.stderr
    assert "cannot be written" in nowhere.stderr


def test_wrong_wishes_are_refused(bucket: Bucket) -> None:
    presigning = Bucket({**bucket.env, "PARTWAY_PRESIGN_API": "true"}, bucket.data_dir)
    for told, done in (
        ("stateless API", presigning.run("--prefix", "uploads/2026")),
        ("stateless API", presigning.run("--prefix", "")),
        ("signed URLs live up to 2", bucket.run("--min-age", "1")),
        ("'nonsense' is not one of", bucket.run("--fix", "nonsense")),
    ):
        assert done.exit_code == 2
        assert told in done.stderr


def test_without_a_fixed_beginning_orphans_are_looked_for_where_somebody_says(bucket: Bucket) -> None:
    rootless = Bucket({**bucket.env, "S3_KEY_TEMPLATE": "{folder}/{id}_{name}"}, bucket.data_dir)
    _, findings, sums = rootless.found()
    assert Counter(kind for kind, _ in named(findings)) == {str(LOST): DEFECTS, str(DIFFERS): DEFECTS}
    assert sums["orphans_looked_for"] is False
    _, findings, _ = rootless.found("--prefix", "elsewhere/")
    assert named(findings) == [(str(ORPHAN), "elsewhere/object"), (str(UNKNOWN), "elsewhere/upload")]


def test_ctrl_c_and_a_store_that_is_away_are_one_line(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def raising(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("partway.service.reconcile.run_reconcile", raising)
    error: BaseException = KeyboardInterrupt()
    done = bucket.run("--state", "state.json")
    assert done.exit_code == 130
    assert done.stderr == "partway: Interrupted. Run the same command again to go on (state.json).\n"
    error = StoreUnavailable("The store is down.")
    done = bucket.run("--state", str(tmp_path / "none"))
    assert (done.exit_code, done.stderr) == (1, "partway: The store is down.\n")
    (tmp_path / "some").touch()
    done = bucket.run("--state", str(tmp_path / "some"))
    assert done.stderr == f"partway: The store is down. Run the same command again to go on ({tmp_path / 'some'}).\n"


def test_z_all_is_put_right(bucket: Bucket) -> None:
    """The last one: the others need the defects."""
    code, findings, sums = bucket.found("--fix", "unknown-upload", "--fix", "differs")
    assert (code, sums["left"]) == (1, 2 * DEFECTS)
    assert {each["kind"] for each in findings if each["fixed"]} == {"unknown-upload", "differs"}
    code, findings, _ = bucket.found("--fix")
    assert (code, named(findings)) == (0, sorted(each for each in bucket.wanted if each[0] in {ORPHAN, LOST}))
    assert all(each["fixed"] for each in findings)
    time.sleep(3)  # until what was changed is old
    code, findings, sums = bucket.found()
    assert (code, findings) == (0, [])
    assert (sums["records"], sums["objects"], sums["uploads"]) == (COUNT + DEFECTS, COUNT - DEFECTS, DEFECTS)
    assert run_straight(standing(bucket)) == {"completed": COUNT - DEFECTS, "failed": DEFECTS, "uploading": DEFECTS}


async def standing(bucket: Bucket) -> dict[str, int]:
    """How many records are in each state."""
    from partway.records.connect import connect_blocking_records

    records = connect_blocking_records(bucket.settings.effective_database_url)
    files = await records.by_key("files/", after="", limit=2 * COUNT)
    await records.aclose()
    return Counter(str(file.upload_status) for file in files)
