"""The page as a person uses it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Page, Request, expect

from tests.browser.driving import MIB, card, open_page, part_numbers, slow_down, until, wait_for, write_random
from tests.servers.ports import free_port
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.service import Service

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_upload_pause_reload_resume_download_delete(
    page: Page, local_service: Service, tmp_path: Path, puts: list[Request]
) -> None:
    digest = write_random(tmp_path / "film.bin", 40 * MIB)
    open_page(page, local_service)
    release = slow_down(page, after=3)
    page.set_input_files("#files", str(tmp_path / "film.bin"))
    wait_for(page, "film.bin", "uploading")
    until(lambda: len(puts) >= 3, page)
    page.click(f"{card(page, 'film.bin')} >> text=Pause")
    wait_for(page, "film.bin", "paused")
    release()
    page.click(f"{card(page, 'film.bin')} >> text=Resume")
    wait_for(page, "film.bin", "uploading")
    release = slow_down(page, after=2)
    until(lambda: len(puts) >= 5, page)
    before_reload = set(part_numbers(puts))
    open_page(page, local_service)
    release()
    expect(page.locator("#unfinished .name")).to_have_text("film.bin")
    puts.clear()
    page.set_input_files("#files", str(tmp_path / "film.bin"))
    wait_for(page, "film.bin", "done")
    expect(page.locator(f"{card(page, 'film.bin')} .state")).to_contain_text("checksum verified")
    assert part_numbers(puts) == sorted(set(range(1, 9)) - before_reload)
    expect(page.locator("#unfinished-section")).to_be_hidden()
    with page.expect_download() as download:
        page.get_by_label("Download film.bin").click()
    assert hashlib.sha256(Path(download.value.path()).read_bytes()).hexdigest() == digest
    page.get_by_label("Delete film.bin").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#list-rows .name")).to_have_text("film.bin")
    (file,) = requests.get(f"{local_service.url}/v1/files", timeout=10).json()["results"]
    page.get_by_label("Delete film.bin").click()
    expect(page.locator("#empty")).to_be_visible()
    until(lambda: not requests.get(f"{local_service.url}/v1/files", timeout=10).json()["results"], page)
    (deleted,) = requests.get(f"{local_service.url}/v1/files?deleted=true", timeout=10).json()["results"]
    assert deleted["id"] == file["id"]


def test_a_deletion_that_fails_brings_the_row_back(page: Page, local_service: Service, tmp_path: Path) -> None:
    write_random(tmp_path / "kept.bin", 1000)
    open_page(page, local_service)
    page.set_input_files("#files", str(tmp_path / "kept.bin"))
    wait_for(page, "kept.bin", "done")
    page.route("**/v1/files/*", lambda route: route.abort() if route.request.method == "DELETE" else route.continue_())
    page.get_by_label("Delete kept.bin").click()
    expect(page.locator("#list-rows .name")).to_have_text("kept.bin")
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)


def test_a_changed_file_of_the_same_name_begins_anew(
    page: Page, local_service: Service, tmp_path: Path, puts: list[Request]
) -> None:
    path = tmp_path / "report.bin"
    write_random(path, 16 * MIB)
    open_page(page, local_service)
    slow_down(page, after=1)
    page.set_input_files("#files", str(path))
    until(lambda: len(puts) >= 1, page)
    first = int(part_numbers(puts)[0])
    content = bytearray(path.read_bytes())
    # Between two samples of the fingerprint, inside the part that was sent: only its checksum tells.
    at = (first - 1) * 5 * MIB + 300_000
    content[at] ^= 0xFF
    path.write_bytes(content)
    page.unroute("**/*partNumber=*")
    open_page(page, local_service)
    puts.clear()
    page.set_input_files("#files", str(path))
    wait_for(page, "report.bin", "done")
    assert part_numbers(puts) == [1, 2, 3, 4]
    (file,) = requests.get(f"{local_service.url}/v1/files", params={"search": "report"}, timeout=10).json()["results"]
    assert requests.get(file["url"], timeout=30).content == bytes(content)


def test_empty_files_odd_names_and_many_at_once(page: Page, local_service: Service, tmp_path: Path) -> None:
    names = ["empty.txt", "Prüfung “1” <b>.txt", "🎉.bin", "plain.bin"]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(b"x" * number * 1000)
    open_page(page, local_service)
    page.set_input_files("#files", [str(tmp_path / name) for name in names])
    for name in names:
        expect(page.locator("#transfers .card.done .name", has_text=name)).to_have_count(1)
    page.fill("#search", "PRÜFUNG")
    expect(page.locator("#list-rows .name")).to_have_text(["Prüfung “1” <b>.txt"])
    page.fill("#search", "nothing like it")
    expect(page.locator("#empty")).to_contain_text("nothing like it")


def test_more_files_than_stand_on_the_page(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(130):
        (folder / f"{number:03}.txt").write_bytes(b"x" * (1 + number))
    with Service(tmp_path / "data") as service:
        open_page(page, service)
        page.route("**/v1/files/uploads", lambda _: None)  # held until it is unrouted
        page.set_input_files("#folder", str(folder))
        expect(page.locator("#rest")).to_have_text("and 30 more, waiting for their turn")
        expect(page.locator("#transfers .card")).to_have_count(100)
        page.unroute("**/v1/files/uploads")
        expect(page.locator("#total")).to_contain_text("130 of 130 files", timeout=60_000)
        expect(page.locator("#transfers .card.done")).to_have_count(100)
        query = {"limit": 200}
        files = requests.get(f"{service.url}/v1/files", params=query, timeout=10).json()["results"]
        assert sorted(file["file_size"] for file in files) == list(range(1, 131))
        assert {file["s3_key"].split("/")[1] for file in files} == {"many"}


def test_the_service_restarts_meanwhile(page: Page, tmp_path: Path, puts: list[Request]) -> None:
    digest = write_random(tmp_path / "film.bin", 30 * MIB)
    with Service(tmp_path / "data", env={"S3_PART_SIZE_MB": "5"}) as service:
        open_page(page, service)
        release = slow_down(page, after=2)
        page.set_input_files("#files", str(tmp_path / "film.bin"))
        until(lambda: len(puts) >= 2, page)
        service.kill()
        release()
        page.click(f"{card(page, 'film.bin')} >> text=Pause")
        page.click(f"{card(page, 'film.bin')} >> text=Resume")
        expect(page.locator(f"{card(page, 'film.bin')} .state")).to_contain_text("cannot be reached")
        service.start()
        wait_for(page, "film.bin", "done")
        (file,) = requests.get(f"{service.url}/v1/files", timeout=10).json()["results"]
        assert hashlib.sha256(requests.get(file["url"], timeout=30).content).hexdigest() == digest


def test_cancel_ends_the_upload_at_the_service(
    page: Page, local_service: Service, tmp_path: Path, puts: list[Request]
) -> None:
    write_random(tmp_path / "cancelled.bin", 20 * MIB)
    open_page(page, local_service)
    slow_down(page, after=1)
    page.set_input_files("#files", str(tmp_path / "cancelled.bin"))
    until(lambda: len(puts) >= 1, page)
    page.get_by_label("Cancel cancelled.bin").click()
    expect(page.locator(card(page, "cancelled.bin"))).to_have_count(0)
    query = {"status": "all", "search": "cancelled.bin"}
    (file,) = requests.get(f"{local_service.url}/v1/files", params=query, timeout=10).json()["results"]
    assert file["upload_status"] == "aborted"


def test_page_and_store_on_different_origins(
    page: Page, seaweedfs: SeaweedFS, tmp_path: Path, puts: list[Request]
) -> None:
    digest = write_random(tmp_path / "large.bin", 200 * MIB)
    port = free_port()
    env = {
        "S3_BUCKET_NAME": seaweedfs.new_bucket(cors_origins=[f"http://127.0.0.1:{port}"]),
        "S3_ENDPOINT_URL": seaweedfs.endpoint,
        "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
        "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
    }
    with Service(tmp_path / "data", env=env, port=port) as service:
        open_page(page, service)
        release = slow_down(page, after=5)
        page.set_input_files("#files", str(tmp_path / "large.bin"))
        until(lambda: len(puts) >= 5, page)
        page.click(f"{card(page, 'large.bin')} >> text=Pause")
        wait_for(page, "large.bin", "paused")
        release()
        sent_before = set(part_numbers(puts))
        open_page(page, service)
        page.set_input_files("#files", str(tmp_path / "large.bin"))
        wait_for(page, "large.bin", "done")
        origins = {"{0.scheme}://{0.netloc}".format(urlsplit(request.url)) for request in puts}
        assert origins == {seaweedfs.endpoint}
        until(lambda: len(puts) >= 25, page)  # the browser tells of a worker's requests when it comes to it
        assert part_numbers(puts) == list(range(1, 26))
        assert sent_before
        (file,) = requests.get(f"{service.url}/v1/files", timeout=10).json()["results"]
        assert file["file_size"] == 200 * MIB
        with page.expect_download() as download:
            page.get_by_label("Download large.bin").click()
        assert hashlib.sha256(Path(download.value.path()).read_bytes()).hexdigest() == digest


def test_a_token_is_asked_for(page: Page, tmp_path: Path) -> None:
    secret = "a secret that is long enough for HS256"
    env = {"PARTWAY_JWT_SECRET": secret}
    with Service(tmp_path / "data", env=env) as service:
        page.goto(f"{service.url}/")
        page.fill("#token", "wrong")
        page.get_by_role("button", name="Go on").click()
        expect(page.locator("#token-problem")).to_contain_text("token")
        page.fill("#token", service.token("alice"))
        page.get_by_role("button", name="Go on").click()
        page.wait_for_selector("html[data-ready]")
        (tmp_path / "a.bin").write_bytes(b"x" * 1000)
        page.set_input_files("#files", str(tmp_path / "a.bin"))
        wait_for(page, "a.bin", "done")
