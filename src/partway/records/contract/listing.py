"""Checks of pages: order, cursors, filters, search."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from partway.contracts import expect, expect_error
from partway.core.file import File, UploadStatus
from partway.core.ports import FilePage, FileQuery
from partway.errors import InvalidInput
from partway.records.contract.bench import MOMENT, Bench


async def _page(bench: Bench, **query: Any) -> FilePage:
    return await bench.records.page(FileQuery(**{"owner": bench.owner} | query))


async def _expect_found(bench: Bench, expected: Sequence[File], what: str, **query: Any) -> None:
    page = await _page(bench, **query)
    expect(list(page.files) == list(expected), what, found=[file.name for file in page.files])


async def a_page_is_newest_first(bench: Bench) -> None:
    """By creation, then by id."""
    files = await bench.add_row(3)
    same_moment = [await bench.add(created=MOMENT + timedelta(days=1)) for _ in range(4)]
    expected = [*sorted(same_moment, key=lambda file: file.id, reverse=True), *files]
    await _expect_found(bench, expected, "the newest come first, by (created, id)")


async def an_empty_listing_has_no_cursors(bench: Bench) -> None:
    """Nothing there, nowhere to go on."""
    page = await _page(bench)
    expect(page == FilePage(files=[], next=None, previous=None), "an empty page has no cursors", found=page)


async def cursors_lead_forth_and_back(bench: Bench) -> None:
    """Every record once on the way to the oldest, and once on the way back."""
    files = await bench.add_row(4)
    files += [await bench.add(created=MOMENT - timedelta(days=1)) for _ in range(3)]
    files[4:] = sorted(files[4:], key=lambda file: file.id, reverse=True)
    pages = [await _page(bench, limit=2)]
    while pages[-1].next is not None:
        pages.append(await _page(bench, limit=2, cursor=pages[-1].next))
    expect([file for page in pages for file in page.files] == files, "next leads through every record once")
    expect([len(page.files) for page in pages] == [2, 2, 2, 1], "pages are full but the last", found=len(pages))
    expect(pages[0].previous is None, "the first page has no previous one")
    for earlier, page in zip(reversed(pages[:-1]), reversed(pages[1:]), strict=True):
        expect(page.previous is not None, "a later page has a previous one")
        back = await _page(bench, limit=2, cursor=page.previous)
        expect(list(back.files) == list(earlier.files), "previous leads back to the same page", found=back)
        forth = await _page(bench, limit=2, cursor=back.next)
        expect(list(forth.files) == list(page.files), "and next from there forth again", found=forth)


async def a_full_last_page_ends_the_listing(bench: Bench) -> None:
    """No cursor leads to an empty page."""
    await bench.add_row(4)
    first = await _page(bench, limit=2)
    second = await _page(bench, limit=2, cursor=first.next)
    expect(second.next is None, "the last page has no next one, even if it is full", found=second)
    back = await _page(bench, limit=2, cursor=second.previous)
    expect(back.previous is None, "the first page has no previous one when reached from behind", found=back)


async def pages_are_stable_while_records_come_and_go(bench: Bench) -> None:
    """New records on top and removed ones neither repeat nor hide any other."""
    files = await bench.add_row(6)
    first = await _page(bench, limit=2)
    await bench.add_row(3, created=MOMENT + timedelta(days=1))
    await bench.records.remove(files[1].id)  # the very one that the cursor stands on
    second = await _page(bench, limit=2, cursor=first.next)
    expect(list(second.files) == files[2:4], "the second page is the same as without the new ones", found=second)
    above = await _page(bench, limit=10, cursor=second.previous)
    expect(len(above.files) == 4, "previous finds the new ones too", found=above)


async def a_foreign_cursor_is_refused(bench: Bench) -> None:
    """Cursors come from outside: whatever is not ours is InvalidInput."""
    for cursor in (
        "",
        "x",
        "o1.2",
        "o99999999999999999999.00000000000000000000000000000000",
        "n1.zz",
        "\0",
        "n\uff11." + "0" * 32,
    ):
        error = await expect_error(InvalidInput, _page(bench, cursor=cursor), f"the cursor {cursor!r} is InvalidInput")
        expect(error.error_code == "invalid_cursor", "its code is invalid_cursor", found=error.error_code)


async def filters_choose(bench: Bench) -> None:
    """Owner, status, parent and fingerprint, alone and together."""
    fields: dict[str, Any] = {"parent_content_type": "post", "parent_object_id": "7", "fingerprint": "v1.9.ab"}
    uploading = await bench.add(upload_status=UploadStatus.UPLOADING, **fields)
    done = await bench.add(upload_status=UploadStatus.COMPLETED, created=MOMENT - timedelta(1), parent_object_id="7")
    await bench.add(created_by=bench.stranger, **fields)
    await _expect_found(bench, [uploading, done], "an owner's listing holds the owner's records alone")
    await _expect_found(bench, [done], "status chooses", status=UploadStatus.COMPLETED)
    await _expect_found(bench, [uploading, done], "parent_object_id chooses", parent_object_id="7")
    for name, value in fields.items():
        if name != "parent_object_id":
            await _expect_found(bench, [uploading], f"{name} chooses", **{name: value})
        await _expect_found(bench, [], f"another {name} finds nothing", **{name: "other"})
    together = fields | {"status": UploadStatus.UPLOADING, "search": "VIDEO"}
    await _expect_found(bench, [uploading], "all filters together choose", **together)
    everyone = await bench.records.page(FileQuery(fingerprint="v1.9.ab", limit=200))
    owners = {file.created_by for file in everyone.files}
    expect({bench.owner, bench.stranger} <= owners, "without an owner every owner's records are listed", found=owners)


async def hidden_records_are_not_listed(bench: Bench) -> None:
    """Soft-deleted records are listed when asked for; those being purged never, though `get` finds them."""
    visible = await bench.add()
    deleted = await bench.add(deleted=MOMENT)
    purging = await bench.add(purging=MOMENT)
    await bench.add(purging=MOMENT, deleted=MOMENT)
    await _expect_found(bench, [visible], "deleted and purging records are hidden")
    await _expect_found(bench, [deleted], "deleted=True lists the deleted ones instead", deleted=True)
    expect(await bench.get(purging) == purging, "a purging record is found by its id")


async def search_is_part_of_a_name_in_any_case(bench: Bench) -> None:
    """The display name or the file name, any case in any script, however accents are composed."""
    named = await bench.add(name="Été à la Plage ÄRGER", file_name="IMG_0001.MOV")
    for part in ("été à", "ÉTÉ", "plage ä", "E\u0301te\u0301", "img_0001", "0001.mov", "Été à la Plage ÄRGER"):
        await _expect_found(bench, [named], f"searching {part!r} finds the name", search=part)
    for part in ("winter", "IMG_0001.MOV.", "plage  "):
        await _expect_found(bench, [], f"searching {part!r} finds nothing", search=part)
    renamed = await bench.records.change(named.id, name="Winter")
    expect(renamed is not None, "a record can be renamed")
    await _expect_found(bench, [], "a name that was is not found", search="plage")
    await _expect_found(bench, [renamed or named], "the new name is found", search="WINTER")


async def search_takes_every_character_literally(bench: Bench) -> None:
    r"""`%`, `_` and `\` stand for themselves."""
    plain = await bench.add(name="100 percent under score back slash", file_name="x")
    special = await bench.add(name=r"100% under_score back\slash", file_name="x", created=MOMENT - timedelta(1))
    for part in ("%", "_", "\\", "0% u", "r_s", r"k\s", r"\s"):
        await _expect_found(bench, [special], f"{part!r} is taken literally", search=part)
    for part in ("%%", "__", "\\\\", "1%e", "\\%", "\\_"):
        await _expect_found(bench, [], f"{part!r} finds nothing", search=part)
    await _expect_found(bench, [plain, special], "an empty search finds every name", search="")


CHECKS = (
    a_page_is_newest_first,
    an_empty_listing_has_no_cursors,
    cursors_lead_forth_and_back,
    a_full_last_page_ends_the_listing,
    pages_are_stable_while_records_come_and_go,
    a_foreign_cursor_is_refused,
    filters_choose,
    hidden_records_are_not_listed,
    search_is_part_of_a_name_in_any_case,
    search_takes_every_character_literally,
)
