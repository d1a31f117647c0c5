"""The requests of a setup guide for a module of files, as they stand there.

The guide's client keeps a token and talks to `/api/v1`; its values go out as `requests` writes them: `True` as `True`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.acceptance.api import SECRET, Api, assert_problem, put, token_for
from tests.servers.service import Service

PREFIX = "/api/v1"
PDF = b"%PDF-1.4 fake pdf content"


@pytest.fixture(scope="module", params=["local-sqlite", "seaweedfs-postgres"])
def guide(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service at the guide's prefix."""
    env = {"PARTWAY_JWT_SECRET": SECRET, "PARTWAY_API_PREFIX": PREFIX}
    if request.param == "seaweedfs-postgres":
        seaweedfs = request.getfixturevalue("seaweedfs")
        env |= {
            "S3_BUCKET_NAME": seaweedfs.new_bucket(),
            "S3_REGION": "us-east-1",
            "S3_ENDPOINT_URL": seaweedfs.endpoint,
            "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
            "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
            "PARTWAY_DATABASE_URL": request.getfixturevalue("postgres").new_database(),
        }
    with Service(tmp_path_factory.mktemp("guide") / "data", env=env) as running:
        yield running


@pytest.fixture
def base(guide: Service) -> str:
    """What the guide calls `http://localhost:8000`."""
    return guide.url


@pytest.fixture
def client() -> Iterator[requests.Session]:
    """The guide's client."""
    with requests.Session() as session:
        yield session


@pytest.fixture
def auth_headers() -> dict[str, str]:
    """The guide's header."""
    return {"Authorization": f"Bearer {token_for('alice')}"}


@pytest.fixture
def file_id(base: str, client: requests.Session, auth_headers: dict[str, str]) -> str:
    """A file that was uploaded with the guide's fields."""
    body = {
        "file_name": "document.pdf",
        "file_size": len(PDF),
        "file_content_type": "application/pdf",
        "folder": "documents",
        "description": "Important document",
        "metadata": {"category": "profile", "tags": ["user", "avatar"], "processed": False},
        "is_public": False,
    }
    begun = client.post(f"{base}{PREFIX}/files/uploads", json=body, headers=auth_headers).json()
    assert put(begun["presigned_urls"][0], PDF).ok
    done = client.post(f"{base}{PREFIX}/files/uploads/{begun['id']}/complete", json={}, headers=auth_headers)
    assert done.status_code == 200
    assert done.json()["s3_key"]
    found: str = done.json()["id"]
    return found


def test_upload_file(base: str, client: requests.Session, auth_headers: dict[str, str]) -> None:
    files = {"file": ("document.pdf", PDF, "application/pdf")}
    data = {"folder": "documents", "description": "Important document", "is_public": False}
    response = client.post(f"{base}/api/v1/files/upload", files=files, data=data, headers=auth_headers)
    assert response.status_code == 201
    file_data = response.json()
    assert file_data["id"]
    assert "documents/" in file_data["s3_key"]
    assert (file_data["description"], file_data["is_public"]) == ("Important document", False)


def test_upload_with_custom_metadata(base: str, client: requests.Session, auth_headers: dict[str, str]) -> None:
    metadata = {"category": "profile", "tags": ["user", "avatar"], "processed": False}
    response = client.post(
        f"{base}/api/v1/files/upload",
        files={"file": ("image.jpg", b"\xff\xd8\xff\xe0", "image/jpeg")},
        data={"folder": "users/7/documents", "metadata": json.dumps(metadata)},
        headers=auth_headers,
    )
    assert response.status_code == 201
    assert response.json()["metadata"] == metadata
    assert "users/7/documents/" in response.json()["s3_key"]


