"""Bags as others write them: messages serialised by rosbags, files written by `mcap`, by rosbags, and by SQLite itself.

None of it is code of the project's readers.
"""
# ruff: noqa: E402  (tests of bags are skipped, with a word, where what writes them is not installed)

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest

for package in ("mcap", "rosbags.rosbag2", "lz4", "zstandard"):
    pytest.importorskip(package, reason=f"{package} is of what writes bags: pip install 'isthmus[dev]'")

import lz4.frame
import zstandard
from mcap.writer import CompressionType, IndexType
from mcap.writer import Writer as McapWriter
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
from rosbags.rosbag2 import Writer as Ros2Writer
from rosbags.typesys import Stores, get_typestore

Array = npt.NDArray[Any]

CLOUD, IMAGE, COMPRESSED = (f"sensor_msgs/msg/{name}" for name in ("PointCloud2", "Image", "CompressedImage"))
IMU = "sensor_msgs/msg/Temperature"
START_NS = 1_700_000_000_123_456_789
STEP_NS = 100_000_000
STAMP = (1_699_999_999, 987_654_321)
STAMP_NS = STAMP[0] * 10**9 + STAMP[1]

DATATYPES = {"i1": 1, "u1": 2, "i2": 3, "u2": 4, "i4": 5, "u4": 6, "f4": 7, "f8": 8}


@cache
def ros2() -> Any:
    return get_typestore(Stores.ROS2_HUMBLE)


