"""What the client decides without touching anything: fingerprints, windows, pauses, verdicts, names, sizes."""

from __future__ import annotations

import io
import zlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from partway.cli.progress import fit, progress_text
from partway.cli.sizes import human_size, human_time, parse_size
from partway.client.answers import Answer
from partway.client.connection import next_slice
from partway.client.fingerprint import fingerprint_of, sample_ranges
from partway.client.names import content_type_of, folder_name, local_name
from partway.client.part_checksums import PartSums, part_checksum
from partway.client.part_verdicts import Verdict, is_expired, judge
from partway.client.patience import longest_pause, pause_length
from partway.client.problems import error_of, is_final, retry_after
from partway.client.requests import Request, split_url
from partway.client.sources import StreamSource
from partway.client.windows import window_length
from partway.core.checksums import ChecksumAlgorithm
from partway.core.keys import check_folder
from partway.core.parts import PartPlan
from partway.errors import InvalidInput, NotFound, PartsMissing, PartwayError

MIB = 1024 * 1024


@given(st.integers(0, 1 << 50))
def test_samples_lie_in_the_file_and_reach_both_ends(size: int) -> None:
    ranges = sample_ranges(size)
    assert ranges[0][0] == 0
    assert sum(ranges[-1]) == size
    assert all(offset + length <= size for offset, length in ranges)
    assert ranges == sorted(set(ranges))
    assert len(ranges) == (1 if size <= MIB else 16)


