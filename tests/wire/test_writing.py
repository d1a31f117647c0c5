"""Answers as JSON: presigned URLs are written in turn, and nobody can tell."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partway.core.in_turn import InTurn
from partway.core.ports import SignedPart
from partway.wire.answers import plain_json
from partway.wire.writing import json_bytes

PARTS = st.lists(
    st.builds(
        SignedPart,
        st.integers(1, 10_000),
        st.text(max_size=8),
        st.integers(0, 2**53),
        st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=1),
    ),
    max_size=200,
)
REST = st.dictionaries(st.text(max_size=8), st.integers(-(2**53), 2**53) | st.text(max_size=8) | st.none(), max_size=3)


@given(parts=PARTS, rest=REST)
def test_what_is_written_in_turn_is_what_was_to_be_written(
    parts: list[SignedPart], rest: dict[str, int | str | None]
) -> None:
    body = {**rest, "presigned_urls": InTurn(parts, iter)}
    expected = {**rest, "presigned_urls": [part._asdict() for part in parts]}
    assert json.loads(json_bytes(body)) == expected
    assert json.loads(json_bytes({"uploads": [body, {"code": "x"}]})) == {"uploads": [expected, {"code": "x"}]}


def test_what_has_no_form_is_an_error() -> None:
    with pytest.raises(TypeError, match="object has no form in JSON"):
        plain_json(object())
