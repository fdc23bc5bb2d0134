"""Clips of one image under a moving camera."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from isthmus.common.errors import InputError
from isthmus.data.video.moving_images import (
    PAN_REACH,
    ROTATION_REACH,
    ClipMotion,
    camera_path,
    moving_clip,
)

pytest.importorskip("cv2", reason="OpenCV is not installed (extra `video`)")

STRAIGHT = ClipMotion(reach=math.inf)


def picture(height: int = 40, width: int = 60) -> np.ndarray:
    random = np.random.default_rng(5)
    return random.integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_a_still_camera_shows_the_image_itself() -> None:
    image = picture()
    clip = moving_clip(image, ClipMotion(), 3, seed=1)
    assert clip.shape == (3, *image.shape)
    assert clip.dtype == np.uint8
    assert all(np.array_equal(frame, image) for frame in clip)


def test_a_pan_by_whole_pixels_is_exact_where_the_image_reaches() -> None:
    image = picture(40, 60)
    motion = replace(STRAIGHT, pan=(1 / 40, -2 / 40))  # one down, two left a frame: the shorter side is 40
    clip = moving_clip(image, motion, 5, seed=9)
    for k, frame in enumerate(clip):
        assert np.array_equal(frame[: 40 - k, 2 * k :], image[k:, : 60 - 2 * k])


def test_beyond_the_border_the_image_is_reflected() -> None:
    image = picture(40, 60)
    frame = moving_clip(image, replace(STRAIGHT, pan=(0.0, 3 / 40)), 2, seed=0)[1]
    assert np.array_equal(frame[:, -3:], image[:, -4:-1][:, ::-1])


def test_the_last_frame_is_as_sharp_as_a_first_one_would_be() -> None:
    """Each frame is interpolated once: whole-pixel frames are exact whatever lay between."""
    image = picture(40, 60)
    clip = moving_clip(image, replace(STRAIGHT, pan=(0.0, 0.25 / 40)), 9, seed=0)
    assert np.array_equal(clip[8][:, :58], image[:, 2:])
    assert not np.array_equal(clip[7][:, :58], image[:, 2:])


@pytest.mark.parametrize(
    ("rates", "right_and_down", "seen"),
    [
        ({"zoom": math.log(2)}, (10, 0), (5, 0)),
        ({"rotation": 90.0}, (10, 0), (0, 10)),
        ({"shear": 45.0}, (0, 10), (10, 10)),
    ],
)
def test_zoom_rotation_and_shear_are_about_the_centre(
    rates: dict[str, float], right_and_down: tuple[int, int], seen: tuple[int, int]
) -> None:
    still, moved = camera_path(ClipMotion(reach=math.inf, **rates), 2, 41, 61, seed=0)  # type: ignore[arg-type]
    assert np.allclose(still, [[1, 0, 0], [0, 1, 0]])
    at_centre = moved @ np.array([30.0, 20.0, 1.0])
    assert np.allclose(at_centre, (30, 20))
    assert np.allclose(moved[:, :2] @ np.array(right_and_down), seen)


def test_the_path_is_bounded_and_no_faster_than_its_rate() -> None:
    motion = ClipMotion(pan=(0.02, 0.01), rotation=1.0)
    maps = camera_path(motion, 500, 100, 100, seed=3)
    centre = np.array([49.5, 49.5, 1.0])
    moved = maps @ centre - centre[:2]
    assert np.abs(moved).max() <= 100 * PAN_REACH + 1e-9
    assert np.abs(np.diff(moved[:, 1])).max() <= 2.0 + 1e-9
    assert np.abs(np.diff(moved[:, 0])).max() <= 1.0 + 1e-9
    degrees = np.degrees(np.arctan2(maps[:, 1, 0], maps[:, 0, 0]))
    assert 0.9 * ROTATION_REACH < np.abs(degrees).max() <= ROTATION_REACH + 1e-9


def test_the_same_seed_gives_the_same_clip_and_another_another() -> None:
    image, motion = picture(), ClipMotion.random(4)
    one, same, other = (moving_clip(image, motion, 4, seed) for seed in (7, 7, 8))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert ClipMotion.random(4) == motion
    assert ClipMotion.random(5) != motion


def test_random_motions_keep_to_their_ranges_and_some_are_occluded() -> None:
    motions = [ClipMotion.random(seed) for seed in range(200)]
    assert max(math.hypot(*m.pan) for m in motions) <= 0.02
    assert max(abs(m.rotation) for m in motions) <= 1.0
    occluded = [m.occluder for m in motions if m.occluder]
    assert 25 <= len(occluded) <= 80
    assert 0.15 <= min(occluded) <= max(occluded) <= 0.3


def test_brightness_scales_and_noise_has_its_deviation() -> None:
    image = np.full((50, 50, 3), 100, np.uint8)
    clip = moving_clip(image, replace(STRAIGHT, brightness=0.05), 3, seed=0)
    assert [int(frame[0, 0, 0]) for frame in clip] == [100, 105, 110]
    noisy = moving_clip(image, ClipMotion(noise=4.0), 2, seed=0).astype(np.float64)
    assert 3.8 < noisy[0].std() < 4.2
    assert not np.array_equal(noisy[0], noisy[1])


def test_an_occluder_covers_a_square_that_moves() -> None:
    image = np.full((50, 100, 3), 90, np.uint8)
    clip = moving_clip(image, ClipMotion(occluder=0.2), 60, seed=2)
    covered = (clip.astype(int) != 90).any(3)
    shares = covered.mean((1, 2))
    assert 0 < shares.max() <= (12 * 12) / (50 * 100)
    seen = [k for k in range(60) if covered[k].any()]
    columns = [float(np.flatnonzero(covered[k].any(0)).mean()) for k in seen]
    assert max(columns) - min(columns) > 40


@pytest.mark.parametrize(
    "bad", [{"noise": -1.0}, {"occluder": 1.5}, {"reach": 0.0}, {"zoom": math.nan}, {"pan": (math.inf, 0.0)}]
)
def test_impossible_motions_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(InputError, match="clip motion"):
        ClipMotion(**bad)  # type: ignore[arg-type]


def test_impossible_clips_are_refused() -> None:
    with pytest.raises(InputError, match="uint8"):
        moving_clip(picture()[:, :, :2], ClipMotion(), 2, 0)
    with pytest.raises(InputError, match="frames"):
        moving_clip(picture(), ClipMotion(), 0, 0)
