"""Histograms of latents: the compiled ones are the reference's, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.common.errors import InputError
from isthmus.common.image import histogram
from isthmus.common.image.histogram import largest_counted, shares, shares_reference

needs_compiled = pytest.mark.skipif(histogram.compiled is None, reason="_histogram was not built: no C compiler")


@pytest.mark.parametrize("is_compiled", [pytest.param(True, marks=needs_compiled), False])
def test_what_is_counted(is_compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bin i counts i - bins / 2; what is further out than three quarters of the range is counted at its end."""
    if not is_compiled:
        monkeypatch.setattr(histogram, "compiled", None)
    y = np.array([[[0, 0, 1, -1]], [[7, 6, -(2**31), 2**31 - 1]]], np.int32)
    found = shares(y, 16)
    assert found.dtype == np.float32
    assert found[0].tolist() == [0] * 7 + [0.25, 0.5, 0.25] + [0] * 6
    assert {i: v for i, v in enumerate(found[1].tolist()) if v} == {2: 0.25, 14: 0.75}


@needs_compiled
@given(
    st.integers(1, 5),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from([2, 4, 8, 64, 128, 1024]),
    st.sampled_from([1, 5, 300, 2**30]),
    st.integers(0, 2**32),
)
def test_compiled_and_reference_agree(
    channels: int, height: int, width: int, bins: int, spread: int, seed: int
) -> None:
    y = np.random.default_rng(seed).integers(-spread, spread, (channels, height, width), np.int32, endpoint=True)
    assert shares(y, bins).tobytes() == shares_reference(y, bins).tobytes()
    # Views are counted in their own order, not in that of the memory under them.
    turned = y.transpose(2, 0, 1)
    assert shares(turned, bins).tobytes() == shares_reference(turned, bins).tobytes()


@needs_compiled
def test_many_latents_agree() -> None:
    """More than the interpreter's lock is held for, and shares that no float holds exactly."""
    y = np.rint(np.random.default_rng(0).laplace(0, 3, (7, 61, 97))).astype(np.int32)
    assert shares(y, 128).tobytes() == shares_reference(y, 128).tobytes()


@pytest.mark.parametrize(
    ("shape", "bins"), [((4, 4), 8), ((0, 2, 2), 8), ((1, 0, 2), 8), ((1, 2, 2), 7), ((1, 2, 2), 0), ((1, 2, 2), -2)]
)
def test_what_cannot_be_counted_is_refused(shape: tuple[int, ...], bins: int) -> None:
    with pytest.raises(InputError, match=r"expected latents \[M, h, w\] and an even number of bins"):
        shares(np.zeros(shape, np.int32), bins)


@needs_compiled
@pytest.mark.parametrize(
    ("size", "channels", "bins", "most"),
    [(6, 4, 8, 3), (0, 1, 8, 3), (4, 0, 8, 3), (4, -1, 8, 3), (4, 2, 8, 4), (4, 2, 8, -1), (4, 2, 7, 2), (4, 2, 0, 0)],
)
def test_the_compiled_one_never_counts_outside(size: int, channels: int, bins: int, most: int) -> None:
    compiled: Any = histogram.compiled
    with pytest.raises(ValueError, match="expected"):
        compiled.shares(np.zeros(size, np.int32), channels, bins, most)


@needs_compiled
def test_the_compiled_one_takes_whole_numbers_only() -> None:
    compiled: Any = histogram.compiled
    with pytest.raises(ValueError, match="int32"):
        compiled.shares(b"abc", 1, 8, largest_counted(8))
