"""Signing the parts of an upload: Partway, boto3, and the least that the hashes themselves cost."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from benchmarks.harness import Goal, Result, Settings, interleaved, ratio, spread
from benchmarks.peers import boto3_client
from partway.core.ports import PartToSign
from partway.s3.address import BucketAddress
from partway.s3.credentials import Credentials
from partway.s3.part_signer import PartSigner
from partway.s3.sigv4 import Signing

ROUNDS = 15
_ENDPOINT = "https://store.example.com"
_BUCKET = "bucket"
_KEY = "files/2026/11/21/0193a5c2-7b7e-7c4f-9a51-0a3c2d1e4f55_video.mp4"
_UPLOAD_ID = "d44294dabb5559d834f8f8d1c5d4fd75c165770e_4ef68b819d3a4d41823ae734c9136e62"
_ACCESS_KEY, _SECRET_KEY = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
_PART_SIZE = 16 * 1024 * 1024  #: bytes
_REQUEST, _STRING = b"r" * 400, b"s" * 130  #: as long as a canonical request and a string to sign
_PARTS = [PartToSign(number, _PART_SIZE) for number in range(1, 1001)]
_ADDRESS = BucketAddress.of(_BUCKET, region="us-east-1", endpoint_url=_ENDPOINT)
_CREDENTIALS = Credentials(_ACCESS_KEY, _SECRET_KEY)


def run(settings: Settings) -> Result:
    """Microseconds per URL, for an upload of 1,000 parts and for one of 20."""
    result = Result(
        "Signing parts",
        "Presigned URLs of one upload's parts, in one thread, no network; every upload takes a new signer, since the "
        "date is part of it. boto3: `generate_presigned_url` with `s3v4`, one client for all. The bound: SHA-256 of "
        "400 bytes and HMAC-SHA-256 of 130 bytes for each URL, as much as SigV4 asks for if nothing is shared.",
        ["", "1,000 parts: µs/URL", "20 parts: µs/URL"],
    )
    client = boto3_client(_ENDPOINT, _ACCESS_KEY, _SECRET_KEY)
    contenders: dict[str, Callable[[int], Any]] = {
        "Partway": _partway,
        "bound": _bound,
        "boto3": lambda count: _boto3(client, count),
    }
    many = _measure(settings, contenders, 1000)
    few = _measure(settings, contenders, 20)
    for name in contenders:
        result.rows.append([name, spread(many[name]), spread(few[name])])
    result.goals = [
        Goal("1,000 parts, boto3 / Partway", ratio(many["boto3"], many["Partway"]), 100),
        Goal("1,000 parts, bound / Partway", ratio(many["bound"], many["Partway"]), 1),
        Goal("20 parts, boto3 / Partway", ratio(few["boto3"], few["Partway"]), 50),
    ]
    return result


def _measure(settings: Settings, contenders: dict[str, Callable[[int], Any]], count: int) -> dict[str, list[float]]:
    repeats = {"Partway": 10_000 // count, "bound": 10_000 // count, "boto3": max(1, 200 // count)}
    if settings.quick:
        repeats = dict.fromkeys(repeats, 1)

    def timed(name: str) -> Callable[[], float]:
        def measure() -> float:
            began = time.perf_counter()
            for _ in range(repeats[name]):
                contenders[name](count)
            return (time.perf_counter() - began) / (repeats[name] * count) * 1e6

        return measure

    return interleaved(settings.rounds, {name: timed(name) for name in contenders})


def _partway(count: int) -> Any:
    signing = Signing(credentials=_CREDENTIALS, region="us-east-1", now=datetime.now(UTC))
    signer = PartSigner(address=_ADDRESS, key=_KEY, upload_id=_UPLOAD_ID, signing=signing, expires_in=3600)
    return list(signer.sign(_PARTS[:count]))


def _bound(count: int) -> None:
    for _ in range(count):
        hashlib.sha256(_REQUEST).hexdigest()
        hmac.digest(_SECRET_KEY.encode(), _STRING, "sha256").hex()


def _boto3(client: Any, count: int) -> list[str]:
    parameters = {"Bucket": _BUCKET, "Key": _KEY, "UploadId": _UPLOAD_ID, "ContentLength": _PART_SIZE}
    return [
        client.generate_presigned_url("upload_part", Params={**parameters, "PartNumber": number}, ExpiresIn=3600)
        for number in range(1, count + 1)
    ]
