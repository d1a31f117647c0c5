"""A bucket that presigns: what both halves of the S3 store stand on."""

from __future__ import annotations

from partway.errors import StoreUnavailable
from partway.s3.address import BucketAddress
from partway.s3.object_options import ObjectOptions
from partway.s3.requests import MAX_COPY_SIZE
from partway.s3.sigv4 import MAX_EXPIRY, Signing
from partway.stores.s3.calls import S3Calls


class S3Bucket:
    """A bucket as we reach it and as clients reach it.

    Args:
        bucket: its name.
        calls: our requests.
        public_address: what URLs for clients begin with.
        copy_limit: largest object that one request copies, bytes.
        options: what every object is created with; None: what the bucket does of itself.
    """

    def __init__(
        self,
        *,
        bucket: str,
        calls: S3Calls,
        public_address: BucketAddress,
        copy_limit: int = MAX_COPY_SIZE,
        options: ObjectOptions | None = None,
    ) -> None:
        self._bucket = bucket
        self._calls = calls
        self._public_address = public_address
        self._copy_limit = copy_limit
        self._options = options or ObjectOptions()

    @property
    def public_origin(self) -> str:
        """Where clients send parts: what a page's policy must allow."""
        return self._public_address.origin

    @property
    def calls(self) -> S3Calls:
        """For requests beyond the ports, such as the bucket's administration."""
        return self._calls

    async def aclose(self) -> None:
        """Close all connections."""
        await self._calls.aclose()

    async def _signing_for(self, expires_in: int) -> tuple[Signing, int]:
        """Who signs URLs now, and for how many seconds they really live."""
        signing = await self._calls.signing()
        lifetime = signing.credentials.lifetime_at_most(min(expires_in, MAX_EXPIRY), now=signing.now)
        if lifetime < 1:
            raise StoreUnavailable("The store's credentials have expired and are not renewed yet; try again.")
        return signing, lifetime
