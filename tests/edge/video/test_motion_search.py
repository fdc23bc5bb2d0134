"""Motion of known size is found, to the step of the codec, and said so that it is cheap to code."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from support.tiny_clips import UInt8, panning, texture, view, write_video

from isthmus.common.errors import InputError
from isthmus.common.video.manifest import VideoManifest
from isthmus.data.video.files import open_video
from isthmus.data.video.source import SourceFrame
from isthmus.edge.video.canvas import MAX_CELLS, MOST_CELLS_A_LATENT, CanvasShape
from isthmus.edge.video.motion_search import MotionSearch

MANIFEST = VideoManifest(
    name="video-test-q1",
    weights=(("edge.onnx", "0" * 64),),
    class_names=("a", "b"),
    stride=8,
    latent_channels=4,
    block_latents=2,
    motion_fraction_bits=3,
)


def luma_of(pixels: UInt8) -> UInt8:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


STEPS_PER_PIXEL = 1.0  # 2^3 steps a latent of 8 pixels

PICTURE = luma_of(texture(500, 700))


def seen(height: int, width: int, *, down: float = 0, right: float = 0, zoom: float = 1.0) -> UInt8:
    return view(PICTURE, height, width, down=50 + down, right=50 + right, zoom=zoom)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (120, 160), (240, 416), (233, 301)])
@pytest.mark.parametrize(("down", "right"), [(0, 0), (3, -5), (-7, 2)])
def test_a_pan(height: int, width: int, down: int, right: int) -> None:
    """What is seen now was seen at p + (down, right) before, when the camera had that much less far gone."""
    field = MotionSearch(MANIFEST).estimate(seen(height, width, down=down, right=right), seen(height, width))
    assert field.vectors.shape == (-(-height // 16), -(-width // 16), 2)
    off = np.abs(field.vectors - np.array((down, right)) * STEPS_PER_PIXEL)
    assert np.median(off) <= 0.5
    assert (off <= 1).mean() > 0.9
    assert not field.modes.any()
    assert np.count_nonzero(field.message()) <= 0.1 * field.vectors.size + 4


def test_a_zoom_is_smooth() -> None:
    height, width, zoom = 240, 416, 1.04
    now = seen(height, width, zoom=zoom, down=-0.02 * height, right=-0.02 * width)
    field = MotionSearch(MANIFEST).estimate(now, seen(height, width))
    rows, columns = (np.arange(n) * 16 + 8 for n in field.modes.shape)
    expected = np.stack(np.broadcast_arrays(0.04 * rows[:, None] - 0.02 * height, 0.04 * columns - 0.02 * width), -1)
    assert field.is_smooth
    assert np.abs(field.vectors - expected).mean() < 0.6


def test_two_things_that_move_apart() -> None:
    before, now = seen(128, 192), seen(128, 192, right=4)
    before[32:96, 64:128] = PICTURE[300:364, 300:364]
    now[32:96, 72:136] = PICTURE[300:364, 300:364]
    vectors = MotionSearch(MANIFEST).estimate(now, before).vectors
    assert np.median(vectors[3:5, 5:8], (0, 1)).tolist() == [0, -8]
    assert np.median(vectors[:, :3], (0, 1)).tolist() == [0, 4]


def test_noise_does_not_move() -> None:
    """Vectors cost bits: where nothing is gained there are none."""
    rng = np.random.default_rng(0)
    before = np.clip(128 + rng.normal(0, 2, (128, 192)), 0, 255).astype(np.uint8)
    now = np.clip(128 + rng.normal(0, 2, (128, 192)), 0, 255).astype(np.uint8)
    field = MotionSearch(MANIFEST).estimate(now, before)
    assert np.count_nonzero(field.message()) <= 4
    assert not MotionSearch(MANIFEST).estimate(before, before).vectors.any()


def test_dear_bits_make_plain_motion() -> None:
    now, before = seen(240, 416, zoom=1.05), seen(240, 416)
    counts = [
        np.count_nonzero(MotionSearch(MANIFEST, rate).estimate(now, before).message()) for rate in (0.0, 0.3, 9.0)
    ]
    assert counts[0] > counts[1] >= counts[2]


def test_the_same_again() -> None:
    now, before = seen(100, 140, zoom=1.03, right=3), seen(100, 140)
    first, again = (MotionSearch(MANIFEST).estimate(now, before) for _ in range(2))
    assert np.array_equal(first.message(), again.message())
    assert first.is_smooth == again.is_smooth


def test_warped_canvas_is_the_current_one() -> None:
    search = MotionSearch(MANIFEST)
    now, before = (search.canvas(luma) for luma in (seen(240, 416, down=4, right=-8), seen(240, 416)))
    shape = search.shape(240, 416)
    motion = search.search(now, before, shape)
    inside = (slice(4, -4), slice(4, -8))
    left = np.abs(now.astype(int) - motion.warped)[inside].mean()
    assert left < 0.15 * np.abs(now.astype(int) - before)[inside].mean()
    still = search.search(now, now, shape)
    assert np.array_equal(still.warped, now)


def test_vectors_of_the_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The vectors that x264 has found serve where no search is made."""
    search = MotionSearch(MANIFEST)
    path = write_video(tmp_path / "a.mp4", panning(6, height=96, width=144, step=4.0))
    with open_video(path, with_vectors=True) as video:
        frames: list[SourceFrame] = list(video)
    before, now = (search.canvas(luma_of(f.image.pixels)) for f in frames[3:5])
    monkeypatch.setattr(search, "_found", lambda *_: np.zeros((6, 9, 2), np.float32))
    field = search.search(now, before, search.shape(96, 144), frames[4].vectors).field
    assert np.median(field.vectors, (0, 1)).tolist() == [-2, 4]
    assert not search.search(now, before, search.shape(96, 144)).field.vectors.any()


