"""Checks of checksums: a part's is compared as it arrives, the whole object's at completion."""

from __future__ import annotations

import base64
import hashlib
import zlib
from dataclasses import replace

from partway.contracts import ContractBroken, expect, expect_error
from partway.core.checksums import ChecksumAlgorithm, join_checksums
from partway.core.parts import StoredPart
from partway.core.ports import PartToSign
from partway.errors import InvalidInput, StoreRefused
from partway.stores.contract.bench import Bench

_BODY = b"123456789"  # the catalogue's test string: https://reveng.sourceforge.io/crc-catalogue/
_CHECK_VALUES = {
    ChecksumAlgorithm.CRC32: "cbf43926",
    ChecksumAlgorithm.CRC32C: "e3069283",
    ChecksumAlgorithm.CRC64NVME: "ae8b14860a799888",
    ChecksumAlgorithm.SHA256: hashlib.sha256(_BODY).hexdigest(),
    ChecksumAlgorithm.MD5: hashlib.md5(_BODY, usedforsecurity=False).hexdigest(),
}


def _base64(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


async def a_part_with_a_wrong_checksum_is_refused(bench: Bench) -> None:
    """A part is taken if its bytes have the signed checksum, and refused with 400 if not, in every algorithm."""
    for algorithm, check_value in _CHECK_VALUES.items():
        key = bench.key(f"{algorithm}.bin")
        upload_id = await _create_if_known(bench, key, algorithm)
        if upload_id is None:
            continue
        part = PartToSign(1, len(_BODY), _base64(check_value))
        signed = await bench.sign_part(key, upload_id, part, algorithm=algorithm)
        expect(algorithm.header in {name.lower() for name in signed.headers}, f"{algorithm} is a header to send")
        answer = await bench.put(signed, b"987654321")
        expect(answer.status == 400, f"a part with a wrong {algorithm} is answered 400", found=answer)
        await bench.expect_parts(key, upload_id, [])
        answer = await bench.put(signed, _BODY)
        expect(answer.status == 200, f"a part with the right {algorithm} is taken", found=answer)
        await _complete_checked(bench, key, upload_id, algorithm)


async def a_part_checksum_cannot_be_left_out(bench: Bench) -> None:
    """The checksum is signed: sent with another or without one, the part is refused."""
    key = bench.key()
    upload_id = await bench.create(key, algorithm=ChecksumAlgorithm.CRC32)
    part = PartToSign(1, len(_BODY), _base64("cbf43926"))
    signed = await bench.sign_part(key, upload_id, part, algorithm=ChecksumAlgorithm.CRC32)
    for headers in ({}, {"x-amz-checksum-crc32": _base64("00000000")}):
        answer = await bench.send("PUT", signed.url, headers, _BODY)
        expect(answer.refused, "a part without the signed checksum is refused", found=answer)
    await bench.expect_parts(key, upload_id, [])


async def the_whole_objects_crc_is_compared_and_kept(bench: Bench) -> None:
    """A joinable checksum of the whole object is checked at completion and comes back from `head`."""
    bodies = [bytes(bench.store.limits.min_part_size), _BODY]
    key, algorithm = bench.key(), ChecksumAlgorithm.CRC32
    upload_id = await bench.create(key, algorithm=algorithm)
    parts = [await _send_with_crc32(bench, key, upload_id, number, bodies) for number in (1, 2)]
    await expect_error(
        StoreRefused,
        bench.store.complete_upload(key, upload_id, parts, checksum=_base64("00000000"), checksum_algorithm=algorithm),
        "a wrong checksum of the whole object is refused",
    )
    expect(await bench.store.head(key) is None, "a refused completion makes no object")
    whole = join_checksums(algorithm, [(part.checksum or "", part.size) for part in parts])
    await bench.store.complete_upload(key, upload_id, parts, checksum=whole, checksum_algorithm=algorithm)
    stored = await bench.store.head(key)
    expect(
        stored is not None and stored.checksum == f"crc32:{whole}",
        f"head gives the object's checksum crc32:{whole}",
        found=stored,
    )


async def _create_if_known(bench: Bench, key: str, algorithm: ChecksumAlgorithm) -> str | None:
    """An upload in this algorithm; None if the store does not know it. CRC-32 and MD5 are known to all."""
    try:
        return await bench.create(key, algorithm=algorithm)
    except (InvalidInput, StoreRefused) as refused:
        if algorithm in {ChecksumAlgorithm.CRC32, ChecksumAlgorithm.MD5}:
            raise ContractBroken(f"expected that every store takes {algorithm}; found {refused!r}") from refused
        return None


async def _complete_checked(bench: Bench, key: str, upload_id: str, algorithm: ChecksumAlgorithm) -> None:
    (part,) = await bench.store.list_parts(key, upload_id)
    # A store may compare checksums without listing them; the core then gives it those that the client claims.
    claimed = replace(part, checksum=part.checksum or _base64(_CHECK_VALUES[algorithm]))
    await bench.store.complete_upload(key, upload_id, [claimed], checksum_algorithm=algorithm)
    expect(await bench.content(key) == _BODY, f"an upload with {algorithm} completes")


async def _send_with_crc32(bench: Bench, key: str, upload_id: str, number: int, bodies: list[bytes]) -> StoredPart:
    body = bodies[number - 1]
    checksum = _crc32(body)
    part = PartToSign(number, len(body), checksum, offset=sum(map(len, bodies[: number - 1])))
    signed = await bench.sign_part(key, upload_id, part, algorithm=ChecksumAlgorithm.CRC32)
    answer = await bench.put(signed, body)
    expect(answer.status == 200, f"part {number} with its checksum is taken", found=answer)
    (listed,) = [part for part in await bench.store.list_parts(key, upload_id) if part.part_number == number]
    expect(listed.checksum in {None, checksum}, "a listed checksum is the part's", found=listed)
    return StoredPart(part_number=number, size=len(body), etag=listed.etag, checksum=checksum)


def _crc32(body: bytes) -> str:
    return _base64(f"{zlib.crc32(body):08x}")


CHECKS = (
    a_part_with_a_wrong_checksum_is_refused,
    a_part_checksum_cannot_be_left_out,
    the_whole_objects_crc_is_compared_and_kept,
)
