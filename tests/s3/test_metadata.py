"""Values of metadata survive headers, whatever they hold, and are then what Python's own reader of RFC 2047 reads."""

from __future__ import annotations

from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partway.s3.metadata import TOKEN_HEADER, decode_value, encode_value, metadata_headers, read_metadata

values = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@given(values)
def test_a_value_comes_back(value):
    assert decode_value(encode_value(value)) == value


@given(values)
def test_what_is_sent_is_ascii_in_words_of_rfc_2047(value):
    sent = encode_value(value)
    assert sent == "" or (sent.isascii() and sent.isprintable())
    assert sent == " ".join(sent.split())  # so it is the same before and after signing
    if sent != value:
        assert all(len(word) <= 75 for word in sent.split(" "))
        assert str(make_header(decode_header(sent))) == value


@pytest.mark.parametrize("value", ["", "plain", "two words", 'semi;colon="1"', "100%"])
def test_plain_text_is_sent_as_it_is(value):
    assert encode_value(value) == value


@given(values)
def test_whatever_a_store_says_is_read(header):
    assert isinstance(decode_value(header), str)


def test_what_others_encode_is_read():
    assert decode_value("=?UTF-8?Q?caf=C3=A9?=") == "café"
    assert decode_value("=?nonsense?B?eA==?=") == "=?nonsense?B?eA==?="


def test_names_are_in_lower_case_and_our_token_is_none_of_them():
    headers = metadata_headers({"Owner-Id": "7"})
    assert headers == {"x-amz-meta-owner-id": "7"}
    assert read_metadata({**headers, TOKEN_HEADER: "proof", "content-type": "a/b"}) == {"owner-id": "7"}