@cache
def ros1() -> Any:
    return get_typestore(Stores.ROS1_NOETIC)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message on its way into a bag."""

    topic: str
    type: str
    values: dict[str, Any]
    frame: str = "lidar"

    def made(self, store: Any) -> Any:
        types = store.types
        more = {"seq": 7} if store is ros1() else {}
        stamp = types["builtin_interfaces/msg/Time"](*STAMP)
        header = types["std_msgs/msg/Header"](stamp=stamp, frame_id=self.frame, **more)
        values = dict(self.values)
        if "fields" in values:
            values["fields"] = [types["sensor_msgs/msg/PointField"](*f) for f in values["fields"]]
        return types[self.type](header=header, **values)

    def cdr(self, *, is_little: bool = True) -> bytes:
        return bytes(ros2().serialize_cdr(self.made(ros2()), self.type, little_endian=is_little))

    def ros1(self) -> bytes:
        return bytes(ros1().serialize_ros1(self.made(ros1()), self.type))


def cloud(points: Array, topic: str = "/lidar", frame: str = "lidar", **layout: Any) -> Sent:
    """Points [P, 3], or organised [height, width, 3], as a sensor lays them out.

    `layout`: kinds (of x, y, z), order (names of the fields, others than these are padding of four bytes), row_padding
    and padding behind a point in bytes, is_big.
    """
    order = layout.get("order", ("x", "y", "z"))
    kinds = layout.get("kinds", ("f4", "f4", "f4"))
    mark = ">" if layout.get("is_big") else "<"
    table = points if points.ndim == 3 else points[None]
    height, width, _ = table.shape
    fields, offset = [], 0
    for name in order:
        kind = kinds["xyz".index(name)] if name in ("x", "y", "z") else "f4"
        fields.append((name, offset, DATATYPES[kind], 1))
        offset += int(kind[1:])
    step = offset + layout.get("padding", 0)
    row_step = width * step + layout.get("row_padding", 0)
    data = np.full((height, row_step), 0xA5, np.uint8)
    for name, at, _, _ in fields:
        if name not in ("x", "y", "z"):
            continue
        place = "xyz".index(name)
        raw = np.ascontiguousarray(table[..., place].astype(mark + kinds[place])).view(np.uint8)
        size = int(kinds[place][1:])
        for column in range(width):
            data[:, column * step + at : column * step + at + size] = raw[:, column * size : (column + 1) * size]
    values = {
        "height": height,
        "width": width,
        "fields": fields,
        "is_bigendian": bool(layout.get("is_big")),
        "point_step": step,
        "row_step": row_step,
        "data": data.ravel(),
        "is_dense": False,
    }
    return Sent(topic, CLOUD, values | layout.get("said", {}), frame)


def image(samples: Array, encoding: str, topic: str = "/camera", *, padding: int = 0, is_big: bool = False) -> Sent:
    """Samples [height, width, ...] with so many bytes of padding a row."""
    mark: Literal[">", "<"] = ">" if is_big else "<"
    height, width = samples.shape[:2]
    rows = np.ascontiguousarray(samples.astype(samples.dtype.newbyteorder(mark))).view(np.uint8).reshape(height, -1)
    data = np.concatenate([rows, np.full((height, padding), 0xA5, np.uint8)], 1)
    values = {"height": height, "width": width, "encoding": encoding, "is_bigendian": int(is_big)}
    return Sent(topic, IMAGE, values | {"step": data.shape[1], "data": data.ravel()}, "camera")


def compressed(data: bytes, format_name: str, topic: str = "/camera/compressed") -> Sent:
    return Sent(topic, COMPRESSED, {"format": format_name, "data": np.frombuffer(data, np.uint8)}, "camera")


def temperature(topic: str = "/temperature") -> Sent:
    """A message that nobody here reads."""
    return Sent(topic, IMU, {"temperature": 21.5, "variance": 0.0})


def mcap_bytes(
    sent: list[Sent],
    compression: str = "",
    *,
    chunk_bytes: int = 1 << 20,
    is_chunked: bool = True,
    has_summary: bool = True,
    is_little: bool = True,
    has_definitions: bool = True,
) -> bytes:
    """As `mcap` writes it; `compression` is "", "lz4" or "zstd"."""
    file = io.BytesIO()
    writer = McapWriter(
        file,
        chunk_size=chunk_bytes,
        compression=CompressionType[compression.upper() or "NONE"],
        use_chunking=is_chunked,
        index_types=IndexType.ALL if has_summary else IndexType.NONE,
        repeat_channels=has_summary,
        repeat_schemas=has_summary,
        use_statistics=has_summary,
        use_summary_offsets=has_summary,
    )
    writer.start("ros2")
    channels: dict[str, int] = {}
    for number, one in enumerate(sent):
        if one.topic not in channels:
            definition = ros2().generate_msgdef(one.type, ros_version=2)[0] if has_definitions else ""
            schema = writer.register_schema(one.type, "ros2msg", definition.encode())
            channels[one.topic] = writer.register_channel(one.topic, "cdr", schema)
        time_ns = START_NS + number * STEP_NS
        writer.add_message(channels[one.topic], time_ns, one.cdr(is_little=is_little), time_ns)
    writer.finish()  # type: ignore[no-untyped-call]
    return file.getvalue()


def write_rosbag2(folder: Path, sent: list[Sent], *, is_mcap: bool = False, packs_messages: bool = False) -> Path:
    """A folder as rosbags writes it."""
    writer = Ros2Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP if is_mcap else StoragePlugin.SQLITE3)
    if packs_messages:
        writer.set_compression(CompressionMode.MESSAGE, CompressionFormat.ZSTD)
    with writer:
        connections: dict[str, Any] = {}
        for number, one in enumerate(sent):
            if one.topic not in connections:
                connections[one.topic] = writer.add_connection(one.topic, one.type, typestore=ros2())
            writer.write(connections[one.topic], START_NS + number * STEP_NS, one.cdr())
    return folder


def write_ros1(path: Path, sent: list[Sent], compression: str = "") -> Path:
    """A bag of ROS 1 as rosbags writes it; `compression` is "", "BZ2" or "LZ4"."""
    writer = Ros1Writer(path)
    if compression:
        writer.set_compression(Ros1Writer.CompressionFormat[compression])
    with writer:
        connections: dict[str, Any] = {}
        for number, one in enumerate(sent):
            if one.topic not in connections:
                connections[one.topic] = writer.add_connection(one.topic, one.type, typestore=ros1())
            writer.write(connections[one.topic], START_NS + number * STEP_NS, one.ros1())
    return path


def small_database(path: Path, sent: list[Sent], *, page_bytes: int = 512) -> Path:
    """A `.db3` as ROS 2 Foxy laid it out, in small pages."""
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA page_size={page_bytes}")
        database.execute("CREATE TABLE topics(id INTEGER PRIMARY KEY, name, type, serialization_format)")
        database.execute("CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id, timestamp, data BLOB)")
        numbers: dict[str, int] = {}
        for index, one in enumerate(sent):
            if one.topic not in numbers:
                numbers[one.topic] = len(numbers) + 1
                database.execute(
                    "INSERT INTO topics VALUES (?, ?, ?, 'cdr')", (numbers[one.topic], one.topic, one.type)
                )
            row = numbers[one.topic], START_NS + index * STEP_NS, one.cdr()
            database.execute("INSERT INTO messages(topic_id, timestamp, data) VALUES (?, ?, ?)", row)
    database.close()
    return path


def zstd_packed(data: bytes, *, says_size: bool = True) -> bytes:
    """A frame; its head says how many bytes come out of it, or does not."""
    return bytes(zstandard.ZstdCompressor(write_content_size=says_size).compress(data))


def lz4_packed(data: bytes) -> bytes:
    return bytes(lz4.frame.compress(data))


def noted(found: Iterator[Any], into: list[Any]) -> Iterator[Any]:
    """Nothing, while what is found is noted: what came before an error is kept."""
    for one in found:
        into.append(one)
    yield from ()
