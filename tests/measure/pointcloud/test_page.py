"""From measured points to curves, quoted numbers, tables, the picture and the page."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from support.rate_points import codec_point

from isthmus.common.errors import InputError
from isthmus.common.results import read_results, read_summary, rounded
from isthmus.measure.curve import bd_rate
from isthmus.measure.pointcloud.baselines import SweepPoint
from isthmus.measure.pointcloud.curves import compare, published_curves, thesis_family
from isthmus.measure.pointcloud.front import front_on_test
from isthmus.measure.pointcloud.measurement import Measurement
from isthmus.measure.pointcloud.page import write_page
from isthmus.measure.pointcloud.plots import draw_png
from isthmus.measure.pointcloud.point import CodecName, CodecPoint, Rate
from isthmus.measure.pointcloud.rows import comparisons_table, fronts_table, pointcloud_tables, rates_table
from isthmus.measure.pointcloud.run import results_name, summary_root, write_outputs
from isthmus.measure.pointcloud.training_record import Validation
from isthmus.measure.table import number

STEPS = ((8.0, 60.0), (12.0, 70.0), (20.0, 80.0), (40.0, 86.0), (90.0, 88.0))


def family(name: str, bits: float = 1.0, top1: float = 0.0) -> list[CodecPoint]:
    """Five steps, `bits` times as long and `top1` points better than `STEPS`."""
    return [
        codec_point(f"{name}-q{i}", b * bits, t + top1, Validation(b * bits + 1, t + top1 + 4))
        for i, (b, t) in enumerate(STEPS, 1)
    ]


@pytest.fixture
def measurement() -> Measurement:
    codecs = [
        *family("pc-lite-p1024"),
        *family("pc-lite-any", 1.1, -1),
        *family("pc-lite-thesis-p1024", 1.25, -1),
        *family("pc-micro-p1024", 1.5, -2),
    ]
    tmc13 = [
        SweepPoint(p, b, 100.0 * k, 40.0 + 8 * k)
        for k, (p, b) in enumerate(((16, 2), (64, 3), (256, 4), (1024, 5), (1024, 6)), 1)
    ]
    worse = [SweepPoint(512, 8, 450.0, 50.0)]
    return Measurement(
        "ModelNet10, voxel-derived",
        1024,
        tuple(codecs),
        {"tmc13": (*tmc13, *worse)},
        np.full(10, 0.1),
        notes=("A <note>.",),
    )


def test_names_have_parts() -> None:
    assert CodecName.parse("pc-lite-thesis-p256-q11") == CodecName("lite", "thesis-p256", 11)
    assert CodecName.parse("pc-full-any-q4").family == "pc-full-any"
    for bad in ("pc-lite-q4", "pc-huge-any-q1", "pc-lite-any", "x"):
        with pytest.raises(InputError, match="pc-lite-any-q10"):
            CodecName.parse(bad)
    assert thesis_family("pc-lite-p256") == "pc-lite-thesis-p256"
    assert thesis_family("pc-lite-any") == "pc-lite-thesis-p1024"
    assert thesis_family("pc-lite-thesis-p256") == "pc-lite-thesis-p256"


def test_curves_are_real_coded_bits(measurement: Measurement) -> None:
    np.testing.assert_allclose(measurement.fronts["pc-lite-p1024"].curve.points, STEPS)
    turned = measurement.random_heading_fronts["pc-lite-p1024"].members
    np.testing.assert_array_equal(turned, np.array(STEPS) - np.array([0, 3]))
    assert 500.0 in measurement.baselines["tmc13"].members[:, 0]
    assert 450.0 not in measurement.baselines["tmc13"].members[:, 0]


def test_summary_has_the_issues_keys(measurement: Measurement) -> None:
    summary = measurement.summary("pointcloud")
    tmc13 = measurement.baselines["tmc13"].curve.points
    assert summary["pointcloud.lite.bd_rate_vs_tmc13_percent"] == pytest.approx(bd_rate(tmc13, STEPS))
    recipe = np.array(STEPS) * [1.25, 1] - np.array([0, 1])
    assert summary["pointcloud.lite.bd_rate_vs_thesis_recipe_percent"] == pytest.approx(bd_rate(recipe, STEPS))
    assert summary["pointcloud.lite.bd_rate_vs_thesis_recipe_percent"] < -20
    assert summary["pointcloud.lite.top1_max_percent"] == 88
    assert summary["pointcloud.lite.top1_max_thesis_recipe_percent"] == 87
    assert summary["pointcloud.lite.any_heading_top1_percent"] == 84
    assert summary["pointcloud.lite.any_aligned_top1_percent"] == 87
    assert summary["pointcloud.coded_minus_estimated_bits_max"] == 2.5
    assert summary["wire.bytes_per_cloud"] == 90.5
    assert summary["wire.bytes_per_cloud_up"] == 44
    assert summary["wire.bytes_per_cloud_coalesced"] == pytest.approx(5.4)
    assert summary["pointcloud.optimum_bits_at_100_percent"] == pytest.approx(math.log2(10))
    assert not [key for key in summary if key.startswith("pointcloud.full")]
    assert "pointcloud.micro.bd_rate_vs_thesis_recipe_percent" not in summary
    assert all(math.isfinite(value) for value in summary.values())


def test_other_data_and_points_have_keys_of_their_own(measurement: Measurement) -> None:
    assert (results_name(measurement), summary_root(measurement)) == ("pointcloud_p1024", "pointcloud")
    furniture = replace(measurement, data="generated furniture")
    assert summary_root(furniture) == "pointcloud_generated_furniture_p1024"
    assert not [key for key in furniture.summary(summary_root(furniture)) if key.startswith(("wire.", "pointcloud."))]
    assert summary_root(replace(measurement, points=256)) == "pointcloud_p256"


def test_curves_that_do_not_meet_have_no_delta(measurement: Measurement) -> None:
    tmc13 = measurement.baselines["tmc13"]
    optimum = front_on_test("optimum", "", [(b, t) for b, t in measurement.optimum.points.tolist()])
    assert math.isnan(compare(optimum, tmc13).bd_accuracy_points)
    assert compare(measurement.fronts["pc-lite-p1024"], optimum).bd_rate_percent > 0
    apart = compare(front_on_test("low", "", [(1, 10), (2, 20)]), tmc13)
    assert math.isnan(apart.bd_rate_percent)
    assert (apart.points.test, apart.points.anchor) == (0, 0)
    assert math.isnan(apart.low_percent)
    assert number(float("nan")) == "–"


def test_measurement_goes_through_a_results_file(measurement: Measurement, tmp_path: Path) -> None:
    written = write_outputs(measurement, "isthmus measure pointcloud", tmp_path)
    assert [p.name for p in written] == ["pointcloud_p1024.json", "pointcloud_p1024.png", "pointcloud_p1024.html"]
    results = read_results(written[0])
    again = Measurement.from_detail(results.detail)
    assert rounded(again.detail()) == rounded(measurement.detail())
    assert again.summary("pointcloud") == pytest.approx(measurement.summary("pointcloud"), rel=1e-5)
    assert read_summary(tmp_path) == pytest.approx(measurement.summary("pointcloud"), rel=1e-6)
    assert results.provenance.command == "isthmus measure pointcloud"
    assert results.provenance.chosen == (
        "Weights, rate points and fronts of the codecs were chosen on validation, cut from train; "
        "the fronts of tmc13 on test, which is in their favour."
    )
    with pytest.raises(InputError, match="measurement of this version"):
        Measurement.from_detail({"data": "x"})
    with pytest.raises(InputError, match="measure again"):
        CodecPoint.from_json({"name": "pc-lite-any-q1"})


def test_same_numbers_give_the_same_picture(measurement: Measurement, tmp_path: Path) -> None:
    draw_png(measurement, tmp_path / "a.png")
    draw_png(measurement, tmp_path / "b.png")
    data = (tmp_path / "a.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert data == (tmp_path / "b.png").read_bytes()
    draw_png(replace(measurement, codecs=measurement.codecs[:5]), tmp_path / "b.png")
    assert data != (tmp_path / "b.png").read_bytes()


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.outside: list[str] = []
        self.cells: list[str] = []
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_cell = tag == "td"
        self.outside += [v for k, v in attrs if k in ("src", "href") and v and v.startswith(("http", "//"))]

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.cells.append(data)

    def handle_endtag(self, _tag: str) -> None:
        self._in_cell = False


def test_page_is_self_contained_and_escaped(measurement: Measurement, tmp_path: Path) -> None:
    write_page(measurement, "isthmus measure pointcloud --codecs 'pc-*'", tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert page.outside == []
    assert "A &lt;note&gt;." in text
    assert "Plotly.newPlot" in text
    cells = {cell for table in pointcloud_tables(measurement) for row in table.rows for cell in row}
    assert cells <= set(page.cells)


def test_tables_in_all_three_forms(measurement: Measurement) -> None:
    table = rates_table(measurement.codecs[:1])
    assert table.rows[0][:5] == ("pc-lite-p1024-q1", "60.00", "57.00", "5.5", "8.0")
    markdown = table.to_markdown().splitlines()
    assert markdown[0].startswith("| codec | top-1 % |")
    assert markdown[1].startswith("| --- | ---: |")
    assert len({line.count("|") for line in markdown}) == 1
    console = Console(file=io.StringIO(), width=200)
    console.print(comparisons_table(measurement).to_rich())
    assert isinstance(console.file, io.StringIO)
    assert "pc-lite-p1024" in console.file.getvalue()
    assert ("tmc13", "1024", "6", "500.0", "80.00") in fronts_table(measurement).rows


@pytest.mark.parametrize(
    ("value", "digits", "signed", "text"),
    [(-94.25, 1, True, "−94.2"), (1234.5, 0, False, "1,234"), (3.0, 2, True, "+3.00"), (float("inf"), 1, False, "–")],
)
def test_numbers_for_people(value: float, digits: int, signed: bool, text: str) -> None:
    assert number(value, digits, signed=signed) == text


def test_published_curves_are_marked_as_another_data_set(measurement: Measurement, tmp_path: Path) -> None:
    path = tmp_path / "published.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("codec", "bits_per_cloud", "top1_percent"))
        writer.writerows(("thesis-lite-p1024", 10 * k, 50 + 5 * k) for k in range(1, 5))
        writer.writerow(("something-else", 1, 2))
    curves = published_curves(path)
    assert list(curves) == ["thesis-lite-p1024"]
    shown = replace(measurement, published=curves)
    assert shown.summary("pointcloud") == measurement.summary("pointcloud")
    write_page(shown, "", tmp_path / "page.html")
    assert "as published (ModelNet40)" in (tmp_path / "page.html").read_text(encoding="utf-8")
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="codec, bits_per_cloud, top1_percent"):
        published_curves(path)


def test_rate_orders_its_layers() -> None:
    Rate(29.5, 32, 40, 96, 400)
    with pytest.raises(InputError, match="coded <= packet"):
        Rate(29.5, 32, 30, 96, 400)
    with pytest.raises(InputError, match="finite"):
        Rate(float("nan"), 32, 40, 96, 400)
