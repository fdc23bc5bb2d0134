"""The sweep over points: fronts by validation, seeds as mean and deviation, every figure of decoded packets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from typer.testing import CliRunner

from isthmus.codec import load
from isthmus.command.main import app
from isthmus.common.errors import InputError
from isthmus.common.results import read_results
from isthmus.data.pointcloud.furniture import generate_set
from isthmus.measure.point_sweep.measurement import PointSweepMeasurement, chosen_on_validation
from isthmus.measure.point_sweep.run import PUBLISHED, PUBLISHED_NAMES
from isthmus.measure.point_sweep.sweep_point import SweepName, SweepPoint
from isthmus.measure.pointcloud.baselines import draw_order
from isthmus.measure.pointcloud.curves import published_curves
from isthmus.measure.pointcloud.training_record import Validation


def point(
    points: int, trade_off: float, seed: int, tested: tuple[float, float], judged: tuple[float, float]
) -> SweepPoint:
    bits, percent = tested
    return SweepPoint(
        "micro", points, trade_off, seed, percent, bits, bits + 8, bits - 3, Validation(*judged), 48, 9, 64, 10
    )


ROWS = (
    point(8, 10, 0, (10, 60), (9, 61)),
    point(8, 10, 1, (12, 64), (9, 62)),
    point(8, 160, 0, (30, 82), (29, 80)),
    point(64, 10, 0, (11, 70), (8, 50)),
    point(64, 160, 0, (25, 90), (28, 85)),
)


def test_a_name_says_what_a_codec_is() -> None:
    assert SweepName.parse("pc-lite-p64-lambda160") == SweepName("lite", 64, 160, 0)
    assert SweepName.parse("pc-full-p1024-lambda14.5-seed2") == SweepName("full", 1024, 14.5, 2)
    for wrong in ("pc-lite-p64-q3", "pc-huge-p64-lambda1", "pc-lite-p64-lambda", "pc-lite-p64-lambda1-seed"):
        with pytest.raises(InputError, match="expected a codec name like"):
            SweepName.parse(wrong)


def test_validation_chooses_and_test_is_told() -> None:
    measurement = PointSweepMeasurement("made up", 5, ROWS, {})
    assert measurement.front("micro") == (ROWS[3], ROWS[0], ROWS[4])
    assert chosen_on_validation(measurement.curve("micro", 8)) == (ROWS[0], ROWS[2])
    summary = measurement.summary()
    assert summary["pointcloud.p_sweep_points"] == 2
    assert summary["pointcloud.seeds"] == 2
    assert summary["pointcloud.sweep.micro.top1_max_percent"] == 90
    assert summary["pointcloud.sweep.micro.top1_max_points"] == 64
    assert summary["pointcloud.sweep.micro.coded_minus_estimated_bits_max"] == 3
    (spread,) = measurement.spreads
    assert (spread.seeds, spread.top1_percent, spread.coded_bits) == (2, 62, 11)
    assert spread.top1_deviation == pytest.approx(8**0.5)
    assert 10 < summary["pointcloud.sweep.micro.bits_at_80_percent"] < 25


def test_published_curves_ship_with_their_source() -> None:
    assert set(published_curves(PUBLISHED, PUBLISHED_NAMES)) == set(PUBLISHED_NAMES)
    head, *rows = PUBLISHED.read_text().splitlines()
    assert head == "codec,bits_per_cloud,top1_percent,data,source"
    assert all(row.endswith(",ModelNet40,arXiv 2409.08376") for row in rows)


def test_the_commands_train_and_measure_every_codec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    made = generate_set(8, 64, 1)
    np.savez(
        tmp_path / "mine.npz",
        points=np.rint(made.stacked() * 30000).astype(np.int16),
        scale=np.float64(1 / 30000),
        labels=made.labels,
        is_test=np.arange(len(made)) % 8 == 0,
        class_names=np.array(made.class_names),
    )
    words = ["train", "pointcloud-sweep", "--data", "mine.npz", "--configs", "micro", "--points", "8,16"]
    words += ["--lambdas", "10,14", "--seeds", "2", "--epochs", "20"]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    names = sorted(folder.name for folder in (tmp_path / "codecs").iterdir())
    first = [f"pc-micro-p{count}-lambda{trade_off}" for count in (16, 8) for trade_off in (10, 14)]
    assert names == sorted([*first, "pc-micro-p16-lambda10-seed1", "pc-micro-p8-lambda10-seed1"])
    again = CliRunner().invoke(app, words, catch_exceptions=False)
    assert again.exit_code == 0
    assert again.stdout == ""  # all are there

    result = CliRunner().invoke(app, ["measure", "pointcloud-sweep", "--data", "mine.npz", "--out", "out"])
    assert result.exit_code == 0, result.output
    found = read_results(tmp_path / "out" / "pointcloud_sweep.json")
    assert found.summary["pointcloud.p_sweep_points"] == 2
    assert found.summary["pointcloud.p_sweep_networks"] == 6
    for row in found.detail["rows"]:
        assert row["coded_bits"] <= row["packet_bits"]
        assert row["edge_macs"] == 48 * row["points"]
        assert row["decoder_macs"] == 16 * 512 + 512 * 256 + 256 * len(made.class_names)
        assert row["edge_parameters"] == 64
        assert row["decoder_parameters"] > row["decoder_macs"]
    codec, test = load("codecs/pc-micro-p16-lambda14"), np.flatnonzero(np.arange(len(made)) % 8 == 0)
    order = draw_order(64)[:16]
    answers = [codec.decode(codec.encode(made.clouds[i][order])).best.class_name for i in test]
    (row,) = (r for r in found.detail["rows"] if (r["points"], r["trade_off"], r["seed"]) == (16, 14, 0))
    assert row["top1_percent"] == pytest.approx(
        100 * np.mean([made.class_names[made.labels[i]] == answer for i, answer in zip(test, answers, strict=True)]),
        abs=0.01,
    )
    with PIL.Image.open(tmp_path / "out" / "pointcloud_sweep.png") as picture:
        assert picture.size[0] > 500
    empty = CliRunner().invoke(app, ["measure", "pointcloud-sweep", "--zoo", "out"])
    assert empty.exit_code == 2
    assert "train them with `isthmus train pointcloud-sweep`" in empty.stderr
