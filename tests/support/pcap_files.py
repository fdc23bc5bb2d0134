"""Recordings of lidars, byte by byte: packets of the VLP-16 and of others, in datagrams, frames, pcap and pcapng.

The room is the inside of a ball: every beam has one distance, which the beam's number and its column say, so that the
points are worked out here by the manual's formulas, and not by any decoder.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

VLP16, HIRES, HDL32E, VLP32C, ALPHA = 0x22, 0x24, 0x21, 0x28, 0xA1
STRONGEST, LAST, DUAL = 0x37, 0x38, 0x39
START_NS = 1_700_000_000_250_000_000
STEP = 40
"""Hundredths of a degree from one block to the next: ten turns a second."""
PACKET_NS = 1_327_104
VERTICAL = (-15, 1, -13, 3, -11, 5, -9, 7, -7, 9, -5, 11, -3, 13, -1, 15)
"""Degrees of the VLP-16's lasers, in the order in which they fire."""
FIRING_US, SEQUENCE_US = 2.304, 55.296
FOCUS_M = 0.04191
"""From the sensor's axis to where its beams meet: they leave it higher or lower than its middle."""

Distance = Callable[[int, int, int], int]
"""Of a block's number in its recording, a beam of 32, and 0 for the last return, 1 for the strongest; 2 mm each."""


def even(block: int, beam: int, which: int) -> int:
    """All have one, each another."""
    return 1000 + (block * 7 + beam * 3) % 5000 + 250 * which


