"""URLs of the store in memory: signed like presigned ones, but no HTTP."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode

from partway.core.ports import Clock
from partway.stores.refusals import refused


@dataclass(frozen=True, slots=True)
class UrlSigner:
    """Signs what a URL allows, under SigV4's parameter names but with a key of its own."""

    clock: Clock
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def sign(
        self, method: str, key: str, *, query: Mapping[str, str], headers: Mapping[str, str], expires_in: int
    ) -> str:
        """The URL for one method of one key, with these query parameters and headers, for `expires_in` seconds."""
        moment = int(self.clock.now().timestamp())
        terms = {"X-Amz-Date": moment, "X-Amz-Expires": expires_in, "X-Amz-SignedHeaders": ";".join(sorted(headers))}
        url = f"memory:///{quote(key)}?{urlencode({**query, **terms})}"
        return f"{url}&X-Amz-Signature={self._signature(method, url, headers)}"

    def verify(self, method: str, url: str, headers: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
        """The key and the query parameters of a URL that was signed for this method and these headers."""
        signed, _, signature = url.partition("&X-Amz-Signature=")
        path, _, query = signed.removeprefix("memory:///").partition("?")
        terms = dict(parse_qsl(query))
        names = terms.get("X-Amz-SignedHeaders", "").split(";")
        sent = {name: headers[name] for name in names if name in headers}
        if not hmac.compare_digest(signature, self._signature(method, signed, sent)):
            raise refused("SignatureDoesNotMatch")
        if self.clock.now().timestamp() > int(terms["X-Amz-Date"]) + int(terms["X-Amz-Expires"]):
            raise refused("AccessDenied", "Request has expired")
        return unquote(path), terms

    def _signature(self, method: str, url: str, headers: Mapping[str, str]) -> str:
        canonical = "\n".join([method, url, *(f"{name}:{headers[name]}" for name in sorted(headers))])
        return hmac.new(self.secret, canonical.encode(), hashlib.sha256).hexdigest()
