"""Hostile packets: real ones, spoiled in every way at hand, must be refused as such or be packets after all.

A case passes if the decoder either raises a `RemoteError` (the other side's bytes are wrong), or decodes symbols from
which an encoder makes the very same bytes again. It fails with any other exception, with other bytes, after more than
`MAX_CASE_S` of this thread's time, or with more than `MAX_PEAK_BYTES` allocated (looked at in one case of
`MEMORY_EVERY`, for it is slow to count). Everything is drawn from one seed, so that a failure can be made again.
"""

from __future__ import annotations

import random
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.bits.varint import encode_varint
from isthmus.common.errors import IsthmusError, RemoteError
from isthmus.common.limits import Limits
from isthmus.measure.fuzz.mutations import (
    ODD_NUMBERS,
    Mutation,
    any_bytes,
    append,
    flip_bits,
    insert,
    noise,
    remove,
    splice,
    truncate,
)

MAX_CASE_S = 1.0
MEMORY_EVERY = 25
MAX_PEAK_BYTES = 32 << 20
KEPT_FAILURES = 20
# What a server of small signals would allow; a decoder under it needs some 16 bytes a symbol.
FUZZ_LIMITS = Limits(max_packet_size_bytes=1 << 20, max_symbol_count=1 << 20, max_signal_count=4096)

Decode = Callable[[bytes], Any]
Encode = Callable[[Any, Packet], bytes]


@dataclass(frozen=True, slots=True)
class FuzzTarget:
    """A decoder, and packets of its own to spoil.

    Attributes:
        name: of the codec.
        kind: of packets: the signal, and in what its packets differ from others of it.
        packets: as an encoder of the codec wrote them, one or more.
        decode: raises a RemoteError, or answers what the bytes say.
        encode: the bytes for what `decode` answered and the packet that it was in.
    """

    name: str
    kind: str
    packets: tuple[bytes, ...]
    decode: Decode
    encode: Encode


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that did not pass."""

    target: str
    mutation: str
    reason: str
    packet_hex: str


@dataclass(slots=True)
class FuzzTally:
    """What became of the cases of one target.

    Attributes:
        name: of the codec.
        kind: of its packets.
        refused: by the error's class.
        decoded: cases that were packets after all.
        by_mutation: cases of each way to spoil.
        slowest_s: thread time of the slowest case.
        peak_bytes: most allocated by a case looked at.
        failures: of all cases; the first `KEPT_FAILURES` are told.
    """

    name: str
    kind: str
    refused: Counter[str] = field(default_factory=Counter)
    decoded: int = 0
    by_mutation: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    peak_bytes: int = 0
    failure_count: int = 0
    failures: list[Failure] = field(default_factory=list)

    @property
    def cases(self) -> int:
        """All of them."""
        return self.by_mutation.total()

    def to_json(self) -> dict[str, Any]:
        """As plain containers, for a results file; times are not among them, so that a run gives the same file."""
        return {
            "name": self.name,
            "kind": self.kind,
            "cases": self.cases,
            "refused": dict(sorted(self.refused.items())),
            "decoded": self.decoded,
            "by_mutation": dict(sorted(self.by_mutation.items())),
            "failures": self.failure_count,
            "first_failures": [f"{f.mutation}: {f.reason}: {f.packet_hex}" for f in self.failures],
        }


def fuzz(target: FuzzTarget, cases: int, seed: int, progress: Callable[[int], None] = lambda _: None) -> FuzzTally:
    """Run so many cases on one target; the unspoiled packets are decoded first and count as well."""
    rng = random.Random(f"{seed} {target.name}")
    tally = FuzzTally(target.name, target.kind)
    mutations = list(MUTATIONS.items())
    for data in target.packets:
        # What an encoder makes with its first packet (matrices of costs, for one) is no packet's doing.
        _outcome(target, "none", data, FuzzTally(target.name, target.kind))
    for case in range(cases):
        if case < len(target.packets):
            name, data = "none", target.packets[case]
        else:
            name, mutate = mutations[case % len(mutations)]
            data = mutate(rng.choice(target.packets), rng, target.packets)
            if rng.random() < 0.1:  # now and then two things are wrong
                data = rng.choice(mutations)[1](data, rng, target.packets)
        tally.by_mutation[name] += 1
        _run(target, name, data, tally, with_memory=case % MEMORY_EVERY == 0)
        progress(1)
    return tally


def _run(target: FuzzTarget, mutation: str, data: bytes, tally: FuzzTally, *, with_memory: bool) -> None:
    if with_memory:
        tracemalloc.start()
    start_s = time.thread_time()
    try:
        reason = _outcome(target, mutation, data, tally)
        taken_s = time.thread_time() - start_s
    finally:
        peak_bytes = tracemalloc.get_traced_memory()[1] if with_memory else 0
        if with_memory:
            tracemalloc.stop()
    tally.slowest_s = max(tally.slowest_s, taken_s)
    tally.peak_bytes = max(tally.peak_bytes, peak_bytes)
    if not reason and taken_s > MAX_CASE_S and not with_memory:  # counting memory is slow itself
        reason = f"took {taken_s:.1f} s"
    if not reason and peak_bytes > MAX_PEAK_BYTES:
        reason = f"allocated {peak_bytes} bytes"
    if reason:
        tally.failure_count += 1
        if len(tally.failures) < KEPT_FAILURES:
            tally.failures.append(Failure(target.name, mutation, reason, data.hex()[:400]))


def _outcome(target: FuzzTarget, mutation: str, data: bytes, tally: FuzzTally) -> str:
    """Why a case fails; empty if it passes."""
    try:
        decoded = target.decode(data)
    except RemoteError as error:
        if mutation == "none":
            return f"a real packet is refused: {error}"
        tally.refused[type(error).__name__] += 1
        return "" if str(error) else "an error without a message"
    except IsthmusError as error:
        return f"blames this side: {type(error).__name__}: {error}"
    except Exception as error:  # whatever it is, a hostile packet has brought it out
        return f"{type(error).__name__}: {error}"
    try:
        again = target.encode(decoded, Packet.from_bytes(data, FUZZ_LIMITS))
    except Exception as error:  # decoded symbols that no encoder can code were no packet
        return f"cannot be encoded again: {type(error).__name__}: {error}"
    tally.decoded += 1
    return "" if again == data else f"encodes to other bytes: {again.hex()[:80]}"


def _flip_head(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    """A bit among the first bytes, where sizes stand."""
    spoiled = bytearray(data)
    if spoiled:
        spoiled[rng.randrange(min(8, len(spoiled)))] ^= 1 << rng.randrange(8)
    return bytes(spoiled)


def _change_number(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    """Another number in place of a byte near the head: a section's size, a count, a side of an image."""
    return _number_at(data, rng.randrange(1, 9), rng)


