"""What is attached to an object is gone on with for that object alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.servers.service import Service

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

BEGIN = """async (fields) => {
  const { PartwayClient, Slots, SumWorker, Upload } = await import('/page/partway/index.js');
  window.file ??= new File([new Uint8Array(12 * 1024 * 1024).fill(7)], 'attached.bin');
  const upload = new Upload(file, { client: new PartwayClient(), slots: new Slots(1), sums: new SumWorker(), fields });
  upload.addEventListener('progress', () => upload.pause());
  await upload.start();
  return upload;
}"""
ID = f"async (fields) => (await ({BEGIN})(fields)).id"


def test_an_upload_is_gone_on_with_for_the_same_parent_only(page: Page, local_service: Service) -> None:
    def begin(kind: str | None = None, object_id: int | None = None) -> str:
        page.goto(f"{local_service.url}/page/partway/index.js")  # a page that remembers nothing
        found: str = page.evaluate(ID, {"parent_content_type": kind, "parent_object_id": object_id} if kind else {})
        return found

    first = begin("blog.post", 7)
    assert begin("blog.comment", 7) != first
    assert begin("blog.post", 8) != first
    assert begin() != first
    assert begin("blog.post", 7) == first
