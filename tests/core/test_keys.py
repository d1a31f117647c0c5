"""File names as users write them, and the keys that are made of them."""

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partway.core.file import new_file_id
from partway.core.keys import KeyTemplate, check_file_name, check_folder, extension_of, safe_name
from partway.errors import InvalidInput, Misconfigured

SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
MOMENT = datetime(2026, 3, 4, 5, tzinfo=UTC)


@given(st.text(max_size=300))
def test_a_safe_name_is_safe(file_name):
    assert SAFE.fullmatch(safe_name(file_name))


@given(st.from_regex(SAFE, fullmatch=True))
def test_a_safe_name_has_nothing_left_to_change(name):
    assert safe_name(safe_name(name)) == safe_name(name)


@pytest.mark.parametrize(
    ("file_name", "expected"),
    [
        ("video.mp4", "video.mp4"),
        ("Ärger im Büro.PDF", "Arger_im_Buro.PDF"),
        ("日本.txt", "file.txt"),
        (".bashrc", "file.bashrc"),
        ("archive.tar.gz", "archive.tar.gz"),
        ("...", "file"),
        ("x" * 300 + ".mp4", "x" * 96 + ".mp4"),
        ("../../etc/passwd", "etc_passwd"),
    ],
)
def test_safe_names(file_name, expected):
    assert SAFE.fullmatch(safe_name(file_name))
    if "/" not in file_name:
        assert safe_name(file_name) == expected


@pytest.mark.parametrize("file_name", ["a.txt", " a ", "日本.txt", "a" * 255, "-rf", "a\u00a0b", "😀.png"])
def test_names_that_are_taken(file_name):
    assert check_file_name(file_name) == file_name


@pytest.mark.parametrize(
    "file_name", ["", " ", "a/b", "a\\b", ".", "..", "a\0", "a\n", "a\x7f", "a\u2028b", "a" * 256, "\ud800"]
)
def test_names_that_are_refused(file_name):
    with pytest.raises(InvalidInput) as refused:
        check_file_name(file_name)
    assert refused.value.error_code == "invalid_file_name"


@pytest.mark.parametrize(
    ("file_name", "extension"),
    [("a.MP4", "mp4"), ("a.tar.gz", "gz"), (".bashrc", ""), ("a", ""), ("a.", ""), ("a.b ", "b ")],
)
def test_extensions(file_name, extension):
    assert extension_of(file_name) == extension


@pytest.mark.parametrize("folder", ["", "a", "a/b-c/d_e.f", "/a/", "2026"])
def test_folders_that_are_taken(folder):
    assert check_folder(folder) == folder.strip("/")


@pytest.mark.parametrize("folder", ["..", "a/../b", ".a", "a//b", "a b", "ä", "a\\b", "a/.", "x" * 101, "a\n"])
def test_folders_that_are_refused(folder):
    with pytest.raises(InvalidInput) as refused:
        check_folder(folder)
    assert refused.value.error_code == "invalid_folder"


def key_of(template, *, file_id=None, file_name="a.txt", owner="o", folder=""):
    return KeyTemplate(template).key(
        file_id=file_id or new_file_id(), file_name=file_name, owner=owner, folder=folder, created=MOMENT
    )


@given(st.text(max_size=300), st.text(max_size=300))
def test_a_key_is_ascii_and_stays_below_its_template(file_name, owner):
    key = key_of("top/{owner}/{hash}/{id}_{name}", file_name=file_name, owner=owner)
    assert re.fullmatch(r"top/[A-Za-z0-9._/-]+", key)
    assert len(key.split("/")) == 4
    assert not {"", ".", ".."} & set(key.split("/"))
    assert all(len(part) < 255 for part in key.split("/"))


def test_the_default_key():
    file_id = UUID("01930000-0000-7000-8000-0000000000ab")
    key = KeyTemplate().key(file_id=file_id, file_name="a b.txt", owner="o", folder="x/y", created=MOMENT)
    assert key == f"files/x/y/2026/03/04/{file_id}_a_b.txt"
    assert key_of("{folder}/{hour}/{hash}/{id}", file_id=file_id) == f"05/ab/{file_id}"


@pytest.mark.parametrize(
    "template",
    [
        *("{name}", "{id}/{nope}", "{id}/{}", "{id", "{id!r}", "{id:>9}", "{id.hex}"),
        *("../{id}", "a/./{id}", "größe/{id}", "a b/{id}", "{{x}}/{id}", "{folder}../{id}"),
    ],
)
def test_templates_that_are_refused(template):
    with pytest.raises(Misconfigured) as refused:
        KeyTemplate(template)
    assert refused.value.facts["setting"] == "S3_KEY_TEMPLATE"
