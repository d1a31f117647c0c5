"""Checks of records that are gone through by key, where `isinstance` says that they can be."""

from __future__ import annotations

import secrets

from partway.contracts import expect
from partway.core.ports import OrderedRecords
from partway.records.contract.bench import Bench

#: As stores list them: by their bytes, whatever a language thinks of case and punctuation.
_NAMES = ("", "-", ".a", "/b", "0", "B", "_", "a", "a-b", "a/b", "ab", "b", "~", "é", "\ufffd", "\U0001f600")


async def records_come_by_key(bench: Bench) -> None:
    """Those below a prefix, ascending by the keys' UTF-8 bytes, page by page, each once."""
    records = bench.records
    if not isinstance(records, OrderedRecords):
        return
    prefix = f"order-{secrets.token_hex(6)}"
    keys = [f"{prefix}{name}" for name in _NAMES]
    added = {key: await bench.add(key=key) for key in reversed(keys)}
    for other in (prefix[:-1], f"{prefix[:-1]}~{prefix}", f"A{prefix}"):
        await bench.add(key=other)
    whole = await records.by_key(prefix, after="", limit=100)
    expect([file.key for file in whole] == keys, "they come by their bytes", found=[file.key for file in whole])
    expect(whole == [added[key] for key in keys], "they are whole", found=whole)
    found = []
    after = ""
    while page := await records.by_key(prefix, after=after, limit=3):
        expect(len(page) <= 3, "a page has no more than was asked for", found=page)
        found += [file.key for file in page]
        after = page[-1].key
    expect(found == keys, "the pages hold each of them once", found=found)
    behind = await records.by_key(f"{prefix}a", after=f"{prefix}a-a", limit=2)
    expect([file.key for file in behind] == [f"{prefix}a-b", f"{prefix}a/b"], "a walk begins anywhere", found=behind)
    expect(await records.by_key(prefix, after=f"{prefix}\U0001f601", limit=3) == [], "and it ends")


CHECKS = (records_come_by_key,)
