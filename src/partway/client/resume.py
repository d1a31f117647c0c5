"""Finding an open upload of the same content, and proving that what it holds is ours, part by part."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from partway.client.api import Api, path_of
from partway.client.part_checksums import COMPUTABLE, PartSums, part_md5
from partway.client.sources import Source
from partway.client.spec import UploadSpec
from partway.client.stopping import Stop
from partway.core.checksums import ChecksumAlgorithm
from partway.core.parts import PartPlan, plain_etag
from partway.errors import NotFound

_MD5_LENGTH = 32  #: hex digits
_CANDIDATES = 20  #: open uploads of one fingerprint that are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenUpload:
    """An upload that takes parts."""

    id: str
    sums: PartSums
    held: frozenset[int] = frozenset()  #: numbers of the parts that the store holds with our bytes

    @property
    def plan(self) -> PartPlan:
        """How the file is cut."""
        return self.sums.plan


class Claims:
    """The uploads that this client works on, so that two equal files do not take up the same one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: set[str] = set()

    def take(self, upload_id: str) -> bool:
        """Claim an upload; false if it is claimed already."""
        with self._lock:
            if upload_id in self._ids:
                return False
            self._ids.add(upload_id)
            return True

    def release(self, upload_id: str) -> None:
        """Give a claim back."""
        with self._lock:
            self._ids.discard(upload_id)


def find_open_upload(
    api: Api, source: Source, spec: UploadSpec, *, fingerprint: str, claims: Claims, stop: Stop
) -> OpenUpload | None:
    """The newest open upload of this content that the bytes at hand confirm, claimed; None: begin anew.

    The name may be another: the fingerprint and then every uploaded part decide. What the upload is attached to must
    be the same.
    """
    query = {"status": "uploading", "fingerprint": fingerprint, "limit": _CANDIDATES}
    for record in api.call("GET", "/files", query=query, stop=stop)["results"]:
        if not _fits(record, source, spec) or not claims.take(record["id"]):
            continue
        opened = _confirmed(api, record["id"], source, stop)
        if opened is not None:
            return opened
        claims.release(record["id"])
        # Its content is another: mixing is out of the question, and an older one is no better.
        return None
    return None


def _fits(record: Mapping[str, Any], source: Source, spec: UploadSpec) -> bool:
    parent = (record["parent_content_type"], str(record["parent_object_id"] or ""))
    return record["file_size"] == source.size and parent == (
        spec.parent_content_type,
        str(spec.parent_object_id or ""),
    )


def _confirmed(api: Api, upload_id: str, source: Source, stop: Stop) -> OpenUpload | None:
    try:
        state = api.call("GET", path_of(upload_id, upload=True), stop=stop)
    except NotFound:
        return None
    algorithm = state["checksum_algorithm"]
    if state["upload_status"] != "uploading" or (algorithm is not None and algorithm not in COMPUTABLE):
        return None
    plan = PartPlan(source.size, state["part_size"], state["num_parts"])
    sums = PartSums(source, plan, ChecksumAlgorithm(algorithm) if algorithm else None)
    held = set()
    for part in state["uploaded_parts"]:
        stop.check()
        same = _is_ours(part, sums, source)
        if same is False:
            return None
        if same:
            held.add(part["part_number"])
    return OpenUpload(id=upload_id, sums=sums, held=frozenset(held))


def _is_ours(part: Mapping[str, Any], sums: PartSums, source: Source) -> bool | None:
    """Whether an uploaded part has our bytes; None: there is nothing to compare, so it is sent again."""
    number, plan = part["part_number"], sums.plan
    if not 1 <= number <= plan.num_parts or part["size"] != plan.size_of(number):
        return None
    if part["checksum"] and sums.algorithm is not None:
        return bool(sums.of(number) == part["checksum"])
    etag = plain_etag(part["etag"] or "")
    if len(etag) == _MD5_LENGTH:
        sums.of(number)  # for the completion and the whole file's
        return part_md5(source, offset=plan.offset_of(number), size=part["size"]) == etag
    return None
