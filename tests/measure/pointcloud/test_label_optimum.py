"""The optimum of a label prior: the closed form against Blahut and Arimoto's iteration, and the thesis's figures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.paths import SHARED

from isthmus.measure.curve import read_published
from isthmus.measure.pointcloud.label_optimum import (
    blahut_arimoto,
    entropy_bits,
    label_optimum_bits,
    label_optimum_curve,
    label_prior,
)

PUBLISHED = SHARED / "reference" / "modelnet40_rate_accuracy.csv"
# Test labels of ModelNet40: 18 classes of 100, three of 86, one of 50, 18 of 20; 2,468 in all.
MODELNET40_TEST = np.array([100] * 18 + [86] * 3 + [50] + [20] * 18)


def test_published_optimum_is_ours() -> None:
    if not PUBLISHED.is_file():
        pytest.skip(f"no published curves at {PUBLISHED.name} under ../shared/reference")
    columns = ("codec", "bits_per_cloud", "top1_percent")
    found = read_published(PUBLISHED, columns, lambda r: (r["codec"], float(r[columns[1]]), float(r[columns[2]])))
    optimum = np.array(found["theoretical-optimum"])
    for bits, accuracy in optimum[:: max(1, len(optimum) // 12)]:
        assert label_optimum_bits(label_prior(np.repeat(np.arange(40), MODELNET40_TEST)), accuracy) == pytest.approx(
            bits, abs=0.02
        )


def test_optimum_of_modelnet40_is_the_thesis() -> None:
    prior = MODELNET40_TEST / MODELNET40_TEST.sum()
    assert label_optimum_bits(prior, 80) == pytest.approx(3.23, abs=0.005)
    assert label_optimum_bits(prior, 100) == pytest.approx(5.00, abs=0.01)
    assert entropy_bits(prior) == pytest.approx(5.00, abs=0.01)


@settings(deadline=None)
@given(st.lists(st.integers(1, 200), min_size=2, max_size=12), st.floats(0.2, 9))
def test_blahut_arimoto_meets_the_closed_form(counts: list[int], slope: float) -> None:
    prior = np.array(counts) / sum(counts)
    rate, distortion = blahut_arimoto(prior, 1.0 - np.eye(len(prior)), slope)
    assert rate == pytest.approx(label_optimum_bits(prior, 100 * (1 - distortion)), abs=3e-5)


def test_optimum_of_two_equal_labels_is_one_minus_the_binary_entropy() -> None:
    assert label_optimum_bits([0.5, 0.5], 90) == pytest.approx(1 - entropy_bits([0.1, 0.9]))
    assert label_optimum_bits([0.7, 0.3], 70) == pytest.approx(0, abs=1e-12)
    assert label_optimum_bits([0.7, 0.3], 50) == 0
    assert label_optimum_bits([1.0], 100) == 0


def test_optimum_curve_grows_to_the_entropy() -> None:
    curve = label_optimum_curve([0.5, 0.25, 0.125, 0.125])
    assert (np.diff(curve[:, 0]) > 0).all()
    assert curve[-1].tolist() == [1.75, 100.0]
