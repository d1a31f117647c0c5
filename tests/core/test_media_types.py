"""The tables of types hold together."""

import pytest

from partway.core import media_types
from partway.core.disposition import INLINE_TYPES
from partway.core.media_types import EXTENSION_TYPES, canonical, family, is_active, is_recognisable, is_textual
from partway.core.policy import check_content_type


def test_no_extension_stands_twice():
    listed = [each for extensions in media_types._EXTENSIONS.values() for each in extensions.split()]
    assert sorted(listed) == sorted(set(listed))


def test_no_other_name_stands_twice_or_is_a_name_itself():
    listed = [each for others in media_types._OTHER_NAMES.values() for each in others.split()]
    assert sorted(listed) == sorted(set(listed))
    assert not {canonical(each) for each in listed} & set(listed)


@pytest.mark.parametrize("kind", sorted(set(EXTENSION_TYPES.values())))
def test_a_named_type_is_a_type_of_which_we_know_the_bytes(kind):
    assert check_content_type(kind) == kind
    assert canonical(kind) == kind
    assert family(family(kind)) == family(kind)
    unsigned = {"application/java-archive", "application/x-tar"}  # a zip that says no more; the oldest have no mark
    assert is_recognisable(kind) or is_textual(kind) or kind in unsigned


def test_what_browsers_are_shown_is_what_we_recognise():
    assert [each for each in sorted(INLINE_TYPES) if not is_recognisable(each)] == ["text/plain"]


@pytest.mark.parametrize(
    "extension", ["jpg", "jpeg", "png", "gif", "pdf", "doc", "docx", "xls", "xlsx", "txt", "csv", "zip"]
)
def test_common_extensions_are_known_in_every_version_of_python(extension):
    assert EXTENSION_TYPES[extension]


def test_what_runs_is_textual():
    assert all(is_textual(kind) for kind in media_types._ACTIVE)
    assert is_active("application/javascript")
    assert not is_active("text/plain")
