"""Packets of a recorded network: pcap and pcapng, one in memory at a time, each with the time at which it came.

Sources: https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcap/ (microseconds and nanoseconds, either byte order) and
https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcapng/ (sections, interfaces, and their units of time). What is no
packet is passed over. Read from front to end, so that a pipe will do.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from isthmus.common.errors import InputError

MAX_PACKET_BYTES = 1 << 18
"""That tcpdump and Wireshark keep of one."""
MAX_BLOCK_BYTES = 1 << 24
"""Of pcapng, names of hosts and keys among them."""
MAX_INTERFACES = 10_000
NS_PER_S = 10**9

# First bytes of pcap: byte order, and nanoseconds a unit of time.
PCAP = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
PCAPNG = b"\x0a\x0d\x0d\x0a"
OTHERS = {
    b"\x1f\x8b": "gzip; unpack it: gunzip",
    b"\x28\xb5\x2f\xfd": "Zstandard; unpack it: zstd -d",
    b"\xfd7zX": "xz; unpack it: unxz",
    b"\x34\xcd\xb2\xa1": "a modified pcap; make it a plain one: editcap -F pcap IN OUT",
    b"\xa1\xb2\xcd\x34": "a modified pcap; make it a plain one: editcap -F pcap IN OUT",
}

_INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = 1, 2, 3, 6
_RESOLUTION, _OFFSET = 9, 14  # options of an interface
_ORDER_MARK = 0x1A2B3C4D


@dataclass(frozen=True, slots=True)
class Captured:
    """One packet.

    Attributes:
        time_ns: when it came, since 1970; 0 where nobody says.
        link: what its first bytes are, as LINKTYPE_… numbers it.
        data: as far as it was kept.
        is_whole: whether all of it was.
    """

    time_ns: int
    link: int
    data: bytes
    is_whole: bool


def captured(stream: BinaryIO) -> Iterator[Captured]:
    """The packets of a recording, in their order.

    Raises:
        InputError: no recording, or, after all packets that could be read, one that is cut or damaged.
    """
    magic = stream.read(4)
    if not magic:
        raise InputError("expected packets of a network (pcap), got an empty file")
    if magic in PCAP:
        yield from _of_pcap(stream, *PCAP[magic])
    elif magic == PCAPNG:
        yield from _of_pcapng(stream)
    else:
        got = next((words for start, words in OTHERS.items() if magic.startswith(start)), f"{magic!r}")
        raise InputError(f"expected pcap or pcapng, which begin with {next(iter(PCAP))!r} or the like, got {got}")


def _of_pcap(stream: BinaryIO, order: str, ns_per_unit: int) -> Iterator[Captured]:
    head = stream.read(20)
    if len(head) < 20:
        raise _cut(0, "its header")
    major, minor, link = struct.unpack(order + "HH12xI", head)
    if major != 2:
        raise InputError(f"expected pcap of version 2, got {major}.{minor}")
    record, number = struct.Struct(order + "IIII"), 0
    while head := stream.read(record.size):
        if len(head) < record.size:
            raise _cut(number, "a record")
        seconds, units, size, whole_size = record.unpack(head)
        if size > MAX_PACKET_BYTES:
            raise InputError(
                f"expected packets of at most {MAX_PACKET_BYTES} bytes, got {size} behind {number} packets; it is "
                "damaged there"
            )
        data = stream.read(size)
        if len(data) < size:
            raise _cut(number, "a packet")
        number += 1
        # Above the kind of link lies how long the check at a frame's end is.
        yield Captured(seconds * NS_PER_S + units * ns_per_unit, link & 0xFFFF, data, size >= whole_size)


@dataclass(frozen=True, slots=True)
class _Interface:
    """Of pcapng: its kind of link, how much of a packet it keeps (0 for all), and how its times are told."""

    link: int
    kept_bytes: int
    units_per_s: int
    offset_s: int

    def time_ns(self, high: int, low: int) -> int:
        """Since 1970."""
        return (high << 32 | low) * NS_PER_S // self.units_per_s + self.offset_s * NS_PER_S


def _of_pcapng(stream: BinaryIO) -> Iterator[Captured]:
    order, interfaces, number, kind = "", list[_Interface](), 0, PCAPNG
    while kind:
        size_bytes = stream.read(4)
        if len(kind) < 4 or len(size_bytes) < 4:
            raise _cut(number, "a block")
        mark = b""
        if kind == PCAPNG:  # a new section, with an order of bytes and interfaces of its own
            mark, interfaces = stream.read(4), []
            order = {struct.pack(o + "I", _ORDER_MARK): o for o in "<>"}.get(mark, "")
            if not order:
                raise InputError(f"expected the byte order of a section of pcapng, got {mark!r}; it is damaged")
        (size,) = struct.unpack(order + "I", size_bytes)
        if size % 4 or not 12 <= size <= MAX_BLOCK_BYTES:
            raise InputError(
                f"expected blocks of 12 to {MAX_BLOCK_BYTES} bytes, a multiple of 4, got {size} behind {number} "
                "packets; it is damaged there"
            )
        body = stream.read(size - 8 - len(mark))
        if len(body) < size - 8 - len(mark):
            raise _cut(number, "a block")
        if body[-4:] != size_bytes:
            raise InputError(f"expected a block of pcapng that ends with its size, {size}; it is damaged")
        if found := _block(order, int.from_bytes(kind, "little" if order == "<" else "big"), body[:-4], interfaces):
            number += 1
            yield found
        kind = stream.read(4)


def _block(order: str, kind: int, body: bytes, interfaces: list[_Interface]) -> Captured | None:
    """The packet of a block; None where it holds none. An interface is added to those that there are."""
    try:
        if kind == _INTERFACE:
            if len(interfaces) == MAX_INTERFACES:
                raise InputError(f"expected at most {MAX_INTERFACES} interfaces, got more; it is damaged")
            interfaces.append(_interface(order, body))
        elif kind == _PACKET:
            number, high, low, size, whole_size = struct.unpack_from(order + "IIIII", body)
            return _packet(_one_of(interfaces, number), (high, low), size, whole_size, body[20:])
        elif kind == _OLD_PACKET:
            number, high, low, size, whole_size = struct.unpack_from(order + "H2xIIII", body)
            return _packet(_one_of(interfaces, number), (high, low), size, whole_size, body[20:])
        elif kind == _SIMPLE_PACKET:
            (whole_size,) = struct.unpack_from(order + "I", body)
            interface = _one_of(interfaces, 0)
            size = min(whole_size, interface.kept_bytes or whole_size)
            return _packet(interface, (0, 0), size, whole_size, body[4:])
    except struct.error as error:
        raise InputError(f"expected whole blocks of pcapng, got one that is too short ({error})") from error
    return None


def _packet(interface: _Interface, units: tuple[int, int], size: int, whole_size: int, data: bytes) -> Captured:
    if size > len(data):
        raise InputError(f"expected a packet of {size} bytes within its block, got {len(data)}; it is damaged")
    return Captured(interface.time_ns(*units), interface.link, data[:size], size >= whole_size)


def _one_of(interfaces: list[_Interface], number: int) -> _Interface:
    if number >= len(interfaces):
        raise InputError(f"expected one of {len(interfaces)} interfaces, got number {number}; it is damaged")
    return interfaces[number]


def _interface(order: str, body: bytes) -> _Interface:
    link, kept_bytes = struct.unpack_from(order + "H2xI", body)
    units_per_s, offset_s, at = 10**6, 0, 8
    while at + 4 <= len(body):
        code, size = struct.unpack_from(order + "HH", body, at)
        value = body[at + 4 : at + 4 + size]
        if code == _RESOLUTION and size == 1:
            exponent = value[0] & 0x7F
            units_per_s = min((2 if value[0] & 0x80 else 10) ** exponent, 1 << 64)
        elif code == _OFFSET and size == 8:
            (offset_s,) = struct.unpack(order + "q", value)
        elif code == 0:
            break
        at += 4 + (size + 3 & ~3)
    return _Interface(link, kept_bytes, units_per_s, offset_s)


def _cut(number: int, what: str) -> InputError:
    return InputError(
        f"expected a whole recording, got one that ends within {what}, behind {number} packets; it is cut"
    )
