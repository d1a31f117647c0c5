"""Many small files into SeaweedFS by one command: `partway upload`, `s5cmd cp`, `aws s3 cp`."""

from __future__ import annotations

from functools import partial

from benchmarks.contents import write_many
from benchmarks.harness import MIB, Goal, Result, Settings, interleaved, ratio, spread
from benchmarks.uploaders import Uploaded, aws, measure_upload, partway, s5cmd

ROUNDS = 5
_COUNT = 2000
_QUICK_COUNT = 200
_SIZE = 64 * 1024  #: bytes
_FASTEST = "partway upload --no-checksum"


def run(settings: Settings) -> Result:
    """Files per second."""
    count = _QUICK_COUNT if settings.quick else _COUNT
    result = Result(
        "Many small files",
        f"A folder of {count:,} files of 64 KiB by one command into a fresh SeaweedFS on the same machine, over plain "
        "HTTP, all with default settings. Partway records every file (SQLite); the peers record none.",
        ["", "seconds", "files/s", "client CPU s", "client peak MiB", "service CPU s", "store CPU s"],
    )
    uploaders = {_FASTEST: partway("--no-checksum"), "partway upload": partway(), "s5cmd cp": s5cmd, "aws s3 cp": aws}
    with settings.folder() as folder:
        source = write_many(folder / "files", count=count, size=_SIZE)

        def measure(name: str) -> Uploaded:
            with settings.folder() as place:
                return measure_upload(uploaders[name], place, source, objects=count, size=count * _SIZE)

        found = interleaved(settings.rounds, {name: partial(measure, name) for name in uploaders})
    for name, uploads in found.items():
        result.rows.append([name, *_cells(uploads, count)])
    seconds = {name: [each.client.seconds for each in uploads] for name, uploads in found.items()}
    for name in (_FASTEST, "partway upload"):
        result.goals.append(Goal(f"files/s, {name} / s5cmd cp", ratio(seconds["s5cmd cp"], seconds[name]), 1.0))
    return result


def _cells(uploads: list[Uploaded], count: int) -> list[str]:
    return [
        spread([each.client.seconds for each in uploads]),
        spread([count / each.client.seconds for each in uploads], digits=0),
        spread([each.client.cpu for each in uploads]),
        spread([each.client.peak / MIB for each in uploads], digits=0),
        spread([each.service_cpu for each in uploads]),
        spread([each.store_cpu for each in uploads], digits=1),
    ]
