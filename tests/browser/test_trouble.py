"""The page when things do not go as they should."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, Request, Route, expect

from partway.client import Client
from tests.browser.driving import MIB, card, open_page, part_numbers, slow_down, until, wait_for, write_random
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.service import Service

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def files_named(service: Service, search: str, *, status: str = "completed") -> list[dict[str, object]]:
    query = {"search": search, "status": status}
    found: list[dict[str, object]] = requests.get(f"{service.url}/v1/files", params=query, timeout=10).json()["results"]
    return found


def state_of(page: Page, name: str) -> str:
    return f"{card(page, name)} .state"


def test_files_of_one_content_are_as_many_files(page: Page, local_service: Service, tmp_path: Path) -> None:
    """Their fingerprints are equal, and while one is open the next one looks for an upload to go on with."""
    content = b"the same" * MIB
    names = [f"twin-{number}.bin" for number in range(4)]
    for name in names:
        (tmp_path / name).write_bytes(content)
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / names[0]).write_bytes(content)
    open_page(page, local_service)
    page.set_input_files("#files", [str(tmp_path / name) for name in [*names, f"again/{names[0]}"]])
    expect(page.locator("#transfers .card.done")).to_have_count(5)
    assert sorted(str(file["name"]) for file in files_named(local_service, "twin-")) == sorted([names[0], *names])


def test_an_upload_given_up_elsewhere_says_so_and_begins_anew(
    page: Page, local_service: Service, tmp_path: Path, puts: list[Request]
) -> None:
    write_random(tmp_path / "orphan.bin", 30 * MIB)
    open_page(page, local_service)
    release = slow_down(page, after=1)
    page.set_input_files("#files", str(tmp_path / "orphan.bin"))
    until(lambda: len(puts) >= 1, page)
    (upload,) = files_named(local_service, "orphan.bin", status="uploading")
    requests.delete(f"{local_service.url}/v1/files/uploads/{upload['id']}", timeout=10).raise_for_status()
    release()
    wait_for(page, "orphan.bin", "failed")
    expect(page.locator(state_of(page, "orphan.bin"))).to_contain_text("cancelled elsewhere")
    page.get_by_label("Retry orphan.bin").click()
    wait_for(page, "orphan.bin", "done")
    assert [file["id"] != upload["id"] for file in files_named(local_service, "orphan.bin")] == [True]


def test_an_upload_that_another_client_completes_is_done_here_too(
    page: Page, local_service: Service, tmp_path: Path, puts: list[Request]
) -> None:
    digest = write_random(tmp_path / "shared.bin", 30 * MIB)
    open_page(page, local_service)
    release = slow_down(page, after=1)
    page.set_input_files("#files", str(tmp_path / "shared.bin"))
    until(lambda: len(puts) >= 1, page)
    with Client(local_service.url) as client:
        client.upload(tmp_path / "shared.bin")
    release()
    wait_for(page, "shared.bin", "done")
    (file,) = files_named(local_service, "shared.bin")
    assert hashlib.sha256(requests.get(str(file["url"]), timeout=30).content).hexdigest() == digest
    assert len(puts) < 6


def test_an_expired_url_is_replaced(page: Page, local_service: Service, tmp_path: Path, puts: list[Request]) -> None:
    write_random(tmp_path / "late.bin", 20 * MIB)
    open_page(page, local_service)
    refusals: list[Route] = []

    def refuse(route: Route) -> None:
        if len(refusals) < 2:
            refusals.append(route)
            body = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
            route.fulfill(status=403, content_type="application/xml", body=body)
        else:
            route.continue_()

    page.route("**/*partNumber=*", refuse)
    page.set_input_files("#files", str(tmp_path / "late.bin"))
    wait_for(page, "late.bin", "done")
    assert len(refusals) == 2
    assert part_numbers(puts) == [1, 2, 3, 4]


def test_what_the_store_refuses_is_told_in_its_words(page: Page, local_service: Service, tmp_path: Path) -> None:
    (tmp_path / "no.bin").write_bytes(b"x" * 1000)
    open_page(page, local_service)
    body = "<Error><Code>EntityTooLarge</Code><Message>Your proposed upload is too large</Message></Error>"
    page.route("**/*partNumber=*", lambda route: route.fulfill(status=400, content_type="application/xml", body=body))
    page.set_input_files("#files", str(tmp_path / "no.bin"))
    wait_for(page, "no.bin", "failed")
    expect(page.locator(state_of(page, "no.bin"))).to_have_text(
        "The store answered EntityTooLarge: Your proposed upload is too large"
    )
    page.unroute("**/*partNumber=*")
    page.get_by_label("Retry no.bin").click()
    wait_for(page, "no.bin", "done")


def test_a_store_without_cors_is_told_plainly(page: Page, seaweedfs: SeaweedFS, tmp_path: Path) -> None:
    env = {
        "S3_BUCKET_NAME": seaweedfs.new_bucket(cors_origins=["https://another.example"]),
        "S3_ENDPOINT_URL": seaweedfs.endpoint,
        "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
        "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
    }
    (tmp_path / "a.bin").write_bytes(b"x" * 1000)
    with Service(tmp_path / "data", env=env) as service:
        open_page(page, service)
        page.set_input_files("#files", str(tmp_path / "a.bin"))
        wait_for(page, "a.bin", "failed")
        state = page.locator(state_of(page, "a.bin"))
        expect(state).to_contain_text(f"CORS rule that allows PUT from {service.url}")
        expect(state).to_contain_text(seaweedfs.endpoint)


def test_a_file_that_changes_meanwhile_is_told_plainly(
    page: Page, local_service: Service, tmp_path: Path, puts: list[Request]
) -> None:
    path = tmp_path / "growing.bin"
    write_random(path, 30 * MIB)
    open_page(page, local_service)
    release = slow_down(page, after=1)
    page.set_input_files("#files", str(path))
    until(lambda: len(puts) >= 1, page)
    with path.open("ab") as file:
        file.write(b"more")
    release()
    wait_for(page, "growing.bin", "failed")
    expect(page.locator(state_of(page, "growing.bin"))).to_contain_text("changed or cannot be read")


@pytest.mark.parametrize("path", ["page/none.js", "page/%00", f"page/{'a' * 5000}.js", "page/..%2f..%2ferrors.py"])
def test_names_that_are_no_page_file(local_service: Service, path: str) -> None:
    answer = requests.get(f"{local_service.url}/{path}", timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["", "page/page.css", "page/partway/upload.js", "page/logo.svg", "page/config.json"])
def test_page_files_are_revalidated(local_service: Service, path: str) -> None:
    url = f"{local_service.url}/{path}"
    first = requests.get(url, timeout=10)
    assert first.status_code == 200
    assert "unsafe" not in first.headers["Content-Security-Policy"]
    again = requests.get(url, headers={"If-None-Match": first.headers["ETag"]}, timeout=10)
    assert (again.status_code, again.content) == (304, b"")
    assert requests.head(url, timeout=10).headers["Content-Length"] == str(len(first.content))
