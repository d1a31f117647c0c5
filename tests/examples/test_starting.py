"""How the examples start, and how they say that they cannot."""

from __future__ import annotations

import socket

import pytest

from tests.examples.conftest import bucket_environment
from tests.examples.process import run_example
from tests.servers.ports import free_port
from tests.servers.seaweedfs import SeaweedFS

EXAMPLES = ["django_project", "multipart_app", "presign_app", "proxied_app"]


@pytest.mark.parametrize("name", [*EXAMPLES, "multipart_app.client", "presign_app.client"])
def test_help(name: str) -> None:
    done = run_example(f"examples.{name}", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: python -m examples.{name} ")


@pytest.mark.parametrize("name", EXAMPLES)
def test_wrong_credentials_are_named_in_one_line(name: str, seaweedfs: SeaweedFS) -> None:
    env = bucket_environment(seaweedfs, seaweedfs.new_bucket())
    said = [
        _error(name, {**env, "AWS_SECRET_ACCESS_KEY": "wrong"}),
        _error(name, {**env, "AWS_ACCESS_KEY_ID": "AKNOBODY"}),
        _error(name, {**env, "AWS_SECRET_ACCESS_KEY": ""}),
        _error(name, {**env, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}),
        _error(name, {**env, "S3_BUCKET_NAME": "no-such-bucket"}),
        _error(name, {**env, "S3_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}),
    ]
    print("\n".join(said))
    assert len(set(said)) > 3


def test_a_setting_that_is_no_number() -> None:
    assert _error("presign_app", {"MAX_FILE_SIZE": "50 MB"}).startswith("error: MAX_FILE_SIZE is '50 MB'")


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_port_that_is_taken_or_none(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for port in (taken.getsockname()[1], 99_999):
            assert (
                _error(name, {}, port=port) == f"error: port {port} cannot be listened on; choose another one by --port"
            )


def _error(name: str, env: dict[str, str], *, port: int | None = None) -> str:
    done = run_example(f"examples.{name}", "--port", str(port or free_port()), env=env)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    return line
