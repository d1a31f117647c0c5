from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserType, Page, Request, sync_playwright

from tests.servers.service import Service

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def launched(chromium: BrowserType) -> Browser:
    """A running browser; close it."""
    path = os.environ.get("PARTWAY_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    return chromium.launch(executable_path=path, args=ARGUMENTS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium: the machine's or Playwright's own. It ends with its module: its driver runs a loop."""
    with sync_playwright() as playwright:
        chromium = launched(playwright.chromium)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page that fails the test on any error in its scripts or in its policy."""
    context = browser.new_context(viewport={"width": 1100, "height": 900}, accept_downloads=True)
    context.set_default_timeout(60_000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
    yield page
    page.unroute_all(behavior="ignoreErrors")
    context.close()
    assert errors == []


@pytest.fixture
def puts(page: Page) -> list[Request]:
    """The PUTs that the page has sent and whose answer was good."""
    sent: list[Request] = []

    def note(request: Request) -> None:
        answer = request.response()
        if request.method == "PUT" and answer is not None and answer.ok:
            sent.append(request)

    page.on("requestfinished", note)
    return sent


@pytest.fixture(scope="session")
def local_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service on the embedded default, without authentication."""
    data_dir: Path = tmp_path_factory.mktemp("browser") / "data"
    with Service(data_dir, env={"S3_PART_SIZE_MB": "5"}) as running:
        yield running
