"""How far a reconciliation has come, and the file that remembers it."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from partway.core.findings import Finding
from partway.core.ordering import Place
from partway.core.reconcile import Step, WalkPlace
from partway.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How much was gone through, and found, in numbers."""

    records: int = 0
    objects: int = 0
    uploads: int = 0
    found: Mapping[str, int] = field(default_factory=dict)  #: kind of finding → how many
    fixed: Mapping[str, int] = field(default_factory=dict)  #: kind of finding → how many of them were put right

    def after(self, step: Step) -> Tally:
        """With one more step."""
        return Tally(
            records=self.records + step.records,
            objects=self.objects + step.objects,
            uploads=self.uploads + step.uploads,
            found=_counted(self.found, step.findings),
            fixed=_counted(self.fixed, [each for each in step.findings if each.fixed]),
        )

    @property
    def left(self) -> int:
        """Findings that were not put right."""
        return sum(self.found.values()) - sum(self.fixed.values())


class WalkState:
    """A JSON file that is replaced as a whole with each step.

    Args:
        path: where it is; None: nothing is remembered.
        walk: what is walked over; another walk's place is of no use.
    """

    def __init__(self, path: Path | None, *, walk: str) -> None:
        self._path = path
        self._walk = walk

    def read(self) -> tuple[WalkPlace, Tally] | None:
        """Where an earlier run stopped, and what it had found; None: there was none.

        Raises:
            InvalidInput: the file is no such file, or another walk's.
        """
        if self._path is None or not self._path.exists():
            return None
        try:
            said = json.loads(self._path.read_bytes())
            walk, place, tally = said["walk"], _place_from(said["place"]), Tally(**said["tally"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._refused("cannot be read") from error
        if walk != self._walk:
            raise self._refused(f"is of another walk, over {walk}")
        return place, tally

    def write(self, place: WalkPlace, tally: Tally) -> None:
        """Remember a place.

        Raises:
            InvalidInput: the file cannot be written.
        """
        if self._path is None:
            return
        draft = self._path.with_name(f"{self._path.name}.new")
        try:
            draft.write_text(json.dumps({"walk": self._walk, "place": asdict(place), "tally": asdict(tally)}))
            os.replace(draft, self._path)
        except OSError as error:
            raise self._refused("cannot be written") from error

    def remove(self) -> None:
        """Forget the place: the walk is over."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _refused(self, problem: str) -> InvalidInput:
        return InvalidInput(f"The state file {self._path} {problem}; remove it, or name another.", field="state")


def _counted(counts: Mapping[str, int], more: Iterable[Finding]) -> dict[str, int]:
    return dict(Counter(counts) + Counter(str(each.kind) for each in more))


def _place_from(said: Mapping[str, Any]) -> WalkPlace:
    files = said["files"]
    return WalkPlace(files=None if files is None else Place(**files), uploads=said["uploads"])
