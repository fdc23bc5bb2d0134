"""One stream of frames that crosses under hard luck, and what must come back for each of them.

Theory of operation. Frames are encoded, sent and answered in a pipeline. At random, by seed, a packet is dropped (it is
encoded and never sent), spoiled (a bit, a byte, a section), or the stream is ended and another begun. What the cloud
holds is known here at any time: the states of the last key frame and of the latest frame it has taken. So every sound
frame has one right answer: labels and the encoder's own state if its reference is held, REFERENCE_MISSING if not. Only
after a spoiled packet is it unknown, until the next sound key frame. Any error makes the encoder's next frame intra,
unless one was encoded since the frame that it befell.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.coded import Coded
from isthmus.common.errors import InputError, IsthmusError, ReferenceMissingError
from isthmus.common.signals import VideoFrame
from isthmus.common.video.state import LatentState, References
from isthmus.edge.client import CloudClient
from isthmus.edge.result import FrameResult
from isthmus.edge.video.detail import FrameDetail

WINDOW = 6  # frames in flight

Random = np.random.Generator


@dataclass(frozen=True, slots=True)
class Rates:
    """How often, of all frames."""

    dropped: float = 0.01
    corrupted: float = 0.02
    reconnect: float = 0.005


@dataclass(slots=True)
class Tally:
    """What came of the frames of a crossing.

    Attributes:
        predicted_frames, key_frames: answered with labels and with the encoder's own state, of the sound ones.
        mismatches: sound frames that were answered with another state, or refused though their reference was held, or
            answered though it was not.
        wrong_results: labels of any frame, sound or spoiled, whose state was another than the encoder's.
        refused: errors by class, of all frames.
        recoveries: key frames answered with labels after an error.
        dropped, corrupted, reconnects: how often that was done.
        abandoned: frames in flight when their stream was ended.
        residual_frames: of the predicted ones, those with a residual.
        packet_bits: of the sound frames that were answered with labels.
    """

    predicted_frames: int = 0
    key_frames: int = 0
    mismatches: int = 0
    wrong_results: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    recoveries: int = 0
    dropped: int = 0
    corrupted: int = 0
    reconnects: int = 0
    abandoned: int = 0
    residual_frames: int = 0
    packet_bits: int = 0

    def to_json(self) -> dict[str, Any]:
        """As plain containers, for a results file."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return fields | {"refused": dict(sorted(self.refused.items()))}


class Encoder(Protocol):
    """What is asked of an encoder of videos."""

    def encode(self, frame: VideoFrame) -> Coded[FrameDetail]:
        """The next frame."""
        ...

    def force_key(self) -> None:
        """Make the next frame intra."""
        ...


class Witness(Protocol):
    """Who looks at sound frames that were answered with the right state."""

    def see(self, coded: Coded[FrameDetail], references: tuple[LatentState, ...], result: FrameResult) -> None:
        """One frame, the encoder's states that it may refer to, and what the cloud said."""
        ...


@dataclass(frozen=True, slots=True)
class _Sent:
    """A frame in flight. `is_expected` says whether labels must come; it has no meaning if not `is_certain`."""

    number: int
    coded: Coded[FrameDetail]
    references: tuple[LatentState, ...]
    is_sound: bool
    is_certain: bool
    is_expected: bool


