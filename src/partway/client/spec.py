"""What a file is to be called, how it is to be sent, and by what means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from partway.client.api import Api
from partway.client.connections import Connections
from partway.client.patience import Notice
from partway.client.slots import Slots
from partway.core.checksums import ChecksumAlgorithm
from partway.core.parts import MIB, PartPlan, plan_parts

#: Bytes of the largest file that goes as one part without asking the server for a plan.
ONE_PART = 8 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSpec:
    """What one file is to be."""

    file_name: str
    content_type: str = ""
    folder: str = ""
    description: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    is_public: bool = False
    parent_content_type: str | None = None
    parent_object_id: str | int | None = None
    algorithm: ChecksumAlgorithm | None = ChecksumAlgorithm.CRC32
    part_size: int | None = None  #: preferred, bytes; None: the server's
    resume: bool = True

    def to_json(self, size: int) -> dict[str, Any]:
        """The body of an initiation, without the plan."""
        body = {
            "checksum_algorithm": self.algorithm,
            "folder": self.folder,
            "description": self.description,
            "metadata": dict(self.metadata),
            "is_public": self.is_public,
            "parent_content_type": self.parent_content_type,
            "parent_object_id": self.parent_object_id,
        }
        return {
            "file_name": self.file_name,
            "file_size": size,
            "file_content_type": self.content_type,
            **{name: value for name, value in body.items() if value},
        }

    def own_plan(self, size: int) -> PartPlan | None:
        """The plan where the client makes it; None: the server plans."""
        if self.part_size is not None:
            return plan_parts(size, part_size=self.part_size)
        return PartPlan(size, size, 1) if size <= ONE_PART else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What all uploads of a client share."""

    api: Api
    connections: Connections
    slots: Slots
    patience: float  #: seconds that a trouble may last
    notice: Notice | None
