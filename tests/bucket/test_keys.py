"""Keys of the stateless level: what they carry comes back, and what is none of ours is refused."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partway.bucket.keys import BucketKeys, check_upload_id
from partway.bucket.rules import BucketRules
from partway.core.parts import GIB, MIB, S3_LIMITS, plan_parts
from partway.errors import InvalidInput, Misconfigured, PolicyRefused

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PREFIXES = st.lists(st.from_regex(r"[A-Za-z0-9_-]{1,9}", fullmatch=True), max_size=3).map("/".join)


@given(
    prefix=PREFIXES,
    size=st.integers(0, S3_LIMITS.max_object_size),
    part_size=st.integers(5 * MIB, 5 * GIB),
    name=st.text(min_size=1, max_size=255),
)
def test_a_key_carries_its_plan(prefix: str, size: int, part_size: int, name: str) -> None:
    keys = BucketKeys(prefix)
    plan = plan_parts(size, part_size=part_size)
    key = keys.of_upload(name, plan, file_id=uuid4(), created=NOW)
    assert keys.plan_of(key, limits=S3_LIMITS) == plan
    assert key.isascii()
    assert len(key.rpartition("/")[2]) <= 100
    assert max(map(len, key.split("/"))) <= 255


@given(st.text(max_size=60))
def test_any_text_is_a_key_of_ours_or_refused(text: str) -> None:
    keys = BucketKeys("uploads/")
    for key in (text, f"uploads/{text}", f"uploads/2026/01/02/{text}"):
        with contextlib.suppress(InvalidInput):
            keys.plan_of(key, limits=S3_LIMITS)
        with contextlib.suppress(InvalidInput):
            assert keys.check(key).startswith("uploads/")
            assert not {"", ".", ".."} & set(key.split("/"))


@pytest.mark.parametrize(
    "tail",
    [
        "0-1/a",
        f"{'0' * 32}-5-5",
        f"{'0' * 32}-05-5/a",
        f"{'0' * 32}-5-4/a",
        f"{'0' * 32}-\u0665-5/a",
        f"{'0' * 32}-{6 * MIB}-{MIB}/a",
        f"{'0' * 32}-{2**60}-{5 * GIB}/a",
        f"{'0' * 32}-5-0/a",
        f"{'0' * 32}-5-5/a/b",
        f"{'0' * 32}-5-5/a\n",
    ],
)
def test_a_plan_that_no_upload_can_have_is_refused(tail: str) -> None:
    with pytest.raises(InvalidInput):
        BucketKeys().plan_of(f"uploads/2026/01/02/{tail}", limits=S3_LIMITS)


@pytest.mark.parametrize("prefix", ["/", "/a", "a//b", "../a", "a/..", "a b", "ü", "a?b"])
def test_a_prefix_that_is_no_path_stops_the_start(prefix: str) -> None:
    with pytest.raises(Misconfigured):
        BucketKeys(prefix)


def test_a_listing_stays_below_the_prefix() -> None:
    keys = BucketKeys("a/b")
    assert keys.prefix == "a/b/"
    assert keys.check_prefix(None) == "a/b/"
    assert keys.check_prefix("a/b/2026") == "a/b/2026"
    for outside in ("", "a/", "a/c/", "a/b/../c", "a/b/\x00"):
        with pytest.raises(InvalidInput):
            keys.check_prefix(outside)


@pytest.mark.parametrize("upload_id", ["", "a b", "ü", "x" * 1025, "a\n", "\x7f"])
def test_what_is_no_upload_id_is_refused(upload_id: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_upload_id(upload_id)
    assert refused.value.error_code == "invalid_upload_id"


def test_types_are_known_declared_or_refused() -> None:
    free, strict = BucketRules(), BucketRules(file_types={"PDF": "application/pdf", ".txt": "text/plain"})
    assert free.content_type_of("a.pdf", "") == "application/pdf"
    assert free.content_type_of("a", " ") == "application/octet-stream"
    assert free.content_type_of("a.pdf", "Text/HTML; charset=utf-8") == "text/html"
    assert strict.content_type_of("a.PDF", "") == "application/pdf"
    assert strict.content_type_of("a.txt", "text/plain; charset=utf-8") == "text/plain"
    for name, kind in (("a.pdf", "text/plain"), ("a.exe", ""), ("pdf", "application/pdf")):
        with pytest.raises(PolicyRefused):
            strict.content_type_of(name, kind)
    with pytest.raises(InvalidInput):
        strict.content_type_of("a.pdf", "nonsense")
    for table in ({".pdf": "pdf"}, {"": "a/b"}):
        with pytest.raises(Misconfigured):
            BucketRules(file_types=table)
