"""Whether a video is all there: containers say at their beginnings how long they are.

A count of frames will not do: an edit list leaves frames out, and AVI counts frames that were never stored. What is
compared is what the file holds with what its own outermost boxes say; where that cannot be seen (a pipe, other
containers), the time at which the last frame ends with the time that the container names.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

MIN_MISSING_S = 0.1
"""Of a time: less than that, and three frames, may be rounding, or sound that is longer than the pictures."""

MAX_PROMISED_S = 1e7
"""A live stream's header may say all ones."""

TIMED_FORMATS = ("matroska", "mov", "avi", "flv", "asf", "ivf", "wtv", "nut")
"""Of FFmpeg's names, those of containers that say beforehand how long they are."""

UNKNOWN = -1
MAX_BOXES = 100_000
"""That are looked at; a longer file is taken for whole."""
RIFF_FORMS = (b"AVI ", b"AVIX", b"WEBP")
BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"sidx", b"styp", b"uuid", b"mfra", b"pnot")
ASF_HEAD = b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"
ASF_FILE = b"\xa1\xdc\xab\x8c\x47\xa9\xcf\x11\x8e\xe4\x00\xc0\x0c\x20\x53\x65"
ASF_SIZE_AT, ASF_HEAD_BYTES = 40, 65536
EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def missing_bytes(source: str | Path | BinaryIO) -> int:
    """How many bytes of a file its own sizes miss, 0 for none; `UNKNOWN` where it says none.

    MP4, MOV, MKV, WebM, AVI and WMV say one, unless they were written live.
    """
    try:
        if not isinstance(source, str | Path):
            return _missing(source)
        with Path(source).open("rb") as file:
            return _missing(file)
    except OSError:
        return UNKNOWN


def _missing(file: BinaryIO) -> int:
    size_bytes = file.seek(0, 2)
    file.seek(0)
    end = _promised_end(file, size_bytes)
    return UNKNOWN if end == UNKNOWN else max(0, end - size_bytes)


def is_cut_in_time(format_name: str, promised_s: float, end_s: float, fps: float) -> bool:
    """Whether a container promised more than came."""
    if not 0 < promised_s <= MAX_PROMISED_S or not any(name in TIMED_FORMATS for name in format_name.split(",")):
        return False
    return end_s < promised_s - max(MIN_MISSING_S, 3 / fps)


def _promised_end(file: BinaryIO, size_bytes: int) -> int:
    """Where the file should end at least, in bytes."""
    head = file.read(12)
    if head[4:8] in BOXES:
        return _end_of_boxes(file, size_bytes)
    if head[:4] == b"RIFF" and head[8:] in RIFF_FORMS:
        return _end_of_riff(file, size_bytes)
    if head[:4] == EBML:
        return _end_of_segment(file)
    if head[:8] == ASF_HEAD:
        return _end_of_asf(head + file.read(ASF_HEAD_BYTES))
    return UNKNOWN


def _end_of_boxes(file: BinaryIO, size_bytes: int) -> int:
    at = 0
    for _ in range(MAX_BOXES):
        if at + 8 > size_bytes:
            return at
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:
            return size_bytes  # 0: to the end of the file; 1 to 7: no box, what follows is not its matter
        at += length
    return size_bytes


def _end_of_riff(file: BinaryIO, size_bytes: int) -> int:
    """AVI of more than a gigabyte is several of these, one after another."""
    at = 0
    for _ in range(MAX_BOXES):
        if at + 12 > size_bytes:
            break
        file.seek(at)
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] not in RIFF_FORMS:
            return size_bytes  # something was added behind
        length = int.from_bytes(head[4:8], "little")
        if not length:
            return size_bytes  # never finished: its writer did not come back to say how long it became
        at += 8 + length + length % 2
    # The last byte of an odd length only fills up, and writers forget it.
    return at - 1


def _end_of_segment(file: BinaryIO) -> int:
    file.seek(4)
    header_length, _ = _ebml_length(file)
    file.seek(max(header_length, 0), 1)
    if file.read(4) != SEGMENT:
        return UNKNOWN
    length, is_open = _ebml_length(file)
    return UNKNOWN if is_open or length < 0 else file.tell() + length


def _end_of_asf(head: bytes) -> int:
    at = head.find(ASF_FILE)
    size = head[at + ASF_SIZE_AT : at + ASF_SIZE_AT + 8]
    return int.from_bytes(size, "little") or UNKNOWN if at >= 0 else UNKNOWN


def _ebml_length(file: BinaryIO) -> tuple[int, bool]:
    """A length, -1 for none, and whether it says that it is not known (a live stream)."""
    first = file.read(1)
    if not first or not first[0]:
        return -1, False
    count = 9 - first[0].bit_length()
    rest = file.read(count - 1)
    value = int.from_bytes(bytes([first[0] & (0xFF >> count)]) + rest, "big")
    return value, value == (1 << 7 * count) - 1
