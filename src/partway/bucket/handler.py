"""Multipart uploads as a handler object: plain calls that an application's own endpoints are made of."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, TimeoutError
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import ValidationError

from partway.bucket.blocking import BlockingBucket
from partway.bucket.config import S3Config
from partway.bucket.exceptions import (
    S3DeleteError,
    S3HandlerError,
    S3InitiationError,
    S3UploadError,
    S3ValidationError,
)
from partway.bucket.models import (
    AbortedUpload,
    CleanupResult,
    CompleteUploadResponse,
    InitiateUploadResponse,
    ListFilesResponse,
    PartInfo,
    PresignedUrlResponse,
    S3FileInfo,
)
from partway.core.policy import DEFAULT_CONTENT_TYPE
from partway.core.ports import ListedObject, Store
from partway.errors import InvalidInput, PartwayError, PolicyRefused, StoreUnavailable
from partway.stores.s3 import S3Store

T = TypeVar("T")
_DEFAULT_REGION = "us-east-1"
_PATIENCE_ON_A_LOOP = 10.0  #: seconds that a call in an `async def` endpoint may hold the event loop
_THREADS = 8  #: for calls from event loops


class S3MultipartHandler:
    """Begins, signs, completes, lists and cleans up uploads in one bucket. Safe in threads.

    Its calls block for a request or two to the store; signing needs none. In a `def` endpoint that is all there is
    to know. In an `async def` endpoint a call holds the event loop as long, and at most ten seconds: it then fails
    with the code `store_unavailable`. `Bucket` has the same verbs to be awaited.

    Args:
        bucket_name: the bucket.
        aws_access_key_id, aws_secret_access_key: None: those of `config`, or of the environment's own chain.
        region: the bucket's.
        config: everything else, and what stands in for arguments that are left out.
        store: instead of the S3 bucket: another store that blocks, such as `BlockingLocalStore`.

    Raises:
        S3InitiationError: the settings are wrong, or there are no credentials.
    """

    def __init__(
        self,
        bucket_name: str,
        aws_access_key_id: str | None = None,
        aws_secret_access_key: str | None = None,
        region: str = _DEFAULT_REGION,
        config: S3Config | None = None,
        *,
        store: Store | None = None,
    ) -> None:
        given = config or S3Config(bucket_name=bucket_name)
        self.config = given.model_copy(
            update={
                "bucket_name": bucket_name,
                "aws_access_key_id": aws_access_key_id or given.aws_access_key_id,
                "aws_secret_access_key": aws_secret_access_key or given.aws_secret_access_key,
                "region": given.region if region == _DEFAULT_REGION else region,
            }
        )
        self.bucket_name = bucket_name
        try:
            connected = store or S3Store.connect_blocking(self.config.store_settings())
            self._bucket = BlockingBucket(connected, self.config.rules())
        except PartwayError as error:
            raise S3InitiationError.of(error) from error
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="partway-handler")

    def initiate_upload(
        self,
        filename: str,
        file_size: int,
        content_type: str = DEFAULT_CONTENT_TYPE,
        metadata: Mapping[str, str] | None = None,
    ) -> InitiateUploadResponse:
        """Begin a multipart upload under a fresh key that nobody can guess.

        Args:
            filename: the user's own name of the file, without a path.
            file_size: bytes; the parts' sizes follow from it, and the store takes no others.
            content_type: of the object.
            metadata: stored with the object, at most 2 KB.

        Raises:
            S3ValidationError: name, size, type or metadata are not taken.
            S3InitiationError: the store does not open the upload.
        """
        # The documented default says that the type is not known.
        kind = "" if content_type == DEFAULT_CONTENT_TYPE and self.config.file_types else content_type
        with _raised_as(S3InitiationError):
            begun = self._run(
                lambda: self._bucket.initiate(
                    _text(filename, "filename"), _whole(file_size, "file_size"), content_type=kind, metadata=metadata
                )
            )
        return InitiateUploadResponse(
            upload_id=begun.upload_id,
            key=begun.key,
            bucket=self.bucket_name,
            parts_count=begun.plan.num_parts,
            part_size=begun.plan.part_size,
        )

    def generate_presigned_url(self, upload_id: str, key: str, part_number: int) -> PresignedUrlResponse:
        """The URL of one part: PUT with exactly `size` bytes.

        Raises:
            S3ValidationError: the part is not in the plan, or the key or the id is none of ours.
            S3UploadError: the store knows no such upload under this key.
        """
        with _raised_as(S3UploadError):
            number = _whole(part_number, "part_number")
            signed = self._run(
                lambda: self._bucket.sign_parts(_text(upload_id, "upload_id"), _text(key, "key"), [number])
            )
        part = signed.parts[0]
        return PresignedUrlResponse(
            url=part.url,
            part_number=part.part_number,
            expires_in=signed.expires_in,
            size=part.size,
            headers=dict(part.headers),
        )

    def complete_upload(
        self, upload_id: str, key: str, parts: Sequence[Mapping[str, Any] | PartInfo]
    ) -> CompleteUploadResponse:
        """Join the parts into the file. Twice gives the same answer.

        Args:
            upload_id, key: as `initiate_upload` answered them.
            parts: `{"PartNumber": 1, "ETag": "…"}` for each part, in order.

        Raises:
            S3ValidationError: the list is empty, unordered or incomplete, or what is no part is in it.
            S3UploadError: the store holds other parts (the upload stays open), or no such upload.
        """
        with _raised_as(S3UploadError):
            claims = [_part(each).claim() for each in parts]
            stored = self._run(lambda: self._bucket.complete(_text(upload_id, "upload_id"), _text(key, "key"), claims))
        return CompleteUploadResponse(
            success=True,
            location=self._bucket.object_url(key),
            key=key,
            bucket=self.bucket_name,
            etag=stored.etag,
            size=stored.size,
        )

    def abort_upload(self, upload_id: str, key: str) -> None:
        """Give an upload up and drop its parts.

        Raises:
            S3ValidationError: the key or the id is none of ours.
            S3UploadError: the store knows no such upload, or does not answer.
        """
        with _raised_as(S3UploadError):
            self._run(lambda: self._bucket.abort(_text(upload_id, "upload_id"), _text(key, "key")))

    def list_files(
        self, prefix: str | None = None, page: int = 1, page_size: int = 20, *, cursor: str | None = None
    ) -> ListFilesResponse:
        """One page of the files, in the store's order (by key: the days of upload, oldest first).

        The bucket is walked to the end of that page and no further. In a large bucket go on by `next_cursor`: every
        page then is one request.

        Args:
            prefix: narrower than the configured one; None: all files.
            page: from 1.
            page_size: 1 to 1,000.
            cursor: `next_cursor` of the page before; `page` is then without meaning.

        Raises:
            S3ValidationError: a value is out of range, or the prefix not below the configured one.
            S3UploadError: the store does not answer.
        """
        with _raised_as(S3UploadError):
            size = _whole(page_size, "page_size")
            if cursor is not None:
                found = self._run(lambda: self._bucket.page(prefix=prefix, page_size=size, cursor=cursor))
                return _listing(found.objects, page=None, page_size=size, total=None, cursor=found.next)
            number = _whole(page, "page")
            counted = self._run(lambda: self._bucket.numbered_page(prefix=prefix, page=number, page_size=size))
        return _listing(counted.objects, page=page, page_size=size, total=counted.total, cursor=counted.next)

    def generate_download_url(self, key: str, expires_in: int = 3600) -> str:
        """A URL from which anybody may fetch the file for `expires_in` seconds (1 to 604,800).

        Raises:
            S3ValidationError: the key is none of ours, or the time out of range.
            S3UploadError: there is no such file (code `not_found`), or the store does not answer.
        """
        with _raised_as(S3UploadError):
            seconds = _whole(expires_in, "expires_in")
            return self._run(lambda: self._bucket.sign_download(_text(key, "key"), expires_in=seconds)).url

    def delete_file(self, key: str) -> None:
        """Delete a file.

        Raises:
            S3ValidationError: the key is none of ours.
            S3DeleteError: there is no such file (code `not_found`), or the store does not delete it.
        """
        with _raised_as(S3DeleteError):
            self._run(lambda: self._bucket.delete(_text(key, "key")))

    def cleanup_incomplete_uploads(self, days_old: int = 7) -> CleanupResult:
        """Abort all uploads below the configured prefix that were begun at least so many days ago.

        Returns:
            How many, a number, with all of them in its `uploads`.

        Raises:
            S3ValidationError: the days are negative.
            S3UploadError: the store ended the walk.
        """
        with _raised_as(S3UploadError):
            age = timedelta(days=_whole(days_old, "days_old", most=36_500))
            aborted = self._run(lambda: list(self._bucket.clean_up(older_than=age)), patience=None)
        return CleanupResult(
            tuple(AbortedUpload(key=each.key, upload_id=each.upload_id, initiated=each.initiated) for each in aborted)
        )

    def _run(self, call: Callable[[], T], *, patience: float | None = _PATIENCE_ON_A_LOOP) -> T:
        """Call here, or on an event loop in a thread of ours: a blocking store refuses to be called there."""
        if asyncio._get_running_loop() is None:
            return call()
        try:
            return self._threads.submit(call).result(patience)
        except TimeoutError:
            raise StoreUnavailable(
                f"The store did not answer within {_PATIENCE_ON_A_LOOP:.0f} seconds; try again.", retry_after=5
            ) from None


@contextlib.contextmanager
def _raised_as(kind: type[S3HandlerError]) -> Iterator[None]:
    """Errors in the handler's words."""
    try:
        yield
    except (InvalidInput, PolicyRefused) as error:
        raise S3ValidationError.of(error) from error
    except PartwayError as error:
        raise kind.of(error) from error


def _text(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{field} must be a text.", field=field)
    return value


def _whole(value: object, field: str, *, most: int = 2**63 - 1) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not -(2**63) <= value <= most:
        raise InvalidInput(f"{field} must be a whole number of at most {most}.", field=field)
    return value


def _part(part: Mapping[str, Any] | PartInfo) -> PartInfo:
    try:
        return part if isinstance(part, PartInfo) else PartInfo.model_validate(part)
    except ValidationError as error:
        raise InvalidInput(
            'parts must be a list of {"PartNumber": 1, "ETag": "…"}.', field="parts", code="invalid_parts"
        ) from error


def _listing(
    objects: Sequence[ListedObject], *, page: int | None, page_size: int, total: int | None, cursor: str | None
) -> ListFilesResponse:
    return ListFilesResponse(
        files=[
            S3FileInfo(
                key=each.key,
                filename=each.key.rpartition("/")[2],
                size=each.size,
                last_modified=each.last_modified.isoformat(),
                etag=each.etag,
            )
            for each in objects
        ],
        total_count=total,
        page=page,
        page_size=page_size,
        total_pages=None if total is None else -(-total // page_size),
        next_cursor=cursor,
    )
