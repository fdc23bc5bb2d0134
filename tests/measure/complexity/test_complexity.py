"""Complexity: MACs are the published ones, ratios say which way, counts are those between two marks."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import PIL.Image
import pytest
import torch
from support.adaptive_codecs import write_adaptive_codec
from torch import nn
from torch.nn import functional as F
from typer.testing import CliRunner

from isthmus.command.main import app
from isthmus.common.errors import InputError
from isthmus.common.results import read_results
from isthmus.measure.complexity import counted
from isthmus.measure.complexity.contests import contests
from isthmus.measure.complexity.hyperprior_2018 import HyperWidths, analysis_graph, synthesis_graph
from isthmus.measure.complexity.instructions import counter_missing, counts_in, instructions
from isthmus.measure.complexity.measurement import Comparison, ComplexityMeasurement, Part
from isthmus.measure.complexity.options import ComplexityOptions
from isthmus.measure.complexity.rows import ratio_table
from isthmus.measure.complexity.sides import HISTOGRAM, HYPERPRIOR, NUMPY_HISTOGRAM, THESIS
from isthmus.measure.complexity.stages import Stage, Work, load_stages, prepared, save_stages
from isthmus.measure.complexity.timing import milliseconds
from isthmus.runtime.engine import open_graph
from isthmus.training.origin import HISTORY_FILE

NUMBERS = {"macs_per_pixel": {"synthesized": 8.0}}
SMALL = Stage("c", THESIS, HISTOGRAM, 0.0, Work.HISTOGRAM, (4, 8, 8), bins=32)


@pytest.mark.parametrize(
    ("widths", "macs", "parameters"),
    [(HyperWidths(128, 192), 1364, 1_040_384), (HyperWidths(192, 320), 3285, 2_396_160)],
)
def test_a_hyperprior_costs_what_was_published(widths: HyperWidths, macs: float, parameters: int) -> None:
    assert widths.macs_per_pixel() == macs
    assert widths.parameters() == parameters


def test_its_graphs_are_those_layers() -> None:
    """`h_a` against torch's convolutions; `h_s` brings every place of z back to 4 x 4 of the latents."""
    widths, rng = HyperWidths(8, 16), np.random.default_rng(0)
    graph = analysis_graph(widths, rng)
    weights = [torch.from_numpy(onnx.numpy_helper.to_array(t).copy()) for t in graph.graph.initializer]
    near, first, second = (w for w in weights if w.ndim == 4)
    y = torch.from_numpy(rng.standard_normal((1, 16, 8, 12)).astype(np.float32))
    h = F.relu(F.conv2d(y.abs(), near, padding=1))
    h = F.conv2d(F.relu(F.conv2d(h, first, padding=2, stride=2)), second, padding=2, stride=2)
    (z,) = open_graph(graph.SerializeToString()).run({"y": y.numpy()})
    np.testing.assert_allclose(z, h.numpy(), rtol=1e-4, atol=1e-5)
    (scales,) = open_graph(synthesis_graph(widths, rng).SerializeToString()).run({"z": z})
    assert scales.shape == (1, 16, 8, 12)


def test_a_plain_convolution_and_a_shuffle_can_be_a_transposed_one() -> None:
    """What `h_s` is written as: 3 x 3 with four times the channels, for 5 x 5 transposed of stride 2."""
    torch.manual_seed(0)
    transposed = nn.ConvTranspose2d(3, 2, 5, stride=2, padding=2, output_padding=1, bias=False)
    weight = torch.zeros(2, 2, 2, 3, 3, 3)  # output, row and column within 2 x 2, input, kernel
    for row in range(2):
        for column in range(2):
            for i, ky in enumerate(range(4 + row, -1, -2) if row == 0 else (3, 1)):
                for j, kx in enumerate(range(4 + column, -1, -2) if column == 0 else (3, 1)):
                    place = weight[:, row, column, :, i + row, j + column]
                    place.copy_(transposed.weight[:, :, ky, kx].t())
    x = torch.randn(1, 3, 4, 5)
    plain = F.pixel_shuffle(F.conv2d(x, weight.reshape(8, 3, 3, 3), padding=1), 2)
    torch.testing.assert_close(plain, transposed(x))


def test_stages_survive_their_file_and_run(tmp_path: Path) -> None:
    graph = tmp_path / "h_a.onnx"
    onnx.save(analysis_graph(HyperWidths(8, 16), np.random.default_rng(0)), graph)
    stages = (SMALL, Stage("c", HYPERPRIOR, "h_a", 3.5, Work.GRAPH, (1, 16, 8, 8), str(graph)))
    save_stages(stages, tmp_path / "stages.json")
    assert load_stages(tmp_path / "stages.json") == stages
    in_numpy = Stage("c", THESIS, NUMPY_HISTOGRAM, 0.0, Work.NUMPY_HISTOGRAM, (4, 8, 8), bins=32)
    np.testing.assert_array_equal(prepared(SMALL).whole(), prepared(in_numpy).whole())
    assert [len(found) for found in (prepared(SMALL).small(), prepared(SMALL).whole())] == [4, 4]
    (z,) = prepared(stages[1]).whole()
    (little,) = prepared(stages[1]).small()
    assert (z.shape, little.shape) == ((1, 8, 2, 2), (1, 8, 1, 1))
    assert all(took > 0 for took in milliseconds(stages, 2))


