"""Several tensors of latents as one: laid and taken, predicted each by its own stride, coded and read back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.golden_videos import golden_video_coder

from isthmus.common.errors import InputError, ManifestError
from isthmus.common.video.coder import VideoCoder
from isthmus.common.video.decoder import VideoDecoder
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.motion_field import MotionField, phases
from isthmus.common.video.plane_tables import PlaneTables
from isthmus.common.video.planes import Plane, planes_laid, planes_taken
from isthmus.common.video.prediction import moved
from isthmus.common.video.state import LatentState
from isthmus.common.video.warp import warp


def plane(channels: int, halvings: int, height: int = 0, width: int = 0) -> Plane:
    return Plane(channels, halvings, height, width, 2 << halvings, -20, 20, 3)


def fixed_coder() -> VideoCoder:
    """`golden-planes` for frames of one size, whose finer plane is a row and a column short of twice the coarser."""
    coder = golden_video_coder("golden-planes")
    manifest = replace(
        coder.manifest,
        plane_shapes=((2, 0, 3, 4), (1, 1, 5, 7)),
        frame_height=24,
        frame_width=32,
        latent_height=3,
        latent_width=4,
    )
    return VideoCoder(manifest, coder.tables)


@given(st.integers(1, 3), st.integers(0, 2), st.integers(1, 3), st.integers(1, 4), st.data())
def test_latents_are_where_the_page_says(
    channels: int, halvings: int, height: int, width: int, data: st.DataObject
) -> None:
    side = 1 << halvings
    rows = data.draw(st.integers((height - 1) * side + 1, height * side))
    columns = data.draw(st.integers((width - 1) * side + 1, width * side))
    one = plane(channels, halvings, rows, columns)
    values = np.arange(1, channels * rows * columns + 1, dtype=np.int32).reshape(channels, rows, columns)
    laid = one.laid(values)
    assert laid.shape == (one.laid_channels, height, width)
    for c, i, j in np.ndindex(*values.shape):
        at = ((i % side) * side + j % side) * channels + c, i // side, j // side
        assert laid[at] == values[c, i, j]
    assert np.count_nonzero(laid) == values.size  # the rest is 0
    np.testing.assert_array_equal(one.taken(laid), values)
    assert one.sides(height, width) == (rows, columns)


def test_planes_lie_one_after_another() -> None:
    planes = (plane(2, 0), plane(1, 1))
    values = [np.full((2, 2, 3), 7, np.int32), np.arange(24, dtype=np.int32).reshape(1, 4, 6)]
    laid = planes_laid(planes, values)
    assert laid.shape == (6, 2, 3)
    for got, expected in zip(planes_taken(planes, laid), values, strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("is_smooth", [False, True])
def test_each_plane_moves_by_as_many_pixels(is_smooth: bool) -> None:
    """A plane of half the stride is warped by twice the latents: worked out for each plane by itself."""
    coder = golden_video_coder("golden-planes")
    rng = np.random.default_rng(3)
    planes = coder.manifest.planes
    values = [rng.integers(-200, 200, (2, 4, 6)).astype(np.int32), rng.integers(-200, 200, (1, 8, 12)).astype(np.int32)]
    vectors = rng.integers(-9, 9, (2, 3, 2)).astype(np.int32)
    field = MotionField(np.array([[0, 2, 1], [0, 0, 1]], np.int32), vectors, is_smooth)
    state = planes_laid(planes, values)
    found = planes_taken(planes, moved(coder.manifest, state, field))
    low, high = 16 * coder.manifest.symbol_min, 16 * coder.manifest.symbol_max
    for k, (got, before) in enumerate(zip(found, values, strict=True)):
        doubled = MotionField(field.modes, vectors << k, is_smooth)
        _, rows, columns = before.shape
        at = phases(doubled, rows, columns, 2 << k, coder.manifest.motion_fraction_bits)
        np.testing.assert_array_equal(got, warp(before, at, low, high))
    with_modes = planes_taken(planes, coder.predict(LatentState(state, 0), field))
    for k, (got, whole) in enumerate(zip(with_modes, found, strict=True)):
        is_intra = np.zeros(whole.shape[1:], bool)
        is_intra[: 2 << k, 2 << k : 4 << k] = True
        assert not got[:, is_intra].any()
        np.testing.assert_array_equal(got[:, ~is_intra], whole[:, ~is_intra])


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_streams_are_read_as_they_were_written(seed: int, is_fixed: bool) -> None:
    coder = fixed_coder() if is_fixed else golden_video_coder("golden-planes")
    rng = np.random.default_rng(seed)
    decoder, planes = VideoDecoder(coder), coder.manifest.planes
    sides = [p.sides(3, 4) for p in planes]

    def drawn(scale: float) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
        values = [
            np.rint(rng.laplace(0, scale, (p.latent_channels, *s))).astype(np.int32)
            for p, s in zip(planes, sides, strict=True)
        ]
        return planes_laid(planes, values)

    key = coder.encode_latents(drawn(60), 1, 24)
    got = decoder.decode(key.packet.to_bytes())
    np.testing.assert_array_equal(got.state.values, key.state.values)
    state = key.state
    for serial in (2, 3, 4):
        modes = rng.integers(0, 3, coder.block_grid(3, 4)).astype(np.int32)
        field = MotionField(modes, rng.integers(-6, 6, (*modes.shape, 2)).astype(np.int32), bool(rng.integers(2)))
        residual = drawn(1) * (modes.repeat(2, 0)[:3].repeat(2, 1)[:, :4] > 0)
        used = residual.astype(np.int32) if modes.any() else ()
        coded = coder.encode_predicted(state, field, used, serial, 30 if modes.any() else 0)
        got = decoder.decode(coded.packet.to_bytes())
        np.testing.assert_array_equal(got.state.values, coded.state.values)
        if is_fixed:  # what lies beyond a plane's grid stays 0
            apart = planes_laid(planes, planes_taken(planes, got.state.values))
            np.testing.assert_array_equal(apart, got.state.values)
        state = coded.state


def test_what_would_not_be_sent_is_refused() -> None:
    coder = fixed_coder()
    y = np.zeros((6, 3, 4), np.int32)
    y[5, 2, 3] = 1  # beyond the last row and column of the finer plane
    with pytest.raises(InputError, match="expected 0 at places beyond the grid"):
        coder.encode_intra(y, 0, 32)


def test_tables_of_other_planes_are_refused() -> None:
    coder, tiles = golden_video_coder("golden-planes"), golden_video_coder("golden-tiles")
    assert isinstance(coder.tables, PlaneTables)
    with pytest.raises(ManifestError, match="expected tables of 2, 1 channels, got 2"):
        VideoCoder(coder.manifest, tiles.tables)
    with pytest.raises(ManifestError, match="expected tables of 2 channels, got 2, 1"):
        VideoCoder(tiles.manifest, coder.tables)
    with pytest.raises(InputError, match="all with the same motion"):
        PlaneTables((coder.tables.planes[0], replace(coder.tables.planes[1], motion=tiles.tables.motion)))


def test_numbers_of_one_task_alone() -> None:
    manifest = golden_video_coder("golden-planes").manifest
    for task in ("embedding", "tensors"):
        assert replace(manifest, tasks=(task,), class_names=()).classes == ()
    named: VideoManifest = replace(manifest, tasks=("detection",))
    assert named.task.asked_as == "detect"
