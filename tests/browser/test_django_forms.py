"""Files in the forms of a Django project, as a person fills them in."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Request, expect

from tests.browser.driving import MIB, part_numbers, slow_down, until, write_random
from tests.django_app.server import DjangoServer
from tests.servers.seaweedfs import SeaweedFS

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
ADD = "/admin/articles/article/add/"
HEAR = """
globalThis.heard = [];
for (const name of ["progress", "done", "failed", "cleared"])
  addEventListener(`partway:${name}`, ({detail}) => heard.push([name, detail?.sent ?? detail?.name]));
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DjangoServer]:
    """A project with its files on the local disk."""
    with DjangoServer(tmp_path_factory.mktemp("forms") / "data", env={}) as running:
        yield running


@pytest.fixture
def editor(page: Page, project: DjangoServer, request: pytest.FixtureRequest) -> Page:
    """The page of somebody who may use the admin, each test's another."""
    enter(page, project, request.node.name)
    return page


def enter(page: Page, project: DjangoServer, name: str) -> None:
    page.on("dialog", lambda dialog: dialog.accept())  # the page asks whether to leave an upload
    page.goto(f"{project.url}/enter/{name}?staff=1")


def open_form(page: Page, project: DjangoServer, path: str = ADD) -> Locator:
    """A page with a form; its first field for a file."""
    page.goto(f"{project.url}{path}")
    page.evaluate(HEAR)
    field = page.locator("partway-file").first
    expect(field.locator(".partway-deeds")).to_be_visible()
    return field


def choose(field: Locator, path: Path) -> None:
    field.locator("input[type=file]").set_input_files(str(path))


def wait_for(field: Locator, state: str) -> None:
    expect(field).to_have_attribute("data-state", state, timeout=60_000)


def save(page: Page) -> None:
    page.locator("[name=_save]").or_(page.get_by_role("button", name="Save", exact=True)).click()


def value_of(field: Locator) -> str:
    return field.locator("input[type=hidden]").input_value()


def files(page: Page, project: DjangoServer, *, kind: str = "", status: str = "completed") -> list[dict[str, Any]]:
    """Files of whoever has entered, and of others: they are staff."""
    query = f"?status={status}&parent_content_type={kind}" if kind else f"?status={status}"
    found: list[dict[str, Any]] = page.request.get(f"{project.url}/v1/files{query}").json()["results"]
    return found


def test_a_large_file_in_the_admin(editor: Page, project: DjangoServer, tmp_path: Path, puts: list[Request]) -> None:
    digest = write_random(tmp_path / "film.bin", 20 * MIB)
    field = open_form(editor, project)
    editor.fill("#id_title", "With a film")
    choose(field, tmp_path / "film.bin")
    wait_for(field, "done")
    expect(field.locator(".partway-said")).to_have_text("20.0 MB, uploaded")
    assert part_numbers(puts) == [1, 2, 3]
    heard = editor.evaluate("heard")
    assert heard[-1] == ["done", "film.bin"]
    assert ["progress", 20 * MIB] in heard
    save(editor)
    expect(editor.locator(".success")).to_contain_text("was added successfully")
    (file,) = [file for file in files(editor, project, kind="articles.article") if file["name"] == "film.bin"]
    editor.get_by_role("link", name="With a film").first.click()
    link = editor.locator("partway-file").first.get_by_role("link", name="film.bin")
    answer = editor.request.get(f"{project.url}{link.get_attribute('href')}")
    assert file["id"] in str(link.get_attribute("href"))
    assert hashlib.sha256(answer.body()).hexdigest() == digest
    editor.get_by_role("button", name="Clear").click()
    assert editor.locator("input[name=attachment]").input_value() == ""
    save(editor)
    expect(editor.locator(".success")).to_contain_text("was changed successfully")
    assert editor.request.get(f"{project.url}/v1/files/{file['id']}").json()["parent_content_type"] is None


