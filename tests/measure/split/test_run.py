"""`isthmus measure split`: every bit of every packet counted, and the wire gives the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from support import tiny_networks
from typer.testing import CliRunner

from isthmus.command.main import app
from isthmus.command.split_network import labelled_for
from isthmus.common.errors import InputError
from isthmus.common.results import read_results, read_summary
from isthmus.data.image.labelled import load_labelled_images
from isthmus.measure.split.measurement import LiveCheck, SplitCurve, SplitMeasurement, SplitPoint
from isthmus.measure.split.rows import split_table
from isthmus.measure.split.run import SplitMeasureOptions, measure_split
from isthmus.split.cuts import find_cuts
from isthmus.split.network import load_network

pytest.importorskip("cv2", reason="motion needs OpenCV, of the extra `video`")
pytest.importorskip("matplotlib", reason="the picture needs matplotlib, of the extra `measure`")


def test_labels_are_found_by_name_among_the_network_s_classes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder's order is that of the alphabet, a network's is its own; and it may know more than the folder has."""
    images = load_labelled_images(write_images(tmp_path / "images"))
    count = tiny_networks.CLASSES
    names = ("lamp", *(f"Class{i}" for i in reversed(range(count))))
    found = labelled_for("net", images, names)
    assert [names[label].lower() for label in found.labels] == [f"class{i}" for i in range(count) for _ in range(3)]
    assert found.class_names == names
    assert capsys.readouterr().err == ""
    assert labelled_for("net", images, ()) is images
    assert (
        f"label 0 is class0, label {count - 1} is class{count - 1}, in the order of images" in capsys.readouterr().err
    )
    with pytest.raises(InputError, match=r"images: expected classes that net knows: clas0.*did you mean clas0\?"):
        labelled_for("net", images, ("clas0", *names[:-1]))


def write_images(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    for label in range(tiny_networks.CLASSES):
        (folder / f"class{label}").mkdir(parents=True)
        for k in range(3):
            coarse = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
            image = PIL.Image.fromarray(coarse).resize((60, 44), PIL.Image.Resampling.BICUBIC)
            image.save(folder / f"class{label}" / f"{k}.png")
    return folder


@pytest.mark.slow
def test_the_command_measures_and_writes(tmp_path: Path) -> None:
    path = tiny_networks.write_branches(tmp_path, "fixed")
    images = write_images(tmp_path / "images")
    first, second = (find_cuts(load_network(path))[place] for place in (2, 4))
    out = tmp_path / "results"
    done = CliRunner().invoke(
        app,
        [
            "measure",
            "split",
            "--model",
            str(path),
            "--images",
            str(images),
            "--at",
            f"{first.tensor},{second.tensor}",
            "--bits",
            "8,2",
            "--calibration",
            "6",
            "--live",
            "2",
            "--out",
            str(out),
        ],
    )
    assert done.exit_code == 0, done.output
    results = read_results(out / "split_fixed.json")
    summary = read_summary(out)
    assert dict(results.summary) == summary
    assert summary["split.fixed.images"] == 9
    assert summary["split.fixed.live.frames"] == 2
    assert summary["split.fixed.live.mismatches"] == 0
    curves = results.detail["curves"]
    assert [c["edge_macs"] for c in curves] == [first.edge_macs, second.edge_macs]
    for curve in curves:
        many, few = curve["points"]
        assert many["agreement_percent"] == 100
        assert few["bits_per_frame"] < many["bits_per_frame"]
    assert (out / "split_fixed.png").stat().st_size > 10_000
    assert str(tmp_path) not in (out / "split_fixed.json").read_text()


def test_too_few_images(tmp_path: Path) -> None:
    network = load_network(tiny_networks.write_branches(tmp_path, "fixed"))
    images = load_labelled_images(write_images(tmp_path / "images"))
    options = SplitMeasureOptions((find_cuts(network)[2].tensor,), calibration=14)
    with pytest.raises(InputError, match="over 15 images, got 15"):
        measure_split(network, images, options, lambda _title, _total: lambda _steps: None)


def test_a_network_of_any_size_is_refused(tmp_path: Path) -> None:
    network = load_network(tiny_networks.write_branches(tmp_path, "any"))
    images = load_labelled_images(write_images(tmp_path / "images"))
    with pytest.raises(InputError, match="one size of frames"):
        measure_split(network, images, SplitMeasureOptions(("x",)), lambda _title, _total: lambda _steps: None)


def measurement(*top1: float) -> SplitMeasurement:
    points = tuple(SplitPoint(8 - k, 1000.0 / (k + 1), value, value) for k, value in enumerate(top1))
    curve = SplitCurve("fire5/squeeze", 8, (32, 27, 27), 10, 20, points)
    return SplitMeasurement("net", "images", 2, 100, 65.0, 30, (curve,), (), LiveCheck("a", 8, 5, 1, 2, 9.0))


def test_the_quoted_point_is_the_cheapest_within_a_point_of_accuracy() -> None:
    summary = measurement(65.5, 64.0, 63.9).summary("split.net")
    assert summary["split.net.fire5_squeeze.top1_percent"] == 64.0
    assert summary["split.net.fire5_squeeze.bits_per_frame"] == 500.0
    assert summary["split.net.fire5_squeeze.b6.top1_percent"] == 63.9
    assert summary["split.net.live.mismatches"] == 3
    assert "split.net.fire5_squeeze.top1_percent" not in measurement(63.0).summary("split.net")


def test_the_table_has_a_row_a_point() -> None:
    table = split_table(measurement(65.5, 64.0))
    assert [row[0] for row in table.rows] == ["whole network", "fire5/squeeze, 8 bits", "fire5/squeeze, 7 bits"]
