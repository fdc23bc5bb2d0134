"""Small moving pictures, and video files of them; for tests of whatever takes in video."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.stream import VideoStream

UInt8 = npt.NDArray[np.uint8]


def texture(height: int, width: int, seed: int = 0) -> UInt8:
    """Noise of all sizes, as in a photograph, uint8 [height, width, 3]."""
    rng = np.random.default_rng(seed)
    planes = np.zeros((height, width, 4), np.float32)
    for cell in (4, 8, 16, 32, 64):
        coarse = rng.standard_normal((height // cell + 2, width // cell + 2, 4)).astype(np.float32)
        planes += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * cell**0.9
    colours = planes[..., :1] + 0.5 * planes[..., 1:]
    return np.clip(128 + 0.8 * colours, 0, 255).astype(np.uint8)


def view(picture: UInt8, height: int, width: int, *, down: float, right: float, zoom: float = 1.0) -> UInt8:
    """A window into a picture: pixel p shows the picture at zoom * p + (down, right)."""
    moved = np.array([[zoom, 0, right], [0, zoom, down]], np.float32)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    seen: UInt8 = np.asarray(cv2.warpAffine(picture, moved, (width, height), flags=flags), np.uint8)
    return seen


def panning(count: int = 12, height: int = 64, width: int = 96, *, step: float = 2.0, seed: int = 0) -> list[UInt8]:
    """A camera that moves over a texture, `step` pixels to the right and half as many up, a frame."""
    picture = texture(height + 80, width + 80 + int(step * count), seed)
    return [view(picture, height, width, down=40 - step / 2 * i, right=40 + step * i) for i in range(count)]


def write_video(
    path: Path, frames: list[UInt8], *, codec: str = "libx264", fps: int = 25, rotation: float = 0.0, b_frames: int = 0
) -> Path:
    """Write a video, what describes it at its front; the container goes by the name."""
    options = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=options) as container:
        stream: VideoStream = container.add_stream(codec, rate=fps)  # type: ignore[assignment]
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        stream.max_b_frames = b_frames
        stream.gop_size = len(frames)
        if rotation:
            stream.set_display_rotation(rotation)
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode(None))
    return path


def damage(path: Path) -> Path:
    """Overwrite the third quarter of a file with noise."""
    data = bytearray(path.read_bytes())
    start, size = len(data) // 2, len(data) // 4
    data[start : start + size] = np.random.default_rng(0).bytes(size)
    path.write_bytes(data)
    return path
