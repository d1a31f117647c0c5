"""Beginning an upload in a Django project: Partway's app against django-s3-file-field."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness import MIB, Goal, Result, Settings, interleaved, ratio
from benchmarks.load import Job
from benchmarks.saturation import COLUMNS, REST, RULE, SERVER, Sample, cells, measurement
from benchmarks.servers import django_site, postgres, seaweedfs, token

ROUNDS = 5
_PART_SIZE = 64 * MIB  #: bytes; django-s3-file-field has no other
_WANTED = {1000: 40, 20: 2.5}  #: URLs in the answer: times as many requests
_DATABASES = ("SQLite", "PostgreSQL")


class _Server(NamedTuple):
    port: int
    pid: int


def run(settings: Settings) -> Result:
    """Requests per second with 1,000 and with 20 URLs in the answer."""
    result = Result(
        "Beginning an upload in Django",
        "Partway's app (`POST /v1/files/uploads`) and django-s3-file-field (`POST …/upload-initialize/`) in one "
        "project behind the same bearer tokens, under gunicorn with one worker and 8 threads on a core of its own, "
        "from 24 connections; SeaweedFS, PostgreSQL and the load generator have the other core. Both open a multipart "
        "upload and sign the URL of each part of 64 MiB; connections to the database stay open. Partway writes to its "
        "records twice per request, django-s3-file-field keeps none. SQLite has `journal_mode=wal` and "
        f"`synchronous=normal`, PostgreSQL `fsync=off`. {RULE}",
        ["", "URLs", *COLUMNS],
    )
    with settings.folder() as folder, ExitStack() as stack:
        servers = _start(folder, stack)
        for urls, wanted in _WANTED.items():
            samples = interleaved(
                settings.rounds,
                {
                    f"{app}, {database}": _measure(settings, server, app, urls)
                    for (app, database), server in servers.items()
                },
            )
            result.rows += [[name, f"{urls:,}", *cells(found)] for name, found in samples.items()]
            rates = {name: [each.rate for each in found] for name, found in samples.items()}
            for database in _DATABASES:
                mine, peer = (rates[f"{app}, {database}"] for app in _JOBS)
                result.goals.append(
                    Goal(f"{urls:,} URLs, {database}, Partway / django-s3-file-field", ratio(mine, peer), wanted)
                )
    return result


def _start(folder: Path, stack: ExitStack) -> dict[tuple[str, str], _Server]:
    """A server for each app and database, so that none of them has done the other's work."""
    store = stack.enter_context(seaweedfs(folder, cores=REST))
    urls = {
        "SQLite": f"sqlite:///{folder}/site.db",
        "PostgreSQL": stack.enter_context(postgres(cores=REST)).new_database(),
    }
    servers = {}
    for database in _DATABASES:
        for app in _JOBS:
            running = stack.enter_context(django_site(store, database=urls[database], cores=SERVER))
            servers[app, database] = _Server(*running)
    return servers


def _partway(urls: int) -> dict[str, object]:
    return {
        "file_name": "video.mp4",
        "file_size": urls * _PART_SIZE,
        "file_content_type": "video/mp4",
        "num_parts": urls,
        "part_size": _PART_SIZE,
    }


def _s3_file_field(urls: int) -> dict[str, object]:
    return {
        "field_id": "django_site.Thing.blob",
        "file_name": "video.mp4",
        "file_size": urls * _PART_SIZE,
        "content_type": "video/mp4",
    }


#: App → path, what it answers, what it is sent.
_JOBS: dict[str, tuple[str, int, Callable[[int], dict[str, object]]]] = {
    "Partway": ("/v1/files/uploads", 201, _partway),
    "django-s3-file-field": ("/s3-upload/upload-initialize/", 200, _s3_file_field),
}


def _measure(settings: Settings, server: _Server, app: str, urls: int) -> Callable[[], Sample]:
    path, status, body = _JOBS[app]
    headers = {"Authorization": f"Bearer {token()}"}
    job = Job(port=server.port, path=path, body=json.dumps(body(urls)), headers=headers, status=status)
    return measurement(job, pid=server.pid, quick=settings.quick)
