"""The Django project's pages, as people use them, and its API from a page of its own."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import browser, page
from tests.browser.driving import MIB, slow_down, until, write_random
from tests.examples.django_project import Project, on_folder, on_servers

__all__ = ["browser", "page"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PLAIN = Path(__file__).with_name("plain_upload.js")
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
POST = "#attachments-testapppost-3"


@pytest.fixture(scope="module", params=["folder", "servers"])
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The project on what it comes with, and on a bucket of another origin and PostgreSQL."""
    folder = tmp_path_factory.mktemp("django-pages")
    if request.param == "folder":
        running = on_folder(folder)
    else:
        running = on_servers(folder, request.getfixturevalue("seaweedfs"), request.getfixturevalue("postgres"))
    with running as found:
        yield found


@pytest.fixture
def plain(page: Page, project: Project) -> Page:
    """A page with a plain client of the API and an input for a file."""
    page.goto(f"{project.url}/login")
    page.add_script_tag(path=PLAIN)
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<input type=\"file\">')")
    page.evaluate(f"uploader = new MultipartUploader({json.dumps(project.url)}, {json.dumps(project.token)})")
    return page


@pytest.fixture
def blog(page: Page, project: Project) -> Page:
    """The newest post, by its author."""
    page.goto(f"{project.url}/login?next=/posts/3")
    page.get_by_label("Username").fill("demo")
    page.get_by_label("Password").fill("demo")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_selector("html[data-ready]")
    return page


def test_the_plain_client_sends_100_mb(plain: Page, project: Project, tmp_path: Path) -> None:
    digest = write_random(tmp_path / "large-video.mp4", 104_857_600)
    plain.set_input_files("input[type=file]", tmp_path / "large-video.mp4")
    told: list[str] = []
    plain.on("console", lambda message: told.append(message.text))
    result = plain.evaluate(
        """async () => {
          const fileInput = document.querySelector('input[type="file"]');
          const file = fileInput.files[0];
          return uploader.uploadFile(file, 'testapp.post', 1);
        }"""
    )
    assert (result["upload_status"], result["file_content_type"]) == ("completed", "video/mp4")
    assert (told[0], told[-1], len(told)) == ("Upload progress: 5.0%", "Upload progress: 100.0%", 20)
    answer = project.demo("GET", f"/files/{result['id']}/download")
    assert hashlib.sha256(answer.content).hexdigest() == digest
    project.demo("DELETE", f"/files/{result['id']}", params={"hard_delete": True})


def test_parts_at_once_a_typed_part_and_an_abort(plain: Page, project: Project, tmp_path: Path) -> None:
    content = os.urandom(11 * MIB)
    (tmp_path / "a.bin").write_bytes(content)
    begun = project.demo.begin(content)
    plain.set_input_files("input[type=file]", tmp_path / "a.bin")
    parts = plain.evaluate(
        "urls => uploadPartsInParallel(urls, document.querySelector('input[type=file]').files[0], 5 * 1024 * 1024)",
        begun["presigned_urls"],
    )
    done = project.demo("POST", f"/files/uploads/{begun['id']}/complete", json={"parts": parts}).json()
    assert done["upload_status"] == "completed"
    assert project.demo("GET", f"/files/{done['id']}/download").content == content
    small = project.demo.begin(b"typed", file_content_type="text/plain")
    etag = plain.evaluate(
        "urls => uploadOneWithItsType(urls, new Blob(['typed']), 'text/plain')", small["presigned_urls"]
    )
    assert etag == hashlib.md5(b"typed").hexdigest()
    plain.evaluate("id => uploader.abortUpload(id)", small["id"])
    assert project.demo("GET", f"/files/uploads/{small['id']}").json()["upload_status"] == "aborted"


