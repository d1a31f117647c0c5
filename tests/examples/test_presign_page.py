"""The page of the presigned-URL application, as a person uses it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import browser, page
from tests.browser.driving import MIB, write_random
from tests.examples.conftest import bucket_environment
from tests.examples.process import Example
from tests.servers.seaweedfs import SeaweedFS

__all__ = ["browser", "page"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module", params=["folder", "seaweedfs"])
def example(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    """The application on each store. The page's origin is known only now, so the bucket's CORS rule is made here."""
    application = Example("presign_app", tmp_path_factory.mktemp("page"), env := {"MAX_FILE_SIZE": str(20 * MIB)})
    if request.param == "seaweedfs":
        seaweedfs: SeaweedFS = request.getfixturevalue("seaweedfs")
        env |= bucket_environment(seaweedfs, seaweedfs.new_bucket(cors_origins=[application.url]))
    with application:
        yield application


def test_upload_list_download_delete(page: Page, example: Example, tmp_path: Path) -> None:
    names = ["film.mp4", "empty.txt", "notes.csv"]
    sizes = [9 * MIB, 0, 1234]
    digests = {name: write_random(tmp_path / name, size) for name, size in zip(names, sizes, strict=True)}
    _open(page, example)
    expect(page.locator("#health")).to_have_text("The store answers")
    expect(page.locator("#empty")).to_be_visible()
    page.set_input_files("#files", [str(tmp_path / name) for name in names])
    expect(page.locator("#transfers .done")).to_have_count(3)
    expect(page.locator("#list .name")).to_have_count(3)
    for name in names:
        with page.expect_download() as download:
            page.get_by_label(f"Download {name}").click()
        assert download.value.suggested_filename.endswith(name)
        assert hashlib.sha256(Path(download.value.path()).read_bytes()).hexdigest() == digests[name]
    page.get_by_label("Delete film.mp4").click()
    page.get_by_role("button", name="Keep it").click()
    for left, name in reversed(list(enumerate(names))):
        page.get_by_label(f"Delete {name}").click()
        expect(page.locator("#sure-name")).to_have_text(name)
        page.get_by_role("button", name="Delete", exact=True).last.click()
        expect(page.locator("#list .name")).to_have_count(left)
    expect(page.locator("#empty")).to_be_visible()


def test_dropped_files_refusals_and_a_second_try(page: Page, example: Example, tmp_path: Path) -> None:
    (tmp_path / "large.pdf").write_bytes(bytes(20 * MIB + 1))
    (tmp_path / "tool.exe").write_bytes(b"MZ")
    (tmp_path / "late.pdf").write_bytes(b"%PDF-1.7")
    _open(page, example)
    page.set_input_files("#files", [str(tmp_path / "large.pdf"), str(tmp_path / "tool.exe")])
    expect(_transfer(page, "large.pdf")).to_contain_text("at most 20971520 are allowed")
    expect(_transfer(page, "tool.exe")).to_contain_text("'exe' are not taken")
    page.route("**/upload-url", lambda route: route.abort())
    page.set_input_files("#files", str(tmp_path / "late.pdf"))
    expect(_transfer(page, "late.pdf")).to_contain_text("does not answer")
    page.unroute("**/upload-url")
    page.get_by_label("Try late.pdf again").click()
    expect(_transfer(page, "late.pdf")).to_have_class(re.compile("done"))
    # A name is text, whatever it looks like; the page's own policy would tell of any script.
    page.evaluate(
        """() => {
          const dropped = new DataTransfer();
          dropped.items.add(new File(["hello"], "<img src=x onerror=alert(1)>.txt"));
          dispatchEvent(new DragEvent("drop", { dataTransfer: dropped }));
        }"""
    )
    expect(_transfer(page, "<img src=x onerror=alert(1)>.txt")).to_have_class(re.compile("done"))


def test_cancelling(page: Page, example: Example, tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(bytes(5 * MIB))
    _open(page, example)
    page.route(re.compile("film.mp4"), lambda _: None)  # the PUT is held
    page.set_input_files("#files", str(tmp_path / "film.mp4"))
    expect(_transfer(page, "film.mp4")).to_have_class(re.compile("sending"))
    page.get_by_label("Cancel film.mp4").click()
    expect(_transfer(page, "film.mp4")).to_contain_text("Cancelled")


def test_the_documented_javascript(page: Page, example: Example) -> None:
    _open(page, example)
    key = page.evaluate(
        """async () => {
          const file = new File(["%PDF-1.7 by fetch"], "test.pdf", { type: "application/pdf" });
          // Get upload URL
          const response = await fetch('/upload-url', {
              method: 'POST',
              headers: { 'Content-Type': 'application/json' },
              body: JSON.stringify({
                  filename: file.name,
                  content_type: file.type
              })
          });
          const { presigned_url, file_key } = await response.json();
          // Upload file directly to S3
          await fetch(presigned_url, {
              method: 'PUT',
              body: file,
              headers: { 'Content-Type': file.type }
          });
          return file_key;
        }"""
    )
    answer = page.request.get(f"{example.url}/files/{key}")
    assert (answer.body(), answer.headers["content-type"]) == (b"%PDF-1.7 by fetch", "application/pdf")


def _open(page: Page, example: Example) -> None:
    page.goto(f"{example.url}/")
    page.wait_for_selector("html[data-ready]")


def _transfer(page: Page, name: str) -> Locator:
    return page.locator("#transfers > li", has_text=name)
