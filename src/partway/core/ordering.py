"""Records and objects side by side, by the bytes of their keys, in constant memory.

S3 and the local disk list by key. SeaweedFS lists folder by folder: `a/…` stands before `a-b`, though its bytes come
later. A listing is taken as it comes until it proves to be of that kind; what is left of it is then sorted outside
memory, and gone through once more from its lowest key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import dropwhile, pairwise
from typing import NamedTuple, Protocol

from partway.core.file import File
from partway.core.ports import ListedObject, ObjectListing, OrderedRecords

_PAGE = 1000  #: records, and objects, in memory


class Sorter(Protocol):
    """Keeps rows of a listing outside memory, and gives them back by key."""

    async def add(self, objects: Sequence[ListedObject]) -> None:
        """Take rows in any order; a key that is there already is replaced."""
        ...

    async def page(self, *, after: str, limit: int) -> Sequence[ListedObject]:
        """Up to `limit` rows behind a key, by the keys' UTF-8 bytes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a walk over records and objects stands. It is good in any process, also later."""

    key: str = ""  #: all up to this key is done
    cursor: str | None = None  #: of the listing's page that holds what comes next
    sorted: bool = False  #: the listing is not by key: it is sorted anew, from its beginning


class OrderedFiles:
    """The records whose keys begin with a prefix, one after another.

    Args:
        records: where they are.
        prefix: what their keys begin with.
        after: the key to go on behind.
    """

    def __init__(self, records: OrderedRecords, prefix: str, *, after: str) -> None:
        self._records = records
        self._prefix = prefix
        self._last = after
        self._page: Sequence[File] = ()
        self._at = 0
        self._ended = False

    async def head(self) -> File | None:
        """The record that comes next; None: there is none."""
        if self._at == len(self._page) and not self._ended:
            self._page = await self._records.by_key(self._prefix, after=self._last, limit=_PAGE)
            self._at, self._ended = 0, not self._page
            if self._page:
                self._last = self._page[-1].key
        return None if self._ended else self._page[self._at]

    def advance(self) -> None:
        """Go on behind the head."""
        self._at += 1


class OrderedObjects:
    """The objects below a prefix, one after another.

    Args:
        store: lists them.
        prefix: what their keys begin with.
        sorter: an empty one, for a listing that is not by key.
        place: where to go on.
    """

    def __init__(self, store: ObjectListing, prefix: str, *, sorter: Sorter, place: Place) -> None:
        self._store = store
        self._prefix = prefix
        self._sorter = sorter
        self._page: Sequence[ListedObject] = ()
        self._at = 0
        self._last = place.key
        self._cursor = None if place.sorted else place.cursor
        self._next: str | None = self._cursor
        self._ended = False
        self._sorted = False
        self._to_sort = place.sorted
        self._resuming = bool(place.key)

    async def place(self, key: str) -> Place | None:
        """Where a walk stands that has done all records up to a key, and all objects before the head.

        None: nowhere, since objects of lower keys are still to come.
        """
        head = await self.head()
        if head is not None and head.key <= key:
            return None
        return Place(key=key, cursor=None if self._sorted else self._cursor, sorted=self._sorted)

    async def head(self) -> ListedObject | None:
        """The object that comes next; None: there is none."""
        while self._at == len(self._page):
            if self._to_sort:
                await self._sort((), behind=self._last)
            page = await self._sorted_page() if self._sorted else await self._listed_page()
            if page is None:
                return None
            self._page, self._at = page, 0
        return self._page[self._at]

    def advance(self) -> None:
        """Go on behind the head."""
        self._at += 1

    async def distrust(self) -> None:
        """Sort what is left: the listing was found not to be by key."""
        if not self._sorted:
            rest, self._page, self._at = self._page[self._at :], (), 0
            await self._sort(rest, behind="")

    async def _sorted_page(self) -> Sequence[ListedObject] | None:
        page = await self._sorter.page(after=self._last, limit=_PAGE)
        if page:
            self._last = page[-1].key
        return page or None

    async def _listed_page(self) -> Sequence[ListedObject] | None:
        if self._ended:
            return None
        page = await self._list()
        if self._resuming:
            page = list(dropwhile(lambda row: row.key <= self._last, page))
            self._resuming = False
        if not all(one < other for one, other in pairwise([self._last, *(row.key for row in page)])):
            await self._sort(page, behind="")
            return ()
        if page:
            self._last = page[-1].key
        return page

    async def _list(self) -> Sequence[ListedObject]:
        page = await self._store.list_objects(self._prefix, cursor=self._next, limit=_PAGE)
        self._cursor, self._next, self._ended = self._next, page.next, page.next is None
        return page.objects

    async def _sort(self, rest: Sequence[ListedObject], *, behind: str) -> None:
        """Hand what is left to the sorter, and go on behind a key of what it has."""
        await self._sorter.add(rest)
        while not self._ended:
            await self._sorter.add(await self._list())
        self._sorted, self._to_sort, self._last = True, False, behind


class Pair(NamedTuple):
    """What lies at one key: a record, an object, or both."""

    file: File | None
    stored: ListedObject | None

    @property
    def key(self) -> str:
        """The one key."""
        return self.file.key if self.file is not None else self.stored.key if self.stored is not None else ""


async def take_pairs(files: OrderedFiles, objects: OrderedObjects, *, limit: int) -> list[Pair]:
    """The next pairs of both, by key; none: both are at their end."""
    pairs: list[Pair] = []
    while len(pairs) < limit:
        pair = nearest(await files.head(), await objects.head())
        if pair.file is not None:
            files.advance()
        if pair.stored is not None:
            objects.advance()
        if pair == (None, None):
            break
        pairs.append(pair)
    return pairs


def nearest(file: File | None, stored: ListedObject | None) -> Pair:
    """Of the next record and the next object those at the lower key: one of them, or both if they have one key."""
    if file is None or stored is None or file.key == stored.key:
        return Pair(file, stored)
    # Texts compare by code points, which is the order of their UTF-8 bytes.
    return Pair(file, None) if file.key < stored.key else Pair(None, stored)
