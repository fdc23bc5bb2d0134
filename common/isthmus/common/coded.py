"""What every encoder gives: a packet, what it is made of, and how long that took."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.packet import Packet
from isthmus.common.manifest.manifest import Manifest

D_co = TypeVar("D_co", covariant=True)
S_contra = TypeVar("S_contra", contravariant=True)

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of each step of one encoding, in their order."""

    steps: tuple[tuple[str, float], ...]

    @property
    def total_s(self) -> float:
        """All of it."""
        return sum(seconds for _, seconds in self.steps)

    def seconds(self, *names: str) -> float:
        """Of the steps named, together. KeyError if there is no such step."""
        known = dict(self.steps)
        return sum(known[name] for name in names)


@dataclass(frozen=True, slots=True, eq=False)
class Coded(Generic[D_co]):
    """One packet, and how it came to be.

    Attributes:
        packet: what travels.
        timing: seconds of each step.
        detail: what only this signal has to tell.
        estimate: gives ideal bits of each signal, float64 `[signals]`.
    """

    packet: Packet
    timing: Timing
    detail: D_co
    estimate: Callable[[], Float64]

    @property
    def estimated_bits(self) -> Float64:
        """Ideal bits of each signal under the codec's tables, float64 `[signals]`; computed when asked for."""
        return self.estimate()

    @property
    def payload_bits(self) -> int:
        """Bits of the coded sections, without what the packet puts around them."""
        return 8 * sum(map(len, self.packet.sections))

    @property
    def packet_bits(self) -> int:
        """Bits of the whole packet."""
        return 8 * self.packet.size_bytes


class Encoder(Protocol[S_contra, D_co]):
    """The edge half of a codec. Not to be used by two threads at once."""

    @property
    def manifest(self) -> Manifest:
        """Of the codec."""

    def encode(self, signal: S_contra) -> Coded[D_co]:
        """One signal, one packet. InputError for a signal that the codec cannot take."""


@runtime_checkable
class Predicting(Protocol):
    """An encoder whose packets may refer to earlier ones of its stream."""

    def force_key(self) -> None:
        """The next packet shall refer to no other: the cloud has lost what it held, or was never given it."""
