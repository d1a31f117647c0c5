"""Stored files that carry scripts: whatever they are called and declared as, no script runs by an address of ours.

Each file is uploaded as any other, then a real browser opens every address that leads to it: alone, and in the frames
of a foreign page. A script that ran would ask the marker site for a path, or open a dialog.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Dialog, Error, Page

from tests.acceptance.api import Api
from tests.browser.conftest import launched
from tests.servers.marker import Answer, MarkerSite
from tests.servers.service import Service

SERVED_INLINE = {"image/png", "image/gif", "text/plain", "application/pdf"}
PDF_DIALOG = "from a PDF"
CRASHES = 2  # of the browser, for each file
SETTLE = 200  # milliseconds in which a script that may run does


class Active(NamedTuple):
    """A file that would like to run a script."""

    file_name: str
    content_type: str
    template: str
    alone: bool = False  #: a browser that is handed it as it is runs the script: the test would see it

    def content(self, marker: str) -> bytes:
        """With a script that calls the marker site."""
        script = f"new Image().src='{marker}/{self.file_name}'; fetch('{marker}/{self.file_name}'); alert(1)"
        return self.template.replace("SCRIPT", script).replace("MARKER", marker).encode("latin-1")


HTML = "<!doctype html><html><body><h1>hello</h1><script>SCRIPT</script></body></html>"
SVG = "<svg xmlns='http://www.w3.org/2000/svg' onload=\"SCRIPT\"><script>SCRIPT</script><circle r='9'/></svg>"
XHTML = "<html xmlns='http://www.w3.org/1999/xhtml'><body><script>SCRIPT</script></body></html>"
XML = "<?xml version='1.0'?><a><x:script xmlns:x='http://www.w3.org/1999/xhtml'>SCRIPT</x:script></a>"
STYLED = XML.replace("?><a", "?><?xml-stylesheet type='text/xsl' href='#'?><a")
PDF = (
    f"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert\\('{PDF_DIALOG}'\\);"
    "app.launchURL\\('MARKER/active.pdf'\\))>>>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
    "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>endobj trailer<</Root 1 0 R>>\n%%EOF"
)
GIF = "GIF89a/*\x00\x00\x00\x00\x00*/=1;SCRIPT;<script>SCRIPT</script>"
MHTML = (
    'MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b; type="text/html"\r\n\r\n--b\r\n'
    f"Content-Type: text/html\r\nContent-Location: http://x/\r\n\r\n{HTML}\r\n--b--\r\n"
)
CORPUS = [
    Active("page.html", "text/html", HTML, alone=True),
    Active("charset.html", "text/html; charset=utf-7", HTML, alone=True),
    Active("picture.svg", "image/svg+xml", SVG, alone=True),
    Active("page.xhtml", "application/xhtml+xml", XHTML, alone=True),
    Active("data.xml", "application/xml", XML, alone=True),
    Active("text.xml", "text/xml", XML, alone=True),
    Active("styled.xml", "text/xml", STYLED),
    Active("sheet.xsl", "application/xslt+xml", XML),
    Active("feed.rss", "application/rss+xml", XML),
    Active("active.pdf", "application/pdf", PDF),
    Active("script.js", "text/javascript", "SCRIPT"),
    Active("picture.png", "image/png", HTML),
    Active("vector.png", "image/png", SVG),
    Active("plain.txt", "text/plain", HTML),
    Active("polyglot.gif", "image/gif", GIF),
    Active("page.mhtml", "multipart/related", MHTML),
    Active("saved.mht", "message/rfc822", MHTML),
    Active("nothing.html", "", HTML),
    Active("unknown.html", "application/x-unknown", HTML),
    Active("hta.hta", "application/hta", HTML),
]


@pytest.fixture(scope="module", params=["local", "seaweedfs"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service without authentication, so that a browser reaches all of its addresses by itself."""
    env = {}
    if request.param == "seaweedfs":
        seaweedfs = request.getfixturevalue("seaweedfs")
        env = {
            "S3_BUCKET_NAME": seaweedfs.new_bucket(),
            "S3_ENDPOINT_URL": seaweedfs.endpoint,
            "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
            "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
        }
    data_dir: Path = tmp_path_factory.mktemp("active") / "data"
    with Service(data_dir, env=env) as running:
        yield running


@pytest.fixture
def site() -> Iterator[MarkerSite]:
    running = MarkerSite()
    yield running
    running.close()