def test_get_presigned_url(base: str, client: requests.Session, auth_headers: dict[str, str], file_id: str) -> None:
    response = client.get(
        f"{base}/api/v1/files/{file_id}/presigned-url",
        params={"expiry": 3600, "force_download": True},
        headers=auth_headers,
    )
    url_data = response.json()
    download_url = url_data["url"]
    downloaded = requests.get(download_url, timeout=30)
    assert downloaded.content == PDF
    assert downloaded.headers["Content-Disposition"].startswith("attachment")
    assert url_data["expires_in"] == 3600


def test_download_file(
    base: str, client: requests.Session, auth_headers: dict[str, str], file_id: str, tmp_path: Path
) -> None:
    response = client.get(
        f"{base}/api/v1/files/{file_id}/download", params={"as_attachment": True}, headers=auth_headers
    )
    with open(tmp_path / "downloaded_file.pdf", "wb") as f:
        f.write(response.content)
    assert (tmp_path / "downloaded_file.pdf").read_bytes() == PDF
    assert response.headers["Content-Disposition"] == 'attachment; filename="document.pdf"'


def test_get_file_metadata(base: str, client: requests.Session, auth_headers: dict[str, str], file_id: str) -> None:
    response = client.get(f"{base}/api/v1/files/{file_id}/metadata", headers=auth_headers)
    metadata = response.json()
    assert metadata["content_type"] == "application/pdf"
    assert metadata["file_size"] == len(PDF)
    assert metadata["last_modified"]
    assert metadata["metadata"] == {"category": "profile", "tags": ["user", "avatar"], "processed": False}


def test_file_copying(base: str, client: requests.Session, auth_headers: dict[str, str], file_id: str) -> None:
    response = client.post(
        f"{base}/api/v1/files/{file_id}/copy",
        json={"new_folder": "archives", "new_metadata": {"archived": True, "date": "2025-01-15"}},
        headers=auth_headers,
    )
    assert response.status_code == 201
    data = response.json()
    assert data["id"] != file_id
    assert "archives" in data["s3_key"]
    assert data["metadata"] == {"archived": True, "date": "2025-01-15"}
    assert client.get(data["url"], headers=auth_headers).content == PDF


def test_soft_delete(base: str, client: requests.Session, auth_headers: dict[str, str], file_id: str) -> None:
    assert client.delete(f"{base}/api/v1/files/{file_id}", headers=auth_headers).status_code == 204
    assert client.get(f"{base}/api/v1/files/{file_id}", headers=auth_headers).status_code == 404
    deleted = client.get(f"{base}/api/v1/files", params={"deleted": True}, headers=auth_headers).json()["results"]
    assert file_id in [file["id"] for file in deleted]


def test_hard_delete(base: str, client: requests.Session, auth_headers: dict[str, str], file_id: str) -> None:
    url = client.get(f"{base}/api/v1/files/{file_id}/presigned-url", headers=auth_headers).json()["url"]
    assert client.delete(f"{base}/api/v1/files/{file_id}?hard_delete=true", headers=auth_headers).status_code == 204
    assert requests.get(url, timeout=30).status_code == 404
    restored = client.post(f"{base}/api/v1/files/{file_id}/restore", headers=auth_headers)
    assert_problem(restored, 404, "not_found")


def test_files_are_private_by_default(base: str, file_id: str) -> None:
    for action in ("", "/download", "/presigned-url", "/metadata"):
        assert_problem(requests.get(f"{base}/api/v1/files/{file_id}{action}", timeout=30), 401, "not_authenticated")
    assert_problem(requests.get(f"{base}/api/v1/files/{file_id}/public", timeout=30), 404, "not_found")
    bob = {"Authorization": f"Bearer {token_for('bob')}"}
    for action in ("", "/download", "/presigned-url", "/metadata"):
        answer = requests.get(f"{base}/api/v1/files/{file_id}{action}", headers=bob, timeout=30)
        assert_problem(answer, 404, "not_found")


def test_nothing_stands_at_the_usual_prefix(base: str) -> None:
    assert Api(base, token_for("alice"))("GET", "/files").status_code == 404
