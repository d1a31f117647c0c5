"""The HTTP reader: the same answers whatever the pieces in which they come, and never more than was meant."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partway.client.answers import AnswerReader, BrokenAnswer, Framing, parse_head

Cuts = list[int]


def _reader(raw: bytes, cuts: Cuts) -> AnswerReader:
    """A reader whose connection gives these bytes in pieces, and then ends."""
    left = raw
    sizes = iter(cuts)

    def receive(view: memoryview) -> int:
        nonlocal left
        count = min(next(sizes, 1 << 20), len(view), len(left))
        view[:count], left = left[:count], left[count:]
        return count

    return AnswerReader(receive)


def _read_whole(reader: AnswerReader) -> bytes:
    reader.begin()
    reader.read_head(method="GET")
    return reader.read_all(at_most=1000)


def _by_length(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def _chunked(body: bytes) -> bytes:
    pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
    chunks = b"".join(b"%x;x=y\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\nTrailer: t\r\n\r\n"


cuts = st.lists(st.integers(1, 40), max_size=60)
framings = st.sampled_from([_by_length, _chunked])


@given(
    bodies=st.lists(st.tuples(framings, st.binary(max_size=200)), min_size=1, max_size=4),
    cuts=cuts,
    interim=st.booleans(),
)
def test_answers_follow_each_other_whatever_the_pieces(
    bodies: list[tuple[Callable[[bytes], bytes], bytes]], cuts: Cuts, interim: bool
) -> None:
    first = b"HTTP/1.1 100 Continue\r\n\r\n" if interim else b""
    reader = _reader(b"".join(first + framed(body) for framed, body in bodies), cuts)
    for _, body in bodies:
        reader.begin()
        if interim:
            assert reader.read_head(method="PUT").status == 100
        head = reader.read_head(method="PUT")
        assert (head.status, head.reusable) == (200, True)
        assert reader.read_all(at_most=1000) == body


@given(framed=framings, body=st.binary(min_size=1, max_size=200), cuts=cuts, data=st.data())
def test_an_answer_that_ends_early_is_noticed(
    framed: Callable[[bytes], bytes], body: bytes, cuts: Cuts, data: st.DataObject
) -> None:
    raw = framed(body)
    short = raw[: data.draw(st.integers(0, len(raw) - 1))]
    reader = _reader(short, cuts)
    with pytest.raises(BrokenAnswer):
        _read_whole(reader)


@given(body=st.binary(max_size=200), cuts=cuts)
def test_a_body_without_a_length_goes_to_the_end(body: bytes, cuts: Cuts) -> None:
    reader = _reader(b"HTTP/1.1 200 OK\r\n\r\n" + body, cuts)
    head = reader.read_head(method="GET")
    assert (head.framing, head.reusable) == (Framing.CLOSE, False)
    assert reader.read_all(at_most=1000) == body


@given(st.binary(max_size=300), cuts)
def test_anything_at_all_is_an_answer_or_broken(raw: bytes, cuts: Cuts) -> None:
    with suppress(BrokenAnswer):
        _read_whole(_reader(raw, cuts))


@pytest.mark.parametrize(
    ("head", "method", "length"),
    [
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 5", "DELETE", 0),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5", "GET", 0),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5", "HEAD", 0),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5", "GET", 5),
        (b"HTTP/1.1 200\r\nContent-Length:5", "GET", 5),
    ],
)
def test_heads_say_how_long_the_body_is(head: bytes, method: str, length: int) -> None:
    parsed = parse_head(head, method=method)
    assert (parsed.framing, parsed.length) == (Framing.LENGTH, length)


@pytest.mark.parametrize(
    ("line", "reusable"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close", False),
        (b"HTTP/1.0 200 OK", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive", True),
        (b"HTTP/1.1 200 OK", True),
    ],
)
def test_heads_say_whether_the_connection_stays(line: bytes, reusable: bool) -> None:
    assert parse_head(line + b"\r\nContent-Length: 0", method="GET").reusable is reusable


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/2 200 OK",
        b"SSH-2.0-OpenSSH_9.2",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6",
        b"HTTP/1.1 200 OK\r\nno colon",
        b"HTTP/1.1 200 OK\r\n folded: x",
    ],
)
def test_broken_heads_are_refused(head: bytes) -> None:
    with pytest.raises(BrokenAnswer):
        parse_head(head, method="GET")


def test_endless_heads_and_bodies_are_refused() -> None:
    with pytest.raises(BrokenAnswer, match="head is longer"):
        _reader(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20_000, []).read_head(method="GET")
    reader = _reader(_by_length(b"x" * 100), [])
    reader.read_head(method="GET")
    with pytest.raises(BrokenAnswer, match="longer than 99"):
        reader.read_all(at_most=99)
