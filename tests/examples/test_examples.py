"""The programs of `examples/` run as their heads say, each in a process of its own, on data made here."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support import tiny_codec
from support.paths import ROOT
from support.tiny_image_codec import photo

from isthmus.data.image.files import read_image, write_image
from isthmus.data.pointcloud.furniture import generate

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))

pytestmark = pytest.mark.slow


def run(name: str, *words: object) -> subprocess.CompletedProcess[str]:
    """Runs an example; torch, which none needs, cannot be imported."""
    source = "import sys, runpy; sys.modules['torch'] = None; runpy.run_path(sys.argv[0], run_name='__main__')"
    path = ROOT / "examples" / name
    command = [sys.executable, "-W", "error", "-c", source.replace("sys.argv[0]", repr(str(path))), *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=tiny_codec.child_environment(), check=False
    )


@pytest.fixture(scope="module")
def shipped() -> Iterator[str]:
    """Of a cloud that serves the codecs that ship."""
    with tiny_codec.live_cloud(ROOT / "models" / "zoo") as live:
        yield live.address


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generated furniture, a folder a class."""
    folder = tmp_path_factory.mktemp("shapes")
    rng = np.random.default_rng(0)
    for name in ("bed", "chair", "toilet"):
        (folder / name).mkdir()
        for number in range(3):
            np.save(folder / name / f"{name}{number}.npy", generate(name, rng, 1024))
    return folder


def test_each_says_how_to_run_it_and_is_short() -> None:
    assert len(EXAMPLES) >= 5
    for path in EXAMPLES:
        text = path.read_text(encoding="utf-8")
        assert f"python examples/{path.name}" in text.split('"""')[1], path
        code = text.split('"""', 2)[2]
        assert 10 <= sum(bool(line.strip()) for line in code.splitlines()) <= 40, path


def test_encode_and_decode(tmp_path: Path) -> None:
    write_image(photo(64, 96), tmp_path / "photo.png")
    done = run("encode_and_decode.py", tmp_path / "photo.png", tmp_path / "out.png")
    assert done.returncode == 0, done.stderr
    found = [tuple(map(float, m)) for m in re.findall(r"(\d+) bits, ([\d.]+) a pixel, ([\d.]+) dB", done.stdout)]
    assert len(found) == 3
    assert found == sorted(found)  # more bits, better picture
    assert "96 x 64 pixels" in done.stdout
    assert read_image(tmp_path / "out.png").pixels.shape == (64, 96, 3)


def test_stream_a_folder(shipped: str, shapes: Path) -> None:
    folder = shapes / "chair"
    (folder / "broken.off").write_text("OFF nothing")
    done = run("stream_a_folder.py", shipped, folder)
    (folder / "broken.off").unlink()
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("broken.off: ")
    assert all(re.fullmatch(r"chair\d\.npy: \w+ \([\d.]+%\), \w+ \([\d.]+%\), [\d.]+ ms", line) for line in lines[1:4])
    assert re.fullmatch(r"4 files, [1-9]\d+ bits sent", lines[4])


def test_camera_loop(shipped: str) -> None:
    done = run("camera_loop.py", shipped)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 40
    assert lines[0].startswith("0: key, ")
    assert sum(": motion, " in line for line in lines) > 20


def test_measure_your_codec(shapes: Path) -> None:
    names = ("pc-lite-any-q4", ROOT / "models" / "zoo" / "pc-lite-any-q10")
    done = run("measure_your_codec.py", shapes, *names)
    assert done.returncode == 0, done.stderr
    first, second = (re.findall(r"[\d.]+(?= bits| of)", line) for line in done.stdout.splitlines())
    assert float(first[0]) < float(second[0])
    assert int(second[1]) >= 5
    refused = run("measure_your_codec.py", shapes, "video-tiny-q3")
    assert refused.returncode == 1
    assert "and not bed, chair, toilet" in refused.stderr


def test_serve_inside_asyncio(shapes: Path) -> None:
    files = sorted((shapes / "bed").iterdir())
    done = run("serve_inside_asyncio.py", *files)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"listening on 127\.0\.0\.1:\d+, \d+ codecs", lines[0])
    assert [line.split(": ")[0] for line in lines[1:]] == [str(path) for path in files]
