"""The JavaScript modules compute what the Python ones do."""

from __future__ import annotations

import base64
import hashlib
import random
import zlib
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from partway.client.fingerprint import fingerprint_of
from partway.client.sources import open_source
from partway.core.checksums import ChecksumAlgorithm, join_checksums
from tests.servers.service import Service

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

MAKE = "const bytes = Uint8Array.from({length: size}, (_, i) => (i * 7919 + (i >> 8) * 31 + seed) & 255);"


def content(size: int, seed: int) -> bytes:
    return bytes((i * 7919 + (i >> 8) * 31 + seed) & 255 for i in range(size))


@pytest.fixture
def modules(page: Page, local_service: Service) -> Page:
    page.goto(f"{local_service.url}/")
    return page


def run(page: Page, module: str, body: str, **values: Any) -> Any:
    names = ", ".join(values)
    script = f"async ({{{names}}}) => {{ const m = await import('/page/partway/{module}.js'); {body} }}"
    return page.evaluate(script, values)


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 63, 64, 65, 4096, 100_003])
def test_crc32_and_md5(modules: Page, size: int) -> None:
    expected = content(size, 3)
    body = MAKE + "return [await m.crc32Of(new Blob([bytes])), await m.md5Of(new Blob([bytes]))];"
    assert run(modules, "sums", body, size=size, seed=3) == [zlib.crc32(expected), hashlib.md5(expected).hexdigest()]


def test_md5_of_many_sizes(modules: Page) -> None:
    body = (
        "const digests = []; for (let size = 0; size < 200; size++) {"
        + MAKE
        + "const md5 = new m.Md5(); md5.update(bytes.subarray(0, size >> 1)); md5.update(bytes.subarray(size >> 1));"
        "digests.push(md5.hex()); } return digests;"
    )
    expected = [hashlib.md5(content(size, 1)).hexdigest() for size in range(200)]
    assert run(modules, "md5", body, seed=1) == expected


def test_joined_checksums(modules: Page) -> None:
    generator = random.Random(7)
    for _ in range(20):
        first, second = generator.randbytes(generator.randrange(50)), generator.randbytes(generator.randrange(50))
        body = "return m.toBase64(m.joinCrc32(a, b, size));"
        joined = run(modules, "crc32", body, a=zlib.crc32(first), b=zlib.crc32(second), size=len(second))
        assert joined == base64.b64encode(zlib.crc32(first + second).to_bytes(4, "big")).decode()


def test_joined_checksums_of_sizes_beyond_32_bits(modules: Page) -> None:
    size = 5 * 2**40 + 12_345
    body = "return m.toBase64(m.joinCrc32(0x12345678, 0x9abcdef0, size));"
    first, second = (base64.b64encode(bytes.fromhex(each)).decode() for each in ("12345678", "9abcdef0"))
    expected = join_checksums(ChecksumAlgorithm.CRC32, [(first, 1), (second, size)])
    assert run(modules, "crc32", body, size=size) == expected


@pytest.mark.parametrize("size", [0, 1, 65_536, 1024 * 1024, 1024 * 1024 + 1, 3_000_001])
def test_fingerprint(modules: Page, tmp_path: Path, size: int) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(content(size, 9))
    body = (
        MAKE
        + "const {crc32Of} = await import('/page/partway/sums.js'); return m.fingerprint(new Blob([bytes]), crc32Of);"
    )
    source, _ = open_source(path)
    expected = fingerprint_of(source)
    source.close()
    assert run(modules, "fingerprint", body, size=size, seed=9) == expected
