"""Checks of what a presigned URL promises: this part of this upload, this size, this long, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator

from partway.contracts import expect
from partway.core.ports import PartToSign
from partway.stores.contract.bench import Bench


async def a_part_of_another_size_is_refused(bench: Bench) -> None:
    """The exact length is signed: a longer or shorter body is refused and nothing of it kept."""
    key = bench.key()
    upload_id = await bench.create(key)
    signed = await bench.sign_part(key, upload_id, PartToSign(1, 5))
    for body in (b"longer than five", b"four", b""):
        answer = await bench.put(signed, body)
        expect(answer.refused, f"a body of {len(body)} bytes is refused where 5 were signed", found=answer)
    await bench.expect_parts(key, upload_id, [])
    expect((await bench.put(signed, b"right")).status == 200, "the right size is taken by the same URL")
    await bench.expect_parts(key, upload_id, [(1, 5)])


async def a_tampered_part_url_is_refused(bench: Bench) -> None:
    """Another part, key, upload, expiry or signature than was signed is refused and nothing kept."""
    key = bench.key("tamper-a")
    upload_id, other_id = await bench.create(key), await bench.create(key)
    await bench.create(bench.key("tamper-b"))
    signed = await bench.sign_part(key, upload_id, PartToSign(1, 5))
    tampered = {
        "another part number": signed.url.replace("partNumber=1&", "partNumber=2&"),
        "another key": signed.url.replace("tamper-a", "tamper-b"),
        "another upload": signed.url.replace(upload_id, other_id),
        **dict(_tampered_signatures(signed.url)),
    }
    for what, url in tampered.items():
        expect(url != signed.url, f"the URL can be tampered with: {what}", found=url)
        answer = await bench.send("PUT", url, signed.headers, b"hello")
        expect(answer.refused, f"a URL with {what} is refused", found=answer)
    await bench.expect_parts(key, upload_id, [])
    await bench.expect_parts(key, other_id, [])


async def a_part_url_serves_one_method(bench: Bench) -> None:
    """A URL that was signed for PUT reads, deletes and creates nothing."""
    key = bench.key()
    upload_id = await bench.create(key)
    signed = await bench.sign_part(key, upload_id, PartToSign(1, 5))
    for method in ("GET", "POST", "DELETE"):
        answer = await bench.send(method, signed.url, signed.headers, b"hello" if method == "POST" else b"")
        expect(answer.refused, f"{method} of a URL that was signed for PUT is refused", found=answer)
    await bench.expect_parts(key, upload_id, [])


async def an_expired_part_url_is_refused(bench: Bench) -> None:
    """A URL dies on time, with 403 `Request has expired`, so a client knows to ask for a fresh one."""
    key = bench.key()
    upload_id = await bench.create(key)
    signed = await bench.sign_part(key, upload_id, PartToSign(1, 5), expires_in=1)
    bench.wait(2.5)
    answer = await bench.put(signed, b"hello")
    expect(answer.status == 403, "an expired URL is answered 403", found=answer)
    expect(b"expired" in answer.body, "the answer says that the request has expired", found=answer.body)
    await bench.expect_parts(key, upload_id, [])


async def many_parts_are_signed_at_once(bench: Bench) -> None:
    """Every part has a URL of its own, in the order asked."""
    key = bench.key()
    upload_id = await bench.create(key)
    asked = [PartToSign(number, 10 + number, offset=(number - 1) * 100) for number in (3, 1, 10_000)]
    signed = await bench.store.sign_parts(key, upload_id, asked, expires_in=60)
    found = [(part.part_number, part.size) for part in signed.parts]
    expect(found == [(3, 13), (1, 11), (10_000, 10_010)], "the parts are signed in the order asked", found=found)
    expect(len({part.url for part in signed.parts}) == 3, "every part has its own URL")
    nothing = await bench.store.sign_parts(key, upload_id, [], expires_in=60)
    expect(list(nothing.parts) == [], "no parts asked, none signed", found=nothing)


async def a_tampered_download_url_is_refused(bench: Bench) -> None:
    """A download URL gives this object alone, as it was signed, until it expires."""
    key = bench.key("tamper-a")
    await bench.store_object(key, b"secret")
    await bench.store_object(bench.key("tamper-b"), b"other")
    signed = await bench.store.sign_download(key, expires_in=60, disposition="attachment")
    tampered = {
        "another key": signed.url.replace("tamper-a", "tamper-b"),
        "another disposition": signed.url.replace("=attachment", "=inline"),
        **dict(_tampered_signatures(signed.url)),
    }
    for what, url in tampered.items():
        expect(url != signed.url, f"the URL can be tampered with: {what}", found=url)
        answer = await bench.send("GET", url, signed.headers, b"")
        expect(answer.refused, f"a download URL with {what} is refused", found=answer)
    short = await bench.store.sign_download(key, expires_in=1)
    bench.wait(2.5)
    answer = await bench.send("GET", short.url, short.headers, b"")
    expect(answer.status == 403, "an expired download URL is answered 403", found=answer)


def _tampered_signatures(url: str) -> Iterator[tuple[str, str]]:
    """The URL with another expiry, another signature and none."""
    yield "a longer life", re.sub(r"X-Amz-Expires=\d+", "X-Amz-Expires=86400", url)
    yield "another signature", re.sub(r"X-Amz-Signature=(.)", _another_digit, url)
    yield "no signature", re.sub(r"&?X-Amz-Signature=\w+", "", url)


def _another_digit(match: re.Match[str]) -> str:
    return f"X-Amz-Signature={'1' if match[1] == '0' else '0'}"


CHECKS = (
    a_part_of_another_size_is_refused,
    a_tampered_part_url_is_refused,
    a_part_url_serves_one_method,
    an_expired_part_url_is_refused,
    many_parts_are_signed_at_once,
    a_tampered_download_url_is_refused,
)
