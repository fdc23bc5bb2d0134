"""Peers: what they are called where they say nothing, and which codecs are theirs."""

from __future__ import annotations

import pytest

from isthmus.cloud.identity import Identity, Quotas, address_of
from isthmus.common.errors import InputError


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("ipv4:127.0.0.1:4321", "127.0.0.1"),
        ("ipv6:%5B::1%5D:4321", "::/64"),
        ("ipv6:[2001:db8:1:2:3::4]:4321", "2001:db8:1:2::/64"),
        ("ipv6:%5Bfe80::1%25eth0%5D:4321", "fe80::/64"),
        ("ipv6:%5B::ffff:192.0.2.7%5D:4321", "192.0.2.7"),
        ("unix:/run/isthmus.sock", "unix:/run/isthmus.sock"),
        ("ipv4:none", "ipv4:none"),
    ],
)
def test_a_peer_is_its_host(peer: str, expected: str) -> None:
    assert address_of(peer) == expected


def test_ports_and_neighbours_of_one_network_are_one_peer() -> None:
    assert address_of("ipv4:192.0.2.7:1") == address_of("ipv4:192.0.2.7:2") != address_of("ipv4:192.0.2.8:1")
    assert address_of("ipv6:[2001:db8::1]:1") == address_of("ipv6:[2001:db8::ffff]:2")


def test_codecs_are_named_by_patterns() -> None:
    assert Identity("anyone").may_open("pc-lite-any-q10")
    some = Identity("camera", codecs=("image-*", "vision-lite0-b5"))
    assert some.may_open("image-light-q4")
    assert some.may_open("vision-lite0-b5")
    assert not some.may_open("vision-lite0-b11")
    assert not some.may_open("IMAGE-light-q4")


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_a_quota_is_a_number(value: float) -> None:
    with pytest.raises(InputError, match="frames_per_s"):
        Quotas(frames_per_s=value)
