"""Single uploads, downloads, listing and deletion without records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from uuid import uuid4

from partway.bucket.rules import BucketRules
from partway.bucket.uploads import BucketUploads
from partway.core.disposition import present
from partway.core.file import new_token
from partway.core.files import MAX_EXPIRY
from partway.core.keys import check_file_name, safe_name
from partway.core.parts import GIB
from partway.core.ports import (
    Clock,
    ConditionalPuts,
    FormPosts,
    ListedObject,
    ObjectAddresses,
    ObjectListing,
    ObjectPage,
    PlainPuts,
    SignedForm,
    SignedUrl,
    Store,
    StoredObject,
)
from partway.errors import InvalidInput, NotFound, PolicyRefused, StoreError

#: Bytes of one PUT or POST: https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html
MAX_SINGLE_SIZE = 5 * GIB
MAX_PAGE_SIZE = 1000  #: objects; no store lists more at once


class Naming(Enum):
    """How the key of a single upload is made of a random id and the safe name."""

    FOLDER = "{id}/{name}"
    JOINED = "{id}-{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedUpload:
    """Where a client may put one object. It sends PUT with all of `headers`."""

    key: str
    url: str
    headers: Mapping[str, str]
    expires_in: int  #: seconds that the URL really lives


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedUploadForm:
    """What an HTML form needs to put one object."""

    key: str
    form: SignedForm


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedPage:
    """One page of a listing by its number."""

    objects: tuple[ListedObject, ...]
    page: int  #: from 1
    page_size: int
    total: int | None  #: objects in all, known only if the walk came to the end
    next: str | None  #: cursor of the page behind this one; None: this is the last


class BucketObjects(BucketUploads):
    """The objects' half of a `Bucket`."""

    def __init__(self, store: Store, rules: BucketRules | None = None, *, clock: Clock | None = None) -> None:
        super().__init__(store, rules, clock=clock)
        # Asked once: to ask an object for a protocol takes as long as to sign a URL.
        self._plain_puts = store if isinstance(store, PlainPuts) else None

    async def sign_upload(
        self,
        file_name: str,
        *,
        content_type: str = "",
        file_size: int | None = None,
        once: bool = False,
        naming: Naming = Naming.JOINED,
    ) -> SignedUpload:
        """Presign one PUT under a fresh key.

        Such a URL can be used again until it expires, and would overwrite the object. With `once` it cannot
        (`If-None-Match: *` is among the headers, where the store has conditional writes), and the local store never
        overwrites.

        Args:
            file_name: the user's own name of the file; its safe form ends the key.
            content_type: of the object; empty: known from the extension.
            file_size: bytes; signed, so the store takes no other. None: the client does not say; too large an object is
                then found and removed when somebody asks for it.
            once: the URL creates the object and never overwrites; needs `file_size`.
            naming: how the key is made.

        Raises:
            InvalidInput, PolicyRefused: the request is not taken.
            StoreError: the store cannot do what `once` asks (code `not_supported`).
        """
        name = check_file_name(file_name, field="filename")
        kind = self._rules.content_type_of(name, content_type)
        self._check_single(name, kind, file_size)
        key = self._rules.keys.prefix + naming.value.format(id=uuid4(), name=safe_name(name))
        signed = await self._sign_put(key, kind, file_size, once=once)
        return SignedUpload(key=key, url=signed.url, headers=signed.headers, expires_in=signed.expires_in)

    async def sign_form(self, file_name: str, *, content_type: str = "") -> SignedUploadForm:
        """Presign an HTML form under a fresh key. The store takes no more bytes than the policy allows.

        Raises:
            InvalidInput, PolicyRefused: the request is not taken.
            StoreError: the store takes no forms (code `not_supported`).
        """
        name = check_file_name(file_name, field="filename")
        kind = self._rules.content_type_of(name, content_type)
        self._check_single(name, kind, None)
        if not isinstance(self._store, FormPosts):
            raise StoreError("This store takes no forms; ask for an upload URL instead.", code="not_supported")
        key = self._rules.keys.prefix + Naming.JOINED.value.format(id=uuid4(), name=safe_name(name))
        most = min(self._rules.policy.max_file_size or MAX_SINGLE_SIZE, MAX_SINGLE_SIZE)
        form = await self._store.sign_form(
            key, content_type=kind, min_size=0, max_size=most, expires_in=self._rules.url_expiry
        )
        return SignedUploadForm(key=key, form=form)

    async def head(self, key: str) -> StoredObject:
        """What the store says of an object. One that is larger than the policy allows is removed.

        Raises:
            InvalidInput: the key is none of ours.
            NotFound: there is no such object.
            PolicyRefused: it was too large (code `file_too_large`).
        """
        self._rules.keys.check(key)
        stored = await self._store.head(key)
        if stored is None:
            raise NotFound("There is no such file in the bucket. Check its key.")
        most = self._rules.policy.max_file_size
        if most is not None and stored.size > most:
            await self._store.delete(key)
            raise PolicyRefused(
                f"The file has {stored.size} bytes; at most {most} are allowed. It was removed.",
                code="file_too_large",
                max_file_size=most,
            )
        return stored

    async def sign_download(self, key: str, *, expires_in: int | None = None, as_attachment: bool = False) -> SignedUrl:
        """Presign a GET of an object that is there. What could run in a browser is sent as an attachment.

        Args:
            key: the object's.
            expires_in: seconds, 1 to 604,800; None: as the rules say.
            as_attachment: to be saved, not shown.

        Raises:
            InvalidInput, NotFound, PolicyRefused: see `head`.
        """
        if expires_in is not None:
            _within("expires_in", expires_in, MAX_EXPIRY)
        stored = await self.head(key)
        shown = present(key.rpartition("/")[2], stored.content_type, as_attachment=as_attachment)
        return await self._store.sign_download(
            key,
            expires_in=self._rules.download_expiry if expires_in is None else expires_in,
            content_type=shown.content_type,
            disposition=shown.disposition,
        )

    async def delete(self, key: str) -> None:
        """Delete an object that is there.

        Raises:
            InvalidInput: the key is none of ours.
            NotFound: there is no such object.
        """
        self._rules.keys.check(key)
        if await self._store.head(key) is None:
            raise NotFound("There is no such file in the bucket. Check its key.")
        await self._store.delete(key)

    async def page(self, *, prefix: str | None = None, page_size: int = 100, cursor: str | None = None) -> ObjectPage:
        """One page of the objects below our prefix, in the store's order: one request, however large the bucket.

        Args:
            prefix: narrower than our own.
            page_size: 1 to 1,000.
            cursor: where to go on: `ObjectPage.next`.

        Raises:
            InvalidInput: a value is out of range.
        """
        _within("page_size", page_size, MAX_PAGE_SIZE)
        return await self._listing().list_objects(self._rules.keys.check_prefix(prefix), cursor=cursor, limit=page_size)

    async def numbered_page(self, *, prefix: str | None = None, page: int = 1, page_size: int = 20) -> NumberedPage:
        """One page by its number. The store is walked to the end of that page and no further: prefer cursors far away.

        Args:
            prefix: narrower than our own.
            page: from 1. Behind the last page are empty ones.
            page_size: 1 to 1,000.

        Raises:
            InvalidInput: a value is out of range.
        """
        _within("page", page, 10**9)
        _within("page_size", page_size, MAX_PAGE_SIZE)
        wanted, listing = self._rules.keys.check_prefix(prefix), self._listing()
        first, end = (page - 1) * page_size, page * page_size
        found: list[ListedObject] = []
        seen, cursor = 0, None
        while seen < end:
            walked = await listing.list_objects(wanted, cursor=cursor, limit=min(MAX_PAGE_SIZE, end - seen))
            found += walked.objects[max(0, first - seen) :]
            seen += len(walked.objects)
            cursor = walked.next
            if cursor is None:
                break
        total = seen if cursor is None else None
        return NumberedPage(objects=tuple(found), page=page, page_size=page_size, total=total, next=cursor)

    async def check(self) -> None:
        """Ask the store whether it answers and takes our credentials.

        Raises:
            StoreUnavailable, StoreRefused: see `core.ports.ObjectStore.check`.
        """
        await self._store.check()

    def object_url(self, key: str) -> str:
        """The plain address of an object; of use where the bucket is public."""
        return self._store.object_url(key) if isinstance(self._store, ObjectAddresses) else key

    def _check_single(self, name: str, kind: str, file_size: int | None) -> None:
        if file_size is not None and file_size < 0:
            raise InvalidInput("file_size is negative; give the file's size in bytes.", field="file_size")
        self._rules.policy.check(file_name=name, file_size=file_size or 0, content_type=kind)
        if file_size is not None and file_size > MAX_SINGLE_SIZE:
            raise PolicyRefused(
                "One PUT takes at most 5 GiB; begin a multipart upload for this file.",
                code="file_too_large",
                max_file_size=MAX_SINGLE_SIZE,
            )

    async def _sign_put(self, key: str, kind: str, file_size: int | None, *, once: bool) -> SignedUrl:
        expires_in = self._rules.url_expiry
        if not once and self._plain_puts is not None:
            return await self._plain_puts.sign_plain_put(key, content_type=kind, expires_in=expires_in, size=file_size)
        if file_size is None:
            raise InvalidInput("file_size is needed for an upload that cannot be repeated.", field="file_size")
        if not isinstance(self._store, ConditionalPuts):
            raise StoreError("This store can always overwrite what it holds.", code="not_supported")
        return await self._store.sign_put(
            key, size=file_size, content_type=kind, token=new_token(), expires_in=expires_in
        )

    def _listing(self) -> ObjectListing:
        if not isinstance(self._store, ObjectListing):
            raise StoreError("This store cannot list its objects.", code="not_supported")
        return self._store


def _within(field: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        raise InvalidInput(f"{field} is {value}; it must be between 1 and {most}.", field=field)
