"""Addresses of the public internet, and all the others."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partway.core.public_addresses import is_public

PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001:82a::200e", "::ffff:8.8.8.8"]
OTHERS = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
]


@pytest.mark.parametrize("address", [*PUBLIC, "64:ff9b::808:808"])
def test_the_public_internet(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", ["", "localhost", "127.1", "2130706433", "0x7f000001", "8.8.8.8:80", "fe80::1%lo"])
def test_what_is_no_address_or_has_a_zone_is_not_public(address: str) -> None:
    assert not is_public(address)


@given(st.sampled_from(OTHERS).flatmap(lambda network: st.ip_addresses(network=network)))
def test_all_other_networks(address: IPv4Address | IPv6Address) -> None:
    assert not is_public(str(address))


@given(st.sampled_from([each for each in OTHERS if "." in each]).flatmap(lambda each: st.ip_addresses(network=each)))
def test_addresses_that_stand_for_others_are_as_those_are(inner: IPv4Address) -> None:
    for outer in ("::ffff:0:0", "64:ff9b::", "::", "2002::"):
        assert not is_public(str(IPv6Address(int(IPv6Address(outer)) + int(inner))))
    carried = IPv6Address(int(IPv6Address("2002::")) + (int(inner) << 80))
    assert not is_public(str(carried))


@given(st.ip_addresses(v=4))
def test_what_a_mapped_address_is_its_inner_one_is(address: IPv4Address) -> None:
    assert is_public(f"::ffff:{address}") == is_public(f"64:ff9b::{address}") == is_public(str(address))
    assert is_public(str(address)) == (address.is_global and not any(address in ip_network(n) for n in OTHERS[:14]))