def _number_at(data: bytes, at: int, rng: random.Random) -> bytes:
    number = rng.choice(ODD_NUMBERS) if rng.random() < 0.7 else rng.randrange(300)
    encoded = encode_varint(number)
    if rng.random() < 0.1:  # not in its shortest form
        encoded = encoded[:-1] + bytes((encoded[-1] | 0x80, 0))
    return data[:at] + encoded + data[at + rng.choice((1, 2)) :]


def _reshape(data: bytes, rng: random.Random, packets: Sequence[bytes]) -> bytes:
    """A well-formed packet whose sections are those of real ones, swapped, replaced, cut, left out or too many."""
    try:
        packet = Packet.from_bytes(data, FUZZ_LIMITS)
        other = Packet.from_bytes(rng.choice(packets), FUZZ_LIMITS)
    except RemoteError:  # spoiled already
        return data
    sections = list(packet.sections)
    for _change in range(rng.choice((1, 1, 2))):
        at, kind = rng.randrange(len(sections)), rng.randrange(7)
        if kind == 0:
            rng.shuffle(sections)
        elif kind == 1:
            sections[at] = rng.choice(other.sections)
        elif kind == 2:
            sections[at] = sections[at][: rng.randrange(len(sections[at]) + 1)]
        elif kind == 3 and len(sections) > 1:
            del sections[at]
        elif kind == 4 and len(sections) < 4:
            sections.insert(at, rng.choice(other.sections))
        elif kind == 5:  # sizes at a section's head, the packet around it as it should be
            sections[0] = _number_at(sections[0], rng.randrange(3), rng)
        else:
            sections[at] = any_bytes(rng, rng.choice((0, 1, 3, 40)))
    checksum = rng.choice((packet.checksum, packet.checksum, b"", any_bytes(rng, 2), any_bytes(rng, 4)))
    kind_of = PacketType.PREDICTED if rng.random() < 0.05 else packet.type
    count = rng.choice((packet.signal_count, packet.signal_count, 1, 2, 300, 4096))
    return Packet(kind_of, tuple(sections), checksum, count).to_bytes()


MUTATIONS: dict[str, Mutation] = {
    "truncated": truncate,
    "bits flipped": flip_bits,
    "bits flipped in the head": _flip_head,
    "bytes inserted": insert,
    "bytes removed": remove,
    "bytes appended": append,
    "numbers changed": _change_number,
    "sections changed": _reshape,
    "packets spliced": splice,
    "noise": noise,
}
