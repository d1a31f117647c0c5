"""How a file's size is cut into parts: part size, count, last part, and the store's limits.

Rules: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html (at most 10,000 parts of 5 MiB to 5 GiB, the
last may be smaller). All parts but the last are equal because Cloudflare R2 takes nothing else, and the last is never
empty, except that an empty file is one empty part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from partway.errors import InvalidInput, PolicyRefused

MIB = 1024 * 1024
GIB = 1024 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLimits:
    """What a store takes, in bytes and counts."""

    min_part_size: int = 5 * MIB  #: smallest part that is not the last, bytes
    max_part_size: int = 5 * GIB  #: largest part, bytes
    max_parts: int = 10_000  #: parts are numbered 1..max_parts
    max_object_size: int = 5 * GIB * 10_000  #: largest object, bytes (48.8 TiB on S3)


S3_LIMITS = StoreLimits()


@dataclass(frozen=True, slots=True)
class PartPlan:
    """How one file is cut: `num_parts` parts of `part_size` bytes, the last with what remains."""

    file_size: int  #: bytes
    part_size: int  #: bytes of every part but the last
    num_parts: int

    def size_of(self, part_number: int) -> int:
        """Bytes of part `part_number` (1..num_parts)."""
        if part_number < self.num_parts:
            return self.part_size
        return self.file_size - (self.num_parts - 1) * self.part_size

    def offset_of(self, part_number: int) -> int:
        """Where part `part_number` begins in the file, bytes."""
        return (part_number - 1) * self.part_size

    def part_numbers(self) -> range:
        """All part numbers, 1..num_parts."""
        return range(1, self.num_parts + 1)

    def check_part_number(self, part_number: int) -> None:
        """Raise `InvalidInput` unless `part_number` is in the plan."""
        if not 1 <= part_number <= self.num_parts:
            raise InvalidInput(
                f"Part {part_number} is not in the plan: this upload has parts 1 to {self.num_parts}.",
                field="part_number",
            )


def plan_parts(file_size: int, *, part_size: int = 8 * MIB, limits: StoreLimits = S3_LIMITS) -> PartPlan:
    """Cut a file into as few equal parts as a preferred part size allows.

    Args:
        file_size: bytes, 0 or more.
        part_size: preferred bytes of a part; it grows (in whole MiB) until the file fits into `limits.max_parts`, and
            is brought into the limits of the store.
        limits: the store's.

    Raises:
        InvalidInput: the size is negative.
        PolicyRefused: the store takes no object of this size.
    """
    _check_file_size(file_size, limits)
    wanted = min(max(part_size, limits.min_part_size), limits.max_part_size)
    needed = -(-file_size // limits.max_parts)
    if needed > wanted:
        wanted = min(-(-needed // MIB) * MIB, limits.max_part_size)
    if file_size <= wanted:
        return PartPlan(file_size, file_size, 1)
    return PartPlan(file_size, wanted, -(-file_size // wanted))


def check_plan(file_size: int, *, part_size: int, num_parts: int, limits: StoreLimits = S3_LIMITS) -> PartPlan:
    """Take a plan that a client made, if the store can carry it out.

    A plan of one part may name any part size that holds the file. Every other plan has parts of at least
    `limits.min_part_size` and a last part that is not empty.

    Raises:
        InvalidInput: the numbers do not fit each other or the limits; the detail says which would.
        PolicyRefused: the store takes no object of this size.
    """
    _check_file_size(file_size, limits)
    if not 1 <= num_parts <= limits.max_parts:
        raise InvalidInput(
            f"num_parts is {num_parts}; it must be between 1 and {limits.max_parts}."
            + _right_numbers(file_size, limits),
            field="num_parts",
        )
    if num_parts == 1 and part_size >= file_size and file_size <= limits.max_part_size:
        return PartPlan(file_size, file_size, 1)
    if not limits.min_part_size <= part_size <= limits.max_part_size:
        raise InvalidInput(
            f"part_size is {part_size} bytes; with more than one part it must be between {limits.min_part_size} "
            f"(5 MiB on S3) and {limits.max_part_size}.{_right_numbers(file_size, limits)}",
            field="part_size",
        )
    if not (num_parts - 1) * part_size < file_size <= num_parts * part_size:
        right = -(-file_size // part_size) or 1
        raise InvalidInput(
            f"File size doesn't match parts: {file_size} bytes in parts of {part_size} are {right}, not {num_parts}.",
            field="num_parts",
            num_parts=right,
        )
    return PartPlan(file_size, part_size, num_parts)


def _check_file_size(file_size: int, limits: StoreLimits) -> None:
    if file_size < 0:
        raise InvalidInput("file_size is negative; give the file's size in bytes.", field="file_size")
    if file_size > limits.max_object_size:
        raise PolicyRefused(
            f"The file has {file_size} bytes; this store takes at most {limits.max_object_size}.",
            code="file_too_large",
            max_file_size=limits.max_object_size,
        )


def _right_numbers(file_size: int, limits: StoreLimits) -> str:
    plan = plan_parts(file_size, limits=limits)
    return f" For this file num_parts {plan.num_parts} and part_size {plan.part_size} are right."


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPart:
    """A part that the store holds."""

    part_number: int
    size: int  #: bytes
    etag: str  #: without quotes
    checksum: str | None = None  #: base64, in the upload's algorithm, if the store keeps it
    last_modified: datetime | None = None


class ClaimedPart(NamedTuple):
    """What a client says of a part that it has sent."""

    part_number: int
    etag: str = ""  #: as it got it, with or without quotes; empty: it does not say
    checksum: str | None = None  #: base64; for stores that do not list checksums and want them back


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsHeld:
    """What of a plan the store holds: the outcome of comparing the plan with the store's listing."""

    parts: tuple[StoredPart, ...]  #: one for each held and right part, by number
    missing: tuple[int, ...]  #: numbers that are not there, or not in their planned size
    unplanned: tuple[int, ...]  #: numbers outside the plan
    disagreeing: tuple[int, ...]  #: numbers whose ETag the client claims differently

    @property
    def complete(self) -> bool:
        """Every planned part is there in its planned size, and nothing else."""
        return not (self.missing or self.unplanned or self.disagreeing)

    @property
    def size(self) -> int:
        """Bytes held, of planned parts."""
        return sum(part.size for part in self.parts)


