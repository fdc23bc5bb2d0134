"""What edge and cloud hold of the frames of a video: the latents that the next one is predicted from. BITSTREAM.md §9.

Both keep the same states by the same rule, and name them by serials. A decoder that lacks one says so
(`ReferenceMissingError`), and the encoder goes on with a key frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.common.bits.symbols import crc32
from isthmus.common.errors import InputError, ReferenceMissingError
from isthmus.common.video.warp import FINE_BITS

Int32 = NDArray[np.int32]

SERIALS = 256


@dataclass(frozen=True, slots=True, eq=False)
class LatentState:
    """What both sides hold of a frame, and frames are predicted from.

    Attributes:
        values: int32 `[M, h, w]` in 1/16 of a step, read-only; a copy unless it was read-only already.
        serial: the encoder's count of frames modulo 256.

    Raises:
        InputError: not such an array, or a serial out of range.
    """

    values: Int32
    serial: int

    def __post_init__(self) -> None:
        values = self.values
        if values.dtype != np.int32 or values.ndim != 3 or not values.size:
            raise InputError(f"state: expected int32 [M, h, w], got {values.dtype} {list(values.shape)}")
        check_serial(self.serial)
        if values.flags.writeable or not values.flags.c_contiguous:
            values = np.array(values, order="C", copy=True)
            values.flags.writeable = False
            object.__setattr__(self, "values", values)

    @property
    def y_hat(self) -> NDArray[np.float32]:
        """The latents in steps, float32 `[M, h, w]`, exact: what the cloud's network takes."""
        return self.values.astype(np.float32) * np.float32(1 / (1 << FINE_BITS))

    def crc32(self) -> int:
        """CRC-32 of the values as little-endian int32, row-major: how edge and cloud compare what they hold."""
        return crc32(self.values)


class References:
    """The states that the next frame may be predicted from: the last key frame's, and the latest frame's.

    Edge and cloud keep one each a stream, by the same rule, so that a serial names one state.
    """

    def __init__(self) -> None:
        self._key: LatentState | None = None
        self._latest: LatentState | None = None

    @property
    def states(self) -> tuple[LatentState, ...]:
        """None, one or two: the latest first, then the key frame's where it is another."""
        latest, key = self._latest, self._key
        return tuple(state for state in (latest, key if key is not latest else None) if state is not None)

    def add(self, state: LatentState, *, is_key: bool) -> None:
        """Takes in the latest frame. A state with its serial makes place, so serials may wrap around."""
        if is_key or (self._key is not None and self._key.serial == state.serial):
            self._key = state
        self._latest = state

    def find(self, serial: int) -> LatentState:
        """The state of a serial.

        Raises:
            ReferenceMissingError: there is none.
        """
        return find_reference(self.states, serial)

    def clear(self) -> None:
        """Forgets all: a new stream."""
        self._key = self._latest = None


def find_reference(references: Sequence[LatentState], serial: int) -> LatentState:
    """The state of a serial.

    Raises:
        ReferenceMissingError: there is none.
    """
    for state in references:
        if state.serial == serial:
            return state
    known = [state.serial for state in references]
    raise ReferenceMissingError(
        f"section 0: expected a reference among the serials {known}, got {serial}; send a key frame"
    )


def check_serial(serial: int) -> None:
    """Raises InputError unless a serial is one."""
    if not 0 <= serial < SERIALS:
        raise InputError(f"serial: expected 0 to {SERIALS - 1}, got {serial}")
