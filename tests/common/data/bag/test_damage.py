"""Damaged bags: each cut at every byte, and with a bit of every byte turned, gives messages or an InputError."""

from __future__ import annotations

import struct
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from support import bag_files
from support.bag_files import Sent, cloud, compressed, image, lz4_packed, noted, temperature, zstd_packed
from support.damage import damaged

from isthmus.common.errors import InputError
from isthmus.data.bag.clouds import read_cloud
from isthmus.data.bag.files import open_bag
from isthmus.data.bag.pictures import read_picture
from isthmus.data.bag.samples import Sample, samples
from isthmus.data.bag.unpacking import unpacked
from isthmus.data.bag.values import MAX_MESSAGE_BYTES, Recorded, Topic

MOST_BYTES = 48e6

POINTS = np.arange(12.0).reshape(4, 3)
PIXELS = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
SENT = [cloud(POINTS), temperature(), image(PIXELS, "rgb8"), cloud(POINTS + 1)]


def bag_bytes(kind: str, folder: Path) -> bytes:
    match kind:
        case "db3":
            return bag_files.small_database(folder / "small.db3", SENT).read_bytes()
        case "bag" | "bz2.bag":
            return bag_files.write_ros1(folder / "small.bag", SENT, "BZ2" * (kind != "bag")).read_bytes()
    return bag_files.mcap_bytes(SENT, kind.removesuffix("mcap").removesuffix("."), has_definitions=False)


# Every so many bytes are looked at, so that it takes a second; every single one was, when this was written.
STEPS = {"mcap": 11, "lz4.mcap": 7, "zstd.mcap": 7, "db3": 23, "bag": 61, "bz2.bag": 61}
KINDS = ("mcap", "lz4.mcap", "zstd.mcap", "db3", "bag", "bz2.bag")


def read_all(path: Path) -> int:
    """How many messages a bag gives, each read as what it says it is; InputError where it ends too early."""
    bag, count = open_bag(path), 0
    contents = bag.contents()
    for topic in contents.topics:
        for sample in samples(bag, topic):
            count += 1
            with suppress(InputError):
                _ = read_cloud(sample) if "Cloud" in topic.type else read_picture(sample)
    return count


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_bags(kind: str, tmp_path: Path) -> None:
    data = bag_bytes(kind, tmp_path)
    path = tmp_path / f"damaged.{kind}"
    path.write_bytes(data)
    assert read_all(path) == len(SENT)
    refusals: list[str] = []
    step = STEPS[kind]
    for changed in damaged(data, step):
        path.write_bytes(changed)
        try:
            read_all(path)
        except InputError as error:
            refusals.append(str(error))
    assert len(refusals) > len(data) / step / 2
    assert all("expected" in refusal for refusal in refusals)


@pytest.mark.parametrize("kind", KINDS)
def test_memory_of_damaged_bags(kind: str, tmp_path: Path) -> None:
    data = bag_bytes(kind, tmp_path)
    path = tmp_path / f"damaged.{kind}"
    tracemalloc.start()
    try:
        for changed in damaged(data, 9 * STEPS[kind]):
            path.write_bytes(changed)
            with suppress(InputError):
                read_all(path)
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_bag_gives_what_it_has(kind: str, tmp_path: Path) -> None:
    """And then says that it is cut: never a message that is not whole, never an end without a word."""
    sent = [cloud(np.arange(300.0).reshape(100, 3) + k) for k in range(40)]
    path = tmp_path / f"cut.{kind}"
    if kind == "db3":
        bag_files.small_database(path, sent)
    elif kind.endswith("bag"):
        bag_files.write_ros1(path, sent, "BZ2" * (kind != "bag"))
    else:
        path.write_bytes(bag_files.mcap_bytes(sent, kind.removesuffix("mcap").removesuffix("."), chunk_bytes=4000))
    whole = path.read_bytes()
    topic = Topic("/lidar", "sensor_msgs/PointCloud2")
    for share in (0.3, 0.7):
        path.write_bytes(whole[: int(len(whole) * share)])
        found: list[Sample] = []
        with pytest.raises(InputError, match="it is cut"):
            list(noted(samples(open_bag(path), topic), found))
        # A ROS 1 bag of one chunk has nothing that is whole.
        assert len(found) > (0 if kind.endswith("bag") else 40 * (share - 0.2)) - 1
        for k, sample in enumerate(found):
            assert np.array_equal(read_cloud(sample).points, np.arange(300.0).reshape(100, 3) + k)
        if not kind.endswith("bag"):
            assert open_bag(path).contents().topics[0].name == "/lidar"
            assert "it is cut" in str(open_bag(path).contents().fault)


