"""Signature Version 4, pure: presigned URLs, signed headers, and their check.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import quote, unquote

from partway.s3.address import BucketAddress
from partway.s3.credentials import Credentials

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
MAX_EXPIRY = 7 * 24 * 3600  #: seconds
_FUTURE_TOLERANCE = timedelta(minutes=15)
_QUERY_PARAMETERS = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """What every signature of one moment shares."""

    credentials: Credentials
    region: str
    now: datetime
    timestamp: str = field(init=False)  #: the moment as SigV4 writes it: `20261121T010203Z`
    scope: str = field(init=False)  #: day, region and service

    def __post_init__(self) -> None:
        timestamp = f"{self.now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        object.__setattr__(self, "timestamp", timestamp)
        object.__setattr__(self, "scope", f"{timestamp[:8]}/{self.region}/s3/aws4_request")

    @property
    def key(self) -> bytes:
        """The signing key of the day."""
        return signing_key(self.credentials.secret_key, self.timestamp[:8], self.region)

    def signature(self, canonical_request: str) -> str:
        """The signature of a canonical request, in hex."""
        digest = hashlib.sha256(canonical_request.encode()).hexdigest()
        text = f"{ALGORITHM}\n{self.timestamp}\n{self.scope}\n{digest}"
        return hmac.digest(self.key, text.encode(), "sha256").hex()


@lru_cache(maxsize=64)
def signing_key(secret_key: str, day: str, region: str) -> bytes:
    """The key derived for one day and region."""
    key = f"AWS4{secret_key}".encode()
    for step in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, step.encode(), "sha256")
    return key


@lru_cache(maxsize=4096)  # names, scopes and moments come again and again
def encode_query(text: str) -> str:
    """Percent-encode a name or a value of a query, RFC 3986's unreserved characters kept."""
    return quote(text, safe="-._~")


def query_string(query: Iterable[tuple[str, str]]) -> str:
    """A query as it stands in a URL, in the order given."""
    return "&".join(f"{encode_query(name)}={encode_query(value)}" for name, value in query)


def canonical_request(
    *, method: str, path: str, query: Iterable[tuple[str, str]], headers: Mapping[str, str], payload: str
) -> str:
    """The text that is signed.

    Args:
        method: `GET`, `PUT`, …
        path: raw, percent-encoded once.
        query: decoded pairs.
        headers: the signed ones, with lower-case names.
        payload: hex SHA-256 of the body, or `UNSIGNED-PAYLOAD`.
    """
    pairs = sorted((encode_query(name), encode_query(value)) for name, value in query)
    names = sorted(headers)
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in names)
    canonical_query = "&".join(f"{name}={value}" for name, value in pairs)
    return f"{method}\n{path}\n{canonical_query}\n{lines}\n{';'.join(names)}\n{payload}"


