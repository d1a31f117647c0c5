"""Whoever waits for an upload is told: by server-sent events and by WebSocket, also by another replica."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.api import PART_SIZE, Api, assert_problem, put, send_parts, token_for
from tests.acceptance.listening import SECONDS, Heard, Stream, Told, hear, refusal, types
from tests.servers.service import Service

CONTENT = b"w" * (PART_SIZE + 1)
DONE = ["upload.completing", "upload.completed"]
ALL = ["upload.initiated", "upload.uploading", *DONE]
UNKNOWN = "01939393-0000-7000-8000-000000000000"


def events_of(begun: dict[str, Any]) -> str:
    return f"/files/uploads/{begun['id']}/events"


def socket_of(begun: dict[str, Any]) -> str:
    return f"/files/uploads/{begun['id']}/ws"


def finish(api: Api, begun: dict[str, Any], *, first_part: int = 1) -> None:
    send_parts(begun["presigned_urls"][first_part - 1 :], CONTENT, part_size=PART_SIZE)
    assert api("POST", f"/files/uploads/{begun['id']}/complete").status_code == 200


def report(api: Api, begun: dict[str, Any], *part_numbers: int) -> None:
    parts = [{"part_number": number} for number in part_numbers]
    assert api("POST", f"/files/uploads/{begun['id']}/parts", json={"parts": parts}).status_code == 200


def told_until(stream: Stream, last: str) -> list[Told]:
    """All events up to one of a type."""
    heard = [stream.next()]
    while heard[-1].type != last:
        heard.append(stream.next())
    return heard


def test_one_upload_from_its_state_to_its_end(alice: Api) -> None:
    begun = alice.begin(CONTENT)
    with Stream(alice, events_of(begun)) as stream:
        assert stream.answer.headers["Content-Type"].startswith("text/event-stream")
        assert stream.answer.headers["Cache-Control"] == "no-store"
        assert stream.answer.headers["X-Accel-Buffering"] == "no"
        state = stream.next()
        assert (state.type, state.body["file_id"]) == ("upload.state", begun["id"])
        assert state.body["data"]["upload_status"] == "uploading"
        assert (state.body["data"]["num_parts"], state.body["data"]["uploaded_size"]) == (2, 0)
        finish(alice, begun)
        rest = stream.rest()
    assert types(rest)[-2:] == DONE
    assert rest[-1].body["data"]["upload_status"] == "completed"
    assert rest[-1].body["data"]["etag"] == alice("GET", f"/files/{begun['id']}").json()["etag"]
    positions = [told.id for told in [state, *rest] if told.type != "upload.progress"]
    assert positions == sorted(positions, key=int)  # type: ignore[arg-type]
    assert [told.body["position"] for told in [state, *rest] if told.type != "upload.progress"] == positions


def test_going_on_behind_the_last_event(alice: Api) -> None:
    begun = alice.begin(CONTENT)
    with Stream(alice, events_of(begun), last_event_id=0) as stream:
        first = [stream.next("upload.initiated", "upload.uploading") for _ in range(2)]
    finish(alice, begun)
    behind = Stream(alice, events_of(begun), last_event_id=first[1].id).rest()
    assert types(behind) == DONE
    everything = Stream(alice, f"{events_of(begun)}?last_event_id=0").rest()
    assert types(everything) == ALL
    assert [told.body for told in everything] == [told.body for told in [*first, *behind]]
    (state,) = Stream(alice, events_of(begun)).rest()
    assert state.body["data"]["upload_status"] == "completed"
    heard_all = alice("GET", events_of(begun), headers={"Last-Event-ID": str(everything[-1].id)})
    assert (heard_all.status_code, heard_all.content) == (204, b"")


def test_progress_from_reports(alice: Api) -> None:
    begun = alice.begin(CONTENT)
    with Stream(alice, events_of(begun)) as stream, Stream(alice, "/files/events") as mine:
        stream.next("upload.state")
        mine.next("watching")
        report(alice, begun, 2)
        told = stream.next("upload.progress")
        assert told.id is None
        expected = {"uploaded_parts": 1, "num_parts": 2, "uploaded_size": 1, "file_size": len(CONTENT)}
        assert told.body["data"] == mine.next("upload.progress").body["data"] == expected
        report(alice, begun, 1)
        assert stream.next("upload.progress").body["data"]["uploaded_size"] == len(CONTENT)


def test_progress_that_nobody_reports_is_asked_of_the_store(alice: Api) -> None:
    begun = alice.begin(CONTENT)
    with Stream(alice, events_of(begun)) as stream, Stream(alice, events_of(begun)) as another:
        stream.next("upload.state")
        assert put(begun["presigned_urls"][0], CONTENT[:PART_SIZE]).status_code == 200
        for each in (stream, another):
            told = each.next("upload.progress").body["data"]
            assert (told["uploaded_parts"], told["uploaded_size"]) == (1, PART_SIZE)


def test_an_upload_that_is_given_up(alice: Api) -> None:
    begun = alice.begin(CONTENT)
    with Stream(alice, events_of(begun)) as stream:
        stream.next("upload.state")
        assert alice("DELETE", f"/files/uploads/{begun['id']}").status_code == 204
        assert types(stream.rest())[-1] == "upload.aborted"


def test_all_files_of_an_owner(service: Service, staff: Api) -> None:
    dora, emil = Api(service.url, token_for("dora")), Api(service.url, token_for("emil"))
    dora.upload(b"before")
    with (
        Stream(dora, "/files/events") as mine,
        Stream(staff, "/files/events?owner=dora") as hers,
        Stream(staff, "/files/events") as everybodys,
    ):
        beginning = mine.next()
        assert beginning.type == "watching"
        for each in (hers, everybodys):
            each.next("watching")
        theirs, file = emil.upload(b"emil's"), dora.upload(b"dora's")
        assert dora("DELETE", f"/files/{file['id']}").status_code == 204
        for stream in (mine, hers):
            heard = told_until(stream, "file.deleted")
            assert [told.type for told in heard if told.body["file_id"] == file["id"]] == [*ALL, "file.deleted"]
            assert {told.body["owner"] for told in heard} == {"dora"}
        seen = told_until(everybodys, "file.deleted")
        assert [told.type for told in seen if told.body["file_id"] == theirs["id"]] == ALL
    with Stream(dora, "/files/events", last_event_id=beginning.id) as again:
        assert [told.body for told in told_until(again, "file.deleted")] == [told.body for told in heard]


def test_who_may_not_watch(alice: Api, bob: Api, service: Service) -> None:
    begun = alice.begin(CONTENT)
    for path in (events_of(begun), f"/files/uploads/{UNKNOWN}/events", "/files/uploads/x/events"):
        assert_problem(bob("GET", path), 404, "not_found")
    assert_problem(bob("GET", "/files/events?owner=alice"), 404, "not_found")
    nobody = Api(service.url)
    for path in (events_of(begun), "/files/events"):
        assert_problem(nobody("GET", path), 401, "not_authenticated")
    for wrong in ("x", "-1", str(2**63), "1.5"):
        assert_problem(alice("GET", "/files/events", headers={"Last-Event-ID": wrong}), 422, "invalid_input")
        assert_problem(alice("GET", f"/files/events?last_event_id={wrong}"), 422, "invalid_input")


def test_a_caller_has_so_many_streams_and_no_more(service: Service) -> None:
    frida = Api(service.url, token_for("frida"))
    streams = [Stream(frida, "/files/events") for _ in range(50)]
    problem = assert_problem(frida("GET", "/files/events"), 429, "too_many_streams")
    assert problem["limit"] == 50
    assert hear(frida, "/files/ws").status == 429
    for stream in streams:
        stream.close()
    end = time.monotonic() + SECONDS
    while (answer := frida("GET", "/files/events", stream=True)).status_code != 200:
        assert time.monotonic() < end, "their places are never given back"
    answer.close()


def test_a_websocket_from_the_state_to_the_end(alice: Api) -> None:
    begun = alice.begin(CONTENT)
    heard = hear(alice, socket_of(begun), when={"upload.state": lambda: finish(alice, begun)})
    assert heard.close_code == 1000
    kinds = [body["type"] for body in heard.messages if body["type"] != "upload.progress"]
    assert (kinds[0], kinds[-2:]) == ("upload.state", DONE)
    events = Stream(alice, events_of(begun), last_event_id=0).rest()
    assert heard.messages[-2:] == [told.body for told in events[-2:]]
    behind = hear(alice, f"{socket_of(begun)}?last_event_id={events[1].id}")
    assert behind.messages == [told.body for told in events[2:]]
    assert hear(alice, f"{socket_of(begun)}?last_event_id={events[-1].id}") == Heard(close_code=1000)


def test_a_websocket_of_an_owner_with_a_token_as_browsers_send_it(alice: Api) -> None:
    heard = hear(
        alice,
        "/files/ws",
        protocols=("partway.v1", f"bearer.{alice.token}"),
        when={"watching": lambda: report(alice, alice.begin(CONTENT), 1)},
        until="upload.progress",
    )
    assert heard.protocol == "partway.v1"
    assert heard.messages[-1]["data"]["uploaded_size"] == PART_SIZE


def test_whom_a_websocket_refuses(alice: Api, bob: Api, service: Service) -> None:
    begun = alice.begin(CONTENT)
    nobody = Api(service.url)
    assert_problem(refusal(bob, socket_of(begun)), 404, "not_found")
    assert_problem(refusal(alice, f"/files/uploads/{UNKNOWN}/ws"), 404, "not_found")
    assert_problem(refusal(alice, "/files/uploads/x/ws"), 404, "not_found")
    assert_problem(refusal(bob, "/files/ws?owner=alice"), 404, "not_found")
    assert_problem(refusal(nobody, socket_of(begun)), 401, "not_authenticated")
    assert_problem(refusal(alice, "/files/ws?last_event_id=x"), 422, "invalid_input")
    assert_problem(refusal(alice, "/files/ws", Origin="https://evil.example"), 403, "foreign_origin")
    assert_problem(refusal(alice, "/files/ws", Origin="null"), 403, "foreign_origin")
    assert hear(alice, "/files/ws", headers={"Origin": service.url}, until="watching").status == 101
    for protocols, path, code in (
        (("partway.v1",), socket_of(begun), 4401),
        (("partway.v1", "bearer.x"), socket_of(begun), 4401),
        (("partway.v1", f"bearer.{bob.token}"), socket_of(begun), 4404),
        (("partway.v1", f"bearer.{bob.token}"), "/files/ws?last_event_id=-1", 4422),
    ):
        heard = hear(bob, path, protocols=protocols)
        assert (heard.status, heard.close_code, heard.messages) == (101, code, [])


@pytest.fixture
def replicas(stack: dict[str, str], tmp_path: Path) -> Iterator[tuple[Service, Service]]:
    """Two processes of the service on the same store and records."""
    one, other = (Service(tmp_path / "data", env=stack, forked=True) for _ in range(2))
    with one, other:
        yield one, other


def test_what_one_replica_does_is_told_by_the_other(replicas: tuple[Service, Service], stack: dict[str, str]) -> None:
    here, there = (Api(each.url, token_for("gina")) for each in replicas)
    begun = here.begin(CONTENT)
    with Stream(there, events_of(begun)) as stream, Stream(there, "/files/events") as mine:
        stream.next("upload.state")
        mine.next("watching")
        if "PARTWAY_DATABASE_URL" in stack:  # SQLite carries no progress
            report(here, begun, 1)
            for each in (stream, mine):
                assert each.next("upload.progress").body["data"]["uploaded_size"] == PART_SIZE
        finish(here, begun)
        assert types(stream.rest())[-2:] == DONE
        assert [mine.next(kind).body["file_id"] for kind in DONE] == [begun["id"]] * 2


def test_streams_end_with_the_service_and_go_on_at_another(replicas: tuple[Service, Service]) -> None:
    ending = replicas[0]
    here, there = (Api(each.url, token_for("hans")) for each in replicas)
    begun = here.begin(CONTENT)
    with Stream(here, "/files/events", last_event_id=0) as stream:
        last = [stream.next("upload.initiated", "upload.uploading") for _ in range(2)][-1]
        heard = hear(here, "/files/ws", when={"watching": lambda: ending.send(signal.SIGTERM)})
        assert heard.close_code == 1012
        assert stream.rest() == []
    assert ending.ended() == 0
    assert "ERROR" not in ending.log.read_text()
    assert there("DELETE", f"/files/uploads/{begun['id']}").status_code == 204
    assert types(Stream(there, events_of(begun), last_event_id=last.id).rest()) == ["upload.aborted"]
