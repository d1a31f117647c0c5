"""`partway bucket` against a real store: it shows, changes only when told to, and never touches another's rule."""

from __future__ import annotations

import json

import pytest
import requests as http

from partway.core.blocking import run_straight
from partway.s3.bucket_cors import CorsRule
from partway.s3.bucket_rules import CORS, LIFECYCLE, RuleDocument, RuleKind, read_document
from partway.stores.s3 import S3Store
from partway.stores.s3.administration import BucketAdministration
from tests.servers.ports import free_port
from tests.servers.scripted_store import Reply, ScriptedStore
from tests.servers.seaweedfs import SeaweedFS
from tests.service.test_commands import assert_one_line, run

APP, OTHER = "https://app.example.com", "https://other.example"
FOREIGN = """<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<Rule><ID>logs</ID><Filter><And><Prefix>logs/</Prefix><Tag><Key>kind</Key><Value>a &amp; b</Value></Tag></And></Filter>
<Status>Enabled</Status><Expiration><Days>30</Days></Expiration></Rule>
<Rule><ID>old</ID><Prefix>old/</Prefix><Status>Disabled</Status><Expiration><Days>3</Days></Expiration></Rule>
</LifecycleConfiguration>"""


class Bucket:
    """A fresh bucket, and the environment in which a command finds it."""

    def __init__(self, seaweedfs: SeaweedFS) -> None:
        self.name = seaweedfs.new_bucket()
        self.url = f"{seaweedfs.endpoint}/{self.name}"
        self.settings = seaweedfs.settings(self.name)
        self.env = {
            "S3_BUCKET_NAME": self.name,
            "S3_ENDPOINT_URL": seaweedfs.endpoint,
            "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
            "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
        }

    def done(self, *arguments: str, env: dict[str, str] | None = None) -> str:
        """What a command that succeeds prints."""
        ended = run("bucket", *arguments, env={**self.env, **(env or {})})
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def rules(self, kind: RuleKind) -> RuleDocument:
        """What stands in the store."""
        store = S3Store.connect_blocking(self.settings)
        found = run_straight(BucketAdministration(store.calls).rules(kind))
        run_straight(store.aclose())
        return found

    def set_rules(self, document: RuleDocument) -> None:
        """Another's deed."""
        store = S3Store.connect_blocking(self.settings)
        run_straight(BucketAdministration(store.calls).set_rules(document))
        run_straight(store.aclose())

    def set_cors(self, *rules: CorsRule) -> None:
        """Another's deed."""
        store = S3Store.connect_blocking(self.settings)
        run_straight(BucketAdministration(store.calls).set_cors(rules))
        run_straight(store.aclose())

    def preflight(self, origin: str) -> http.Response:
        """What a browser asks before it sends a part."""
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "content-md5,content-type,if-none-match,x-amz-checksum-sha256",
        }
        return http.options(f"{self.url}/files/a", headers=headers, timeout=30)

    def exposed(self, origin: str) -> str:
        """What the answer to a real request lets a page read, in lower case."""
        answer = http.put(f"{self.url}/files/a", headers={"Origin": origin}, timeout=30)
        return answer.headers.get("Access-Control-Expose-Headers", "").lower()


@pytest.fixture
def bucket(seaweedfs: SeaweedFS) -> Bucket:
    return Bucket(seaweedfs)


def test_pages_are_let_in_only_with_apply_and_beside_other_rules(bucket: Bucket) -> None:
    bucket.set_cors(
        CorsRule(origins=(OTHER,), methods=("GET",), exposed_headers=("x-own",), max_age=5, rule_id="theirs")
    )
    (theirs,) = bucket.rules(CORS).rules
    shown = bucket.done("cors", "--origin", APP)
    for words in ("theirs", OTHER, "x-own", f"{APP} cannot send files", "+ partway-uploads", "--apply"):
        assert words in shown
    assert len(bucket.rules(CORS).rules) == 1
    assert bucket.preflight(APP).headers.get("Access-Control-Allow-Origin") is None

    assert f"Pages of {APP} can send files" in bucket.done("cors", "--origin", APP, "--apply")
    after = bucket.rules(CORS)
    assert [rule.rule_id for rule in after.rules] == ["theirs", "partway-uploads"]
    there = after.rules[0]
    assert after.body[there.start : there.end] in bucket.rules(CORS).body
    assert there.node.texts("ExposeHeader") == theirs.node.texts("ExposeHeader") == ["x-own"]
    answer = bucket.preflight(APP)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"]
    assert "etag" in bucket.exposed(APP)

    assert "Nothing to change" in bucket.done("cors", "--origin", APP, "--apply")
    bucket.done("cors", "--remove")
    assert len(bucket.rules(CORS).rules) == 2
    bucket.done("cors", "--remove", "--apply")
    assert [rule.rule_id for rule in bucket.rules(CORS).rules] == ["theirs"]
    assert bucket.preflight(APP).headers.get("Access-Control-Allow-Origin") is None