def test_a_reload_in_the_middle_sends_only_what_is_missing(
    editor: Page, project: DjangoServer, tmp_path: Path, puts: list[Request]
) -> None:
    write_random(tmp_path / "late.bin", 40 * MIB)
    field = open_form(editor, project)
    release = slow_down(editor, after=2)
    choose(field, tmp_path / "late.bin")
    until(lambda: len(puts) >= 2, editor)
    before = set(part_numbers(puts))
    field = open_form(editor, project)
    release()
    puts.clear()
    choose(field, tmp_path / "late.bin")
    wait_for(field, "done")
    assert part_numbers(puts) == sorted({1, 2, 3, 4, 5} - before)


def test_a_broken_line_pause_and_resume(
    editor: Page, project: DjangoServer, tmp_path: Path, puts: list[Request]
) -> None:
    write_random(tmp_path / "hard.bin", 30 * MIB)
    field = open_form(editor, project)
    broken: list[str] = []

    def break_off(route: Any) -> None:
        broken.append(route.request.url)
        route.abort()

    editor.route("**/*partNumber=2*", break_off)
    choose(field, tmp_path / "hard.bin")
    until(lambda: len(puts) == 3 and len(broken) > 1, editor)
    field.get_by_role("button", name="Pause").click()
    wait_for(field, "paused")
    expect(field.get_by_role("button", name="Resume")).to_be_focused()
    editor.unroute("**/*partNumber=2*")
    field.get_by_role("button", name="Resume").click()
    wait_for(field, "done")
    assert part_numbers(puts) == [1, 2, 3, 4]


def test_a_form_is_not_sent_half_way_and_cancelling_brings_back_what_was_there(
    editor: Page, project: DjangoServer, tmp_path: Path, puts: list[Request]
) -> None:
    write_random(tmp_path / "slow.bin", 20 * MIB)
    (tmp_path / "first.bin").write_bytes(b"first")
    field = open_form(editor, project)
    choose(field, tmp_path / "first.bin")
    wait_for(field, "done")
    value = value_of(field)
    editor.fill("#id_title", "Half-way")
    slow_down(editor, after=1)
    choose(field, tmp_path / "slow.bin")
    wait_for(field, "running")
    save(editor)
    problem = field.get_by_role("alert")
    expect(problem).to_have_text("Wait until the file is uploaded, or cancel it. Then send the form again.")
    expect(field.get_by_role("button", name="Pause")).to_be_focused()
    field.get_by_role("button", name="Pause").click()
    wait_for(field, "paused")
    expect(problem).to_be_hidden()
    save(editor)
    expect(problem).to_contain_text("The file is not uploaded.")
    field.get_by_role("button", name="Cancel").click()
    wait_for(field, "done")
    expect(field.get_by_role("link", name="first.bin")).to_be_visible()
    assert value_of(field) == value
    until(lambda: all(file["name"] != "slow.bin" for file in files(editor, project, status="uploading")), editor)
    save(editor)
    expect(editor.locator(".success")).to_contain_text("was added successfully")


def test_the_value_survives_a_form_that_is_refused(editor: Page, project: DjangoServer, tmp_path: Path) -> None:
    (tmp_path / "kept.bin").write_bytes(b"kept")
    field = open_form(editor, project, "/articles/new")
    editor.fill("#id_title", "   ")
    choose(field, tmp_path / "kept.bin")
    wait_for(field, "done")
    value = value_of(field)
    save(editor)
    expect(editor.get_by_text("This field is required.")).to_be_visible()
    field = editor.locator("partway-file")
    expect(field.get_by_role("link", name="kept.bin")).to_be_visible()
    expect(field.locator(".partway-said")).to_have_text("4 B")
    assert value_of(field) == value
    editor.fill("#id_title", "Now with a title")
    save(editor)
    editor.wait_for_url(re.compile(r"/articles/\d+$"))
    expect(editor.locator("partway-file").get_by_role("link", name="kept.bin")).to_be_visible()


def test_what_is_not_taken_is_refused_before_it_is_sent(
    editor: Page, project: DjangoServer, tmp_path: Path, puts: list[Request]
) -> None:
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "large.txt").write_text("x" * 2000)
    field = open_form(editor, project)
    choose(field, tmp_path / "notes.txt")
    expect(field.get_by_role("alert")).to_have_text(
        "“notes.txt” is not of an allowed type (.bin,image/*). Choose another file."
    )
    open_form(editor, project, "/plain")
    second = editor.locator("partway-file").nth(1)
    choose(second, tmp_path / "large.txt")
    expect(second.get_by_role("alert")).to_have_text(
        "“large.txt” has 2.0 KB; at most 1.5 KB are allowed. Choose a smaller file."
    )
    assert puts == []


