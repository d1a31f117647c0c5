"""Checks of conditional PUTs, where `isinstance` says that a store has them."""

from __future__ import annotations

import base64
import zlib

from partway.contracts import expect
from partway.core.checksums import ChecksumAlgorithm
from partway.core.ports import ConditionalPuts, SignedUrl
from partway.stores.contract.bench import CONTENT_TYPE, PROOF, Bench


async def a_conditional_put_never_overwrites(bench: Bench) -> None:
    """One presigned PUT creates the object; a replay, or one for an object that is there, is refused with 412."""
    store = bench.store
    if not isinstance(store, ConditionalPuts):
        return
    key = bench.key()
    signed = await _sign_put(store, key, size=5)
    expect((await bench.put(signed, b"hello")).status == 200, "the first PUT creates the object")
    stored = await bench.store.head(key)
    expect(
        stored is not None and (stored.size, stored.content_type, stored.token) == (5, CONTENT_TYPE, PROOF),
        "the object has the size, type and token that were signed",
        found=stored,
    )
    for again in (signed, await _sign_put(store, key, size=5)):
        answer = await bench.put(again, b"other")
        expect(answer.status == 412, "a PUT over an object is answered 412", found=answer)
    expect(await bench.content(key) == b"hello", "the object stays as it was created")


async def a_conditional_put_is_bound_to_what_was_signed(bench: Bench) -> None:
    """Another size, a missing header, another type or another token is refused and nothing kept."""
    store = bench.store
    if not isinstance(store, ConditionalPuts):
        return
    key = bench.key()
    signed = await _sign_put(store, key, size=5)
    for body in (b"longer", b"four", b""):
        answer = await bench.put(signed, body)
        expect(answer.refused, f"a body of {len(body)} bytes is refused where 5 were signed", found=answer)
    for name in signed.headers:
        headers = {other: value for other, value in signed.headers.items() if other != name}
        answer = await bench.send("PUT", signed.url, headers, b"hello")
        expect(answer.refused, f"a PUT without the signed header {name} is refused", found=answer)
        answer = await bench.send("PUT", signed.url, {**headers, name: "other"}, b"hello")
        expect(answer.refused, f"a PUT with another {name} is refused", found=answer)
    expect(await bench.store.head(key) is None, "refused PUTs make no object")


async def a_conditional_put_has_its_checksum(bench: Bench) -> None:
    """The signed checksum is compared with the bytes."""
    store = bench.store
    if not isinstance(store, ConditionalPuts):
        return
    key, checksum = bench.key(), zlib.crc32(b"hello").to_bytes(4, "big")
    signed = await _sign_put(store, key, size=5, checksum=_base64(checksum))
    answer = await bench.put(signed, b"HELLO")
    expect(answer.status == 400, "a wrong checksum is answered 400", found=answer)
    expect(await bench.store.head(key) is None, "a refused PUT makes no object")
    expect((await bench.put(signed, b"hello")).status == 200, "the right bytes are taken")


async def an_empty_object_can_be_put(bench: Bench) -> None:
    """An object of no bytes is an object."""
    store = bench.store
    if not isinstance(store, ConditionalPuts):
        return
    signed = await _sign_put(store, bench.key(), size=0)
    expect((await bench.put(signed, b"")).status == 200, "an empty object is taken")
    stored = await bench.store.head(bench.key())
    expect(stored is not None and stored.size == 0, "the object is there and empty", found=stored)


async def _sign_put(store: ConditionalPuts, key: str, *, size: int, checksum: str | None = None) -> SignedUrl:
    return await store.sign_put(
        key,
        size=size,
        content_type=CONTENT_TYPE,
        token=PROOF,
        expires_in=60,
        checksum=checksum,
        checksum_algorithm=ChecksumAlgorithm.CRC32 if checksum else None,
    )


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


CHECKS = (
    a_conditional_put_never_overwrites,
    a_conditional_put_is_bound_to_what_was_signed,
    a_conditional_put_has_its_checksum,
    an_empty_object_can_be_put,
)