def test_origins_come_from_the_settings_and_go_again(bucket: Bucket) -> None:
    env = {"PARTWAY_CORS_ORIGINS": f"{APP},{OTHER}"}
    report = json.loads(bucket.done("cors", "--json", env=env))
    assert report["rules"] == []
    assert [(each["origin"], each["works"]) for each in report["origins"]] == [(APP, False), (OTHER, False)]
    assert (report["change"]["needed"], report["change"]["made"], report["change"]["remove"]) == (True, False, [])
    report = json.loads(bucket.done("cors", "--json", "--apply", env=env))
    assert report["change"]["made"]
    assert all(each["works"] for each in report["origins"])
    assert [(rule["ours"], rule["origins"]) for rule in report["rules"]] == [(True, [APP, OTHER])]
    bucket.done("cors", "--remove", "--apply")
    assert bucket.rules(CORS).body == b""


def test_every_origin_is_warned_of(bucket: Bucket) -> None:
    ended = run("bucket", "cors", "--origin", "*", "--apply", env=bucket.env)
    assert ended.returncode == 0
    assert "every site" in ended.stderr
    assert bucket.preflight("https://anybody.example").headers["Access-Control-Allow-Origin"]


def test_our_rule_stands_before_one_that_hides_the_etag(bucket: Bucket) -> None:
    bucket.set_cors(CorsRule(origins=("*",), methods=("PUT",), exposed_headers=("x-own",), rule_id="hides"))
    assert "etag" not in bucket.exposed(APP)
    assert "ETag is not exposed" in bucket.done("cors", "--origin", APP)
    bucket.done("cors", "--origin", APP, "--apply")
    assert "etag" in bucket.exposed(APP)
    assert "x-own" in bucket.exposed(OTHER)


def test_uploads_are_aborted_only_with_apply_and_beside_other_rules(bucket: Bucket) -> None:
    assert "never aborted" in bucket.done("lifecycle")
    bucket.set_rules(read_document(LIFECYCLE, FOREIGN.encode()))
    before = bucket.rules(LIFECYCLE)
    shown = bucket.done("lifecycle", "--days", "7")
    for words in ("logs/", "Key kind, Value a & b", "Expiration Days 30", "old/", "Disabled", "aborted after 7 days"):
        assert words in shown
    assert bucket.rules(LIFECYCLE).body == before.body

    bucket.done("lifecycle", "--days", "7", "--apply")
    bucket.done("lifecycle", "--days", "2", "--prefix", "files/é&/", "--apply")
    report = json.loads(bucket.done("lifecycle", "--json"))
    assert report["aborts"] == [{"prefix": "files/é&/", "days": 2}]
    assert report["days"] is None
    assert [(rule["id"], rule["ours"]) for rule in report["rules"]] == [
        ("logs", False),
        ("old", False),
        ("partway-abort-incomplete-uploads", True),
    ]
    after = bucket.rules(LIFECYCLE)
    for old, new in zip(before.rules, after.rules, strict=False):
        assert before.body[old.start : old.end] == after.body[new.start : new.end]
    bucket.done("lifecycle", "--remove", "--apply")
    assert bucket.rules(LIFECYCLE).body == before.body


def test_days_that_cut_living_uploads_off_are_warned_of(bucket: Bucket) -> None:
    ended = run("bucket", "lifecycle", "--days", "1", env=bucket.env)
    assert ended.returncode == 0
    assert "PARTWAY_UPLOAD_TTL" in ended.stderr


@pytest.mark.parametrize("what", ["cors", "lifecycle"])
def test_the_local_disk_needs_nothing(what: str) -> None:
    ended = run("bucket", what, "--apply")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "S3_BUCKET_NAME is not set" in ended.stdout
    assert json.loads(run("bucket", what, "--json").stdout)["bucket"] is None


@pytest.mark.parametrize(
    "arguments",
    [
        ["cors", "--apply"],
        ["cors", "--remove", "--origin", APP],
        ["cors", "--origin", "app.example.com"],
        ["cors", "--origin", f"{APP}/page"],
        ["cors", "--origin", "https://*.*.example"],
        ["lifecycle", "--apply"],
        ["lifecycle", "--remove", "--days", "3"],
        ["lifecycle", "--days", "0"],
        ["lifecycle", "--days", "366"],
        ["lifecycle", "--days", "3", "--prefix", "a\nb"],
        ["lifecycle", "--days", "3", "--prefix", "é" * 513],
        ["nothing"],
    ],
)
def test_wrong_usage_is_said(bucket: Bucket, arguments: list[str]) -> None:
    ended = run("bucket", *arguments, env=bucket.env)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Error: " in ended.stderr


