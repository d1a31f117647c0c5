"""How single settings are read from the environment, and what is said of those that are wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import urlsplit

from partway.core.parts import GIB, MIB
from partway.core.rates import Rate
from partway.errors import Misconfigured

T = TypeVar("T")


class Environment:
    """Reads single settings and says which one is wrong; an empty one counts as not set.

    Args:
        variables: such as `os.environ`.

    Every method raises `Misconfigured`, whose fact `setting` names the wrong one.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def text(self, name: str) -> str | None:
        """The setting without white space around it."""
        return self._variables.get(name, "").strip() or None

    def integer(self, name: str, default: int, *, low: int, high: int) -> int:
        """A whole number in a range."""
        text = self.text(name)
        if text is None:
            return default
        return self._parsed(name, text, lambda: _within(int(text), low, high), f"a whole number from {low} to {high}")

    def megabytes(self, name: str) -> int | None:
        """A number of mebibytes, in bytes."""
        return None if self.text(name) is None else self.integer(name, 0, low=0, high=5 * GIB * 10_000 // MIB) * MIB

    def size(self, name: str) -> int | None:
        """A number of bytes, such as `1000000`, `500MiB` or `10 GiB`."""
        text = self.text(name)
        if text is None:
            return None
        return self._parsed(name, text, lambda: _bytes(text), "a number of bytes, or one with KiB, MiB, GiB or TiB")

    def count(self, name: str) -> int | None:
        """A whole number of at least 1."""
        return None if self.text(name) is None else self.integer(name, 0, low=1, high=2**31)

    def rate(self, name: str) -> Rate | None:
        """So much in a while, such as `600/minute`."""
        text = self.text(name)
        if text is None:
            return None
        return self._parsed(name, text, lambda: Rate.read(text), "such as 600/minute (second, minute, hour or day)")

    def redis_url(self, name: str) -> str | None:
        """A URL of Redis. No error repeats it: it may hold a password."""
        text = self.text(name)
        if text is None:
            return None
        if not re.fullmatch(r"rediss?://[^\s?#]+", text) or not _has_host(text):
            raise Misconfigured(f"{name} must be a URL such as redis://redis.example.com:6379/0.", setting=name)
        return text

    def names(self, name: str) -> frozenset[str] | None:
        """Names between commas, in lower case, without leading dots."""
        text = self.text(name)
        if text is None:
            return None
        return frozenset(each.strip().lower().removeprefix(".") for each in text.split(",") if each.strip())

    def present(self, name: str) -> bool:
        """Whether the setting is there at all, be it empty."""
        return name in self._variables

    def switch(self, name: str, *, default: bool = False) -> bool:
        """True or false."""
        text = (self.text(name) or str(default)).lower()
        if text in {"true", "1", "yes", "on"}:
            return True
        if text in {"false", "0", "no", "off"}:
            return False
        raise Misconfigured(f"{name} is '{text}'; it must be true or false.", setting=name)

    def pairs(self, name: str) -> dict[str, str] | None:
        """Pairs such as `a=b` between commas."""
        text = self.text(name)
        if text is None:
            return None
        found = {}
        for pair in filter(None, (each.strip() for each in text.split(","))):
            left, equals, right = pair.partition("=")
            if not (left.strip() and equals and right.strip()):
                raise Misconfigured(
                    f"{name}: '{pair}' is no pair such as .pdf=application/pdf; separate pairs by commas.", setting=name
                )
            found[left.strip()] = right.strip()
        return found

    def secret(self, name: str) -> str | None:
        """A secret of at least 32 bytes. No error repeats it."""
        text = self.text(name)
        if text is not None and len(text.encode()) < 32:
            raise Misconfigured(
                f"{name} is shorter than 32 bytes; make one with: openssl rand -hex 32",
                setting=name,
            )
        return text

    def attribute(self, name: str) -> str | None:
        """A Python module and an attribute of it, such as `myapp.files:hooks`."""
        text = self.text(name)
        if text is None:
            return None
        module, _, attribute = text.partition(":")
        if not all(each.isidentifier() for each in (*module.split("."), attribute)):
            raise Misconfigured(f"{name} is '{text}'; it must be module:attribute, as myapp.files:hooks.", setting=name)
        return text

    def url(self, name: str) -> str | None:
        """An http or https URL without query, fragment and closing slash."""
        text = self.text(name)
        if text is None:
            return None
        if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", text) or not _has_host(text):
            raise Misconfigured(f"{name} must be a URL such as https://files.example.com.", setting=name)
        return text.rstrip("/")

    def origins(self, name: str) -> tuple[str, ...]:
        """Origins between commas; `*` is one."""
        origins = tuple(each.strip().rstrip("/") for each in (self.text(name) or "").split(",") if each.strip())
        for origin in origins:
            if origin != "*" and not re.fullmatch(r"https?://[^\s/?#]+", origin):
                raise Misconfigured(
                    f"{name}: '{origin}' is not an origin such as https://app.example.com.", setting=name
                )
        return origins

    def prefix(self, name: str, default: str) -> str:
        """A path in front of routes; here an empty one counts."""
        text = self._variables.get(name)
        plain = default if text is None else text.strip().rstrip("/")
        if plain and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", plain):
            raise Misconfigured(f"{name} must be a path such as /v1 or /api/v1.", setting=name)
        return plain

    @staticmethod
    def _parsed(name: str, text: str, parse: Callable[[], T], wanted: str) -> T:
        try:
            return parse()
        except ValueError as error:
            raise Misconfigured(f"{name} is '{text}'; it must be {wanted}.", setting=name) from error


def _has_host(url: str) -> bool:
    """Whether a URL names a host, and its port, if any, is one."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _bytes(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,19})\s*([KMGT]iB)?", text)
    if match is None:
        raise ValueError(text)
    return _within(int(match[1]) * 1024 ** (("", "KiB", "MiB", "GiB", "TiB").index(match[2] or "")), 0, 2**63 - 1)


def _within(number: int, low: int, high: int) -> int:
    if not low <= number <= high:
        raise ValueError(number)
    return number
