"""One large file into SeaweedFS: `partway upload`, `s5cmd cp`, `aws s3 cp`."""

from __future__ import annotations

from functools import partial

from benchmarks.contents import write_random
from benchmarks.harness import MIB, Goal, Result, Settings, interleaved, ratio, spread
from benchmarks.uploaders import Uploaded, aws, measure_upload, partway, s5cmd

ROUNDS = 3
_SIZE = 2048 * MIB
_QUICK_SIZE = 128 * MIB
_FASTEST = "partway upload --no-checksum"


def run(settings: Settings) -> Result:
    """Throughput, the client's CPU and its memory."""
    size = _QUICK_SIZE if settings.quick else _SIZE
    result = Result(
        "One large file",
        f"{size // MIB:,} MiB into SeaweedFS on the same machine, over plain HTTP; a fresh store each time, all with "
        "default settings; client, store and service share the cores. Partway goes through the running service (with "
        "records in SQLite), its bytes straight to the store. CPU and peak memory are the client's own; s5cmd and aws "
        "hash what they send.",
        ["", "seconds", "MiB/s", "client CPU s", "client peak MiB", "service CPU s", "store CPU s"],
    )
    uploaders = {_FASTEST: partway("--no-checksum"), "partway upload": partway(), "s5cmd cp": s5cmd, "aws s3 cp": aws}
    with settings.folder() as folder:
        source = write_random(folder / "video.mp4", size)

        def measure(name: str) -> Uploaded:
            with settings.folder() as place:
                return measure_upload(uploaders[name], place, source, objects=1, size=size)

        found = interleaved(settings.rounds, {name: partial(measure, name) for name in uploaders})
    for name, uploads in found.items():
        result.rows.append([name, *_cells(uploads, size)])
    result.goals = _goals(found)
    return result


def _cells(uploads: list[Uploaded], size: int) -> list[str]:
    return [
        spread([each.client.seconds for each in uploads]),
        spread([size / MIB / each.client.seconds for each in uploads], digits=0),
        spread([each.client.cpu for each in uploads]),
        spread([each.client.peak / MIB for each in uploads], digits=0),
        spread([each.service_cpu for each in uploads]),
        spread([each.store_cpu for each in uploads], digits=1),
    ]


def _goals(found: dict[str, list[Uploaded]]) -> list[Goal]:
    seconds = {name: [each.client.seconds for each in uploads] for name, uploads in found.items()}
    cpu = {name: [each.client.cpu for each in uploads] for name, uploads in found.items()}
    goals = []
    for name in (_FASTEST, "partway upload"):
        for peer in ("s5cmd cp", "aws s3 cp"):
            goals.append(Goal(f"throughput, {name} / {peer}", ratio(seconds[peer], seconds[name]), 1.2))
            goals.append(Goal(f"CPU, {name} / {peer}", ratio(cpu[name], cpu[peer]), 0.2, at_most=True))
        peak = max(each.client.peak for each in found[name]) / MIB
        goals.append(Goal(f"peak memory, {name}", peak, 64, at_most=True, unit="MiB"))
    return goals
