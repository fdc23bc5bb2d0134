"""The rule that chooses the encoder's thresholds, its record, and the encoder that has them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from support.paths import ROOT
from support.tiny_video_codec import write_video_codec
from typer.testing import CliRunner

from isthmus.command.main import app
from isthmus.common.errors import InputError
from isthmus.common.results import read_results
from isthmus.edge.video.policy import VideoPolicy
from isthmus.measure.video import thresholds
from isthmus.measure.video.clips import TUNING_STEMS
from isthmus.measure.video.options import ThresholdOptions
from isthmus.measure.video.threshold_run import search_thresholds, tuning_clips
from isthmus.measure.video.thresholds import (
    GRID,
    ThresholdSearch,
    Trial,
    policy_with,
    tried_policies,
)

VALUES = {"key_interval": 6, "residual_damage": 0.5, "latent_error": 0.08, "deadzone": 0.5}


def search(*trials: tuple[float, float, float]) -> ThresholdSearch:
    """Of (bits, agreement, share of the frames for which the network ran)."""
    made = tuple(Trial({**VALUES, "residual_damage": i}, *trial, 5.0) for i, trial in enumerate(trials))
    return ThresholdSearch("made up", "video-q", ("one",), 10, Trial({}, 900, 99.0, 100, 6.0), made)


def test_the_fewest_bits_within_a_point_are_chosen() -> None:
    found = search((500, 98.9, 50), (300, 98.0, 50), (100, 97.9, 10))
    assert found.chosen.bits_a_frame == 300
    assert found.lost_points(found.chosen) == pytest.approx(1.0)


def test_of_nearly_equal_bits_the_network_runs_least() -> None:
    assert search((300, 98.5, 50), (302, 98.5, 20), (304, 99, 10)).chosen.bits_a_frame == 302
    assert search((300, 98.5, 50), (299, 98.5, 50)).chosen.bits_a_frame == 299


def test_a_grid_that_is_too_coarse_says_so() -> None:
    with pytest.raises(InputError, match="at most 1 points"):
        _ = search((100, 90, 10)).chosen


def test_a_search_comes_back_and_shows_what_none_beats() -> None:
    found = search((500, 98.9, 50), (300, 98.0, 50), (310, 97.0, 5), (100, 97.9, 10))
    assert ThresholdSearch.from_detail(json.loads(json.dumps(found.detail()))) == found
    rows = found.table().rows
    assert [row[0] for row in rows] == ["all intra", "tried", "chosen", "tried"]
    assert [row[5] for row in rows] == ["900.0", "100.0", "300.0", "500.0"]
    assert found.summary()["video.thresholds.residual_damage"] == 1
    with pytest.raises(InputError, match="this version"):
        ThresholdSearch.from_detail({"trials": []})


def test_every_combination_is_tried_and_nothing_else_changes() -> None:
    tried = tried_policies()
    assert len(tried) == np.prod([len(values) for values in GRID.values()])
    assert len({policy for _, policy in tried}) == len(tried)
    for values, policy in tried:
        assert {name: getattr(policy, name) for name in GRID} == values
        assert policy.key_damage == VideoPolicy().key_damage


def test_the_encoder_has_what_the_record_chose() -> None:
    record = read_results(ROOT / "results" / "video_thresholds.json")
    found = ThresholdSearch.from_detail(record.detail)
    assert [trial.values for trial in found.trials] == [values for values, _ in tried_policies()]
    assert policy_with(found.chosen.values) == VideoPolicy()
    assert {name: record.summary[f"video.thresholds.{name}"] for name in GRID} == found.chosen.values
    assert set(TUNING_STEMS) < set(found.clip_names)
    assert all(name in TUNING_STEMS or name.startswith("photograph ") for name in found.clip_names)


def write_tuning(folder: Path) -> ThresholdOptions:
    """Three short videos of the names that are tuned on, another, and two packed photographs."""
    av = pytest.importorskip("av", reason="PyAV is not installed (extra `video`)")
    random = np.random.default_rng(1)
    pixels = random.integers(0, 256, (64, 80, 3)).astype(np.uint8)
    for name in (*TUNING_STEMS, "another"):
        with av.open(str(folder / f"{name}.mp4"), "w") as container:
            stream = container.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = 80, 64, "yuv420p"
            for shift in range(4):
                moved = np.ascontiguousarray(np.roll(pixels, shift, 1))
                container.mux(stream.encode(av.VideoFrame.from_ndarray(moved, format="rgb24")))
            container.mux(stream.encode(None))
    files = []
    for _ in range(3):
        file = io.BytesIO()
        PIL.Image.fromarray(random.integers(0, 256, (40, 40, 3)).astype(np.uint8)).save(file, "PNG")
        files.append(file.getvalue())
    packed = folder / "photos.npz"
    np.savez(packed, jpg=np.frombuffer(b"".join(files), np.uint8), off=np.cumsum([0, *map(len, files)]))
    return ThresholdOptions(
        codec="video-test-q1", videos=str(folder), photographs=str(packed), clips=2, frames=4, moved_frames=3
    )


def test_clips_are_the_tuning_videos_and_moved_photographs(tmp_path: Path) -> None:
    clips = tuning_clips(write_tuning(tmp_path))
    assert clips.clip_names == (*sorted(TUNING_STEMS), "photograph 0 0", "photograph 1 0")
    assert [len(clips.clip(i)) for i in range(5)] == [4, 4, 4, 3, 3]
    (tmp_path / "bikes.mp4").unlink()
    with pytest.raises(InputError, match="expected videos bikes"):
        tuning_clips(ThresholdOptions(videos=str(tmp_path)))


def test_the_command_tries_all_and_writes_what_it_chose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thresholds, "GRID", {**{k: (v,) for k, v in VALUES.items()}, "residual_damage": (0.0, 0.5)})
    monkeypatch.setattr(thresholds, "ALLOWED_POINTS", 100.0)
    zoo = tmp_path / "zoo"
    write_video_codec(zoo, "video-test-q1")
    options = write_tuning(tmp_path)
    steps: list[int] = []

    def track(_title: str, total: int) -> Callable[[int], None]:
        steps.append(total)
        return steps.append

    found = search_thresholds(
        ThresholdOptions(**{**{n: getattr(options, n) for n in ThresholdOptions.__slots__}, "zoo": zoo}), track
    )
    assert steps == [3, 1, 1, 1]
    assert found.frames == 18
    assert isinstance(found, ThresholdSearch)
    assert found.intra.network_percent == 100
    assert found.intra.agreement_percent <= 100
    assert {trial.values["residual_damage"] for trial in found.trials} == {0.0, 0.5}
    words = ["--codec", "video-test-q1", "--zoo", zoo, "--videos", tmp_path, "--photographs", options.photographs]
    few = ["--clips", 2, "--frames", 4, "--moved-frames", 3, "--out", tmp_path / "out"]
    told = CliRunner().invoke(app, ["measure", "video-thresholds", *map(str, (*words, *few))])
    assert told.exit_code == 0, told.output
    record = read_results(tmp_path / "out" / "video_thresholds.json")
    assert record.provenance.chosen.startswith("Thresholds were chosen here")
    again = ThresholdSearch.from_detail(record.detail)
    assert [t.bits_a_frame for t in again.trials] == pytest.approx([t.bits_a_frame for t in found.trials], rel=1e-5)
    assert record.summary["video.thresholds.settings"] == 2
