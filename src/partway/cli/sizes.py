"""Sizes, rates and times as people write and read them."""

from __future__ import annotations

import re

import click

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
_SIZE = re.compile(r"(?i)\s*([0-9]+(?:\.[0-9]+)?)\s*(?:([kmgt])i?b?|b|bytes)?\s*")
_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4}


def human_size(size: float) -> str:
    """`1.5 GiB`: three digits at most, in powers of 1024."""
    value, unit = float(size), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value /= 1024
        unit += 1
    if unit == 0:
        return f"{int(value)} {'byte' if int(value) == 1 else 'bytes'}"
    return f"{value:.1f} {_UNITS[unit]}" if value < 99.95 else f"{value:.0f} {_UNITS[unit]}"


def human_time(seconds: float) -> str:
    """`0:08`, `12:30` or `1:02:03`."""
    whole = int(seconds + 0.5)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def parse_size(text: str) -> int:
    """Bytes of `64MiB`, `64M`, `1.5g` or `67108864`; units are powers of 1024.

    Raises:
        ValueError: it is none of these.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is not a size; write bytes, or a number with KiB, MiB or GiB.")
    return int(float(match[1]) * 1024 ** _POWERS.get((match[2] or "").lower(), 0))


class Size(click.ParamType[int]):
    """A size on the command line."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes."""
        if isinstance(value, int):
            return value
        try:
            return parse_size(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
