"""Clients that do what a history plans, and remember what they were told."""

from __future__ import annotations

import base64
import time
import uuid
import zlib
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import Any

import requests

from tests.acceptance.api import PART_SIZE, slice_of
from tests.histories.plan import Deed, History, Step, Verb, Way
from tests.histories.stack import Stack

_PAUSE = 0.05  #: seconds before a client asks again


@dataclass
class Told:
    """What clients know of one planned file.

    Asked is what they tried, whatever came of it; told is what they got a good answer to.
    """

    content: bytes
    key: str | None
    begun: list[dict[str, Any]] = field(default_factory=list)  #: the answers to its beginning
    asked: set[tuple[str, Verb]] = field(default_factory=set)  #: (id, what)
    told: set[tuple[str, Verb]] = field(default_factory=set)

    @property
    def ids(self) -> set[str]:
        return {each["id"] for each in self.begun}


class Clients:
    """The clients of one history, who are one owner.

    Args:
        history: the plan.
        stack: where.
    """

    def __init__(self, history: History, stack: Stack) -> None:
        self.owner = f"owner-{history.seed}-{uuid.uuid4().hex[:8]}"
        self.log: list[str] = []  #: each deed and its answer
        self.wrong: list[str] = []  #: answers that no trouble excuses
        self.files = {
            number: Told(Random(f"{history.seed}-{_root(history, number)}").randbytes(_size(history, number)), key)
            for number, file in enumerate(history.files)
            for key in [uuid.uuid4().hex if file.keyed else None]
        }
        self._history = history
        self._stack = stack
        claims = {} if history.quota is None else {"quota_bytes": history.quota}
        self._api = stack.api(self.owner, **claims)
        self._began = time.monotonic()

    def live(self) -> None:
        """Do it all."""
        self._stack.trouble(self._history.store_trouble, self._history.database_trouble)
        with ThreadPoolExecutor(8) as pool:
            for step in self._history.steps:
                self._take(step, pool)
        self._stack.calm()

    def _take(self, step: Step, pool: ThreadPoolExecutor) -> None:
        if step.deeds[0].verb is Verb.WAIT:
            self._wait(step)
            return
        doing = [pool.submit(self._do, deed) for deed in step.deeds]
        if step.kill_after is not None:
            time.sleep(step.kill_after)
            self._note("killed")
            self._stack.crash()
        for each in doing:
            each.result()

    def _wait(self, step: Step) -> None:
        """Time passes; all URLs are dead then."""
        if self._stack.store_faults is not None:
            self._stack.store_faults.wait_until_quiet()
        self._stack.pass_time(self._history.wait)
        for told in self.files.values():
            for begun in told.begun:
                begun["presigned_urls"] = []
        self._note("time passes, and upkeep runs")
        self._stack.cleanup(kill_after=step.kill_after)

    def _do(self, deed: Deed) -> None:
        told = self.files[deed.file]
        if deed.verb is Verb.BEGIN:
            self._begin(deed, told)
        elif deed.verb is Verb.TIDY:
            self._tidy(deed)
        elif deed.verb is Verb.PURGE:
            self._purge(deed)
        elif deed.verb is Verb.COMPLETE and self._history.files[deed.file].way is Way.SINGLE:
            self._complete_batch(deed, told)
        else:
            for begun in list(told.begun):
                self._act(deed, told, begun)

    def _begin(self, deed: Deed, told: Told) -> None:
        planned = self._history.files[deed.file]
        headers = {"Idempotency-Key": told.key} if told.key else {}
        body = {"file_name": str(_root(self._history, deed.file)), "file_size": len(told.content)}
        body["file_content_type"] = "application/octet-stream"
        if planned.summed:
            body |= {"checksum_algorithm": "crc32", "part_checksums": _checksums(told.content)}
        if planned.way is Way.MULTIPART:
            parts = max(1, -(-len(told.content) // PART_SIZE))
            plan = {"num_parts": parts, "part_size": PART_SIZE if parts > 1 else len(told.content)}
            answer = self._ask(deed, "POST", "/files/uploads", json={**body, **plan}, headers=headers)
        elif planned.way is Way.SINGLE:
            answer = self._ask(deed, "POST", "/files/uploads/batch", json={"files": [body, body]})
        elif planned.way is Way.FORM:
            answer = self._ask(deed, "POST", "/files/upload", files={"file": (body["file_name"], told.content)})
        else:
            sources = self.files[planned.source or 0].begun
            path = f"/files/{sources[0]['id']}/copy" if sources else ""
            answer = self._ask(deed, "POST", path, headers=headers) if sources else None
        if answer is None or answer.status_code != 201:
            return
        for begun in answer.json()["uploads"] if planned.way is Way.SINGLE else [answer.json()]:
            if "id" in begun:
                told.begun.append({"presigned_urls": [], **begun})
                if begun["upload_status"] == "completed":
                    told.told.add((begun["id"], Verb.COMPLETE))

    def _act(self, deed: Deed, told: Told, begun: dict[str, Any]) -> None:
        file_id = begun["id"]
        if deed.verb is Verb.SEND:
            self._send(deed, begun, told.content)
            return
        method, path, options = _request(deed.verb, begun)
        told.asked.add((file_id, deed.verb))
        answer = self._ask(deed, method, path, **options)
        if answer is not None and answer.ok:
            told.told.add((file_id, deed.verb))

    def _complete_batch(self, deed: Deed, told: Told) -> None:
        ids = sorted(told.ids)
        answer = self._ask(deed, "POST", "/files/uploads/batch/complete", json={"ids": ids}) if ids else None
        if answer is not None and answer.ok:
            done = {file["id"] for file in answer.json()["files"] if file.get("upload_status") == "completed"}
            told.told |= {(file_id, Verb.COMPLETE) for file_id in done}

    def _purge(self, deed: Deed) -> None:
        files = [self.files[number] for number in range(deed.file, len(self.files), 2)]
        ids = sorted(file_id for told in files for file_id in told.ids)
        for told in files:
            told.asked |= {(file_id, Verb.REMOVE) for file_id in told.ids}
        body = {"ids": ids, "hard_delete": True}
        answer = self._ask(deed, "POST", "/files/bulk-delete", json=body) if ids else None
        if answer is not None and answer.ok:
            gone = {each["id"] for each in answer.json()["results"] if "deleted" in each}
            for told in files:
                told.told |= {(file_id, Verb.REMOVE) for file_id in told.ids & gone}

    def _send(self, deed: Deed, begun: dict[str, Any], content: bytes) -> None:
        for signed in begun["presigned_urls"]:
            body = slice_of(content, signed["part_number"], begun["part_size"]) if content else b""
            for _ in range(deed.tries):
                try:
                    answer = requests.put(signed["url"], data=body, headers=signed["headers"], timeout=60)
                except requests.RequestException as error:
                    self._note(f"part {signed['part_number']} of {begun['id']} → {type(error).__name__}")
                    time.sleep(_PAUSE)
                else:
                    self._note(f"part {signed['part_number']} of {begun['id']} → {answer.status_code}")
                    break

    def _tidy(self, deed: Deed) -> None:
        owners: dict[str, Told] = defaultdict(lambda: Told(b"", None))
        owners |= {file_id: told for told in self.files.values() for file_id in told.ids}
        for status in ("pending", "uploading"):
            listed = self._ask(deed, "GET", "/files", params={"status": status})
            for file in listed.json()["results"] if listed is not None and listed.ok else ():
                self._act(Deed(Verb.ABORT, deed.file, deed.tries), owners[file["id"]], file)

    def _ask(self, deed: Deed, method: str, path: str, **options: Any) -> requests.Response | None:
        """An answer, if there was one; a service that is away is asked again as often as the deed says."""
        for attempt in range(deed.tries):
            if attempt:
                time.sleep(_PAUSE)
            try:
                answer = self._api(method, path, **options)
            except requests.RequestException as error:
                self._note(f"{deed}: {method} {path} → {type(error).__name__}")
                continue
            self._note(f"{deed}: {method} {path} → {answer.status_code} {_gist(answer)}")
            if answer.status_code == 500:
                self.wrong.append(f"{method} {path} was answered with 500")
            if answer.status_code != 503:
                return answer
        return None

    def _note(self, what: str) -> None:
        self.log.append(f"{time.monotonic() - self._began:7.3f} {what}")


def _request(verb: Verb, begun: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    upload, file = f"/files/uploads/{begun['id']}", f"/files/{begun['id']}"
    parts = [{"part_number": number} for number in range(1, (begun.get("num_parts") or 1) + 1)]
    requests_by_verb: dict[Verb, tuple[str, str, dict[str, Any]]] = {
        Verb.REPORT: ("POST", f"{upload}/parts", {"json": {"parts": parts}}),
        Verb.STATE: ("GET", upload, {}),
        Verb.COMPLETE: ("POST", f"{upload}/complete", {}),
        Verb.ABORT: ("DELETE", upload, {}),
        Verb.HIDE: ("DELETE", file, {}),
        Verb.REMOVE: ("DELETE", file, {"params": {"hard_delete": "true"}}),
        Verb.RESTORE: ("POST", f"{file}/restore", {}),
    }
    return requests_by_verb[verb]


def _checksums(content: bytes) -> list[str]:
    parts = [content[start : start + PART_SIZE] for start in range(0, max(1, len(content)), PART_SIZE)]
    return [base64.b64encode(zlib.crc32(part).to_bytes(4, "big")).decode() for part in parts]


def _gist(answer: requests.Response) -> str:
    """What an answer says, in short."""
    if not answer.content or not answer.headers["Content-Type"].endswith("json"):
        return ""
    said = answer.json()
    return f"{said.get('code', '')}{said.get('upload_status', '')} {said.get('id', '')}".rstrip()


def _root(history: History, number: int) -> int:
    """The file whose bytes a file has: its own, or those of what it is a copy of."""
    source = history.files[number].source
    return number if source is None else _root(history, source)


def _size(history: History, number: int) -> int:
    return history.files[_root(history, number)].size
