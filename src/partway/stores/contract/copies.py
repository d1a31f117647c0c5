"""Checks of two optional powers: copies inside the store, and many deletions at once."""

from __future__ import annotations

from partway.contracts import ContractBroken, expect, expect_error
from partway.core.ports import BulkDeletes, ObjectCopies, StoredObject
from partway.errors import ObjectGone
from partway.stores.contract.bench import CONTENT_TYPE, Bench

_TOKEN = "deadbeef"  # noqa: S105  # a copy's own
_TYPE = "text/plain"


async def a_copy_is_an_object_of_its_own(bench: Bench) -> None:
    """The source's bytes with the copy's type, token and metadata; it outlives the source."""
    store = bench.store
    if not isinstance(store, ObjectCopies):
        return
    source, key = bench.key("source é+%.bin"), bench.key("copies/copy")
    await bench.store_object(source, b"0123456789")
    before = await _head(bench, source)
    await _copy(store, before, key, metadata={"note": "größer"})
    copy = await _head(bench, key)
    expect(
        (copy.size, copy.content_type, copy.token, dict(copy.metadata)) == (10, _TYPE, _TOKEN, {"note": "größer"}),
        "a copy has its own type, token and metadata",
        found=copy,
    )
    expect(await bench.content(key) == b"0123456789", "a copy has the source's bytes")
    after = await _head(bench, source)
    expect((after.token, after.content_type) == (before.token, CONTENT_TYPE), "the source stays as it was", found=after)
    expect(await bench.store.find_uploads(key) == [], "a copy leaves no open upload")
    await bench.store.delete(source)
    expect(await bench.content(key) == b"0123456789", "a copy outlives its source")


async def copying_again_replaces(bench: Bench) -> None:
    """A copy that was cut off is made again, over whatever is there."""
    store = bench.store
    if not isinstance(store, ObjectCopies):
        return
    source, key = bench.key("source"), bench.key("copy")
    await bench.store_object(source, b"content")
    await bench.store_object(key, b"something else")
    for _ in range(2):
        await _copy(store, await _head(bench, source), key)
    expect(await bench.content(key) == b"content", "the copy is there, once more")
    expect((await _head(bench, key)).token == _TOKEN, "with its own token")


async def an_empty_object_is_copied(bench: Bench) -> None:
    """No bytes are bytes enough."""
    store = bench.store
    if not isinstance(store, ObjectCopies):
        return
    await bench.store_object(bench.key("empty"), b"")
    await _copy(store, await _head(bench, bench.key("empty")), bench.key("copy"))
    expect((await _head(bench, bench.key("copy"))).size == 0, "the copy is there and empty")


async def a_copy_is_of_what_was_meant(bench: Bench) -> None:
    """A source that is not there, or is another object by now, is gone; nothing is made of it."""
    store = bench.store
    if not isinstance(store, ObjectCopies):
        return
    source, key = bench.key("source"), bench.key("copy")
    await bench.store_object(source, b"older")
    older = await _head(bench, source)
    await bench.store_object(source, b"newer")
    await expect_error(ObjectGone, _copy(store, older, key), "copying a source that was replaced says that it is gone")
    await bench.store.delete(source)
    await expect_error(ObjectGone, _copy(store, older, key), "copying a source that is not there says that it is gone")
    expect(await bench.store.head(key) is None, "a refused copy makes no object")
    expect(await bench.store.find_uploads(key) == [], "nor leaves it an open upload")


async def many_objects_are_deleted_at_once(bench: Bench) -> None:
    """Those that are not there count as deleted; others stay."""
    store = bench.store
    if not isinstance(store, BulkDeletes):
        return
    keys = [bench.key(f"many/{name}") for name in ("a", "b", "b/c", "é & <d>")]
    for key in (*keys, bench.key("many/kept")):
        await bench.store_object(key, b"x")
    expect(dict(await store.delete_objects([])) == {}, "of none deleted none fails")
    for _ in range(2):
        failed = await store.delete_objects([*keys, bench.key("many/not there")])
        expect(dict(failed) == {}, "all are deleted", found=failed)
    left = [key for key in keys if await bench.store.head(key) is not None]
    expect(left == [], "deleted objects are gone", found=left)
    expect(await bench.content(bench.key("many/kept")) == b"x", "others stay")


async def _copy(store: ObjectCopies, source: StoredObject, key: str, *, metadata: dict[str, str] | None = None) -> None:
    await store.copy_object(
        source.key,
        key,
        source_etag=source.etag,
        size=source.size,
        token=_TOKEN,
        content_type=_TYPE,
        metadata=metadata,
    )


async def _head(bench: Bench, key: str) -> StoredObject:
    stored = await bench.store.head(key)
    if stored is None:
        raise ContractBroken(f"expected that {key} is there")
    return stored


CHECKS = (
    a_copy_is_an_object_of_its_own,
    copying_again_replaces,
    an_empty_object_is_copied,
    a_copy_is_of_what_was_meant,
    many_objects_are_deleted_at_once,
)
