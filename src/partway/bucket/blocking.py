"""The same bucket without an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from datetime import timedelta
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeVar

from partway.bucket.passing import Bucket
from partway.bucket.rules import BucketRules
from partway.core.blocking import iterate_straight, run_straight
from partway.core.ports import Clock, ListedUpload, Store, StoredObject

P = ParamSpec("P")
T = TypeVar("T")


def _straight(
    verb: Callable[Concatenate[Bucket, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[BlockingBucket, P], T]:
    def run(self: BlockingBucket, /, *args: P.args, **options: P.kwargs) -> T:
        return run_straight(verb(self._bucket, *args, **options))

    return update_wrapper(run, verb)


class BlockingBucket:
    """`Bucket` for threads: each verb is `Bucket`'s own and returns its result.

    Args:
        store: one that blocks: `S3Store.connect_blocking(…)`, `BlockingLocalStore(…)`.
        rules, clock: as for `Bucket`.
    """

    def __init__(self, store: Store, rules: BucketRules | None = None, *, clock: Clock | None = None) -> None:
        self._bucket = Bucket(store, rules, clock=clock)

    @property
    def rules(self) -> BucketRules:
        """What is taken here."""
        return self._bucket.rules

    initiate = _straight(Bucket.initiate)
    sign_parts = _straight(Bucket.sign_parts)
    list_parts = _straight(Bucket.list_parts)
    complete = _straight(Bucket.complete)
    abort = _straight(Bucket.abort)
    sign_upload = _straight(Bucket.sign_upload)
    sign_form = _straight(Bucket.sign_form)
    sign_download = _straight(Bucket.sign_download)
    head = _straight(Bucket.head)
    delete = _straight(Bucket.delete)
    page = _straight(Bucket.page)
    numbered_page = _straight(Bucket.numbered_page)
    check = _straight(Bucket.check)

    def clean_up(self, *, older_than: timedelta, prefix: str | None = None) -> Iterator[ListedUpload]:
        """See `Bucket.clean_up`."""
        return iterate_straight(self._bucket.clean_up(older_than=older_than, prefix=prefix))

    def upload(self, file_name: str, chunks: Iterable[bytes], *, content_type: str = "") -> StoredObject:
        """See `Bucket.upload`."""
        return run_straight(self._bucket.upload(file_name, _as_they_come(chunks), content_type=content_type))

    def object_url(self, key: str) -> str:
        """See `Bucket.object_url`."""
        return self._bucket.object_url(key)


async def _as_they_come(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
