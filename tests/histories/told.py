"""Whether the events of each file, in order, tell a life that a file may have, up to its present state."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from partway.core.blocking import run_straight
from partway.records.connect import connect_blocking_records
from tests.histories.stack import Stack

_PLACED_WITHIN = 10.0  #: seconds
#: state → what may follow. Written down here once more: the code's own table is not asked.
_NEXT = {
    "pending": {"uploading", "aborted", "failed"},
    "uploading": {"completing", "completed", "aborted", "failed"},
    "completing": {"uploading", "completed", "failed"},
    "completed": set(),
    "aborted": set(),
    "failed": set(),
}


def untold(stack: Stack) -> Iterator[str]:
    """What events do not tell, or tell wrongly."""
    _place_all(stack)
    events: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for event in stack.rows("SELECT * FROM partway_events ORDER BY position"):
        if event["position"] is None:
            yield f"an event has no position: {event}"
        events[str(event["file_id"])].append(event)
    rows = {str(row["id"]): row for row in stack.rows("SELECT * FROM partway_files")}
    for file_id, row in rows.items():
        if file_id not in events:
            yield f"no event tells of {row['key']}"
    for file_id, told in events.items():
        wrong = _wrong_with(told, rows.get(file_id))
        if wrong:
            yield f"the events of {file_id} {wrong}: {[event['type'] for event in told]}"


def _wrong_with(events: Sequence[Mapping[str, Any]], row: Mapping[str, Any] | None) -> str | None:
    state: str | None = None
    hidden = removed = False
    for event in events:
        subject, _, what = event["type"].partition(".")
        if removed:
            return f"go on with {what} after the removal"
        if what == "initiated":
            if state is not None:
                return "begin twice"
            state = _data(event)["upload_status"]
        elif state is None:
            return "do not begin with the beginning"
        elif subject == "upload":
            if what not in _NEXT[state]:
                return f"go from {state} to {what}"
            state = what
        elif what == "removed":
            removed = True
        elif hidden == (what == "deleted"):
            return f"say {what} twice"
        else:
            hidden = what == "deleted"
    return _end_of(state, hidden, removed, row)


def _end_of(state: str | None, hidden: bool, removed: bool, row: Mapping[str, Any] | None) -> str | None:
    if removed != (row is None):
        return "end with its removal, but it is there" if removed else "do not tell of its removal"
    if row is None:
        return None
    if state != row["upload_status"]:
        return f"end with {state}, but it is {row['upload_status']}"
    if hidden != (row["deleted"] is not None):
        return f"end with it {'in the trash' if hidden else 'visible'}, but it is not so"
    return None


def _data(event: Mapping[str, Any]) -> Any:
    return json.loads(event["data"]) if isinstance(event["data"], str) else event["data"]


def _place_all(stack: Stack) -> None:
    """Give positions. The service may be at it too, and then nobody else is let in."""
    records = connect_blocking_records(stack.database_url)
    end = time.monotonic() + _PLACED_WITHIN
    try:
        while stack.rows("SELECT 1 FROM partway_events WHERE position IS NULL") and time.monotonic() < end:
            run_straight(records.place_events())
    finally:
        run_straight(records.aclose())
