"""What a store of ours decides before it joins parts: they are there, as claimed, in order, and large enough. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from partway.core.checksums import ChecksumAlgorithm
from partway.core.parts import StoredPart, plain_etag
from partway.stores.digests import checksum_of_parts
from partway.stores.refusals import refused


def parts_to_join(
    held: Mapping[int, StoredPart], claimed: Sequence[StoredPart], *, min_part_size: int
) -> list[StoredPart]:
    """The held parts that the claimed ones name, in order.

    Rules: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html

    Args:
        held: part number → part.
        claimed: what is to be joined; number and ETag count.
        min_part_size: bytes of the smallest part that is not the last.

    Raises:
        StoreRefused: InvalidPart, InvalidPartOrder or EntityTooSmall.
    """
    if not claimed:
        raise refused("InvalidPart", "An upload is completed with at least one part.")
    if any(after.part_number <= before.part_number for before, after in pairwise(claimed)):
        raise refused("InvalidPartOrder")
    joined = []
    for part in claimed:
        found = held.get(part.part_number)
        if found is None or found.etag != plain_etag(part.etag):
            raise refused("InvalidPart", f"Part {part.part_number} is not there, or has another ETag.")
        joined.append(found)
    if any(part.size < min_part_size for part in joined[:-1]):
        raise refused("EntityTooSmall", f"Every part but the last has at least {min_part_size} bytes.")
    return joined


def checked_checksum(
    parts: Sequence[StoredPart], *, algorithm: ChecksumAlgorithm | None, expected: str | None
) -> str | None:
    """The joined object's checksum as records have it ("crc32:base64…"), compared with the expected one.

    Raises:
        StoreRefused: BadDigest: they differ.
    """
    checksum = checksum_of_parts(algorithm, parts)
    if expected is not None and algorithm is not None and algorithm.joinable and checksum != expected:
        raise refused("BadDigest", f"The object's {algorithm} checksum is {checksum}, not {expected}.")
    return f"{algorithm}:{checksum}" if checksum is not None else None
