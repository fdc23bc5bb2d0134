"""Frames as large as a network takes them: resized, or filled up to whole strides. Implements BITSTREAM.md §6.1, §8.4.

Edge, calibration and measure must do this alike. Filters of one name are not: OpenCV's bilinear takes four pixels
wherever it shrinks, and is 23 dB away from the one here on a photograph of 512 pixels made 64.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import PIL.Image

from isthmus.common.video.manifest import VideoManifest

UInt8 = npt.NDArray[np.uint8]


def fitted(manifest: VideoManifest, frame: UInt8) -> UInt8:
    """A frame uint8 `[height, width, 3]` as the network of a codec takes it: resized to the codec's size, or padded."""
    if manifest.frame_height:
        return resized(frame, manifest.frame_height, manifest.frame_width)
    return padded(frame, manifest.stride)


def resized(frame: UInt8, height: int, width: int) -> UInt8:
    """A frame uint8 `[h, w, 3]` as `[height, width, 3]`, bilinear over all pixels that each is made of."""
    if frame.shape[:2] == (height, width):
        return frame
    return np.asarray(PIL.Image.fromarray(frame).resize((width, height), PIL.Image.Resampling.BILINEAR), np.uint8)


def padded(frame: UInt8, stride: int) -> UInt8:
    """A frame uint8 `[h, w, 3]` grown at the bottom and right to multiples of the stride."""
    height, width = frame.shape[:2]
    return grown(frame, height + -height % stride, width + -width % stride)


def grown(frame: UInt8, height: int, width: int) -> UInt8:
    """A frame uint8 `[h, w, 3]` with its last row and column repeated up to `[height, width, 3]`, neither smaller."""
    rows, columns = frame.shape[:2]
    if (rows, columns) == (height, width):
        return frame
    made = np.empty((height, width, *frame.shape[2:]), np.uint8)
    made[:rows, :columns] = frame
    made[:rows, columns:] = frame[:, -1:]
    made[rows:] = made[rows - 1]
    return made
