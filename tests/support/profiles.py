"""ICC profiles of version 2, written by hand: a power of light, and the primaries of sRGB or Display P3."""

from __future__ import annotations

import struct

# XYZ of red, green and blue under D50, as the profiles of Apple, HP and the W3C have them.
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
DISPLAY_P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
D50 = (0.9642, 1.0, 0.8249)


def rgb_profile(gamma: float, name: str = "hand-made", primaries: tuple[tuple[float, ...], ...] = SRGB) -> bytes:
    """A screen whose light is a sample to the power `gamma`."""
    colorants = {name: _xyz(point) for name, point in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)}
    return _profile(b"RGB ", name, colorants | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma)))


def grey_profile(gamma: float, name: str = "hand-made") -> bytes:
    """Grey whose light is a sample to the power `gamma`."""
    return _profile(b"GRAY", name, {b"kTRC": _curve(gamma)})


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)


def _profile(space: bytes, name: str, tags: dict[bytes, bytes]) -> bytes:
    text = name.encode() + b"\0"
    described = b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(12 + 67)
    described += bytes(-len(described) % 4)
    tags = {b"desc": described, b"cprt": b"text" + bytes(4) + b"none" + bytes(4), b"wtpt": _xyz(D50)} | tags
    table, bodies, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for tag, body in tags.items():
        table += tag + struct.pack(">II", start + len(bodies), len(body))
        bodies += body
    head = struct.pack(">I4sI", start + len(bodies), bytes(4), 0x02100000) + b"mntr" + space + b"XYZ "
    head += bytes(12) + b"acsp" + bytes(28) + _xyz(D50)[8:] + bytes(48)
    return head + table + bodies
