"""Drills over tiny codecs: whole, and as the command tells them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support import tiny_video_codec
from support.command_line import isthmus

from isthmus.common.errors import CloudUnreachableError, DeadlineError, InputError
from isthmus.common.results import read_results
from isthmus.measure.drill.course import make_course
from isthmus.measure.drill.edge_run import run_edge
from isthmus.measure.drill.nursery import Nursery
from isthmus.measure.drill.options import DrillOptions
from isthmus.measure.drill.run import chosen_drills, run_drills, summary_of, write_drills

IMAGES, VIDEO, POINTS = "image-test-q1", tiny_video_codec.NAME, "tiny-q1"

pytestmark = pytest.mark.zoo(POINTS, IMAGES, VIDEO)


@pytest.mark.slow
def test_all_is_answered_once_and_rightly(zoo: Path, tmp_path: Path) -> None:
    options = DrillOptions(
        codecs=f"{POINTS},{IMAGES},{VIDEO}", kills=1, terminations=1, cuts=2, edge_kills=1, rounds=1, zoo=zoo
    )
    run = run_drills(options, counts=40)
    assert run.failures == 0, [tally.examples for tally in run.tallies]
    met = {(tally.drill, tally.signal): tally.faults.total() for tally in run.tallies}
    for signal in ("pointcloud", "image", "video"):
        assert met["cloud killed", signal] == met["cloud told to end", signal] == 1
        assert met["connection broken", signal] == 2
    write_drills(run, options, tmp_path)
    summary = read_results(tmp_path / "drill.json").summary
    assert summary == pytest.approx(summary_of(run), rel=1e-3)
    assert summary["drill.frames_sent"] == sum(tally.sent for tally in run.tallies)
    assert summary["drill.frames_lost"] == summary["drill.video.frames_wrong"] == 0


def test_the_command(zoo: Path, tmp_path: Path) -> None:
    words = ("--zoo", zoo, "--codecs", POINTS, "--kills", 0, "--terminations", 0, "--cuts", 1)
    done = isthmus("drill", *words, "--only", "connection broken", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert "0 failures" in done.stdout
    assert (tmp_path / "drill.json").exists()


def test_what_is_no_drill_or_no_codec(zoo: Path) -> None:
    with pytest.raises(InputError, match=r"--only: expected some of cloud killed, .*, got flood"):
        chosen_drills(("flood",))
    with pytest.raises(InputError, match="none-such"):
        run_drills(DrillOptions(codecs="none-such", zoo=zoo))


def test_a_nursery_without_codecs_says_so(tmp_path: Path) -> None:
    with Nursery(tmp_path) as nursery, pytest.raises(CloudUnreachableError, match="expected at least one codec"):
        nursery.take()


def test_no_cloud_outlives_its_nursery(zoo: Path) -> None:
    """However that ends; nor the clouds that nobody has asked for yet."""
    with Nursery(zoo) as nursery:
        cloud = nursery.take()
        os.kill(cloud.pid, 0)
        nursery._process.terminate()
        nursery._process.wait(30)
        with pytest.raises(ProcessLookupError):
            os.kill(cloud.pid, 0)


def test_an_edge_that_does_not_end_is_ended(zoo: Path, tmp_path: Path) -> None:
    course = make_course(VIDEO, zoo, tmp_path / "course", 0, 4)
    with pytest.raises(DeadlineError, match=r"expected the edge to end within 0.1 s"):
        run_edge((*course.words, "--cloud", "127.0.0.1:1"), timeout_s=0.1)
