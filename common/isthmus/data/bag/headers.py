"""The three messages of `sensor_msgs` that hold clouds and pictures, as values.

Their definitions have been the same since 2010, in ROS 1 and ROS 2, but for the number that ROS 1's header begins with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from isthmus.common.errors import InputError
from isthmus.data.bag.fields import ROS1, Fields

MAX_FIELDS = 1000
NS_PER_S = 10**9


@dataclass(frozen=True, slots=True)
class Stamp:
    """The header of a message.

    Attributes:
        stamp_ns: when what it holds was sensed, from the epoch on; 0 where nobody said.
        frame: the coordinates that it is in: "lidar".
    """

    stamp_ns: int
    frame: str

    @classmethod
    def read(cls, fields: Fields) -> Stamp:
        """From the beginning of a message."""
        if fields.encoding == ROS1:
            fields.whole("a header's sequence")
        seconds = fields.whole("a header's seconds") if fields.encoding == ROS1 else fields.signed("a header's seconds")
        return cls(seconds * NS_PER_S + fields.whole("a header's nanoseconds"), fields.text("a frame's name"))


@dataclass(frozen=True, slots=True)
class PointField:
    """One number of each point: its place in bytes, its type as `PointCloud2` counts them, and how many there are."""

    name: str
    offset: int
    datatype: int
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class CloudMessage:
    """`sensor_msgs/PointCloud2`."""

    TYPE: ClassVar[str] = "sensor_msgs/PointCloud2"
    stamp: Stamp
    height: int
    width: int
    fields: tuple[PointField, ...]
    is_bigendian: bool
    point_step: int
    row_step: int
    data: memoryview

    @classmethod
    def read(cls, data: bytes, encoding: str) -> CloudMessage:
        """From bytes. InputError where they are none such."""
        fields = Fields(data, encoding)
        stamp = Stamp.read(fields)
        height, width = fields.whole("a height"), fields.whole("a width")
        count = fields.whole("a number of fields")
        if count > MAX_FIELDS:
            raise InputError(f"expected at most {MAX_FIELDS} fields a point, got {count}")
        points = [
            PointField(
                fields.text("a field"), fields.whole("an offset"), fields.byte("a type"), fields.whole("a count")
            )
            for _ in range(count)
        ]
        is_bigendian = bool(fields.byte("a byte order"))
        steps = fields.whole("a point's step"), fields.whole("a row's step")
        found = cls(stamp, height, width, tuple(points), is_bigendian, *steps, fields.array("points"))
        fields.byte("whether all points are finite")  # looked at instead
        fields.finish("a cloud")
        return found


@dataclass(frozen=True, slots=True, eq=False)
class ImageMessage:
    """`sensor_msgs/Image`."""

    TYPE: ClassVar[str] = "sensor_msgs/Image"
    stamp: Stamp
    height: int
    width: int
    encoding: str
    is_bigendian: bool
    step: int
    data: memoryview

    @classmethod
    def read(cls, data: bytes, encoding: str) -> ImageMessage:
        """From bytes. InputError where they are none such."""
        fields = Fields(data, encoding)
        stamp = Stamp.read(fields)
        size = fields.whole("a height"), fields.whole("a width")
        name, is_bigendian = fields.text("an encoding"), bool(fields.byte("a byte order"))
        found = cls(stamp, *size, name, is_bigendian, fields.whole("a step"), fields.array("pixels"))
        fields.finish("an image")
        return found


@dataclass(frozen=True, slots=True, eq=False)
class CompressedMessage:
    """`sensor_msgs/CompressedImage`."""

    TYPE: ClassVar[str] = "sensor_msgs/CompressedImage"
    stamp: Stamp
    format: str
    data: memoryview

    @classmethod
    def read(cls, data: bytes, encoding: str) -> CompressedMessage:
        """From bytes. InputError where they are none such."""
        fields = Fields(data, encoding)
        found = cls(Stamp.read(fields), fields.text("a format"), fields.array("a compressed image"))
        fields.finish("a compressed image")
        return found