@contextlib.contextmanager
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    """Somebody with a browser of their own who opens whatever they are sent; a dialog of a script fails the test.

    A PDF's own scripts may open one: they run in the browser's viewer, which has no origin, no page and no network.
    """
    own = launched(browser.browser_type)
    context = own.new_context(accept_downloads=True)
    context.set_default_timeout(60_000)
    dialogs: list[str] = []

    def note(dialog: Dialog) -> None:
        if dialog.message != PDF_DIALOG:
            dialogs.append(dialog.message)
        dismiss(dialog)

    context.on("dialog", note)
    try:
        yield context
    finally:
        own.close()
        assert dialogs == []


def dismiss(dialog: Dialog) -> None:
    with contextlib.suppress(Error):  # gone with its page
        dialog.dismiss()


def addresses(api: Api, file: dict[str, str]) -> dict[str, str]:
    """Every address that leads to a file's bytes."""
    download = f"{api.base}/v1/files/{file['id']}/download"
    found = {
        "download": download,
        "attachment": f"{download}?as_attachment=true",
        "redirect": f"{download}?redirect=true",
        "signed": api("GET", f"/files/{file['id']}/presigned-url").json()["url"],
        "signed attachment": api("GET", f"/files/{file['id']}/presigned-url", params={"force_download": "true"}).json()[
            "url"
        ],
    }
    if file.get("public_url"):
        found["public"] = file["public_url"]
    return found


def visit(page: Page, url: str) -> None:
    try:
        page.goto(url, wait_until="load")
    except Error as error:
        if "Download is starting" not in error.message and "ERR_ABORTED" not in error.message:
            raise


def test_the_test_would_see_a_script(browser: Browser, site: MarkerSite) -> None:
    page = browser.new_context().new_page()
    page.on("dialog", dismiss)
    for active in CORPUS:
        site.answers[f"/raw/{active.file_name}"] = Answer(active.content_type, active.content(site.url))
        visit(page, f"{site.url}/raw/{active.file_name}")
        page.wait_for_timeout(SETTLE)
    page.context.close()
    ran = {note.removeprefix("/") for note in site.notes}
    assert {active.file_name for active in CORPUS if active.alone} <= ran


def test_no_script_of_a_file_runs(service: Service, site: MarkerSite, browser: Browser) -> None:
    api = Api(service.url)
    for active in CORPUS:
        file = api.upload(
            active.content(site.url),
            file_name=active.file_name,
            file_content_type=active.content_type,
            is_public=True,
        )
        urls = addresses(api, file)
        for way, url in urls.items():
            assert_headers(url, active, ours=url.startswith(service.url) and way != "redirect")
        site.answers["/frames"] = Answer("text/html", embedding(urls["download"], urls["signed"]))
        open_all(browser, [*urls.values(), f"{site.url}/frames"])
        assert site.notes == [], active.file_name


def open_all(browser: Browser, urls: list[str]) -> None:
    """Open all addresses. Chromium falls over now and then at odd files: that is no script, and is tried anew."""
    for attempt in range(CRASHES + 1):
        try:
            with visitor(browser) as context:
                page = context.new_page()
                for url in urls:
                    visit(page, url)
                    page.wait_for_timeout(SETTLE // 4)
                page.wait_for_timeout(SETTLE)
            return
        except Error as error:
            if "has been closed" not in error.message or attempt == CRASHES:
                raise


def embedding(*urls: str) -> bytes:
    """A page that shows addresses in every way in which a page shows others."""
    ways = "<iframe src='{0}'></iframe><object data='{0}'></object><embed src='{0}'><img src='{0}'>"
    return f"<!doctype html>{''.join(ways.format(escape(url)) for url in urls)}".encode()


def assert_headers(url: str, active: Active, *, ours: bool) -> None:
    """What tells a browser to let nothing run, in the answer itself and not only in this browser's habits."""
    answer = requests.get(url, timeout=30)
    assert answer.status_code == 200
    media_type = active.content_type.partition(";")[0]
    if media_type in SERVED_INLINE:
        assert answer.headers["Content-Type"] == media_type
    else:
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment;")
    if ours:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cross-Origin-Resource-Policy"] in {"same-origin", "cross-origin"}
        if media_type != "application/pdf":  # browsers show no PDF in a sandbox
            assert "sandbox" in answer.headers["Content-Security-Policy"]
            assert "allow-scripts" not in answer.headers["Content-Security-Policy"]
