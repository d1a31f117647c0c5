"""CloudFront in front of a bucket: downloads by signed URLs with the canned policy.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-canned-policy.html

The distribution's cache policy must pass `response-content-type` and `response-content-disposition` on to the bucket,
and its origin access control must sign the requests: S3 heeds these two in signed requests alone.
"""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from partway.core.ports import Clock, SignedUrl, SystemClock
from partway.errors import Misconfigured, MissingExtra
from partway.s3.address import encode_path

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_KEY_SETTING = "PARTWAY_CLOUDFRONT_PRIVATE_KEY"
#: CloudFront's own base64: what means something in a query is replaced.
_IN_QUERIES = str.maketrans({"+": "-", "=": "_", "/": "~"})


class CloudFront:
    """A distribution whose origin is the bucket; see `core.ports.Cdn`.

    Args:
        url: of the distribution, such as `https://d111111abcdef8.cloudfront.net`, with the path to the bucket's root.
        key_id: of the public key in a trusted key group; None: only public files have URLs here, unsigned.
        private_key: PEM text of an RSA key, or the path of a file that holds it.
        clock: what URLs expire by.

    Raises:
        Misconfigured: the key cannot be read; the fact `setting` is `PARTWAY_CLOUDFRONT_PRIVATE_KEY`.
        MissingExtra: `cryptography` is not installed.
    """

    def __init__(
        self, url: str, *, key_id: str | None = None, private_key: str | None = None, clock: Clock | None = None
    ) -> None:
        self._url = url.rstrip("/")
        self._key_id = key_id
        self._private_key = None if private_key is None else _read_key(private_key)
        self._clock = clock or SystemClock()

    async def sign_download(
        self, key: str, *, expires_in: int, is_public: bool, content_type: str, disposition: str
    ) -> SignedUrl | None:
        """The object's URL, signed if we have a key; None: it would be unsigned, and the object is not public."""
        overrides = {"response-content-disposition": disposition, "response-content-type": content_type}
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in overrides.items())
        url = f"{self._url}/{encode_path(key)}?{query}"
        if self._private_key is None or self._key_id is None:
            return SignedUrl(url, expires_in, {}) if is_public else None
        expires = int((self._clock.now() + timedelta(seconds=expires_in)).timestamp())
        signature = _encoded(_sign(self._private_key, _canned_policy(url, expires)))
        return SignedUrl(
            f"{url}&Expires={expires}&Signature={signature}&Key-Pair-Id={quote(self._key_id, safe='')}", expires_in, {}
        )


def _canned_policy(url: str, expires: int) -> bytes:
    """The policy as CloudFront puts it together itself, without white space, to compare the signature."""
    statement = {"Resource": url, "Condition": {"DateLessThan": {"AWS:EpochTime": expires}}}
    return json.dumps({"Statement": [statement]}, separators=(",", ":")).encode()


def _encoded(signature: bytes) -> str:
    return base64.b64encode(signature).decode().translate(_IN_QUERIES)


def _sign(private_key: RSAPrivateKey, policy: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA1

    return private_key.sign(policy, PKCS1v15(), SHA1())  # noqa: S303  # the only hash that CloudFront takes


def _read_key(text_or_path: str) -> RSAPrivateKey:
    try:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError as error:
        raise MissingExtra("fastapi", module="cryptography") from error
    try:
        key = load_pem_private_key(_pem(text_or_path), password=None)
    except OSError as error:
        raise Misconfigured(
            f"{_KEY_SETTING} is neither PEM text nor the path of a file that can be read: {error.strerror}.",
            setting=_KEY_SETTING,
        ) from error
    except (TypeError, ValueError) as error:  # the error itself could repeat parts of the key
        raise Misconfigured(f"{_KEY_SETTING} holds no unencrypted PEM private key.", setting=_KEY_SETTING) from error
    if not isinstance(key, RSAPrivateKey):
        raise Misconfigured(f"{_KEY_SETTING} holds no RSA key: CloudFront signs with RSA.", setting=_KEY_SETTING)
    return key


def _pem(text_or_path: str) -> bytes:
    """PEM text, whose line ends may be written `\\n` as environment files have them, or that of the file."""
    if text_or_path.lstrip().startswith("-----BEGIN"):
        return text_or_path.replace("\\n", "\n").encode()
    return Path(text_or_path).read_bytes()