@pytest.mark.parametrize("what", ["cors", "lifecycle"])
@pytest.mark.parametrize(
    ("env", "cure"),
    [
        ({"AWS_ACCESS_KEY_ID": "AKNOBODY"}, "AWS_ACCESS_KEY_ID"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "AWS_SECRET_ACCESS_KEY"),
        ({"AWS_SECRET_ACCESS_KEY": ""}, "AWS_SECRET_ACCESS_KEY"),
        ({"S3_BUCKET_NAME": "no-such-bucket"}, "S3_BUCKET_NAME"),
        ({"S3_ENDPOINT_URL": "nonsense"}, "S3_ENDPOINT_URL"),
    ],
)
def test_what_is_wrong_is_said_with_its_cure(bucket: Bucket, what: str, env: dict[str, str], cure: str) -> None:
    assert_one_line(run("bucket", what, env={**bucket.env, **env}), cure)


def test_a_store_that_is_down_is_said(bucket: Bucket) -> None:
    env = {**bucket.env, "S3_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}
    assert_one_line(run("bucket", "cors", env=env), "down", "S3_ENDPOINT_URL")


def scripted(*script: Reply) -> tuple[ScriptedStore, dict[str, str]]:
    """A store that answers what SeaweedFS never would, and the environment that leads to it."""
    store = ScriptedStore(script)
    keys = {"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "SK"}
    return store, {"S3_BUCKET_NAME": "bucket", "S3_ENDPOINT_URL": store.endpoint, **keys}


def refusal(status: int, code: str) -> Reply:
    return Reply(status, f"<Error><Code>{code}</Code></Error>".encode())


APPLIED = {"cors": ["--origin", APP, "--apply"], "lifecycle": ["--days", "7", "--apply"]}
ABSENT = {"cors": "NoSuchCORSConfiguration", "lifecycle": "NoSuchLifecycleConfiguration"}


@pytest.mark.parametrize("what", ["cors", "lifecycle"])
@pytest.mark.parametrize(
    "answer",
    [
        Reply(200, b"<html>Welcome</html>"),
        Reply(200, b"<CORSConfiguration><LifecycleConfiguration>"),
        Reply(200, b"<!DOCTYPE a><CORSConfiguration/>"),
        Reply(200),
        Reply(404, b"not here"),
        refusal(404, "NoSuchBucketPolicy"),
        refusal(403, "AccessDenied"),
        refusal(501, "NotImplemented"),
    ],
)
def test_where_the_rules_cannot_be_read_nothing_is_changed(what: str, answer: Reply) -> None:
    store, env = scripted(answer)
    with store:
        assert_one_line(run("bucket", what, *APPLIED[what], env=env))
    assert {head.split()[0] for head in store.requests} == {b"GET"}


@pytest.mark.parametrize(("what", "permission"), [("cors", "BucketCORS"), ("lifecycle", "LifecycleConfiguration")])
def test_the_missing_permission_is_named(what: str, permission: str) -> None:
    store, env = scripted(refusal(403, "AccessDenied"))
    with store:
        assert_one_line(run("bucket", what, env=env), f"s3:Get{permission}")
    store, env = scripted(refusal(404, ABSENT[what]), refusal(403, "AccessDenied"))
    with store:
        assert_one_line(run("bucket", what, *APPLIED[what], env=env), f"s3:Put{permission}", "Nothing is changed")


@pytest.mark.parametrize("what", ["cors", "lifecycle"])
def test_a_store_that_does_not_keep_the_rule_is_found_out(what: str) -> None:
    absent = refusal(404, ABSENT[what])
    store, env = scripted(absent, Reply(), absent)
    with store:
        ended = run("bucket", what, *APPLIED[what], "--json", env=env)
    (line,) = ended.stderr.splitlines()
    assert "read back are not those" in line
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["change"]["made"] is False


def test_a_store_that_shows_the_change_late_is_waited_for() -> None:
    made = (
        b"<LifecycleConfiguration><Rule><Filter/><Status>Enabled</Status><AbortIncompleteMultipartUpload>"
        b"<DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>"
    )
    absent = refusal(404, ABSENT["lifecycle"])
    store, env = scripted(absent, Reply(), absent, Reply(200, made))
    with store:
        ended = run("bucket", "lifecycle", *APPLIED["lifecycle"], env=env)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_what_a_store_writes_cannot_move_the_cursor() -> None:
    rule = "<CORSRule><ID>\x9b2J</ID><AllowedOrigin>https://a\x9b2J</AllowedOrigin></CORSRule>"
    store, env = scripted(Reply(200, f"<CORSConfiguration>{rule}</CORSConfiguration>".encode()))
    with store:
        ended = run("bucket", "cors", env=env)
    assert ended.returncode == 0
    assert "https://a?2J" in ended.stdout
    assert "\x9b" not in ended.stdout
