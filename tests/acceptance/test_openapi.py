"""Whatever the service's own description allows or forbids may be sent: it is answered, and never by a 5xx."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error

from tests.acceptance.api import PART_SIZE, Api, put, send_parts, token_for
from tests.servers.service import Service

EXAMPLES = 25  #: requests of each kind to each operation
CONTENT = b"p" * (PART_SIZE + 1)


@pytest.fixture(scope="module")
def known_ids(service: Service) -> list[str]:
    """Files in every state that a request may meet."""
    alice = Api(service.url, token_for("alice"))
    half_sent = alice.begin(CONTENT)
    put(half_sent["presigned_urls"][1], CONTENT[PART_SIZE:])
    ready = alice.begin(CONTENT)
    send_parts(ready["presigned_urls"], CONTENT, part_size=PART_SIZE)
    checked = alice.begin(CONTENT, checksum_algorithm="sha256")
    aborted = alice.begin(CONTENT)
    assert alice("DELETE", f"/files/uploads/{aborted['id']}").status_code == 204
    small = {"file_name": "small", "file_size": 1, "file_content_type": ""}
    batch = alice("POST", "/files/uploads/batch", json={"files": [small, small]}).json()["uploads"]
    finished = [alice.upload(b"done"), alice.upload(b"")]
    return [each["id"] for each in (half_sent, ready, checked, aborted, *batch, *finished)]


def operations(service: Service) -> Iterator[APIOperation[Any, Any, Any]]:
    """All that the service says it can do."""
    for found in schemathesis.openapi.from_url(f"{service.url}/openapi.json").get_all_operations():
        yield found.ok()


def test_the_description_names_every_route(service: Service) -> None:
    described = {f"{operation.method.upper()} {operation.path}" for operation in operations(service)}
    assert described >= {
        "POST /v1/files/uploads",
        "POST /v1/files/uploads/batch",
        "POST /v1/files/uploads/batch/complete",
        "GET /v1/files/uploads/{file_id}",
        "DELETE /v1/files/uploads/{file_id}",
        "POST /v1/files/uploads/{file_id}/presigned-urls",
        "POST /v1/files/uploads/{file_id}/parts",
        "POST /v1/files/uploads/{file_id}/complete",
        "GET /v1/files/uploads/{file_id}/events",
        "GET /v1/files/events",
        "GET /v1/files",
        "GET /v1/files/{file_id}",
        "PATCH /v1/files/{file_id}",
        "DELETE /v1/files/{file_id}",
        "GET /v1/files/{file_id}/presigned-url",
        "GET /v1/files/{file_id}/download",
        "GET /v1/files/{file_id}/metadata",
        "GET /v1/files/{file_id}/public",
        "POST /v1/files/bulk-delete",
        "POST /v1/files/{file_id}/copy",
        "POST /v1/files/{file_id}/restore",
        "POST /v1/files/{file_id}/set-parent",
        "POST /v1/notifications/s3",
    }


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
def test_no_request_is_answered_by_a_5xx(
    service: Service, alice: Api, known_ids: list[str], mode: GenerationMode
) -> None:
    with requests.Session() as session:
        for operation in operations(service):
            if operation.path.endswith("/events"):
                continue  # it is answered without end
            _try(operation, mode, session, f"Bearer {alice.token}", known_ids)


def _try(
    operation: APIOperation[Any, Any, Any],
    mode: GenerationMode,
    session: requests.Session,
    authorization: str,
    known_ids: list[str],
) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), known=st.sampled_from([None, *known_ids]))
    def send(case: Case, known: str | None) -> None:
        if known is not None and "file_id" in case.path_parameters:
            case.path_parameters["file_id"] = known
        case.call_and_validate(
            session=session,
            headers={"Authorization": authorization},
            checks=[not_a_server_error],
            allow_redirects=False,
            timeout=60,
        )

    with contextlib.suppress(Unsatisfiable):  # there is nothing that could be sent wrong
        send()
