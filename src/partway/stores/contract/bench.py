"""The bench that a store is checked on: its verbs in few words, and what a check expects."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from partway.contracts import expect
from partway.core.checksums import ChecksumAlgorithm
from partway.core.parts import StoredPart
from partway.core.ports import PartToSign, SignedPart, SignedUrl, Store

CONTENT_TYPE = "video/mp4"  #: of every object that a bench makes
PROOF = "0123abcd"  #: the token of every object that a bench makes
_EXPIRES_IN = 300  # seconds


class Answer(NamedTuple):
    """What came back from a presigned URL."""

    status: int
    headers: Mapping[str, str]  #: names in lower case
    body: bytes

    @property
    def refused(self) -> bool:
        """Whether the store said that the request is at fault."""
        return 400 <= self.status < 500


#: `await send(method, url, headers, body)` sends one HTTP request; it adds Content-Length itself.
Send = Callable[[str, str, Mapping[str, str], bytes], Awaitable[Answer]]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One store on the bench. Every bench has keys of its own."""

    store: Store
    send: Send
    prefix: str = field(default_factory=lambda: f"contract/{secrets.token_hex(6)}")
    wait: Callable[[float], None] = time.sleep  #: seconds; what lets a URL expire

    def key(self, name: str = "file.bin") -> str:
        """A key below this bench's prefix."""
        return f"{self.prefix}/{name}"

    async def create(self, key: str, *, algorithm: ChecksumAlgorithm | None = None) -> str:
        """Open an upload with the type and the token that `finish` and `head` expect."""
        return await self.store.create_upload(key, content_type=CONTENT_TYPE, token=PROOF, checksum_algorithm=algorithm)

    async def sign_part(
        self,
        key: str,
        upload_id: str,
        part: PartToSign,
        *,
        algorithm: ChecksumAlgorithm | None = None,
        expires_in: int = _EXPIRES_IN,
    ) -> SignedPart:
        """The presigned URL of one part."""
        signed = await self.store.sign_parts(
            key, upload_id, [part], expires_in=expires_in, checksum_algorithm=algorithm
        )
        expect(0 < signed.expires_in <= expires_in, "URLs live no longer than asked", found=signed.expires_in)
        expect(len(signed.parts) == 1, "one part is signed for one asked", found=signed.parts)
        return signed.parts[0]

    async def put(self, signed: SignedPart | SignedUrl, body: bytes) -> Answer:
        """Send a body to a presigned URL, with the headers that belong to it."""
        return await self.send("PUT", signed.url, signed.headers, body)

    async def send_part(self, key: str, upload_id: str, number: int, body: bytes, *, offset: int = 0) -> str:
        """Sign and send one part that must be taken; returns its ETag."""
        signed = await self.sign_part(key, upload_id, PartToSign(number, len(body), offset=offset))
        answer = await self.put(signed, body)
        expect(answer.status == 200, f"part {number} is taken", found=answer)
        etag = answer.headers.get("etag", "").strip('"')
        expect(etag != "", "the answer to a part carries its ETag", found=answer.headers)
        return etag

    async def send_parts(self, key: str, upload_id: str, bodies: Sequence[bytes]) -> list[StoredPart]:
        """Send several parts, last first, and return them as they are to be completed."""
        offsets = [sum(map(len, bodies[:index])) for index in range(len(bodies))]
        parts = [
            StoredPart(
                part_number=index + 1,
                size=len(bodies[index]),
                etag=await self.send_part(key, upload_id, index + 1, bodies[index], offset=offsets[index]),
            )
            for index in reversed(range(len(bodies)))
        ]
        return parts[::-1]

    async def store_object(self, key: str, body: bytes) -> None:
        """Make an object of one part."""
        upload_id = await self.create(key)
        await self.store.complete_upload(key, upload_id, await self.send_parts(key, upload_id, [body]))

    async def content(self, key: str, *, first: int = 0, last: int | None = None) -> bytes:
        """The bytes that `read` gives."""
        stream = await self.store.read(key, first=first, last=last)
        try:
            content = b"".join([chunk async for chunk in stream.chunks])
        finally:
            await stream.aclose()
        expect(stream.length == len(content), "a stream's length is that of its bytes", found=stream.length)
        return content

    async def expect_parts(self, key: str, upload_id: str, expected: Sequence[tuple[int, int]]) -> None:
        """Expect the listing to hold exactly these (part number, size); a number may be listed twice."""
        listing = await self.store.list_parts(key, upload_id)
        found = sorted({(part.part_number, part.size) for part in listing})
        expect(found == sorted(expected), f"the store holds the parts {sorted(expected)}", found=found)


#: One check: raises `ContractBroken`, or passes.
Check = Callable[[Bench], Awaitable[None]]
