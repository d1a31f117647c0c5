"""Content-Disposition for any name: one header line, the whole name in it, and nothing that is read otherwise."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from partway.core.disposition import INLINE_TYPES, present

NAMES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=300)
HEADER = re.compile(r"(inline|attachment); filename=\"([^\"\\%/]+)\"(?:; filename\*=UTF-8''([A-Za-z0-9._~%-]+))?")


@given(NAMES)
@example('a"; filename="b')
@example("a\r\nX: y")
@example("=?UTF-8?B?aGVsbG8=?=")
@example(" a  b ")
@example("\uff0fetc")
def test_the_name_comes_back_from_the_header(name: str) -> None:
    header = present(name, "a/b").disposition
    assert header.isascii()
    assert header.isprintable()
    match = HEADER.fullmatch(header)
    assert match is not None, header
    plain, whole = match[2], match[3]
    assert (plain if whole is None else unquote(whole, errors="strict")) == name
    assert plain == plain.strip()
    assert "  " not in plain
    assert "=?" not in plain
    assert not plain.startswith(".")


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("a.txt", "a.txt"),
        ("Ärger.pdf", "Arger.pdf"),
        ("🎉.png", "file.png"),
        ("日本", "file"),
        (".bashrc", "file.bashrc"),
        ("...dots.txt", "dots.txt"),
        ('say "hi".txt', "say _hi_.txt"),
        ("...", "file."),
    ],
)
def test_the_name_for_old_clients(name: str, plain: str) -> None:
    found = present(name, "a/b").disposition
    assert found.startswith(f'attachment; filename="{plain}"')


@given(st.text())
@example("text/html")
@example("image/svg+xml")
@example("text/plain; charset=utf-7")
def test_only_listed_types_are_inline(content_type: str) -> None:
    shown = present("a", content_type)
    inline = content_type in INLINE_TYPES
    assert shown.disposition.startswith("inline" if inline else "attachment")
    assert shown.content_type == (content_type if inline else "application/octet-stream")
    assert present("a", content_type, as_attachment=True).disposition.startswith("attachment")
