"""The corpus: every honest file is taken, every liar is refused, and what is two things at once is served asleep."""

from __future__ import annotations

import pytest

from partway.core.content import HEAD_SIZE, Finding, judge_content
from partway.core.disposition import INLINE_TYPES, present
from partway.core.policy import UploadPolicy, check_content_type
from partway.detection import Signatures
from tests.detection.building import OFFICE
from tests.detection.corpus import Sample, honest, lying, polyglots, unusual

ALLOWED = UploadPolicy(
    allowed_extensions=frozenset(
        ["jpg", "jpeg", "png", "gif", "pdf", "doc", "docx", "xls", "xlsx", "txt", "csv", "zip"]
    ),
    allowed_content_types=frozenset(
        {
            "image/jpeg",
            "image/png",
            "image/gif",
            "application/pdf",
            "application/msword",
            f"{OFFICE}wordprocessingml.document",
            "application/vnd.ms-excel",
            f"{OFFICE}spreadsheetml.sheet",
            "text/plain",
            "text/csv",
            "application/zip",
        }
    ),
)


def found(sample: Sample, policy: UploadPolicy | None = None) -> Finding:
    head = sample.content[:HEAD_SIZE]
    return judge_content(
        file_name=sample.name,
        declared=check_content_type(sample.content_type),
        head=head,
        detected=Signatures().detect(head),
        policy=policy or UploadPolicy(),
    )


def test_the_corpus_is_large_and_the_same_each_time() -> None:
    assert len(honest()) >= 60
    assert honest() + unusual() == honest() + unusual()
    assert lying() == lying()


@pytest.mark.parametrize("sample", honest() + unusual(), ids=lambda sample: sample.name)
def test_an_honest_file_is_taken(sample: Sample) -> None:
    assert found(sample).failure is None


@pytest.mark.parametrize("sample", honest() + unusual(), ids=lambda sample: sample.name)
def test_a_file_whose_type_nobody_knows_is_taken_by_its_name(sample: Sample) -> None:
    assert found(sample._replace(content_type="")).failure is None


@pytest.mark.parametrize("number", range(len(lying())))
def test_a_liar_is_refused(number: int) -> None:
    assert found(lying()[number]).failure == "content_mismatch"


@pytest.mark.parametrize("sample", polyglots(), ids=lambda sample: sample.name)
def test_what_is_two_things_is_served_as_what_it_says(sample: Sample) -> None:
    assert found(sample).failure is None
    shown = present(sample.name, sample.content_type)
    assert shown.content_type == sample.content_type
    assert shown.content_type in INLINE_TYPES


@pytest.mark.parametrize("sample", honest(), ids=lambda sample: sample.name)
def test_the_policy_holds_for_what_was_seen(sample: Sample) -> None:
    declared = check_content_type(sample.content_type)
    listed = declared in (ALLOWED.allowed_content_types or ())
    octets = sample._replace(content_type="application/octet-stream")
    if listed:
        assert found(sample, ALLOWED).failure is None
    else:
        assert found(octets, ALLOWED).failure in {None, "type_not_allowed"}


def test_a_page_that_says_nothing_of_itself_is_seen_by_the_policy() -> None:
    pictures = UploadPolicy(allowed_content_types=frozenset({"image/*", "application/octet-stream"}))
    page = Sample("noextension", "application/octet-stream", b"<!DOCTYPE html><script>alert(1)</script>")
    assert found(page, pictures) == Finding("text/html", "type_not_allowed")
    film = next(each for each in honest() if each.name == "film.mp4")
    assert found(film._replace(name="noextension", content_type=""), pictures).failure == "type_not_allowed"
    photo = honest()[0]
    assert found(photo._replace(name="noextension", content_type=""), pictures) == Finding("image/jpeg", None)
