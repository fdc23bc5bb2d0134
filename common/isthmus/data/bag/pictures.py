"""Pictures of `sensor_msgs/Image` and `sensor_msgs/CompressedImage`, as cv_bridge and RViz show them.

An image says by its encoding what its bytes are. Grey and colours of 8 and 16 bits, Bayer patterns and packed YUV 4:2:2
are read; what is a measurement and no picture (depth, floats) is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.common.signals import MAX_PIXELS, MAX_SIDE, Image
from isthmus.data.bag.bayer import PATTERNS, demosaiced
from isthmus.data.bag.headers import CompressedMessage, ImageMessage
from isthmus.data.bag.samples import Sample
from isthmus.data.bag.yuv import ORDERS, from_yuv422
from isthmus.data.image.files import read_image

UInt8 = npt.NDArray[np.uint8]
Samples = npt.NDArray[Any]
"""uint8 or uint16."""

COLOURS = {"rgb": (0, 1, 2), "bgr": (2, 1, 0), "rgba": (0, 1, 2), "bgra": (2, 1, 0), "mono": (0, 0, 0)}
"""Which samples are red, green and blue."""
CHANNELS = {"rgb": 3, "bgr": 3, "rgba": 4, "bgra": 4, "mono": 1}
OPENCV = {"8UC1": "mono8", "8UC3": "bgr8", "8UC4": "bgra8"}
"""What does not name its colours, as OpenCV orders them."""
DEPTH = ("16UC1", "16SC1", "32FC1", "64FC1", "32SC1")
COMPRESSED_DEPTH = "compresseddepth"
DIM_LEVEL = 1 << 14
"""Levels of 16 bits below it are those of a sensor of fewer bits, perhaps."""
MOST_SHOWN = 40  # characters of an encoding


def read_picture(sample: Sample) -> Image:
    """The picture of a message, 8-bit sRGB.

    Args:
        sample: of type `sensor_msgs/Image` or `sensor_msgs/CompressedImage`.

    Raises:
        InputError: another message, no picture, or damaged.
        MissingDependencyError: a compressed image whose reader is not installed.
    """
    data, encoding = sample.recorded.data, sample.recorded.encoding
    if sample.topic.type == CompressedMessage.TYPE:
        return _compressed(CompressedMessage.read(data, encoding))
    return shown(ImageMessage.read(data, encoding))


def shown(message: ImageMessage) -> Image:
    """The pixels of a message.

    Raises:
        InputError: an encoding that is no picture, or a size that is not that of its bytes.
    """
    given = message.encoding
    name = OPENCV.get(given, given)
    if given in DEPTH:
        raise InputError(f"expected a picture, got encoding {given}: depth or another measurement, not light")
    kind = name.rstrip("0123456789")
    bits = name[len(kind) :]
    if name in ORDERS:
        return Image(from_yuv422(_samples(message, 2, 1), ORDERS[name]))
    if (kind not in COLOURS and kind not in PATTERNS) or bits not in ("8", "16"):
        raise InputError(
            f"expected an encoding of {', '.join(COLOURS)} of 8 or 16 bits, a bayer_ pattern of these, or "
            f"{', '.join(ORDERS)}, got {given[:MOST_SHOWN]!r}"
        )
    samples = _samples(message, CHANNELS.get(kind, 1), int(bits) // 8)
    notes = []
    if name != given:
        notes.append(f"encoding {given} does not say its colours: taken as {name}, as OpenCV has it")
    if CHANNELS.get(kind) == 4 and (samples[..., 3] != np.iinfo(samples.dtype).max).any():
        notes.append("its alpha was passed over, as cv_bridge does")
    if bits == "16" and 0 < (most := int(samples.max())) < DIM_LEVEL:
        notes.append(f"its lightest level is {most} of 65535: a sensor of fewer bits, perhaps")
    if kind in PATTERNS:
        return Image(_eight_bits(demosaiced(samples[..., 0], PATTERNS[kind])), tuple(notes))
    return Image(_eight_bits(samples[..., list(COLOURS[kind])]), tuple(notes))


def _samples(message: ImageMessage, channels: int, size: int) -> Samples:
    """Samples ``[height, width, channels]`` of so many bytes each, without the padding of rows."""
    height, width, step = message.height, message.width, message.step
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE and height * width <= MAX_PIXELS):
        raise InputError(f"expected sides of 1 to {MAX_SIDE} and at most {MAX_PIXELS} pixels, got {height} x {width}")
    row = width * channels * size
    if step < row or not (height - 1) * step + row <= len(message.data) <= height * step:
        raise InputError(
            f"expected {height} rows of {row} bytes or more, as {message.encoding[:MOST_SHOWN]} of {width} columns, "
            f"got a step of {step} and {len(message.data)} bytes"
        )
    kind = f"{'>' if message.is_bigendian else '<'}u{size}"
    found: Samples = np.ndarray((height, width, channels), kind, message.data, 0, (step, channels * size, size))
    return found.astype(np.uint8 if size == 1 else np.uint16, copy=False)


def _eight_bits(samples: Samples) -> UInt8:
    if samples.dtype == np.uint8:
        return samples
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _compressed(message: CompressedMessage) -> Image:
    """JPEG, PNG, or what else `isthmus.data.image` reads; by content, as the format is a text that anyone may write."""
    first, _, rest = message.format.partition(";")
    shown_format = repr(message.format[:MOST_SHOWN])
    if COMPRESSED_DEPTH in rest.replace(" ", "").lower() or first.strip() in DEPTH:
        raise InputError(f"expected a picture, got format {shown_format}: depth, not levels of light")
    try:
        return read_image(bytes(message.data))
    except (InputError, MissingDependencyError) as error:
        raise type(error)(f"format {shown_format}: {error}") from error
