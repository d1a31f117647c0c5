"""Random histories: what some clients of one owner do, and what breaks meanwhile. Pure: a seed gives the same plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

_LARGE = 5 * 1024 * 1024  #: bytes; the smallest part but the last
_HOUR = 3600  #: seconds
_MONTH = 31 * 24 * _HOUR  #: seconds; longer than trash and records of ended uploads are kept
_MOST_CLIENTS = 4


class Verb(StrEnum):
    """What one client does to one file."""

    BEGIN = "begin"  #: again with the same Idempotency-Key, if it has one
    SEND = "send"
    REPORT = "report"
    STATE = "state"
    COMPLETE = "complete"
    ABORT = "abort"
    HIDE = "hide"  #: delete softly
    REMOVE = "remove"  #: delete for good
    PURGE = "purge"  #: delete for good with every second file behind it, in one request
    RESTORE = "restore"
    TIDY = "tidy"  #: list the open uploads, and abort all of them
    WAIT = "wait"  #: time passes, and upkeep runs


class Way(StrEnum):
    """How a file comes to be."""

    MULTIPART = "multipart"
    SINGLE = "single"  #: in a batch, by a single PUT
    FORM = "form"  #: through the service
    COPY = "copy"


class Trouble(StrEnum):
    """What happens to one request to the store, or to the database."""

    RESET = "reset"
    LOST = "answer lost"
    KILL_BEFORE = "killed before"
    KILL_AFTER = "killed after"
    CUT = "answer cut"
    ERROR = "500"
    BUSY = "503"
    REFUSED = "403"
    ERROR_IN_200 = "error in 200"
    LATE = "late"
    HELD = "answer held"  #: until all trouble ends


_OFTEN = (Verb.COMPLETE, Verb.ABORT, Verb.REMOVE)
_MAKES = (Verb.BEGIN, Verb.COMPLETE)
_STORE_TROUBLE = tuple(trouble for trouble in Trouble if trouble is not Trouble.HELD)
_DATABASE_TROUBLE = (Trouble.RESET, Trouble.RESET, Trouble.LOST, Trouble.LOST, Trouble.KILL_BEFORE, Trouble.KILL_AFTER)


@dataclass(frozen=True)
class PlannedFile:
    """A file that a history is about."""

    way: Way
    size: int  #: bytes
    keyed: bool  #: begun with an Idempotency-Key
    summed: bool = False  #: parts travel with their CRC-32
    source: int | None = None  #: of which file it is a copy


@dataclass(frozen=True)
class Deed:
    """One client's deed."""

    verb: Verb
    file: int
    tries: int  #: how often the client asks while the service is away

    def __str__(self) -> str:
        return f"{self.verb} {self.file}" + (f" ({self.tries}x)" if self.tries > 1 else "")


@dataclass(frozen=True)
class Step:
    """Deeds of several clients at once."""

    deeds: tuple[Deed, ...]
    kill_after: float | None = None  #: seconds from its beginning until the service is killed

    def __str__(self) -> str:
        killed = "" if self.kill_after is None else f"  | killed after {self.kill_after:.3f} s"
        return " | ".join(map(str, self.deeds)) + killed


@dataclass(frozen=True)
class History:
    """A plan."""

    seed: int
    remote: bool  #: on S3 and PostgreSQL, else on the local disk and SQLite
    files: tuple[PlannedFile, ...]
    steps: tuple[Step, ...]
    store_trouble: Mapping[int, Trouble]  #: number of the request to the store → what happens to it
    database_trouble: Mapping[int, Trouble]
    wait: int  #: seconds that pass with each `Verb.WAIT`
    quota: int | None  #: bytes that the owner may use

    @property
    def forgets(self) -> bool:
        """Whether so much time passes that the trash and records of ended uploads are removed."""
        return self.wait >= _MONTH and any(step.deeds[0].verb is Verb.WAIT for step in self.steps)

    def __str__(self) -> str:
        lines = [f"history {self.seed} on {'S3 and PostgreSQL' if self.remote else 'the local disk and SQLite'}"]
        lines += [f"  file {number}: {file}" for number, file in enumerate(self.files)]
        lines += [f"  {step}" for step in self.steps]
        for name, troubles in (("store", self.store_trouble), ("database", self.database_trouble)):
            lines += [f"  {name} request {number}: {trouble}" for number, trouble in sorted(troubles.items())]
        return "\n".join(lines)


