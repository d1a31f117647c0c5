"""Rules about bytes: whatever comes, they answer; and what they recognise does not hang on what follows it."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partway.core.content import HEAD_SIZE, Finding, judge_content, recognise
from partway.core.media_types import SHEET, WORD
from partway.core.policy import UploadPolicy, check_content_type

NAMES = st.sampled_from(["a.png", "a.docx", "a.txt", "a.zip", "a", ".png", "a.exe", "a.csv", "a.svg", "a.unknown"])
TYPES = st.sampled_from(
    ["image/png", "image/svg+xml", "text/plain", "text/html", "application/zip", "application/octet-stream", "a/b"]
)
HEADS = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=300).map(str.encode),
    st.binary(max_size=300).map(lambda tail: b"PK\x03\x04" + tail),
    st.binary(max_size=300).map(lambda tail: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + tail),
    st.text(max_size=99).map(lambda tail: b"<html" + tail.encode()),
)


def judge(name: str, declared: str, head: bytes, detected: str | None) -> Finding:
    return judge_content(file_name=name, declared=declared, head=head, detected=detected, policy=UploadPolicy())


@given(NAMES, TYPES, HEADS, st.one_of(st.none(), TYPES))
def test_any_bytes_under_any_name_are_judged(name: str, declared: str, head: bytes, detected: str | None) -> None:
    assert judge(name, declared, head, detected).failure in {None, "content_mismatch", "type_not_allowed"}


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=300))
def test_text_is_never_a_picture_and_always_a_text(text: str) -> None:
    head = text.encode()
    assert judge("a.txt", "text/plain", head, None).failure is None
    assert judge("a.png", "image/png", head, None).failure == "content_mismatch"


@given(st.sampled_from(["<html>", "<!DOCTYPE HTML>", "<script>x", " \n<!-- a --> <svg ", '<?xml version="1.0"?><svg>']))
def test_markup_is_recognised_behind_space_and_comments(markup: str) -> None:
    for mark in (b"", b"\xef\xbb\xbf"):
        assert recognise(mark + markup.encode(), None) in {"text/html", "image/svg+xml"}


@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,9}(/[a-z]{1,9})?\.bin", fullmatch=True), st.binary(max_size=99), max_size=5)
)
def test_an_archive_of_anything_is_no_office_file(entries: dict[str, bytes]) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("first.bin", b"")
        for name, content in entries.items():
            if not name.startswith(("word/", "xl/", "ppt/")):
                archive.writestr(name, content)
    head = out.getvalue()[:HEAD_SIZE]
    assert recognise(head, "application/zip") == "application/zip"
    word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    assert judge("a.docx", word, head, "application/zip").failure == "content_mismatch"


@given(st.binary(max_size=200).filter(lambda tail: b"PK" not in tail), st.integers(0, 2**32 - 1))
def test_broken_archives_are_archives(tail: bytes, size: int) -> None:
    header = b"PK\x03\x04" + bytes(14) + size.to_bytes(4, "little") + bytes(8)
    assert recognise(header + tail, None) is not None


def test_text_in_utf_16_may_be_cut_off_within_a_character() -> None:
    text = ("ein Text 😀 " * 20).encode("utf-16")
    for length in range(4, len(text)):
        assert recognise(text[:length], None) == "text/plain"


def test_control_characters_are_no_text() -> None:
    assert recognise(b"hello\x00world", None) is None
    assert recognise(b"hello\x1b[31mred\r\n\tand\x0cfeed", None) == "text/plain"  # as terminals and printers have it


def test_many_comments_are_read_once() -> None:
    # A pattern that may try each of them in two ways would not come back.
    assert recognise(b"<!---->" * 9000 + b"x", None) == "text/plain"
    assert recognise(b"<!---->" * 9000 + b"<svg>", None) == "image/svg+xml"


LONG = 60_000


@pytest.mark.parametrize(
    "head",
    [
        b"<!---->" * (LONG // 7),
        b"<!--" * (LONG // 4),
        b" " * LONG,
        b"<?xml?>" * (LONG // 7),
        b"<!DOCTYPE a [" * (LONG // 13),
        b"<?xml [>" * (LONG // 8),
        b"<?xml?><" + b"a." * (LONG // 2),
        b"PK\x03\x04" * (LONG // 4),
        b"PK\x03\x04\x00\x00\x08\x00" + bytes(LONG),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes([4, 0, 2]) * (LONG // 3),
        b"\xff\xfb\x90\x00" * (LONG // 4),
        b"%PDF" * (LONG // 4),
    ],
    ids=lambda head: repr(head[:12]),
)
def test_no_bytes_keep_the_server_busy(head: bytes) -> None:
    # Each of these is read in milliseconds; what reads them twice for every byte is killed by the suite's patience.
    recognise(head, None)


def archive(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as packed:
        for name, content in entries.items():
            packed.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2])
@given(said=st.one_of(st.binary(max_size=400), st.sampled_from([b"image/png", b"text/html", b"application/pdf"])))
def test_an_archive_cannot_call_itself_what_it_likes(method: int, said: bytes) -> None:
    head = archive({"mimetype": said, "a": b"b"}, method)
    assert recognise(head, "application/zip") == "application/zip"


@given(st.integers(0, 3_000))
def test_a_broken_package_is_read_as_far_as_it_goes(length: int) -> None:
    whole = archive({"[Content_Types].xml": b"<a/>" * 99, "word/document.xml": b"<b/>" * 99}, zipfile.ZIP_STORED)
    assert recognise(whole[: 4 + length], None) in {"application/zip", WORD}


@given(st.binary(max_size=2000))
def test_what_is_recognised_can_be_stored(tail: bytes) -> None:
    for start in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"<?xml ", b"OggS", b""):
        for detected in (None, "application/zip"):
            found = judge("a", "application/octet-stream", start + tail, detected).content_type
            assert found is None or check_content_type(found) == found


@pytest.mark.parametrize(
    ("name", "declared", "allowed", "failure"),
    [
        ("a.html", "text/plain", "text/plain", "type_not_allowed"),
        ("a.js", "text/plain", "text/plain", "type_not_allowed"),
        ("a.py", "text/plain", "text/plain", None),
        ("a.csv", "text/plain", "text/plain", None),
        ("a.txt", "text/plain", "text/plain", None),
        ("a.txt", "application/octet-stream", "text/plain application/octet-stream", None),
        ("a.html", "application/octet-stream", "text/plain application/octet-stream", "type_not_allowed"),
        ("a", "application/octet-stream", "text/plain application/octet-stream", "type_not_allowed"),
        ("a", "application/octet-stream", "text/html application/octet-stream", None),
        ("a.svg", "text/plain", "text/plain", "content_mismatch"),
        ("a.html", "text/html", "text/*", None),
    ],
)
def test_a_page_under_a_policy(name: str, declared: str, allowed: str, failure: str | None) -> None:
    policy = UploadPolicy(allowed_content_types=frozenset(allowed.split()))
    page = b"<!DOCTYPE html><script>alert(1)</script>"
    assert judge_content(file_name=name, declared=declared, head=page, detected=None, policy=policy).failure == failure


@pytest.mark.parametrize(
    ("name", "allowed", "failure"),
    [
        ("a.docx", f"{WORD} application/octet-stream", None),
        ("a", f"{WORD} application/octet-stream", None),
        ("a.docm", f"{WORD} application/octet-stream", "type_not_allowed"),
        ("a.docx", "application/zip application/octet-stream", "type_not_allowed"),
        ("a.zip", "application/zip application/octet-stream", None),
        ("a.xlsx", f"{SHEET} application/octet-stream", "content_mismatch"),
    ],
)
def test_a_package_under_a_policy(name: str, allowed: str, failure: str | None) -> None:
    policy = UploadPolicy(allowed_content_types=frozenset(allowed.split()))
    head = archive({"[Content_Types].xml": b"<a/>", "word/document.xml": b"<b/>"})
    found = judge_content(
        file_name=name, declared="application/octet-stream", head=head, detected="application/zip", policy=policy
    )
    assert found == Finding(WORD, failure)
