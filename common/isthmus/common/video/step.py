"""The quantiser's step as a frame says it: eight to an octave. Implements BITSTREAM.md §9.5."""

from __future__ import annotations

from isthmus.common.errors import InputError

STEPS_AN_OCTAVE = 8
STEP_COUNT = 96
"""Steps that a frame may name: 0 to 95."""
_OCTAVE = (4096, 4467, 4871, 5312, 5793, 6317, 6889, 7512)
"""2^12 times 2^(k / 8)."""
DEFAULT_STEP = 32
"""The step that a codec is made for: 4 units, or 2^6 fine ones."""
UNIT_STEP = 16
"""The step of latents in whole units: 2^4 fine units."""


def fine_step(step: int) -> int:
    """A step in 1/16 of a unit: 2^(2 + step / 8), rounded. InputError for none of `STEP_COUNT`."""
    if not 0 <= step < STEP_COUNT:
        raise InputError(f"step: expected 0 to {STEP_COUNT - 1}, got {step}")
    octave, part = divmod(step, STEPS_AN_OCTAVE)
    return ((_OCTAVE[part] << (octave + 2)) + (1 << 11)) >> 12
