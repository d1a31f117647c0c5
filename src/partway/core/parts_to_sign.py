"""Which parts of a file are to be presigned, and with what. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from partway.core.checksums import ChecksumAlgorithm, check_checksum
from partway.core.file import File
from partway.core.in_turn import InTurn
from partway.core.parts import PartPlan
from partway.core.ports import PartToSign
from partway.errors import InvalidInput


def parts_to_sign(file: File, part_numbers: Iterable[int], checksums: Mapping[int, str]) -> Iterable[PartToSign]:
    """What to presign for some parts of a file.

    Args:
        checksums: part number → base64, in the file's algorithm.

    Raises:
        InvalidInput: a part is not in the plan, or its checksum is missing or malformed. Parts that need a checksum are
            looked at one by one, when their turn comes.
    """
    if file.checksum_algorithm is None:
        return _plain_parts(file.plan, part_numbers)
    return _guarded_parts(file.plan, part_numbers, algorithm=file.checksum_algorithm, checksums=checksums)


def _plain_parts(plan: PartPlan, part_numbers: Iterable[int]) -> Sequence[PartToSign]:
    numbers = list(part_numbers)
    for outermost in (min(numbers), max(numbers)) if numbers else ():
        plan.check_part_number(outermost)
    return InTurn(numbers, partial(_each_plain, plan))


def _each_plain(plan: PartPlan, part_numbers: Iterable[int]) -> Iterator[PartToSign]:
    """Parts without checksums. Thousands of them are waited for, so nothing of ours is called for each."""
    last, part_size, last_size = plan.num_parts, plan.part_size, plan.size_of(plan.num_parts)
    new = tuple.__new__  # the class's own constructor would take half as long again
    for number in part_numbers:
        yield new(PartToSign, (number, part_size if number < last else last_size, None, (number - 1) * part_size))


def _guarded_parts(
    plan: PartPlan, part_numbers: Iterable[int], *, algorithm: ChecksumAlgorithm, checksums: Mapping[int, str]
) -> Iterator[PartToSign]:
    for number in part_numbers:
        plan.check_part_number(number)
        checksum = checksums.get(number)
        if checksum is None:
            raise InvalidInput(
                f"This upload was begun with {algorithm} checksums: send the checksum of part {number} with it.",
                field="checksums",
                code="checksum_required",
            )
        check_checksum(algorithm, checksum)
        yield PartToSign(number, plan.size_of(number), checksum, plan.offset_of(number))
