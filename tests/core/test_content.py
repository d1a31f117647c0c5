"""Rules about bytes: whatever comes, they answer; and what they recognise does not hang on what follows it."""

from __future__ import annotations

import io
import zipfile

from hypothesis import given
from hypothesis import strategies as st

from partway.core.content import HEAD_SIZE, Finding, judge_content, recognise
from partway.core.policy import UploadPolicy

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
