"""Upkeep by Celery: a real broker, a real worker, found, sent and scheduled as projects do it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.acceptance.api import PART_SIZE, put, send_parts
from tests.examples.django_project import FOLDER, Project, on_servers
from tests.examples.process import ROOT, clean_environment
from tests.servers.celery_worker import CeleryWorker
from tests.servers.fault_proxy import Fault, FaultProxy, HoldAnswer
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer
from tests.servers.seaweedfs import SeaweedFS

CONTENT = bytes(PART_SIZE + 1)
TASKS = "from partway.django.tasks import cleanup_expired_uploads, cleanup_failed_uploads\n"
NO_CELERY = "import sys; sys.modules['celery'] = None\n"


@pytest.fixture(scope="module")
def project(
    tmp_path_factory: pytest.TempPathFactory, seaweedfs: SeaweedFS, postgres: PostgresServer
) -> Iterator[Project]:
    """The project on a bucket and PostgreSQL, with a broker."""
    folder = tmp_path_factory.mktemp("django-celery")
    with on_servers(folder, seaweedfs, postgres) as running, RedisServer() as broker:
        yield Project(running.example, {**running.env, "CELERY_BROKER_URL": broker.url})


def worker(project: Project, folder: Path, *options: str, **env: str) -> CeleryWorker:
    """One that is not started yet."""
    environment = clean_environment({**project.env, **env})
    return CeleryWorker(FOLDER, env=environment, log=folder / "worker.log", options=options)


def begun(project: Project, count: int) -> list[dict[str, Any]]:
    """Uploads whose first part is there."""
    uploads = [project.demo.begin(CONTENT) for _ in range(count)]
    for each in uploads:
        send_parts(each["presigned_urls"][:1], CONTENT, part_size=PART_SIZE)
    return uploads


def turn_back(project: Project, uploads: list[dict[str, Any]], column: str, by: str) -> None:
    """Let a moment of some files lie further back, as if that time had passed."""
    with psycopg.connect(project.env["DATABASE_URL"]) as connection:
        moved = f"UPDATE partway_file SET {column} = {column} - interval '{by}' WHERE id = ANY(%s)"
        connection.execute(moved, [[each["id"] for each in uploads]])


def is_dropped(upload: dict[str, Any]) -> bool:
    """Whether the store does not know an upload any more."""
    return put(upload["presigned_urls"][1], CONTENT[PART_SIZE:]).status_code == 404


def is_gone(project: Project, upload: dict[str, Any]) -> bool:
    """Whether an upload was given up, here and at the store."""
    state = project.demo("GET", f"/files/uploads/{upload['id']}").json()
    return (state["upload_status"], state["upload_id"]) == ("aborted", None) and is_dropped(upload)


def results_of(project: Project, *tasks: str) -> list[Any]:
    """What some tasks gave back that a program of the project sent."""
    sent = ", ".join(f"{task}.delay().get(timeout=60)" for task in tasks)
    results: list[Any] = json.loads(project.python(f"{TASKS}import json; print(json.dumps([{sent}]))"))
    return results


def wait_until(condition: Callable[[], bool]) -> None:
    """Return once something has come true."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


def test_tasks_are_found_sent_and_done(project: Project, tmp_path: Path) -> None:
    expired, left = begun(project, 2), begun(project, 1)
    turn_back(project, expired, "expires", "25 hours")
    with worker(project, tmp_path):
        assert results_of(project, "cleanup_expired_uploads")[0]["expired"] == 2
        assert all(is_gone(project, upload) for upload in expired)
        assert not is_gone(project, left[0])
        turn_back(project, expired, "modified", "6 days")
        assert results_of(project, "cleanup_failed_uploads") == [0]
        turn_back(project, expired, "modified", "1 day")
        assert results_of(project, "cleanup_failed_uploads", "cleanup_failed_uploads") == [2, 0]
    assert [project.demo("GET", f"/files/{each['id']}").status_code for each in expired] == [404, 404]


def test_what_a_killed_worker_left_the_next_run_finishes(
    project: Project, seaweedfs: SeaweedFS, tmp_path: Path
) -> None:
    def hold_the_third(method: str, target: str, count: int) -> Fault | None:
        return HoldAnswer() if method == "DELETE" and count == 2 else None

    uploads = begun(project, 5)
    turn_back(project, uploads, "expires", "25 hours")
    proxy = FaultProxy(int(seaweedfs.endpoint.rpartition(":")[2]), fault=hold_the_third)
    with worker(project, tmp_path, AWS_S3_ENDPOINT_URL=proxy.url) as killed:
        project.python(f"{TASKS}cleanup_expired_uploads.delay()")
        wait_until(lambda: any(isinstance(fault, HoldAnswer) for _, _, fault in proxy.log))
        killed.kill()
    proxy.release()
    proxy.close()
    assert 0 < sum(is_dropped(upload) for upload in uploads) < 5
    turn_back(project, uploads, "tended", "11 minutes")  # it had them in hand
    beat = ("--beat", "--schedule", str(tmp_path / "schedule"))
    settings = {"DJANGO_SETTINGS_MODULE": "tests.examples.impatient_settings", "PYTHONPATH": str(ROOT)}
    with worker(project, tmp_path, *beat, **settings):
        wait_until(lambda: all(is_gone(project, upload) for upload in uploads))


def test_a_database_that_is_away_fails_the_task_and_not_the_worker(project: Project, tmp_path: Path) -> None:
    """The error travels from the worker's process to whoever asks."""
    away = project.env["DATABASE_URL"] + "_away"
    asked = "result = cleanup_expired_uploads.delay(); result.get(timeout=60, propagate=False)"
    code = f"{TASKS}for _ in range(2):\n    {asked}; print(result.state, result.result)"
    with worker(project, tmp_path, DATABASE_URL=away):
        for line in project.python(code).splitlines():
            assert line.startswith("FAILURE ")
            assert "does not answer now" in line


def test_without_celery_they_are_functions(project: Project) -> None:
    uploads = begun(project, 1)
    turn_back(project, uploads, "expires", "25 hours")
    done = project.python(
        f"{TASKS}print(cleanup_expired_uploads()['expired'], cleanup_failed_uploads())", first=NO_CELERY
    )
    assert done == "1 0"
    assert is_gone(project, uploads[0])
