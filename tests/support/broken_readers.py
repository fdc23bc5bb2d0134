"""Readers that each break one rule at damaged files: found by name in another process, as real ones are."""

from __future__ import annotations

import os
import signal
import time
import warnings
from pathlib import Path

from isthmus.common.errors import InputError, PacketError
from isthmus.measure.inputs.reader import Reader

GOOD = b"good 12 bytes"
MOST_BYTES = 16 << 20
MOST_S = 0.3


def good_files() -> tuple[bytes, ...]:
    """One."""
    return (GOOD,)


def no_files() -> tuple[bytes, ...]:
    """What makes them is not installed."""
    raise ImportError("no", name="some_library")


def refuses(path: Path) -> None:
    """As it should be."""
    if path.read_bytes() != GOOD:
        raise InputError("expected what is good")


def refuses_all(_: Path) -> None:
    """Whole ones too."""
    raise InputError("expected something else")


def says_nothing(path: Path) -> None:
    """Refuses without a word."""
    if path.read_bytes() != GOOD:
        raise InputError("")


def raises(path: Path) -> None:
    """What no reader may raise."""
    if path.read_bytes() != GOOD:
        raise IndexError(7)


def blames(path: Path) -> None:
    """The other side, which has no part in it."""
    if path.read_bytes() != GOOD:
        raise PacketError("you did it")


def warns(path: Path) -> None:
    """Of what is none of a user's business."""
    if path.read_bytes() != GOOD:
        warnings.warn("overflow", RuntimeWarning, stacklevel=2)


def hoards(path: Path) -> None:
    """Takes memory, and gives it back."""
    if path.read_bytes() != GOOD:
        bytearray(b"\1" * (MOST_BYTES + (8 << 20)))
        refuses(path)


def dawdles(path: Path) -> None:
    """Takes time."""
    end_s = time.process_time() + MOST_S + 0.1
    while path.read_bytes() != GOOD and time.process_time() < end_s:
        pass


def crashes(path: Path) -> None:
    """As a library does that follows a wild pointer; now and then."""
    if len(path.read_bytes()) % 4 == 1:
        os.kill(os.getpid(), signal.SIGSEGV)


def leaves(path: Path) -> None:
    """As a library does that calls exit."""
    if len(path.read_bytes()) % 4 == 1:
        os._exit(3)


def falls_silent(path: Path) -> None:
    """Waits for what never comes."""
    while len(path.read_bytes()) % 4 == 1:
        time.sleep(1)


def broken(name: str) -> Reader:
    """The reader of a function of this module."""
    files = no_files if name == "is_not_there" else good_files
    return Reader(name, "image", (".bin",), files, globals().get(name, refuses), None, MOST_BYTES, MOST_S)
