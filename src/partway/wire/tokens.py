"""Bearer tokens (JWT, RFC 7519), verified with a shared secret or with a key set from a URL."""

from __future__ import annotations

import time
from typing import Any

try:
    import jwt
except ModuleNotFoundError as error:
    from partway.errors import MissingExtra

    raise MissingExtra("fastapi", module="pyjwt") from error

from partway.core.file import Caller
from partway.core.initiation import MAX_TEXT_LENGTH, check_text
from partway.errors import InvalidInput, NotAuthenticated, StoreUnavailable

#: What a key set may be used with: signatures only, so that a public key can never serve as an HMAC secret, nor `none`.
_KEY_SET_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_LEEWAY = 30  #: seconds that clocks may differ
_REMEMBERED = 1000  #: tokens
_REMEMBERED_FOR = 30  #: seconds


class TokenReader:
    """Reads callers from tokens. Blocks while a key set is fetched: `needs_keys` says where that can happen.

    Args:
        secret: for HS256; or
        jwks_url: where the issuer publishes its keys (RFC 7517). They are fetched when needed and cached.
        issuer: the required `iss`, if any.
        audience: the required `aud`, if any.
    """

    def __init__(
        self,
        *,
        secret: str | None = None,
        jwks_url: str | None = None,
        issuer: str | None = None,
        audience: str | None = None,
    ) -> None:
        self._secret = secret
        self._keys = jwt.PyJWKClient(jwks_url, timeout=5) if jwks_url else None
        self._claims: dict[str, Any] = {"issuer": issuer, "audience": audience, "leeway": _LEEWAY}
        self._options: Any = {"require": ["exp", "sub"], "verify_aud": audience is not None}
        self._read_before = _ReadBefore()

    @property
    def needs_keys(self) -> bool:
        """Whether reading a token may fetch the issuer's keys."""
        return self._keys is not None

    def known(self, token: str) -> Caller | None:
        """The caller of a token that was read a moment ago."""
        return self._read_before.caller_of(token)

    def read(self, token: str) -> Caller:
        """The caller of a token.

        Raises:
            NotAuthenticated: it is malformed, expired or not from our issuer.
            StoreUnavailable: the issuer's keys cannot be had now (code `keys_unavailable`).
        """
        if (known := self.known(token)) is not None:
            return known
        try:
            claims = self._read(token)
        except jwt.ExpiredSignatureError as error:
            raise NotAuthenticated("The token has expired; get a new one.", code="token_expired") from error
        except jwt.PyJWKClientConnectionError as error:
            raise _no_keys() from error
        except (jwt.PyJWTError, ValueError) as error:
            raise NotAuthenticated("The token is not valid here; get a new one.") from error
        caller = _caller(claims)
        self._read_before.note(token, caller, expires=claims["exp"])
        return caller

    def _read(self, token: str) -> dict[str, Any]:
        if self._keys is None:
            return self._decode(token, self._secret or "", ("HS256",))
        return self._decode(token, _key_of(token, self._keys), _KEY_SET_ALGORITHMS)

    def _decode(self, token: str, key: Any, algorithms: tuple[str, ...]) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            token, key, algorithms=list(algorithms), options=self._options, **self._claims
        )
        return claims


def bearer_token(authorization: str) -> str:
    """The token of an `Authorization` header.

    Raises:
        NotAuthenticated: there is none.
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated("Send a token: Authorization: Bearer <token>.")
    return token.strip()


class _ReadBefore:
    """Tokens whose signature was checked a moment ago: checking costs a good part of a small request."""

    def __init__(self) -> None:
        self._callers: dict[str, tuple[Caller, float]] = {}

    def caller_of(self, token: str) -> Caller | None:
        caller, until = self._callers.get(token, (None, 0.0))
        return caller if time.time() < until else None

    def note(self, token: str, caller: Caller, *, expires: float) -> None:
        if len(self._callers) >= _REMEMBERED:
            self._callers.clear()
        # Not for long: keys may be withdrawn.
        self._callers[token] = (caller, min(float(expires), time.time() + _REMEMBERED_FOR))


def _key_of(token: str, keys: jwt.PyJWKClient) -> Any:
    """The key that a token names. A key set that cannot be had or read is the issuer's trouble, not the token's."""
    name = jwt.get_unverified_header(token).get("kid")
    try:
        keys.get_signing_keys()
    except (jwt.PyJWTError, ValueError) as error:
        raise _no_keys() from error
    return keys.get_signing_key(name or "").key


def _no_keys() -> StoreUnavailable:
    return StoreUnavailable("The issuer's keys cannot be fetched now; try again.", code="keys_unavailable")


def _caller(claims: dict[str, Any]) -> Caller:
    subject, name = claims["sub"], claims.get("name")
    try:
        check_text("sub", subject)
    except InvalidInput as error:
        raise NotAuthenticated(f"The token is not valid here: {error.detail}") from error
    if not subject:
        raise NotAuthenticated("The token is not valid here: its 'sub' is empty.")
    return Caller(
        id=subject,
        name=_storable(name) if isinstance(name, str) else "",
        staff=claims.get("staff") is True,
        quota_bytes=_quota(claims.get("quota_bytes")),
    )


def _quota(claimed: object) -> int | None:
    """The bytes that a token allows; one that cannot be read must not allow everything."""
    if claimed is None:
        return None
    if not isinstance(claimed, int) or isinstance(claimed, bool) or not 0 <= claimed < 2**63:
        raise NotAuthenticated("The token is not valid here: its 'quota_bytes' is no whole number of bytes.")
    return claimed


def _storable(name: str) -> str:
    """A name cut and without the characters that no database takes: it is shown, never compared."""
    return name.encode(errors="ignore").decode().replace("\x00", "")[:MAX_TEXT_LENGTH]
