"""What looks for lies finds each kind of them: something is broken on purpose, and seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from partway.core.blocking import run_straight
from tests.histories.clients import Told
from tests.histories.plan import Verb
from tests.histories.stack import Stack
from tests.histories.told import untold
from tests.histories.truth import broken_promises, nothing_left, untruths

CONTENT = b"partway goes on"
Break = Callable[[Stack, dict[str, Any]], None]


@pytest.fixture(params=["local", "remote"])
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    found: Stack = request.getfixturevalue(request.param)
    yield found
    found.forget_all()


@pytest.fixture
def file(stack: Stack) -> dict[str, Any]:
    return stack.api("alice").upload(CONTENT, file_name="0")


def wrong(stack: Stack) -> list[str]:
    return [*untruths(stack, {"0": CONTENT}), *untold(stack)]


def lose_object(stack: Stack, file: dict[str, Any]) -> None:
    run_straight(stack.store.delete(file["s3_key"]))


def damage_object(stack: Stack, file: dict[str, Any]) -> None:
    lose_object(stack, file)
    put(stack, file["s3_key"], CONTENT.upper())


def cut_object(stack: Stack, file: dict[str, Any]) -> None:
    lose_object(stack, file)
    put(stack, file["s3_key"], CONTENT[:-1])


def add_object(stack: Stack, file: dict[str, Any]) -> None:
    put(stack, "files/stray", CONTENT)


def open_upload(stack: Stack, file: dict[str, Any]) -> None:
    run_straight(stack.store.create_upload("files/stray", content_type="a/b", token="t"))


def put(stack: Stack, key: str, content: bytes) -> None:
    run_straight(stack.store.write_object(key, content, content_type="a/b", token="t"))


def statement(text: str) -> Break:
    return lambda stack, file: stack.execute(text)


LIES: dict[str, tuple[Break, str]] = {
    "object lost": (lose_object, "has no object"),
    "object damaged": (damage_object, "has other bytes"),
    "object cut": (cut_object, "its object 14"),
    "object without a record": (add_object, "has no finished record"),
    "open upload": (open_upload, "is open"),
    "usage": (statement("UPDATE partway_usage SET bytes = bytes + 1"), "the records sum up to"),
    "usage forgotten": (statement("DELETE FROM partway_usage"), "usage knows nothing"),
    "unfinished": (statement("UPDATE partway_files SET upload_status = 'completing'"), "is left unfinished"),
    "failed": (statement("UPDATE partway_files SET upload_status = 'failed'"), "has failed"),
    "unsettled": (statement("UPDATE partway_files SET upload_status = 'aborted', settled = FALSE"), "is not settled"),
    "purging": (statement("UPDATE partway_files SET purging = modified"), "is still being removed"),
    "event lost": (statement("DELETE FROM partway_events WHERE type = 'upload.uploading'"), "go from pending to"),
    "no event": (statement("DELETE FROM partway_events"), "no event tells"),
    "last event lost": (statement("DELETE FROM partway_events WHERE type = 'upload.completed'"), "but it is completed"),
    "order of events": (
        statement("UPDATE partway_events SET id = -id WHERE type IN ('upload.completing', 'upload.uploading')"),
        "do not begin with the beginning",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_seen(stack: Stack, file: dict[str, Any], lie: str) -> None:
    assert wrong(stack) == []
    stack.execute("UPDATE partway_events SET position = NULL")
    breaks, seen = LIES[lie]
    breaks(stack, file)
    assert any(seen in each for each in wrong(stack)), wrong(stack)


def test_what_was_promised_is_held_against_the_records(stack: Stack, file: dict[str, Any]) -> None:
    told = Told(CONTENT, None, begun=[file], told={(file["id"], Verb.COMPLETE)})
    assert list(broken_promises(stack, {0: told})) == []
    for verb in (Verb.ABORT, Verb.REMOVE, Verb.HIDE):
        assert len(list(broken_promises(stack, {0: Told(CONTENT, None, [file], told={(file["id"], verb)})}))) == 1
    stack.execute(f"UPDATE partway_files SET deleted = '{datetime(2026, 1, 1)}.000000'")
    assert len(list(broken_promises(stack, {0: told}))) == 1
    stack.execute("DELETE FROM partway_files")
    assert len(list(broken_promises(stack, {0: told}))) == 1


def test_what_is_left_is_seen(stack: Stack, file: dict[str, Any]) -> None:
    assert len(list(nothing_left(stack))) == 3
    stack.forget_all()
    assert list(nothing_left(stack)) == []
