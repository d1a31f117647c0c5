"""Checks of plain PUTs, of parts that come through us, and of addresses, where a store has these powers."""

from __future__ import annotations

from urllib.parse import quote

from partway.contracts import expect, expect_error
from partway.core.checksums import ChecksumAlgorithm, crc32_of
from partway.core.ports import ObjectAddresses, ObjectWrites, PartToSign, PartWrites, PlainPuts
from partway.errors import StoreRefused, UploadGone
from partway.stores.contract.bench import CONTENT_TYPE, PROOF, Bench

_EXPIRES_IN = 60  # seconds


async def a_plain_put_needs_its_type_alone(bench: Bench) -> None:
    """One PUT with nothing but Content-Type makes the object; another type or none is refused."""
    store = bench.store
    if not isinstance(store, PlainPuts):
        return
    key = bench.key()
    signed = await store.sign_plain_put(key, content_type=CONTENT_TYPE, expires_in=_EXPIRES_IN)
    expect({name.lower() for name in signed.headers} == {"content-type"}, "Content-Type is all to send", found=signed)
    for headers in ({}, {"content-type": "text/html"}):
        answer = await bench.send("PUT", signed.url, headers, b"hello")
        expect(answer.refused, f"a plain PUT with the headers {headers} is refused", found=answer)
    expect(await bench.store.head(key) is None, "refused PUTs make no object")
    answer = await bench.put(signed, b"any length")
    expect(answer.status == 200, "a plain PUT is taken", found=answer)
    stored = await bench.store.head(key)
    expect(
        stored is not None and (stored.size, stored.content_type, stored.token) == (10, CONTENT_TYPE, None),
        "the object has the size that was sent, the type that was signed and no token",
        found=stored,
    )
    expect(await bench.content(key) == b"any length", "the object's bytes are those that were sent")


async def a_plain_put_is_bound_to_a_known_size(bench: Bench) -> None:
    """Where the size was given, a body of another one is refused."""
    store = bench.store
    if not isinstance(store, PlainPuts):
        return
    key = bench.key()
    signed = await store.sign_plain_put(key, content_type=CONTENT_TYPE, expires_in=_EXPIRES_IN, size=5)
    for body in (b"longer", b"four", b""):
        answer = await bench.put(signed, body)
        expect(answer.refused, f"a body of {len(body)} bytes is refused where 5 were signed", found=answer)
    expect(await bench.store.head(key) is None, "refused PUTs make no object")
    expect((await bench.put(signed, b"right")).status == 200, "the right size is taken")


async def written_parts_make_the_object(bench: Bench) -> None:
    """Parts that come through us are listed, may be written again, and complete as those that clients send."""
    store = bench.store
    if not isinstance(store, PartWrites):
        return
    bodies = [bytes(bench.store.limits.min_part_size), b"the end"]
    key = bench.key()
    upload_id = await bench.create(key)
    parts = [
        await store.write_part(key, upload_id, PartToSign(number, len(body), offset=offset), body)
        for number, body, offset in ((1, bodies[0], 0), (2, bodies[1], len(bodies[0])), (2, bodies[1], len(bodies[0])))
    ]
    expect(
        [(part.part_number, part.size) for part in parts[:2]] == [(1, len(bodies[0])), (2, 7)], "parts are described"
    )
    expect(parts[1].etag == parts[2].etag, "a part written again has the same ETag", found=parts)
    await bench.expect_parts(key, upload_id, [(1, len(bodies[0])), (2, 7)])
    await bench.store.complete_upload(key, upload_id, parts[:2])
    expect(await bench.content(key) == b"".join(bodies), "the object's bytes are those of the written parts")
    late = store.write_part(key, upload_id, PartToSign(1, 4), b"late")
    await expect_error(UploadGone, late, "a part written to an upload that is over says that it is gone")


async def written_parts_are_compared_with_their_checksums(bench: Bench) -> None:
    """A part that comes through us with a checksum that is not its body's is refused."""
    store, body, algorithm = bench.store, b"the body", ChecksumAlgorithm.CRC32
    if not isinstance(store, PartWrites):
        return
    key = bench.key()
    upload_id = await bench.create(key, algorithm=algorithm)
    wrong, right = (PartToSign(1, len(body), crc32_of(of)) for of in (b"another", body))
    refused = store.write_part(key, upload_id, wrong, body, checksum_algorithm=algorithm)
    await expect_error(StoreRefused, refused, "a body with another checksum is refused")
    part = await store.write_part(key, upload_id, right, body, checksum_algorithm=algorithm)
    await store.complete_upload(key, upload_id, [part], checksum=right.checksum, checksum_algorithm=algorithm)
    expect(await bench.content(key) == body, "the object's bytes are those of the part with the right checksum")


async def an_address_names_its_object(bench: Bench) -> None:
    """Every key has an address of its own, unsigned, which ends with the key."""
    store = bench.store
    if not isinstance(store, ObjectAddresses):
        return
    for name in ("a/b.bin", "odd é +&?#%.bin"):
        address = store.object_url(bench.key(name))
        expect(address.endswith("/" + quote(bench.key(name))), "an address ends with its key, encoded", found=address)


async def a_written_object_never_overwrites(bench: Bench) -> None:
    """A small object is created by us; one that is there stays, and nothing is said."""
    store = bench.store
    if not isinstance(store, ObjectWrites):
        return
    key = bench.key()
    for body in (b"first", b"", b"second"):
        await store.write_object(key, body, content_type=CONTENT_TYPE, token=PROOF)
    stored = await bench.store.head(key)
    expect(
        stored is not None and (stored.size, stored.content_type, stored.token) == (5, CONTENT_TYPE, PROOF),
        "the object has the size, the type and the token of the first one",
        found=stored,
    )
    expect(await bench.content(key) == b"first", "the object stays as it was created")
    await store.write_object(bench.key("empty"), b"", content_type=CONTENT_TYPE, token=PROOF)
    expect(await bench.content(bench.key("empty")) == b"", "an empty object is one too")


CHECKS = (
    a_plain_put_needs_its_type_alone,
    a_plain_put_is_bound_to_a_known_size,
    written_parts_make_the_object,
    written_parts_are_compared_with_their_checksums,
    an_address_names_its_object,
    a_written_object_never_overwrites,
)