def compared(**times: float) -> Comparison:
    parts = [
        Part("low", HYPERPRIOR, "h_a", 100, 30, math.nan),
        Part("low", HYPERPRIOR, "h_s", 100, 30, math.nan),
        Part("low", THESIS, HISTOGRAM, 0, times["histogram"], math.nan),
        Part("low", THESIS, NUMPY_HISTOGRAM, 0, 56, math.nan),
        Part("low", THESIS, "h_a", 4, 2, math.nan),
        Part("low", THESIS, "h_s", 4, 2, math.nan),
        Part("low", THESIS, "tables", 0, 6, math.nan),
    ]
    return Comparison("low", "published, low rates", is_published=True, transform_macs=800, parts=tuple(parts))


def test_ratios_are_the_hyperpriors_over_the_thesis() -> None:
    low, high = compared(histogram=2.0), compared(histogram=8.0)
    measured = ComplexityMeasurement(512, 768, 5, (low, high), "no valgrind")
    found = measured.summary()
    assert low.ratio("time") == 60 / 6
    assert found["image.thesis.macs_ratio_to_hyperprior"] == 25
    assert found["image.thesis.time_ratio_to_hyperprior"] == 60 / 12
    assert found["image.thesis.time_ratio_to_hyperprior_most"] == 10
    assert found["image.thesis.time_ratio_to_hyperprior_with_tables.low"] == pytest.approx(60 / 18)
    assert found["image.thesis.time_ratio_to_hyperprior_numpy.low"] == 1
    assert found["image.thesis.whole_codec_macs_saved_percent.low"] == pytest.approx(100 * 192 / 1000)
    assert not [key for key in found if "instructions" in key]  # they were not counted
    assert measured.detail()["note"] == "no valgrind"
    assert [row[2] for row in ratio_table(measured).rows] == ["–", "–"]


def test_counts_are_between_two_marks(tmp_path: Path) -> None:
    """Other marks may come before ours, never between or after; the tenth part is after the ninth."""
    for number in range(1, 13):
        (tmp_path / f"counted.{number}").write_text(f"version: 1\ntotals: {number * 10}\n")
    assert counts_in(tmp_path / "counted", 5) == (40, 60, 80, 100, 120)
    with pytest.raises(InputError, match="expected 14 parts of its count, got 12"):
        counts_in(tmp_path / "counted", 7)
    (tmp_path / "counted.12").write_text("nothing")
    with pytest.raises(InputError, match=r"counted\.12: expected a line"):
        counts_in(tmp_path / "counted", 5)


def test_the_counted_process_marks_every_stage_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marks: list[int] = []
    monkeypatch.setattr(os, "getppid", lambda: marks.append(1))
    save_stages((SMALL, SMALL, SMALL), tmp_path / "stages.json")
    counted.main(tmp_path / "stages.json")
    assert len(marks) == 6


def false_valgrind(tmp_path: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "bin" / "valgrind"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent))


def test_without_valgrind_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "valgrind is not installed" in counter_missing()


def test_a_valgrind_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    false_valgrind(tmp_path, "echo cannot map memory >&2; exit 3", monkeypatch)
    assert counter_missing() == ""
    with pytest.raises(InputError, match="got 3: cannot map memory; --no-instructions leaves it out"):
        instructions((SMALL,), tmp_path)


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_valgrind_knows_the_marks(tmp_path: Path) -> None:
    """What is between two marks is little: the start of a process alone is millions more."""
    words = ["valgrind", "--tool=callgrind", "--dump-before=getppid", f"--callgrind-out-file={tmp_path / 'counted'}"]
    code = "import os; os.getppid(); sum(range(10**4)); os.getppid()"
    subprocess.run([*words, sys.executable, "-S", "-E", "-c", code], check=True, capture_output=True, timeout=300)
    (count,) = counts_in(tmp_path / "counted", 1)
    assert 10**4 < count < 10**7


def test_the_command_measures_and_draws(tmp_path: Path) -> None:
    folder = write_adaptive_codec(tmp_path / "zoo", "image-old-q1")
    (folder / HISTORY_FILE).write_text(json.dumps(NUMBERS))
    words = ["measure", "complexity", "--height", "64", "--width", "64", "--rounds", "1", "--no-instructions"]
    words += ["--codec", "image-old-q1", "--zoo", str(tmp_path / "zoo"), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    found = read_results(tmp_path / "out" / "complexity.json")
    assert found.summary["image.thesis.time_ratio_to_hyperprior.low"] > 0
    assert found.summary["image.synthesized.macs_ratio_to_hyperprior.ours"] > 0
    assert not [key for key in found.summary if key.endswith("instructions")]
    with PIL.Image.open(tmp_path / "out" / "complexity.png") as picture:
        assert picture.size[0] > 500


def test_sides_that_no_hyperprior_takes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected multiples of 64, got 100 x 768"):
        contests(ComplexityOptions(height=100), tmp_path)
