"""What watchers are told, as JSON and as server-sent events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from partway.core.events import Event, Progress
from partway.core.watching import Beginning, Item, State
from partway.wire.answers import progress_json, time_json

MEDIA_TYPE = "text/event-stream"
_RETRY = 2000  #: milliseconds until a client that was cut off comes again

STREAM_BEGUN = b"retry: %d\n\n" % _RETRY
_SIGN_OF_LIFE = b":\n\n"


def item_json(item: Beginning | State | Event | Progress) -> dict[str, Any]:
    """One item. Who remembers its `position`, if it has one, can go on behind it."""
    match item:
        case Beginning():
            return {"type": "watching", "position": item.position}
        case State():
            return {"position": item.position, "type": "upload.state", **_state_json(item)}
        case Event():
            return {
                "id": str(item.id),
                "position": item.position,
                "type": item.type,
                "file_id": str(item.file_id),
                "owner": item.owner,
                "created": time_json(item.created),
                "data": item.data,
            }
        case Progress():
            return {
                "type": "upload.progress",
                "file_id": str(item.file_id),
                "owner": item.owner,
                "data": progress_json(item),
            }


def server_sent(item: Item, dumps: Callable[[Mapping[str, Any]], bytes]) -> bytes:
    """One item as the HTML standard has it: https://html.spec.whatwg.org/multipage/server-sent-events.html

    Args:
        dumps: writes JSON in one line.
    """
    if item is None:
        return _SIGN_OF_LIFE
    body = item_json(item)
    position = b"id: %d\n" % body["position"] if "position" in body else b""
    return position + b"event: %s\ndata: %s\n\n" % (body["type"].encode(), dumps(body))


def _state_json(state: State) -> dict[str, Any]:
    file = state.file
    return {
        "file_id": str(file.id),
        "owner": file.created_by,
        "data": {
            "file_name": file.file_name,
            "upload_status": file.upload_status,
            "failure": file.failure,
            **progress_json(state.progress),
        },
    }
