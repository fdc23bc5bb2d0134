"""`isthmus edge` and `isthmus encode` on recordings of lidars: a line a scan, its times, what is cut, pipes."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.pcap_files import START_NS, Turning, pcap
from support.tiny_zoo import POINTS
from typer.testing import CliRunner

from isthmus.codec import load
from isthmus.command.main import app
from isthmus.common.errors import InputError
from isthmus.common.pointcloud.signal import POINT_CLOUD
from isthmus.edge.signal_choice import choose_codec

pytestmark = [
    pytest.mark.zoo(POINTS),
    pytest.mark.skipif(
        not find_spec("velodyne_decoder"), reason="velodyne-decoder is missing: pip install 'isthmus[velodyne]'"
    ),
]

LIDAR = Turning(160, distance=lambda block, beam, _: 0 if beam == 3 else 500 + 37 * (block % 50) + beam)
WORDS = "--points", "256"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Two turns and a part of a third."""
    path = tmp_path / "runs" / "run.pcap"
    path.parent.mkdir()
    path.write_bytes(pcap(LIDAR.frames()))
    return path


def edge(*words: str, code: int = 0, given: bytes = b"") -> tuple[list[dict[str, Any]], str]:
    """What was printed, line by line, and what was said on standard error."""
    done = CliRunner().invoke(app, ["edge", *words, *WORDS, "--json"], input=given)
    assert done.exit_code == code, done.output
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_scans(run: Path, zoo: Path, address: str, tmp_path: Path) -> None:
    """Each is answered as its points in a file are, and has its times; in a folder, in a pipe, and in batches too."""
    words = "--cloud", address, "--zoo", str(zoo), "--codec", POINTS
    lines, _ = edge(str(run), *words)
    assert [list(line)[:5] for line in lines] == [["file", "index", "log_time_ns", "stamp_ns", "sensor"]] * 3
    assert [(line["file"], line["index"], line["sensor"]) for line in lines] == [
        (str(run), k, "VLP-16") for k in range(3)
    ]
    ends_ns = [LIDAR.time_ns(last) // 1000 * 1000 for last in (74, 149, 159)]
    assert [line["log_time_ns"] for line in lines] == [line["stamp_ns"] for line in lines] == ends_ns
    assert ends_ns[0] > START_NS
    assert [(line["points"], line["points_left_out"]) for line in lines] == [(256, 75 * 12)] * 2 + [(256, 10 * 12)]
    assert [len(line["notes"]) for line in lines] == [1, 1, 2]
    for index, packets in enumerate((range(75), range(75, 150), range(150, 160))):
        np.save(tmp_path / f"{index}.npy", LIDAR.points(packets).astype(np.float32))
    files, _ = edge(*(str(tmp_path / f"{index}.npy") for index in range(3)), *words)
    for line, file in zip(lines, files, strict=True):
        assert line["labels"][0]["probability"] == pytest.approx(file["labels"][0]["probability"], abs=0.02)
    batched, _ = edge(str(run), *words, "--batch", "2")
    assert [(line["index"], line["signals_in_packet"]) for line in batched] == [(0, 2), (1, 2), (2, 1)]
    folder, _ = edge(str(run.parent), *words)
    assert [line["labels"] for line in folder] == [line["labels"] for line in lines]
    piped, _ = edge("-", "--format", "pcap", *words, given=run.read_bytes())
    assert [(line["file"], line["index"], line["labels"]) for line in piped] == [
        ("-", k, line["labels"]) for k, line in enumerate(lines)
    ]


def test_a_table_of_scans(run: Path, zoo: Path, address: str) -> None:
    done = CliRunner().invoke(app, ["edge", str(run), "--cloud", address, "--zoo", str(zoo), "--codec", POINTS, *WORDS])
    assert done.exit_code == 0
    assert [row.split()[:2] for row in done.stdout.splitlines()[1:4]] == [[str(run), f"{k}"] for k in range(3)]
    assert f"note: {run} 2: 48 of the 360 degrees of a turn" in done.stderr
    assert f"note: {run} 0: 900 of 28800 points without a finite place (NaN or infinite) left out" in done.stderr


def test_a_cut_recording(run: Path, zoo: Path, address: str) -> None:
    """What was read is answered; then it is said, and the exit code is 1."""
    run.write_bytes(run.read_bytes()[:-1])
    lines, _ = edge(str(run), "--cloud", address, "--zoo", str(zoo), "--codec", POINTS, code=1)
    assert ["class" in line for line in lines] == [True, True, True, False]
    assert (lines[3]["file"], lines[3]["error"]) == (str(run), "InputError")
    assert "behind 159 packets; it is cut" in lines[3]["message"]


def test_what_is_none_keeps_its_place(run: Path, zoo: Path, address: str, tmp_path: Path) -> None:
    """A scan whose beams met nothing, a file that is no recording, one that is not there, and options of tables."""
    lost = Turning(76, distance=lambda block, *_: 0 if block < 75 * 12 else 900)
    run.write_bytes(pcap(lost.frames()))
    (tmp_path / "none.pcapng").write_bytes(b"none")
    words = "--cloud", address, "--zoo", str(zoo), "--codec", POINTS
    names = str(run), str(tmp_path / "none.pcapng"), str(tmp_path / "gone.pcap")
    lines, _ = edge(*names, *words, code=1)
    assert ["class" in line for line in lines] == [False, True, False, False]
    assert (lines[0]["index"], lines[0]["log_time_ns"]) == (0, lost.time_ns(74) // 1000 * 1000)
    assert "expected points, got 28800 without a finite place" in lines[0]["message"]
    assert "expected pcap or pcapng" in lines[2]["message"]
    assert "got a path where nothing is" in lines[3]["message"]
    lines, _ = edge(str(run), *words, "--columns", "x,y,z", code=1)
    assert {line["message"] for line in lines} == {
        "expected no columns for a recording of a lidar, whose packets have their own"
    }


def test_packets_of_scans(run: Path, zoo: Path, tmp_path: Path) -> None:
    """Each is a file of its own, and a program has them one by one."""
    out = tmp_path / "out"
    words = "--zoo", str(zoo), "--codec", POINTS, *WORDS, "--out", str(out)
    done = CliRunner().invoke(app, ["encode", str(run), *words])
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in out.iterdir()) == [f"run-{k:06d}.isth" for k in range(3)]
    codec = load(POINTS, zoo=zoo, points=256)
    assert len(list(codec.encode_all(run))) == 3
    with pytest.raises(InputError, match="got several; encode_all takes many"):
        codec.encode(run)
    assert len(list(load(POINTS, zoo=zoo, points=256, up="y").encode_all(str(run)))) == 3


def test_the_signal_is_told_by_the_name(run: Path) -> None:
    assert choose_codec((str(run),)).signal is POINT_CLOUD
    assert choose_codec(("a.PCAPNG",)).signal is POINT_CLOUD
