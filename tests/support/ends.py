"""Functions that end in each of the ways in which a process apart may."""

from __future__ import annotations

import os
import resource
import time

from isthmus.common.errors import InputError


def echo(data: bytes, *words: str) -> bytes:
    print("what a library prints is no answer", flush=True)
    os.write(1, b"nor is this")
    return data + "".join(words).encode()


def abort(_data: bytes) -> bytes:
    os.abort()


def linger(data: bytes) -> bytes:
    time.sleep(60)
    return data


def fill(_data: bytes) -> bytes:
    return bytes(3 << 30)


def stumble(_data: bytes) -> bytes:
    raise KeyError("unforeseen")


def refuse(_data: bytes) -> bytes:
    raise InputError("expected something else")


def number(_data: bytes) -> bytes:
    """Of the process."""
    return str(os.getpid()).encode()


def told(data: bytes) -> bytes:
    """As the data say."""
    ways = {b"abort": abort, b"refuse": refuse, b"number": number}
    return ways[data](data)


def bounds(_data: bytes) -> bytes:
    return repr([resource.getrlimit(which) for which in (resource.RLIMIT_AS, resource.RLIMIT_CORE)]).encode()
