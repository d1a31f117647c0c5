"""What the runnable contracts of ports say with: an expectation, and that it was not met."""

from __future__ import annotations

from collections.abc import Awaitable

from partway.errors import PartwayError


class ContractBroken(AssertionError):
    """An adapter did not do what all of its kind must; the text says what was expected."""


def expect(held: bool, expectation: str, *, found: object = "") -> None:
    """Raise `ContractBroken` unless the expectation held."""
    if not held:
        raise ContractBroken(f"expected that {expectation}" + (f"; found {found!r}" if found != "" else ""))


async def expect_error(error: type[PartwayError], deed: Awaitable[object], expectation: str) -> PartwayError:
    """Await a deed that must raise `error`, and return what it raised."""
    try:
        outcome = await deed
    except error as raised:
        return raised
    except Exception as raised:
        raise ContractBroken(f"expected that {expectation}; found {raised!r}") from raised
    raise ContractBroken(f"expected that {expectation}; found {outcome!r}")
