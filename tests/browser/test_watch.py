"""A page that watches what goes on elsewhere, and one that may not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.acceptance.api import PART_SIZE, SECRET, Api, send_parts, token_for
from tests.browser.driving import until
from tests.servers.marker import MarkerSite
from tests.servers.service import Service

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

CONTENT = b"w" * (PART_SIZE + 1)
WATCH = """async ({id, token}) => {
  const { PartwayClient, watch } = await import('/page/partway/index.js');
  const headers = () => (token ? { Authorization: `Bearer ${token}` } : {});
  window.told = [];
  window.leaving = new AbortController();
  (async () => {
    for await (const event of watch(new PartwayClient({ headers }), id, { signal: leaving.signal })) told.push(event);
    return { code: 'end' };
  })().catch((error) => error).then((end) => told.push({ type: end.name === 'AbortError' ? end.name : end.code }));
}"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """One that asks for tokens, and that can be ended."""
    with Service(tmp_path / "data", env={"PARTWAY_JWT_SECRET": SECRET}, forked=True) as running:
        yield running


@pytest.fixture
def alice(service: Service) -> Api:
    return Api(service.url, token_for("alice"))


def watch(page: Page, api: Api, file_id: str | None) -> None:
    page.goto(f"{api.base}/page/partway/index.js")
    page.evaluate(WATCH, {"id": file_id, "token": api.token})


def told(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate("told")
    return found


def types(page: Page) -> list[str]:
    return [event["type"] for event in told(page)]


def has_heard(page: Page, kind: str) -> None:
    until(lambda: kind in types(page), page)


def test_an_upload_is_watched_to_its_end_over_a_restart(page: Page, service: Service, alice: Api) -> None:
    begun = alice.begin(CONTENT)
    watch(page, alice, begun["id"])
    has_heard(page, "upload.state")
    send_parts(begun["presigned_urls"][:1], CONTENT, part_size=PART_SIZE)
    has_heard(page, "upload.progress")
    assert told(page)[-1]["data"]["uploaded_size"] == PART_SIZE
    service.stop()
    service.start()
    send_parts(begun["presigned_urls"][1:], CONTENT, part_size=PART_SIZE)
    assert alice("POST", f"/files/uploads/{begun['id']}/complete").status_code == 200
    has_heard(page, "end")
    assert types(page)[-3:] == ["upload.completing", "upload.completed", "end"]
    assert types(page).count("upload.state") == 1
    positions = [event["position"] for event in told(page) if "position" in event]
    assert positions == sorted(positions)


def test_all_files_are_watched_until_one_leaves(page: Page, alice: Api) -> None:
    watch(page, alice, None)
    has_heard(page, "watching")
    file = alice.upload(b"from elsewhere")
    has_heard(page, "upload.completed")
    assert told(page)[-1]["file_id"] == file["id"]
    page.evaluate("leaving.abort()")
    has_heard(page, "AbortError")


def test_a_refusal_is_not_tried_again(page: Page, alice: Api) -> None:
    watch(page, alice, "01939393-0000-7000-8000-000000000000")
    has_heard(page, "not_found")
    assert types(page) == ["not_found"]


SOCKET = """(url) => new Promise((resolve) => {
  const socket = new WebSocket(url, ['partway.v1']);
  socket.onmessage = ({ data }) => resolve(JSON.parse(data).type);
  socket.onclose = ({ code }) => resolve(code);
})"""


def test_a_foreign_page_hears_nothing_by_websocket(page: Page, local_service: Service) -> None:
    """The service without tokens takes everyone on this machine for its user; pages of other sites are not."""
    url = f"{local_service.url.replace('http', 'ws')}/v1/files/ws"
    page.goto(f"{local_service.url}/page/partway/index.js")
    assert page.evaluate(SOCKET, url) == "watching"
    with closing(MarkerSite()) as foreign:
        page.goto(foreign.url)
        assert page.evaluate(SOCKET, url) == 1006