@pytest.mark.parametrize("kind", [cloud(POINTS), image(PIXELS, "rgb8"), compressed(b"\xff\xd8\xff", "jpeg")], ids=str)
@pytest.mark.parametrize("encoding", ["cdr", "ros1"])
def test_damaged_messages(kind: Sent, encoding: str) -> None:
    data = kind.cdr() if encoding == "cdr" else kind.ros1()
    topic = Topic(kind.topic, kind.type.replace("/msg/", "/"))
    tracemalloc.start()
    try:
        for changed in damaged(data):
            sample = Sample(topic, 0, None, Recorded(0, encoding, changed))
            with suppress(InputError):
                _ = read_cloud(sample) if "Cloud" in kind.type else read_picture(sample)
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()


def chunk(compression: str, packed: bytes, claim: int) -> bytes:
    """An MCAP file of one chunk."""
    name = compression.encode()
    body = struct.pack("<QQQII", 0, 0, claim, 0, len(name)) + name + struct.pack("<Q", len(packed)) + packed
    return b"\x89MCAP0\r\n" + b"\x06" + struct.pack("<Q", len(body)) + body


BOMB = bytes(64 << 20)
HOSTILE = {
    "an honest claim": ("zstd", zstd_packed(b"1" * 999), 1 << 60, "expected at most"),
    "a frame that says much": (
        "zstd",
        zstd_packed(BOMB),
        1000,
        "expected 1000 bytes when unpacked, got 1001 or more",
    ),
    "a frame that says nothing": (
        "zstd",
        zstd_packed(BOMB, says_size=False),
        1000,
        "got 1001 or more",
    ),
    "lz4": ("lz4", lz4_packed(BOMB), 1000, "got 1001 or more"),
    "fewer than claimed": ("zstd", zstd_packed(b"1" * 999), 1000, "expected 1000 bytes when unpacked, got 999"),
    "lz4, cut": ("lz4", lz4_packed(BOMB)[:5000], 64 << 20, "an end in the middle"),
    "no such compression": ("brotli", b"123", 3, "got 'brotli'"),
    "not packed": ("", b"123", 1 << 40, "expected at most"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_chunk_claims_is_not_believed(name: str, tmp_path: Path) -> None:
    compression, packed, claim, says = HOSTILE[name]
    path = tmp_path / "hostile.mcap"
    path.write_bytes(chunk(compression, packed, claim))
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=says):
            open_bag(path).contents()
        assert tracemalloc.get_traced_memory()[1] < 4e6 or "cut" in name
    finally:
        tracemalloc.stop()


def test_a_record_that_claims_too_much(tmp_path: Path) -> None:
    path = tmp_path / "hostile.mcap"
    for claim in (MAX_MESSAGE_BYTES + 1, (1 << 64) - 1):
        path.write_bytes(b"\x89MCAP0\r\n\x05" + struct.pack("<Q", claim) + bytes(100))
        with pytest.raises(InputError, match="records of at most"):
            open_bag(path).contents()


def test_a_window_that_is_too_large() -> None:
    """A frame of a few bytes may ask for gigabytes to look back on."""
    frame = b"\x28\xb5\x2f\xfd\x00" + bytes([(31 - 10) << 3]) + b"\x01\x00\x00"
    with pytest.raises(InputError, match="Zstandard"):
        unpacked(frame, "zstd", 10)
