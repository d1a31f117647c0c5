"""The multipart half of the S3 store; see `core.ports.MultipartStore`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from partway.core.checksums import ChecksumAlgorithm
from partway.core.parts import S3_LIMITS, StoredPart, StoreLimits
from partway.core.policy import DEFAULT_CONTENT_TYPE
from partway.core.ports import ListedUpload, PartToSign, SignedParts, UploadPage
from partway.errors import StoreError, StoreUnavailable, UploadGone
from partway.s3 import answers, requests
from partway.s3.part_signer import PartSigner
from partway.s3.refusals import raise_for
from partway.stores.cursors import behind_upload, last_upload
from partway.stores.s3.bucket import S3Bucket

_ABORT_ROUNDS = 8
_TRIAL_PATIENCE = 2.0  #: seconds; a store that cannot do something may answer as if it were down
_ABORT_PAUSE = 0.25  #: seconds


class S3Uploads(S3Bucket):
    """Multipart uploads in a bucket."""

    @property
    def limits(self) -> StoreLimits:
        """S3's."""
        return S3_LIMITS

    async def create_upload(
        self,
        key: str,
        *,
        content_type: str,
        token: str,
        checksum_algorithm: ChecksumAlgorithm | None = None,
        metadata: Mapping[str, str] | None = None,
        once: bool = False,
    ) -> str:
        """Open a multipart upload."""
        request = requests.create_multipart_upload(
            key,
            content_type=content_type,
            token=token,
            checksum_algorithm=checksum_algorithm,
            metadata=metadata,
            options=self._options,
        )
        return answers.read_upload_id(await self._calls.send(replace(request, once=once)))

    async def try_options(self, key: str) -> None:
        """Have the store take one byte as `S3Settings.options` say, and drop it: nothing is left, not even a version.

        Without options nothing is asked.

        Raises:
            StoreRefused, StoreUnavailable: it does not take what is created so.
        """
        if not self._options.headers:
            return
        request = requests.create_multipart_upload(
            key, content_type=DEFAULT_CONTENT_TYPE, token="", checksum_algorithm=None, options=self._options
        )
        upload_id = answers.read_upload_id(await self._calls.send(request, patience=_TRIAL_PATIENCE))
        try:
            part = await self._calls.send(requests.upload_part(key, upload_id, 1, b"."), patience=_TRIAL_PATIENCE)
            raise_for(part.status, part.body)
        finally:
            with contextlib.suppress(StoreError):
                await self.abort_upload(key, upload_id)

    async def find_uploads(self, key: str) -> list[str]:
        """Upload ids of exactly this key, oldest first, over all pages."""
        found: list[ListedUpload] = []
        cursor: str | None = None
        while True:
            page = await self.list_uploads(key, cursor=cursor)
            found += [upload for upload in page.uploads if upload.key == key]
            cursor = page.next
            if cursor is None:
                return [upload.upload_id for upload in sorted(found, key=lambda upload: upload.initiated)]

    async def list_uploads(self, prefix: str, *, cursor: str | None = None, limit: int = 1000) -> UploadPage:
        """One page of open uploads: by key on S3, by upload id on SeaweedFS.

        Markers go back exactly as the store named them. SeaweedFS names an upload id alone and goes on rightly behind
        it, also if it was aborted meanwhile; beside a key marker, such as the last row's key, it would list that key's
        uploads only. S3 names both and needs both.
        """
        markers = last_upload(cursor)
        request = requests.list_multipart_uploads(
            prefix, key_marker=markers[0], upload_id_marker=markers[1], limit=limit
        )
        page = answers.read_uploads(await self._calls.send(request), prefix=prefix)
        if page.next_markers is None or page.next_markers == markers:  # a store that stands still has no more
            return UploadPage(page.uploads, None)
        return UploadPage(page.uploads, behind_upload(*page.next_markers))

    async def write_part(
        self,
        key: str,
        upload_id: str,
        part: PartToSign,
        body: bytes | bytearray,
        *,
        checksum_algorithm: ChecksumAlgorithm | None = None,
    ) -> StoredPart:
        """Send one part; what protects it under way is signed: its checksum, else the SHA-256 of its body."""
        request = requests.upload_part(
            key, upload_id, part.part_number, body, checksum=part.checksum, checksum_algorithm=checksum_algorithm
        )
        answer = await self._calls.send(request)
        return answers.read_sent_part(answer, part_number=part.part_number, size=len(body))

    async def sign_parts(
        self,
        key: str,
        upload_id: str,
        parts: Iterable[PartToSign],
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
            marker = page.next_marker if page.next_marker != marker else None
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
