"""The store port on S3, written once over a transport."""

from __future__ import annotations

from collections.abc import Sequence

from partway.core.checksums import ChecksumAlgorithm
from partway.core.parts import S3_LIMITS, StoredPart, StoreLimits
from partway.core.ports import (
    ObjectPage,
    ObjectStream,
    PartToSign,
    SignedParts,
    SignedUrl,
    StoredObject,
)
from partway.errors import ObjectGone, StoreError, StoreRefused, StoreUnavailable, UploadGone
from partway.s3 import answers, requests
from partway.s3.address import BucketAddress
from partway.s3.part_signer import PartSigner
from partway.s3.refusals import raise_for
from partway.s3.sigv4 import Signing, presign
from partway.stores.s3.calls import S3Calls
from partway.stores.s3.credentials import AsyncChain, BlockingChain, CredentialsSource, fixed_credentials
from partway.stores.s3.settings import S3Settings
from partway.stores.s3.transport import Transport

_ABORT_ROUNDS = 8
_ABORT_PAUSE = 0.25  #: seconds


class S3Store:
    """A bucket. See `core.ports.Store`, `ConditionalPuts` and `ObjectListing` for its verbs.

    Make one with `connect` (for an event loop) or `connect_blocking` (for threads).
    """

    def __init__(self, *, calls: S3Calls, public_address: BucketAddress) -> None:
        self._calls = calls
        self._public_address = public_address

    @classmethod
    def connect(cls, settings: S3Settings) -> S3Store:
        """A store for one event loop. Nothing is opened before it is used.

        Raises:
            Misconfigured, MissingExtra: the settings are wrong, or a package is missing.
        """
        from partway.stores.s3.aiohttp_transport import AiohttpTransport

        transport = AiohttpTransport(max_connections=settings.max_connections, connect_timeout=settings.connect_timeout)
        return cls._over(transport, fixed_credentials(settings) or AsyncChain(), settings)

    @classmethod
    def connect_blocking(cls, settings: S3Settings) -> S3Store:
        """A store for threads: its verbs never suspend. Raises as `connect`."""
        from partway.stores.s3.blocking_transport import BlockingTransport

        transport = BlockingTransport(
            max_connections=settings.max_connections, connect_timeout=settings.connect_timeout
        )
        return cls._over(transport, fixed_credentials(settings) or BlockingChain(), settings)

    @classmethod
    def _over(cls, transport: Transport, credentials: CredentialsSource, settings: S3Settings) -> S3Store:
        def address(endpoint_url: str | None) -> BucketAddress:
            return BucketAddress.of(
                settings.bucket, region=settings.region, endpoint_url=endpoint_url, style=settings.style
            )

        calls = S3Calls(
            address=address(settings.endpoint_url),
            region=settings.region,
            credentials=credentials,
            transport=transport,
            patience=settings.patience,
        )
        return cls(calls=calls, public_address=address(settings.public_endpoint_url or settings.endpoint_url))

    @property
    def limits(self) -> StoreLimits:
        """S3's."""
        return S3_LIMITS

    @property
    def public_origin(self) -> str:
        """Where clients send parts: what a page's policy must allow."""
        return self._public_address.origin

    @property
    def calls(self) -> S3Calls:
        """For requests beyond the port, such as the bucket's administration."""
        return self._calls

    async def aclose(self) -> None:
        """Close all connections."""
        await self._calls.aclose()

    async def create_upload(
        self, key: str, *, content_type: str, token: str, checksum_algorithm: ChecksumAlgorithm | None = None
    ) -> str:
        """Open a multipart upload."""
        request = requests.create_multipart_upload(
            key, content_type=content_type, token=token, checksum_algorithm=checksum_algorithm
        )
        return answers.read_upload_id(await self._calls.send(request))

    async def find_uploads(self, key: str) -> list[str]:
        """Upload ids of exactly this key, oldest first, over all pages."""
        found: list[answers.OpenUpload] = []
        markers: tuple[str, str] | None = ("", "")
        while markers is not None:
            request = requests.list_multipart_uploads(key, key_marker=markers[0], upload_id_marker=markers[1])
            page = answers.read_uploads(await self._calls.send(request))
            found += [upload for upload in page.uploads if upload.key == key]
            markers = page.next_markers
        return [upload.upload_id for upload in sorted(found, key=lambda upload: upload.initiated)]

    async def sign_parts(
        self,
        key: str,
        upload_id: str,
        parts: Sequence[PartToSign],
        *,
        expires_in: int,
        checksum_algorithm: ChecksumAlgorithm | None = None,
    ) -> SignedParts:
        """Presign parts for the public endpoint."""
        signing, lifetime = await self._signing_for(expires_in)
        signer = PartSigner(
            address=self._public_address,
            key=key,
            upload_id=upload_id,
            signing=signing,
            expires_in=lifetime,
            checksum_header=None if checksum_algorithm is None else checksum_algorithm.header,
        )
        return SignedParts(signer.sign(parts), lifetime)

    async def list_parts(self, key: str, upload_id: str) -> list[StoredPart]:
        """All parts over all pages."""
        parts: list[StoredPart] = []
        marker: int | None = 0
        while marker is not None:
            answer = await self._calls.send(requests.list_parts(key, upload_id, marker=marker))
            page = answers.read_parts(answer)
            parts += page.parts
            marker = page.next_marker
        return parts

    async def complete_upload(
        self,
        key: str,
        upload_id: str,
        parts: Sequence[StoredPart],
        *,
        checksum: str | None = None,
        checksum_algorithm: ChecksumAlgorithm | None = None,
    ) -> None:
        """Join the parts."""
        request = requests.complete_multipart_upload(
            key, upload_id, parts, checksum=checksum, checksum_algorithm=checksum_algorithm
        )
        answer = await self._calls.send(request)
        raise_for(answer.status, answer.body)

    async def abort_upload(self, key: str, upload_id: str) -> None:
        """Drop an upload, again and again until the store lists no more of it: parts that were on their way may land
        behind an abort (https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html).

        Raises:
            StoreUnavailable: the store still lists it.
        """
        for _ in range(_ABORT_ROUNDS):
            try:
                answer = await self._calls.send(requests.abort_multipart_upload(key, upload_id))
                raise_for(answer.status, answer.body)
                await self.list_parts(key, upload_id)
            except UploadGone:
                return
            await self._calls.sleep(_ABORT_PAUSE)
        raise StoreUnavailable("The store still lists the aborted upload; abort it again later.")

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
        if answer.status not in {200, 206}:
            raise _read_error(answer.status, await answer.read())
        length = int(answer.headers.get("content-length", "0"))
        _, _, total = answer.headers.get("content-range", "").rpartition("/")
        stored = answers.read_object_headers(key, answer.headers, size=int(total) if total.isdigit() else length)
        return ObjectStream(
            stored=stored, first=first if answer.status == 206 else 0, length=length, chunks=answer.chunks
        )

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
        headers = {"content-type": content_type, "if-none-match": "*", requests.TOKEN_HEADER: token}
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

    async def delete(self, key: str) -> None:
        """Delete an object."""
        answer = await self._calls.send(requests.delete_object(key))
        try:
            raise_for(answer.status, answer.body)
        except ObjectGone:
            return

    async def list_objects(self, prefix: str, *, after: str = "", limit: int = 1000) -> ObjectPage:
        """One page of objects by key."""
        return answers.read_objects(await self._calls.send(requests.list_objects(prefix, after=after, limit=limit)))

    async def check(self) -> None:
        """HEAD the bucket."""
        answer = await self._calls.send(requests.head_bucket())
        if answer.status == 404:
            raise StoreRefused("There is no such bucket; check S3_BUCKET_NAME.", store_code="NoSuchBucket")
        raise_for(answer.status, answer.body)

    async def _signing_for(self, expires_in: int) -> tuple[Signing, int]:
        signing = await self._calls.signing()
        lifetime = signing.credentials.lifetime_at_most(expires_in, now=signing.now)
        if lifetime < 1:
            raise StoreUnavailable("The store's credentials have expired and are not renewed yet; try again.")
        return signing, lifetime


def _read_error(status: int, body: bytes) -> StoreError:
    """The error of a GET. An ETag that is not the expected one means that the expected object is gone."""
    try:
        raise_for(status, body)
    except StoreRefused as refusal:
        if refusal.facts.get("store_code") == "PreconditionFailed":
            return ObjectGone("The store holds another object under this key.")
        return refusal
    except StoreError as error:
        return error
    return StoreRefused(f"The store answered {status} to a read.", store_code=str(status))