def data_packet(
    azimuths: Sequence[int],
    distance: Distance = even,
    *,
    first_block: int = 0,
    us_of_hour: int = 0,
    mode: int = STRONGEST,
    model: int = VLP16,
    banks: Sequence[int] = (0xEEFF,),
) -> bytes:
    """One of twelve blocks; of two returns, an azimuth is there twice, the last return first."""
    found = bytearray()
    for number, azimuth in enumerate(azimuths):
        block, which = (first_block + number // 2, number % 2) if mode == DUAL else (first_block + number, 0)
        found += struct.pack("<HH", banks[number % len(banks)], azimuth)
        for beam in range(32):
            found += struct.pack("<HB", distance(block, beam, which), beam)
    return bytes(found) + struct.pack("<IBB", us_of_hour % 3_600_000_000, mode, model)


@dataclass(frozen=True, slots=True)
class Turning:
    """A VLP-16 or the like that turns.

    Attributes:
        packets: that it sends.
        azimuth: of the first block.
        distance: of its beams.
        mode: of returns.
        model: of it.
        start_ns: when the first packet comes.
    """

    packets: int
    azimuth: int = 0
    distance: Distance = even
    mode: int = STRONGEST
    model: int = VLP16
    start_ns: int = START_NS

    @property
    def blocks(self) -> int:
        """With azimuths of their own, in a packet."""
        return 6 if self.mode == DUAL else 12

    def data(self, number: int) -> bytes:
        """What a packet carries."""
        first = number * self.blocks
        azimuths = [(self.azimuth + STEP * (first + k)) % 36000 for k in range(self.blocks)]
        if self.mode == DUAL:
            azimuths = [azimuth for azimuth in azimuths for _ in range(2)]
        us_of_hour = self.time_ns(number) // 1000 % 3_600_000_000
        return data_packet(
            azimuths, self.distance, first_block=first, us_of_hour=us_of_hour, mode=self.mode, model=self.model
        )

    def time_ns(self, number: int) -> int:
        """When a packet comes."""
        return self.start_ns + number * PACKET_NS * self.blocks // 12

    def frames(self, sender: str = "192.168.1.201") -> list[tuple[int, bytes]]:
        """Its packets as they are recorded on a cable."""
        return [(self.time_ns(k), ethernet(datagram(self.data(k), sender))) for k in range(self.packets)]

    def points(self, packets: Iterable[int]) -> npt.NDArray[np.float64]:
        """Points [P, 3] of some packets, by the VLP-16's manual: those of a beam's last return before its strongest."""
        blocks = np.array([number * self.blocks + k for number in packets for k in range(self.blocks)])
        which = range(2 if self.mode == DUAL else 1)
        told = [[[self.distance(block, beam, w) for w in which] for beam in range(32)] for block in blocks.tolist()]
        distances = np.array(told)
        distances[..., 1:][distances[..., 1:] == distances[..., :1]] = 0  # told twice, and one point
        # Chapters 9.4 and 9.5: the azimuth goes on while the lasers fire; x ahead, y to the left.
        beam = np.arange(32)
        after_us = beam // 16 * SEQUENCE_US + beam % 16 * FIRING_US
        turned = np.radians((self.azimuth + STEP * blocks[:, None] + STEP * after_us / (2 * SEQUENCE_US)) / 100)
        raised = np.radians(np.tile(VERTICAL, 2))
        distances_m = distances * 0.002
        flat = distances_m * np.cos(raised)[:, None]
        up = distances_m * np.sin(raised)[:, None] - FOCUS_M * np.tan(raised)[:, None]
        points = np.stack((flat * np.cos(turned)[..., None], -flat * np.sin(turned)[..., None], up), -1)
        found: npt.NDArray[np.float64] = points[distances > 0]
        return found


def datagram(data: bytes, sender: str = "192.168.1.201", port: int = 2368, to_port: int = 2368) -> bytes:
    """In IPv4."""
    udp = struct.pack(">HHHH", port, to_port, 8 + len(data), 0) + data
    return ipv4(udp, 17, sender)


def ipv4(data: bytes, protocol: int, sender: str = "192.168.1.201", fragment: int = 0) -> bytes:
    """A packet with its header."""
    size = 20 + len(data)
    address = bytes(int(part) for part in sender.split("."))
    return struct.pack(">BBHHHBBH", 0x45, 0, size, 7, fragment, 64, protocol, 0) + address + b"\xff\xff\xff\xff" + data


def ipv6(data: bytes) -> bytes:
    """A datagram in IPv6."""
    udp = struct.pack(">HHHH", 2368, 2368, 8 + len(data), 0) + data
    return struct.pack(">IHBB", 6 << 28, len(udp), 17, 64) + bytes(15) + b"\1" + bytes(16) + udp


def ethernet(data: bytes, kind: int = 0x0800, vlans: Sequence[int] = ()) -> bytes:
    """A frame."""
    tags = b"".join(struct.pack(">HH", tag, 5) for tag in vlans)
    return bytes(12) + tags + struct.pack(">H", kind) + data


def pcap(
    frames: Iterable[tuple[int, bytes]], *, order: str = "<", ns: bool = False, link: int = 1, kept: int = 1 << 18
) -> bytes:
    """A recording: times in nanoseconds and frames, of which so many bytes are kept."""
    unit = 1 if ns else 1000
    head = struct.pack(order + "IHHiIII", 0xA1B23C4D if ns else 0xA1B2C3D4, 2, 4, 0, 0, kept, link)
    return head + b"".join(
        struct.pack(order + "IIII", t // 10**9, t % 10**9 // unit, min(len(data), kept), len(data)) + data[:kept]
        for t, data in frames
    )


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """Of pcapng."""
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def section(order: str = "<") -> bytes:
    """Of pcapng: where one begins."""
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link: int = 1, options: bytes = b"", order: str = "<", kept: int = 0) -> bytes:
    """Of pcapng."""
    return block(1, struct.pack(order + "HHI", link, 0, kept) + options, order)


def enhanced(time: int, data: bytes, order: str = "<", number: int = 0) -> bytes:
    """A packet of pcapng, at a time in the units of its interface."""
    head = struct.pack(order + "IIIII", number, time >> 32, time & 0xFFFFFFFF, len(data), len(data))
    return block(6, head + data, order)


def pcapng(frames: Iterable[tuple[int, bytes]], order: str = "<") -> bytes:
    """A recording, as Wireshark writes it."""
    packets = (enhanced(time_ns // 1000, data, order) for time_ns, data in frames)
    return section(order) + interface(order=order) + b"".join(packets)
