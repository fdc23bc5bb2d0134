"""Clouds of `sensor_msgs/PointCloud2`: fields in any order, of any type, with any padding, in either byte order."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.common.signals import PointCloud
from isthmus.data.bag.headers import CloudMessage, PointField
from isthmus.data.bag.samples import Sample
from isthmus.data.pointcloud.files import MAX_POINTS, to_z_up
from isthmus.data.pointcloud.returns import without_zeros
from isthmus.data.pointcloud.shape import Up

KINDS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}

OPTICAL = ("_optical", "_optical_frame")
"""Of coordinates that look out of a camera, as REP 103 has it: x to the right, y down, z ahead."""


def read_cloud(sample: Sample, up: Up | None = None) -> PointCloud:
    """The cloud of a message, z up as robots have it.

    Args:
        sample: of type `sensor_msgs/PointCloud2`.
        up: the axis that points up, None for z; in the coordinates of a camera, minus y.

    Raises:
        InputError: another message, no points, or damaged.
    """
    message = CloudMessage.read(sample.recorded.data, sample.recorded.encoding)
    points = cloud_points(message)
    if up is None and message.stamp.frame.endswith(OPTICAL):
        points = np.stack((points[:, 2], -points[:, 0], -points[:, 1]), 1)
        note = f"in {message.stamp.frame}, coordinates of a camera, y was down and was turned up; --up says otherwise"
        return PointCloud.of(points, (note,))
    return PointCloud.of(to_z_up(points, up or "z"))


def cloud_points(message: CloudMessage) -> npt.NDArray[Any]:
    """Points ``[P, 3]``: float32 where x, y and z are that, float64 otherwise; NaN where a beam did not return.

    Args:
        message: as it came.

    Raises:
        InputError: fields without x, y and z, or a layout that the bytes do not have.
    """
    height, width, step = message.height, message.width, message.point_step
    axes = [_axis(message, name) for name in "xyz"]
    count = height * width
    if not 0 < count <= MAX_POINTS:
        raise InputError(f"expected 1 to {MAX_POINTS} points, got {height} x {width}")
    # A cloud of one row needs no row step, and drivers forget it.
    row_step = message.row_step if height > 1 else width * step
    least = (height - 1) * row_step + width * step
    if row_step < width * step or not least <= len(message.data) <= max(height * row_step, message.row_step):
        raise InputError(
            f"expected {height} rows of {width} points of {step} bytes, with a row step of {message.row_step}, got "
            f"{len(message.data)} bytes"
        )
    order = ">" if message.is_bigendian else "<"
    columns = [
        np.ndarray((height, width), order + KINDS[axis.datatype], message.data, axis.offset, (row_step, step))
        for axis in axes
    ]
    kind = np.float32 if all(axis.datatype == 7 for axis in axes) else np.float64
    points = np.stack([column.ravel().astype(kind) for column in columns], 1)
    return without_zeros(points) if height > 1 else points


def _axis(message: CloudMessage, name: str) -> PointField:
    found = [field for field in message.fields if field.name == name]
    if len(found) != 1:
        names = ", ".join(field.name for field in message.fields)[:80]
        raise InputError(f"expected fields x, y and z, each once, got {names or 'none'}")
    (field,) = found
    # Of old, a count of 0 meant one.
    if field.datatype not in KINDS or field.count > 1:
        raise InputError(
            f"expected field {name} of types 1 to 8 and a count of 1, got type {field.datatype}, count {field.count}"
        )
    if field.offset + int(KINDS[field.datatype][1:]) > message.point_step:
        raise InputError(f"expected field {name} within {message.point_step} bytes a point, got it at {field.offset}")
    return field
