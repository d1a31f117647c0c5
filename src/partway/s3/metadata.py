"""What travels with an object as `x-amz-meta-…` headers, pure.

Headers carry ASCII. S3 says that it takes other characters, and gives them back, encoded by RFC 2047:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from email.errors import HeaderParseError
from email.header import decode_header

METADATA_PREFIX = "x-amz-meta-"  #: of the headers' names
TOKEN_HEADER = "x-amz-meta-partway-token"  # noqa: S105  # a header's name
_START, _END = "=?UTF-8?B?", "?="
_MAX_WORD = 45  #: bytes of UTF-8 in one encoded word, which has at most 75 characters (RFC 2047, section 2)


def metadata_headers(metadata: Mapping[str, str]) -> dict[str, str]:
    """The headers that carry metadata, with lower-case names."""
    return {f"{METADATA_PREFIX}{name.lower()}": encode_value(value) for name, value in metadata.items()}


def read_metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """The metadata that headers carry, but for our own token.

    Args:
        headers: with lower-case names.
    """
    return {
        name.removeprefix(METADATA_PREFIX): decode_value(value)
        for name, value in headers.items()
        if name.startswith(METADATA_PREFIX) and name != TOKEN_HEADER
    }


def encode_value(value: str) -> str:
    """A value as it goes into a header: as it is, or as encoded words if it would not come back so.

    Besides what is no printable ASCII these are outer and double spaces, which signing folds, and what looks like an
    encoded word.
    """
    plain = value.isascii() and value.isprintable() and value == " ".join(value.split()) and "=?" not in value
    return value if plain else " ".join(f"{_START}{base64.b64encode(word).decode()}{_END}" for word in _words(value))


def decode_value(header: str) -> str:
    """The value that a header carries; as it is, if it holds no encoded word or none that can be read."""
    if "=?" not in header:
        return header
    try:
        words = decode_header(header)
        return "".join(word if isinstance(word, str) else word.decode(charset or "latin-1") for word, charset in words)
    except (HeaderParseError, LookupError, ValueError):
        return header


def _words(value: str) -> Iterator[bytes]:
    """The value's UTF-8, cut between characters: each encoded word must be readable alone (RFC 2047, section 5)."""
    word = b""
    for character in value:
        encoded = character.encode()
        if len(word) + len(encoded) > _MAX_WORD:
            yield word
            word = b""
        word += encoded
    yield word
