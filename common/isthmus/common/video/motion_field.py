"""How the latents of a frame moved: a vector and a mode for each block, and what the latents make of them.

A *block* is B x B latents. Its vector says where in the reference the block's latents are predicted from, in units of
2^-f latents; its mode, what becomes of that prediction. Vectors are sent as differences against the median of their
neighbours, as video codecs do: `left`, `above`, and `above right` (`above left` in the last column).

A field is plain, each latent having its block's vector, or smooth: vectors are interpolated between the blocks'
centres, in integers, so that a zoom or a rotation needs no small blocks. Implements BITSTREAM.md §9.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from isthmus.common.errors import InputError

PHASE_BITS = 6
"""Vectors of latents are in units of 2^-6 latents."""
MAX_VECTOR = 32_767
"""Largest component of a vector, in its units."""

Int32 = NDArray[np.int32]
Scalar = TypeVar("Scalar", bound=np.generic)


class BlockMode(IntEnum):
    """What becomes of a block's prediction."""

    PREDICTED = 0
    """It is what the block is."""
    RESIDUAL = 1
    """A coded residual is added."""
    INTRA = 2
    """It is 0 everywhere, and a coded residual is added."""


@dataclass(frozen=True, slots=True, eq=False)
class MotionField:
    """Modes and vectors of all blocks of a frame; read-only copies, valid from birth.

    Attributes:
        modes: int32 `[bh, bw]`, each a `BlockMode`.
        vectors: int32 `[bh, bw, 2]`, down and right, within -32767..32767 units of 2^-f latents: the latents of the
            block at p are predicted from the reference at p + vector * 2^-f.
        is_smooth: whether vectors are interpolated between the blocks' centres.

    Raises:
        InputError: shapes that do not fit, a mode that is none, or a vector too large.
    """

    modes: Int32
    vectors: Int32
    is_smooth: bool = False

    def __post_init__(self) -> None:
        modes, vectors = np.asarray(self.modes), np.asarray(self.vectors)
        if modes.ndim != 2 or not modes.size or vectors.shape != (*modes.shape, 2):
            raise InputError(
                f"motion field: expected modes [bh, bw] and vectors [bh, bw, 2], got {modes.shape} and {vectors.shape}"
            )
        if modes.dtype.kind not in "iu" or int(modes.min()) < 0 or int(modes.max()) > max(BlockMode):
            raise InputError(f"modes: expected integers 0 to 2, got {modes.dtype} {modes.min()} to {modes.max()}")
        if vectors.dtype.kind not in "iu" or int(vectors.min()) < -MAX_VECTOR or int(vectors.max()) > MAX_VECTOR:
            raise InputError(
                f"vectors: expected integers within {MAX_VECTOR}, got {vectors.dtype} {vectors.min()} to "
                f"{vectors.max()}"
            )
        for name, array in (("modes", modes), ("vectors", vectors)):
            copy = np.array(array, dtype=np.int32, order="C", copy=True)
            copy.flags.writeable = False
            object.__setattr__(self, name, copy)
        object.__setattr__(self, "is_smooth", bool(self.is_smooth))

    @classmethod
    def still(cls, height: int, width: int) -> MotionField:
        """`height` x `width` blocks that stay where they are."""
        return cls(np.zeros((height, width), np.int32), np.zeros((height, width, 2), np.int32))

    def with_modes(self, modes: Int32) -> MotionField:
        """The field with other modes, int32 ``[bh, bw]``."""
        return MotionField(modes, self.vectors, self.is_smooth)

    def message(self) -> Int32:
        """What is coded of the field, int32 `[3, bh, bw]`: modes, and the vectors' differences, down and right."""
        differences = self.vectors - predicted_vectors(self.vectors)
        return np.concatenate([self.modes[None], differences.transpose(2, 0, 1)])

    @classmethod
    def from_message(cls, message: Int32, *, is_smooth: bool) -> MotionField:
        """The field that `message`, int32 ``[3, bh, bw]``, was made of.

        Raises:
            InputError: a mode that is none, or a vector too large.
        """
        return cls(message[0], restored_vectors(message[1:].transpose(1, 2, 0)), is_smooth)


