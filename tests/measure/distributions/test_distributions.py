"""Errors of rebuilt distributions: what they are of, and that they fall as tables fit better."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from support.adaptive_codecs import write_adaptive_codec

from isthmus.common.bits.cdf import quantize_pmf
from isthmus.common.errors import InputError
from isthmus.common.results import read_results
from isthmus.measure.distributions.measurement import WAYS, nrmse
from isthmus.measure.distributions.options import DistributionOptions
from isthmus.measure.distributions.rows import distributions_table
from isthmus.measure.distributions.run import (
    measure_distributions,
    probabilities,
    shares,
    write_distribution_outputs,
)


def untold(_: str, __: int) -> Callable[[int], None]:
    return lambda _: None


def test_shares_count_what_lies_beyond_in_the_outermost_bins() -> None:
    y = np.array([[[0, 1, 1, -9]], [[9, 3, -4, 0]]], np.int32)
    expected = np.array([[1, 0, 0, 0, 1, 2, 0, 0], [1, 0, 0, 0, 1, 0, 0, 2]]) / 4
    assert np.array_equal(shares(y, 8), expected)


def test_probabilities_are_those_of_the_tables_without_escapes() -> None:
    tables = quantize_pmf([[0.25, 0.5, 0.125, 0.125], [0.5, 0.5]], [-1, 2], 16, has_escape=True)
    found = probabilities(tables, 8)
    assert found[0].tolist() == [0, 0, 0, 0.25, 0.5, 0.125, 0, 0]
    assert found[1].tolist() == [0, 0, 0, 0, 0, 0, 0.5, 0]
    clipped = probabilities(quantize_pmf([[0.25, 0.25, 0.25, 0.25]], [3], 16, has_escape=True), 8)
    assert clipped[0].tolist() == [0, 0, 0, 0, 0, 0, 0, 0.25]


def test_the_error_is_over_the_range_of_the_true_distribution() -> None:
    own = np.array([[0.0, 0.5, 0.5, 0.0]])
    assert nrmse(own, own).tolist() == [0.0]
    assert nrmse(np.array([[0.0, 1.0, 0.0, 0.0]]), own)[0] == pytest.approx(np.sqrt(2 * 0.25 / 4) / 0.5)


def test_every_image_and_way_is_measured(tmp_path: Path) -> None:
    write_adaptive_codec(tmp_path / "zoo")
    rng = np.random.default_rng(0)
    for index in range(3):
        pixels = (128 + rng.normal(size=(48, 64, 3)) * (10 + 30 * index)).clip(0, 255).astype(np.uint8)
        PIL.Image.fromarray(pixels).save(tmp_path / f"{index}.png")
    options = DistributionOptions(images=tmp_path, codecs="image-tiny-q1", zoo=tmp_path / "zoo")
    measured = measure_distributions(options, untold)
    (row,) = measured.rows
    assert {way: errors.shape for way, errors in row.of_way.items()} == dict.fromkeys(WAYS, (3, 16))
    assert len(distributions_table(measured).rows) == 3
    written = write_distribution_outputs(measured, "isthmus measure distributions", tmp_path / "out")
    summary = read_results(written[0]).summary
    assert summary["image.distribution_nrmse_median"] == pytest.approx(
        float(np.median(row.of_way["synthesized"].mean(1))), rel=1e-5
    )
    with PIL.Image.open(written[1]) as picture:
        assert picture.size[0] > 500


def test_a_codec_without_them_is_refused() -> None:
    with pytest.raises(InputError, match="synthesizes tables"):
        measure_distributions(DistributionOptions(codecs="image-hyper-q3"), untold)
