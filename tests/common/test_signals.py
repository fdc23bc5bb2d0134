"""isthmus.common.signals"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.common.errors import InputError
from isthmus.common.signals import MAX_COORDINATE, MAX_PIXELS, MAX_SIDE, Image, PointCloud, VideoFrame


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.uint16, np.int64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_any_real_array_becomes_a_contiguous_float32_copy(dtype: npt.DTypeLike, order: Literal["C", "F"]) -> None:
    given_points = np.array([[1, 2, 3], [4, 5, 6]], dtype=dtype, order=order)
    cloud = PointCloud(given_points)
    assert cloud.points.dtype == np.float32
    assert cloud.points.flags.c_contiguous
    assert cloud.points.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert len(cloud) == 2


def test_what_is_given_can_change_and_the_cloud_does_not() -> None:
    given_points = np.zeros((4, 3), np.float32)
    cloud = PointCloud(given_points)
    given_points[:] = 1
    assert not cloud.points.any()
    with pytest.raises(ValueError, match="read-only"):
        cloud.points[0, 0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        cloud.points = given_points  # type: ignore[misc]
    with pytest.raises((AttributeError, TypeError)):
        cloud.other = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.zeros((0, 3)), "at least one point, got none"),
        (np.zeros(3), r"\[points, 3\], got shape \[3\]"),
        (np.zeros((5, 4)), r"got shape \[5, 4\]; take the columns x y z: points\[:, :3\]"),
        (np.zeros((3, 2048)), r"got shape \[3, 2048\]; transpose it: points.T"),
        (np.zeros((2, 5, 3)), r"got shape \[2, 5, 3\]; one cloud at a time"),
        ([[1, 2, 3], [4, 5]], "different lengths"),
        (np.zeros((2, 3), np.complex64), "got elements of type complex64"),
        (np.array([["a", "b", "c"]]), "got elements of type <U1"),
        (np.array([[None, 1, 2]]), "got elements of type object"),
        (np.zeros((2, 3), bool), "got elements of type bool"),
        (np.array([[0, 0, 0], [0, np.nan, 0]]), "got nan in point 1, column y; PointCloud.of leaves such"),
        (np.array([[0, 0, -np.inf]]), "got -inf in point 0, column z"),
        (np.array([[1e300, 0, 0]]), "got 1e[+]300 in point 0, column x"),
        (np.array([[2 * MAX_COORDINATE, 0, 0]]), "got 2e[+]15 in point 0, column x|got 2000000000000000.0"),
    ],
)
def test_each_malformation_is_refused_with_what_and_where(points: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        PointCloud(points)


@given(st.lists(st.tuples(*[st.floats(-999999986991104.0, 999999986991104.0, width=32)] * 3), min_size=1, max_size=20))
def test_finite_points_come_back_bit_for_bit(rows: list[tuple[float, float, float]]) -> None:
    expected = np.array(rows, np.float32)
    assert PointCloud(expected).points.tobytes() == expected.tobytes()


SHAPE: Any = np.random.default_rng(0).normal(size=(500, 3)) * [0.5, 0.4, 1.0]


@pytest.mark.parametrize(
    ("place", "unit"),
    [
        ((500_000.0, 5_400_000.0, 300.0), 1.0),
        ((4.1e6, 8e5, 4.8e6), 1.0),
        ((5e8, 5.4e9, 3e5), 1000.0),
        ((1e14, 0, 0), 1.0),
    ],
    ids=["UTM", "ECEF", "UTM in millimetres", "at the limit"],
)
def test_a_cloud_far_from_the_origin_keeps_its_shape(place: tuple[float, float, float], unit: float) -> None:
    given_points = SHAPE * unit + place
    cloud = PointCloud(given_points)
    np.testing.assert_array_equal(cloud.points, (given_points - cloud.origin).astype(np.float32))
    assert len(np.unique(cloud.points[:, 0])) == len(np.unique(given_points[:, 0]))
    assert np.abs(cloud.points).max() < 10 * unit
    assert dataclasses.replace(cloud, points=cloud.points[:7]).origin == cloud.origin


def test_long_integers_far_from_the_origin_keep_their_shape() -> None:
    given_points: Any = np.rint(SHAPE * 1000).astype(np.int64) + np.array([500_000_000, 5_400_000_000, 300_000])
    cloud = PointCloud(given_points)
    np.testing.assert_array_equal(cloud.points + cloud.origin, given_points)


@pytest.mark.parametrize("shift", [0.0, 1.0, 30.0])
def test_clouds_near_the_origin_are_cast_as_they_lie(shift: float) -> None:
    cloud = PointCloud(SHAPE + shift)
    assert cloud.origin == (0, 0, 0)
    np.testing.assert_array_equal(cloud.points, (SHAPE + shift).astype(np.float32))


def test_what_float32_holds_is_not_moved() -> None:
    given_points = (SHAPE + 5e5).astype(np.float32)
    for kind in (np.float32, np.float64):
        assert PointCloud(given_points.astype(kind)).points.tobytes() == given_points.tobytes()


def test_beams_without_a_return_are_left_out_and_counted() -> None:
    given_points = np.array([[0, 1, 2], [np.nan, 1, 2], [3, 4, 5], [0, np.inf, 0], [0, 0, -np.inf]])
    cloud = PointCloud.of(given_points)
    assert cloud.points.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert cloud.left_out_count == 3
    assert cloud.notes == ("3 of 5 points without a finite place (NaN or infinite) left out",)
    assert PointCloud.of(given_points[::2][:2]).notes == ()
    assert PointCloud.of(np.array([[1, 2, 3]])).left_out_count == 0
    with pytest.raises(InputError, match="expected points, got 2 without a finite place"):
        PointCloud.of(given_points[3:])


def test_an_image_is_a_contiguous_copy_that_does_not_change() -> None:
    given_pixels = np.asfortranarray(np.arange(24, dtype=np.uint8).reshape(2, 4, 3))
    image = Image(given_pixels)
    given_pixels[:] = 0
    assert (image.height, image.width) == (2, 4)
    assert image.pixels.ravel().tolist() == list(range(24))
    assert image.pixels.flags.c_contiguous
    with pytest.raises(ValueError, match="read-only"):
        image.pixels[0, 0, 0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        image.pixels = given_pixels  # type: ignore[misc]


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((2, 2), np.uint8),
        np.zeros((2, 2, 4), np.uint8),
        np.zeros((1, 2, 2, 3), np.uint8),
        np.zeros((2, 2, 3), np.float32),
        np.zeros((2, 2, 3), np.int8),
        [[1, 2, 3]],
    ],
)
def test_what_is_no_image_is_refused(pixels: Any) -> None:
    with pytest.raises(InputError, match=r"image: expected uint8 pixels \[height, width, 3\], got"):
        Image(pixels)


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (MAX_SIDE + 1, 1), (1, MAX_SIDE + 1), (8193, 8192)])
def test_images_of_sizes_that_no_codec_takes_are_refused(size: tuple[int, int]) -> None:
    pixels = np.broadcast_to(np.zeros(3, np.uint8), (*size, 3))
    with pytest.raises(InputError, match=f"at most, got {size[0]} x {size[1]}"):
        Image(pixels)
    assert MAX_SIDE == 65_535
    assert MAX_PIXELS == 8192 * 8192


def test_frames_of_a_video_count_from_zero() -> None:
    image = Image(np.zeros((2, 3, 3), np.uint8))
    assert VideoFrame(image, 0).image is image
    with pytest.raises(InputError, match="expected an index from 0 on, got -1"):
        VideoFrame(image, -1)
