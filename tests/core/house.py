"""The story's whole house in memory: a store, records and a clock, and stories that can be stopped anywhere.

Between any two calls of a port a story can be left alone for a while, or for good: `Slow` ports pause before and after
each call. `killed_at` runs a story up to one of these points and drops it there, as a killed process would.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Iterator, Sequence
from itertools import count
from typing import Any

from tests.servers.clock import HandClock

from partway.core.batches import Batches
from partway.core.blocking import iterate_straight, run_straight
from partway.core.copies import Copies
from partway.core.file import Caller, File
from partway.core.files import Files
from partway.core.hooks import ApplicationHooks, Hooks
from partway.core.initiation import NewUpload, UploadSettings
from partway.core.parts import ClaimedPart, StoreLimits
from partway.core.ports import PartToSign, SignedPart, SignedParts
from partway.core.proxied import ProxiedUploads
from partway.core.trash import Trash
from partway.core.uploads import BegunUpload, Uploads
from partway.records.memory import MemoryRecords
from partway.stores.contract.bench import Answer
from partway.stores.memory import MemoryStore

ALICE = Caller(id="alice", name="Alice")
BOB = Caller(id="bob")
STAFF = Caller(id="carol", staff=True)
CONTENT = b"partway goes on"
PART_SIZE = 4  #: bytes
URL_EXPIRY = 600  #: seconds
UPLOAD_TTL = 24 * 3600  #: seconds
SETTINGS = UploadSettings(part_size=PART_SIZE, url_expiry=URL_EXPIRY, upload_ttl=UPLOAD_TTL)

STORE_VERBS = (
    "create_upload",
    "find_uploads",
    "sign_parts",
    "list_parts",
    "complete_upload",
    "abort_upload",
    "head",
    "read",
    "sign_download",
    "delete",
    "check",
)
POWERS = ("sign_put", "list_objects", "copy_object", "delete_objects")
RECORD_VERBS = ("add", "get", "change", "page", "remove", "report_parts", "reported_parts")
BULK_VERBS = ("add_all", "get_all", "change_each", "remove_all", "claim_trash", "usage", "reclaimable")


class Pause:
    """An await that gives the hand back to whoever drives the story."""

    def __await__(self) -> Generator[None, None, None]:
        yield


def slow(port: Any, verbs: Sequence[str]) -> Any:
    """The same port with these verbs only, pausing before and after each call."""
    verbs_of_it: dict[str, Any] = {verb: staticmethod(_slowly(getattr(port, verb))) for verb in verbs}
    if hasattr(port, "limits"):
        verbs_of_it["limits"] = port.limits
    return type("Slow", (), verbs_of_it)()


def _slowly(verb: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Coroutine[Any, Any, Any]]:
    async def call(*args: Any, **named: Any) -> Any:
        await Pause()
        result = await verb(*args, **named)
        await Pause()
        return result

    return call


class House:
    """A store, records and a clock, with the stories over them.

    Args:
        paused: whether `stories` pause at each call of a port. `calm` never does.
        powers: whether the store and the records of `stories` have their optional powers; without them they pause too.
        records: others than those in memory.
        settings: how uploads are made.
        hooks: an application's.
    """

    def __init__(
        self,
        *,
        paused: bool = False,
        powers: bool = True,
        records: Any = None,
        settings: UploadSettings = SETTINGS,
        hooks: ApplicationHooks | None = None,
    ) -> None:
        self.clock = HandClock()
        self.store = MemoryStore(limits=StoreLimits(min_part_size=PART_SIZE), clock=self.clock)
        self.records: MemoryRecords = records or MemoryRecords()
        self.settings = settings
        self.hooks = Hooks(hooks)
        self.stories = Stories(self, paused=paused, powers=powers)
        self.calm = Stories(self, paused=False, powers=True)

    def begin(self, content: bytes = CONTENT, *, caller: Caller = ALICE, key: str | None = None, **asked: Any) -> File:
        """Begin an upload and send nothing."""
        return self.initiate(content, caller=caller, key=key, **asked).file

    def initiate(
        self, content: bytes = CONTENT, *, caller: Caller = ALICE, key: str | None = None, **asked: Any
    ) -> BegunUpload:
        """Begin an upload without pauses."""
        return run_straight(self.calm.uploads.initiate(new(content, **asked), caller=caller, idempotency_key=key))

    def uploaded(self, content: bytes = CONTENT, **asked: Any) -> File:
        """Begin an upload and send all of it."""
        begun = self.initiate(content, **asked)
        self.send(begun.signed, content)
        return begun.file

    def finished(self, content: bytes = CONTENT, **asked: Any) -> File:
        """A file whose upload is complete."""
        file = self.uploaded(content, **asked)
        return run_straight(self.calm.uploads.complete(file.id, caller=ALICE))

    def send(self, signed: SignedParts, content: bytes, *, part_size: int = PART_SIZE) -> list[ClaimedPart]:
        """Send parts that must be taken; what the client may say of them."""
        sent = []
        for part in signed.parts:
            answer = self.put(part, content[(part.part_number - 1) * part_size :][: part.size])
            assert answer.status == 200, answer.body
            sent.append(ClaimedPart(part.part_number, answer.headers["etag"]))
        return sent

    def put(self, part: SignedPart, body: bytes) -> Answer:
        """Send one part."""
        return run_straight(self.store.send("PUT", part.url, part.headers, body))

    def record(self, file: File) -> File:
        """The record as it stands."""
        standing = self.record_or_none(file)
        assert standing is not None
        return standing

    def record_or_none(self, file: File) -> File | None:
        """The record as it stands, if it was not removed."""
        return run_straight(self.records.get(file.id))

    def bytes_of(self, file: File) -> bytes | None:
        """What the store holds under the file's key."""
        if run_straight(self.store.head(file.key)) is None:
            return None
        stream = run_straight(self.store.read(file.key))
        return b"".join(iterate_straight(stream.chunks))

    def open_uploads(self, file: File) -> list[str]:
        """The store's open multipart uploads for the file's key."""
        return run_straight(self.store.find_uploads(file.key))

    def plant(self, file: File, content: bytes, *, token: str | None = None) -> None:
        """Put an object under the file's key, as if somebody else had."""
        owner = token or file.token
        upload_id = run_straight(self.store.create_upload(file.key, content_type="text/plain", token=owner))
        signed = run_straight(self.store.sign_parts(file.key, upload_id, [PartToSign(1, len(content))], expires_in=60))
        self.send(signed, content, part_size=len(content))
        parts = run_straight(self.store.list_parts(file.key, upload_id))
        run_straight(self.store.complete_upload(file.key, upload_id, parts))