def history(seed: int) -> History:
    """The plan of a seed."""
    chance = Random(seed)
    remote = seed % 3 != 0
    files = list(_files(chance))
    kill_share = 0.02 if remote else 0.1
    return History(
        seed=seed,
        remote=remote,
        files=tuple(files),
        steps=tuple(_steps(chance, _order(chance, files), kill_share)),
        store_trouble=_trouble(chance, _STORE_TROUBLE, most=10, requests=45) if remote else {},
        database_trouble=_trouble(chance, _DATABASE_TROUBLE, most=4, requests=100) if remote else {},
        wait=chance.choice((2 * _HOUR, 25 * _HOUR, _MONTH)),
        quota=chance.choice((None, None, 8000)),
    )


def _files(chance: Random) -> Iterator[PlannedFile]:
    for number in range(chance.randint(2, 5)):
        way = chance.choices(tuple(Way), weights=(6, 2, 1, 3))[0]
        if way is Way.COPY and number == 0:
            way = Way.MULTIPART
        large = way in {Way.MULTIPART, Way.FORM} and chance.random() < 0.1
        yield PlannedFile(
            way=way,
            size=_LARGE + chance.randrange(1000) if large else chance.choice((0, 1, chance.randrange(5000))),
            keyed=way in {Way.MULTIPART, Way.COPY} and chance.random() < 0.5,
            summed=way in {Way.MULTIPART, Way.SINGLE} and chance.random() < 0.3,
            source=chance.randrange(number) if way is Way.COPY else None,
        )


def _story(chance: Random, file: PlannedFile) -> list[Verb]:
    """What mostly happens to a file, in order, and here and there something else."""
    story = [Verb.BEGIN]
    if file.way in {Way.MULTIPART, Way.SINGLE}:
        story += [Verb.SEND, Verb.COMPLETE]
    for verb, share in ((Verb.HIDE, 0.3), (Verb.RESTORE, 0.5), (Verb.REMOVE, 0.3)):
        if chance.random() < share:
            story.append(verb)
    for _ in range(chance.randrange(4)):
        others = tuple(Verb) if file.keyed else tuple(verb for verb in Verb if verb is not Verb.BEGIN)
        weights = tuple(3 if verb in _OFTEN else 1 for verb in others)
        story.insert(chance.randint(1, len(story)), chance.choices(others, weights=weights)[0])
    return story


def _order(chance: Random, files: Sequence[PlannedFile]) -> list[tuple[int, Verb]]:
    """The stories of all files, mixed; each in its order, and a copy's behind what made its source."""
    order: list[tuple[int, Verb]] = []
    for number, file in enumerate(files):
        story = [(number, verb) for verb in _story(chance, file)]
        made = 0
        if file.source is not None:
            made = max(place for place, (of, verb) in enumerate(order, 1) if of == file.source and verb in _MAKES)
        order[made:] = _mixed(chance, order[made:], story)
    return order


def _mixed(chance: Random, one: list[tuple[int, Verb]], other: list[tuple[int, Verb]]) -> list[tuple[int, Verb]]:
    turns = [True] * len(one) + [False] * len(other)
    chance.shuffle(turns)
    left, right = iter(one), iter(other)
    return [next(left) if turn else next(right) for turn in turns]


def _steps(chance: Random, deeds: Iterable[tuple[int, Verb]], kill_share: float) -> Iterator[Step]:
    def step() -> Step:
        return Step(tuple(together), kill_after=chance.uniform(0, 0.06) if chance.random() < kill_share else None)

    together: list[Deed] = []
    for number, verb in deeds:
        if together and _apart(together, number, verb):
            yield step()
            together = []
        together.append(Deed(verb, number, tries=chance.choice((1, 8))))
        if chance.random() < 0.5:
            yield step()
            together = []
    if together:
        yield step()


def _apart(together: Sequence[Deed], file: int, verb: Verb) -> bool:
    """Whether a deed must wait for those before it: no file is sent before it is begun, or completed before it is
    sent, and nothing else is under way while time passes."""
    makes = {deed.verb for deed in together if deed.file == file} & {Verb.BEGIN, Verb.SEND}
    return bool(makes - {verb}) or Verb.WAIT in {verb, together[-1].verb} or len(together) == _MOST_CLIENTS


def _trouble(chance: Random, kinds: tuple[Trouble, ...], *, most: int, requests: int) -> dict[int, Trouble]:
    """Single troubles, and some that come one after the other."""
    troubles = {}
    for _ in range(chance.randint(0, most)):
        first = chance.randrange(requests)
        for number in range(first, first + chance.choice((1, 1, 2, 3))):
            troubles[number] = chance.choice(kinds)
    return troubles