def compare_with_plan(
    plan: PartPlan, listing: Iterable[StoredPart], *, claims: Mapping[int, ClaimedPart] | None = None
) -> PartsHeld:
    """Hold the store's listing of parts against the plan and against what the client claims.

    A part that was sent twice may be listed twice, in any order (SeaweedFS does that). The one whose ETag the client
    claims counts, else the newest.

    Args:
        plan: the upload's.
        listing: the store's.
        claims: part number → what the client says of it. What it leaves out is not compared.
    """
    claims = claims or {}
    wanted = {number: plain_etag(claim.etag) for number, claim in claims.items() if claim.etag}
    held: dict[int, StoredPart] = {}
    for part in listing:
        rival = held.get(part.part_number)
        if rival is None or _counts_over(part, rival, wanted.get(part.part_number)):
            held[part.part_number] = part
    right = [
        _with_checksum(held[number], claims.get(number))
        for number in plan.part_numbers()
        if number in held and held[number].size == plan.size_of(number)
    ]
    numbers = {part.part_number for part in right}
    return PartsHeld(
        parts=tuple(right),
        missing=tuple(number for number in plan.part_numbers() if number not in numbers),
        unplanned=tuple(sorted(number for number in held if not 1 <= number <= plan.num_parts)),
        disagreeing=tuple(sorted(number for number in claims if number in held and _disagrees(held[number], claims))),
    )


def _with_checksum(part: StoredPart, claim: ClaimedPart | None) -> StoredPart:
    """The part with the checksum that the client says it has, if the store does not list one."""
    if part.checksum is not None or claim is None or claim.checksum is None:
        return part
    return replace(part, checksum=claim.checksum)


def _disagrees(part: StoredPart, claims: Mapping[int, ClaimedPart]) -> bool:
    claim = claims[part.part_number]
    other_etag = bool(claim.etag) and plain_etag(claim.etag) != part.etag
    other_checksum = None not in (claim.checksum, part.checksum) and claim.checksum != part.checksum
    return other_etag or other_checksum


def _counts_over(part: StoredPart, rival: StoredPart, wanted_etag: str | None) -> bool:
    return _rank(part, wanted_etag) > _rank(rival, wanted_etag)


def _rank(part: StoredPart, wanted_etag: str | None) -> tuple[bool, float]:
    return part.etag == wanted_etag, part.last_modified.timestamp() if part.last_modified else 0.0


def plain_etag(etag: str) -> str:
    """An ETag without quotes and without a weak mark (RFC 9110, section 8.8.3)."""
    return etag.strip().removeprefix("W/").strip('"')
