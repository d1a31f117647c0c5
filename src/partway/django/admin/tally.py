"""What became of the files that an action was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from partway.django.models import File
from partway.errors import PartwayError, RecordsUnavailable, StoreUnavailable

_MOST_NAMES = 3  # in one message


#: What the core says of a file's state; it knows no languages, so those who collect texts find these here.
STATES = (
    gettext_noop("The upload has not been opened at the store; begin it again with the same Idempotency-Key."),
    gettext_noop("The upload is still open; send what is missing and complete it."),
    gettext_noop("The upload is being completed; ask for its state in a moment."),
    gettext_noop("The upload is complete."),
    gettext_noop("The upload was aborted; begin a new one."),
    gettext_noop("The upload did not pass verification; begin a new one."),
    gettext_noop("The store has lost this file; upload it anew."),
)


@dataclass
class Tally:
    """The files by their outcomes."""

    done: list[tuple[File, Any]] = field(default_factory=list)  #: with what the deed returned
    refused: dict[str, list[File]] = field(default_factory=dict)  #: by the reason
    untried: int = 0

    def refuse(self, file: File, error: PartwayError) -> None:
        """Note why a file was left as it is."""
        self.refused.setdefault(in_words(error), []).append(file)

    def complaints(self) -> list[str]:
        """A sentence for every reason, with the names of some of its files."""
        said = [f"{_names(files)}: {reason}" for reason, files in self.refused.items()]
        if self.untried:
            left = ngettext("%(count)d more file was not tried.", "%(count)d more files were not tried.", self.untried)
            said.append(left % {"count": self.untried})
        return said


def tally(files: Sequence[File], deed: Callable[[File], Any]) -> Tally:
    """Do something with each file; what is wrong with one does not stop the others, but an outage does."""
    found = Tally()
    for place, file in enumerate(files, start=1):
        try:
            found.done.append((file, deed(file)))
        except (RecordsUnavailable, StoreUnavailable) as error:
            found.refuse(file, error)
            found.untried = len(files) - place
            break
        except PartwayError as error:
            found.refuse(file, error)
    return found


def _names(files: Sequence[File]) -> str:
    names = ", ".join(f'"{file}"' for file in files[:_MOST_NAMES])
    if len(files) <= _MOST_NAMES:
        return names
    return _("%(names)s and %(count)d more") % {"names": names, "count": len(files) - _MOST_NAMES}


def in_words(error: PartwayError) -> str:
    """What an error says, in the reader's language if that has words for it."""
    return _(str(error.detail))
