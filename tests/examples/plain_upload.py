"""An upload as a client writes it that knows the API from its description alone: no headers of ours, no library."""

from __future__ import annotations

import math
from typing import Any

import requests


def upload_file_multipart(
    api_url: str,
    token: str,
    file_path: str,
    parent_content_type: str | None = None,
    parent_object_id: int | None = None,
) -> dict[str, Any]:
    """Upload a file using multipart upload."""
    # 1. Read file info
    with open(file_path, "rb") as f:
        file_data = f.read()

    file_size = len(file_data)
    file_name = file_path.split("/")[-1]  # noqa: PLC0207

    # 2. Calculate parts
    part_size = 5 * 1024 * 1024  # 5MB
    num_parts = math.ceil(file_size / part_size)

    # 3. Initiate upload
    headers = {"Authorization": f"Bearer {token}"}
    init_response = requests.post(
        f"{api_url}/v1/files/uploads",
        headers=headers,
        json={
            "file_name": file_name,
            "file_size": file_size,
            "file_content_type": "application/octet-stream",
            "num_parts": num_parts,
            "part_size": part_size,
            "parent_content_type": parent_content_type,
            "parent_object_id": parent_object_id,
        },
    )
    init_data = init_response.json()

    # 4. Upload parts
    parts = []
    for i, presigned_url_data in enumerate(init_data["presigned_urls"]):
        start = i * part_size
        end = min(start + part_size, file_size)
        chunk = file_data[start:end]

        # Upload to S3
        part_response = requests.put(presigned_url_data["url"], data=chunk)

        # Extract ETag
        etag = part_response.headers["ETag"].strip('"')

        parts.append({"part_number": i + 1, "etag": etag})

    # 5. Complete upload
    complete_response = requests.post(
        f"{api_url}/v1/files/uploads/{init_data['id']}/complete", headers=headers, json={"parts": parts}
    )

    done: dict[str, Any] = complete_response.json()
    return done
