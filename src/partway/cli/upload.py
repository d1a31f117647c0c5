"""`partway upload`: files and folders, in parts, resumable."""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import click

from partway.cli.progress import ProgressLine
from partway.cli.remote import EXIT_CODES, FAILED, advice, one_line_errors, printable, say, server_options
from partway.cli.sizes import Size, human_size
from partway.client.client import DEFAULT_WORKERS, Client
from partway.client.meter import Meter
from partway.client.names import content_type_of, folder_name
from partway.client.part_checksums import choose_algorithm
from partway.client.spec import UploadSpec
from partway.client.values import Outcome
from partway.core.parts import MIB

_MANY = 20  #: files whose lines a terminal still shows one by one
_EPILOG = f"""A file that was interrupted goes on where it stopped when the same command is run again, also on another
machine: the finished parts are compared with the file and only the rest is sent.

{EXIT_CODES}"""


@click.command("upload", epilog=_EPILOG)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@server_options
@click.option("-r", "--recursive", is_flag=True, help="Upload folders with all that is in them.")
@click.option("--folder", default="", help="Folder in the store.")
@click.option("--name", help="Name of a single file; needed for '-', standard input redirected from a file.")
@click.option("--content-type", help="Media type.  [default: guessed from the name]")
@click.option("--description", default="", help="A description.")
@click.option("--metadata", metavar="JSON", help="A JSON object of yours.")
@click.option("--public", is_flag=True, help="Mark the file as public.")
@click.option(
    "--checksum",
    type=click.Choice(["crc32", "sha256", "md5"]),
    default="crc32",
    show_default=True,
    help="Checksum of each part, compared by the store.",
)
@click.option("--no-checksum", is_flag=True, help="Send no checksums.")
@click.option("--no-resume", is_flag=True, help="Begin anew even if there is an interrupted upload.")
@click.option("--part-size", type=Size(), help="Preferred size of a part, such as 64MiB.  [default: the server's]")
@click.option(
    "--workers", type=click.IntRange(1, 64), default=DEFAULT_WORKERS, show_default=True, help="Parts sent at once."
)
@click.option("--fail-fast", is_flag=True, help="Stop at the first file that fails.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object per file to standard output.")
@click.option("-q", "--quiet", is_flag=True, help="Write nothing but errors.")
def command(
    *,
    files: tuple[str, ...],
    server: str,
    token: str | None,
    patience: float,
    recursive: bool,
    workers: int,
    fail_fast: bool,
    as_json: bool,
    quiet: bool,
    **wanted: Any,
) -> None:
    """Upload files and folders, straight into the store."""
    if wanted["name"] is not None and (len(files) > 1 or os.path.isdir(files[0])):
        raise click.UsageError("--name is for a single file.")
    spec = _spec(**wanted)
    with one_line_errors(interrupted="Stopped. Run the same command again to go on: finished parts are kept."):
        items = list(local_files(files, spec, recursive=recursive))
        meter = Meter(sum(_size_of(item.path) for item in items))
        with ProgressLine(_label(items), meter, shown=not quiet) as line:
            report = Report(line, meter, count=len(items), as_json=as_json, quiet=quiet)
            with Client(server, token=token, patience=patience, workers=workers, notice=line.notice) as client:
                for outcome in client.upload_many(((item.path, item.spec) for item in items), meter=meter):
                    report.add(outcome)
                    if outcome.error is not None and fail_fast:
                        break
        report.finish()
    if report.failed:
        sys.exit(FAILED)


class Item(NamedTuple):
    """A local file and what it is to be."""

    path: str
    spec: UploadSpec


def local_files(paths: Iterable[str], spec: UploadSpec, *, recursive: bool) -> Iterator[Item]:
    """The files that the command line names, those in folders with `recursive`.

    Args:
        spec: of all; the file name, the type and the folder are filled in where they are empty.

    Raises:
        click.UsageError: a folder without `recursive`, or standard input that is not a file.
    """
    for path in paths:
        if path == "-":
            yield _standard_input(spec)
        elif os.path.isdir(path):
            if not recursive:
                raise click.UsageError(f"{path} is a folder; add --recursive to upload what is in it.")
            yield from _files_in(path, spec)
        else:
            yield _item(path, spec)


