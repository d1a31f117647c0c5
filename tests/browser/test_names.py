"""File names as people have them: uploaded, and downloaded by a real browser and by curl, they come back as they were.

Browsers and file systems allow less than Unicode. What a browser changes by its own rules it may change; what it must
not do is take another name than ours, or none.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
import requests
from playwright.sync_api import Browser, Error, Page

from tests.acceptance.api import Api
from tests.servers.service import Service

NAMES = [
    "plain.txt",
    "quotes \"double\" and 'single'.txt",
    "percent 100%25 %2F %00.txt",
    "semi;filename=evil.exe",
    "comma, colon: star* question? <tag> pipe|.txt",
    "plus+and&amp=1#hash.txt",
    "Ärger im Büro.pdf",
    "A\u0308rger, not normalised.pdf",
    "日本語のファイル名.txt",
    "שלום.txt",
    "evil\u202egpj.exe",
    "rtl \u200fmark.txt",
    "zero\u200bwidth\ufeff.txt",
    "emoji 👩‍👩‍👧‍👦 🎉.png",
    "no-break\u00a0space.txt",
    ".leading-dot",
    "...dots.txt",
    "trailing space.txt ",
    " leading space.txt",
    "trailing dots...",
    "two  spaces.txt",
    "CON",
    "NUL.txt",
    "aux.tar.gz",
    "~tilde$.txt",
    "UTF-8''encoded.txt",
    "=?UTF-8?B?aGVsbG8=?=.txt",
    "name*=x.txt",
    "-rf",
    "x" * 251 + ".txt",
    "ä" * 251 + ".txt",
    "🎉" * 251 + ".txt",
]
#: What Chromium puts `_` for, or drops at the ends, in names of files that it saves (net/base/filename_util_internal).
_UNSAFE = re.compile(r'[\\/:*?"<>|~\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]')


@pytest.fixture(scope="module", params=["local", "seaweedfs"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service without authentication, on both kinds of stores."""
    env = {}
    if request.param == "seaweedfs":
        seaweedfs = request.getfixturevalue("seaweedfs")
        env = {
            "S3_BUCKET_NAME": seaweedfs.new_bucket(),
            "S3_ENDPOINT_URL": seaweedfs.endpoint,
            "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
            "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
        }
    data_dir: Path = tmp_path_factory.mktemp("names") / "data"
    with Service(data_dir, env=env) as running:
        yield running


@pytest.fixture(scope="module")
def files(service: Service) -> dict[str, str]:
    """Name → address of the download."""
    api = Api(service.url)
    found = {}
    for name in NAMES:
        file = api.upload(name.encode(), file_name=name)
        assert file["file_name"] == file["name"] == name
        assert re.fullmatch(r"[A-Za-z0-9._/-]+", file["s3_key"])
        found[name] = f"{service.url}/v1/files/{file['id']}/download"
    return found


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(accept_downloads=True)
    yield context.new_page()
    context.close()


def downloaded(page: Page, url: str) -> tuple[str, bytes]:
    """The name and the bytes that a browser saves."""
    with page.expect_download() as pending:
        try:
            page.goto(url)
        except Error as error:
            if "Download is starting" not in error.message:
                raise
    return pending.value.suggested_filename, pending.value.path().read_bytes()


def essence(name: str) -> str:
    """A name without what a browser may change in it."""
    return _UNSAFE.sub("_", unicodedata.normalize("NFC", name)).strip(". _")


@pytest.mark.parametrize("way", ["?as_attachment=true", "?redirect=true&as_attachment=true"])
def test_a_browser_saves_files_under_their_names(files: dict[str, str], visitor: Page, way: str) -> None:
    for name, url in files.items():
        saved, content = downloaded(visitor, url + way)
        assert content == name.encode()
        assert essence(saved) == essence(name)


def named_by_header(answer: requests.Response) -> str:
    """The name in Content-Disposition as RFC 6266 has it."""
    header = answer.headers["Content-Disposition"]
    assert header.isascii()
    assert header.isprintable()
    match = re.fullmatch(r"attachment; filename=\"([^\"\\%]*)\"(; filename\*=UTF-8''([A-Za-z0-9._~%-]+))?", header)
    assert match is not None, header
    return match[1] if match[3] is None else unquote(match[3], errors="strict")


@pytest.mark.parametrize("way", ["?as_attachment=true", "?redirect=true&as_attachment=true"])
def test_the_header_says_the_whole_name(files: dict[str, str], way: str) -> None:
    for name, url in files.items():
        answer = requests.get(url + way, timeout=30)
        assert (answer.status_code, answer.content) == (200, name.encode())
        assert named_by_header(answer) == name


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not there")
def test_curl_saves_files_under_plain_names(files: dict[str, str], tmp_path: Path) -> None:
    """curl knows the plain name alone: what it saves has the same extension, and lies where it was told to."""
    for number, (name, url) in enumerate(files.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        command = ["curl", "-sSfLOJ", f"{url}?redirect=true&as_attachment=true"]
        subprocess.run(command, cwd=folder, check=True, timeout=60)
        (saved,) = folder.iterdir()
        assert saved.read_bytes() == name.encode()
        assert not saved.name.startswith(".")
        if (
            re.fullmatch(r"[A-Za-z0-9,;:*<>|~$&#+_'?-]([A-Za-z0-9.,;:*<>|~$&#+_' ?-]*\.[a-z]+)?", name)
            and "=?" not in name
        ):
            assert saved.name == " ".join(name.split())
    assert len(list(tmp_path.iterdir())) == len(NAMES)


@pytest.mark.parametrize(
    "name", ["a\r\nX-Evil: 1.txt", "a\nb", "a\0b", "a/b", "..\\x", "a\u2028b", "x" * 256, "é" * 300]
)
def test_names_that_could_break_something_are_refused(service: Service, name: str) -> None:
    body = {"file_name": name, "file_size": 1, "file_content_type": "text/plain"}
    answer = Api(service.url)("POST", "/files/uploads", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_file_name")


def test_display_names_break_nothing_either(service: Service, visitor: Page) -> None:
    """A display name is any text. It is the one that a file is saved under."""
    api = Api(service.url)
    file = api.upload(b"abc", file_name="a.txt")
    for name in ('a\r\nX-Evil: 1".txt', "../../etc/passwd", "..\\x\u2028y", "\x7f\x01", "🎉" * 255, "   x"):
        changed = api("PATCH", f"/files/{file['id']}", json={"name": name})
        assert changed.status_code == 200, changed.text
        for way in ("?as_attachment=true", "?redirect=true&as_attachment=true"):
            url = f"{service.url}/v1/files/{file['id']}/download{way}"
            answer = requests.get(url, timeout=30)
            assert answer.status_code == 200
            assert "X-Evil" not in answer.headers
            assert named_by_header(answer) == name
            saved, content = downloaded(visitor, url)
            assert content == b"abc"
            assert not set(saved) & set("/\\\r\n")
