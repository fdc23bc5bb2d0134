"""An image's distributions as components: knots and hats, what they can say, and integers against floats."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from support.adaptive_codecs import random_histograms

from isthmus.common.bits.integer_softmax import LOGIT_BITS
from isthmus.models.exact.net import EXACT_LIMIT
from isthmus.models.exact.onnx_numpy import OnnxNumpy
from isthmus.models.exact.onnx_torch import OnnxTorch
from isthmus.models.image.adaptive import AdaptiveShape, ideal_bits, latent_bits
from isthmus.models.image.components import Components, ComponentShape, mac_per_pixel
from isthmus.models.image.components_graph import (
    IntegerComponents,
    analysis_graph,
    integer_logits,
    quantize_components,
    synthesis_graph,
)
from isthmus.models.image.knots import HAT_BITS, MAGNITUDES, knot_classes

SHAPE = ComponentShape(latent_channels=24, components=6, bins=64)
LIKE = AdaptiveShape(SHAPE.latent_channels, bins=SHAPE.bins)


def static() -> torch.Tensor:
    """Laplacian distributions ``[M_y, B]``, from narrow to wide."""
    values = torch.arange(SHAPE.bins) - SHAPE.bins // 2
    widths = torch.linspace(0.2, 6, SHAPE.latent_channels)
    found = torch.exp(-values.abs()[None] / widths[:, None]).double() + 1e-6
    return found / found.sum(1, keepdim=True)


@pytest.fixture(scope="module")
def net() -> Components:
    """Components of random histograms, not trained further."""
    found = Components(SHAPE, static()).eval()
    found.start_from(random_histograms(200, LIKE))
    return found


@pytest.fixture(scope="module")
def synthesis(net: Components) -> IntegerComponents:
    with torch.no_grad():
        return quantize_components(net, torch.round(net.analyse(random_histograms(64, LIKE, seed=1))))


def test_classes_hold_every_channel_once_and_reach_as_far_as_it_needs() -> None:
    classes = knot_classes(static().numpy())
    assert np.array_equal(np.sort(np.concatenate([c.channels for c in classes])), np.arange(SHAPE.latent_channels))
    assert [c.reach for c in classes] == sorted({c.reach for c in classes})
    values = np.abs(np.arange(SHAPE.bins) - SHAPE.bins // 2)
    for found in classes:
        beyond = (static().numpy()[found.channels] * (values > found.reach)).sum(1)
        assert (beyond <= 1e-3).all() or found.reach == classes[-1].reach
        assert set(np.abs(found.knots)) == {0, *[m for m in MAGNITUDES if m <= found.reach]}


def test_hats_are_straight_lines_between_knots() -> None:
    for found in knot_classes(static().numpy()):
        hats = found.hats()
        assert (hats.sum(0) == 1 << HAT_BITS).all()
        assert ((hats > 0).sum(0) <= 2).all()
        values = np.arange(-found.reach, found.reach + 1)
        assert np.abs(found.knots @ hats / (1 << HAT_BITS) - values).max() < 1  # weights are rounded to 1/64
        assert np.array_equal(hats[:, found.knots + found.reach], np.eye(len(found.knots), dtype=int) << HAT_BITS)


def test_untrained_they_are_the_static_codec_and_with_components_they_follow_the_image(net: Components) -> None:
    h = random_histograms(5, LIKE, seed=3)
    plain, side = Components(SHAPE, static()).eval()(h)
    expected = torch.log2(static()).float().expand_as(h)
    assert torch.allclose(plain, expected, atol=1e-4)
    assert side.shape == (5,)
    with torch.no_grad():
        log_probability, _ = net(h)
    own, theirs, best = (
        bits.sum() for bits in (latent_bits(h, log_probability, 96), latent_bits(h, expected, 96), ideal_bits(h, 96))
    )
    assert best < own < theirs - 0.3 * (theirs - best)


def test_masses_are_those_of_the_histogram_whatever_lies_beyond(net: Components) -> None:
    h = random_histograms(2, LIKE, seed=4)
    masses = net.masses(h)
    start = 0
    for found in net.classes:
        rows = masses[:, start : start + found.size].reshape(2, len(found.channels), -1)
        start += found.size
        assert torch.allclose(rows.sum(2), torch.ones(2, len(found.channels)), atol=1e-5)


def test_integer_logits_follow_the_floats_under_a_proven_bound(net: Components, synthesis: IntegerComponents) -> None:
    assert synthesis.bound() < EXACT_LIMIT
    with torch.no_grad():
        q = torch.round(net.analyse(random_histograms(4, LIKE, seed=5)))
        q = torch.maximum(
            torch.minimum(q, torch.from_numpy(synthesis.tops)[:, None]), -torch.from_numpy(synthesis.tops)[:, None]
        )
        expected = (net.logits(q) * (1 << LOGIT_BITS)).numpy()
    got = np.stack([integer_logits(synthesis, one) for one in q.int().numpy()])
    assert np.ptp(got - synthesis.static_logits) > 1 << LOGIT_BITS
    assert np.abs(got - expected).max() <= 3  # of 256 a nat: rounded three times


def test_every_runtime_gives_the_same_logits_for_any_q(synthesis: IntegerComponents) -> None:
    model = synthesis_graph(synthesis)
    rng = np.random.default_rng(0)
    q = rng.integers(-30, 31, (5, SHAPE.components, 1)).astype(np.int32)
    q[3:] = rng.choice(np.array([-(2**31), 2**31 - 1, 77_777_777], np.int32), q[3:].shape)  # a hostile packet's
    expected = np.stack([integer_logits(synthesis, one) for one in q])
    session = onnxruntime.InferenceSession(model.SerializeToString())
    assert np.array_equal(session.run(None, {"q": q})[0], expected)
    for dtype in (torch.float32, torch.float64):
        assert np.array_equal(OnnxTorch(model, dtype).run({"q": q})[0], expected)
    for kind in (np.float32, np.float64):
        assert np.array_equal(OnnxNumpy(model, kind).run({"q": q})[0], expected)


def test_the_edges_graph_is_the_network(net: Components, synthesis: IntegerComponents) -> None:
    h = random_histograms(3, LIKE, seed=2)
    tops = torch.from_numpy(synthesis.tops)[:, None]
    with torch.no_grad():
        expected = torch.maximum(torch.minimum(torch.round(net.analyse(h)), tops), -tops).int().numpy()
    model = analysis_graph(net, synthesis.tops)
    for q in (
        onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"histograms": h.numpy()})[0],
        OnnxNumpy(model).run({"histograms": h.numpy()})[0],
        OnnxTorch(model).run({"histograms": h.numpy()})[0],
    ):
        assert q.dtype == np.int32
        assert (q != expected).mean() < 0.2  # weights in half precision, on an edge between two integers
        assert np.abs(q - expected).max() <= 1


def test_work_is_counted_by_hats_and_components(net: Components) -> None:
    macs = mac_per_pixel(net.classes, SHAPE.components, 1, 1)
    dense = len(net.at_knots) * SHAPE.components
    assert macs["h_s_q"] == dense + sum(c.size * (2 * c.reach + 1) for c in net.classes)
    assert macs["both"] == 2 * macs["h_a_q"]