def test_vectors_of_a_frame_that_is_resized(tmp_path: Path) -> None:
    manifest = replace_size(96, 96, 12, 12)
    search = MotionSearch(manifest)
    path = write_video(tmp_path / "a.mp4", panning(6, height=96, width=192, step=4.0))
    with open_video(path, with_vectors=True) as video:
        frames = list(video)
    vectors = frames[4].vectors
    assert vectors is not None
    cells = search._carried(vectors, search.shape(96, 96))
    assert np.median(cells, (0, 1)) == pytest.approx((-1, 1), abs=0.2)  # cells of two pixels


def replace_size(height: int, width: int, rows: int, columns: int) -> VideoManifest:
    fields = {name: getattr(MANIFEST, name) for name in ("weights", "class_names", "latent_channels")}
    return VideoManifest(
        name="video-fixed-q1",
        stride=8,
        block_latents=2,
        motion_fraction_bits=3,
        frame_height=height,
        frame_width=width,
        latent_height=rows,
        latent_width=columns,
        **fields,
    )


@pytest.mark.parametrize(("height", "width"), [(1, 1), (8, 200), (13, 17)])
def test_small_frames(height: int, width: int) -> None:
    field = MotionSearch(MANIFEST).estimate(seen(height, width, right=2), seen(height, width))
    assert field.modes.shape == (-(-height // 16), -(-width // 16))


@pytest.mark.parametrize("blocks", [(1, 1), (8, 13), (40, 70), (500, 900)])
@pytest.mark.parametrize("pixels", [1, 3, 8, 32, 48, 1024])
def test_canvases_are_bounded(blocks: tuple[int, int], pixels: int) -> None:
    shape = CanvasShape.of(*blocks, pixels, 2)
    assert 1 <= shape.block_cells <= min(pixels, 2 * MOST_CELLS_A_LATENT)
    assert shape.block_cells == 1 or shape.rows * shape.columns <= MAX_CELLS


def test_frames_of_two_sizes() -> None:
    with pytest.raises(InputError, match="frames of one size"):
        MotionSearch(MANIFEST).estimate(seen(64, 64), seen(64, 72))
