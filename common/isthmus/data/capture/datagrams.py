"""Datagrams of UDP in packets of Ethernet, with or without VLANs, of Linux's "any", of loopback, and of bare IP."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import ip_address

from isthmus.common.errors import InputError
from isthmus.data.capture.packets import Captured

_IPV4, _IPV6 = 0x0800, 0x86DD
_VLANS = (0x8100, 0x88A8, 0x9100)
_UDP, _FRAGMENT = 17, 44
_PROTOCOLS = {1: "packets of ICMP", 2: "packets of IGMP", 6: "packets of TCP", 58: "packets of ICMP"}
_KINDS = {0x0806: "packets of ARP", 0x88CC: "packets of LLDP", 0x88F7: "packets of PTP"}
_PIECES = "pieces of larger datagrams"


@dataclass(frozen=True, slots=True)
class Datagram:
    """One of UDP.

    Attributes:
        sender, port: who sent it, and from which port.
        to_port: where it went.
        size: of what it carries, in bytes.
        data: what it carries, as far as it was kept.
    """

    sender: str
    port: int
    to_port: int
    size: int
    data: bytes


def datagram(packet: Captured) -> Datagram | str:
    """The datagram in a packet; where there is none, what there is, in a word.

    Raises:
        InputError: a kind of link that is not known.
    """
    data = packet.data
    try:
        kind, at = _network_layer(packet.link, data)
        while kind in _VLANS:
            (kind,) = struct.unpack_from(">H", data, at + 2)
            at += 4
        if kind == _IPV4:
            offset, protocol = struct.unpack_from(">6xHxB", data, at)
            if offset & 0x3FFF:  # more to come, or not the beginning
                return _PIECES
            sender, at = data[at + 12 : at + 16], at + (data[at] & 15) * 4
        elif kind == _IPV6:
            protocol, sender, at = data[at + 6], data[at + 8 : at + 24], at + 40
            if protocol == _FRAGMENT:
                return _PIECES
        else:
            return _KINDS.get(kind, "other packets")
        if protocol != _UDP:
            return _PROTOCOLS.get(protocol, "other packets")
        port, to_port, size = struct.unpack_from(">HHH", data, at)
        address = str(ip_address(sender))
    except (struct.error, IndexError, ValueError):
        return "packets that were cut"
    return Datagram(address, port, to_port, max(size - 8, 0), data[at + 8 : at + max(size, 8)])


def _network_layer(link: int, data: bytes) -> tuple[int, int]:
    """(what lies in a frame as Ethernet numbers it, and where) of a kind of link."""
    if link == 1:  # Ethernet
        return int.from_bytes(data[12:14], "big"), 14
    if link == 113:  # Linux, of any interface
        return int.from_bytes(data[14:16], "big"), 16
    if link == 276:  # the same of today
        return int.from_bytes(data[:2], "big"), 20
    if link in (12, 14, 101, 228, 229):  # bare IP
        return (_IPV6 if data[0] >> 4 == 6 else _IPV4), 0
    if link in (0, 108):  # loopback: a family of addresses, which differs by system, in either byte order
        family = max(data[0], data[3])
        return (_IPV4 if family == 2 else _IPV6), 4
    raise InputError(
        f"expected packets of Ethernet, Linux's any interface, loopback or bare IP, got the link type {link}; record "
        "with tcpdump or Wireshark on the sensor's interface"
    )
