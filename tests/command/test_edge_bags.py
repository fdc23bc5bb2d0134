"""`isthmus edge` on bags: topics, times, what is cut, pictures as images and as a video."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import bag_files, tiny_codec, tiny_video_codec
from support.bag_files import STAMP_NS, START_NS, STEP_NS, cloud, image, mcap_bytes, temperature
from support.tiny_clips import panning
from support.tiny_zoo import POINTS
from typer.testing import CliRunner

from isthmus.codec import load
from isthmus.command.main import app
from isthmus.common.errors import InputError
from isthmus.common.image.signal import IMAGE
from isthmus.common.pointcloud.signal import POINT_CLOUD
from isthmus.common.signals import Image
from isthmus.common.video.signal import VIDEO
from isthmus.data.image.files import write_image
from isthmus.edge.signal_choice import choose_codec

PICTURES = "image-test-q4"

pytestmark = pytest.mark.zoo(POINTS, PICTURES, tiny_video_codec.NAME)

CLOUDS = [one.points for one in tiny_codec.clouds(4)]
FRAMES = panning(5)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Four clouds, five pictures a tenth of a second apart, and what nobody reads."""
    sent = [cloud(points) for points in CLOUDS] + [image(frame, "rgb8") for frame in FRAMES] + [temperature()]
    path = tmp_path / "run.mcap"
    path.write_bytes(mcap_bytes(sent, "zstd", chunk_bytes=2000))
    return path


def edge(*words: str, code: int = 0) -> list[dict[str, Any]]:
    """What was printed, line by line; a last line has what was said on standard error."""
    done = CliRunner().invoke(app, ["edge", *words, "--json"])
    assert done.exit_code == code, done.output
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [*lines, {"stderr": done.stderr}] if done.stderr else lines


def test_clouds(run: Path, zoo: Path, address: str, tmp_path: Path) -> None:
    """Each message is answered as its points in a file are, and has its times."""
    for index, points in enumerate(CLOUDS):
        np.save(tmp_path / f"{index}.npy", points)
    words = "--cloud", address, "--zoo", str(zoo), "--codec", POINTS
    files = edge(*(str(tmp_path / f"{index}.npy") for index in range(4)), *words)
    lines = edge(str(run), *words)
    assert [line["labels"] for line in lines] == [line["labels"] for line in files]
    assert [list(line)[:5] for line in lines] == [["file", "topic", "index", "log_time_ns", "stamp_ns"]] * 4
    assert [(line["file"], line["topic"], line["index"]) for line in lines] == [
        (str(run), "/lidar", k) for k in range(4)
    ]
    assert [line["log_time_ns"] for line in lines] == [START_NS + k * STEP_NS for k in range(4)]
    assert {line["stamp_ns"] for line in lines} == {STAMP_NS}
    named = edge(str(run), *words, "--topic", "/lidar")
    assert [line["labels"] for line in named] == [line["labels"] for line in files]


def test_pictures_as_images(run: Path, zoo: Path, address: str, tmp_path: Path) -> None:
    words = "--cloud", address, "--zoo", str(zoo), "--codec", PICTURES, "--save", str(tmp_path / "out")
    lines = edge(str(run), *words)
    assert [(line["topic"], line["index"]) for line in lines] == [("/camera", k) for k in range(5)]
    assert [line["log_time_ns"] for line in lines] == [START_NS + (4 + k) * STEP_NS for k in range(5)]
    saved = [Path(line["saved"]).name for line in lines]
    assert saved == [f"run-camera-{k:06d}.{PICTURES}.png" for k in range(5)]


def test_pictures_as_a_video(run: Path, zoo: Path, address: str) -> None:
    """At the times at which they were recorded."""
    words = "--cloud", address, "--zoo", str(zoo), "--codec", tiny_video_codec.NAME, "--video"
    *lines, summary = edge(str(run), *words)
    assert [line["time_s"] for line in lines] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert [(line["topic"], line["frame"], line["index"]) for line in lines] == [("/camera", k, k) for k in range(5)]
    assert [line["log_time_ns"] for line in lines] == [START_NS + (4 + k) * STEP_NS for k in range(5)]
    assert {line["type"] for line in lines[1:]} != {"key"}
    assert summary["summary"]["frames"] == 5
    assert [line["time_s"] for line in edge(str(run), *words, "--fps", "2")[:-1]] == [0, 0.5, 1, 1.5, 2]


def test_pictures_by_a_codec_of_videos(run: Path, zoo: Path, address: str, tmp_path: Path) -> None:
    """Each is one key frame, and labelled as the same picture in a file is."""
    words = "--cloud", address, "--zoo", str(zoo), "--codec", tiny_video_codec.NAME, "--task", "classify"
    lines = edge(str(run), *words, "--topic", "/camera")
    assert [(line["topic"], line["index"]) for line in lines] == [("/camera", k) for k in range(5)]
    write_image(Image(FRAMES[2]), tmp_path / "two.png")
    (file,) = edge(str(tmp_path / "two.png"), *words)
    assert lines[2]["labels"] == file["labels"]
    assert lines[2]["packet_bits"] == file["packet_bits"]


