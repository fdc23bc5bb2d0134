"""Npz files with members whose checksums are right and whose headers are whatever a test wants."""

from __future__ import annotations

import io
import struct
import zipfile

from hypothesis import strategies as st

SOUND = b"{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }\n"
BROKEN = {
    "nothing": b"",
    "an open bracket": b"(",
    "an open string": b"'''",
    "crooked indentation": b"\n  x\n y",
    "a set of lists": b"{[]: 1}",
    "a list": b"[1]",
    "too many brackets": b"{" * 9000,
    "objects": SOUND.replace(b"<i4", b"|O"),
    "a type of commas": SOUND.replace(b"<i4", b",,"),
    "a negative size": SOUND.replace(b"(2,)", b"(-2,)"),
    "more than there is": SOUND.replace(b"(2,)", b"(3,)"),
    "more than fits in memory": SOUND.replace(b"(2,)", b"(99999999999999,)"),
    "more than fits in a number": SOUND.replace(b"(2,)", b"(99999999999999999999999,)"),
    "a null": b"\0",
}
"""Headers of one array of two numbers that are none."""

KINDS = ("replace", "delete", "insert")
edits = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 60), st.sampled_from(b"(){}[]'\",:0-|f\n\0")))
"""What may be done to a header, byte by byte."""


def npz(name: str, header: bytes, body: bytes = bytes(8), version: int = 1) -> bytes:
    """A file of one array."""
    size = struct.pack("<H" if version == 1 else "<I", len(header))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}.npy", b"\x93NUMPY" + bytes((version, 0)) + size + header + body)
    return file.getvalue()


def edited(header: bytes, changes: list[tuple[str, int, int]]) -> bytes:
    """A header after some edits."""
    out = bytearray(header)
    for what, place, byte in changes:
        at = place % (len(out) + 1)
        if what == "insert" or at == len(out):
            out.insert(at, byte)
        elif what == "delete":
            del out[at]
        else:
            out[at] = byte
    return bytes(out)