class Stories:
    """The stories over a house's ports."""

    def __init__(self, house: House, *, paused: bool, powers: bool) -> None:
        store: Any = house.store
        records: Any = house.records
        if paused or not powers:
            store = slow(store, STORE_VERBS + (POWERS if powers else ()))
            records = slow(records, RECORD_VERBS + (BULK_VERBS if powers else ()))
        self.uploads = Uploads(
            store=store, records=records, settings=house.settings, hooks=house.hooks, clock=house.clock
        )
        self.files = Files(store=store, records=records, uploads=self.uploads, clock=house.clock)
        self.trash = Trash(store=store, records=records, files=self.files, url_expiry=URL_EXPIRY, clock=house.clock)
        self.copies = Copies(
            store=store,
            records=records,
            uploads=self.uploads,
            files=self.files,
            clock=house.clock,
        )
        self.proxied = ProxiedUploads(store=store, records=records, uploads=self.uploads, clock=house.clock)
        self.batches = Batches(
            store=store, records=records, settings=house.settings, uploads=self.uploads, clock=house.clock
        )


def new(content: bytes = CONTENT, **asked: Any) -> NewUpload:
    """A request to upload some bytes in the smallest parts."""
    return NewUpload(
        **{"file_name": "notes.txt", "file_size": len(content), "file_content_type": "text/plain", **asked}
    )


def drive(story: Coroutine[Any, Any, Any]) -> Any:
    """Run a story that pauses to its end."""
    return killed_at(None, story)


class Killed(Exception):
    """The story was dropped at the point where it was to be."""


def killed_at(point: int | None, story: Coroutine[Any, Any, Any]) -> Any:
    """Run a story to its end, or drop it when it pauses for the `point`-th time.

    Raises:
        Killed: it was dropped.
    """
    for passed in count(1):
        try:
            story.send(None)
        except StopIteration as end:
            return end.value
        if passed == point:
            story.close()
            raise Killed
    raise AssertionError


def every_point(tell: Callable[[House], Coroutine[Any, Any, Any]]) -> Iterator[House]:
    """A fresh house for each point at which a story can be killed, after it was killed there.

    Args:
        tell: prepares a house and returns the story. It is told again for each point, until it runs to its end.
    """
    for point in count(1):
        house = House(paused=True)
        story = tell(house)
        try:
            killed_at(point, story)
        except Killed:
            yield house
        else:
            assert point > 1, "the story calls no port at all"
            return
