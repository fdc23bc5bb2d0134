"""`isthmus edge`: what people and programs get, and how it ends."""

from __future__ import annotations

import json
import os
import pty
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support import tiny_codec

from isthmus.common.signals import PointCloud
from isthmus.edge.job import Job
from isthmus.edge.pointcloud.encoder import PointCloudEncoder
from isthmus.edge.pointcloud.job import run
from isthmus.edge.pointcloud.options import PointCloudOptions


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Seven clouds; of c3 too few points, and c5 is damaged."""
    folder = tmp_path / "clouds"
    folder.mkdir()
    for index, cloud in enumerate(tiny_codec.clouds(7)):
        np.save(folder / f"c{index}.npy", cloud.points[: 2 if index == 3 else None])
    (folder / "c5.npy").write_bytes(b"oops")
    return folder


def edge(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "isthmus.command", "edge", *arguments],
        input=stdin,
        capture_output=True,
        timeout=60,
        env={**tiny_codec.child_environment(), "NO_COLOR": "1", "COLUMNS": "200"},
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize("batch", [1, 2, 3, 50])
def test_bad_files_are_reported_in_their_place(
    files: Path, zoo: Path, address: str, batch: int, capsys: pytest.CaptureFixture[str]
) -> None:
    options = PointCloudOptions(batch=batch, top_k=2)
    inputs = str(files), str(files / "none.npy")
    assert run(Job(inputs, address, "tiny-q1", zoo, as_json=True, options=options)) == 3
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(line["file"]).name for line in lines] == [*(f"c{i}.npy" for i in range(7)), "none.npy"]
    assert [i for i, line in enumerate(lines) if "error" in line] == [3, 5, 7]
    assert "at least 4 points" in lines[3]["message"]
    encoder = PointCloudEncoder(zoo / "tiny-q1")
    for index in (0, 1, 2, 4, 6):
        line = lines[index]
        encoded = encoder.encode(PointCloud(np.load(line["file"])))
        best = int((encoded.detail.values[0] @ tiny_codec.WEIGHTS).argmax())
        assert line["class"] == line["labels"][0]["class"] == tiny_codec.CLASS_NAMES[best]
        assert len(line["labels"]) == 2
        assert line["doubtful"] is (line["probability"] < 0.5)
        assert line["estimated_bits"] == pytest.approx(encoded.estimated_bits[0], abs=1e-3)
        assert line["packet_bits"] > line["payload_bits"]
        if batch == 1:
            assert (line["payload_bits"], line["packet_bits"]) == (encoded.payload_bits, encoded.packet_bits)
        assert line["points"] == 32
        assert line["round_trip_ms"] > 0


def test_points_without_a_return_are_told(
    zoo: Path, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """To people on standard error, to programs in the row; the answer is that of the others."""
    (cloud,) = tiny_codec.clouds(1)
    np.save(tmp_path / "whole.npy", cloud.points)
    np.save(tmp_path / "lost.npy", np.insert(cloud.points, [0, 7], [[np.nan] * 3, [0, np.inf, 0]], 0))
    names = str(tmp_path / "lost.npy"), str(tmp_path / "whole.npy")
    assert run(Job(names, address, "tiny-q1", zoo, as_json=True)) == 0
    told = capsys.readouterr()
    lost, whole = (json.loads(line) for line in told.out.splitlines())
    said = "2 of 34 points without a finite place (NaN or infinite) left out"
    assert (lost["points"], lost["points_left_out"], lost["notes"]) == (32, 2, [said])
    assert (whole["points"], whole["points_left_out"], whole["notes"]) == (32, 0, [])
    assert lost["labels"] == whole["labels"]
    assert told.err == ""
    assert run(Job(names, address, "tiny-q1", zoo)) == 0
    assert capsys.readouterr().err == f"note: {names[0]}: {said}\n"


def test_the_table(files: Path, zoo: Path, address: str) -> None:
    done = edge(str(files), "--cloud", address, "--codec", "tiny-q1", "--zoo", str(zoo))
    assert done.returncode == 1
    heading, *rows, doubt = done.stdout.splitlines()
    shares = [float(row.split()[2].rstrip("%")) for row in rows if "%" in row]
    assert doubt.startswith(f"{sum(share < 50 for share in shares)} of {len(shares)} answers ")
    assert "doubtful (below 50%): the codec names one of its own classes for anything" in doubt
    assert heading.split() == ["file", "class", "probability", "payload", "bits", "packet", "bits", "ms"]
    assert len(rows) == 7
    assert rows[0].split()[1] in tiny_codec.CLASS_NAMES
    assert rows[0].split()[2].endswith("%")
    assert rows[5].split()[1:] == ["-"] * 5
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["error", "error"]
    assert "c5.npy" in done.stderr


@pytest.mark.slow
def test_standard_input(files: Path, zoo: Path, address: str) -> None:
    options = ("--cloud", address, "--codec", str(zoo / "tiny-q1"), "--json")
    data = (files / "c0.npy").read_bytes()
    from_pipe = edge("-", "--format", "npy", *options, stdin=data)
    from_file = edge(str(files / "c0.npy"), *options)
    assert from_pipe.returncode == from_file.returncode == 0
    one, other = (json.loads(done.stdout) for done in (from_pipe, from_file))
    assert one["file"] == "-"
    assert one["labels"] == other["labels"]
    done = edge("-", *options, stdin=data)
    assert done.returncode == 1
    assert "format" in json.loads(done.stdout)["message"]


def test_up_and_points(files: Path, zoo: Path, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = str(files / "c0.npy")
    for options in (PointCloudOptions(up="y"), PointCloudOptions(points=8)):
        assert run(Job((name,), address, "tiny-q1", zoo, as_json=True, options=options)) == 0
    turned, thinned = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    points = np.load(name)
    cloud = PointCloud(np.stack((points[:, 0], -points[:, 2], points[:, 1]), 1))
    encoded = PointCloudEncoder(zoo / "tiny-q1").encode(cloud)
    assert turned["estimated_bits"] == pytest.approx(encoded.estimated_bits[0], abs=1e-3)
    assert thinned["points"] == 8


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--codec", "tiny-q7"), "expected one of the"),
        (("--cloud", "nowhere"), "expected host:port"),
        (("--cloud", "127.0.0.1:1"), "start one with: isthmus cloud"),
        (("--zoo", "/none/such"), "expected a folder of codecs"),
        (("--up", "x"), "expected y or z"),
    ],
)
def test_what_cannot_be_done_at_all(
    files: Path, zoo: Path, address: str, arguments: tuple[str, str], says: str
) -> None:
    options = {"--codec": "tiny-q1", "--cloud": address, "--zoo": str(zoo)}
    options[arguments[0]] = arguments[1]
    done = edge(str(files), *(word for pair in options.items() for word in pair))
    assert done.returncode == 2
    assert says in " ".join(done.stderr.replace("│", " ").split())
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of what takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(("limit", "told"), [("--frame-timeout-s", 3), ("--deadline-s", 1)])
def test_a_time_that_is_over(files: Path, zoo: Path, silent: str, limit: str, told: int) -> None:
    """Of a frame, and the next one is tried; of the run, and that ends."""
    good = [str(files / f"c{index}.npy") for index in (0, 1, 2)]
    done = edge(*good, "--codec", "tiny-q1", "--zoo", str(zoo), "--cloud", silent, "--json", limit, "0.3")
    assert done.returncode == 1, done.stderr
    *rows, summary = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["file"], row["error"]) for row in rows] == [(name, "DeadlineError") for name in good[:told]]
    assert summary["summary"]["lost_by_reason"] == {"DeadlineError": told}
    assert "expected an answer within" in rows[0]["message"]


@pytest.mark.slow
def test_a_person_is_told_what_the_codec_knows(files: Path, zoo: Path, address: str) -> None:
    """Once, on standard error where that is a terminal; a pipe and a program get the answers alone."""
    words = [str(files / "c0.npy"), "--cloud", address, "--zoo", str(zoo), "--codec", "tiny-q1"]
    assert edge(*words).stderr == ""
    for more, is_told in (((), True), (("--json",), False)):
        screen, terminal = pty.openpty()
        done = subprocess.run(
            [sys.executable, "-m", "isthmus.command", "edge", *words, *more],
            stdout=subprocess.PIPE,
            stderr=terminal,
            env=tiny_codec.child_environment(),
            check=True,
        )
        os.close(terminal)
        try:
            shown = os.read(screen, 1 << 16).decode()
        except OSError:  # nothing was written to the terminal
            shown = ""
        os.close(screen)
        assert ("tiny-q1 knows these classes alone, " in shown) == is_told
        assert b"knows" not in done.stdout
