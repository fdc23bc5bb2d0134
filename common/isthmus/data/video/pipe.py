"""Bytes of a pipe as they come: a read gives what is there and waits for no more, and can be told to stop waiting.

A Python reader of standard input waits until it has all that was asked for, which puts a live camera seconds behind,
and it cannot be left while it waits. So this one reads from the descriptor where there is one.

An MP4 that was written with its index at the end cannot be read from front to end; it is kept in a temporary file.
"""

from __future__ import annotations

import io
import os
import select
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from isthmus.common.errors import InputError

LOOK_S = 0.1
"""How long a read waits at most before it looks whether it is to stop."""

MAX_SPOOLED_BYTES = 1 << 30
MAX_LOOKED_AT_BYTES = 1 << 20
"""Of boxes before the pictures or the index of an MP4."""

EAGER = {"probesize": "32", "formatprobesize": "65536", "analyzeduration": "0", "fpsprobesize": "0"}
"""For FFmpeg: what it looks at before the first frame is what every later one comes late by."""
HEADLESS = {"analyzeduration": "500000", "fpsprobesize": "0"}
"""For containers that do not say at once which streams they have, and for addresses, which may be such."""
PREFER_TCP = {"rtsp_flags": "prefer_tcp"}
"""For RTSP: what UDP loses a decoder paints over, and nobody hears of it."""
HEADLESS_STARTS = (b"FLV", b"\x00\x00\x01\xba")

FIRST_BOXES = (b"ftyp", b"wide", b"free", b"skip", b"pnot", b"uuid")


class PipeReader(io.RawIOBase):
    """A stream without `seek`; who opened it closes it, unless it was opened here.

    Attributes:
        heard_s: when bytes came last, by `time.monotonic`; 0 before the first.
    """

    def __init__(self, source: BinaryIO | Path, name: str) -> None:
        """Read a stream, or a named pipe whose writer may come later."""
        super().__init__()
        self.name = name
        self.heard_s = 0.0
        self._ahead = b""
        self._is_stopped = threading.Event()
        self._own_descriptor = -1
        self._source = source  # held, or its descriptor would be closed with it
        if isinstance(source, Path):
            # Opened as usual it would wait here for its writer, and nothing could end that.
            self._own_descriptor = os.open(source, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
            self._read: Callable[[int], bytes] = lambda size: self._read_descriptor(self._own_descriptor, size)
            return
        descriptor = _descriptor(source)
        if descriptor >= 0:
            self._read = lambda size: self._read_descriptor(descriptor, size)
        else:
            self._read = getattr(source, "read1", source.read)

    def stop(self) -> None:
        """End whatever read is waiting, and give nothing more."""
        self._is_stopped.set()

    def release(self) -> None:
        """Close what was opened here."""
        if self._own_descriptor >= 0:
            os.close(self._own_descriptor)
            self._own_descriptor = -1

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is not."""
        return False

    def read(self, size: int = -1) -> bytes:
        """What is there, at most `size` bytes; waits for the first of them, b"" at the end."""
        size = size if size > 0 else 1 << 16
        if self._ahead:
            piece, self._ahead = self._ahead[:size], self._ahead[size:]
            return piece
        piece = b"" if self._is_stopped.is_set() else self._read(size)
        self.heard_s = time.monotonic()
        return piece

    def peek(self, count: int) -> bytes:
        """The next `count` bytes, fewer at the end; they are read again afterwards."""
        held = self._ahead
        while len(held) < count:
            self._ahead = b""
            piece = self.read(count - len(held))
            if not piece:
                break
            held += piece
        self._ahead = held
        return held[:count]

    def _read_descriptor(self, descriptor: int, size: int) -> bytes:
        while not self._is_stopped.is_set():
            if select.select([descriptor], [], [], LOOK_S)[0]:
                try:
                    return os.read(descriptor, size)
                except BlockingIOError:
                    continue
        return b""


def seekable_input(reader: PipeReader) -> BinaryIO | PipeReader:
    """The reader, or a temporary file with all that it gives where that must be sought in.

    Raises:
        InputError: more than `MAX_SPOOLED_BYTES`.
    """
    if not _has_index_last(reader):
        return reader
    with tempfile.TemporaryFile() as file:
        kept = 0
        while piece := reader.read(1 << 18):
            kept += len(piece)
            if kept > MAX_SPOOLED_BYTES:
                raise InputError(
                    f"{reader.name}: expected an MP4 with its index in front, or one of at most "
                    f"{MAX_SPOOLED_BYTES >> 20} MiB, as a pipe cannot be sought in: got more; give the file itself, or "
                    f"write it with -movflags faststart"
                )
            file.write(piece)
        # The descriptor outlives the name that is closed here.
        again = os.fdopen(os.dup(file.fileno()), "rb")
    again.seek(0)
    return again


def probing(reader: PipeReader) -> Mapping[str, str]:
    """How much FFmpeg is to look at, by what the stream begins with."""
    return HEADLESS if reader.peek(4).startswith(HEADLESS_STARTS) else EAGER


def is_pipe(path: Path) -> bool:
    """Whether a path is a named pipe, or another thing that can only be read from front to end."""
    mode = path.stat().st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


def regular_file(stream: BinaryIO) -> BinaryIO | None:
    """Standard input again, to be sought in, where it is a file (`< clip.mp4`)."""
    descriptor = _descriptor(stream)
    if descriptor < 0 or not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return None
    again = os.fdopen(os.dup(descriptor), "rb")
    again.seek(0)
    return again


def _descriptor(stream: BinaryIO) -> int:
    """Of a stream of which nothing was read ahead, -1 for none: others may hold bytes that the descriptor has not."""
    is_own = isinstance(stream, io.FileIO) or stream is getattr(sys.stdin, "buffer", None)
    if not is_own or os.name == "nt":
        return -1
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return -1


def _has_index_last(reader: PipeReader) -> bool:
    """Whether these are boxes of MP4 or MOV, and the pictures come before what says where they are."""
    at = 0
    while at < MAX_LOOKED_AT_BYTES:
        head = reader.peek(at + 16)[at:]
        kind, length = head[4:8], int.from_bytes(head[:4], "big")
        if kind == b"mdat":
            return True
        if kind not in FIRST_BOXES or length < 8:
            return False
        at += length
    return False