def test_what_the_server_refuses_is_told_in_its_words(editor: Page, project: DjangoServer, tmp_path: Path) -> None:
    (tmp_path / "no.bin").write_bytes(b"no")
    field = open_form(editor, project)
    body = "<Error><Code>EntityTooLarge</Code><Message>Your proposed upload is too large</Message></Error>"
    editor.route("**/*partNumber=*", lambda route: route.fulfill(status=400, body=body))
    choose(field, tmp_path / "no.bin")
    wait_for(field, "failed")
    expect(field.get_by_role("alert")).to_contain_text("Your proposed upload is too large")
    editor.unroute("**/*partNumber=*")
    refusal = '{"code": "conflict", "detail": "Not now. Try again."}'
    editor.route("**/form-value", lambda route: route.fulfill(status=409, body=refusal))
    field.get_by_role("button", name="Try again").click()
    expect(field.get_by_role("alert")).to_have_text("Not now. Try again.")
    wait_for(field, "failed")
    editor.unroute("**/form-value")
    field.get_by_role("button", name="Try again").click()
    wait_for(field, "done")
    expect(field.get_by_role("alert")).to_be_hidden()


def test_anothers_file_cannot_be_attached(
    editor: Page, browser: Browser, project: DjangoServer, tmp_path: Path
) -> None:
    (tmp_path / "secret.bin").write_bytes(b"secret")
    field = open_form(editor, project)
    choose(field, tmp_path / "secret.bin")
    wait_for(field, "done")
    (file,) = [file for file in files(editor, project) if file["name"] == "secret.bin"]
    context = browser.new_context()
    other = context.new_page()
    other.goto(f"{project.url}/enter/another?staff=1")
    assert other.request.get(f"{project.url}/v1/files/{file['id']}/form-value").status == 404
    open_form(other, project)
    other.fill("#id_title", "Stolen")
    other.locator("input[name=attachment]").evaluate("(input, id) => { input.value = id; }", file["id"])
    save(other)
    expect(other.locator(".errorlist")).to_have_text(
        "This is no file that you have uploaded here. Choose the file again."
    )
    context.close()


def test_staff_go_on_with_uploads_of_their_own_alone(
    editor: Page, browser: Browser, project: DjangoServer, tmp_path: Path, puts: list[Request]
) -> None:
    write_random(tmp_path / "shared.bin", 20 * MIB)
    slow_down(editor, after=1)
    choose(open_form(editor, project), tmp_path / "shared.bin")
    until(lambda: len(puts) >= 1, editor)
    context = browser.new_context()
    other = context.new_page()
    enter(other, project, "a colleague")
    field = open_form(other, project)
    choose(field, tmp_path / "shared.bin")
    wait_for(field, "done")
    context.close()


def test_lines_that_the_admin_adds(editor: Page, project: DjangoServer, tmp_path: Path) -> None:
    for name in ("one.bin", "two.bin"):
        (tmp_path / name).write_bytes(name.encode())
    write_random(tmp_path / "removed.bin", 20 * MIB)
    open_form(editor, project)
    editor.fill("#id_title", "With pictures")
    for number, name in enumerate(("one.bin", "two.bin", "removed.bin")):
        editor.get_by_text("Add another Picture").click()
        if name == "removed.bin":
            slow_down(editor, after=0)
        field = editor.locator(f"#pictures-{number} partway-file")
        choose(field, tmp_path / name)
        wait_for(field, "running" if name == "removed.bin" else "done")
    editor.locator("#pictures-2 .inline-deletelink").click()
    until(lambda: all(file["name"] != "removed.bin" for file in files(editor, project, status="uploading")), editor)
    save(editor)
    expect(editor.locator(".success")).to_contain_text("was added successfully")
    names = {file["name"] for file in files(editor, project, kind="articles.picture")}
    assert names == {"one.bin", "two.bin"}
    editor.get_by_role("link", name="With pictures").first.click()
    expect(editor.locator("#pictures-1").get_by_role("link", name="two.bin")).to_be_visible()


