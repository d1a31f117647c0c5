"""`partway serve` and `partway token` as a person meets them: one line for what is wrong, never a traceback."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest
import requests

from tests.servers.ports import free_port
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.service import PARTWAY, Service

SECRET = "a secret of at least thirty-two bytes"


def run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PARTWAY_", "S3_", "AWS_"))}
    return subprocess.run(
        [PARTWAY, *arguments], env={**kept, **(env or {})}, capture_output=True, text=True, check=False, timeout=60
    )


def assert_one_line(ended: subprocess.CompletedProcess[str], *words: str) -> None:
    """The command said what is wrong, in one line, and failed."""
    assert ended.returncode not in {0, -9, -15}
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("partway: ")
    for word in words:
        assert word in line


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "files.example.com"])
def test_without_authentication_only_loopback_is_served(tmp_path: Path, host: str) -> None:
    ended = run("serve", "--host", host, "--data-dir", str(tmp_path / "data"))
    assert_one_line(ended, host, "PARTWAY_JWT_SECRET")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_in_use_is_said(tmp_path: Path, workers: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run("serve", "--port", port, "--workers", workers, "--data-dir", str(tmp_path))
    assert_one_line(ended, port, "--port")


def test_an_address_that_is_not_ours_is_said(tmp_path: Path) -> None:
    env = {"PARTWAY_JWT_SECRET": SECRET}
    assert_one_line(run("serve", "--host", "192.0.2.1", "--data-dir", str(tmp_path), env=env), "192.0.2.1", "--host")


def test_a_data_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    ended = run("serve", "--port", str(free_port()), "--data-dir", str(tmp_path / "file" / "data"))
    assert_one_line(ended, str(tmp_path / "file" / "data"), "--data-dir")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", ["cannot be read"]),
        ("mysql://user:hunter2@host/files", ["unknown scheme 'mysql'"]),
        ("sqlite://", ["names no file"]),
        ("postgresql://user:hunter2@host:port/files", ["cannot be read"]),
        ("postgresql://user:hunter2@127.0.0.1:1/files", ["127.0.0.1:1", "does not answer"]),
    ],
)
def test_a_database_that_cannot_be_used_is_said_without_its_password(
    tmp_path: Path, url: str, words: list[str]
) -> None:
    env = {"PARTWAY_DATABASE_URL": url}
    ended = run("serve", "--port", str(free_port()), "--data-dir", str(tmp_path), env=env)
    assert_one_line(ended, *words)
    assert "hunter2" not in ended.stderr


def test_a_database_file_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "partway.sqlite3").write_text("not a database, but long enough to be looked at" * 100)
    ended = run("serve", "--port", str(free_port()), "--data-dir", str(tmp_path))
    assert_one_line(ended, "not a database")


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    ended = run("serve", "--data-dir", str(tmp_path / "data"), env={"S3_PART_SIZE_MB": "big"})
    assert_one_line(ended, "S3_PART_SIZE_MB", "big")
    assert not (tmp_path / "data").exists()


def test_a_bucket_without_credentials_is_said(tmp_path: Path) -> None:
    env = {
        "S3_BUCKET_NAME": "bucket",
        "HOME": str(tmp_path),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    ended = run("serve", "--port", str(free_port()), "--data-dir", str(tmp_path), env=env)
    assert_one_line(ended, "AWS_ACCESS_KEY_ID")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, ["AWS_SECRET_ACCESS_KEY"]),
        ({"AWS_ACCESS_KEY_ID": "unknown"}, ["AWS_ACCESS_KEY_ID"]),
        ({"S3_BUCKET_NAME": "there-is-none"}, ["no such bucket", "S3_BUCKET_NAME"]),
    ],
)
def test_credentials_that_the_store_does_not_take_are_named_at_start(
    tmp_path: Path, seaweedfs: SeaweedFS, wrong: dict[str, str], words: list[str]
) -> None:
    env = {
        "S3_BUCKET_NAME": seaweedfs.new_bucket(),
        "S3_ENDPOINT_URL": seaweedfs.endpoint,
        "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
        "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
        **wrong,
    }
    ended = run("serve", "--port", str(free_port()), "--data-dir", str(tmp_path), env=env)
    assert_one_line(ended, *words)


def test_a_store_that_is_down_does_not_keep_the_service_from_starting(tmp_path: Path) -> None:
    env = {
        "S3_BUCKET_NAME": "bucket",
        "S3_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}",
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "PARTWAY_PRESIGN_API": "true",
    }
    with Service(tmp_path / "data", env=env) as service:
        assert "not usable now" in service.log.read_text()
        assert requests.get(f"{service.url}/health/live", timeout=30).status_code == 200
        answer = requests.get(f"{service.url}/health", timeout=30)
        assert (answer.status_code, answer.json()["store"]) == (503, "store_unavailable")


def test_a_token_is_printed_alone_and_the_service_takes_it(tmp_path: Path) -> None:
    env = {
        "PARTWAY_JWT_SECRET": SECRET,
        "PARTWAY_JWT_ISSUER": "us",
        "PARTWAY_JWT_AUDIENCE": "files",
    }
    made = run("token", "--user", "ada", env=env)
    assert made.returncode == 0
    assert made.stderr == ""
    (token,) = made.stdout.splitlines()
    staff = run("token", "--user", "grace", "--staff", env=env).stdout.strip()
    stranger = run("token", "--user", "ada", env={**env, "PARTWAY_JWT_ISSUER": "them"}).stdout.strip()
    with Service(tmp_path / "data", env=env) as service:
        small = {"file_name": "a", "file_size": 1, "file_content_type": ""}
        begun = _request(service, "POST", "/files/uploads", token, json=small)
        assert begun.status_code == 201
        file = _request(service, "GET", f"/files/{begun.json()['id']}", token).json()
        assert (file["created_by"], file["created_by_name"]) == ("ada", "ada")
        assert _request(service, "GET", f"/files/{file['id']}", staff).status_code == 200
        assert _request(service, "GET", f"/files/{file['id']}", stranger).status_code == 401


def _request(service: Service, method: str, path: str, token: str, **options: object) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.request(method, f"{service.url}/v1{path}", headers=headers, timeout=30, **options)  # type: ignore[arg-type] # requests' own


@pytest.mark.parametrize(
    ("arguments", "env", "word"),
    [
        (["--user", "ada"], {}, "PARTWAY_JWT_SECRET"),
        (["--user", "ada"], {"PARTWAY_JWT_SECRET": "short"}, "PARTWAY_JWT_SECRET"),
        (["--user", "ada"], {"PARTWAY_JWKS_URL": "https://issuer.example/keys"}, "PARTWAY_JWT_SECRET"),
    ],
)
def test_a_token_that_cannot_be_made_is_said(arguments: list[str], env: dict[str, str], word: str) -> None:
    assert_one_line(run("token", *arguments, env=env), word)