@pytest.mark.parametrize("size", [0, 1, MIB, MIB + 1, 3 * MIB])
def test_the_fingerprint_is_what_the_wire_says(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    pieces = [data] if size <= MIB else [data[i * (size - 65536) // 15 :][:65536] for i in range(16)]
    wanted = f"v1.{size}." + "".join(f"{zlib.crc32(piece):08x}" for piece in pieces)
    assert fingerprint_of(StreamSource(io.BytesIO(data), name="x")) == wanted
    assert len(wanted) <= 255


@given(data=st.binary(max_size=5000), size=st.integers(1, 700))
def test_the_whole_checksum_is_that_of_the_bytes(data: bytes, size: int) -> None:
    assume(data)
    source = StreamSource(io.BytesIO(data), name="x")
    sums = PartSums(source, PartPlan(len(data), size, -(-len(data) // size)), ChecksumAlgorithm.CRC32)
    assert sums.whole() is None
    for number in sums.plan.part_numbers():
        sums.of(number)
    assert sums.whole() == "crc32:" + part_checksum(ChecksumAlgorithm.CRC32, source, offset=0, size=len(data))


@given(
    left=st.integers(1, 10_000),
    waiting=st.integers(0, 100),
    workers=st.integers(1, 64),
    part_size=st.integers(0, 5 << 30),
    rate=st.floats(0, 1e10),
    expires_in=st.integers(0, 604_800),
)
def test_windows_are_small_enough(
    *, left: int, waiting: int, workers: int, part_size: int, rate: float, expires_in: int
) -> None:
    length = window_length(
        left=left, waiting=waiting, workers=workers, part_size=part_size, rate=rate, expires_in=expires_in
    )
    assert 1 <= length <= min(left, 64)
    assert length == 1 or length * part_size <= 256 * MIB
    if rate and expires_in and length > 1:
        assert (length + waiting) * part_size / rate <= expires_in / 2


@given(st.integers(1, 200), st.one_of(st.none(), st.floats(0, 1e6)), st.floats(0, 1e4), st.floats(0, 1))
def test_pauses_stay_in_the_budget(failures: int, asked: float | None, left: float, share: float) -> None:
    pause = pause_length(failures, retry_after=asked, left=left, share=share)
    assert 0 <= pause <= left
    if asked is None:
        assert pause <= longest_pause(failures) <= 8
    elif asked <= min(left, 120):
        assert pause >= asked


@given(st.integers(64 * 1024, 4 * MIB), st.floats(0, 100))
def test_slices_stay_in_bounds(size: int, seconds: float) -> None:
    assert 64 * 1024 <= next_slice(size, seconds=seconds) <= 4 * MIB


def _refusal(status: int, code: str = "", message: str = "", **headers: str) -> Answer:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>" if code else ""
    return Answer(status, headers, body.encode())


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (_refusal(200), Verdict.SENT),
        (_refusal(412, "PreconditionFailed"), Verdict.SENT),
        (_refusal(403, "AccessDenied", "Request has expired"), Verdict.FRESH_URL),
        (_refusal(400, "ExpiredToken"), Verdict.FRESH_URL),
        (_refusal(403, "SignatureDoesNotMatch"), Verdict.FRESH_URL),
        (_refusal(400, "BadDigest"), Verdict.DAMAGED),
        (_refusal(404, "NoSuchUpload"), Verdict.GONE),
        (_refusal(404, "NoSuchBucket"), Verdict.REFUSED),
        (_refusal(400, "RequestTimeout"), Verdict.AGAIN),
        (_refusal(400, "EntityTooLarge"), Verdict.REFUSED),
        (_refusal(301), Verdict.REFUSED),
        *[(_refusal(status), Verdict.AGAIN) for status in (408, 429, 500, 502, 503, 504)],
    ],
)
def test_verdicts(answer: Answer, verdict: Verdict) -> None:
    assert judge(answer).verdict is verdict


def test_only_age_lets_a_part_ask_again_and_again() -> None:
    assert is_expired(judge(_refusal(403, "AccessDenied", "Request has expired")))
    assert is_expired(judge(_refusal(400, "ExpiredToken")))
    assert not is_expired(judge(_refusal(403, "SignatureDoesNotMatch")))


@given(st.integers(100, 599), st.binary(max_size=300))
def test_any_answer_has_a_verdict(status: int, body: bytes) -> None:
    answer = Answer(status, {}, body)
    assert judge(answer).verdict in Verdict
    assert isinstance(error_of(answer, url="http://x"), PartwayError)


def test_problems_become_errors_of_ours() -> None:
    body = b'{"code": "parts_missing", "detail": "Send 3.", "status": 409, "missing": [3]}'
    error = error_of(Answer(409, {}, body), url="http://x")
    assert isinstance(error, PartsMissing)
    assert (error.detail, error.facts) == ("Send 3.", {"missing": [3]})
    assert isinstance(error_of(Answer(404, {}, b"<html>"), url="http://x"), NotFound)
    assert "elsewhere" in error_of(Answer(307, {"location": "https://elsewhere/"}, b""), url="http://x").detail


def test_only_what_may_pass_is_asked_again() -> None:
    assert not is_final(Answer(503, {}, b""))
    assert not is_final(Answer(502, {}, b"<html>bad gateway"))
    assert is_final(Answer(502, {}, b'{"code": "store_refused"}'))
    assert is_final(Answer(409, {}, b""))


@pytest.mark.parametrize(("value", "seconds"), [("7", 7.0), ("", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None)])
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after(Answer(503, {"retry-after": value}, b"")) == seconds


@pytest.mark.parametrize(
    ("url", "origin", "target"),
    [
        ("http://h/a?b=c", "http://h", "/a?b=c"),
        ("https://h:8443", "https://h:8443", "/"),
        ("https://h:443/x", "https://h", "/x"),
        ("http://[::1]:9/x", "http://[::1]:9", "/x"),
    ],
)
def test_urls_are_split(url: str, origin: str, target: str) -> None:
    found, path = split_url(url)
    assert (str(found), path) == (origin, target)


@pytest.mark.parametrize("url", ["", "x", "ftp://h/x", "http://", "http://h/a b", "http://h/\r\nX: y", "http://h:x/"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        split_url(url)


def test_headers_cannot_be_smuggled_in() -> None:
    origin, target = split_url("http://h/x")
    with pytest.raises(InvalidInput):
        Request("PUT", origin, target, {"x": "a\r\nHost: b"}).head()


@given(st.text(max_size=300))
def test_local_names_stay_in_the_folder(name: str) -> None:
    local = local_name(name)
    assert local
    assert not set(local) & set('/\\<>:"|?*\x00')
    assert local[0] not in ".  "
    assert local[-1] not in ". "
    assert len(local.encode("utf-8", "replace")) <= 200
    assert local_name(local) == local


@pytest.mark.parametrize(
    ("name", "local"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("a b.txt", "a b.txt"),
        ("CON.txt", "_CON.txt"),
        ("…", "…"),
        ("..", "file"),
    ],
)
def test_local_names(name: str, local: str) -> None:
    assert local_name(name) == local


@given(st.lists(st.text(min_size=1, max_size=20), max_size=5).map("/".join))
def test_local_folders_become_folders_of_the_service(path: str) -> None:
    folder = folder_name(path)
    assert check_folder(folder) == folder


def test_content_types_are_the_same_everywhere() -> None:
    assert [content_type_of(name) for name in ("a.mp4", "a.PDF", "a", "a.unknown")] == [
        "video/mp4",
        "application/pdf",
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.0 KiB"), (1536, "1.5 KiB"), (1 << 30, "1.0 GiB")],
)
def test_human_sizes(size: int, text: str) -> None:
    assert human_size(size) == text


@given(st.integers(0, 1 << 60))
def test_human_sizes_are_short_and_can_be_read_back(size: int) -> None:
    text = human_size(size)
    assert len(text) <= 9
    if size < 1 << 50:
        assert abs(parse_size(text.replace("byte", "b") if text == "1 byte" else text) - size) <= size * 0.05 + 1


@pytest.mark.parametrize(("text", "size"), [("64MiB", 64 * MIB), ("1.5k", 1536), ("7", 7), (" 2 GB ", 2 << 30)])
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MiB", "-1", "1 x", "1e3", "nan"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)


def test_times() -> None:
    assert [human_time(seconds) for seconds in (0, 59.6, 3599, 3601)] == ["0:00", "1:00", "59:59", "1:00:01"]


@given(
    label=st.text(max_size=120),
    total=st.integers(0, 1 << 50),
    share=st.floats(0, 1),
    rate=st.floats(0, 1e10),
    width=st.integers(1, 300),
)
def test_the_progress_line_fits(label: str, total: int, share: float, rate: float, width: int) -> None:
    text = progress_text(label, int(total * share), total, rate, width=width)
    assert len(text) <= width
    assert text.isprintable()


@given(st.text(max_size=100), st.integers(0, 120))
def test_texts_fit(text: str, width: int) -> None:
    assert len(fit(text, width)) <= width
