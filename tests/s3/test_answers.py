"""Right answers of stores are read into our words, wrong ones into our errors, and nothing breaks the reading."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partway.errors import InvalidInput, ObjectGone, PartwayError, StoreRefused, StoreUnavailable, UploadGone
from partway.s3 import answers
from partway.s3.answers import S3Answer
from partway.s3.bucket_rules import CORS, LIFECYCLE, read_answer
from partway.s3.refusals import error_code, is_transient, raise_for
from partway.s3.xml import parse

READERS = [
    answers.read_upload_id,
    answers.read_parts,
    lambda answer: answers.read_uploads(answer, prefix="p"),
    answers.read_objects,
    answers.read_copied_etag,
    answers.read_failed_deletions,
    lambda answer: read_answer(CORS, answer),
    lambda answer: read_answer(LIFECYCLE, answer),
]


def ok(body: str) -> S3Answer:
    return S3Answer(200, {}, body.encode())


def error(code: str) -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>host x, key AK</Message></Error>".encode()


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (404, "NoSuchUpload", UploadGone),
        (404, "NoSuchKey", ObjectGone),
        (404, "NoSuchBucket", StoreRefused),
        (400, "BadDigest", StoreRefused),
        (403, "SignatureDoesNotMatch", StoreRefused),
        (412, "PreconditionFailed", StoreRefused),
        (416, "InvalidRange", InvalidInput),
        (500, "InternalError", StoreUnavailable),
        (503, "SlowDown", StoreUnavailable),
        (400, "RequestTimeout", StoreUnavailable),
        (200, "NoSuchUpload", UploadGone),
        (200, "InternalError", StoreUnavailable),
        (418, "Unheard.Of", StoreRefused),
    ],
)
def test_each_refusal_is_one_of_our_errors(status, code, expected):
    with pytest.raises(expected) as raised:
        raise_for(status, error(code))
    assert "host x" not in raised.value.detail
    if expected is StoreRefused:
        assert raised.value.facts["store_code"] == code


@pytest.mark.parametrize(("status", "expected"), [(404, ObjectGone), (403, StoreRefused), (301, StoreRefused)])
def test_an_answer_without_a_body_is_read_by_its_status(status, expected):
    with pytest.raises(expected):
        raise_for(status, b"")


def test_a_clock_that_is_wrong_is_named():
    with pytest.raises(StoreRefused, match="clock"):
        raise_for(403, error("RequestTimeTooSkewed"))


def test_an_error_behind_minutes_of_white_space_is_an_error():
    body = b'<?xml version="1.0" encoding="UTF-8"?>\n' + b" \n" * 2000 + b"<Error><Code>InternalError</Code></Error>"
    late = b" \n" * 4000 + error("InternalError")
    assert is_transient(200, late)
    assert error_code(200, late) == "InternalError"
    assert parse(body).name == "Error"


def test_a_code_of_the_stores_is_not_passed_on_if_it_is_none():
    with pytest.raises(StoreRefused) as raised:
        raise_for(400, error("see http://10.0.0.1/?secret"))
    assert raised.value.facts["store_code"] == "400"


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE a [<!ENTITY e "ha">]><ListPartsResult>&e;</ListPartsResult>',
        '<!DOCTYPE a [<!ENTITY e "ha">]><ListPartsResult>&e;</ListPartsResult>'.encode("utf-16"),
        b"<ListPartsResult>",
        b"<html>Welcome to the hotel</html>",
        b'<?xml version="1.0" encoding="nonsense"?><ListPartsResult/>',
        b"",
        b"<ListPartsResult><Part><PartNumber>one</PartNumber></Part></ListPartsResult>",
    ],
)
def test_what_is_no_listing_is_not_read_as_an_empty_one(body):
    with pytest.raises(StoreRefused):
        answers.read_parts(S3Answer(200, {}, body))


@given(
    st.sampled_from(READERS),
    st.sampled_from([200, 206, 301, 400, 404, 500]),
    st.binary(max_size=60)
    | st.text(st.sampled_from("<>/&;\"' \nErorCdePatKyListsult0123456789-"), max_size=120).map(str.encode),
)
def test_nothing_breaks_the_reading(read, status, body):
    with contextlib.suppress(PartwayError):
        read(S3Answer(status, {}, body))


def test_parts_are_read_with_times_and_checksums():
    page = answers.read_parts(
        ok(
            '<ListPartsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>true</IsTruncated>'
            "<NextPartNumberMarker>2</NextPartNumberMarker><Part><PartNumber>2</PartNumber><Size>7</Size>"
            "<ETag>&quot;e&quot;</ETag><LastModified>2026-11-21T01:02:03.000Z</LastModified>"
            "<ChecksumCRC32C>c3Vt</ChecksumCRC32C></Part></ListPartsResult>"
        )
    )
    (part,) = page.parts
    assert (part.part_number, part.size, part.etag, part.checksum) == (2, 7, "e", "c3Vt")
    assert part.last_modified is not None
    assert part.last_modified.isoformat() == "2026-11-21T01:02:03+00:00"
    assert page.next_marker == 2


@pytest.mark.parametrize(
    ("listed_prefix", "listed_key", "key"),
    [("a%2Bb", "a%2Bb+c", "a+b c"), ("a+b", "a+b c", "a+b c"), ("", "x+y%2Bz", "x y+z")],
)
def test_keys_of_open_uploads_are_read_from_stores_that_encode_and_from_those_that_only_say_so(
    listed_prefix, listed_key, key
):
    document = (
        f"<ListMultipartUploadsResult><EncodingType>url</EncodingType><Prefix>{listed_prefix}</Prefix><Upload>"
        f"<Key>{listed_key}</Key><UploadId>u</UploadId><Initiated>2026-11-21T01:02:03Z</Initiated></Upload>"
        "</ListMultipartUploadsResult>"
    )
    assert [upload.key for upload in answers.read_uploads(ok(document), prefix="a+b").uploads] == [key]


@pytest.mark.parametrize(
    ("headers", "checksum"),
    [
        ({"x-amz-checksum-crc32": "c3Vt", "x-amz-checksum-type": "FULL_OBJECT"}, "crc32:c3Vt"),
        ({"x-amz-checksum-crc32": "c3Vt-2", "x-amz-checksum-type": "COMPOSITE"}, None),
        ({"x-amz-checksum-sha256": "c3Vt-2"}, None),
        ({}, None),
    ],
)
def test_only_a_checksum_of_the_whole_object_counts(headers, checksum):
    stored = answers.read_object_headers("k", {"content-length": "3", "etag": '"e"', **headers})
    assert (stored.size, stored.etag, stored.checksum) == (3, "e", checksum)
