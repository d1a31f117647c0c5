"""A bucket's own settings: that it exists, its CORS rules, and its lifecycle rules."""

from __future__ import annotations

from collections.abc import Sequence

from partway.errors import StoreRefused
from partway.s3 import answers, requests
from partway.s3.bucket_cors import CorsRule, cors_document
from partway.s3.bucket_rules import CORS, RuleDocument, RuleKind, read_answer, read_document
from partway.s3.refusals import error_code, raise_for
from partway.s3.requests import S3Request
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

    async def rules(self, kind: RuleKind) -> RuleDocument:
        """The bucket's CORS or lifecycle configuration as it stands.

        Raises:
            StoreRefused: it cannot be read.
        """
        return read_answer(kind, await self._calls.send(requests.get_bucket_rules(kind.subresource)))

    async def set_rules(self, document: RuleDocument) -> None:
        """Replace the whole configuration by a document; one without a body removes it.

        S3 has no compare-and-set for it: what another writes between our reading and our writing is lost.
        """
        subresource = document.kind.subresource
        if document.body:
            await self._change(requests.put_bucket_rules(subresource, document.body, dict(document.headers)))
        else:
            await self._change(requests.delete_bucket_rules(subresource))

    async def set_cors(self, rules: Sequence[CorsRule]) -> None:
        """Replace all CORS rules; none at all removes the configuration."""
        await self.set_rules(read_document(CORS, cors_document(rules) if rules else b""))

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
