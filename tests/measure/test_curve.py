"""Curves, fronts and Bjøntegaard deltas (oracle: the `bjontegaard` package)."""

from __future__ import annotations

import csv
from collections import defaultdict

import bjontegaard
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator
from support.paths import SHARED

from isthmus.common.errors import InputError
from isthmus.measure.curve import (
    BdPoints,
    Float64,
    MonotoneCubic,
    bd_accuracy,
    bd_points,
    bd_rate,
    pareto_front,
    rate_at_accuracy,
)

PUBLISHED = SHARED / "reference" / "modelnet40_rate_accuracy.csv"

INPUT_CODEC = np.array([[72.0, 4.05], [136.6, 42.2], [274.4, 73.9], [622.6, 83.3], [2247.3, 88.0], [5300.2, 88.5]])
LEARNED = np.array([[8.1, 45.1], [14.5, 69.5], [30.8, 81.1], [74.5, 85.9], [789.8, 88.5]])


def _oracle(function: str, anchor: Float64, test: Float64) -> float:
    a, t = pareto_front(anchor), pareto_front(test)
    return float(
        getattr(bjontegaard, function)(
            a[:, 0], a[:, 1], t[:, 0], t[:, 1], method="pchip", require_matching_points=False, min_overlap=0
        )
    )


@st.composite
def curves(draw: st.DrawFn) -> Float64:
    """Monotone curves that all cover 100 to 1,000 bits and 40 to 60 percent."""
    inner = draw(st.lists(st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)), min_size=1, max_size=7))
    steps = np.array([*inner, (0.3, 0.3)]).cumsum(0)
    steps = steps / steps[-1]
    low, high = draw(st.floats(1, 99)), draw(st.floats(1001, 1e5))
    rates = np.concatenate(([low], low * (high / low) ** steps[:, 0]))
    bottom, top = draw(st.floats(0, 39)), draw(st.floats(61, 100))
    return np.stack((rates, np.concatenate(([bottom], bottom + (top - bottom) * steps[:, 1]))), 1)


@given(curves(), curves())
def test_deltas_agree_with_the_bjontegaard_package(anchor: Float64, test: Float64) -> None:
    assert bd_rate(anchor, test) == pytest.approx(_oracle("bd_rate", anchor, test), rel=1e-6, abs=1e-6)
    assert bd_accuracy(anchor, test) == pytest.approx(_oracle("bd_psnr", anchor, test), rel=1e-6, abs=1e-6)


@given(curves())
def test_monotone_cubic_is_scipys(curve: Float64) -> None:
    x, y = np.log10(curve[:, 0]), curve[:, 1]
    ours, theirs = MonotoneCubic.through(x, y), PchipInterpolator(x, y)
    at = np.linspace(x[0], x[-1], 97)
    np.testing.assert_allclose(ours(at), theirs(at), rtol=1e-9, atol=1e-9)
    assert ours.integrate(x[0], x[-1]) == pytest.approx(float(theirs.integrate(x[0], x[-1])), rel=1e-9)


def test_monotone_cubic_slopes_at_turns_and_ends() -> None:
    """The branches of the end formula: a sign change in the next secant, and a slope against its own secant."""
    for y in ([0.0, 1.0, -9.0, 2.0], [0.0, 0.1, 5.0, 5.0], [3.0, 3.0, 3.0], [0.0, 1.0, 1.1, 9.0, 9.05]):
        x = np.array([0.0, 0.3, 2.0, 2.5, 7.0][: len(y)])
        at = np.linspace(x[0], x[-1], 50)
        np.testing.assert_allclose(MonotoneCubic.through(x, y)(at), PchipInterpolator(x, y)(at), atol=1e-12)


def test_inline_curves_agree_with_the_bjontegaard_package() -> None:
    assert bd_rate(INPUT_CODEC, LEARNED) == pytest.approx(_oracle("bd_rate", INPUT_CODEC, LEARNED), abs=1e-6)
    assert bd_accuracy(INPUT_CODEC, LEARNED) == pytest.approx(_oracle("bd_psnr", INPUT_CODEC, LEARNED), abs=1e-6)
    assert bd_rate(INPUT_CODEC, LEARNED) < -90


def test_published_curves_give_the_published_deltas() -> None:
    """The thesis: BD-rate against TMC13 -93.8 / -93.0 / -91.8, BD-accuracy of full +16.4 (P = 1,024).

    Its own numbers are Akima's (Draco +780.7, OctAttention -13.2 come out to the digit); PCHIP is within 0.1 here.
    """
    if not PUBLISHED.exists():
        pytest.skip(f"no published curves at {PUBLISHED.name} under ../shared/reference")
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with PUBLISHED.open(newline="") as file:
        for row in csv.DictReader(file):
            found[row["codec"]].append((float(row["bits_per_cloud"]), float(row["top1_percent"])))
    tmc13 = np.array(found["input-compression-pointnet-tmc13"])
    for config, percent in (("full", -93.8), ("lite", -93.0), ("micro", -91.8)):
        test = np.array(found[f"thesis-{config}-p1024"])
        assert bd_rate(tmc13, test) == pytest.approx(percent, abs=0.1)
        assert bd_rate(tmc13, test) == pytest.approx(_oracle("bd_rate", tmc13, test), abs=1e-6)
        assert bd_accuracy(tmc13, test) == pytest.approx(_oracle("bd_psnr", tmc13, test), abs=1e-6)
    full = np.array(found["thesis-full-p1024"])
    assert bd_accuracy(tmc13, full, saturated=True) == pytest.approx(16.4, abs=0.1)
    assert rate_at_accuracy(full, 80) == pytest.approx(28.4, abs=1)  # there: straight lines between points