def test_files_are_attached_fetched_and_deleted(blog: Page, project: Project, tmp_path: Path) -> None:
    names = {"track <1>.gpx": 12 * MIB, "empty.txt": 0}
    digests = {name: write_random(tmp_path / name, size) for name, size in names.items()}
    post = blog.locator(POST)
    post.locator("input[type=file]").set_input_files([tmp_path / name for name in names])
    expect(post.locator(".file")).to_have_count(2, timeout=60_000)
    expect(post.locator(".transfer")).to_have_count(0)
    blog.context.clear_cookies()
    blog.reload()  # whoever reads the post may have its files
    for name, digest in digests.items():
        with blog.expect_download() as download:
            _file(post, name).locator(".name").click()
        assert download.value.suggested_filename.endswith(".gpx" if name.endswith("gpx") else "empty.txt")
        assert hashlib.sha256(Path(download.value.path()).read_bytes()).hexdigest() == digest
    expect(post.locator(".delete, .choose")).to_have_count(0)
    blog.goto(f"{project.url}/")
    expect(blog.locator(".teaser", has_text="coast path")).to_contain_text("2 attachments")


def test_attachments_are_deleted_by_who_made_them(blog: Page, tmp_path: Path) -> None:
    (tmp_path / "wrong.pdf").write_bytes(b"%PDF-1.7")
    post = blog.locator(POST)
    post.locator("input[type=file]").set_input_files(tmp_path / "wrong.pdf")
    _file(post, "wrong.pdf").get_by_label("Delete wrong.pdf").click()
    blog.get_by_role("button", name="Keep it").click()
    expect(_file(post, "wrong.pdf")).to_have_count(1)
    _file(post, "wrong.pdf").get_by_label("Delete wrong.pdf").click()
    blog.get_by_role("button", name="Delete", exact=True).last.click()
    expect(_file(post, "wrong.pdf")).to_have_count(0)


def test_a_comment_and_a_file_dropped_on_it(blog: Page) -> None:
    blog.get_by_label("Your comment").fill("Here is mine.")
    blog.get_by_role("button", name="Send").click()
    comment = blog.locator(".comment", has_text="Here is mine.").last
    comment.locator(".attachments").evaluate(
        """section => {
          const dropped = new DataTransfer();
          dropped.items.add(new File(["hello"], "dropped.txt"));
          section.dispatchEvent(new DragEvent("drop", { dataTransfer: dropped }));
        }"""
    )
    expect(_file(comment, "dropped.txt")).to_have_count(1)


def test_an_attachment_under_way_is_cancelled(blog: Page, project: Project, tmp_path: Path) -> None:
    write_random(tmp_path / "film.mp4", 40 * MIB)
    slow_down(blog, after=1)
    blog.locator(POST).locator("input[type=file]").set_input_files(tmp_path / "film.mp4")
    transfer = blog.locator(".transfer", has_text="film.mp4")
    expect(transfer).to_contain_text(re.compile(r"8(\.\d)? MiB of 40 MiB"), timeout=60_000)
    transfer.get_by_role("button", name="Cancel").click()
    expect(transfer).to_have_count(0)
    query = {"status": "aborted", "search": "film.mp4"}
    until(lambda: bool(project.demo("GET", "/files", params=query).json()["results"]), blog)


def test_a_new_post_with_a_picture(blog: Page, tmp_path: Path) -> None:
    (tmp_path / "sails.png").write_bytes(PIXEL)
    blog.get_by_role("link", name="New post").click()
    blog.get_by_label("Title").fill("Second hand <b>sails</b>")
    blog.get_by_label("Body").fill("Two of them.")
    blog.evaluate("customElements.whenDefined('partway-file').then(() => null)")
    blog.locator("partway-file input[type=file]").set_input_files(tmp_path / "sails.png")
    expect(blog.locator("partway-file")).to_have_attribute("data-state", "done")
    blog.get_by_role("button", name="Publish").click()
    expect(blog.get_by_role("heading", name="Second hand <b>sails</b>")).to_be_visible()
    picture = blog.locator(".picture")
    until(lambda: picture.evaluate("image => image.complete && image.naturalWidth") == 1, blog)
    expect(blog.locator(".file")).to_have_count(0)  # it is shown, not listed
    expect(blog.locator(".choose")).to_have_count(1)


def _file(within: Locator, name: str) -> Locator:
    return within.locator(".file", has_text=name)