def presign(
    *,
    method: str,
    address: BucketAddress,
    key: str,
    signing: Signing,
    expires_in: int,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> str:
    """A presigned URL.

    Args:
        method: what it may be used for.
        address: the bucket.
        key: the object's; empty: the bucket itself.
        signing: who signs, where and when.
        expires_in: seconds, at most 604,800.
        query: parameters of the operation, such as `uploadId`.
        headers: what the client must send, with lower-case names; `host` is signed always.
    """
    path = address.path(key)
    signed = {**(headers or {}), "host": address.host}
    pairs = [*(query or {}).items(), *_signature_parameters(signing, expires_in, signed)]
    text = canonical_request(method=method, path=path, query=pairs, headers=signed, payload=UNSIGNED_PAYLOAD)
    return f"{address.origin}{path}?{query_string(pairs)}&X-Amz-Signature={signing.signature(text)}"


def sign_headers(
    *,
    method: str,
    path: str,
    query: Iterable[tuple[str, str]],
    headers: Mapping[str, str],
    signing: Signing,
    payload: str,
) -> dict[str, str]:
    """The headers of a request with its signature.

    Args:
        method, path, query: the request's; the path raw.
        headers: with lower-case names, `host` among them; all of them are signed.
        signing: who signs, where and when.
        payload: hex SHA-256 of the body, or `UNSIGNED-PAYLOAD`.
    """
    signed = {**headers, "x-amz-content-sha256": payload, "x-amz-date": signing.timestamp}
    if signing.credentials.session_token is not None:
        signed["x-amz-security-token"] = signing.credentials.session_token
    text = canonical_request(method=method, path=path, query=query, headers=signed, payload=payload)
    return {
        **signed,
        "authorization": (
            f"{ALGORITHM} Credential={signing.credentials.access_key}/{signing.scope}, "
            f"SignedHeaders={';'.join(sorted(signed))}, Signature={signing.signature(text)}"
        ),
    }


def _signature_parameters(signing: Signing, expires_in: int, headers: Iterable[str]) -> Sequence[tuple[str, str]]:
    values = (
        ALGORITHM,
        f"{signing.credentials.access_key}/{signing.scope}",
        signing.timestamp,
        str(expires_in),
        ";".join(sorted(headers)),
    )
    parameters = list(zip(_QUERY_PARAMETERS, values, strict=True))
    if signing.credentials.session_token is not None:
        parameters.append(("X-Amz-Security-Token", signing.credentials.session_token))
    return parameters


class PresignedRefused(Exception):
    """A presigned request is not valid. The code and the message are those that S3 answers with."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def verify_presigned(
    *,
    method: str,
    raw_path: str,
    raw_query: str,
    headers: Mapping[str, str],
    credentials: Credentials,
    region: str,
    now: datetime,
    host: str | None = None,
) -> dict[str, str]:
    """Check a presigned request and return its operation's parameters.

    Args:
        method, raw_path, raw_query: as they came, percent-encoded.
        headers: as they came, with lower-case names.
        credentials, region: whom we sign as.
        now: this moment, aware.
        host: what was signed as `host`, if it is not the header's.

    Raises:
        PresignedRefused: with S3's code: `SignatureDoesNotMatch`, `AccessDenied` (expired or not yet valid),
            `AuthorizationQueryParametersError`.
    """
    parameters = _parameters(raw_query)
    moment = _check_times(parameters, now)
    _check_credential(parameters, credentials, f"{moment:%Y%m%d}/{region}/s3/aws4_request")
    names = parameters["X-Amz-SignedHeaders"].split(";")
    given = headers if host is None else {**headers, "host": host}
    _check_signed_headers(names, given)
    signature = parameters.pop("X-Amz-Signature")
    text = canonical_request(
        method=method,
        path=raw_path,
        query=parameters.items(),
        headers={name: given[name] for name in names},
        payload=UNSIGNED_PAYLOAD,
    )
    expected = Signing(credentials=credentials, region=region, now=moment).signature(text)
    if not hmac.compare_digest(signature.encode(), expected.encode()):
        raise PresignedRefused(
            "SignatureDoesNotMatch",
            "The request is not the one that was signed: method, key, query, headers or length.",
        )
    return {name: value for name, value in parameters.items() if not name.startswith("X-Amz-")}


def _parameters(raw_query: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for pair in raw_query.split("&"):
        name, _, value = pair.partition("=")
        if unquote(name) in parameters:
            raise PresignedRefused("AuthorizationQueryParametersError", "A query parameter is given twice.")
        parameters[unquote(name)] = unquote(value)
    missing = [name for name in (*_QUERY_PARAMETERS, "X-Amz-Signature") if name not in parameters]
    if missing:
        raise PresignedRefused("AccessDenied", f"The URL is not presigned: {', '.join(missing)} missing.")
    return parameters


def _check_times(parameters: Mapping[str, str], now: datetime) -> datetime:
    try:
        moment = datetime.strptime(parameters["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        seconds = int(parameters["X-Amz-Expires"])
    except ValueError as error:
        raise PresignedRefused(
            "AuthorizationQueryParametersError", "X-Amz-Date or X-Amz-Expires is malformed."
        ) from error
    if not 0 <= seconds <= MAX_EXPIRY:
        raise PresignedRefused("AuthorizationQueryParametersError", f"X-Amz-Expires must be at most {MAX_EXPIRY}.")
    if moment - now > _FUTURE_TOLERANCE:
        raise PresignedRefused("AccessDenied", "Request is not valid yet")
    if now > moment + timedelta(seconds=seconds):
        raise PresignedRefused("AccessDenied", "Request has expired")
    return moment


def _check_signed_headers(names: Sequence[str], given: Mapping[str, str]) -> None:
    """All that was signed must be sent, and all that steers the store (`x-amz-…`) must be signed, as S3 demands."""
    if "host" not in names or any(name not in given for name in names):
        raise PresignedRefused("SignatureDoesNotMatch", "A header that was signed was not sent.")
    if any(name.startswith("x-amz-") and name not in names for name in given):
        raise PresignedRefused("AccessDenied", "There were headers present in the request which were not signed")


def _check_credential(parameters: Mapping[str, str], credentials: Credentials, scope: str) -> None:
    if parameters["X-Amz-Algorithm"] != ALGORITHM or not hmac.compare_digest(
        parameters["X-Amz-Credential"].encode(), f"{credentials.access_key}/{scope}".encode()
    ):
        raise PresignedRefused("AuthorizationQueryParametersError", "The algorithm or the credential is not ours.")