def _files_in(top: str, spec: UploadSpec) -> Iterator[Item]:
    """All files below a folder, in a stable order. Links to folders are not followed."""
    base = os.path.basename(os.path.abspath(top))
    for folder, names, files in os.walk(top):
        names.sort()
        below = os.path.relpath(folder, top)
        parts = [spec.folder, folder_name(base), "" if below == "." else folder_name(below)]
        inside = replace(spec, folder="/".join(part for part in parts if part))
        for name in sorted(files):
            yield _item(os.path.join(folder, name), inside)


def _item(path: str, spec: UploadSpec) -> Item:
    name = spec.file_name or os.path.basename(path)
    return Item(path, replace(spec, file_name=name, content_type=spec.content_type or content_type_of(name)))


def _standard_input(spec: UploadSpec) -> Item:
    if not stat.S_ISREG(os.fstat(sys.stdin.fileno()).st_mode):
        raise click.UsageError(
            "Standard input is a pipe or a terminal, so its size is not known. Write it into a file first, or redirect "
            "a file: partway upload - --name NAME < FILE"
        )
    if not spec.file_name:
        raise click.UsageError("Standard input has no name; add --name.")
    return _item("/dev/stdin", spec)


class Report:
    """Says what became of each file, and of all.

    Args:
        line: the progress line, above which everything is written.
        meter: the bytes of all.
        count: files in all.
        as_json: one JSON object per file on standard output, and nothing else there.
        quiet: errors only.
    """

    def __init__(self, line: ProgressLine, meter: Meter, *, count: int, as_json: bool, quiet: bool) -> None:
        self.failed = 0
        self._line = line
        self._meter = meter
        self._count = count
        self._json = as_json
        self._quiet = quiet
        self._each = not quiet and (count <= _MANY or not sys.stdout.isatty())
        self._done = 0
        self._size = 0
        self._began = time.monotonic()

    def add(self, outcome: Outcome) -> None:
        """One file is done or has failed."""
        if outcome.error is not None:
            self.failed += 1
            self._line.write_above(f"partway: {_named(outcome.path, advice(outcome.error))}", sys.stderr)
        elif outcome.file is not None:
            self._done += 1
            self._size += outcome.file.file_size
            if self._each and not self._json:
                self._line.write_above(f"{outcome.file.id}  {printable(outcome.path)}", sys.stdout)
        if self._json:
            self._line.write_above(json.dumps(_outcome_json(outcome)), sys.stdout)

    def finish(self) -> None:
        """The summary, on standard error."""
        if self._quiet or (not self._done and self._count == 1):
            return
        seconds = time.monotonic() - self._began
        what = "1 file" if self._done == 1 else f"{self._done:,} files"
        sent, there = self._meter.moved, self._meter.done - self._meter.moved
        rate = f", {human_size(sent / seconds)}/s" if sent >= MIB else ""
        resumed = f"; {human_size(there)} of it were there already" if there > 0 else ""
        failed = f"; {self.failed:,} of {self._count:,} failed" if self.failed else ""
        say(f"Uploaded {what}, {human_size(self._size)} in {seconds:.1f} s{rate}{resumed}{failed}.")


def _outcome_json(outcome: Outcome) -> dict[str, Any]:
    if outcome.file is not None:
        return {"path": outcome.path, **outcome.file.to_json()}
    assert outcome.error is not None
    return {"path": outcome.path, "error": {"code": outcome.error.error_code, "detail": outcome.error.detail}}


def _named(path: str, text: str) -> str:
    """An error with its file's name before it, once."""
    name = printable(path)
    return text if text.startswith(name) else f"{name}: {text}"


def _spec(
    *,
    name: str | None,
    content_type: str | None,
    folder: str,
    description: str,
    metadata: str | None,
    public: bool,
    checksum: str,
    no_checksum: bool,
    no_resume: bool,
    part_size: int | None,
) -> UploadSpec:
    """What the options say of the files."""
    return UploadSpec(
        file_name=name or "",
        content_type=content_type or "",
        folder=folder.strip("/"),
        description=description,
        metadata=_metadata(metadata),
        is_public=public,
        algorithm=choose_algorithm(None if no_checksum else checksum),
        part_size=part_size,
        resume=not no_resume,
    )


def _metadata(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"--metadata is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise click.UsageError('--metadata must be a JSON object, such as {"case": 7}.')
    return value


def _label(items: Sequence[Item]) -> str:
    return items[0].spec.file_name if len(items) == 1 else f"{len(items):,} files"


def _size_of(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
