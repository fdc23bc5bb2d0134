"""Where results go: those of a part never where those of the whole lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus.common.options import Options
from isthmus.measure.determinism.options import ImageCases, VideoCases
from isthmus.measure.fuzz.options import FuzzOptions
from isthmus.measure.image.options import ImageOptions
from isthmus.measure.inputs.options import InputsOptions
from isthmus.measure.motion.options import MotionEffort, MotionOptions
from isthmus.measure.options import PARTS, RESULTS, Outputs, limited
from isthmus.measure.pointcloud.options import PointCloudOptions
from isthmus.measure.video.options import ThresholdOptions, VideoOptions

PARTIAL: list[Options] = [
    ImageOptions(limit_images=3),
    PointCloudOptions(limit_clouds=10),
    VideoOptions(is_quick=True),
    VideoOptions(natural_clips=2),
    VideoOptions(labelled_clips=20),
    ThresholdOptions(clips=2),
    MotionOptions(limit=2),
    MotionEffort(maps=100),
    ImageCases(limit=1),
    VideoCases(frames=100),
    FuzzOptions(cases=50),
    FuzzOptions(codecs="pc-*"),
    InputsOptions(cases=50),
    InputsOptions(readers="ply"),
]
WHOLE: list[Options] = [
    ImageOptions(),
    ImageOptions(codec="image-hyper", images=Path("x")),
    PointCloudOptions(points=256),
    VideoOptions(labelled_clips=2000),
    FuzzOptions(cases=1_000_000),
    InputsOptions(seed=3),
]


@pytest.mark.parametrize("options", PARTIAL, ids=repr)
def test_a_part_is_written_apart(options: Options) -> None:
    assert len(limited(options)) == 1
    assert Outputs().folder(ImageOptions(), options) == PARTS
    assert Outputs(out=Path("mine")).folder(options) == Path("mine")


@pytest.mark.parametrize("options", WHOLE, ids=repr)
def test_the_whole_is_written_where_documents_look(options: Options) -> None:
    assert limited(options) == ()
    assert Outputs().folder(options) == RESULTS


def test_parts_are_no_results() -> None:
    assert PARTS.parent == RESULTS
    assert PARTS != RESULTS
