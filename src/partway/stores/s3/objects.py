"""The objects' half of the S3 store; see `core.ports.ObjectStore` and the powers."""

from __future__ import annotations

from partway.core.checksums import ChecksumAlgorithm
from partway.core.ports import ObjectPage, ObjectStream, SignedForm, SignedUrl, StoredObject
from partway.errors import InvalidInput, ObjectGone, StoreRefused
from partway.s3 import answers, requests
from partway.s3.metadata import TOKEN_HEADER
from partway.s3.post_policy import sign_post
from partway.s3.refusals import raise_for
from partway.s3.sigv4 import presign
from partway.stores.cursors import read_cursor, write_cursor
from partway.stores.refusals import outside
from partway.stores.s3.bucket import S3Bucket
from partway.stores.s3.transport import StreamedAnswer

_CHECK_PATIENCE = 2.0  #: seconds; who asks whether the store is there does not want to wait for it
_TOKEN, _BEHIND = "objects-by-token", "objects"
_PLACES = {_TOKEN: 1, _BEHIND: 1}  # what a cursor can hold: the store's token, or a key


class S3Objects(S3Bucket):
    """Finished objects in a bucket."""

    async def head(self, key: str) -> StoredObject | None:
        """What the store says of an object."""
        answer = await self._calls.send(requests.head_object(key))
        try:
            raise_for(answer.status, answer.body)
        except ObjectGone:
            return None
        return answers.read_object_headers(key, answer.headers)

    async def read(
        self, key: str, *, first: int = 0, last: int | None = None, if_match: str | None = None
    ) -> ObjectStream:
        """An object's bytes as they come."""
        answer = await self._calls.stream(requests.get_object(key, first=first, last=last, if_match=if_match))
        expected = 206 if first > 0 or last is not None else 200
        if answer.status == 416 and first == 0:  # an empty object has no first byte
            await answer.aclose()
            answer, expected = await self._calls.stream(requests.get_object(key, if_match=if_match)), 200
        if answer.status != expected:
            await _raise_for_read(answer)
        length = answers.content_length(answer.headers)
        size = answers.whole_size(answer.headers)
        stored = answers.read_object_headers(key, answer.headers, size=length if size is None else size)
        return ObjectStream(stored=stored, first=first, length=length, chunks=answer.chunks)

    async def sign_download(
        self, key: str, *, expires_in: int, content_type: str | None = None, disposition: str | None = None
    ) -> SignedUrl:
        """Presign a GET for the public endpoint."""
        signing, lifetime = await self._signing_for(expires_in)
        overrides = {"response-content-disposition": disposition, "response-content-type": content_type}
        url = presign(
            method="GET",
            address=self._public_address,
            key=key,
            signing=signing,
            expires_in=lifetime,
            query={name: value for name, value in overrides.items() if value is not None},
        )
        return SignedUrl(url, lifetime, {})

    async def sign_put(
        self,
        key: str,
        *,
        size: int,
        content_type: str,
        token: str,
        expires_in: int,
        checksum: str | None = None,
        checksum_algorithm: ChecksumAlgorithm | None = None,
    ) -> SignedUrl:
        """Presign one PUT that creates the object and never overwrites one."""
        signing, lifetime = await self._signing_for(expires_in)
        headers = {"content-type": content_type, "if-none-match": "*", TOKEN_HEADER: token, **self._options.headers}
        if checksum is not None and checksum_algorithm is not None:
            headers[checksum_algorithm.header] = checksum
        url = presign(
            method="PUT",
            address=self._public_address,
            key=key,
            signing=signing,
            expires_in=lifetime,
            headers={**headers, "content-length": str(size)},
        )
        return SignedUrl(url, lifetime, headers)

    async def sign_plain_put(
        self, key: str, *, content_type: str, expires_in: int, size: int | None = None
    ) -> SignedUrl:
        """Presign PUTs with this Content-Type, and of this size if it is known. Each overwrites the one before."""
        signing, lifetime = await self._signing_for(expires_in)
        headers = {"content-type": content_type, **self._options.headers}
        length = {} if size is None else {"content-length": str(size)}
        url = presign(
            method="PUT",
            address=self._public_address,
            key=key,
            signing=signing,
            expires_in=lifetime,
            headers={**headers, **length},
        )
        return SignedUrl(url, lifetime, headers)

    async def sign_form(
        self, key: str, *, content_type: str, min_size: int, max_size: int, expires_in: int
    ) -> SignedForm:
        """Presign a form for the public endpoint. A file overwrites the one that was sent before.

        Raises:
            InvalidInput: no form can name this key; see `s3.post_policy`.
        """
        signing, lifetime = await self._signing_for(expires_in)
        fields = sign_post(
            bucket=self._bucket,
            key=key,
            content_type=content_type,
            sizes=(min_size, max_size),
            signing=signing,
            expires_in=lifetime,
            options=self._options,
        )
        return SignedForm(f"{self._public_address.origin}{self._public_address.path()}", fields, lifetime)

    def object_url(self, key: str) -> str:
        """The object at the public endpoint, unsigned."""
        return f"{self._public_address.origin}{self._public_address.path(key)}"

    async def write_object(self, key: str, body: bytes, *, content_type: str, token: str) -> None:
        """Create a small object; one that is there stays: it may be ours, if the request was sent again."""
        request = requests.put_object(
            key, body, content_type=content_type, token=token, overwrite=False, options=self._options
        )
        answer = await self._calls.send(request)
        if answer.status != 412:
            raise_for(answer.status, answer.body)

    async def delete(self, key: str) -> None:
        """Delete an object."""
        answer = await self._calls.send(requests.delete_object(key))
        try:
            raise_for(answer.status, answer.body)
        except ObjectGone:
            return

    async def list_objects(self, prefix: str, *, cursor: str | None = None, limit: int = 1000) -> ObjectPage:
        """One page of objects, in the store's own order.

        A cursor holds the store's own token: SeaweedFS walks its directories in turn, and leaves out what lies below a
        key when asked for what is behind it. Where a store gives no token, the last key must do.
        """
        kind, (place,) = read_cursor(cursor, kinds=_PLACES) if cursor is not None else (_BEHIND, [""])
        request = requests.list_objects(
            prefix,
            after=place if kind == _BEHIND else "",
            continuation=place if kind == _TOKEN else None,
            limit=limit,
        )
        page = answers.read_objects(await self._calls.send(request))
        if not page.more:
            return ObjectPage(page.objects, None)
        if page.continuation is not None:
            return ObjectPage(page.objects, write_cursor(_TOKEN, page.continuation))
        return ObjectPage(page.objects, write_cursor(_BEHIND, page.objects[-1].key) if page.objects else None)

    async def check(self) -> None:
        """HEAD the bucket."""
        answer = await self._calls.send(requests.head_bucket(), patience=_CHECK_PATIENCE)
        if answer.status == 404:
            raise StoreRefused("There is no such bucket; check S3_BUCKET_NAME.", store_code="NoSuchBucket")
        if answer.status == 403:  # an answer to HEAD cannot say why; one to a listing can
            answer = await self._calls.send(requests.list_objects("", limit=1), patience=_CHECK_PATIENCE)
        raise_for(answer.status, answer.body)


async def _raise_for_read(answer: StreamedAnswer) -> None:
    """Raise what the answer to a GET says. Another ETag than the expected one: the expected object is gone."""
    body = await answer.read_error()
    try:
        raise_for(answer.status, body)
    except InvalidInput:
        raise outside(answers.whole_size(answer.headers) or 0) from None
    except StoreRefused as refusal:
        if refusal.facts.get("store_code") == "PreconditionFailed":
            raise ObjectGone("The store holds another object under this key.") from refusal
        raise
    raise StoreRefused(f"The store answered {answer.status} to a read.", store_code=str(answer.status))
