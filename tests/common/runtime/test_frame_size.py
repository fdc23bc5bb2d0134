"""Frames are resized as BITSTREAM.md §8.4 writes it down, in exact fractions here, and padded as §6.1 does."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import floor

import numpy as np
import numpy.typing as npt
import pytest
from support.tiny_video_coder import manifest

from isthmus.runtime.frame_size import fitted, grown, padded, resized

UInt8 = npt.NDArray[np.uint8]


def by_the_spec(values: UInt8, m: int) -> UInt8:
    """§8.4 along the first axis of uint8 `[n, ...]`: `[m, ...]`."""
    n = len(values)
    if n == m:
        return values
    s = Fraction(n, m)
    f = max(Fraction(1), s)
    made = []
    for i in range(m):
        c = (i + Fraction(1, 2)) * s
        taken = range(max(0, floor(c - f + Fraction(1, 2))), min(n, floor(c + f + Fraction(1, 2))))
        weights = [max(Fraction(0), 1 - abs(j + Fraction(1, 2) - c) / f) for j in taken]
        k = [floor(w / sum(weights) * 2**22 + Fraction(1, 2)) for w in weights]
        total = sum((kj * values[j].astype(np.int64) for kj, j in zip(k, taken, strict=True)), np.int64(2**21))
        made.append(np.clip(total >> 22, 0, 255).astype(np.uint8))
    return np.stack(made)


@pytest.mark.parametrize(
    ("sides", "to"),
    [((64, 48), (8, 8)), ((8, 8), (64, 48)), ((37, 53), (20, 53)), ((37, 53), (37, 71)), ((1, 90), (7, 13))],
)
def test_frames_are_resized_as_the_spec_says(sides: tuple[int, int], to: tuple[int, int]) -> None:
    frame = np.random.default_rng(3).integers(0, 256, (*sides, 3), np.uint8)
    along_rows = by_the_spec(np.ascontiguousarray(frame.swapaxes(0, 1)), to[1]).swapaxes(0, 1)
    np.testing.assert_array_equal(resized(frame, *to), by_the_spec(np.ascontiguousarray(along_rows), to[0]))


def test_a_frame_of_that_size_is_left_as_it_is() -> None:
    frame = np.zeros((16, 24, 3), np.uint8)
    assert resized(frame, 16, 24) is frame
    assert padded(frame, 8) is frame


@pytest.mark.parametrize("sides", [(1, 1), (7, 24), (24, 7), (15, 17), (16, 16)])
def test_borders_are_repeated_to_whole_strides(sides: tuple[int, int]) -> None:
    frame = np.random.default_rng(4).integers(0, 256, (*sides, 3), np.uint8)
    rows, columns = (-side % 8 for side in sides)
    expected = np.pad(frame, ((0, rows), (0, columns), (0, 0)), mode="edge")
    np.testing.assert_array_equal(padded(frame, 8), expected)
    np.testing.assert_array_equal(grown(frame, *expected.shape[:2]), expected)


def test_a_codec_says_which_of_both() -> None:
    frame = np.random.default_rng(5).integers(0, 256, (50, 70, 3), np.uint8)
    free = manifest()
    sized = replace(free, frame_height=32, frame_width=40, latent_height=4, latent_width=5)
    np.testing.assert_array_equal(fitted(free, frame), padded(frame, free.stride))
    np.testing.assert_array_equal(fitted(sized, frame), resized(frame, 32, 40))
