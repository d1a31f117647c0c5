"""Checksums of parts make the checksum of the whole."""

import base64
import hashlib
import zlib

import pytest
from awscrt import checksums as awscrt
from hypothesis import given
from hypothesis import strategies as st

from partway.core.checksums import ChecksumAlgorithm, check_checksum, join_checksums
from partway.errors import InvalidInput
from partway.stores.digests import base64_of, new_checksum

CRCS = {
    ChecksumAlgorithm.CRC32: zlib.crc32,
    ChecksumAlgorithm.CRC32C: awscrt.crc32c,
    ChecksumAlgorithm.CRC64NVME: awscrt.crc64nvme,
}


def sum_of(algorithm, body):
    return base64.b64encode(CRCS[algorithm](body).to_bytes(algorithm.digest_size, "big")).decode()


@pytest.mark.parametrize("algorithm", CRCS)
@given(bodies=st.lists(st.binary(max_size=300), min_size=1, max_size=6))
def test_joined_is_the_sum_of_the_whole(algorithm, bodies):
    parts = [(sum_of(algorithm, body), len(body)) for body in bodies]
    assert join_checksums(algorithm, parts) == sum_of(algorithm, b"".join(bodies))


@pytest.mark.parametrize("algorithm", CRCS)
def test_large_parts_join(algorithm):
    body = bytes(range(256)) * 4096 * 5
    parts = [(sum_of(algorithm, body), len(body))] * 3 + [(sum_of(algorithm, b"end"), 3)]
    assert join_checksums(algorithm, parts) == sum_of(algorithm, body * 3 + b"end")


@pytest.mark.parametrize("algorithm", list(ChecksumAlgorithm))
@given(chunks=st.lists(st.binary(max_size=50), max_size=5))
def test_a_running_checksum_is_that_of_all_chunks(algorithm, chunks):
    running, once = new_checksum(algorithm), new_checksum(algorithm)
    for chunk in chunks:
        running.update(chunk)
    once.update(b"".join(chunks))
    assert base64_of(running) == base64_of(once)
    assert len(running.digest()) == algorithm.digest_size
    assert check_checksum(algorithm, base64_of(running)) == base64_of(running)


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        (ChecksumAlgorithm.CRC32, "cbf43926"),
        (ChecksumAlgorithm.CRC32C, "e3069283"),
        (ChecksumAlgorithm.CRC64NVME, "ae8b14860a799888"),
        (ChecksumAlgorithm.SHA256, hashlib.sha256(b"123456789").hexdigest()),
        (ChecksumAlgorithm.MD5, hashlib.md5(b"123456789").hexdigest()),
    ],
)
def test_check_values_of_the_catalogue(algorithm, digest):
    running = new_checksum(algorithm)
    running.update(b"123456789")
    assert running.digest().hex() == digest
    assert algorithm.joinable == algorithm.startswith("crc")


@pytest.mark.parametrize(
    "value", ["", "AAAA", "AAAAAA", "AAAAAB==", "AAAAAA==\n", " AAAAAA==", "AAAAAAA=", "ÄAAAAA==", "!"]
)
def test_what_is_no_crc32_is_refused(value):
    with pytest.raises(InvalidInput) as refused:
        check_checksum(ChecksumAlgorithm.CRC32, value)
    assert refused.value.error_code == "invalid_checksum"
    assert check_checksum(ChecksumAlgorithm.CRC32, "AAAAAA==") == "AAAAAA=="


def test_headers_are_those_of_s3():
    assert ChecksumAlgorithm.CRC64NVME.header == "x-amz-checksum-crc64nvme"
    assert ChecksumAlgorithm.MD5.header == "content-md5"
