"""Webhooks' decisions: what is posted, how it is signed, what answers mean."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from partway.core.events import Event, EventType
from partway.core.webhooks import DELAYS, Answer, Delivery, after, body_of, headers_of, read_secret, signature
from partway.errors import InvalidSignature
from partway.webhooks import TOLERANCE, verify

NOW = datetime(2026, 3, 4, 5, 6, 7, 89012, tzinfo=UTC)
EVENT = Event(
    position=7,
    id=UUID("0b4f7f36-8f0e-4c8e-9d55-0c2b9f6b1a11"),
    type=EventType.COMPLETED,
    file_id=uuid4(),
    owner="user-7",
    created=NOW,
    data={"file_name": "né\u2028.mp4", "metadata": {"a": [1, None]}},
)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(bytes(range(64))).decode()
FAILURES = st.one_of(
    st.integers(100, 599)
    .filter(lambda status: not 200 <= status < 300 and status != 410)
    .map(lambda s: Answer(status=s)),
    st.text().map(lambda trouble: Answer(trouble=trouble)),
)


def test_a_signature_is_that_of_the_standard() -> None:
    # The vector of the standard's own libraries.
    found = signature(
        read_secret(SECRET),
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_body_says_what_happened_when_to_which_file() -> None:
    assert json.loads(body_of(EVENT)) == {
        "type": "upload.completed",
        "timestamp": "2026-03-04T05:06:07.089012Z",
        "data": {"file_id": str(EVENT.file_id), "owner": "user-7", **EVENT.data},
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        SECRET.removeprefix("whsec_"),
        "whsec_" + "A" * 31,
        "whsec_" + "A" * 32 + "!",
        "whsec_AAAA",
        "x" * 40,
    ],
)
def test_what_is_no_secret_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="whsec_ and 24 to 64 bytes") as refusal:
        read_secret(text)
    assert len(text) < 7 or text[6:] not in str(refusal.value)


# --- Verification -----------------------------------------------------------------------------------------------------


def sample() -> Callable[[str, dict[str, str], bytes], dict[str, Any]]:
    """The function of the guide for those who do not have Partway."""
    guide = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
    (code,) = [block for block in guide.split("```python\n")[1:] if block.startswith("import base64")]
    names: dict[str, Any] = {}
    exec(code.partition("```")[0], names)
    verified: Callable[[str, dict[str, str], bytes], dict[str, Any]] = names["verified"]
    return verified


@pytest.fixture(params=["verify", "sample"])
def check(request: pytest.FixtureRequest) -> Callable[[str, dict[str, str], bytes], dict[str, Any]]:
    return verify if request.param == "verify" else sample()


def sent(*secrets: str, age: float = 0) -> tuple[dict[str, str], bytes]:
    content = body_of(EVENT)
    now = datetime.now(UTC) - timedelta(seconds=age)
    return headers_of(EVENT.id, content, secrets=[read_secret(each) for each in secrets], now=now), content


def test_what_we_sent_is_taken(check: Callable[..., dict[str, Any]]) -> None:
    for headers, content in (sent(SECRET), sent(OTHER, SECRET), sent(SECRET, age=200)):
        assert check(SECRET, headers, content) == json.loads(content)


@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_what_was_changed_is_refused(check: Callable[..., dict[str, Any]], header: str) -> None:
    headers, content = sent(SECRET)
    name, comma, rest = headers[header].rpartition(",")
    other = str(int(rest) + 1) if "time" in header else ("B" if rest[0] == "A" else "A") + rest[1:]
    changed = {**headers, header: name + comma + other}
    for wrong in ((changed, content), (headers, content + b" "), sent(OTHER), sent(SECRET, age=400)):
        with pytest.raises((InvalidSignature, ValueError)):
            check(SECRET, *wrong)


@given(st.binary(max_size=64), st.integers(0, 2**33), st.integers(-2 * TOLERANCE, 2 * TOLERANCE), st.data())
def test_verify_takes_ours_in_time_and_nothing_else(
    content: bytes, sent_at: int, late: int, data: st.DataObject
) -> None:
    content = json.dumps({"type": "t", "data": content.hex()}).encode()
    moment = datetime.fromtimestamp(sent_at, UTC)
    headers = headers_of(EVENT.id, content, secrets=[read_secret(OTHER), read_secret(SECRET)], now=moment)
    now = sent_at + late
    if abs(late) > TOLERANCE:
        with pytest.raises(InvalidSignature):
            verify(SECRET, headers, content, now=now)
        return
    shouted = {name.upper(): value for name, value in headers.items()}
    assert verify(f"{SECRET} {OTHER}", shouted, content, now=now) == json.loads(content)
    at = data.draw(st.integers(0, len(content) - 1))
    flipped = bytes(
        each ^ (1 << data.draw(st.integers(0, 7)) if index == at else 0) for index, each in enumerate(content)
    )
    with pytest.raises(InvalidSignature):
        verify(SECRET, headers, flipped, now=now)


@given(st.dictionaries(st.sampled_from(["webhook-id", "Webhook-Timestamp", "webhook-signature"]), st.text()))
@example({"webhook-id": "a", "webhook-timestamp": "²", "webhook-signature": "v1,é"})
@example({"webhook-id": "a", "webhook-timestamp": str(int(NOW.timestamp())), "webhook-signature": "v1,\udcff"})
@example({"webhook-id": "a", "webhook-timestamp": "9" * 5000, "webhook-signature": "v1,"})
def test_headers_of_any_kind_are_refused_and_nothing_else_happens(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidSignature):
        verify(SECRET, headers, b"{}", now=NOW.timestamp())


# --- Answers ----------------------------------------------------------------------------------------------------------


@given(st.integers(200, 299), st.integers(0, len(DELAYS)))
def test_a_success_is_delivered(status: int, attempts: int) -> None:
    assert after(Delivery(event=EVENT, attempts=attempts, due=NOW), Answer(status=status), now=NOW, chance=0.5) is None


@given(st.lists(FAILURES, min_size=len(DELAYS) + 1, max_size=len(DELAYS) + 1), st.floats(0, 1))
def test_failures_are_tried_again_ever_later_and_then_never(answers: list[Answer], chance: float) -> None:
    delivery, now = Delivery(event=EVENT, due=NOW), NOW
    for attempt, answer in enumerate(answers, 1):
        left = after(delivery, answer, now=now, chance=chance)
        assert left is not None
        assert (left.attempts, left.tried, left.event) == (attempt, now, EVENT)
        assert left.error is not None
        assert len(left.error) <= 255
        assert left.error.isprintable()
        if attempt <= len(DELAYS):
            assert left.due is not None
            assert DELAYS[attempt - 1] <= left.due - now <= DELAYS[attempt - 1] * 1.2
            now = left.due
        delivery = left
    assert delivery.due is None


def test_three_days_are_tried() -> None:
    assert sum(DELAYS, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)


def test_gone_is_kept_for_the_day_when_the_endpoint_is_opened_again() -> None:
    left = after(Delivery(event=EVENT, attempts=3, due=NOW), Answer(status=410), now=NOW, chance=0.5)
    assert left == Delivery(event=EVENT, attempts=3, due=NOW, tried=NOW, error="it answered 410")


@pytest.mark.parametrize(
    ("wish", "pause"),
    [
        ("0", timedelta(minutes=5)),
        ("299", timedelta(minutes=5)),
        ("900", timedelta(minutes=15)),
        (" 900 ", timedelta(minutes=15)),
        ("9" * 400, timedelta(hours=24)),
        (format_datetime(NOW + timedelta(hours=1), usegmt=True), timedelta(hours=1) - timedelta(microseconds=89012)),
        (format_datetime(NOW + timedelta(days=400), usegmt=True), timedelta(hours=24)),
        (format_datetime(NOW - timedelta(days=400), usegmt=True), timedelta(minutes=5)),
        ("Fri, 31 Dec 9999 23:59:59 -2359", timedelta(hours=24)),
        ("-5", timedelta(minutes=5)),
        ("soon", timedelta(minutes=5)),
        ("", timedelta(minutes=5)),
    ],
)
def test_retry_after_is_heeded_within_bounds(wish: str, pause: timedelta) -> None:
    left = after(Delivery(event=EVENT, attempts=1, due=NOW), Answer(status=503, retry_after=wish), now=NOW, chance=0.0)
    assert left is not None
    assert left.due == NOW + pause


@given(st.text())
def test_any_retry_after_leaves_a_bounded_pause(wish: str) -> None:
    left = after(Delivery(event=EVENT, due=NOW), Answer(status=429, retry_after=wish), now=NOW, chance=1.0)
    assert left is not None
    assert left.due is not None
    assert timedelta(seconds=6) <= left.due - NOW <= timedelta(hours=24) * 1.2