class Crossing:
    """One encoder, one client, and the frames between them. `run` once."""

    def __init__(
        self,
        client: CloudClient,
        encoder: Encoder,
        rates: Rates,
        random: Random,
        witness: Witness,
        advance: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._client, self._encoder, self._rates = client, encoder, rates
        self._random, self._witness, self._advance = random, witness, advance
        self._tally = Tally()
        self._in_flight: deque[_Sent] = deque()
        self._states: dict[int, LatentState] = {}  # the encoder's latest of each serial
        self._held = References()  # of the cloud, as far as that is certain
        self._is_certain = True
        self._is_recovering = False
        self._last_key_number = -1

    def run(self, frames: Iterator[VideoFrame], count: int) -> Tally:
        """Cross until so many sound predicted frames were answered; raises what ends a stream without being asked to.

        Raises:
            InputError: the encoder makes hardly any predicted frames.
        """
        number = 0
        while self._tally.predicted_frames < count:
            coded = self._encoder.encode(next(frames))
            self._states[coded.detail.state.serial] = coded.detail.state
            if coded.detail.is_key:
                self._last_key_number = number
            self._cross(number, coded)
            while len(self._in_flight) >= WINDOW:
                self._take()
            number += 1
            if number > 100 + 20 * count:
                raise InputError(
                    f"expected an encoder that predicts most frames, got {self._tally.predicted_frames} of {number}"
                )
        while self._in_flight:
            self._take()
        return self._tally

    def _cross(self, number: int, coded: Coded[FrameDetail]) -> None:
        draw, rates = self._random.random(), self._rates
        if draw < rates.dropped:
            self._tally.dropped += 1
            return
        if draw < rates.dropped + rates.corrupted:
            self._tally.corrupted += 1
            self._is_certain = False
            self._send(
                _Sent(number, coded, (), is_sound=False, is_certain=False, is_expected=False),
                spoiled(coded.packet, self._random),
            )
            return
        if draw < rates.dropped + rates.corrupted + rates.reconnect:
            self._reconnect()
        if coded.detail.is_key:
            self._is_certain = True
        is_expected = coded.detail.is_key or self._is_held(coded.packet)
        sent = _Sent(
            number, coded, self._held.states, is_sound=True, is_certain=self._is_certain, is_expected=is_expected
        )
        self._send(sent, coded.packet)
        if is_expected:
            self._held.add(coded.detail.state, is_key=coded.detail.is_key)

    def _reconnect(self) -> None:
        """End the stream, now and then with frames in flight; the encoder is told, or finds out by an answer."""
        self._tally.reconnects += 1
        if self._random.random() < 0.5:
            while self._in_flight:
                self._take()
        self._tally.abandoned += len(self._in_flight)
        self._in_flight.clear()
        self._client.end_stream()
        self._held.clear()
        self._is_certain = True
        if self._random.random() < 0.5:
            self._encoder.force_key()

    def _is_held(self, packet: Packet) -> bool:
        """Whether the cloud holds the very state that a predicted packet refers to."""
        serial = packet.sections[0][1]
        return any(state.serial == serial and state is self._states.get(serial) for state in self._held.states)

    def _send(self, sent: _Sent, packet: Packet) -> None:
        self._client.send(packet)
        self._in_flight.append(sent)

    def _take(self) -> None:
        result, sent, tally = self._client.receive(), self._in_flight.popleft(), self._tally
        coded = sent.coded
        if isinstance(result.outcome, IsthmusError):
            tally.refused[type(result.outcome).__name__] += 1
            is_missing = isinstance(result.outcome, ReferenceMissingError)
            if sent.is_certain and (sent.is_expected or not is_missing):
                tally.mismatches += 1
            self._is_recovering = True
            if sent.number >= self._last_key_number:
                self._encoder.force_key()
            return
        is_right = result.value.state_crc32 == coded.detail.state.crc32()
        if not is_right:
            tally.wrong_results += 1
        if not sent.is_sound:
            return
        if not is_right or (sent.is_certain and not sent.is_expected):
            tally.mismatches += 1
            return
        tally.packet_bits += coded.packet_bits
        if coded.detail.is_key:
            tally.key_frames += 1
            tally.recoveries += self._is_recovering
            self._is_recovering = False
        else:
            tally.predicted_frames += 1
            tally.residual_frames += len(coded.packet.sections) > 1
            self._advance(1)
        if sent.is_certain:
            self._witness.see(coded, sent.references, result)


def spoiled(packet: Packet, random: Random) -> Packet:
    """A packet with something wrong: bits flipped, a section cut, emptied, moved or doubled, or another type."""
    sections = list(packet.sections)
    at = int(random.integers(len(sections)))
    section = bytearray(sections[at])
    kind = int(random.integers(8))
    if kind <= 3 and section:  # mostly bits: they reach the deepest
        for place in random.integers(len(section), size=int(random.choice((1, 1, 2, 8)))):
            section[int(place)] ^= 1 << int(random.integers(8))
        sections[at] = bytes(section)
    elif kind == 4 and section:
        sections[at] = bytes(section[: int(random.integers(len(section)))])
    elif kind == 5:
        sections[at] = random.bytes(max(1, len(section)))
    elif kind == 6:
        sections = sections[::-1] if len(sections) > 1 else [*sections, sections[0]]
    else:
        other = PacketType.INTRA if packet.type is PacketType.PREDICTED else PacketType.PREDICTED
        return replace(packet, type=other)
    return replace(packet, sections=tuple(sections))
