"""One request, and one trouble at each of its questions to the store and to the database in turn. Asked again it comes
to the same end as ever, and nothing is left beside it."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
import requests

from tests.acceptance.api import Api, send_parts
from tests.histories.plan import Trouble
from tests.histories.stack import Stack
from tests.histories.told import untold
from tests.histories.truth import untruths

CONTENT = b"partway goes on"
NEW = {"file_name": "0", "file_size": len(CONTENT), "file_content_type": ""}
DAY = 24 * 3600  #: seconds
PATIENCE = 30.0  #: seconds that a client asks again
HANGING = 0.4  #: seconds after which a client gives up

Asked = tuple[str, str, dict[str, Any]]  #: method, path and options


@dataclass(frozen=True)
class Request:
    """A request that breaks, what comes before it, and what it comes to.

    Args:
        prepare: makes what it is about.
        ask: the request.
        becomes: the states of all files that it is about, in the end.
    """

    prepare: Callable[[Api], dict[str, Any]]
    ask: Callable[[dict[str, Any]], Asked]
    becomes: tuple[str, ...]


def _nothing(api: Api) -> dict[str, Any]:
    return {"headers": {"Idempotency-Key": uuid.uuid4().hex}}


def _sent(api: Api) -> dict[str, Any]:
    begun = api.begin(CONTENT, file_name="0")
    send_parts(begun["presigned_urls"], CONTENT, part_size=len(CONTENT))
    return begun


def _single(api: Api) -> dict[str, Any]:
    begun: dict[str, Any] = api("POST", "/files/uploads/batch", json={"files": [NEW]}).json()["uploads"][0]
    send_parts(begun["presigned_urls"], CONTENT, part_size=len(CONTENT))
    return begun


def _finished(api: Api) -> dict[str, Any]:
    return {**api.upload(CONTENT, file_name="0"), **_nothing(api)}


def _initiate(of: dict[str, Any]) -> Asked:
    return "POST", "/files/uploads", {"json": NEW, **of}


def _complete(of: dict[str, Any]) -> Asked:
    return "POST", f"/files/uploads/{of['id']}/complete", {}


def _abort(of: dict[str, Any]) -> Asked:
    return "DELETE", f"/files/uploads/{of['id']}", {}


def _hide(of: dict[str, Any]) -> Asked:
    return "DELETE", f"/files/{of['id']}", {}


def _remove(of: dict[str, Any]) -> Asked:
    return "DELETE", f"/files/{of['id']}?hard_delete=true", {}


def _copy(of: dict[str, Any]) -> Asked:
    return "POST", f"/files/{of['id']}/copy", {"headers": of["headers"]}


REQUESTS: Mapping[str, Request] = {
    "initiate": Request(_nothing, _initiate, ("aborted",)),
    "complete": Request(_sent, _complete, ("completed",)),
    "complete single": Request(_single, _complete, ("completed",)),
    "abort": Request(_sent, _abort, ("aborted",)),
    "abort single": Request(_single, _abort, ("aborted",)),
    "hide": Request(_finished, _hide, ("completed",)),
    "remove": Request(_finished, _remove, ()),
    "remove open": Request(_sent, _remove, ()),
    "copy": Request(_finished, _copy, ("completed", "completed")),
}
TROUBLES = (Trouble.LOST, Trouble.ERROR, Trouble.ERROR_IN_200, Trouble.KILL_BEFORE, Trouble.KILL_AFTER)
AT_STORE = [name for name in REQUESTS if name != "hide"]


@pytest.mark.parametrize("name", AT_STORE)
@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_at_the_store(remote: Stack, name: str, trouble: Trouble) -> None:
    _at_every_point(remote, REQUESTS[name], lambda point: remote.trouble({point: trouble}, {}))


@pytest.mark.parametrize("name", REQUESTS)
def test_a_commit_whose_answer_is_lost(remote: Stack, name: str) -> None:
    _at_every_point(remote, REQUESTS[name], lambda point: remote.trouble({}, {point: Trouble.LOST}))


@pytest.mark.parametrize("name", ["initiate", "complete", "remove", "copy"])
def test_a_service_killed_once_it_was_committed(remote: Stack, name: str) -> None:
    _at_every_point(remote, REQUESTS[name], lambda point: remote.trouble({}, {point: Trouble.KILL_AFTER}))


@pytest.mark.parametrize("name", AT_STORE)
def test_a_store_that_hangs(remote: Stack, name: str) -> None:
    """The client gives up, and asks again while its first request still waits for the store."""
    _at_every_point(remote, REQUESTS[name], lambda point: remote.trouble({point: Trouble.HELD}, {}), patience=HANGING)


def _at_every_point(
    stack: Stack, request: Request, trouble: Callable[[int], None], *, patience: float = PATIENCE
) -> None:
    api = stack.api(f"owner-{uuid.uuid4().hex[:8]}")
    try:
        for point in count():
            asked = request.ask(request.prepare(api))
            trouble(point)
            with contextlib.suppress(requests.RequestException):
                _send(api, asked, timeout=patience)
            answer, troubled = _persist(api, asked), stack.troubled
            stack.calm()
            # What is removed for good is gone the second time.
            assert answer.ok or answer.status_code == 404, answer.text
            if not troubled:
                break
        assert point, "it asks nobody"
        for _ in range(2):
            stack.pass_time(2 * DAY)
            assert stack.upkeep().failed == 0
        assert [*untruths(stack, {"0": CONTENT}), *untold(stack)] == []
        assert _states(stack) == sorted(request.becomes * (point + 1))
    finally:
        stack.calm()
        stack.forget_all()


def _persist(api: Api, asked: Asked) -> requests.Response:
    """Ask until there is an answer: the service, the store and the database are there."""
    end = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(requests.RequestException):
            answer = _send(api, asked, timeout=PATIENCE)
            if answer.status_code != 503 or time.monotonic() > end:
                return answer
        assert time.monotonic() < end
        time.sleep(0.02)


def _send(api: Api, asked: Asked, *, timeout: float) -> requests.Response:
    method, path, options = asked
    headers = {"Authorization": f"Bearer {api.token}", **options.get("headers", {})}
    return requests.request(method, f"{api.base}/v1{path}", json=options.get("json"), headers=headers, timeout=timeout)


def _states(stack: Stack) -> Sequence[str]:
    return sorted(row["upload_status"] for row in stack.rows("SELECT upload_status FROM partway_files"))
