"""A record under a key that is its alone.

Keys that hold the file's id are unique as they are. Those of other templates can meet: then the later file gets a short
random suffix, as file systems and Django's storages give it, so that everyone's upload goes on and nothing is ever
overwritten.
"""

from __future__ import annotations

import secrets

from partway.core.file import File
from partway.core.keys import SUFFIX_LENGTH, is_unique, with_suffix
from partway.core.ports import ObjectStore, Records
from partway.core.refusals import key_taken
from partway.core.verification import Verdict, judge_object
from partway.errors import Conflict

_ATTEMPTS = 5


async def reserve(file: File, *, store: ObjectStore, records: Records) -> File:
    """Add a new record, with a suffix to its key if the key is taken: by a record, also one that was deleted softly,
    or by an object that others put into the bucket.

    Returns:
        The record that stands; see `Records.add`.

    Raises:
        Conflict: the key and all those that were tried instead are taken (code `key_taken`).
    """
    if is_unique(file.key, file.id):
        return await records.add(file)
    candidate = file
    for _ in range(_ATTEMPTS):
        try:
            if await store.head(candidate.key) is None:
                return await records.add(candidate)
        except Conflict as conflict:
            if conflict.error_code != key_taken().error_code:
                raise
        candidate = file.evolve(key=with_suffix(file.key, secrets.token_hex((SUFFIX_LENGTH - 1) // 2)))
    raise key_taken()


async def require_free(file: File, *, store: ObjectStore) -> None:
    """Raise unless a file may be joined under its key: no other application has put an object there since.

    Raises:
        Conflict: there is a foreign object (code `key_taken`).
    """
    if not is_unique(file.key, file.id) and await _verdict(file, store) is Verdict.FOREIGN:
        raise key_taken()


async def delete_own(file: File, *, store: ObjectStore) -> None:
    """Delete a file's object, and no other: once its record has gone, a key that can repeat may be another file's."""
    if is_unique(file.key, file.id) or await _verdict(file, store) not in {Verdict.ABSENT, Verdict.FOREIGN}:
        await store.delete(file.key)


async def _verdict(file: File, store: ObjectStore) -> Verdict:
    return judge_object(file, await store.head(file.key))
