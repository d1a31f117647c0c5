"""Sequences whose elements are made when they are read, so that thousands of them are never there at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar, overload

SourceT = TypeVar("SourceT")
MadeT = TypeVar("MadeT")


class InTurn(Sequence[MadeT], Generic[SourceT, MadeT]):
    """What a function makes of the elements of a sequence, one after the other, and anew each time that it is read.

    Args:
        sources: what the elements are made of.
        make: makes one element of each source, in their order, as it is asked for them.
    """

    def __init__(self, sources: Sequence[SourceT], make: Callable[[Iterable[SourceT]], Iterator[MadeT]]) -> None:
        self._sources = sources
        self._make = make

    def __len__(self) -> int:
        return len(self._sources)

    def __iter__(self) -> Iterator[MadeT]:
        return self._make(self._sources)

    @overload
    def __getitem__(self, index: int) -> MadeT: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[MadeT]: ...

    def __getitem__(self, index: int | slice) -> MadeT | Sequence[MadeT]:
        if isinstance(index, slice):
            return InTurn(self._sources[index], self._make)
        return next(self._make([self._sources[index]]))
