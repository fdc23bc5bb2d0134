"""What becomes of each block: by its true error and by its bits, and never worse than the policy takes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from isthmus.common.video.motion_field import BlockMode, spread
from isthmus.common.video.warp import FINE_BITS
from isthmus.edge.video.modes import choose_modes
from isthmus.edge.video.policy import VideoPolicy

Int32 = npt.NDArray[np.int32]
POLICY = VideoPolicy()
STEP = 1 << FINE_BITS


def latents(channels: int = 3, height: int = 5, width: int = 7, seed: int = 0) -> Int32:
    return np.random.default_rng(seed).integers(-6, 7, (channels, height, width)).astype(np.int32)


def of_latents(modes: Int32, y: Int32, block: int) -> Int32:
    """The mode of every latent's block."""
    _, height, width = y.shape
    return np.broadcast_to(spread(modes, height, width, block), y.shape)


@st.composite
def frames(draw: st.DrawFn) -> tuple[Int32, Int32, int]:
    """Latents, what they were predicted as, and the side of a block."""
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)))
    y = draw(arrays(np.int32, shape, elements=st.integers(-40, 40)))
    off = draw(arrays(np.int32, shape, elements=st.integers(-80, 80)))
    return y, ((y << FINE_BITS) + off).astype(np.int32), draw(st.integers(1, 4))


@pytest.mark.parametrize("block", [1, 2, 3, 8])
def test_what_is_predicted_rightly_is_left_alone(block: int) -> None:
    y = latents()
    modes, residual = choose_modes(y << FINE_BITS, y << FINE_BITS, POLICY, block)
    assert modes.shape == (-(-5 // block), -(-7 // block))
    assert not modes.any()
    assert residual.shape == y.shape
    assert not residual.any()


def test_only_the_block_that_is_wrong_is_sent() -> None:
    y = latents(height=6, width=6)
    predicted = y << FINE_BITS
    predicted[:, 4, 5] += 2 * STEP
    modes, residual = choose_modes(y << FINE_BITS, predicted, POLICY, 2)
    assert np.argwhere(modes).tolist() == [[2, 2]]
    assert modes[2, 2] == BlockMode.RESIDUAL
    assert residual[:, 4, 5].tolist() == [-2, -2, -2]
    assert np.count_nonzero(residual) == 3


def test_a_block_that_is_cheaper_anew_is_sent_anew() -> None:
    """It is nearly 0 now, and the prediction is far off."""
    y = latents(height=4, width=4)
    y[:, :2, :2] = 0
    y[0, 0, 0] = 1
    predicted = y << FINE_BITS
    predicted[:, :2, :2] = 30 * STEP
    modes, residual = choose_modes(y << FINE_BITS, predicted, POLICY, 2)
    assert modes.tolist() == [[BlockMode.INTRA, 0], [0, 0]]
    assert np.array_equal(residual[:, :2, :2], y[:, :2, :2])


@given(frames())
def test_what_is_sent_leads_to_the_latents(frame: tuple[Int32, Int32, int]) -> None:
    y, predicted, block = frame
    modes, residual = choose_modes(y << FINE_BITS, predicted, POLICY, block)
    assert modes.dtype == residual.dtype == np.int32
    assert set(np.unique(modes)) <= set(BlockMode)
    everywhere = of_latents(modes, y, block)
    assert not residual[everywhere == BlockMode.PREDICTED].any()
    is_intra, is_residual = everywhere == BlockMode.INTRA, everywhere == BlockMode.RESIDUAL
    assert np.array_equal(residual[is_intra], y[is_intra])
    left = (y << FINE_BITS) - predicted - (residual << FINE_BITS)
    assert np.abs(left[is_residual]).max(initial=0) <= POLICY.deadzone * STEP


@given(frames(), st.sampled_from([0.5, 0.625, 0.75, 1.0]))
def test_what_is_left_lies_in_the_dead_zone(frame: tuple[Int32, Int32, int], deadzone: float) -> None:
    y, predicted, block = frame
    modes, residual = choose_modes(y << FINE_BITS, predicted, VideoPolicy(deadzone=deadzone), block)
    is_residual = of_latents(modes, y, block) == BlockMode.RESIDUAL
    error = (y << FINE_BITS) - predicted
    left = error - (residual << FINE_BITS)
    assert np.abs(left[is_residual]).max(initial=0) <= deadzone * STEP
    assert not residual[is_residual & (np.abs(error) < deadzone * STEP)].any()


@given(frames())
def test_a_policy_that_minds_no_error_sends_nothing(frame: tuple[Int32, Int32, int]) -> None:
    y, predicted, block = frame
    modes, residual = choose_modes(y << FINE_BITS, predicted, VideoPolicy(latent_error=1e9), block)
    assert not modes.any()
    assert not residual.any()


@given(frames())
def test_inputs_are_left_as_they_were(frame: tuple[Int32, Int32, int]) -> None:
    y, predicted, block = frame
    before = y.copy(), predicted.copy()
    choose_modes(y << FINE_BITS, predicted, POLICY, block)
    assert np.array_equal(before[0], y)
    assert np.array_equal(before[1], predicted)
