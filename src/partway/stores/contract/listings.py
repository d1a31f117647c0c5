"""Checks of listings, where `isinstance` says that a store has them."""

from __future__ import annotations

from partway.contracts import expect, expect_error
from partway.core.ports import ListedUpload, ObjectListing, UploadListing
from partway.errors import InvalidInput
from partway.stores.contract.bench import Bench


async def objects_are_listed_by_key(bench: Bench) -> None:
    """Listing names the objects below a prefix, ascending, page by page, and no open upload."""
    store = bench.store
    if not isinstance(store, ObjectListing):
        return
    keys = [bench.key(f"list/{name}") for name in ("a", "b/1", "b/2", "c")]
    for key in reversed(keys):
        await bench.store_object(key, key.encode())
    await bench.store_object(bench.key("listless"), b"")
    await bench.create(bench.key("list/open"))
    page = await store.list_objects(bench.key("list/"))
    expect(
        [row.key for row in page.objects] == keys and page.next is None, "the prefix's objects are listed", found=page
    )
    expect([row.size for row in page.objects] == [len(key) for key in keys], "rows carry sizes", found=page)
    stored = await bench.store.head(keys[0])
    expect(stored is not None and stored.etag == page.objects[0].etag, "rows carry ETags", found=page.objects[0])
    expect(not (await store.list_objects(bench.key("none/"))).objects, "an unknown prefix lists nothing")
    await _expect_pages(store, bench.key("list/"), keys, limit=1)
    await _expect_pages(store, bench.key("list/"), keys, limit=3)
    await _expect_pages(store, bench.key("list/b"), keys[1:3], limit=2)


async def a_listing_gives_every_key_once(bench: Bench) -> None:
    """Page after page, folders and any Unicode among them. S3 lists by UTF-8 order; some stores go folder by folder."""
    store = bench.store
    if not isinstance(store, ObjectListing):
        return
    names = ("a-b", "a/b", "a/c/d", "a0", "b", "é", "\ufffd", "\U0001f600")
    keys = sorted((bench.key(f"order/{name}") for name in names), key=lambda key: key.encode())
    for key in reversed(keys):
        await bench.store_object(key, b"x")
    await _expect_pages(store, bench.key("order/"), keys, limit=1000)
    await _expect_pages(store, bench.key("order/"), keys, limit=2)


async def _expect_pages(store: ObjectListing, prefix: str, keys: list[str], *, limit: int) -> None:
    found: list[str] = []
    cursor: str | None = None
    while not found or cursor is not None:
        page = await store.list_objects(prefix, cursor=cursor, limit=limit)
        expect(len(page.objects) <= limit, f"a page has at most {limit} rows", found=page)
        expect(bool(page.objects) or page.next is None, "a page that is not the last has rows", found=page)
        found.extend(row.key for row in page.objects)
        cursor = page.next
    expect(sorted(found, key=str.encode) == keys, f"the pages of {limit} hold {keys}", found=found)


async def a_foreign_cursor_is_refused(bench: Bench) -> None:
    """What is no cursor of this listing's is `InvalidInput`."""
    store = bench.store
    for cursor in ("", "nonsense", "a" * 1000, "é"):
        if isinstance(store, ObjectListing):
            await expect_error(InvalidInput, store.list_objects("", cursor=cursor), "a foreign cursor is refused")
        if isinstance(store, UploadListing):
            await expect_error(InvalidInput, store.list_uploads("", cursor=cursor), "a foreign cursor is refused")


async def open_uploads_are_listed(bench: Bench) -> None:
    """Listing names the open uploads below a prefix, with several of one key, and none that is over."""
    store = bench.store
    if not isinstance(store, UploadListing):
        return
    opened = await _open_uploads(bench)
    await bench.create(bench.key("openness"))
    await bench.store_object(bench.key("open/object"), b"x")
    for limit in (1, 2, 1000):
        found = await _walk_uploads(store, bench.key("open/"), limit=limit)
        expect(_named(found) == opened, f"the pages of {limit} hold every open upload once", found=found)
    found = await _walk_uploads(store, bench.key("open/b"), limit=2)
    expect(_named(found) == [row for row in opened if row[0].startswith(bench.key("open/b"))], "a prefix may be a key")
    expect(all(upload.initiated.tzinfo is not None for upload in found), "their moments are aware", found=found)
    expect(not (await store.list_uploads(bench.key("none/"))).uploads, "an unknown prefix lists nothing")


async def open_uploads_are_listed_while_they_are_aborted(bench: Bench) -> None:
    """Who aborts the uploads of each page before asking for the next one meets every upload once."""
    store = bench.store
    if not isinstance(store, UploadListing):
        return
    opened = await _open_uploads(bench)
    found: list[ListedUpload] = []
    page = await store.list_uploads(bench.key("open/"), limit=2)
    while True:
        found.extend(page.uploads)
        for upload in page.uploads:
            await bench.store.abort_upload(upload.key, upload.upload_id)
        if page.next is None:
            break
        page = await store.list_uploads(bench.key("open/"), cursor=page.next, limit=2)
    expect(_named(found) == opened, "every open upload is met once, though those before are aborted", found=found)
    left = await store.list_uploads(bench.key("open/"))
    expect(not left.uploads, "nothing is open after all were aborted", found=left)


async def _open_uploads(bench: Bench) -> list[tuple[str, str]]:
    """Open some uploads, several of one key; returns their keys and ids, sorted."""
    keys = [bench.key(f"open/{name}") for name in ("b", "a", "b", "b/c", "b", "é +%2f", "a0")]
    return sorted([(key, await bench.create(key)) for key in keys])


async def _walk_uploads(store: UploadListing, prefix: str, *, limit: int) -> list[ListedUpload]:
    found: list[ListedUpload] = []
    cursor: str | None = None
    while True:
        page = await store.list_uploads(prefix, cursor=cursor, limit=limit)
        expect(len(page.uploads) <= limit, f"a page has at most {limit} rows", found=page)
        found.extend(page.uploads)
        cursor = page.next
        if cursor is None:
            return found


def _named(uploads: list[ListedUpload]) -> list[tuple[str, str]]:
    return sorted((upload.key, upload.upload_id) for upload in uploads)


CHECKS = (
    objects_are_listed_by_key,
    a_listing_gives_every_key_once,
    a_foreign_cursor_is_refused,
    open_uploads_are_listed,
    open_uploads_are_listed_while_they_are_aborted,
)
