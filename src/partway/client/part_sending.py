"""Sending one part until the store has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from partway.client.answers import Answer
from partway.client.api import is_hopeless, unreachable
from partway.client.connections import Connections
from partway.client.meter import Meter, Tally
from partway.client.part_checksums import part_checksum
from partway.client.part_verdicts import Judgement, Verdict, is_expired, judge
from partway.client.patience import Notice, Patience
from partway.client.requests import Body, Request, split_url
from partway.client.sources import Source, file_changed
from partway.client.stopping import Stop
from partway.core.checksums import ChecksumAlgorithm
from partway.errors import StoreRefused, StoreUnavailable, UploadGone

_MOST_DAMAGED = 3  #: times that the store may get other bytes than we sent
_MOST_REVIVALS = 10  #: times that the patience begins anew because bytes had moved


@dataclass(frozen=True, slots=True)
class Part:
    """A part with the URL that takes it."""

    number: int
    offset: int  #: in the file, bytes
    size: int  #: bytes
    url: str
    headers: Mapping[str, str]
    checksum: str | None = None  #: base64, as it was signed


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSender:
    """What the parts of one upload have in common.

    Args:
        renew: gives the same part with a fresh URL.
    """

    connections: Connections
    source: Source
    algorithm: ChecksumAlgorithm | None
    meter: Meter
    stop: Stop
    patience: float  #: seconds that a trouble may last
    notice: Notice | None
    renew: Callable[[Part], Part]

    def send(self, part: Part) -> None:
        """Send a part, waiting out whatever may pass.

        Raises:
            StoreRefused: the store does not take it.
            StoreUnavailable, Unreachable: the trouble lasted longer than the patience.
            UploadGone: the store does not know the upload.
            Refused: the file was changed (code `file_changed`).
            Stopped: the end was asked for.
        """
        _Sending(self, part).run()


@dataclass(slots=True)
class _Sending:
    """The tries of one part."""

    sender: PartSender
    part: Part
    patience: Patience = field(init=False)
    expect_continue: bool = False  # the server has closed on us: let it speak first
    renewals: int = 0
    damaged: int = 0
    revivals: int = 0

    def __post_init__(self) -> None:
        sender = self.sender
        self.patience = Patience(sender.patience, stop=sender.stop, notice=sender.notice)

    def run(self) -> None:
        while True:
            self.sender.stop.check()
            answer = self._try_once()
            if answer is not None and self._is_over(answer):
                return

    def _try_once(self) -> Answer | None:
        sender, part = self.sender, self.part
        origin, target = split_url(part.url)
        body = Body(sender.source, part.offset, part.size)
        request = Request("PUT", origin, target, part.headers, body=body)
        sent = Tally(sender.meter.add)
        try:
            answer = sender.connections.exchange(
                request, stop=sender.stop, on_sent=sent, expect_continue=self.expect_continue
            )
        except OSError as error:
            if is_hopeless(error):
                raise unreachable(origin, error) from error
            self.expect_continue = isinstance(error, ConnectionError)
            self._revive(sent.most)
            self.patience.pause(unreachable(origin, error))
            return None
        if not (200 <= answer.status < 300 or answer.status == 412):
            sent.take_back()
        return answer

    def _is_over(self, answer: Answer) -> bool:
        """Act on the store's answer; true if the part is there."""
        judgement = judge(answer)
        match judgement.verdict:
            case Verdict.SENT:
                return True
            case Verdict.AGAIN:
                trouble = StoreUnavailable(f"The store is not available ({judgement.reason}).")
                self.patience.pause(trouble, retry_after=judgement.retry_after)
            case Verdict.FRESH_URL:
                self._renew(judgement)
            case Verdict.DAMAGED:
                self._look_at_damage(judgement)
            case Verdict.GONE:
                raise UploadGone("The store does not know this upload any more.")
            case Verdict.REFUSED:
                raise _refused(self.part, judgement)
        return False

    def _renew(self, judgement: Judgement) -> None:
        self.renewals += 1
        if self.renewals > 1:
            if not is_expired(judgement):
                raise _refused(self.part, judgement)
            self.patience.pause(_refused(self.part, judgement))
        self.part = self.sender.renew(self.part)

    def _look_at_damage(self, judgement: Judgement) -> None:
        """The bytes are not those of the checksum: the file was changed, or they were damaged on their way."""
        sender, part = self.sender, self.part
        sender.source.check_unchanged()
        if sender.algorithm is not None and part.checksum is not None:
            now = part_checksum(sender.algorithm, sender.source, offset=part.offset, size=part.size)
            if now != part.checksum:
                raise file_changed("The file")
        self.damaged += 1
        if self.damaged >= _MOST_DAMAGED:
            raise _refused(part, judgement)
        self.patience.pause(_refused(part, judgement))

    def _revive(self, sent: int) -> None:
        """Bytes had moved, so this is a new trouble and not the old one still; but not for ever."""
        if sent and self.revivals < _MOST_REVIVALS:
            self.revivals += 1
            self.patience.reset()


def _refused(part: Part, judgement: Judgement) -> StoreRefused:
    return StoreRefused(
        f"The store refused part {part.number}: {judgement.reason or 'without a reason'}.", part_number=part.number
    )
