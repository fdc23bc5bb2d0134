"""Small recordings of lidars, as pcap and pcapng; and how all scans of one are read."""

from __future__ import annotations

import struct
from pathlib import Path

from isthmus.data.capture.points import opened_scans, scan_points
from isthmus.data.capture.velodyne import BLOCKS, LASERS, MODELS

START_S = 1_700_000_000
STEP = 40
"""Hundredths of a degree from one block to the next."""
STRONGEST, DUAL = 0x37, 0x39


def pcap_files() -> tuple[bytes, ...]:
    """A packet or two of each model, of one return and of two, in each kind of file."""
    import velodyne_decoder  # noqa: F401  without it nothing but a word about it comes out

    models = [number for number, model in MODELS.items() if not model.has_own_angles]
    frames = [_frame(model, mode) for model in models for mode in (STRONGEST, DUAL)]
    alike = [_frame(0x22, STRONGEST, turned) for turned in (0, 12 * STEP)]
    return (*(_pcap([frame]) for frame in frames), _pcap(alike, ">"), _pcapng(alike))


def read_recording(path: Path) -> None:
    """Every scan, as a job does."""
    with path.open("rb") as file, opened_scans(file) as found:
        for scan in found:
            scan_points(scan)


def _frame(model: int, mode: int, azimuth: int = 0) -> bytes:
    """A data packet in UDP, IPv4 and Ethernet."""
    banks = MODELS[model].dual_banks if mode == DUAL else MODELS[model].banks
    blocks = b"".join(
        struct.pack("<HH", banks[k % len(banks)], azimuth + STEP * (k // 2 if mode == DUAL else k))
        + b"".join(struct.pack("<HB", 500 * k + 9 * laser, laser) for laser in range(LASERS))
        for k in range(BLOCKS)
    )
    data = blocks + struct.pack("<IBB", 1000, mode, model)
    udp = struct.pack(">HHHH", 2368, 2368, 8 + len(data), 0) + data
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + b"\xc0\xa8\x01\xc9" + b"\xff" * 4
    return bytes(12) + b"\x08\x00" + ip + udp


def _pcap(frames: list[bytes], order: str = "<") -> bytes:
    found = struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 1)
    for k, frame in enumerate(frames):
        found += struct.pack(order + "IIII", START_S, 1300 * k, len(frame), len(frame)) + frame
    return found


def _pcapng(frames: list[bytes]) -> bytes:
    found = _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    found += _block(1, struct.pack("<HHIHHB3xHH", 1, 0, 0, 9, 1, 6, 0, 0))
    for k, frame in enumerate(frames):
        time = START_S * 10**6 + 1300 * k
        found += _block(6, struct.pack("<IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(frame), len(frame)) + frame)
    return found


def _block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + size + body + size
