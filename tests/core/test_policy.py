"""What a caller may upload."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partway.core.policy import DEFAULT_CONTENT_TYPE, UploadPolicy, check_content_type
from partway.errors import InvalidInput, PolicyRefused

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("declared", "taken"),
    [
        ("video/mp4", "video/mp4"),
        ("Video/MP4", "video/mp4"),
        (" text/plain; charset=utf-8", "text/plain"),
        ("", DEFAULT_CONTENT_TYPE),
        ("  ", DEFAULT_CONTENT_TYPE),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document",) * 2,
        ("image/svg+xml", "image/svg+xml"),
    ],
)
def test_types_that_are_taken(declared, taken):
    assert check_content_type(declared) == taken


@pytest.mark.parametrize("declared", ["video", "video/", "/mp4", "a/b/c", "a b/c", "*/*", "ä/b", "a/\r\nb"])
def test_types_that_are_none(declared):
    with pytest.raises(InvalidInput) as refused:
        check_content_type(declared)
    assert refused.value.error_code == "invalid_content_type"


@given(st.text(max_size=40))
def test_what_is_taken_fits_a_header(declared):
    try:
        taken = check_content_type(declared)
    except InvalidInput:
        return
    assert re.fullmatch(r"[!-~]+/[!-~]+", taken)
    assert check_content_type(taken) == taken


def code_of(policy, *, file_name="a.png", file_size=1, content_type="image/png"):
    try:
        policy.check(file_name=file_name, file_size=file_size, content_type=content_type)
    except PolicyRefused as refused:
        return refused.error_code
    return None


def test_the_default_takes_everything():
    assert code_of(UploadPolicy(), file_name="a.exe", file_size=10**15, content_type="x/y") is None


def test_sizes_are_limited_inclusively():
    policy = UploadPolicy(max_file_size=MIB)
    assert code_of(policy, file_size=MIB) is None
    assert code_of(policy, file_size=MIB + 1) == "file_too_large"
    assert code_of(UploadPolicy(max_file_size=0), file_size=0) is None


def test_extensions_are_compared_in_lower_case():
    policy = UploadPolicy(allowed_extensions=frozenset({"png", "jpg"}))
    assert code_of(policy, file_name="a.PNG") is None
    for name in ("a.exe", "png", ".png", "a.png.exe", "a.png "):
        assert code_of(policy, file_name=name) == "extension_not_allowed"


@pytest.mark.parametrize(
    ("allowed", "content_type", "taken"),
    [
        ({"image/*"}, "image/png", True),
        ({"image/*"}, "imagex/png", False),
        ({"image/png"}, "image/jpeg", False),
        ({"*/*"}, "a/b", True),
        (set(), "a/b", False),
    ],
)
def test_types_are_allowed_singly_and_by_kind(allowed, content_type, taken):
    policy = UploadPolicy(allowed_content_types=frozenset(allowed))
    assert (code_of(policy, content_type=content_type) is None) == taken
    if not taken:
        assert code_of(policy, content_type=content_type) == "content_type_not_allowed"


@pytest.mark.parametrize(
    ("allowed", "declared", "taken"),
    [
        ("application/zip", "application/x-zip-compressed", True),
        ("image/jpg", "image/jpeg", True),
        ("image/jpeg", "image/jpg", True),
        ("audio/*", "audio/x-wav", True),
        ("audio/*", "application/ogg", True),
        ("application/zip", "application/gzip", False),
        ("video/mp4", "audio/mp4", False),
    ],
)
def test_a_type_is_taken_under_whichever_of_its_names(allowed, declared, taken):
    assert UploadPolicy(allowed_content_types=frozenset({allowed})).takes_type(declared) is taken
