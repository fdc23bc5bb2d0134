"""Which points stand for a family: chosen on validation, whatever test says of them."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from support.paths import ROOT
from support.rate_points import codec_point

from isthmus.common.errors import ManifestError
from isthmus.measure.pointcloud.baselines import Rival, SweepPoint
from isthmus.measure.pointcloud.curves import compare, compare_all
from isthmus.measure.pointcloud.front import families, front_on_test, growing
from isthmus.measure.pointcloud.measurement import Measurement
from isthmus.measure.pointcloud.point import CodecPoint
from isthmus.measure.pointcloud.rows import comparisons_table, families_table, rivals_table
from isthmus.measure.pointcloud.training_record import TRAINING_FILE, TrainingRecord, Validation

# bits and top-1 on validation, then on test. By validation q3 is best (q5 is no better for more bits), by test q5.
JUDGED = (
    (8.0, 70.0, 9.0, 60.0),
    (12.0, 80.0, 13.0, 72.0),
    (20.0, 90.0, 22.0, 70.0),
    (40.0, 88.0, 41.0, 86.0),
    (60.0, 90.0, 61.0, 88.0),
)


@pytest.fixture
def codecs() -> list[CodecPoint]:
    """One family whose best on validation is not its best on test."""
    return [
        codec_point(f"pc-lite-p1024-q{i}", bits, top1, Validation(judged_bits, judged))
        for i, (judged_bits, judged, bits, top1) in enumerate(JUDGED, 1)
    ]


def test_validation_chooses_and_test_only_says_how_good_it_is(codecs: list[CodecPoint]) -> None:
    family = families(codecs)["pc-lite-p1024"]
    assert family.chosen_on == "validation"
    assert [p.parts.step for p in family.front] == [1, 2, 3]
    assert family.chosen.top1_percent == 70.0
    assert family.best_on_test().name == "pc-lite-p1024-q5"
    front = family.to_front()
    assert front.measured == 5
    np.testing.assert_array_equal(front.members, [(9, 60), (13, 72), (22, 70)])
    # 72 % at 13 bits and 70 % at 22 are one point of the curve: no one chose the better of them.
    np.testing.assert_allclose(front.curve.points, [(9, 60), (math.sqrt(13 * 22), 71)])
    turned = family.to_front("random_heading_top1_percent")
    np.testing.assert_array_equal(turned.members, front.members - [0, 3])


def test_better_figures_on_test_move_no_choice(codecs: list[CodecPoint]) -> None:
    lucky = [replace(p, top1_percent=99.0) if p.parts.step == 4 else p for p in codecs]
    names = [[p.name for p in families(points)["pc-lite-p1024"].front] for points in (codecs, lucky)]
    assert names[0] == names[1]


def test_of_equals_the_cheapest_stands(codecs: list[CodecPoint]) -> None:
    cheaper = [replace(p, validation=Validation(7.0, 90.0)) if p.parts.step == 4 else p for p in codecs]
    family = families(cheaper)["pc-lite-p1024"]
    assert [p.parts.step for p in family.front] == [4]
    alone = family.to_front()
    assert math.isnan(compare(alone, alone).bd_rate_percent)


def test_a_family_without_a_record_is_chosen_on_test_and_says_so(codecs: list[CodecPoint]) -> None:
    untold = [replace(p, validation=None) if p.parts.step == 2 else p for p in codecs]
    family = families(untold)["pc-lite-p1024"]
    assert family.chosen_on == "test"
    assert [p.parts.step for p in family.front] == [1, 2, 4, 5]
    measurement = Measurement("set", 1024, tuple(untold), {}, np.full(10, 0.1))
    assert "on test those of pc-lite-p1024, whose training records tell of no validation" in measurement.chosen
    assert families_table(measurement).rows[0][1] == "test"


def test_summary_says_both(codecs: list[CodecPoint]) -> None:
    measurement = Measurement("set", 1024, tuple(codecs), {}, np.full(10, 0.1))
    summary = measurement.summary("pointcloud")
    assert summary["pointcloud.lite.top1_max_percent"] == 70
    assert summary["pointcloud.lite.top1_max_on_test_percent"] == 88
    assert summary["pointcloud.lite.top1_max_packet_bits"] == 22 + 8
    assert summary["pointcloud.lite.top1_max_on_test_packet_bits"] == 61 + 8
    assert summary["pointcloud.lite.heading_blind_top1_percent"] == 67
    assert summary["pointcloud.lite.heading_blind_top1_on_test_percent"] == 85
    assert "pointcloud.lite.bits_at_80_percent" not in summary  # the curve ends at 71 %
    expected = ("pc-lite-p1024", "validation", "q1 q2 q3", "q3", "90.00", "70.00", "67.00", "q5: 88.00")
    assert families_table(measurement).rows == (expected,)
    again = Measurement.from_detail(json.loads(json.dumps(measurement.detail())))
    assert again.summary("pointcloud") == summary


@pytest.mark.parametrize(
    ("points", "pooled"),
    [
        ([(10, 50), (100, 60)], [(10, 50), (100, 60)]),
        ([(1000, 60), (10, 50), (100, 40)], [(10**1.5, 45), (1000, 60)]),
        ([(1, 50), (10, 60), (100, 40)], [(10, 50)]),  # 60 and 40 make 50, which is no more than the 50 before
        ([(10, 50), (10, 54), (100, 60)], [(10, 52), (100, 60)]),
        ([(1, 70), (10, 60), (100, 50), (1000, 80)], [(10, 60), (1000, 80)]),
    ],
)
def test_a_curve_is_pooled_until_it_grows(points: list[tuple[float, float]], pooled: list[tuple[float, float]]) -> None:
    np.testing.assert_allclose(growing(points), pooled)


def test_a_row_says_what_it_rests_on(codecs: list[CodecPoint]) -> None:
    sweep = tuple(SweepPoint(16 * k, k, 100.0 * k, 50.0 + 5 * k) for k in range(1, 7))
    rival = Rival("Coder 9.9, level 7", "level 7, the rest as it comes", "file")
    measurement = Measurement("set", 1024, tuple(codecs), {"draco": sweep}, np.full(10, 0.1), rivals={"draco": rival})
    row = comparisons_table(measurement).rows[0]
    assert row[:4] == (
        "pc-lite-p1024",
        "Coder 9.9, level 7; 16 to 96 points × 1 to 6 bits",
        "2 of 5 / 3 of 6: few",
        "60.0 to 71.0",
    )
    narrow = Console(file=io.StringIO(), width=110)
    narrow.print(comparisons_table(measurement).to_rich())
    assert isinstance(narrow.file, io.StringIO)
    # Where there is no room the settings are broken into lines, and no figure is cut short.
    assert all(cell in narrow.file.getvalue() for cell in ("2 of 5 / 3 of 6: few", *row[4:]))
    (told,) = rivals_table(measurement).rows
    assert told[2:] == ("level 7, the rest as it comes", "file", "6 of 6, chosen on test")
    assert "the fronts of draco on test, which is in their favour" in measurement.chosen
    again = Measurement.from_detail(json.loads(json.dumps(measurement.detail())))
    assert comparisons_table(again) == comparisons_table(measurement)


def test_the_recipes_row_names_it(codecs: list[CodecPoint]) -> None:
    recipe = [replace(p, name=p.name.replace("-p1024", "-thesis-p1024")) for p in codecs]
    fronts = {name: family.to_front() for name, family in families([*codecs, *recipe]).items()}
    (comparison,) = compare_all(fronts, {})
    assert comparison.anchor_settings == "the thesis's recipe, trained here (pc-lite-thesis-p1024)"
    assert (comparison.points.test_of, comparison.points.anchor_of) == (5, 5)


def test_a_rivals_front_is_the_best_that_test_allows() -> None:
    front = front_on_test("draco", "Draco", [(10, 50), (20, 45), (30, 70), (40, 70)])
    np.testing.assert_array_equal(front.members, [(10, 50), (30, 70)])
    assert (front.chosen_on, front.measured) == ("test", 4)


def test_training_records_are_read(tmp_path: Path) -> None:
    assert TrainingRecord.read(tmp_path) == TrainingRecord()
    path = tmp_path / TRAINING_FILE
    told = {"encoder_macs_per_point": 48, "quantizer_macs": 7, "validation": {"bits": 4.5, "top1_percent": 81}}
    path.write_text(json.dumps(told))
    record = TrainingRecord.read(tmp_path)
    assert (record.edge_macs(16), record.decoder_macs, record.validation) == (48 * 16 + 7, 0, Validation(4.5, 81.0))
    for bad in ("", "[]", "{", '{"validation": {"bits": 4.5}}', '{"validation": 3}', '{"validation": {"bits": "x"}}'):
        path.write_text(bad)
        assert TrainingRecord.read(tmp_path).validation is None


@pytest.mark.parametrize(
    ("codec", "layers"),
    [
        ("pc-lite-thesis-p1024-q3", 9 * 512 + 512 * 256 + 256 * 10),
        ("pc-lite-p1024-q10", 16 * 512 + 512 * 256 + 256 * 10),
        ("pc-micro-any-q3", 2 * 512 + 512 * 256 + 256 * 10),
    ],
)
def test_a_cloud_half_whose_record_does_not_tell_is_counted_on_its_graph(codec: str, layers: int) -> None:
    """A table of sums stands for the layer that it was frozen from, whatever number of values a symbol has."""
    folder = ROOT / "models" / "zoo" / codec
    assert "decoder_macs" not in json.loads((folder / TRAINING_FILE).read_text(encoding="utf-8"))
    assert TrainingRecord.read(folder).decoder_macs == layers


def test_a_cloud_half_that_is_no_graph_is_said(tmp_path: Path) -> None:
    (tmp_path / TRAINING_FILE).write_text("{}")
    (tmp_path / "cloud.onnx").write_bytes(b"")
    with pytest.raises(ManifestError, match=r"cloud\.onnx: expected the graph of a cloud half"):
        TrainingRecord.read(tmp_path)


def test_every_shipped_codec_tells_of_validation() -> None:
    folders = sorted((ROOT / "models" / "zoo").glob("pc-*"))
    assert len(folders) > 100
    assert [f.name for f in folders if TrainingRecord.read(f).validation is None] == []
