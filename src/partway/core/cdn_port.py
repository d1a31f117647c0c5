"""What the core asks of a CDN in front of the store. `core.ports` names it too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from partway.core.ports import SignedUrl


class Cdn(Protocol):
    """A CDN that fetches objects from the store and gives them to clients."""

    async def sign_download(
        self, key: str, *, expires_in: int, is_public: bool, content_type: str, disposition: str
    ) -> SignedUrl | None:
        """A URL whose answer carries this `Content-Type` and `Content-Disposition`. Computes only.

        Returns:
            None: the CDN would give the object to anybody for ever, and it is not public; ask the store.
        """
        ...
