"""What an upload costs the client: against servers that forget every byte, so that no store is in the way."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.contents import write_random
from benchmarks.harness import MIB, Finished, Goal, Result, Settings, interleaved, ratio, run_measured, spread
from benchmarks.peers import credentials_env, program
from benchmarks.sinks import sink

ROUNDS = 5
_CLIENT, _SINK = {0}, {1}  #: cores
_SIZE = 2048 * MIB
_QUICK_SIZE = 128 * MIB
_FASTEST = "partway upload --no-checksum"


def run(settings: Settings) -> Result:
    """Throughput of a client that has one core to itself."""
    size = _QUICK_SIZE if settings.quick else _SIZE
    result = Result(
        "The client's own cost",
        f"{size // MIB:,} MiB to a server that drops the bytes in the kernel, over plain HTTP; the client on one core, "
        "the server on the other, all with default settings. boto3 is `upload_file` (pure Python), which hashes what "
        "it sends, as s5cmd does. The times hold the start of the process.",
        ["", "seconds", "MiB/s", "client CPU s", "client peak MiB"],
    )
    with (
        settings.folder() as folder,
        sink("partway", cores=_SINK) as null_service,
        sink("s3", cores=_SINK) as null_s3,
    ):
        source = write_random(folder / "video.mp4", size)
        clients: dict[str, Callable[[], Finished]] = {
            _FASTEST: partial(_partway, null_service, source, "--no-checksum"),
            "partway upload": partial(_partway, null_service, source),
            "boto3 upload_file": partial(_boto3, null_s3, source),
            "s5cmd cp": partial(_s5cmd, null_s3, source),
        }
        found = interleaved(settings.rounds, clients)
    for name, runs in found.items():
        result.rows.append([name, *_cells(runs, size)])
    seconds = {name: [each.seconds for each in runs] for name, runs in found.items()}
    for name in (_FASTEST, "partway upload"):
        result.goals.append(Goal(f"throughput, {name} / boto3", ratio(seconds["boto3 upload_file"], seconds[name]), 3))
    return result


def _cells(runs: list[Finished], size: int) -> list[str]:
    return [
        spread([each.seconds for each in runs]),
        spread([size / MIB / each.seconds for each in runs], digits=0),
        spread([each.cpu for each in runs]),
        spread([each.peak / MIB for each in runs], digits=0),
    ]


def _partway(url: str, source: Path, *options: str) -> Finished:
    command = [program("partway", package="partway"), "upload", "--server", url, "--quiet", "--no-resume", *options]
    return run_measured([*command, source], cores=_CLIENT)


def _boto3(endpoint: str, source: Path) -> Finished:
    env = {**credentials_env("key", "secret"), "PEER_ENDPOINT": endpoint}
    return run_measured([sys.executable, "-m", "benchmarks.boto3_upload", source], env=env, cores=_CLIENT)


def _s5cmd(endpoint: str, source: Path) -> Finished:
    command = [program("s5cmd", package="s5cmd"), "--endpoint-url", endpoint, "cp", source, "s3://bucket/"]
    return run_measured(command, env=credentials_env("key", "secret"), cores=_CLIENT)