def test_a_form_of_paragraphs(editor: Page, project: DjangoServer, tmp_path: Path) -> None:
    """A browser ends a paragraph at the first block in it."""
    (tmp_path / "a.bin").write_bytes(b"a")
    field = open_form(editor, project, "/articles/new?paragraphs=1")
    choose(field, tmp_path / "a.bin")
    wait_for(field, "done")
    expect(field.locator(".partway-name")).to_have_text("a.bin")


def test_two_fields_of_a_plain_form_and_one_content(editor: Page, project: DjangoServer, tmp_path: Path) -> None:
    (tmp_path / "same.txt").write_text("the same")
    open_form(editor, project, "/plain")
    fields = editor.locator("partway-file")
    for number in (0, 1):
        choose(fields.nth(number), tmp_path / "same.txt")
    for number in (0, 1):
        wait_for(fields.nth(number), "done")
    assert value_of(fields.nth(0)) != value_of(fields.nth(1))
    save(editor)
    expect(editor.locator("body")).to_have_text("same.txt and same.txt")


def test_a_file_is_dropped(editor: Page, project: DjangoServer) -> None:
    field = open_form(editor, project)
    drop = """(field, names) => {
      const dataTransfer = new DataTransfer();
      for (const name of names) dataTransfer.items.add(new File([name], name));
      for (const type of ["dragover", "drop"]) field.dispatchEvent(new DragEvent(type, {dataTransfer, bubbles: true}));
    }"""
    field.evaluate(drop, ["a.bin", "b.bin"])
    expect(field.get_by_role("alert")).to_have_text("Drop one file only.")
    field.evaluate(drop, ["a.bin"])
    wait_for(field, "done")
    expect(field.get_by_role("link", name="a.bin")).to_be_visible()


def test_the_field_has_its_label_and_tells_what_happens(editor: Page, project: DjangoServer, tmp_path: Path) -> None:
    (tmp_path / "told.bin").write_bytes(b"told")
    field = open_form(editor, project, "/articles/new")
    picker = editor.get_by_label("Attachment")
    picker.focus()
    expect(picker).to_be_focused()
    choose(field, tmp_path / "told.bin")
    wait_for(field, "done")
    expect(field.get_by_role("status")).to_have_text("told.bin: 4 B, uploaded")
    expect(picker).to_be_focused()
    field.get_by_role("button", name="Clear").click()
    wait_for(field, "empty")
    expect(field.get_by_role("status")).to_have_text("No file is chosen.")
    assert editor.evaluate("heard").pop() == ["cleared", None]


def test_without_scripts_the_form_says_so(browser: Browser, project: DjangoServer) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{project.url}/articles/new")
    expect(page.get_by_text("Files are uploaded by JavaScript, which does not run here.")).to_be_visible()
    expect(page.get_by_text("Choose a file", exact=True)).to_be_hidden()
    context.close()


def test_straight_to_the_store(page: Page, seaweedfs: SeaweedFS, tmp_path: Path, puts: list[Request]) -> None:
    digest = write_random(tmp_path / "film.bin", 20 * MIB)
    project = DjangoServer(tmp_path / "data", env=s3_settings(seaweedfs))
    project._env["S3_BUCKET_NAME"] = seaweedfs.new_bucket(cors_origins=[project.url])
    with project:
        enter(page, project, "somebody")
        field = open_form(page, project, "/articles/new")
        page.fill("#id_title", "In the store")
        choose(field, tmp_path / "film.bin")
        wait_for(field, "done")
        assert part_numbers(puts) == [1, 2, 3]
        assert all(request.url.startswith(seaweedfs.endpoint) for request in puts)
        save(page)
        page.wait_for_url(re.compile(r"/articles/\d+$"))
        link = page.locator("partway-file").get_by_role("link", name="film.bin").get_attribute("href")
        assert hashlib.sha256(page.request.get(f"{project.url}{link}").body()).hexdigest() == digest


def s3_settings(seaweedfs: SeaweedFS) -> dict[str, str]:
    return {
        "S3_ENDPOINT_URL": seaweedfs.endpoint,
        "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
        "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
    }