def test_points_that_a_bd_rate_rests_on() -> None:
    """INPUT_CODEC reaches 4.05 to 88.5 %, LEARNED 45.1 to 88.5 %: the anchor's two lowest points do not count."""
    assert bd_points(INPUT_CODEC, LEARNED) == BdPoints(5, 5, 4, 6)
    assert bd_points(LEARNED, INPUT_CODEC) == BdPoints(4, 6, 5, 5)
    assert not bd_points(INPUT_CODEC, LEARNED).are_few
    assert bd_points(INPUT_CODEC, LEARNED).cell == "5 of 5 / 4 of 6"
    two = INPUT_CODEC[2:4]
    assert bd_points(INPUT_CODEC, two) == BdPoints(2, 2, 2, 6)
    assert bd_points(INPUT_CODEC, two).cell == "2 of 2 / 2 of 6: few"
    # A point that a cheaper one beats was measured, and counts for nothing.
    assert bd_points([*INPUT_CODEC, [9000.0, 80.0]], LEARNED) == BdPoints(5, 5, 4, 7)
    assert bd_points(INPUT_CODEC, [[10, 90], [20, 95]]) == BdPoints(0, 2, 0, 6)
    # One side may have none between the other's: nothing but its spline is compared.
    assert bd_points(INPUT_CODEC, [[10, 75], [20, 80]]) == BdPoints(2, 2, 0, 6)


def test_half_the_bits_is_minus_fifty_percent() -> None:
    half = INPUT_CODEC * [0.5, 1.0]
    assert bd_rate(INPUT_CODEC, half) == pytest.approx(-50)
    assert bd_rate(half, INPUT_CODEC) == pytest.approx(100)
    assert bd_accuracy(INPUT_CODEC, INPUT_CODEC + np.array([0, 2.5])) == pytest.approx(2.5)


def test_saturated_accuracy_holds_the_best_point() -> None:
    short = INPUT_CODEC[:4]
    assert bd_accuracy(INPUT_CODEC, short) == pytest.approx(0, abs=0.2)
    held = bd_accuracy(INPUT_CODEC, short, saturated=True)
    assert held < bd_accuracy(INPUT_CODEC, short)
    cheap = np.array([[1.0, 10.0], [4.0, 90.0]])
    with pytest.raises(InputError, match="share rates"):
        bd_accuracy(INPUT_CODEC, cheap)
    assert bd_accuracy(INPUT_CODEC, cheap, saturated=True) > 0


@given(st.lists(st.tuples(st.floats(1, 1e4), st.floats(0, 100)), min_size=1, max_size=30))
def test_front_is_what_no_point_beats(points: list[tuple[float, float]]) -> None:
    front = pareto_front(points)
    assert (np.diff(front[:, 0]) > 0).all()
    assert (np.diff(front[:, 1]) > 0).all()
    for bits, accuracy in points:
        assert ((front[:, 0] <= bits) & (front[:, 1] >= accuracy)).any()
    kept = {tuple(p) for p in front}
    for p in kept:
        assert not any((b <= p[0] and a > p[1]) or (b < p[0] and a >= p[1]) for b, a in points)


def test_points_that_share_a_rate_or_an_accuracy() -> None:
    doubled = np.concatenate((INPUT_CODEC, INPUT_CODEC + np.array([0, -1]), INPUT_CODEC + np.array([5, 0])))
    np.testing.assert_array_equal(pareto_front(doubled), INPUT_CODEC)
    assert bd_rate(doubled, LEARNED) == bd_rate(INPUT_CODEC, LEARNED)


def test_curves_without_overlap_say_so() -> None:
    with pytest.raises(InputError, match=r"share accuracies, got anchor .* test 90\.000 to 95\.000%"):
        bd_rate(INPUT_CODEC, [[10, 90], [20, 95]])
    with pytest.raises(InputError, match="two or more points"):
        bd_rate(INPUT_CODEC, [[10, 50]])
    with pytest.raises(InputError, match="bits above 0"):
        bd_rate(INPUT_CODEC, [[0, 50], [1, 60]])
    with pytest.raises(InputError, match="shape"):
        pareto_front([1, 2, 3])


def test_no_rate_is_known_for_an_accuracy_out_of_reach() -> None:
    assert np.isnan(rate_at_accuracy(LEARNED, 99))
