"""One rule of a bucket's configuration is changed; whatever else stands there stays, known to us or not."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partway.errors import StoreRefused
from partway.s3 import bucket_cors, bucket_lifecycle
from partway.s3.answers import S3Answer
from partway.s3.bucket_cors import CorsRule, cors_meaning, cors_rules, judge, with_own_cors_rule, without_own_cors_rule
from partway.s3.bucket_lifecycle import (
    Abort,
    aborts,
    days_until_abort,
    lifecycle_meaning,
    with_own_lifecycle_rule,
    without_own_lifecycle_rule,
)
from partway.s3.bucket_rules import (
    CORS,
    LIFECYCLE,
    RuleDocument,
    RuleKind,
    as_data,
    read_answer,
    read_document,
    shape,
)
from partway.s3.requests import put_bucket_rules

NS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
ORIGIN = "https://app.example"
Change = Callable[[RuleDocument], RuleDocument]
CHANGES: list[tuple[RuleKind, Change]] = [
    (CORS, lambda document: with_own_cors_rule(document, [ORIGIN])),
    (CORS, without_own_cors_rule),
    (LIFECYCLE, lambda document: with_own_lifecycle_rule(document, Abort("p/", 7))),
    (LIFECYCLE, lambda document: without_own_lifecycle_rule(document, "p/")),
]


def document(kind: RuleKind, *rules: str) -> RuleDocument:
    """A configuration as a store would answer it."""
    return read_document(kind, f"<{kind.root} {NS}>{''.join(rules)}</{kind.root}>".encode())


def cors_rule(inner: str = "", *, origin: str = ORIGIN, rule_id: str = "other") -> str:
    named = f"<ID>{rule_id}</ID>" if rule_id else ""
    return f"<CORSRule>{named}<AllowedOrigin>{origin}</AllowedOrigin>{inner}</CORSRule>"


def abort_rule(days: int, *, where: str = "<Filter><Prefix/></Filter>", status: str = "Enabled", more: str = "") -> str:
    return (
        f"<Rule>{where}<Status>{status}</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>{days}"
        f"</DaysAfterInitiation></AbortIncompleteMultipartUpload>{more}</Rule>"
    )


NAMES = st.sampled_from(
    ["ID", "Filter", "And", "Tag", "Expiration", "Days", "AllowedOrigin", "NeverHeardOf", "x:Other"]
)
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="￾￿"), max_size=8)
OWN_IDS = {bucket_cors.OWN_ID, bucket_lifecycle.OWN_ID}


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("]]>", "]]&gt;")


def element(name: str, inner: str, attribute: str) -> str:
    start = f"{name} a='{escaped(attribute).replace(chr(39), '')}>'" if attribute else name
    return f"<{start}>{inner}</{name}>" if inner else f"<{start}/>"


LEAVES = st.builds(element, NAMES, TEXTS.map(escaped), TEXTS) | TEXTS.map(
    lambda text: f"<!-- {escaped(text).replace('-', '')} --><![CDATA[{text.replace(']', '')}]]>"
)
TREES = st.recursive(LEAVES, lambda inner: st.builds(element, NAMES, st.lists(inner).map("".join), TEXTS), max_leaves=6)


@st.composite
def foreign_rules(draw: st.DrawFn, kind: RuleKind, prefix: str) -> list[str]:
    """Rules that are not ours: one at least has an ID, so the store keeps them."""
    inners = draw(st.lists(st.lists(TREES, max_size=3).map("".join), max_size=4))
    name = f"{prefix}{kind.rule}"
    rules = [f"<{name} xmlns:x='urn:x'>{inner}</{name}>" for inner in inners]
    return [f"<{name}><{prefix}ID>kept</{prefix}ID></{name}>", *rules]


@pytest.mark.parametrize(("kind", "change"), CHANGES)
@given(data=st.data())
def test_other_rules_survive_byte_for_byte(kind: RuleKind, change: Change, data: st.DataObject) -> None:
    prefix = data.draw(st.sampled_from(["", "s3:"]))
    declared = f"xmlns:s3='{NS[7:-1]}'" if prefix else data.draw(st.sampled_from([NS, ""]))
    foreign = data.draw(foreign_rules(kind, prefix))
    own_id = {CORS: bucket_cors.OWN_ID, LIFECYCLE: bucket_lifecycle.OWN_ID}[kind]
    own = f"<{prefix}{kind.rule}><{prefix}ID>{own_id}</{prefix}ID></{prefix}{kind.rule}>"
    rules = list(foreign)
    for at in data.draw(st.lists(st.integers(0, len(foreign)), max_size=2)):
        rules.insert(at, own)
    between = data.draw(st.sampled_from(["", "\n  ", "<!-- between -->", "<Unknown/>"]))
    body = f"<?xml version='1.0'?>\n<{prefix}{kind.root} {declared}>{between.join(rules)}</{prefix}{kind.root}>\n"
    before = read_document(kind, body.encode())
    after = change(before)

    def others(one: RuleDocument) -> list[bytes]:
        return [one.body[rule.start : rule.end] for rule in one.rules if rule.rule_id not in OWN_IDS]

    assert others(after) == others(before) == [rule.encode() for rule in foreign]
    assert (
        re.sub(rb"<(s3:)?(CORSRule|Rule)><(s3:)?ID>partway.*?</(s3:)?(CORSRule|Rule)>", b"", after.body)
        == body.replace(own, "").strip().encode()
    )
    assert change(after).body == after.body


@pytest.mark.parametrize("kind", [CORS, LIFECYCLE])
@given(body=st.binary(max_size=200) | st.lists(TREES).map(lambda trees: "".join(trees).encode()))
def test_what_cannot_be_read_is_refused_and_never_taken_for_empty(kind: RuleKind, body: bytes) -> None:
    for status in (200, 403, 404, 500):
        with pytest.raises(Exception, match=r".") as raised:
            read_answer(kind, S3Answer(status, {}, body))
        assert type(raised.value).__module__ == "partway.errors"


@pytest.mark.parametrize("kind", [CORS, LIFECYCLE])
def test_only_the_stores_own_word_says_that_there_is_no_configuration(kind: RuleKind) -> None:
    def answer(code: str) -> S3Answer:
        return S3Answer(404, {}, f"<Error><Code>{code}</Code></Error>".encode())

    assert read_answer(kind, answer(kind.absent)).body == b""
    for code in ("NoSuchBucket", "NoSuchKey", "Other"):
        with pytest.raises(StoreRefused):
            read_answer(kind, answer(code))


def test_a_document_type_is_refused() -> None:
    with pytest.raises(StoreRefused):
        read_document(CORS, b"<!DOCTYPE x [<!ENTITY a 'b'>]><CORSConfiguration>&a;</CORSConfiguration>")


@pytest.mark.parametrize(("kind", "change"), CHANGES)
@pytest.mark.parametrize("body", ["", "<{root}/>", "<{root} {ns}></{root}>", "<{root} {ns}> <!-- none --> </{root}>"])
def test_an_empty_configuration_gets_our_rule_alone_and_loses_it_again(
    kind: RuleKind, change: Change, body: str
) -> None:
    after = change(read_document(kind, body.format(root=kind.root, ns=NS).encode()))
    assert [rule.rule_id in OWN_IDS for rule in after.rules] in ([True], [])
    removed = without_own_cors_rule(after) if kind is CORS else without_own_lifecycle_rule(after, "p/")
    assert removed.body == b""


def test_what_is_no_rule_is_not_deleted_with_our_rule() -> None:
    before = document(CORS, "<Unknown>1</Unknown>", cors_rule(rule_id=bucket_cors.OWN_ID))
    assert b"<Unknown>1</Unknown>" in without_own_cors_rule(before).body


def test_the_setting_beside_the_lifecycle_document_is_sent_again() -> None:
    name, value = "x-amz-transition-default-minimum-object-size", "varies_by_storage_class"
    answer = S3Answer(200, {name: value, "server": "x"}, document(LIFECYCLE, abort_rule(1, where="")).body)
    after = with_own_lifecycle_rule(read_answer(LIFECYCLE, answer), Abort("", 7))
    request = put_bucket_rules("lifecycle", after.body, dict(after.headers))
    assert request.headers[name] == value
    assert "server" not in request.headers


def test_other_encodings_are_kept() -> None:
    plain = document(LIFECYCLE, "<Rule><ID>é</ID></Rule>").body.decode()
    body = f"<?xml version='1.0' encoding='iso-8859-1'?>{plain}".encode("latin-1")
    after = with_own_lifecycle_rule(read_document(LIFECYCLE, body), Abort("ü €<&/", 7))
    assert [rule.rule_id for rule in after.rules] == ["é", bucket_lifecycle.OWN_ID]
    assert aborts(after) == [Abort("ü €<&/", 7)]


def test_without_ids_our_cors_rule_is_known_by_its_content() -> None:
    def nameless(origins: list[str]) -> str:
        made = with_own_cors_rule(RuleDocument(kind=CORS), origins)
        inner = made.body[made.rules[0].start : made.rules[0].end].decode()
        return re.sub("<ID>.*</ID>", "", inner)

    ours, other = nameless(["https://old.example"]), cors_rule("<AllowedMethod>PUT</AllowedMethod>", rule_id="")
    after = with_own_cors_rule(document(CORS, ours, other), ["https://new.example"])
    assert [rule.origins for rule in cors_rules(after)] == [("https://new.example",), (ORIGIN,)]
    # A store that shows one ID keeps them: a rule without one is somebody else's, whatever it says.
    kept = document(CORS, ours, cors_rule())
    assert len(with_own_cors_rule(kept, ["https://new.example"]).rules) == 3


def test_without_ids_our_lifecycle_rule_is_known_by_its_content_and_prefix() -> None:
    expires = abort_rule(3, more="<Expiration><Days>1</Days></Expiration>")
    elsewhere, disabled = abort_rule(3, where="<Prefix>tmp/</Prefix>"), abort_rule(3, status="Disabled")
    before = document(LIFECYCLE, expires, elsewhere, disabled, abort_rule(3))
    after = without_own_lifecycle_rule(before, "")
    assert [shape(rule.node) for rule in after.rules] == [shape(rule.node) for rule in before.rules[:3]]


@pytest.mark.parametrize(
    ("others", "old_form"),
    [
        ([], False),
        ([abort_rule(1, where="<ID>a</ID><Prefix>x</Prefix>")], True),
        ([abort_rule(1, where="<ID>a</ID><Filter/>")], False),
        ([abort_rule(1, where="<ID>a</ID><Prefix>x</Prefix>"), abort_rule(1)], False),
    ],
)
def test_beside_old_rules_ours_has_the_old_form(others: list[str], old_form: bool) -> None:
    after = with_own_lifecycle_rule(document(LIFECYCLE, *others), Abort("p/", 7))
    assert bool(list(after.rules[-1].node.nodes("Filter"))) is not old_form
    assert Abort("p/", 7) in aborts(after)
    assert with_own_lifecycle_rule(after, Abort("p/", 7)).body == after.body


@pytest.mark.parametrize(
    ("rules", "prefix", "days"),
    [
        ([], "", None),
        ([abort_rule(7)], "", 7),
        ([abort_rule(7), abort_rule(3, where="<Prefix></Prefix>")], "files/", 3),
        ([abort_rule(7, where="<Prefix>files/</Prefix>")], "", None),
        ([abort_rule(7, where="<Filter><Prefix>files/</Prefix></Filter>")], "files/a", 7),
        ([abort_rule(7, status="Disabled")], "", None),
        ([abort_rule(7, where="<Filter><And><Prefix/><Tag><Key>a</Key></Tag></And></Filter>")], "", None),
        ([abort_rule(7, where="<Filter><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan></Filter>")], "", None),
        (["<Rule><Status>Enabled</Status></Rule>"], "", None),
        ([abort_rule(7).replace("7", "seven")], "", None),
    ],
)
def test_when_uploads_are_aborted(rules: list[str], prefix: str, days: int | None) -> None:
    assert days_until_abort(document(LIFECYCLE, *rules), prefix) == days


GOOD = CorsRule(origins=(ORIGIN,))


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ([], "no rule allows this origin"),
        ([CorsRule(origins=("https://other.example", "*://app.example.*", "https://app"))], "no rule"),
        ([CorsRule(origins=("https://*.example",), methods=("GET", "HEAD"))], "PUT is not allowed"),
        ([CorsRule(origins=("*",), methods=("PUT",))], "GET is not allowed"),
        ([CorsRule(origins=(ORIGIN,), exposed_headers=("x-a",))], "ETag is not exposed"),
        ([CorsRule(origins=(ORIGIN,), allowed_headers=("Content-*", "X-Amz-*"))], "the header if-none-match"),
        ([CorsRule(origins=(ORIGIN,), allowed_headers=("x-amz-date", "content-*", "if-*"))], "the header x-amz-*"),
        ([CorsRule(origins=("*",), methods=("PUT",), exposed_headers=()), GOOD], "ETag is not exposed"),
        ([CorsRule(origins=("*",), methods=("PUT",), allowed_headers=()), GOOD], None),
        ([GOOD], None),
        ([CorsRule(origins=("*",), exposed_headers=("etag",), allowed_headers=bucket_cors.HEADERS)], None),
    ],
)
def test_whether_a_page_can_send_files(rules: list[CorsRule], problem: str | None) -> None:
    (verdict,) = judge(rules, [ORIGIN])
    assert verdict.works is (problem is None)
    assert problem is None or problem in "; ".join(verdict.problems)


def test_our_cors_rule_stands_first_only_where_another_would_hide_it() -> None:
    harmless, hiding = cors_rule("<AllowedMethod>GET</AllowedMethod>"), cors_rule("<AllowedMethod>PUT</AllowedMethod>")
    for other, expected in ((harmless, ["other", "partway-uploads"]), (hiding, ["partway-uploads", "other"])):
        after = with_own_cors_rule(document(CORS, other), [ORIGIN])
        assert [rule.rule_id for rule in cors_rules(after)] == expected
        assert judge(cors_rules(after), [ORIGIN])[0].works
        assert with_own_cors_rule(after, [ORIGIN]).body == after.body


def test_how_a_store_writes_a_rule_does_not_matter_when_it_is_compared() -> None:
    made = with_own_lifecycle_rule(RuleDocument(kind=LIFECYCLE), Abort("", 7))
    as_kept = document(LIFECYCLE, abort_rule(7, where="<Filter></Filter>"))
    assert lifecycle_meaning(made) == lifecycle_meaning(as_kept)
    turned = document(CORS, "<CORSRule><AllowedMethod>GET</AllowedMethod>\n<AllowedOrigin>*</AllowedOrigin></CORSRule>")
    straight = document(CORS, cors_rule("<AllowedMethod>GET</AllowedMethod>", origin="*", rule_id="x"))
    assert cors_meaning(turned) == cors_meaning(straight)


def test_an_unknown_rule_is_shown_as_data() -> None:
    (rule,) = document(LIFECYCLE, "<Rule><A><Tag><K>1</K></Tag><Tag><K>2</K></Tag></A><B>x</B></Rule>").rules
    assert as_data(rule.node) == {"A": {"Tag": [{"K": "1"}, {"K": "2"}]}, "B": "x"}
