"""The calls of the wire: JSON over kept-alive connections, tried again until the service is back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from partway.client.answers import Answer
from partway.client.connections import Connections
from partway.client.patience import Notice, Patience
from partway.client.problems import error_of, is_final, retry_after
from partway.client.requests import Origin, Request, split_url
from partway.client.stopping import Stop
from partway.errors import NotAuthenticated, PartwayError, Unreachable

DEFAULT_PREFIX = "/v1"
#: Seconds that a service which has never answered yet is waited for: it may be a wrong address.
FIRST_CONTACT = 10.0
#: Seconds that a service which answers 500 is asked again: a fault seldom heals.
_FAULT_PATIENCE = 20.0

Token = str | Callable[[], str] | None


class Api:
    """One service as one caller sees it.

    Args:
        url: of the service: `https://files.example.com`, or with the API's prefix if it is not `/v1`.
        token: the bearer token, or a function that gives one (asked for each request, so that it may renew it).
        connections: shared ones.
        patience: seconds that a service may be away.
        notice: told of every pause.

    Raises:
        InvalidInput: the URL is none.
    """

    def __init__(
        self, url: str, *, token: Token, connections: Connections, patience: float, notice: Notice | None = None
    ) -> None:
        self.origin, prefix = split_url(url.rstrip("/"))
        self._prefix = DEFAULT_PREFIX if prefix == "/" else prefix
        self._token = token
        self._connections = connections
        self._patience = patience
        self._notice = notice
        self._reached = False

    def absolute(self, url: str) -> str:
        """A URL of an answer; one that begins with `/` belongs to the service's own origin."""
        return f"{self.origin}{url}" if url.startswith("/") else url

    def call(
        self,
        method: str,
        path: str,
        *,
        stop: Stop,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send one request until it is answered for good.

        Args:
            path: behind the prefix.
            query: values that are None are left out.
            body: JSON-able, or None for none.

        Returns:
            The answer's JSON; None if it has none.

        Raises:
            PartwayError: what the service refuses; see the codes of the wire.
            Unreachable: it did not answer within the patience.
            Stopped: the end was asked for.
        """
        answer = self._answer(self._request(method, path, query, body, headers or {}), stop)
        if answer.status >= 300:
            raise error_of(answer, url=f"{self.origin}{self._prefix}{path}")
        return answer.json() if answer.body else None

    def request(self, method: str, path: str, *, headers: Mapping[str, str]) -> Request:
        """A request with the caller's token, for whoever reads the answer as it comes."""
        return self._authorise(self._request(method, path, None, None, headers))

    def _request(
        self, method: str, path: str, query: Mapping[str, Any] | None, body: Any, headers: Mapping[str, str]
    ) -> Request:
        target = self._prefix + path
        pairs = [(name, value) for name, value in (query or {}).items() if value is not None]
        if pairs:
            target += "?" + urlencode(pairs)
        sent = {"Accept": "application/json", **headers}
        content = b""
        if body is not None:
            content = json.dumps(body, separators=(",", ":")).encode()
            sent["Content-Type"] = "application/json"
        return Request(method, self.origin, target, sent, content)

    def _answer(self, request: Request, stop: Stop) -> Answer:
        patience = Patience(self._patience, stop=stop, notice=self._notice)
        refused_before = False
        while True:
            authorised = self._authorise(request)
            try:
                answer = self._connections.exchange(authorised, stop=stop)
            except OSError as error:
                trouble = unreachable(self.origin, error)
                if is_hopeless(error):
                    raise trouble from error
                patience.pause(trouble, seconds=None if self._reached else FIRST_CONTACT)
                continue
            self._reached = True
            if answer.status == 401 and callable(self._token) and not refused_before:
                refused_before = True
                continue
            if is_final(answer):
                return answer
            patience.pause(
                error_of(answer, url=str(self.origin)),
                retry_after=retry_after(answer),
                seconds=_FAULT_PATIENCE if answer.status == 500 else None,
            )

    def _authorise(self, request: Request) -> Request:
        token = self._token() if callable(self._token) else self._token
        if not token:
            return request
        if not token.isascii() or not token.isprintable() or " " in token:
            raise NotAuthenticated("The token holds characters that no token has; check PARTWAY_TOKEN or --token.")
        return request._replace(headers={**request.headers, "Authorization": f"Bearer {token}"})


def path_of(file_id: str, *, upload: bool = False) -> str:
    """The path of one file, or of its upload."""
    return f"/files/{'uploads/' if upload else ''}{quote(str(file_id), safe='')}"


def unreachable(origin: Origin, error: OSError) -> PartwayError:
    """No answer, in one line."""
    reason = error.strerror or str(error) or type(error).__name__
    return Unreachable(f"Cannot reach {origin}: {reason}. Check that it runs and that the address is right.")


def is_hopeless(error: OSError) -> bool:
    """Whether trying again cannot help: the certificate is not trusted."""
    return type(error).__name__ == "SSLCertVerificationError"
