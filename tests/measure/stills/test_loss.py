"""The smoothed loss: its law, and bits at a loss, against numbers worked by hand."""

import numpy as np
import pytest

from isthmus.measure.stills.loss import bits_at_loss, loss_factor, standard_error
from isthmus.split.answers import divergences, log_probabilities


def test_divergence_of_answers() -> None:
    whole = log_probabilities(np.array([[0.0, 1.0], [2.0, 2.0]], np.float32))
    np.testing.assert_allclose(np.exp(whole).sum(1), 1)
    np.testing.assert_allclose(divergences(whole, whole), 0, atol=1e-12)
    other = log_probabilities(np.array([[1.0, 0.0], [2.0, 2.0]], np.float32))
    p = 1 / (1 + np.e)
    assert divergences(whole, other)[0] == pytest.approx(p * -1 + (1 - p) * 1)
    assert divergences(whole, other)[1] == pytest.approx(0)


def test_the_factor_is_that_of_the_points() -> None:
    nats = [0.01, 0.05, 0.1, 0.3, 2.0]
    lost = [70 * n**1.5 for n in nats[:4]] + [3.0]  # the last bends, and is left out
    assert loss_factor(nats, lost) == pytest.approx(70)
    assert np.isnan(loss_factor([3.0], [1.0]))


def test_bits_where_a_point_is_lost() -> None:
    """On a line in logarithms, the place is exact."""
    nats = [np.full(4, 2.0**k / 100) for k in range(5)]
    bits = [np.full(4, 1000 * 2.0**-k) for k in range(5)]
    factor = 1 / (0.04) ** 1.5  # one point is lost at 0.04 nats
    assert bits_at_loss(bits, nats, factor, 1.0) == pytest.approx(250)
    assert np.isnan(bits_at_loss(bits, nats, factor, 1000.0))
    assert np.isnan(bits_at_loss(bits, nats, factor, 1e-4))


def test_standard_errors_shrink_with_images() -> None:
    random = np.random.default_rng(0)
    few, many = random.normal(5, 1, 25), random.normal(5, 1, 400)
    errors = [standard_error(lambda drawn, x=x: float(x[drawn].mean()), len(x)) for x in (few, many)]  # type: ignore[misc]
    assert errors[0] == pytest.approx(0.2, rel=0.3)
    assert errors[1] == pytest.approx(0.05, rel=0.3)
    assert np.isnan(standard_error(lambda _: float("nan"), 5))
