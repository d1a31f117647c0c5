"""The blocking client. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from uuid import uuid4

from partway.client.api import Api, Token, path_of
from partway.client.connection import Timeouts
from partway.client.connections import Connections
from partway.client.download import Download, target_path
from partway.client.many_files import ManyFiles
from partway.client.meter import Meter, Progress
from partway.client.names import content_type_of, name_of
from partway.client.part_checksums import choose_algorithm
from partway.client.patience import DEFAULT_PATIENCE, Notice
from partway.client.resume import Claims
from partway.client.slots import Slots
from partway.client.small_files import SmallFileGroup
from partway.client.sources import open_source
from partway.client.spec import Means, UploadSpec
from partway.client.stopping import Stop
from partway.client.upload import FileUpload
from partway.client.values import Deletion, FileEvent, Outcome, PresignedUrl, RemoteFile
from partway.client.watching import Watch
from partway.errors import Refused

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_WORKERS = 8  #: parts that travel at once
_PAGE = 200  #: files asked for at once
_MOST_DELETED = 1000  #: files in one request

#: What can be uploaded: a path, or a binary file or stream that can seek.
Uploadable = str | os.PathLike[str] | IO[bytes]


class Client:
    """Uploads to and downloads from a Partway service. May be used by several threads.

    Args:
        url: of the service; default: `PARTWAY_URL`, else http://127.0.0.1:8000. With a path, that is the API's prefix.
        token: the bearer token, or a function that gives one; default: `PARTWAY_TOKEN`.
        timeout: seconds without a byte moving after which a connection is given up and the request sent again; an
            answer may take four times as long to begin.
        patience: seconds that the service or the store may be away.
        workers: parts that travel at once, over all files of this client.
        notice: called with what is wrong and the seconds until the next try, whenever something is tried again.

    Raises:
        InvalidInput: the URL is none.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: Token = None,
        timeout: float = 30.0,
        patience: float = DEFAULT_PATIENCE,
        workers: int = DEFAULT_WORKERS,
        notice: Notice | None = None,
    ) -> None:
        self._connections = Connections(timeouts=Timeouts(stall=timeout, answer=4 * timeout))
        api = Api(
            url or os.environ.get("PARTWAY_URL") or DEFAULT_URL,
            token=token or os.environ.get("PARTWAY_TOKEN"),
            connections=self._connections,
            patience=patience,
            notice=notice,
        )
        self._means = Means(
            api=api, connections=self._connections, slots=Slots(workers), patience=patience, notice=notice
        )
        # Small files have slots of their own: they would wait behind the parts of large ones.
        self._small_slots = Slots(workers)
        self._claims = Claims()
        self._stop = Stop()

    def upload(
        self,
        what: Uploadable,
        *,
        name: str | None = None,
        content_type: str | None = None,
        folder: str = "",
        description: str = "",
        metadata: Mapping[str, Any] | None = None,
        is_public: bool = False,
        parent: tuple[str, str | int] | None = None,
        checksum: str | None = "crc32",
        part_size: int | None = None,
        resume: bool = True,
        progress: Progress | None = None,
    ) -> RemoteFile:
        """Upload one file; an earlier upload of the same content that was interrupted is taken up again.

        Args:
            what: a path, or a binary file or stream that can seek (sent whole, from its first byte).
            name: default: the path's last part.
            content_type: default: guessed from the name.
            folder: in the store: letters, digits, `.`, `_`, `-` and single slashes.
            metadata: a JSON object of yours.
            parent: (kind, id) of the object that the file is attached to.
            checksum: `crc32`, `sha256` or `md5` of each part, compared by the store; None for none.
            part_size: preferred, bytes; default: the server's.
            resume: whether an open upload is looked for.
            progress: called with bytes done and bytes in all, from other threads, at most ten times per second.

        Raises:
            InvalidInput, PolicyRefused, NotAuthenticated: the service does not take it.
            Refused: the file was changed meanwhile (`file_changed`), or the stored file is not the same
                (`checksum_mismatch`).
            StoreRefused, StoreUnavailable, Unreachable: the store or the service failed for longer than the patience;
                calling again goes on where it stopped.
        """
        spec = UploadSpec(
            file_name=name or name_of(what),
            content_type=content_type or content_type_of(name or name_of(what)),
            folder=folder,
            description=description,
            metadata=metadata or {},
            is_public=is_public,
            parent_content_type=parent[0] if parent else None,
            parent_object_id=parent[1] if parent else None,
            algorithm=choose_algorithm(checksum),
            part_size=part_size,
            resume=resume,
        )
        return self._upload(what, spec, progress=progress)

    def upload_many(self, files: Iterable[tuple[str, UploadSpec]], *, meter: Meter | None = None) -> Iterator[Outcome]:
        """Upload many files; small ones are begun and completed by the hundred.

        Args:
            files: (path, spec) pairs; read as they are needed.
            meter: counts the bytes of all.

        Returns:
            An outcome for each file, in the order in which they are ready; one file's error does not touch others.

        Raises:
            Unreachable, NotAuthenticated: what fails every file alike.
        """
        bound = self.with_stop(Stop(self._stop))
        meter = meter or Meter(0)
        group = SmallFileGroup(means=self._means, slots=self._small_slots, meter=meter, stop=bound._stop)
        many = ManyFiles(
            one=lambda path, spec: bound._upload(path, spec, onward=meter),
            group=group.run,
            stop=bound._stop,
        )
        return many.run(files)

    def download(
        self,
        file_id: str,
        target: str | os.PathLike[str] | IO[bytes] = ".",
        *,
        overwrite: bool = False,
        progress: Progress | None = None,
        meter: Meter | None = None,
    ) -> RemoteFile:
        """Download one file; an interrupted download into the same folder is taken up again.

        Args:
            target: a file's path, a folder (the file's own name is used, made safe), or a binary stream.
            overwrite: replace a file that is there.
            progress: as for `upload`.
            meter: counts the bytes too, for a display of your own.

        Raises:
            NotFound: there is no such file.
            Refused: it is there already (`file_exists`), cannot be written (`cannot_write`), or its bytes are not
                those of the record (`checksum_mismatch`).
            StoreRefused, StoreUnavailable, Unreachable: calling again goes on where it stopped.
        """
        file = self.get(file_id)
        meter = Meter(file.file_size, progress=progress, onward=meter)
        down = Download(
            self._means.api,
            self._connections,
            file=file,
            meter=meter,
            stop=self._stop,
            patience=self._means.patience,
            notice=self._means.notice,
        )
        if isinstance(target, str | os.PathLike):
            path = target_path(Path(target), file)
            if path.exists() and not overwrite:
                raise Refused(f"{path} is there already. Choose another name or overwrite it.", code="file_exists")
            down.into_path(path)
        else:
            down.into_stream(target)
        meter.finish()
        return file

    def list(
        self,
        *,
        status: str = "completed",
        search: str | None = None,
        parent: tuple[str, str | int] | None = None,
        fingerprint: str | None = None,
        deleted: bool = False,
    ) -> Iterator[RemoteFile]:
        """Your files, newest first, page after page as they are needed.

        Args:
            status: `completed`, `uploading`, `pending`, `completing`, `aborted`, `failed` or `all`.
            search: part of the name.
            parent: (kind, id) of the object that the files are attached to.
            fingerprint: of the content.
            deleted: the soft-deleted ones.
        """
        query: dict[str, Any] = {
            "status": status,
            "search": search,
            "parent_content_type": parent[0] if parent else None,
            "parent_object_id": parent[1] if parent else None,
            "fingerprint": fingerprint,
            "deleted": "true" if deleted else None,
            "limit": _PAGE,
        }
        while True:
            page = self._means.api.call("GET", "/files", query=query, stop=self._stop)
            yield from map(RemoteFile.from_json, page["results"])
            cursor = _cursor_of(page["next"])
            if cursor is None:
                return
            query["cursor"] = cursor

    def get(self, file_id: str) -> RemoteFile:
        """One file.

        Raises:
            NotFound: there is none of this id for you.
        """
        return RemoteFile.from_json(self._call("GET", path_of(file_id)))

    def update(
        self,
        file_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        is_public: bool | None = None,
    ) -> RemoteFile:
        """Change what is said of a file; None leaves it as it is.

        Raises:
            NotFound, InvalidInput: see the codes.
        """
        changes = {"name": name, "description": description, "metadata": metadata, "is_public": is_public}
        body = {field: value for field, value in changes.items() if value is not None}
        return RemoteFile.from_json(self._call("PATCH", path_of(file_id), body=body))

    def delete(self, file_id: str, *, hard: bool = False) -> None:
        """Hide a file, or with `hard` remove its bytes and its record for good.

        Raises:
            NotFound: there is none of this id for you.
        """
        self._call("DELETE", path_of(file_id), query={"hard_delete": "true"} if hard else None)

    def delete_many(self, file_ids: Iterable[str], *, hard: bool = False) -> Iterator[Deletion]:
        """Delete files by the thousand; what is wrong with one does not stop the others.

        Returns:
            An outcome for each id, in order. The requests are sent as outcomes are asked for.
        """
        ids = iter(file_ids)
        while batch := list(islice(ids, _MOST_DELETED)):
            answer = self._call("POST", "/files/bulk-delete", body={"ids": batch, "hard_delete": hard})
            yield from map(Deletion.from_json, answer["results"])

    def restore(self, file_id: str) -> RemoteFile:
        """Bring back a file that was deleted, but not for good.

        Raises:
            NotFound: there is none of this id for you any more.
        """
        return RemoteFile.from_json(self._call("POST", path_of(file_id) + "/restore"))

    def copy(
        self,
        file_id: str,
        *,
        folder: str = "",
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> RemoteFile:
        """Copy a file inside the store: a new file of yours, private, attached to nothing.

        Args:
            folder: as for `upload`.
            name: default: the source's.
            metadata: default: the source's.

        Raises:
            NotFound, InvalidInput, Conflict, PolicyRefused: see the codes.
        """
        asked = {"new_folder": folder, "new_name": name, "new_metadata": metadata}
        body = {field: value for field, value in asked.items() if value is not None}
        # A copy whose answer is lost is asked for again, and must not be made twice.
        answer = self._call("POST", path_of(file_id) + "/copy", body=body, headers={"Idempotency-Key": uuid4().hex})
        return RemoteFile.from_json(answer)

    def metadata(self, file_id: str) -> Mapping[str, Any]:
        """What the record and the store say of a file, side by side: see `GET /files/{id}/metadata` of the wire.

        Raises:
            NotFound: there is none of this id for you.
            ObjectGone: the store does not hold the file any more.
        """
        said: Mapping[str, Any] = self._call("GET", path_of(file_id) + "/metadata")
        return said

    def abort(self, file_id: str) -> None:
        """Give an upload up and drop its parts. Twice is fine.

        Raises:
            NotFound: there is none of this id for you.
            Conflict: it is complete.
        """
        self._call("DELETE", path_of(file_id, upload=True))

    def presigned_url(self, file_id: str, *, expiry: int | None = None, force_download: bool = False) -> PresignedUrl:
        """A URL that gives the bytes to anyone for a while.

        Args:
            expiry: seconds, 1 to 604800.
            force_download: browsers save it instead of showing it.
        """
        query = {"expiry": expiry, "force_download": "true" if force_download else None}
        answer = self._call("GET", path_of(file_id) + "/presigned-url", query=query)
        return PresignedUrl(self._means.api.absolute(answer["url"]), answer["expires_in"])

    def watch(self, file_id: str | None = None, *, after: int | None = None) -> Iterator[FileEvent]:
        """What happens to one upload until its end, or to all your files, as it happens and over all breaks.

        Args:
            after: the `position` of an event, to go on behind it.

        Raises:
            NotFound: there is none of this id for you.
        """
        return iter(Watch(self._means, file_id=file_id, after=after, stop=self._stop))

    def with_stop(self, stop: Stop) -> Self:
        """The same client, whose calls end with `Stopped` when `stop` is set."""
        bound = copy(self)
        bound._stop = stop
        return bound

    def close(self) -> None:
        """End what is under way, and close the connections."""
        self._stop.set()
        self._means.slots.close()
        self._small_slots.close()
        self._connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _upload(
        self, what: Uploadable, spec: UploadSpec, *, progress: Progress | None = None, onward: Meter | None = None
    ) -> RemoteFile:
        source, _ = open_source(what)
        meter = Meter(source.size, progress=progress, onward=onward)
        try:
            file = FileUpload(
                self._means, source=source, spec=spec, claims=self._claims, meter=meter, stop=self._stop
            ).run()
        finally:
            source.close()
        meter.finish()
        return file

    def _call(self, method: str, path: str, **rest: Any) -> Any:
        return self._means.api.call(method, path, stop=self._stop, **rest)


def _cursor_of(url: str | None) -> str | None:
    from urllib.parse import parse_qs, urlsplit

    return parse_qs(urlsplit(url).query)["cursor"][0] if url else None
