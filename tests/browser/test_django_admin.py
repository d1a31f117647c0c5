"""Files in the admin of a Django project, as somebody of the staff looks after them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.acceptance.api import MIB, Api, send_parts, token_for
from tests.django_app.server import DjangoServer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
LIST = "/admin/partway/file/"
CONTENT = b"all of it\n" * 1000


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DjangoServer]:
    """A project with its files on the local disk."""
    with DjangoServer(tmp_path_factory.mktemp("admin") / "data", env={}) as running:
        yield running


@pytest.fixture
def owner(project: DjangoServer, request: pytest.FixtureRequest) -> Api:
    """Somebody who uploads, each test's another, called like it."""
    return Api(project.url, token_for(request.node.name))


@pytest.fixture
def staff(page: Page, project: DjangoServer) -> Page:
    """The page of somebody who may use the admin."""
    page.goto(f"{project.url}/enter/staff?staff=1")
    return page


def look(page: Page, project: DjangoServer, query: str) -> None:
    page.goto(f"{project.url}{LIST}{query}")


def names(page: Page) -> list[str]:
    """The names in the list."""
    return page.locator(".field-shown_name a").all_inner_texts()


def act(page: Page, name: str, action: str) -> None:
    """Choose one file of the list, and what to do with it."""
    page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True)).get_by_role("checkbox").check()
    page.get_by_label("Action:").select_option(label=action)
    page.get_by_role("button", name="Go").click()


def test_filter_abort_and_retry(staff: Page, project: DjangoServer, owner: Api) -> None:
    owner.upload(CONTENT, file_name="done.txt")
    half = owner.begin(b"x" * 12 * MIB, file_name="half.bin")
    owner("POST", f"/files/uploads/{half['id']}/parts", json={"parts": [{"part_number": 1}, {"part_number": 3}]})
    whole = owner.begin(CONTENT, file_name="whole.bin")
    send_parts(whole["presigned_urls"], CONTENT, part_size=whole["part_size"])
    look(staff, project, "?q=test_filter_abort_and_retry")
    assert names(staff) == ["whole.bin", "half.bin", "done.txt"]
    staff.get_by_role("link", name="uploading", exact=True).click()
    assert names(staff) == ["whole.bin", "half.bin"]
    expect(staff.locator(".partway-progress").nth(1)).to_have_text("2 of 3 parts, 7.0 MB")
    expect(staff.locator("progress").nth(1)).to_have_js_property("value", 58)
    act(staff, "half.bin", "Abort uploads")
    expect(staff.locator("#content")).to_contain_text("The parts that were sent are dropped.")
    staff.get_by_role("button", name="Yes, I").click()
    expect(staff.locator(".messagelist")).to_have_text("1 upload was aborted.")
    assert names(staff) == ["whole.bin"]
    staff.get_by_role("link", name="whole.bin").click()
    staff.get_by_role("button", name="Retry what is stuck").click()
    expect(staff.locator(".messagelist")).to_have_text("1 upload was completed.")
    expect(staff.locator(".partway-badge")).to_have_text("completed")
    staff.get_by_role("button", name="Verify against the store").click()
    expect(staff.locator(".messagelist")).to_have_text("1 file is at the store as recorded.")


def test_download_and_delete(staff: Page, project: DjangoServer, owner: Api) -> None:
    file = owner.upload(CONTENT, file_name="letter.txt", file_content_type="text/plain")
    signed = owner("GET", f"/files/{file['id']}/presigned-url").json()["url"]
    look(staff, project, f"?q={file['id']}")
    assert names(staff) == ["letter.txt"]
    with staff.expect_download() as download:
        staff.get_by_label("Download letter.txt").click()
    assert download.value.suggested_filename == "letter.txt"
    assert Path(download.value.path()).read_bytes() == CONTENT
    staff.get_by_role("link", name="letter.txt", exact=True).click()
    with staff.expect_download() as download:
        staff.get_by_role("link", name="Download").click()
    assert Path(download.value.path()).read_bytes() == CONTENT
    staff.get_by_role("link", name="Delete", exact=True).click()
    expect(staff.locator("#content")).to_contain_text("the next run of upkeep removes their objects")
    staff.get_by_role("button", name="Yes, I").click()
    expect(staff.locator(".messagelist")).to_contain_text("was deleted successfully")
    look(staff, project, f"?q={file['id']}&place=removing")
    assert names(staff) == ["letter.txt"]
    assert requests.get(signed, timeout=10).content == CONTENT
    project.manage("partway_cleanup")
    assert requests.get(signed, timeout=10).status_code == 404
    look(staff, project, f"?q={file['id']}&place=all")
    assert names(staff) == []


BADGES = ("pending", "uploading", "completing", "completed", "aborted", "failed", "trash", "removing")
CONTRASTS = """
(kinds) => {
  const canvas = Object.assign(document.createElement("canvas"), {width: 1, height: 1});
  const context = canvas.getContext("2d", {willReadFrequently: true});
  const luminance = (colour) => {
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((each) => {
      const share = each / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  return kinds.map((kind) => {
    const badge = document.createElement("span");
    badge.className = `partway-badge partway-${kind}`;
    document.querySelector("#content").append(badge);
    const style = getComputedStyle(badge);
    const [dark, light] = [luminance(style.color), luminance(style.backgroundColor)].sort((a, b) => a - b);
    return [kind, (light + 0.05) / (dark + 0.05)];
  });
}
"""


def test_badges_can_be_read_in_both_themes(staff: Page, project: DjangoServer) -> None:
    for scheme in ("light", "dark"):
        staff.emulate_media(color_scheme=scheme)
        look(staff, project, "")
        ratios: dict[str, float] = dict(staff.evaluate(CONTRASTS, BADGES))
        assert len(ratios) == len(BADGES)
        assert min(ratios.values()) >= 4.5, ratios  # https://www.w3.org/TR/WCAG21/#contrast-minimum
