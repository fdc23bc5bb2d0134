"""Ways to spoil bytes of any kind: each takes the bytes, what it draws from, and other bytes of the same kind."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

Mutation = Callable[[bytes, random.Random, Sequence[bytes]], bytes]

# Numbers at whose edges parsers break.
ODD_NUMBERS = (0, 1, 2, 127, 128, 255, 16_383, 16_384, 65_535, 65_536, 1 << 20, 1 << 26, (1 << 31) - 1, (1 << 32) - 1)


def truncate(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    """A beginning."""
    return data[: rng.randrange(len(data))] if data else data


def flip_bits(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    """One bit turned, or some."""
    spoiled = bytearray(data)
    for _flip in range(rng.choice((1, 1, 2, 8)) if spoiled else 0):
        spoiled[rng.randrange(len(spoiled))] ^= 1 << rng.randrange(8)
    return bytes(spoiled)


def insert(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    """Some bytes more, anywhere."""
    at = rng.randrange(len(data) + 1)
    return data[:at] + any_bytes(rng, rng.choice((1, 1, 2, 5, 64))) + data[at:]


def remove(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    """Some bytes less, anywhere."""
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.choice((1, 1, 2, 5, 64)) :]


def append(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    """More behind the end."""
    return data + rng.choice((b"\0", b"\xff", any_bytes(rng, rng.randrange(1, 9)), data))


def splice(data: bytes, rng: random.Random, packets: Sequence[bytes]) -> bytes:
    """The head of one packet and the tail of another."""
    other = rng.choice(packets)
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def noise(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    """Random bytes, after a real head or none."""
    kept = rng.choice((0, 1, 2, 3, 6))
    return data[:kept] + any_bytes(rng, rng.randrange(1 + rng.choice((4, 40, 400))))


def any_bytes(rng: random.Random, count: int) -> bytes:
    """Zeros, ones, or anything."""
    return rng.choice((bytes(count), b"\xff" * count, rng.randbytes(count), rng.randbytes(count)))