def block_grid(height: int, width: int, block: int) -> tuple[int, int]:
    """How many blocks of a side cover so many latents: down, right."""
    return -(-height // block), -(-width // block)


def spread(blocks: NDArray[Scalar], height: int, width: int, block: int) -> NDArray[Scalar]:
    """For each latent its block's entry: `[bh, bw, ...]` to `[height, width, ...]`."""
    return blocks.repeat(block, 0)[:height].repeat(block, 1)[:, :width]


def phases(field: MotionField, height: int, width: int, block: int, fraction_bits: int) -> Int32:
    """The vector of every latent in units of 1/64 latent, int32 `[height, width, 2]`.

    Args:
        field: of blocks that cover the latents.
        block: B, a power of two.
        fraction_bits: f, 0 to 6.
    """
    fine: Int32 = field.vectors << (PHASE_BITS - fraction_bits)
    if not field.is_smooth:
        return spread(fine, height, width, block)
    # In half latents from the grid's border, latent r lies at 2r + 1 and the centre of block i at (2i + 1) B.
    shift = 2 * block.bit_length()  # (2B)^2 = 2^shift
    down_at, down = _between_centres(height, block, fine.shape[0])
    right_at, right = _between_centres(width, block, fine.shape[1])
    wide = fine.astype(np.int64)
    columns = wide[:, right_at[0]] * right[0][None, :, None] + wide[:, right_at[1]] * right[1][None, :, None]
    total = columns[down_at[0]] * down[0][:, None, None] + columns[down_at[1]] * down[1][:, None, None]
    return np.right_shift(total + (1 << (shift - 1)), shift).astype(np.int32)


def _between_centres(
    count: int, block: int, blocks: int
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """For each of so many latents the blocks before and after it, and their weights out of 2B."""
    before, weight = np.divmod(2 * np.arange(count) + 1 - block, 2 * block)
    return (before.clip(0), (before + 1).clip(max=blocks - 1)), (2 * block - weight, weight)


def predicted_vectors(vectors: Int32) -> Int32:
    """The prediction of every vector from those before it, of the shape `[bh, bw, 2]` of the vectors."""
    height, width = vectors.shape[:2]
    left, above, corner = (np.zeros_like(vectors) for _ in range(3))
    left[:, 1:] = vectors[:, :-1]
    above[1:] = vectors[:-1]
    corner[1:, :-1] = vectors[:-1, 1:]
    if width > 1:
        corner[1:, -1] = vectors[:-1, -2]
    # The median of three, without sorting.
    predicted = np.maximum(np.minimum(left, above), np.minimum(np.maximum(left, above), corner))
    predicted[0] = left[0]  # the only neighbour there is
    if width == 1 and height > 1:
        predicted[1:] = above[1:]
    return predicted


def restored_vectors(differences: Int32) -> Int32:
    """The vectors whose differences against their prediction these are, both `[bh, bw, 2]`.

    Raises:
        InputError: one exceeds `MAX_VECTOR`.
    """
    parts = [_restored(differences[:, :, axis].tolist()) for axis in range(2)]
    return np.array(parts, np.int32).transpose(1, 2, 0)


def _restored(differences: list[list[int]]) -> list[list[int]]:
    """One component; a loop over plain integers, for each vector needs those before it."""
    rows: list[list[int]] = []
    above: list[int] = []
    for row, entries in enumerate(differences):
        here: list[int] = []
        left, last = 0, len(entries) - 1
        for column, difference in enumerate(entries):
            if not row:
                predicted = left
            elif not last:
                predicted = above[0]
            else:
                b, c = above[column], above[column + 1] if column < last else above[column - 1]
                low, high = (left, b) if left < b else (b, left)
                predicted = low if c < low else min(c, high)
            left = predicted + difference
            if not -MAX_VECTOR <= left <= MAX_VECTOR:
                raise InputError(
                    f"vector of block ({row}, {column}): expected components within {MAX_VECTOR}, got {left}"
                )
            here.append(left)
        rows.append(here)
        above = here
    return rows
