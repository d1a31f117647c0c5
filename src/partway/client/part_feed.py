"""Keeps the slots filled with one upload's parts: reads checksums and asks for URLs just ahead of need."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from queue import SimpleQueue
from typing import Any

from partway.client.api import path_of
from partway.client.meter import Meter
from partway.client.part_sending import Part, PartSender
from partway.client.resume import OpenUpload
from partway.client.sources import Source
from partway.client.spec import Means
from partway.client.stopping import Stop
from partway.client.windows import window_length


class PartFeed:
    """Sends the parts of one open upload.

    Args:
        means: shared ones.
        source: the bytes.
        opened: the upload.
        meter: counts the bytes.
        stop: the caller's.
    """

    def __init__(self, means: Means, *, source: Source, opened: OpenUpload, meter: Meter, stop: Stop) -> None:
        self._means = means
        self._source = source
        self._opened = opened
        self._meter = meter
        self._stop = stop
        self._at_hand: dict[int, Part] = {}
        self._expires_in = 0

    def take_urls(self, answer: Mapping[str, Any]) -> list[Part]:
        """Parts with the URLs that an answer holds."""
        plan = self._opened.plan
        self._expires_in = answer["expires_in"]
        return [
            Part(
                number=number,
                offset=plan.offset_of(number),
                size=plan.size_of(number),
                url=self._means.api.absolute(each["url"]),
                headers=each["headers"],
                checksum=self._opened.sums.of(number),
            )
            for each in answer["presigned_urls"]
            for number in (each["part_number"],)
        ]

    def keep(self, parts: Iterable[Part]) -> None:
        """Use these first."""
        self._at_hand.update((part.number, part) for part in parts)

    def send(self, numbers: Iterable[int]) -> None:
        """Send these parts; the first that fails for good ends the others.

        Raises:
            PartwayError: see `PartSender.send`, and what the service says when it is asked for URLs.
            Stopped: the end was asked for.
        """
        results: SimpleQueue[BaseException | None] = SimpleQueue()
        waiting, in_flight = deque(numbers), 0
        stop = Stop(self._stop)
        sender = self._sender(stop)
        try:
            while waiting or in_flight:
                if waiting and in_flight <= self._means.slots.count:
                    for part in self._next_window(waiting, in_flight, stop):
                        self._means.slots.submit(partial(_send_one, sender, part, results))
                        in_flight += 1
                    continue
                error = results.get()
                in_flight -= 1
                if error is not None:
                    raise error
        finally:
            stop.set()
            stop.release()
            for _ in range(in_flight):
                results.get()

    def _sender(self, stop: Stop) -> PartSender:
        return PartSender(
            connections=self._means.connections,
            source=self._source,
            algorithm=self._opened.sums.algorithm,
            meter=self._meter,
            stop=stop,
            patience=self._means.patience,
            notice=self._means.notice,
            renew=lambda part: self._presigned([part.number], stop)[0],
        )

    def _next_window(self, waiting: deque[int], in_flight: int, stop: Stop) -> Sequence[Part]:
        """The next parts with their URLs; their numbers are taken from `waiting`."""
        at_hand = []
        while waiting and waiting[0] in self._at_hand:
            at_hand.append(self._at_hand.pop(waiting.popleft()))
        if at_hand:
            return at_hand
        length = window_length(
            left=len(waiting),
            waiting=in_flight,
            workers=self._means.slots.count,
            part_size=self._opened.plan.part_size,
            rate=self._meter.rate(),
            expires_in=self._expires_in,
        )
        return self._presigned([waiting.popleft() for _ in range(length)], stop)

    def _presigned(self, numbers: Sequence[int], stop: Stop) -> list[Part]:
        body: dict[str, Any] = {"part_numbers": numbers}
        if self._opened.sums.algorithm is not None:
            body["checksums"] = [self._sum_of(number, stop) for number in numbers]
        path = path_of(self._opened.id, upload=True) + "/presigned-urls"
        return self.take_urls(self._means.api.call("POST", path, body=body, stop=stop))

    def _sum_of(self, number: int, stop: Stop) -> str | None:
        stop.check()
        return self._opened.sums.of(number)


def _send_one(sender: PartSender, part: Part, results: SimpleQueue[BaseException | None]) -> None:
    try:
        sender.send(part)
    except BaseException as error:  # handed to the thread that waits for it
        results.put(error)
    else:
        results.put(None)
