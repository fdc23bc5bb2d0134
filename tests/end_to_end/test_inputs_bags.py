"""Bags of robots: each message comes out as the cloud or the picture that it is, or is refused; whatever holds it.

Messages are serialised by rosbags, files written by `mcap` and rosbags. What must come out is what was put in, or what
OpenCV makes of it.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
from support import bag_files
from support.bag_files import Sent, cloud, compressed, image, temperature

from isthmus.common.errors import InputError
from isthmus.common.signals import Image, PointCloud
from isthmus.data.bag.clouds import read_cloud
from isthmus.data.bag.headers import CloudMessage, CompressedMessage, ImageMessage
from isthmus.data.bag.pictures import read_picture
from isthmus.data.bag.samples import Sample, find_topic, samples
from isthmus.data.bag.values import Recorded, Topic

Array = npt.NDArray[Any]

rng = np.random.default_rng(5)

# Whole numbers: every type holds them exactly.
POINTS: Array = np.round(rng.normal(size=(24, 3)) * [30, 20, 5])
UNSIGNED: Array = np.abs(POINTS)
GRID: Array = POINTS.reshape(4, 6, 3)
LOST: Array = np.array(GRID)
LOST[1, 2] = LOST[3, 5] = np.nan
ZEROS: Array = np.array(GRID)
ZEROS[0, 0] = ZEROS[2, 3] = 0
PIXELS = rng.integers(0, 256, (6, 8, 3)).astype(np.uint8)
GREY = PIXELS[..., 0]
DEEP = rng.integers(0, 65536, (6, 8, 3)).astype(np.uint16)
OPAQUE = np.full((6, 8, 1), 255, np.uint8)
GREYS = np.repeat(GREY[..., None], 3, 2)


@dataclass(frozen=True, slots=True)
class Case:
    """A message, and what must come out of it: points or pixels, or words of the refusal.

    Attributes:
        sent: into the bag.
        wanted: points [P, 3] or pixels [height, width, 3].
        refusal: a regular expression, where nothing must come out.
        note: words of what is said of it, "" for nothing.
        left_out: points that are counted and not there.
        is_little: the byte order of the message.
    """

    sent: Sent
    wanted: Array | None = None
    refusal: str = ""
    note: str = ""
    left_out: int = 0
    is_little: bool = True


def eight(samples: Array) -> Array:
    return np.round(samples / 257).astype(np.uint8)


def cloud_cases() -> dict[str, Case]:
    found = {
        f"points {kind}, {'big' if is_big else 'little'} endian": Case(
            cloud(UNSIGNED if kind[0] == "u" else POINTS, kinds=(kind,) * 3, is_big=is_big),
            UNSIGNED if kind[0] == "u" else POINTS,
        )
        for kind in bag_files.DATATYPES
        for is_big in (False, True)
    }
    mixed: dict[str, Any] = {"kinds": ("f8", "i2", "f4"), "order": ("stamp", "z", "ring", "x", "intensity", "y")}
    finite = np.isfinite(LOST).all(2)
    found |= {
        "fields in any order, mixed types, padding": Case(cloud(POINTS, padding=11, **mixed), POINTS),
        "the same, big endian, in a big-endian message": Case(
            cloud(POINTS, padding=3, is_big=True, **mixed), POINTS, is_little=False
        ),
        "a big-endian message of little-endian points": Case(cloud(POINTS), POINTS, is_little=False),
        "organised": Case(cloud(GRID), POINTS),
        "organised, with padding of rows": Case(cloud(GRID, row_padding=20, padding=4), POINTS),
        "organised, with beams without a return": Case(cloud(LOST), LOST[finite], left_out=2, note="2 of 24 points"),
        "organised, zeros for these": Case(
            cloud(ZEROS), ZEROS.reshape(-1, 3)[ZEROS.reshape(-1, 3).any(1)], left_out=2, note="2 of 24 points"
        ),
        "in a row, zeros are points": Case(cloud(ZEROS.reshape(-1, 3)), ZEROS.reshape(-1, 3)),
        "in a row, padding behind it": Case(cloud(POINTS, row_padding=9), POINTS),
        "a row step that a driver forgot": Case(cloud(POINTS, said={"row_step": 0}), POINTS),
        "a count of 0, as of old": Case(
            cloud(POINTS, said={"fields": [("x", 0, 7, 0), ("y", 4, 7, 0), ("z", 8, 7, 0)]}), POINTS
        ),
        "a camera's coordinates": Case(
            cloud(POINTS, frame="cam_optical_frame"),
            np.stack((POINTS[:, 2], -POINTS[:, 0], -POINTS[:, 1]), 1),
            note="y was down and was turned up",
        ),
        "no points": Case(cloud(POINTS[:0].reshape(0, 3), said={"height": 1}), refusal="expected 1 to .* points"),
        "all without a return": Case(cloud(np.full((5, 3), np.nan)), refusal="without a finite place"),
        "no z": Case(cloud(POINTS, order=("x", "y", "w")), refusal="fields x, y and z, each once, got x, y, w"),
        "x twice": Case(cloud(POINTS, order=("x", "x", "y", "z")), refusal="each once"),
        "a type that is none": Case(
            cloud(POINTS, said={"fields": [("x", 0, 9, 1), ("y", 4, 7, 1), ("z", 8, 7, 1)]}), refusal="type 9"
        ),
        "three numbers in x": Case(
            cloud(POINTS, said={"fields": [("x", 0, 7, 3), ("y", 4, 7, 1), ("z", 8, 7, 1)]}), refusal="count 3"
        ),
        "a field beyond its point": Case(
            cloud(POINTS, said={"fields": [("x", 0, 7, 1), ("y", 4, 7, 1), ("z", 9, 7, 1)]}),
            refusal="field z within 12",
        ),
        "fewer bytes than points": Case(cloud(POINTS, said={"width": 25}), refusal="rows of 25 points"),
        "more bytes than points": Case(cloud(POINTS, said={"width": 20, "row_step": 240}), refusal="got 288 bytes"),
        "rows that overlap": Case(cloud(GRID, said={"row_step": 12}), refusal="row step of 12"),
        "a step of nothing": Case(cloud(POINTS, said={"point_step": 0}), refusal="within 0 bytes"),
        "ten thousand million points": Case(
            cloud(POINTS, said={"width": 4_000_000_000, "height": 4_000_000_000}), refusal="expected 1 to"
        ),
    }
    return found


def picture_cases() -> dict[str, Case]:
    uyvy, bayer = rng.integers(0, 256, (6, 8, 2)).astype(np.uint8), GREY
    found = {
        "rgb8": Case(image(PIXELS, "rgb8"), PIXELS),
        "rgb8 with padding": Case(image(PIXELS, "rgb8", padding=5), PIXELS),
        "bgr8": Case(image(PIXELS[..., ::-1], "bgr8"), PIXELS),
        "mono8": Case(image(GREY, "mono8", padding=3), GREYS),
        "rgba8": Case(image(np.concatenate([PIXELS, OPAQUE], 2), "rgba8"), PIXELS),
        "bgra8, clear": Case(
            image(np.concatenate([PIXELS[..., ::-1], OPAQUE - 255], 2), "bgra8"), PIXELS, note="alpha was passed over"
        ),
        "mono16, dim": Case(
            image(DEEP[..., 0] >> 4, "mono16"),
            np.repeat(eight(DEEP[..., :1] >> 4), 3, 2),
            note="of fewer bits, perhaps",
        ),
        "8UC1": Case(image(GREY, "8UC1"), GREYS, note="taken as mono8"),
        "8UC3": Case(image(PIXELS[..., ::-1], "8UC3"), PIXELS, note="taken as bgr8"),
        "8UC4": Case(image(np.concatenate([PIXELS[..., ::-1], OPAQUE], 2), "8UC4"), PIXELS, note="taken as bgra8"),
        "a big-endian message": Case(image(PIXELS, "rgb8"), PIXELS, is_little=False),
        "depth": Case(image(DEEP[..., 0], "16UC1"), refusal="encoding 16UC1: depth"),
        "depth in metres": Case(image(GREY.astype(np.float32), "32FC1"), refusal="encoding 32FC1: depth"),
        "two channels": Case(image(uyvy, "8UC2"), refusal="expected an encoding of .*, got '8UC2'"),
        "no encoding": Case(image(PIXELS, ""), refusal="got ''"),
        "12 bits": Case(image(DEEP, "rgb12"), refusal="got 'rgb12'"),
        "nv21": Case(image(uyvy, "nv21"), refusal="got 'nv21'"),
        "odd columns of yuv422": Case(image(uyvy[:, :7], "yuv422"), refusal="even number of columns"),
        "one row of Bayer": Case(image(bayer[:1], "bayer_rggb8"), refusal="2 x 2 pixels or more"),
        "the wrong encoding": Case(image(GREY, "rgb8"), refusal="6 rows of 24 bytes or more"),
        "rows that are not there": Case(
            Sent("/camera", bag_files.IMAGE, image(PIXELS, "rgb8").values | {"height": 7}), refusal="got a step of 24"
        ),
        "rows too many": Case(
            Sent("/camera", bag_files.IMAGE, image(PIXELS, "rgb8").values | {"height": 5}), refusal="and 144 bytes"
        ),
        "no step": Case(
            Sent("/camera", bag_files.IMAGE, image(PIXELS, "rgb8").values | {"step": 0}), refusal="a step of"
        ),
        "too many pixels": Case(
            Sent("/camera", bag_files.IMAGE, image(PIXELS, "rgb8").values | {"height": 60_000, "width": 60_000}),
            refusal="at most 67108864 pixels",
        ),
    }
    for is_big in (False, True):
        name = "big" if is_big else "little"
        found[f"rgb16, {name} endian"] = Case(image(DEEP, "rgb16", is_big=is_big, padding=2), eight(DEEP))
        found[f"bgr16, {name} endian"] = Case(image(DEEP[..., ::-1], "bgr16", is_big=is_big), eight(DEEP))
        found[f"mono16, {name} endian"] = Case(
            image(DEEP[..., 0], "mono16", is_big=is_big), np.repeat(eight(DEEP[..., :1]), 3, 2)
        )
    codes = {"rggb": cv2.COLOR_BayerBG2RGB, "bggr": cv2.COLOR_BayerRG2RGB}
    codes |= {"gbrg": cv2.COLOR_BayerGR2RGB, "grbg": cv2.COLOR_BayerGB2RGB}
    for letters, code in codes.items():
        # OpenCV repeats what is next to the edge; only the middle is its own.
        found[f"bayer_{letters}8"] = Case(image(bayer, f"bayer_{letters}8", padding=1), cv2.cvtColor(bayer, code))
        deep = cv2.cvtColor(DEEP[..., 1].copy(), code)
        found[f"bayer_{letters}16"] = Case(image(DEEP[..., 1], f"bayer_{letters}16", is_big=True), eight(deep))
    for names, code in (
        (("yuv422", "uyvy"), cv2.COLOR_YUV2RGB_UYVY),
        (("yuv422_yuy2", "yuyv"), cv2.COLOR_YUV2RGB_YUY2),
    ):
        found |= {name: Case(image(uyvy, name, padding=2), cv2.cvtColor(uyvy, code)) for name in names}
    return found | compressed_cases()


def compressed_cases() -> dict[str, Case]:
    png, jpeg, deep_png = io.BytesIO(), io.BytesIO(), io.BytesIO()
    PIL.Image.fromarray(PIXELS).save(png, "PNG")
    PIL.Image.fromarray(PIXELS).save(jpeg, "JPEG", quality=90)
    PIL.Image.fromarray(DEEP[..., 0]).save(deep_png, "PNG")
    decoded = np.asarray(PIL.Image.open(io.BytesIO(jpeg.getvalue())))
    return {
        "compressed jpeg": Case(compressed(jpeg.getvalue(), "jpeg"), decoded),
        "as ROS 2 says it": Case(compressed(jpeg.getvalue(), "bgr8; jpeg compressed bgr8"), decoded),
        "compressed png": Case(compressed(png.getvalue(), "rgb8; png compressed "), PIXELS),
        "a format that is wrong": Case(compressed(png.getvalue(), "jpeg"), PIXELS),
        "no format": Case(compressed(png.getvalue(), ""), PIXELS),
        "16 bits of grey": Case(
            compressed(deep_png.getvalue(), "mono16; png compressed "), np.repeat(eight(DEEP[..., :1]), 3, 2)
        ),
        "depth in png": Case(compressed(deep_png.getvalue(), "16UC1; png compressed "), refusal="depth"),
        "compressedDepth": Case(
            compressed(b"\0" * 12 + deep_png.getvalue(), "16UC1; compressedDepth png"), refusal="depth, not levels"
        ),
        "a cut jpeg": Case(compressed(jpeg.getvalue()[:200], "jpeg"), refusal="format 'jpeg'.*image"),
        "a video's frame": Case(compressed(b"\0\0\0\1\x67" * 30, "h264"), refusal="format 'h264'.*expected an image"),
        "nothing": Case(compressed(b"", "jpeg"), refusal="expected an image"),
    }


CASES = cloud_cases() | picture_cases()
READERS: dict[str, Callable[[Sample], PointCloud | Image]] = {
    CloudMessage.TYPE: read_cloud,
    ImageMessage.TYPE: read_picture,
    CompressedMessage.TYPE: read_picture,
}


def read(sample: Sample) -> tuple[Array, tuple[str, ...], int]:
    found = READERS[sample.topic.type](sample)
    if isinstance(found, Image):
        return found.pixels, found.notes, 0
    return found.points, found.notes, found.left_out_count


def check(case: Case, sample: Sample) -> None:
    if case.wanted is None:
        with pytest.raises(InputError, match=case.refusal):
            read(sample)
        return
    values, notes, left_out = read(sample)
    name = str(case.sent.values.get("encoding"))
    inner = slice(1, -1) if name.startswith("bayer") else slice(None)
    far = 1 if name.endswith("16") and "bayer" in name else 0  # rounded twice there
    difference = np.abs(values.astype(float) - case.wanted)[inner, inner]
    assert values.shape == case.wanted.shape
    assert difference.max() <= far
    assert left_out == case.left_out
    assert all(case.note in note for note in notes)
    assert bool(notes) == bool(case.note)


@pytest.mark.parametrize("name", CASES)
def test_messages(name: str) -> None:
    """ROS 2's and ROS 1's encodings of the same."""
    case = CASES[name]
    topic = Topic(case.sent.topic, case.sent.type.replace("/msg/", "/"))
    for encoding, data in (("cdr", case.sent.cdr(is_little=case.is_little)), ("ros1", case.sent.ros1())):
        check(case, Sample(topic, 0, None, Recorded(0, encoding, data)))


CLOUDS = [cloud(POINTS + k) for k in range(5)]
MIXED = [one for k in range(5) for one in (temperature(), CLOUDS[k], image(PIXELS + k, "rgb8"))]


def mcap(path: Path, **how: Any) -> Path:
    path = path / "run.mcap"
    path.write_bytes(bag_files.mcap_bytes(MIXED, **how))
    return path


CONTAINERS: dict[str, Callable[[Path], Path]] = {
    "mcap": mcap,
    "mcap, lz4": lambda path: mcap(path, compression="lz4"),
    "mcap, zstd": lambda path: mcap(path, compression="zstd"),
    "mcap, zstd, small chunks": lambda path: mcap(path, compression="zstd", chunk_bytes=500),
    "mcap without chunks": lambda path: mcap(path, is_chunked=False),
    "mcap without a summary": lambda path: mcap(path, has_summary=False),
    "mcap with neither": lambda path: mcap(path, has_summary=False, is_chunked=False),
    "mcap, big-endian messages": lambda path: mcap(path, is_little=False),
    "rosbag2 folder, sqlite3": lambda path: bag_files.write_rosbag2(path / "run", MIXED),
    "rosbag2 folder, mcap": lambda path: bag_files.write_rosbag2(path / "run", MIXED, is_mcap=True),
    "rosbag2 folder, packed messages": lambda path: bag_files.write_rosbag2(path / "run", MIXED, packs_messages=True),
    "rosbag2 folder, mcap, packed messages": lambda path: bag_files.write_rosbag2(
        path / "run", MIXED, is_mcap=True, packs_messages=True
    ),
    "db3 alone": lambda path: next(bag_files.write_rosbag2(path / "run", MIXED).glob("*.db3")),
    "db3 of Foxy": lambda path: bag_files.small_database(path / "old.db3", MIXED),
    "ros 1": lambda path: bag_files.write_ros1(path / "run.bag", MIXED),
    "ros 1, bz2": lambda path: bag_files.write_ros1(path / "run.bag", MIXED, "BZ2"),
    "ros 1, lz4": lambda path: bag_files.write_ros1(path / "run.bag", MIXED, "LZ4"),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers(name: str, tmp_path: Path) -> None:
    """Topics with their counts, and each message with its times, whatever holds them."""
    path = CONTAINERS[name](tmp_path)
    bag, topic = find_topic(path, [CloudMessage.TYPE])
    assert bag.contents().fault is None
    assert [(t.name, t.type, t.count) for t in bag.contents().topics] == [
        ("/camera", "sensor_msgs/Image", 5),
        ("/lidar", "sensor_msgs/PointCloud2", 5),
        ("/temperature", "sensor_msgs/Temperature", 5),
    ]
    found = list(samples(bag, topic))
    assert [s.fields for s in found] == [
        {
            "topic": "/lidar",
            "index": k,
            "log_time_ns": bag_files.START_NS + (3 * k + 1) * bag_files.STEP_NS,
            "stamp_ns": bag_files.STAMP_NS,
        }
        for k in range(5)
    ]
    for k, sample in enumerate(found):
        assert np.array_equal(read_cloud(sample).points, POINTS + k)
    bag, topic = find_topic(path, [ImageMessage.TYPE, CompressedMessage.TYPE])
    for k, sample in enumerate(samples(bag, topic)):
        assert np.array_equal(read_picture(sample).pixels, PIXELS + np.uint8(k))


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("", r"got 2 topics; it has /front \(sensor_msgs/Image\), /rear \(sensor_msgs/Image\); name one with --topic"),
        ("/left", "got no /left; it has /front"),
        ("/temperature", "got /temperature of sensor_msgs/Temperature; it has /front"),
    ],
)
def test_several_topics(tmp_path: Path, wanted: str, says: str) -> None:
    sent = [image(PIXELS, "rgb8", "/front"), image(PIXELS, "rgb8", "/rear"), temperature()]
    (tmp_path / "run.mcap").write_bytes(bag_files.mcap_bytes(sent))
    with pytest.raises(InputError, match=says):
        find_topic(tmp_path / "run.mcap", [ImageMessage.TYPE], wanted)
    for name in ("/rear", "rear"):
        assert find_topic(tmp_path / "run.mcap", [ImageMessage.TYPE], name)[1].name == "/rear"


def test_nothing_that_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "run.mcap").write_bytes(bag_files.mcap_bytes([temperature()]))
    with pytest.raises(InputError, match=r"got none; it has nothing that can be read$"):
        find_topic(tmp_path / "run.mcap", [ImageMessage.TYPE])
