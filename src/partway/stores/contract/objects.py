"""Checks of finished objects: head, read, download, delete."""

from __future__ import annotations

from partway.contracts import ContractBroken, expect, expect_error
from partway.errors import InvalidInput, ObjectGone
from partway.stores.contract.bench import CONTENT_TYPE, Bench

_DISPOSITION = "attachment; filename=\"a b.txt\"; filename*=UTF-8''%C3%A9%20b.txt"


async def an_absent_object_is_absent(bench: Bench) -> None:
    """`head` says None, `read` says gone, a download is answered 404, deleting is confirmed."""
    key = bench.key()
    expect(await bench.store.head(key) is None, "head of an absent object is None")
    await expect_error(ObjectGone, bench.store.read(key), "reading an absent object says that it is gone")
    signed = await bench.store.sign_download(key, expires_in=60)
    answer = await bench.send("GET", signed.url, signed.headers, b"")
    expect(answer.status == 404, "downloading an absent object is answered 404", found=answer)
    await bench.store.delete(key)


async def a_range_is_read(bench: Bench) -> None:
    """`read` gives the bytes from `first` to `last`, both counted; `last` may lie beyond the end."""
    key = bench.key()
    await bench.store_object(key, b"0123456789")
    wanted = {(0, None): b"0123456789", (3, 5): b"345", (7, None): b"789", (9, 9): b"9", (5, 1000): b"56789"}
    for (first, last), content in wanted.items():
        found = await bench.content(key, first=first, last=last)
        expect(found == content, f"the bytes {first} to {last} are {content!r}", found=found)
    raised = await expect_error(InvalidInput, bench.store.read(key, first=10), "a range outside the object is refused")
    expect(raised.error_code == "range_not_satisfiable", "its code is range_not_satisfiable", found=raised.error_code)


async def a_stream_describes_the_whole_object(bench: Bench) -> None:
    """A range's stream carries the whole object's description, and may be closed early and twice."""
    key = bench.key()
    body = bytes(range(256)) * 8192
    await bench.store_object(key, body)
    stream = await bench.store.read(key, first=1)
    expect((stream.first, stream.length) == (1, len(body) - 1), "the stream says which bytes come", found=stream)
    stored = await bench.store.head(key)
    expect(stored is not None and stream.stored.size == len(body), "it knows the object's size", found=stream.stored)
    expect(stored is not None and stream.stored.etag == stored.etag, "and its ETag", found=stream.stored)
    async for chunk in stream.chunks:
        expect(body[1:].startswith(chunk), "the first chunk is where the range begins")
        break
    await stream.aclose()
    await stream.aclose()


async def a_read_may_insist_on_an_etag(bench: Bench) -> None:
    """With `if_match`, an object that was replaced meanwhile is gone."""
    key = bench.key()
    await bench.store_object(key, b"content")
    stored = await bench.store.head(key)
    if stored is None:
        raise ContractBroken("expected that the object is there")
    stream = await bench.store.read(key, if_match=stored.etag)
    await stream.aclose()
    await expect_error(
        ObjectGone, bench.store.read(key, if_match="0" * 32), "reading with another ETag says that it is gone"
    )


async def a_download_is_answered_as_signed(bench: Bench) -> None:
    """A presigned GET carries the type and the disposition that were signed, or the stored type."""
    key = bench.key()
    await bench.store_object(key, b"0123456789")
    signed = await bench.store.sign_download(
        key, expires_in=60, content_type="text/plain; charset=utf-8", disposition=_DISPOSITION
    )
    answer = await bench.send("GET", signed.url, signed.headers, b"")
    expect((answer.status, answer.body) == (200, b"0123456789"), "the download is the object", found=answer)
    expect(
        answer.headers.get("content-type") == "text/plain; charset=utf-8", "its type is as signed", found=answer.headers
    )
    expect(
        answer.headers.get("content-disposition") == _DISPOSITION, "its disposition is as signed", found=answer.headers
    )
    plain = await bench.store.sign_download(key, expires_in=60)
    answer = await bench.send("GET", plain.url, {**plain.headers, "Range": "bytes=2-4"}, b"")
    expect((answer.status, answer.body) == (206, b"234"), "a range is answered 206", found=answer)
    expect(answer.headers.get("content-range") == "bytes 2-4/10", "a range is named", found=answer.headers)
    expect(answer.headers.get("content-type") == CONTENT_TYPE, "the type is the stored one", found=answer.headers)


async def a_deleted_object_is_gone(bench: Bench) -> None:
    """Deleting is final, may be repeated, and touches nothing beside."""
    key, beside = bench.key("a"), bench.key("a/b")
    await bench.store_object(key, b"goes")
    await bench.store_object(beside, b"stays")
    for _ in range(2):
        await bench.store.delete(key)
    expect(await bench.store.head(key) is None, "a deleted object is absent")
    expect(await bench.content(beside) == b"stays", "an object below the deleted one's name stays")


async def a_key_is_one_opaque_string(bench: Bench) -> None:
    """Keys are not cleaned, decoded or cased: each of these is an object of its own, by upload and by download."""
    names = ("a b+c", "a%20b%2Bc", "é ü/日本", "~tilde!*'()", "UPPER", "upper", "dot.", "x&y=z?#", "x" * 200)
    for name in names:
        await bench.store_object(bench.key(name), name.encode())
    for name in names:
        key = bench.key(name)
        expect(await bench.content(key) == name.encode(), f"{name!r} is its own object")
        signed = await bench.store.sign_download(key, expires_in=60)
        answer = await bench.send("GET", signed.url, signed.headers, b"")
        expect(answer.body == name.encode(), f"{name!r} is downloaded", found=answer)


async def the_store_answers_a_check(bench: Bench) -> None:
    """`check` passes for a store that is up and takes our credentials."""
    await bench.store.check()


CHECKS = (
    an_absent_object_is_absent,
    a_range_is_read,
    a_stream_describes_the_whole_object,
    a_read_may_insist_on_an_etag,
    a_download_is_answered_as_signed,
    a_deleted_object_is_gone,
    a_key_is_one_opaque_string,
    the_store_answers_a_check,
)
