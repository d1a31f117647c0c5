"""The commands as a user runs them: output, exit codes, Ctrl-C."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from partway.client import Client
from tests.clients.conftest import MIB, sha256
from tests.servers.fault_proxy import FaultProxy
from tests.servers.ports import free_port
from tests.servers.service import PARTWAY, Service

MakeFile = Callable[..., Path]
PART = 5 * MIB


def run(*arguments: object, url: str, cwd: Path | None = None, **more: object) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [PARTWAY, *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PARTWAY_URL": url},
        timeout=60,
        **more,  # type: ignore[call-overload]
    )


def test_one_file_there_and_back(service: Service, make_file: MakeFile, tmp_path: Path) -> None:
    path = make_file(2 * PART, name="big file.mp4")
    done = run("upload", path, "--part-size", "5MiB", "--metadata", '{"a": 1}', "--public", url=service.url)
    assert done.returncode == 0
    file_id, name = done.stdout.strip().split("  ")
    assert name == str(path)
    assert done.stderr.startswith("partway: Uploaded 1 file, 10.0 MiB in ")

    target = tmp_path / "down"
    target.mkdir()
    done = run("download", file_id, url=service.url, cwd=target)
    assert (done.returncode, done.stdout) == (0, "big file.mp4\n")
    assert sha256(target / "big file.mp4") == sha256(path)
    again = run("download", file_id, url=service.url, cwd=target)
    assert again.returncode == 1
    assert "is there already" in again.stderr
    assert run("download", file_id, "--force", "-q", url=service.url, cwd=target).stdout == ""


def test_to_standard_output(service: Service, make_file: MakeFile) -> None:
    file_id = run("upload", make_file(4), "--json", url=service.url)
    found = json.loads(file_id.stdout)
    assert (found["upload_status"], found["file_size"]) == ("completed", 4)
    done = subprocess.run(
        [PARTWAY, "download", found["id"], "-o", "-", "--server", service.url], capture_output=True, check=True
    )
    assert len(done.stdout) == 4


def test_a_folder(service: Service, make_file: MakeFile, tmp_path: Path) -> None:
    for i in range(30):
        make_file(10 + i, name=f"my tree/sub {i % 3}/{i}.txt")
    refused = run("upload", "my tree", url=service.url, cwd=tmp_path)
    assert refused.returncode == 2
    assert "--recursive" in refused.stderr
    done = run("upload", "-r", "my tree", "--folder", "top", "--json", url=service.url, cwd=tmp_path)
    files = [json.loads(line) for line in done.stdout.splitlines()]
    assert len({file["path"] for file in files}) == 30
    assert all("/top/my_tree/sub_" in file["s3_key"] for file in files)
    assert "Uploaded 30 files" in done.stderr


def test_one_bad_file_does_not_stop_the_others(service: Service, make_file: MakeFile, tmp_path: Path) -> None:
    done = run("upload", tmp_path / "none", make_file(3), "--json", url=service.url)
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted("error" in line for line in lines) == [False, True]
    assert "No such file" in done.stderr
    assert "Traceback" not in done.stderr


def test_standard_input(service: Service, make_file: MakeFile) -> None:
    path = make_file(7)
    with path.open("rb") as file:
        done = run("upload", "-", "--name", "in.bin", "--json", url=service.url, stdin=file)
    assert json.loads(done.stdout)["file_name"] == "in.bin"
    piped = run("upload", "-", "--name", "in.bin", url=service.url, input="x")
    assert piped.returncode == 2
    assert "redirect a file" in piped.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["upload"], 2),
        (["upload", "x", "--part-size", "huge"], 2),
        (["upload", "x", "--metadata", "[1]"], 2),
        (["upload", "x", "y", "--name", "z"], 2),
        (["rm", "x", "--hard"], 2),
        (["rm", "x", "--hard", "--yes", "--undo"], 2),
        (["rm", "not-an-id"], 1),
        (["download", "not-an-id"], 1),
        (["ls", "--status", "lost"], 2),
    ],
)
def test_exit_codes(service: Service, arguments: list[str], code: int) -> None:
    done = run(*arguments, url=service.url, stdin=subprocess.DEVNULL)
    assert done.returncode == code
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_nobody_there_and_not_let_in(make_file: MakeFile, tmp_path: Path) -> None:
    path = make_file(3)
    for command in (["upload", path], ["ls"]):
        done = run(*command, "--patience", "0", url=f"http://127.0.0.1:{free_port()}")
        assert done.returncode == 3
        assert len(done.stderr.splitlines()) == 1
    with Service(tmp_path / "auth", env={"PARTWAY_JWT_SECRET": "s" * 32}) as service:
        for command in (["upload", path], ["ls"], ["upload", path, path, "--token", "wrong"]):
            done = run(*command, url=service.url)
            assert done.returncode == 4
            assert "--token" in done.stderr


def test_listing_and_deleting(service: Service, make_file: MakeFile) -> None:
    ids = [run("upload", make_file(2000), "--name", f"listed-{i}", url=service.url).stdout[:36] for i in range(2)]
    done = run("ls", "--search", "listed-", url=service.url)
    header, *rows = done.stdout.splitlines()
    assert header.split() == ["ID", "SIZE", "CREATED", "NAME"]
    assert [row.split()[0] for row in rows] == ids[::-1]
    assert "2.0 KiB" in rows[0]
    assert run("rm", *ids, url=service.url).returncode == 0
    assert run("ls", "--search", "listed-", url=service.url).stderr == "partway: No files.\n"
    assert len(run("ls", "--search", "listed-", "--deleted", "--json", url=service.url).stdout.splitlines()) == 2
    assert run("rm", "--undo", ids[0], url=service.url).returncode == 0
    assert run("ls", "--search", "listed-", "--json", url=service.url).stdout.count(ids[0]) >= 1
    assert run("rm", "--hard", "--yes", *ids, url=service.url).returncode == 0
    assert run("rm", "--undo", ids[0], url=service.url).returncode == 1
    assert run("ls", "--search", "listed-", "--deleted", "--json", url=service.url).stdout == ""


def test_ctrl_c_leaves_an_upload_that_goes_on(
    service: Service, proxy: FaultProxy, make_file: MakeFile, tmp_path: Path
) -> None:
    path = make_file(10 * PART, name="interrupted.bin")
    seen = threading.Event()

    def fault(method: str, target: str, count: int) -> None:
        if method == "PUT" and count >= 3:
            seen.set()

    proxy.fault, proxy.delay = fault, 0.2
    arguments = [PARTWAY, "upload", str(path), "--part-size", "5M", "--workers", "2", "--server", proxy.url]
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
    assert seen.wait(30)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Run the same command again" in stderr

    proxy.delay = 0
    done = run("upload", path, "--json", url=proxy.url)
    assert "were there already" in done.stderr
    with Client(service.url) as client:
        client.download(json.loads(done.stdout)["id"], tmp_path / "back")
    assert sha256(tmp_path / "back") == sha256(path)


def test_the_line_on_a_terminal(service: Service, proxy: FaultProxy, make_file: MakeFile) -> None:
    path = make_file(4 * PART, name="seen.bin")
    proxy.delay = 0.4
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 72, 0, 0))
    arguments = [PARTWAY, "upload", str(path), "--part-size", "5M", "--workers", "1", "--server", proxy.url]
    process = subprocess.Popen(arguments, stderr=theirs, stdout=subprocess.DEVNULL, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    text = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:
            break
        text += data
    os.close(ours)
    assert process.wait(30) == 0
    drawn = [line for line in text.decode().split("\r") if "seen.bin" in line]
    assert any("━" in line and "%" in line for line in drawn)
    assert all(len(line.replace("\x1b[K", "")) < 72 for line in drawn)
    assert text.decode().rstrip().splitlines()[-1].split("\x1b[K")[-1].startswith("partway: Uploaded 1 file")


def test_a_reader_that_goes_away_is_no_accident(service: Service, make_file: MakeFile) -> None:
    run("upload", make_file(3), url=service.url)
    done = subprocess.run(
        ["/bin/sh", "-c", f"'{PARTWAY}' ls --all --json --server {service.url} | head -c 1"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Traceback" not in done.stderr
