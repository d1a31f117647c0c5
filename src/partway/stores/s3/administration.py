"""A bucket's own settings: that it exists, its CORS rules, and the rule that aborts forgotten uploads."""

from __future__ import annotations

from collections.abc import Sequence

from partway.errors import StoreRefused
from partway.s3 import answers, requests
from partway.s3.refusals import error_code, raise_for
from partway.s3.requests import CorsRule, LifecycleRule, S3Request
from partway.stores.s3.calls import S3Calls


class BucketAdministration:
    """Reads and changes a bucket's settings.

    Args:
        calls: of the bucket (`S3Store.calls`).
    """

    def __init__(self, calls: S3Calls) -> None:
        self._calls = calls

    async def create(self) -> None:
        """Create the bucket; one that is ours already is fine.

        Raises:
            StoreRefused: it is another's, or the name is not taken.
        """
        answer = await self._calls.send(requests.create_bucket(self._calls.region))
        code = error_code(answer.status, answer.body)
        if code == "BucketAlreadyExists":  # some stores say so of ours too
            answer = await self._calls.send(requests.head_bucket())
        if code != "BucketAlreadyOwnedByYou":
            raise_for(answer.status, answer.body)

    async def cors(self) -> list[CorsRule]:
        """The rules for pages of other origins."""
        return answers.read_cors(await self._calls.send(requests.get_bucket_cors()))

    async def set_cors(self, rules: Sequence[CorsRule]) -> None:
        """Replace all rules; none at all removes the configuration."""
        await self._change(requests.put_bucket_cors(rules) if rules else requests.delete_bucket_cors())

    async def lifecycle(self) -> list[LifecycleRule]:
        """The rules that abort multipart uploads."""
        return answers.read_lifecycle(await self._calls.send(requests.get_bucket_lifecycle()))

    async def set_lifecycle(self, rules: Sequence[LifecycleRule]) -> None:
        """Replace the whole lifecycle configuration; none at all removes it."""
        await self._change(requests.put_bucket_lifecycle(rules) if rules else requests.delete_bucket_lifecycle())

    async def delete_many(self, keys: Sequence[str]) -> None:
        """Delete up to 1,000 objects in one request.

        Raises:
            StoreRefused: some could not be deleted (fact `keys`).
        """
        failed = answers.read_failed_deletions(await self._calls.send(requests.delete_objects(keys)))
        if failed:
            raise StoreRefused(f"The store did not delete {len(failed)} objects.", keys=failed)

    async def _change(self, request: S3Request) -> None:
        answer = await self._calls.send(request)
        raise_for(answer.status, answer.body)
