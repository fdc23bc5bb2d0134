"""The edge runs where torch, open3d and the cloud are not installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import tiny_codec, tiny_image_codec, tiny_video_codec
from support.tiny_clips import panning, write_video

from isthmus.data.image.files import write_image

BLOCKED = ("torch", "open3d", "isthmus.cloud", "isthmus.training", "isthmus.models", "matplotlib", "plotly", "onnx")
VIDEO = ("av", "cv2")

SCRIPT = """
import sys

BLOCKED = {blocked!r}

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if any(name == b or name.startswith(b + ".") for b in BLOCKED):
            raise ImportError(f"{{name}} is not installed here")
        return None

sys.meta_path.insert(0, Blocker())
for name in BLOCKED:
    try:
        __import__(name)
    except ImportError:
        continue
    sys.exit(f"{{name}} was imported: the blocker does not block")

import runpy
sys.argv = ["isthmus", "edge", *{arguments!r}]
try:
    runpy.run_module("isthmus.command", run_name="__main__")
except SystemExit as end:
    code = end.code
loaded = [n for n in sys.modules if any(n == b or n.startswith(b + ".") for b in BLOCKED)]
print("LOADED", loaded, file=sys.stderr)
sys.exit(code)
"""


def edge(*arguments: str, without: tuple[str, ...] = BLOCKED) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT.format(blocked=without, arguments=arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env=tiny_codec.child_environment(),
        check=False,
    )


def test_the_edge_needs_no_torch_open3d_or_cloud(tmp_path: Path) -> None:
    zoo = tmp_path / "zoo"
    tiny_codec.write_codec(zoo)
    for index, cloud in enumerate(tiny_codec.clouds(3)):
        np.save(tmp_path / f"c{index}.npy", cloud.points)
    with tiny_codec.live_cloud(zoo) as live:
        done = edge(
            str(tmp_path),
            "--cloud",
            live.address,
            "--zoo",
            str(zoo),
            "--codec",
            "tiny-q1",
            "--json",
            without=BLOCKED + VIDEO,
        )
    assert done.returncode == 0, done.stderr
    assert "LOADED []" in done.stderr
    assert len(done.stdout.splitlines()) == 3


def test_nor_does_it_for_images(tmp_path: Path) -> None:
    zoo = tmp_path / "zoo"
    tiny_image_codec.write_image_codec(zoo)
    for index in range(3):
        write_image(tiny_image_codec.photo(40, 50, seed=index), tmp_path / f"p{index}.png")
    with tiny_codec.live_cloud(zoo) as live:
        common = ("--cloud", live.address, "--zoo", str(zoo), "--json")
        options = ("--codec", "image-test", "--save", str(tmp_path / "out"))
        done = edge(str(tmp_path), *common, *options, without=BLOCKED + VIDEO)
    assert done.returncode == 0, done.stderr
    assert "LOADED []" in done.stderr
    assert len(done.stdout.splitlines()) == 3
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_nor_does_it_to_label_images(tmp_path: Path) -> None:
    """By a codec of videos; OpenCV and PyAV are for what moves."""
    zoo = tmp_path / "zoo"
    tiny_video_codec.write_video_codec(zoo)
    write_image(tiny_image_codec.photo(40, 50), tmp_path / "p.png")
    with tiny_codec.live_cloud(zoo) as live:
        common = ("--cloud", live.address, "--zoo", str(zoo), "--json", "--codec", tiny_video_codec.NAME)
        done = edge(str(tmp_path / "p.png"), *common, "--task", "classify", without=BLOCKED + VIDEO)
    assert done.returncode == 0, done.stderr
    assert "LOADED []" in done.stderr
    assert json.loads(done.stdout)["class"] in tiny_video_codec.CLASS_NAMES


@pytest.mark.slow
def test_nor_does_it_for_videos(tmp_path: Path) -> None:
    """PyAV and OpenCV it needs then, and says so where they are missing."""
    zoo = tmp_path / "zoo"
    tiny_video_codec.write_video_codec(zoo)
    clip = str(write_video(tmp_path / "clip.mp4", panning(3)))
    with tiny_codec.live_cloud(zoo) as live:
        common = ("--cloud", live.address, "--zoo", str(zoo), "--json", "--codec", tiny_video_codec.NAME)
        done = edge(clip, *common)
        assert done.returncode == 0, done.stderr
        assert "LOADED []" in done.stderr
        assert len(done.stdout.splitlines()) == 4
        for package in VIDEO:
            done = edge(clip, *common, without=(*BLOCKED, package))
            assert done.returncode == 2
            assert "pip install 'isthmus[video]'" in done.stderr
