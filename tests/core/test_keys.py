"""File names as users write them, and the keys that are made of them."""

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from partway.core.file import new_file_id
from partway.core.keys import (
    MAX_KEY_LENGTH,
    SUFFIX_LENGTH,
    KeyTemplate,
    check_file_name,
    check_folder,
    extension_of,
    is_unique,
    safe_name,
    with_suffix,
)
from partway.errors import InvalidInput, Misconfigured

SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
MOMENT = datetime(2026, 3, 4, 5, tzinfo=UTC)


@given(st.text(max_size=300))
def test_a_safe_name_is_safe(file_name):
    assert SAFE.fullmatch(safe_name(file_name))


@given(st.from_regex(SAFE, fullmatch=True) | st.text(max_size=300) | st.text("a0._-", max_size=150))
@example("0..0.")
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
        ("a..b_.pdf.", "a.b.pdf"),
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


FILE_ID = UUID("01930000-0000-7000-8000-0000000000ab")


def named_key(*, file_name="document.pdf", folder="", owner="7", **choices):
    created = datetime(2025, 1, 15, 14, 30, 22, tzinfo=UTC)
    template = KeyTemplate.named(**choices)
    return template.key(file_id=FILE_ID, file_name=file_name, owner=owner, folder=folder, created=created)


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({}, f"2025/01/15/{FILE_ID}_document.pdf"),
        ({"preserve_filename": False}, f"2025/01/15/{FILE_ID}.pdf"),
        ({"uuid_prefix": False}, "2025/01/15/20250115_143022_document.pdf"),
        ({"uuid_prefix": False, "preserve_filename": False}, "2025/01/15/20250115_143022.pdf"),
        ({"folder_structure": ""}, f"{FILE_ID}_document.pdf"),
        ({"uuid_prefix": False, "folder_structure": ""}, "document.pdf"),
        ({"uuid_prefix": False, "folder_structure": "/ "}, "document.pdf"),
        ({"uuid_prefix": False, "preserve_filename": False, "folder_structure": ""}, "20250115_143022.pdf"),
        ({"folder_structure": "uploads/{year}-{month}"}, f"uploads/2025-01/{FILE_ID}_document.pdf"),
        ({"folder_structure": "documents/user-uploads"}, f"documents/user-uploads/{FILE_ID}_document.pdf"),
        ({"folder_structure": "{owner}/{hash}/{hour}"}, f"7/ab/14/{FILE_ID}_document.pdf"),
        ({"folder": "users/7/documents"}, f"users/7/documents/2025/01/15/{FILE_ID}_document.pdf"),
        ({"folder": "a/b", "folder_structure": ""}, f"a/b/{FILE_ID}_document.pdf"),
        ({"folder": "a/b", "folder_structure": "x/{folder}/{year}"}, f"x/a/b/2025/{FILE_ID}_document.pdf"),
        ({"folder_structure": "x/{folder}/{year}"}, f"x/2025/{FILE_ID}_document.pdf"),
        ({"preserve_filename": False, "file_name": "README"}, f"2025/01/15/{FILE_ID}"),
    ],
)
def test_keys_of_the_three_plain_choices(choices, expected):
    assert named_key(**choices) == expected


@pytest.mark.parametrize(
    "structure", ["{id}", "{name}", "{nope}", "{year", "{}", "{year!r}", "..", "a/./b", "ä", "a b"]
)
def test_structures_that_are_refused(structure):
    with pytest.raises(Misconfigured) as refused:
        KeyTemplate.named(folder_structure=structure)
    assert refused.value.facts["setting"] == "S3_FOLDER_STRUCTURE"


@pytest.mark.parametrize("template", ["a" * 500 + "/{folder}/" + "b" * 500 + "/{id}", "a" * 220 + "{id}"])
def test_templates_whose_keys_no_store_takes_are_refused(template):
    with pytest.raises(Misconfigured, match="shorten it"):
        KeyTemplate(template)


PLACEHOLDERS = ["{year}", "{month}", "{day}", "{hour}", "{hash}", "{owner}", "{folder}", "/", "-", "a", "Z9", ".", "_"]
STRUCTURES = st.lists(st.sampled_from(PLACEHOLDERS), max_size=8).map("".join)


@given(
    structure=STRUCTURES,
    uuid_prefix=st.booleans(),
    preserve_filename=st.booleans(),
    texts=st.tuples(st.text(max_size=300), st.text(max_size=300)),
    folder=st.from_regex(r"([A-Za-z0-9_-][A-Za-z0-9._-]{0,20}(/[a-z][a-z.]{0,9}){0,4})?", fullmatch=True),
)
def test_every_key_is_one_that_stores_take(structure, uuid_prefix, preserve_filename, texts, folder):
    try:
        template = KeyTemplate.named(
            uuid_prefix=uuid_prefix, preserve_filename=preserve_filename, folder_structure=structure
        )
    except Misconfigured:
        return
    key = template.key(file_id=FILE_ID, file_name=texts[0], owner=texts[1], folder=folder, created=MOMENT)
    for each in (key, with_suffix(key, "0" * (SUFFIX_LENGTH - 1))):
        assert re.fullmatch(r"[A-Za-z0-9._/-]+", each)
        assert len(each) <= MAX_KEY_LENGTH
        assert all(0 < len(part) <= 255 for part in each.split("/"))
        assert not {".", ".."} & set(each.split("/"))
    assert is_unique(key, FILE_ID) == uuid_prefix
    assert folder in key


@given(st.from_regex(r"([a-z.]{1,9}/){0,3}[a-z0-9_][a-z0-9_.]{0,20}", fullmatch=True))
def test_a_suffix_leaves_the_folders_and_the_extension(key):
    changed = with_suffix(key, "1a2b3c4d")
    assert changed != key
    assert changed.replace("_1a2b3c4d", "", 1) == key
    assert changed.rpartition("/")[0] == key.rpartition("/")[0]
    assert extension_of(changed.rpartition("/")[2]) == extension_of(key.rpartition("/")[2])
