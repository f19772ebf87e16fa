"""Which addresses are reached."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.extraction.web.guard import is_global

INSIDE = [
    IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
    )
]  # fmt: skip
V4_INSIDE = st.sampled_from(INSIDE).flatmap(
    lambda network: st.integers(int(network[0]), int(network[-1])).map(IPv4Address)
)
V4 = st.integers(0, 2**32 - 1).map(IPv4Address)


@given(V4_INSIDE)
def test_no_address_inside_is_global_however_it_is_written(address: IPv4Address) -> None:
    assert not is_global(address)
    carried = int(address)
    for form in (
        IPv6Address(0xFFFF << 32 | carried),
        IPv6Address(carried),
        IPv6Address((0x64FF9B << 96) | carried),
        IPv6Address((0x2002 << 112) | (carried << 80) | 1),
    ):
        assert not is_global(form)


@given(V4)
def test_a_mapped_address_is_what_it_maps(address: IPv4Address) -> None:
    assert is_global(IPv6Address(0xFFFF << 32 | int(address))) == is_global(address)


@given(st.integers(0, 2**125 - 1))
def test_only_the_global_unicast_range_of_ipv6_is_global(number: int) -> None:
    # 2000::/3 is all that has been given out (RFC 4291); fc00::/7, fe80::/10, ff00::/8 are not.
    for top in (0b000, 0b111):
        address = IPv6Address((top << 125) | number)
        mapped = address.ipv4_mapped
        assert is_global(address) == (mapped is not None and is_global(mapped))


@pytest.mark.parametrize("text", ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "2a00:1450::1"])
def test_public_addresses_are_global(text: str) -> None:
    assert is_global(ip_address(text))


@pytest.mark.parametrize("text", ["fe80::1%eth0", "3fff::1", "2001:db8::1", "2001::1", "ff02::1"])
def test_special_addresses_are_not(text: str) -> None:
    assert not is_global(ip_address(text))
