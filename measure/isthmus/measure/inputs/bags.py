"""Small bags of robots: MCAP, ROS 2 in SQLite, ROS 1; and how all messages of one are read."""

from __future__ import annotations

import contextlib
import io
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.common.errors import InputError
from isthmus.data.bag.clouds import read_cloud
from isthmus.data.bag.files import open_bag
from isthmus.data.bag.pictures import read_picture
from isthmus.data.bag.samples import samples
from isthmus.measure.inputs.pictures import jpeg_files

CLOUD, IMAGE, COMPRESSED = (f"sensor_msgs/msg/{name}" for name in ("PointCloud2", "Image", "CompressedImage"))
TOPICS = {CLOUD: "/lidar", IMAGE: "/camera", COMPRESSED: "/camera/compressed"}
POINTS = np.arange(12, dtype="<f4").reshape(4, 3)
START_NS = 1_700_000_000_000_000_000
PAGE_BYTES = 512
FLOAT32 = 7
"""As PointField numbers it."""


def _messages(store: Any) -> tuple[tuple[str, Any], ...]:
    """One of each type that is read, in the classes of a store of rosbags."""
    types = store.types
    more = {"seq": 7} if "seq" in types["std_msgs/msg/Header"].__dataclass_fields__ else {}  # of ROS 1 alone
    header = types["std_msgs/msg/Header"](stamp=types["builtin_interfaces/msg/Time"](1, 2), frame_id="base", **more)
    point = types["sensor_msgs/msg/PointField"]
    columns = [point(axis, 4 * place, FLOAT32, 1) for place, axis in enumerate("xyz")]
    raw = POINTS.view(np.uint8).ravel()
    pixels = np.arange(18, dtype=np.uint8)
    jpeg = np.frombuffer(jpeg_files()[0], np.uint8)
    return (
        (CLOUD, types[CLOUD](header, 1, 4, columns, False, 12, 48, raw, False)),  # noqa: FBT003
        (IMAGE, types[IMAGE](header, 2, 3, "rgb8", 0, 9, pixels)),
        (COMPRESSED, types[COMPRESSED](header, "jpeg", jpeg)),
    )


def _ros2() -> tuple[tuple[str, bytes], ...]:
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    return tuple((kind, bytes(store.serialize_cdr(message, kind))) for kind, message in _messages(store))


def mcap_files() -> tuple[bytes, ...]:
    """Without and with chunks, which are packed."""
    from mcap.writer import CompressionType, Writer

    found = []
    for packing in (CompressionType.NONE, CompressionType.LZ4, CompressionType.ZSTD):
        file = io.BytesIO()
        writer = Writer(file, compression=packing, use_chunking=packing is not CompressionType.NONE)
        writer.start("ros2")
        for number, (kind, data) in enumerate(_ros2()):
            schema = writer.register_schema(kind, "ros2msg", b"")
            channel = writer.register_channel(TOPICS[kind], "cdr", schema)
            writer.add_message(channel, START_NS + number, data, START_NS + number)
        writer.finish()  # type: ignore[no-untyped-call]
        found.append(file.getvalue())
    return tuple(found)


def db3_files() -> tuple[bytes, ...]:
    """As ROS 2 Foxy laid it out, in small pages."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.db3"
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute(f"PRAGMA page_size={PAGE_BYTES}")
            database.execute("CREATE TABLE topics(id INTEGER PRIMARY KEY, name, type, serialization_format)")
            database.execute("CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id, timestamp, data BLOB)")
            for number, (kind, data) in enumerate(_ros2(), 1):
                database.execute("INSERT INTO topics VALUES (?, ?, ?, 'cdr')", (number, TOPICS[kind], kind))
                row = number, START_NS + number, data
                database.execute("INSERT INTO messages(topic_id, timestamp, data) VALUES (?, ?, ?)", row)
            database.commit()
        return (path.read_bytes(),)


def ros1_files() -> tuple[bytes, ...]:
    """As it is, and packed."""
    from rosbags.rosbag1 import Writer
    from rosbags.typesys import Stores, get_typestore

    store, found = get_typestore(Stores.ROS1_NOETIC), []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("", "BZ2"):
            writer = Writer(Path(folder) / f"{name}.bag")
            if name:
                writer.set_compression(Writer.CompressionFormat[name])
            with writer:
                for number, (kind, message) in enumerate(_messages(store)):
                    connection = writer.add_connection(TOPICS[kind], kind, typestore=store)
                    writer.write(connection, START_NS + number, bytes(store.serialize_ros1(message, kind)))
            found.append((Path(folder) / f"{name}.bag").read_bytes())
    return tuple(found)


def read_bag(path: Path) -> None:
    """Its topics, and each message as what it says it is; one that is none is passed over, as a job does."""
    bag = open_bag(path)
    for topic in bag.contents().topics:
        for sample in samples(bag, topic):
            with contextlib.suppress(InputError):
                _ = read_cloud(sample) if "Cloud" in topic.type else read_picture(sample)
