"""The settings of webhooks."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from partway.core.events import EventType
from partway.core.public_addresses import is_public
from partway.core.webhooks import DEFAULT_TYPES, MAX_URL_LENGTH, WebhookSettings, read_secret
from partway.errors import Misconfigured
from partway.service.environment import Environment

_URL = re.compile(r"https?://[!-~]+")
_PRIVATE = "set PARTWAY_WEBHOOK_ALLOW_PRIVATE=true if it is to be told"


def read_webhooks(read: Environment) -> WebhookSettings | None:
    """Who is told of what; None: nobody.

    Raises:
        Misconfigured: a setting is wrong. The error repeats no URL and no secret.
    """
    urls = tuple(dict.fromkeys(_words(read.text("PARTWAY_WEBHOOK_URLS"))))
    secrets = _secrets(read.text("PARTWAY_WEBHOOK_SECRET"))
    types = _types(read.text("PARTWAY_WEBHOOK_EVENTS"))
    allow_private = read.switch("PARTWAY_WEBHOOK_ALLOW_PRIVATE")
    for number, url in enumerate(urls, 1):
        trouble = _trouble(url, allow_private=allow_private)
        if trouble is not None:
            raise Misconfigured(f"PARTWAY_WEBHOOK_URLS: URL {number} {trouble}.", setting="PARTWAY_WEBHOOK_URLS")
    if not urls:
        return None
    if not secrets:
        raise Misconfigured(
            "PARTWAY_WEBHOOK_SECRET is not set, and webhooks are signed; make one with: "
            'echo "whsec_$(openssl rand -base64 32)"',
            setting="PARTWAY_WEBHOOK_SECRET",
        )
    return WebhookSettings(urls=urls, secrets=secrets, types=types, allow_private=allow_private)


def _trouble(url: str, *, allow_private: bool) -> str | None:
    """What is wrong with a URL, as the end of a sentence; None: nothing."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not _URL.fullmatch(url) or not host or port == 0 or "#" in url or len(url) > MAX_URL_LENGTH:
        return f"must be a URL such as https://app.example.com/hooks, of at most {MAX_URL_LENGTH} characters"
    if parts.username is not None:
        return "holds a name or a password; the signature says who we are"
    if allow_private:
        return None
    if parts.scheme != "https":
        return f"is not https; {_PRIVATE}"
    return None if _may_be_public(host) else f"names an address that is not of the public internet; {_PRIVATE}"


def _may_be_public(host: str) -> bool:
    """Whether a host may be one of the public internet: where its name leads is looked at with each connection."""
    try:
        ip_address(host)
    except ValueError:
        return host.rstrip(".") != "localhost" and not host.rstrip(".").endswith(".localhost")
    return is_public(host)


def _secrets(text: str | None) -> tuple[bytes, ...]:
    try:
        return tuple(read_secret(each) for each in _words(text))
    except ValueError as error:
        raise Misconfigured(
            f'PARTWAY_WEBHOOK_SECRET holds {error}; make one with: echo "whsec_$(openssl rand -base64 32)"',
            setting="PARTWAY_WEBHOOK_SECRET",
        ) from error


def _types(text: str | None) -> frozenset[EventType]:
    if text is None:
        return DEFAULT_TYPES
    try:
        return frozenset(EventType(each) for each in _words(text))
    except ValueError as error:
        raise Misconfigured(
            f"PARTWAY_WEBHOOK_EVENTS is '{text}'; it may name {', '.join(EventType)}.",
            setting="PARTWAY_WEBHOOK_EVENTS",
        ) from error


def _words(text: str | None) -> list[str]:
    return (text or "").replace(",", " ").split()
