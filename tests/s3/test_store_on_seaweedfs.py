"""What the S3 store does beyond the contract, on a real store: administration, copies, odd keys, walks, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import urllib3

from partway.core.blocking import run_straight
from partway.core.checksums import ChecksumAlgorithm
from partway.core.parts import ClaimedPart, StoredPart, compare_with_plan, plan_parts
from partway.core.ports import PartToSign
from partway.errors import ObjectGone, StoreRefused, StoreUnavailable
from partway.s3 import answers, requests
from partway.s3.bucket_cors import CorsRule, cors_rules
from partway.s3.bucket_lifecycle import Abort, aborts, with_own_lifecycle_rule, without_own_lifecycle_rule
from partway.s3.bucket_rules import CORS, LIFECYCLE
from partway.s3.requests import S3Request
from partway.s3.sigv4 import Signing, presign
from partway.stores.s3 import S3Store
from partway.stores.s3.administration import BucketAdministration
from tests.servers.seaweedfs import SeaweedFS


@pytest.fixture(scope="module")
def store(seaweedfs: SeaweedFS) -> Iterator[S3Store]:
    store = S3Store.connect_blocking(seaweedfs.settings(seaweedfs.new_bucket()))
    yield store
    run_straight(store.aclose())


@pytest.fixture
def administration(store: S3Store) -> BucketAdministration:
    return BucketAdministration(store.calls)


def send(store: S3Store, request: S3Request) -> answers.S3Answer:
    return run_straight(store.calls.send(request))


def put(store: S3Store, key: str, body: bytes = b"x") -> str:
    answer = send(store, requests.put_object(key, body, content_type="text/plain", token="proof"))
    assert answer.status == 200
    return answer.headers["etag"].strip('"')


def content(store: S3Store, key: str) -> bytes:
    async def read() -> bytes:
        stream = await store.read(key)
        return b"".join([chunk async for chunk in stream.chunks])

    return run_straight(read())


def put_url(url: str, body: bytes, headers: dict[str, str] | None = None) -> urllib3.BaseHTTPResponse:
    with urllib3.PoolManager(retries=False) as pool:
        return pool.request("PUT", url, body=body, headers=headers)


def test_cors_rules_come_back_as_they_were_set(administration):
    assert cors_rules(run_straight(administration.rules(CORS))) == []
    rules = [
        CorsRule(origins=("https://a.example", "https://b.example"), max_age=60, rule_id="mine"),
        CorsRule(origins=("*",), methods=("GET",), allowed_headers=(), exposed_headers=(), max_age=5),
    ]
    run_straight(administration.set_cors(rules))
    assert cors_rules(run_straight(administration.rules(CORS))) == rules
    run_straight(administration.set_cors([]))
    assert cors_rules(run_straight(administration.rules(CORS))) == []


def test_the_rule_against_forgotten_uploads_comes_back(administration):
    rule = Abort("files/<odd> é/", 3)
    none = run_straight(administration.rules(LIFECYCLE))
    run_straight(administration.set_rules(with_own_lifecycle_rule(none, rule)))
    there = run_straight(administration.rules(LIFECYCLE))
    assert aborts(there) == [rule]
    run_straight(administration.set_rules(without_own_lifecycle_rule(there, rule.prefix)))
    assert run_straight(administration.rules(LIFECYCLE)) == none


def test_creating_our_own_bucket_again_is_fine(administration):
    run_straight(administration.create())


def test_an_object_is_copied_only_as_it_was_seen(store):
    etag = put(store, "copy/source +é", b"content")
    source = f"{store._public_address.base_path}/{'copy/source%20%2B%C3%A9'}"
    of_copy = {"content_type": "a/b", "token": "t"}
    copied = send(store, requests.copy_object("copy/target", source=source, source_etag=etag, **of_copy))
    assert answers.read_copied_etag(copied) == etag
    assert content(store, "copy/target") == b"content"
    refused = send(store, requests.copy_object("copy/other", source=source, source_etag="0" * 32, **of_copy))
    with pytest.raises(StoreRefused) as refusal:
        answers.read_copied_etag(refused)
    assert refusal.value.facts["store_code"] == "PreconditionFailed"


def test_a_part_is_copied_from_a_range(store):
    etag = put(store, "copy/long", b"0123456789")
    upload_id = run_straight(store.create_upload("copy/joined", content_type="a/b", token="t"))
    source = f"{store._public_address.base_path}/copy/long"
    request = requests.upload_part_copy("copy/joined", upload_id, 1, source=source, source_etag=etag, first=2, last=5)
    part = StoredPart(part_number=1, size=4, etag=answers.read_copied_etag(send(store, request)))
    run_straight(store.complete_upload("copy/joined", upload_id, [part]))
    assert content(store, "copy/joined") == b"2345"


def test_many_objects_are_deleted_at_once(store, administration):
    keys = [f"many/{name}" for name in ("a", "b & <c>", "é", "not there")]
    for key in keys[:3]:
        put(store, key)
    run_straight(administration.delete_many(keys))
    assert run_straight(store.list_objects("many/")).objects == []


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
def test_a_walk_in_pages_meets_every_object_once(store, limit):
    names = ("a", "a!", "a-b", "a/b", "a/b/x", "a/c/d", "a0", "b", "é +%2f")
    keys = {f"walk{limit}/{name}" for name in names}
    for key in keys:
        put(store, key)
    found: list[str] = []
    cursor = None
    while not found or cursor is not None:
        page = run_straight(store.list_objects(f"walk{limit}/", cursor=cursor, limit=limit))
        found += [row.key for row in page.objects]
        cursor = page.next
        assert len(found) <= len(keys)
    assert sorted(found) == sorted(keys)


def test_uploads_of_keys_that_look_alike_are_kept_apart(store):
    keys = ["odd/a b", "odd/a+b", "odd/a%20b", "odd/a%2Bb", "odd/a&b<c>", "odd/é"]
    opened = {key: run_straight(store.create_upload(key, content_type="a/b", token="t")) for key in keys}
    assert {key: run_straight(store.find_uploads(key)) for key in keys} == {key: [id_] for key, id_ in opened.items()}


def test_a_part_sent_twice_is_listed_so_that_the_one_the_client_means_is_found(store):
    upload_id = run_straight(store.create_upload("twice", content_type="a/b", token="t"))
    signed = run_straight(store.sign_parts("twice", upload_id, [PartToSign(1, 5)], expires_in=60))
    etags = [put_url(signed.parts[0].url, body).headers["etag"] for body in (b"first", b"again")]
    listing = run_straight(store.list_parts("twice", upload_id))
    assert all(part.last_modified is not None for part in listing)
    held = compare_with_plan(plan_parts(5), listing, claims={1: ClaimedPart(1, etags[1])})
    assert held.complete
    run_straight(store.complete_upload("twice", upload_id, held.parts))
    assert content(store, "twice") == b"again"


def test_a_part_keeps_its_checksums_promise(store):
    upload_id = run_straight(
        store.create_upload("sum", content_type="a/b", token="t", checksum_algorithm=ChecksumAlgorithm.SHA256)
    )
    wrong = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="  # of nothing
    signed = run_straight(
        store.sign_parts(
            "sum",
            upload_id,
            [PartToSign(1, 5, wrong)],
            expires_in=60,
            checksum_algorithm=ChecksumAlgorithm.SHA256,
        )
    )
    (part,) = signed.parts
    answer = put_url(part.url, b"hello", dict(part.headers))
    assert (answer.status, b"BadDigest" in answer.data) == (400, True)
    assert run_straight(store.list_parts("sum", upload_id)) == []


def test_a_part_that_breaks_off_is_not_kept(store):
    upload_id = run_straight(store.create_upload("cut", content_type="a/b", token="t"))
    (part,) = run_straight(store.sign_parts("cut", upload_id, [PartToSign(1, 1000)], expires_in=60)).parts
    parts = urllib3.util.parse_url(part.url)
    connection = urllib3.connection.HTTPConnection(parts.host, parts.port)
    connection.putrequest("PUT", parts.request_uri)
    connection.putheader("Content-Length", "1000")
    connection.endheaders()
    connection.send(b"only this")
    connection.close()
    assert run_straight(store.list_parts("cut", upload_id)) == []


def test_an_empty_object_has_every_range_from_its_start(store):
    put(store, "empty", b"")

    async def read() -> tuple[int, bytes]:
        stream = await store.read("empty", first=0, last=99)
        return stream.length, b"".join([chunk async for chunk in stream.chunks])

    assert run_straight(read()) == (0, b"")


def test_a_read_that_insists_on_another_object_is_gone(store):
    put(store, "insist", b"now")
    with pytest.raises(ObjectGone):
        run_straight(store.read("insist", if_match="0" * 32))


def test_urls_are_signed_for_the_public_endpoint(seaweedfs, store):
    settings = replace(seaweedfs.settings("b"), public_endpoint_url="https://files.example:8443")
    public = S3Store.connect_blocking(settings)
    assert public.public_origin == "https://files.example:8443"
    signed = run_straight(public.sign_download("k", expires_in=60))
    assert signed.url.startswith("https://files.example:8443/b/k?")
    run_straight(public.aclose())


def test_wrong_keys_are_told_from_a_missing_bucket(seaweedfs, store):
    settings = seaweedfs.settings("no-such-bucket")
    for changed, code in (
        (replace(settings, secret_key="wrong"), {"AccessDenied", "SignatureDoesNotMatch"}),
        (settings, {"NoSuchBucket"}),
    ):
        stranger = S3Store.connect_blocking(changed)
        with pytest.raises(StoreRefused) as refusal:
            run_straight(stranger.check())
        assert refusal.value.facts["store_code"] in code
        run_straight(stranger.aclose())


def test_a_wrong_secret_is_named(seaweedfs, store):
    stranger = S3Store.connect_blocking(replace(seaweedfs.settings("b"), secret_key="wrong"))
    with pytest.raises(StoreRefused, match="AWS_SECRET_ACCESS_KEY"):
        run_straight(stranger.list_objects(""))
    run_straight(stranger.aclose())


def test_a_url_that_has_expired_is_refused(store):
    signing = run_straight(store.calls.signing())
    past = Signing(credentials=signing.credentials, region="us-east-1", now=datetime.now(UTC) - timedelta(seconds=61))
    url = presign(method="PUT", address=store._public_address, key="late", signing=past, expires_in=60)
    answer = put_url(url, b"late")
    assert (answer.status, b"expired" in answer.data) == (403, True)
    assert run_straight(store.head("late")) is None


def test_a_store_that_was_killed_is_unavailable_and_comes_back(tmp_path):
    server = SeaweedFS(tmp_path).start()
    try:
        store = S3Store.connect_blocking(replace(server.settings(server.new_bucket()), patience=0.5))
        put(store, "kept", b"kept")
        server.kill()
        with pytest.raises(StoreUnavailable):
            run_straight(store.head("kept"))
        server.start()
        assert content(store, "kept") == b"kept"
        run_straight(store.aclose())
    finally:
        server.stop()