def test_a_cut_bag(run: Path, zoo: Path, address: str) -> None:
    """What was read is answered; then it is said, and the exit code is 1."""
    run.write_bytes(run.read_bytes()[:3000])
    words = "--cloud", address, "--zoo", str(zoo), "--codec", POINTS
    *lines, last = edge(str(run), *words, code=1)
    assert len(lines) >= 1
    assert all("class" in line for line in lines)
    assert (last["file"], last["topic"], last["error"]) == (str(run), "/lidar", "InputError")
    assert "it is cut" in last["message"]


def test_a_message_that_is_none_keeps_its_place(tmp_path: Path, zoo: Path, address: str) -> None:
    sent = [cloud(CLOUDS[0]), cloud(CLOUDS[1], said={"point_step": 0}), cloud(CLOUDS[2])]
    path = bag_files.write_rosbag2(tmp_path / "run", sent)
    lines = edge(str(path), "--cloud", address, "--zoo", str(zoo), "--codec", POINTS, code=1)
    assert ["class" in line for line in lines] == [True, False, True]
    assert (lines[1]["index"], lines[1]["log_time_ns"]) == (1, START_NS + STEP_NS)
    assert "within 0 bytes" in lines[1]["message"]


def test_the_signal_is_told_by_the_topic(run: Path, tmp_path: Path) -> None:
    assert choose_codec((str(run),), topic="/lidar").signal is POINT_CLOUD
    assert choose_codec((str(run),), topic="/camera").signal is IMAGE
    assert choose_codec((str(run),), signal="video").signal is VIDEO
    with pytest.raises(InputError, match=r"got 2 topics; it has /camera .*, /lidar .*; name one with --topic"):
        choose_codec((str(run),))
    alone = tmp_path / "alone.mcap"
    alone.write_bytes(mcap_bytes([temperature(), cloud(CLOUDS[0])]))
    assert choose_codec((str(alone),)).signal is POINT_CLOUD
    np.save(tmp_path / "cloud.npy", CLOUDS[0])
    (tmp_path / "broken.mcap").write_bytes(b"broken")
    assert choose_codec((str(tmp_path / "broken.mcap"), str(tmp_path / "cloud.npy"))).signal is POINT_CLOUD
    with pytest.raises(InputError, match="expected an MCAP file"):
        choose_codec((str(tmp_path / "broken.mcap"),))


def test_topics(run: Path) -> None:
    listed = edge(str(run), "--list-topics")
    assert listed == [
        {"file": str(run), "topic": name, "type": f"sensor_msgs/{kind}", "messages": count, "read_as": signals}
        for name, kind, count, signals in (
            ("/camera", "Image", 5, ["image", "video"]),
            ("/lidar", "PointCloud2", 4, ["point-cloud"]),
            ("/temperature", "Temperature", 1, []),
        )
    ]
    done = CliRunner().invoke(app, ["edge", str(run), "--list-topics"])
    heading, *rows = done.stdout.splitlines()
    assert heading.split() == ["topic", "type", "messages", "read", "as"]
    assert [row.split()[:3] for row in rows] == [[x["topic"], x["type"], str(x["messages"])] for x in listed]
    run.write_bytes(run.read_bytes()[:3000])
    lines = edge(str(run), "--list-topics", code=2)
    assert lines[0]["topic"] == "/lidar"
    assert "it is cut" in lines[-1]["message"]


def test_what_is_refused(run: Path, zoo: Path, address: str, tmp_path: Path) -> None:
    np.save(tmp_path / "cloud.npy", CLOUDS[0])
    words = "--cloud", address, "--zoo", str(zoo), "--codec", POINTS
    file = str(tmp_path / "cloud.npy")
    assert "--topic: expected a bag" in edge(file, *words, "--topic", "/lidar", code=2)[-1]["stderr"]
    assert "expected one topic" in edge(str(run), *words, "--topic", "/none", code=1)[0]["message"]
    assert "no columns for a bag" in edge(str(run), *words, "--columns", "x,y,z", code=1)[0]["message"]
    empty = tmp_path / "empty.mcap"
    empty.write_bytes(mcap_bytes([temperature()]))
    assert "got none" in edge(str(empty), *words, code=1)[0]["message"]


def test_from_python_and_into_stream_files(run: Path, zoo: Path, tmp_path: Path) -> None:
    codec = load(POINTS, zoo=zoo, topic="/lidar")
    packets = [coded.packet.to_bytes() for coded in codec.encode_all(run)]
    assert packets == [codec.encode(points).packet.to_bytes() for points in CLOUDS]
    words = ["encode", str(run), "--codec", POINTS, "--zoo", str(zoo), "--out", str(tmp_path / "out")]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [f"run-lidar-{k:06d}.isth" for k in range(4)]
