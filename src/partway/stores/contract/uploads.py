"""Checks of a multipart upload's life: create, find, send, list, complete, abort."""

from __future__ import annotations

import contextlib

from partway.contracts import ContractBroken, expect, expect_error
from partway.core.parts import StoredPart
from partway.core.ports import PartToSign
from partway.errors import StoreRefused, UploadGone
from partway.stores.contract.bench import CONTENT_TYPE, PROOF, Bench

_UNKNOWN_UPLOAD = "00000000000000000000000000000000"


async def parts_make_the_object(bench: Bench) -> None:
    """Parts sent in any order make one object, with the type and token of its creation."""
    first = bytes(range(256)) * (bench.store.limits.min_part_size // 256 + 1)
    key = bench.key()
    upload_id = await bench.create(key)
    parts = await bench.send_parts(key, upload_id, [first, b"the end"])
    await bench.expect_parts(key, upload_id, [(1, len(first)), (2, 7)])
    expect(await bench.store.head(key) is None, "there is no object before completion")
    await bench.store.complete_upload(key, upload_id, parts)
    stored = await bench.store.head(key)
    if stored is None:
        raise ContractBroken("expected that the completed object is there")
    expect(stored.size == len(first) + 7, "the object has the size of its parts", found=stored.size)
    expect(stored.content_type == CONTENT_TYPE, "the type of creation comes back", found=stored.content_type)
    expect(stored.token == PROOF, "the token of creation comes back", found=stored.token)
    expect(await bench.content(key) == first + b"the end", "the object's bytes are those of its parts, in order")


async def metadata_come_back(bench: Bench) -> None:
    """What was given at creation comes back from `head` and `read`: names in lower case, values as any text."""
    given = {
        "Plain": "a  b",
        "accents": "größe, naïve, 数 \U0001f600",
        "long": "é" * 300,
        "look": "=?UTF-8?B?eA==?=",
        "e": "",
    }
    key = bench.key()
    upload_id = await bench.store.create_upload(key, content_type=CONTENT_TYPE, token=PROOF, metadata=given)
    await bench.store.complete_upload(key, upload_id, await bench.send_parts(key, upload_id, [b"body"]))
    stored = await bench.store.head(key)
    if stored is None:
        raise ContractBroken("expected that the completed object is there")
    expected = {name.lower(): value for name, value in given.items()}
    expect(dict(stored.metadata) == expected, "head gives the metadata of creation", found=stored.metadata)
    expect(stored.token == PROOF, "the token is no part of the metadata", found=stored)
    stream = await bench.store.read(key)
    await stream.aclose()
    expect(dict(stream.stored.metadata) == expected, "read gives them too", found=stream.stored.metadata)
    await bench.store_object(bench.key("without"), b"")
    without = await bench.store.head(bench.key("without"))
    expect(without is not None and not without.metadata, "no metadata given, none come back", found=without)


async def listed_parts_are_described(bench: Bench) -> None:
    """A listed part has the number, size and ETag that its PUT had."""
    key = bench.key()
    upload_id = await bench.create(key)
    etag = await bench.send_part(key, upload_id, 1, b"hello")
    listing = await bench.store.list_parts(key, upload_id)
    expect(
        [(part.part_number, part.size, part.etag) for part in listing] == [(1, 5, etag)],
        "the listing names the part as its PUT was answered",
        found=listing,
    )


async def an_empty_file_is_one_empty_part(bench: Bench) -> None:
    """An empty part may be the only one; the object is empty."""
    key = bench.key()
    await bench.store_object(key, b"")
    stored = await bench.store.head(key)
    expect(stored is not None and stored.size == 0, "the object is there and empty", found=stored)
    expect(await bench.content(key) == b"", "an empty object reads as nothing")


async def open_uploads_are_found_by_key(bench: Bench) -> None:
    """`find_uploads` names every open upload of exactly this key, oldest first, and no other."""
    key = bench.key("name")
    expect(await bench.store.find_uploads(key) == [], "an unknown key has no uploads")
    older = await bench.create(key)
    bench.wait(1.1)  # stores that keep whole seconds must see two moments
    newer = await bench.create(key)
    await bench.create(bench.key("name2"))
    await bench.create(bench.key("name/below"))
    found = await bench.store.find_uploads(key)
    expect(found == [older, newer], "the uploads of exactly this key are found, oldest first", found=found)
    await bench.store.abort_upload(key, older)
    found = await bench.store.find_uploads(key)
    expect(found == [newer], "an aborted upload is not found", found=found)


async def a_part_may_be_sent_again(bench: Bench) -> None:
    """The newer content of a part replaces the older one."""
    key = bench.key()
    upload_id = await bench.create(key)
    await bench.send_part(key, upload_id, 1, b"first")
    etag = await bench.send_part(key, upload_id, 1, b"again")
    listing = await bench.store.list_parts(key, upload_id)
    expect(etag in {part.etag for part in listing}, "the newer part is listed", found=listing)
    await bench.store.complete_upload(key, upload_id, [StoredPart(part_number=1, size=5, etag=etag)])
    expect(await bench.content(key) == b"again", "the newer content counts")


async def a_part_sent_again_unchanged_stays(bench: Bench) -> None:
    """A client that lost an answer sends the same bytes again; the ETag is the same and completing works."""
    key = bench.key()
    upload_id = await bench.create(key)
    etags = [await bench.send_part(key, upload_id, 1, b"same") for _ in range(3)]
    expect(len(set(etags)) == 1, "the same bytes have the same ETag", found=etags)
    await bench.store.complete_upload(key, upload_id, [StoredPart(part_number=1, size=4, etag=etags[0])])
    expect(await bench.content(key) == b"same", "the object is the part")


async def a_wrong_etag_is_refused_and_the_upload_stays(bench: Bench) -> None:
    """Completing with another ETag, or with a part never sent, changes nothing."""
    key = bench.key()
    upload_id = await bench.create(key)
    parts = await bench.send_parts(key, upload_id, [b"whole"])
    wrong = StoredPart(part_number=1, size=5, etag="0" * 32)
    absent = StoredPart(part_number=2, size=5, etag=parts[0].etag)
    for claimed in ([wrong], [absent]):
        await expect_error(
            StoreRefused,
            bench.store.complete_upload(key, upload_id, claimed),
            "completing with a part that the store does not hold is refused",
        )
    expect(await bench.store.head(key) is None, "a refused completion makes no object")
    await bench.expect_parts(key, upload_id, [(1, 5)])
    await bench.store.complete_upload(key, upload_id, parts)
    expect(await bench.content(key) == b"whole", "the upload can still be completed")


async def completing_twice_is_safe(bench: Bench) -> None:
    """The second completion says the same, or that the upload is gone; the object stays."""
    key = bench.key()
    upload_id = await bench.create(key)
    parts = await bench.send_parts(key, upload_id, [b"once"])
    await bench.store.complete_upload(key, upload_id, parts)
    with contextlib.suppress(UploadGone):
        await bench.store.complete_upload(key, upload_id, parts)
    expect(await bench.content(key) == b"once", "the object is what the first completion made")
    expect(await bench.store.find_uploads(key) == [], "a completed upload is not open")


async def a_completed_upload_takes_no_parts(bench: Bench) -> None:
    """URLs die with the upload, so a verified object cannot be changed through them."""
    key = bench.key()
    upload_id = await bench.create(key)
    signed = await bench.sign_part(key, upload_id, PartToSign(1, 4))
    etag = await bench.send_part(key, upload_id, 1, b"good")
    await bench.store.complete_upload(key, upload_id, [StoredPart(part_number=1, size=4, etag=etag)])
    answer = await bench.put(signed, b"evil")
    expect(answer.status == 404, "a part for a completed upload is answered 404 NoSuchUpload", found=answer)
    expect(await bench.content(key) == b"good", "the object stays as it was completed")
    await expect_error(UploadGone, bench.store.list_parts(key, upload_id), "a completed upload's parts are gone")


async def an_aborted_upload_is_gone(bench: Bench) -> None:
    """After an abort nothing is left, and aborting again is confirmed too."""
    key = bench.key()
    upload_id = await bench.create(key)
    signed = await bench.sign_part(key, upload_id, PartToSign(1, 4))
    parts = await bench.send_parts(key, upload_id, [b"gone"])
    for _ in range(2):
        await bench.store.abort_upload(key, upload_id)
    answer = await bench.put(signed, b"late")
    expect(answer.status == 404, "a part for an aborted upload is answered 404 NoSuchUpload", found=answer)
    await expect_error(UploadGone, bench.store.list_parts(key, upload_id), "an aborted upload's parts are gone")
    await expect_error(
        UploadGone, bench.store.complete_upload(key, upload_id, parts), "an aborted upload cannot be completed"
    )
    expect(await bench.store.head(key) is None, "an aborted upload leaves no object")


async def aborting_a_completed_upload_keeps_the_object(bench: Bench) -> None:
    """Who aborts too late changes nothing."""
    key = bench.key()
    upload_id = await bench.create(key)
    await bench.store.complete_upload(key, upload_id, await bench.send_parts(key, upload_id, [b"kept"]))
    await bench.store.abort_upload(key, upload_id)
    expect(await bench.content(key) == b"kept", "the object outlives the abort")


async def an_unknown_upload_is_gone(bench: Bench) -> None:
    """An id that was never given is like one that is over; an upload belongs to its key alone."""
    key = bench.key()
    upload_id = await bench.create(key)
    part = StoredPart(part_number=1, size=4, etag=await bench.send_part(key, upload_id, 1, b"mine"))
    for other_key, other_id in ((key, _UNKNOWN_UPLOAD), (bench.key("other.bin"), upload_id)):
        what = "an upload id counts under its own key only"
        await expect_error(UploadGone, bench.store.list_parts(other_key, other_id), what)
        await expect_error(UploadGone, bench.store.complete_upload(other_key, other_id, [part]), what)
        await bench.store.abort_upload(other_key, other_id)
        answer = await bench.put(await bench.sign_part(other_key, other_id, PartToSign(1, 4)), b"body")
        expect(answer.status == 404, "a part for an unknown upload is answered 404 NoSuchUpload", found=answer)
    await bench.expect_parts(key, upload_id, [(1, 4)])


async def two_uploads_of_one_key_do_not_mix(bench: Bench) -> None:
    """Each upload has its own parts; the one completed last is the object."""
    key = bench.key()
    one, two = await bench.create(key), await bench.create(key)
    parts_one = await bench.send_parts(key, one, [b"one"])
    parts_two = await bench.send_parts(key, two, [b"two!"])
    await bench.store.complete_upload(key, one, parts_one)
    expect(await bench.content(key) == b"one", "the first upload's object is its part")
    await bench.store.complete_upload(key, two, parts_two)
    expect(await bench.content(key) == b"two!", "a later upload replaces the object")


CHECKS = (
    parts_make_the_object,
    metadata_come_back,
    listed_parts_are_described,
    an_empty_file_is_one_empty_part,
    open_uploads_are_found_by_key,
    a_part_may_be_sent_again,
    a_part_sent_again_unchanged_stays,
    a_wrong_etag_is_refused_and_the_upload_stays,
    completing_twice_is_safe,
    a_completed_upload_takes_no_parts,
    an_aborted_upload_is_gone,
    aborting_a_completed_upload_keeps_the_object,
    an_unknown_upload_is_gone,
    two_uploads_of_one_key_do_not_mix,
)
