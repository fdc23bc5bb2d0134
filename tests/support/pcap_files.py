"""Recordings of lidars, byte by byte: packets of the VLP-16 and of others, in datagrams, frames, pcap and pcapng.

The room is the inside of a ball: every beam has one distance, which the beam's number and its column say, so that the
points are worked out here by the manual's formulas, and not by any decoder.
"""

from __future__ import annotations

import math
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


@dataclass(frozen=True, slots=True)
class Laser:
    """Of an HDL-64E, as its manual tells it: hundredths of a degree, and tenths of a centimetre.

    Attributes:
        up, right: where it looks; right is against the azimuth.
        further: than it measures.
        higher, aside: than the middle of the sensor.
    """

    up: int
    right: int
    further: int
    higher: int
    aside: int


LASERS = tuple(Laser(200 - 41 * k, 300 - 19 * (k * 7 % 32), 1100 + k, 210 - k, 26 * (-1) ** k) for k in range(64))
TURN_STEP = 18
"""Hundredths of a degree from one firing of an HDL-64E to the next."""
HDL64E_PACKET_NS = 288_000


def status_bytes(*, is_s3: bool = True) -> list[tuple[str, int]]:
    """(type, value) of 4,160 packets of an HDL-64E: 63-HDL64ES3 Rev J, appendix E; 16 packets a cycle, 260 cycles."""
    values = b"UNIT#" + bytes((10, 12))
    told = b""
    for number, one in enumerate(LASERS):
        row = struct.pack("<9h2B", one.up, one.right, one.further, 0, 0, one.higher, one.aside, 0, 0, 0, 255)
        told += row
        values += bytes([number]) + row + bytes(7)
    values = values[:-7] + bytes((14, 5, 6, 7, 8, 9, 40))  # when it was calibrated, and how wet it was
    values += (
        struct.pack("<hHHH", 600, 0, 36000, 123) + bytes((192, 168, 3, 43, 192, 168, 3, 255)) + bytes((0, 0, 0xA8))
    )
    values += struct.pack("<H", crc16(told) if is_s3 else 1820)
    found = []
    for cycle in range(260):
        found += [*zip("HMSDNYGTV", (21, 19, 55, 15, 12, 10, 80, 27, 71), strict=True)]
        found += [(f"{k + 1}", values[7 * cycle + k]) for k in range(7)]
        if is_s3 and cycle and not cycle % 4:
            found[-7] = "W", found[-7][1]
    return found


def crc16(data: bytes) -> int:
    """Of x**16 + x**15 + x**2 + 1, high bits first, from zero."""
    value = 0
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ (0x8005 if value & 0x8000 else 0)) & 0xFFFF
    return value


def hdl64e_frames(
    packets: int, units: int = 14_000, first_status: int = 0, *, is_dual: bool = False, is_s3: bool = True
) -> list[tuple[int, bytes]]:
    """What an HDL-64E sends that stands in a ball, of so many times 2 mm; where it tells two, the second is shorter."""
    statuses = status_bytes(is_s3=is_s3)
    last, strongest = (struct.pack("<HB", units - k, 7) * 32 for k in (0, 500))
    found = []
    for number in range(packets):
        data = b""
        for k in range(12):
            firing = number * 3 + k // 4 if is_dual else number * 6 + k // 2
            returns = strongest if is_dual and k % 4 < 2 else last
            data += struct.pack("<HH", 0xDDFF if k % 2 else 0xEEFF, TURN_STEP * firing % 36000) + returns
        kind, value = statuses[(first_status + number) % len(statuses)]
        data += struct.pack("<IBB", 0, ord(kind), value)
        found.append((START_NS + number * HDL64E_PACKET_NS // (1 + is_dual), ethernet(datagram(data))))
    return found


def hdl64e_points(firing: int, units: int = 14_000) -> npt.NDArray[np.float64]:
    """Points [64, 3] of a firing, by the manual's appendix F, beyond 25 m; x ahead, y to the left."""
    found = []
    for number, one in enumerate(LASERS):
        # Of the 32 of a bank four fire one after another, eight times in a firing of 57.6 microseconds.
        after_us = number % 32 // 4 * 7.2 + (0, 1.3, 2.5, 3.7)[number % 4]
        azimuth = math.radians(TURN_STEP * (firing + after_us / 57.6) / 100 - one.right / 100)
        up = math.radians(one.up / 100)
        distance = units * 0.002 + one.further / 1000
        flat, aside = distance * math.cos(up), one.aside / 1000
        ahead = flat * math.cos(azimuth) + aside * math.sin(azimuth)
        right = flat * math.sin(azimuth) - aside * math.cos(azimuth)
        found.append((ahead, -right, distance * math.sin(up) + one.higher / 1000))
    return np.array(found)


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
