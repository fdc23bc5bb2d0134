"""The adaptive bottleneck: its histogram, its layers, its training, and its integers against its floats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from support.adaptive_codecs import SHAPE, integer_synthesis, random_bottleneck, random_histograms
from torch import nn
from torch.nn import functional as F

from isthmus.common.bits.integer_softmax import LOGIT_BITS
from isthmus.common.image.histogram import shares
from isthmus.models.exact.net import EXACT_LIMIT
from isthmus.models.exact.onnx_numpy import OnnxNumpy
from isthmus.models.exact.onnx_torch import OnnxTorch
from isthmus.models.image import adaptive_graph
from isthmus.models.image.adaptive import (
    AdaptiveBottleneck,
    AdaptiveShape,
    ChannelShuffle,
    analysis_layers,
    histogram,
    ideal_bits,
    latent_bits,
    mac_per_pixel,
    synthesis_layers,
)
from isthmus.models.image.adaptive_graph import analysis_graph, integer_logits, plain_taps, synthesis_graph
from isthmus.models.image.transforms import PatchAnalysis, PatchShape
from isthmus.training.image import adaptive as adaptive_recipe
from isthmus.training.image.adaptive import AdaptiveEffort, load_adaptive, train_adaptive
from isthmus.training.image.adaptive_freeze import freeze_adaptive, side_tables
from isthmus.training.image.latent_counts import VIEWS, cached_counts, choose_bins, clipped
from isthmus.training.image.photos import Photos
from isthmus.training.image.transforms import ImageCodec, save_codec


def test_the_histogram_counts_rounded_and_clipped_latents() -> None:
    y = torch.tensor([[[-40.0, -1.4, -0.5, 0.2, 0.6, 1.5, 2.5, 11.9]]])
    counts = histogram(y, AdaptiveShape(8, bins=32)) * 8
    expected = {-12: 1, -1: 1, 0: 2, 1: 1, 2: 2, 12: 1}  # half to even; 12 is 75 % of 16
    assert {int(i) - 16: int(counts[0, 0, i]) for i in counts[0, 0].nonzero().ravel()} == expected


def test_the_histograms_gradient_is_that_of_a_triangular_kernel() -> None:
    shape = AdaptiveShape(8, bins=16)
    rng = torch.Generator().manual_seed(0)
    y = (torch.rand(2, 8, 5, generator=rng) * 9 - 4.5).double().requires_grad_()
    weight = torch.rand(2, 8, 16, generator=rng).double()
    (histogram(y, shape) * weight).sum().backward()  # type: ignore[no-untyped-call]
    assert y.grad is not None
    got = y.grad.clone()
    y.grad = None
    centres = torch.arange(16) - 8
    kernel = (1 - (y[..., None] - centres).abs()).clamp_min(0)  # [n, M, samples, B]
    (kernel.mean(2) * weight).sum().backward()  # type: ignore[no-untyped-call]
    expected = y.grad
    assert expected is not None
    assert torch.allclose(got, expected)


def test_edge_and_training_count_alike() -> None:
    y = np.random.default_rng(0).integers(-40, 41, (8, 5, 7)).astype(np.int32)
    expected = histogram(torch.from_numpy(y)[None].float(), AdaptiveShape(latent_channels=8, bins=64))
    assert np.allclose(shares(y, 64), expected[0].numpy(), atol=1e-7)


def test_layers_and_complexity_are_those_of_the_thesis() -> None:
    low = AdaptiveShape(latent_channels=192, hidden_channels=32, side_channels=16, bins=256)
    assert [(x.inputs, x.outputs, x.kernel, x.factor, x.groups, x.is_shuffled) for x in analysis_layers(low)] == [
        (192, 96, 5, 1, 8, True),
        (96, 32, 15, 2, 8, True),
        (32, 32, 15, 2, 8, True),
        (32, 32, 15, 2, 8, False),
        (32, 16, 15, 1, 1, False),
    ]
    high = AdaptiveShape(latent_channels=320, hidden_channels=64, side_channels=32, bins=1024)
    for shape, parameters, macs in ((low, 28_800, 10.47), (high, 97_280, 125.83)):
        net = AdaptiveBottleneck(shape, torch.full((shape.latent_channels, shape.bins), 1 / shape.bins))
        for half, name in ((net.h_a, "h_a_q"), (net.h_s, "h_s_q")):
            assert sum(p.numel() for p in half.parameters() if p.dim() == 3) == parameters
            assert mac_per_pixel(shape)[name] == pytest.approx(macs, abs=0.005)
    assert len(synthesis_layers(low)) == 5


def test_an_untrained_bottleneck_is_the_static_codec() -> None:
    shape = SHAPE
    static = random_bottleneck().static_logits.softmax(1)
    net = AdaptiveBottleneck(shape, static).eval()
    h = random_histograms(3)
    log_probability, side = net(h)
    assert log_probability.shape == h.shape
    assert side.shape == (3,)
    assert torch.allclose(log_probability, torch.log2(static).expand_as(h), atol=1e-4)
    assert (ideal_bits(h, 96) <= latent_bits(h, log_probability, 96)).all()


def test_a_transposed_convolution_is_a_plain_one_and_an_interleaving() -> None:
    torch.manual_seed(0)
    layer = nn.ConvTranspose1d(16, 24, 15, 2, 7, 1, groups=8)
    assert layer.bias is not None
    x = torch.randn(2, 16, 9)
    weight, pad, phases = plain_taps(layer)
    assert (phases, pad, weight.shape) == (2, 3, (48, 2, 8))
    padded = F.pad(x, (pad, 7 - pad)).double()
    plain = F.conv1d(padded, torch.from_numpy(weight), layer.bias.double().repeat_interleave(2), groups=8)
    woven = plain.reshape(2, 24, 2, 9).transpose(2, 3).reshape(2, 24, 18)
    assert torch.allclose(woven, layer(x).double(), atol=1e-5)


def test_integer_logits_follow_the_floats_under_a_proven_bound() -> None:
    net = random_bottleneck()
    synthesis = integer_synthesis(net)
    assert max(layer.linear.bound() for layer in synthesis.layers) == synthesis.bound() < EXACT_LIMIT
    with torch.no_grad():
        q = torch.round(net.analyse(random_histograms(4, seed=1))).clamp(-synthesis.side_top, synthesis.side_top)
        expected = (net.logits(q) * (1 << LOGIT_BITS)).numpy()
    got = np.stack([integer_logits(synthesis, one) for one in q.int().numpy()])
    assert np.ptp(got - synthesis.static_logits) > 1 << LOGIT_BITS  # the network says something
    assert np.abs(got - expected).mean() < 0.02 * np.abs(expected - synthesis.static_logits).mean()
    assert LOGIT_BITS == adaptive_graph.LOGIT_BITS


def test_every_runtime_gives_the_same_logits_for_any_q() -> None:
    synthesis = integer_synthesis(random_bottleneck())
    model = synthesis_graph(synthesis)
    rng = np.random.default_rng(0)
    q = rng.integers(-9, 10, (5, SHAPE.side_channels, SHAPE.side_bins)).astype(np.int32)
    q[3:] = rng.choice(np.array([-(2**31), 2**31 - 1, 77_777_777], np.int32), q[3:].shape)  # a hostile packet's
    expected = np.stack([integer_logits(synthesis, one) for one in q])
    session = onnxruntime.InferenceSession(model.SerializeToString())
    assert np.array_equal(session.run(None, {"q": q})[0], expected)
    for dtype in (torch.float32, torch.float64):
        assert np.array_equal(OnnxTorch(model, dtype).run({"q": q})[0], expected)
    for kind in (np.float32, np.float64):
        assert np.array_equal(OnnxNumpy(model, kind).run({"q": q})[0], expected)


def test_the_edges_graph_is_the_trained_network() -> None:
    net = random_bottleneck()
    h = random_histograms(3, seed=2)
    with torch.no_grad():
        expected = torch.round(net.analyse(h)).clamp(-50, 50).int().numpy()
    model = analysis_graph(net, 50)
    for q in (
        onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"histograms": h.numpy()})[0],
        OnnxNumpy(model).run({"histograms": h.numpy()})[0],
        OnnxTorch(model).run({"histograms": h.numpy()})[0],
    ):
        assert q.dtype == np.int32
        assert (q != expected).mean() < 0.01  # floats on an edge between two integers
        assert np.abs(q - expected).max() <= 1


def test_channel_shuffle_spreads_groups() -> None:
    x = torch.arange(16.0)[None, :, None]
    assert ChannelShuffle()(x).ravel().tolist() == [0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15]


def test_bins_are_as_many_as_latents_need() -> None:
    assert choose_bins(torch.tensor([24, -24])) == 64
    assert choose_bins(torch.tensor([25, 0])) == 128  # half of them would be clipped
    assert choose_bins(torch.cat([torch.zeros(200_000), torch.tensor([31.0] * 100)])) == 64
    assert choose_bins(torch.cat([torch.zeros(200_000), torch.tensor([-32.0] * 100)])) == 128


def test_clipping_moves_counts_to_the_clip() -> None:
    shape = AdaptiveShape(8, bins=16)  # clipped to -6 .. 6
    counts = torch.zeros(1, 8, 16)
    counts[0, 0, [0, 1, 2, 8, 14, 15]] = torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    expected = torch.zeros(16)
    expected[[2, 8, 14]] = torch.tensor([7.0, 8.0, 48.0])
    assert torch.equal(clipped(counts, shape)[0, 0], expected)


def test_side_tables_cover_what_was_seen() -> None:
    q = torch.tensor([[[0.0, 1.0], [-3.0, -3.0]], [[0.0, 2.0], [-3.0, -3.0]]])
    tables = side_tables(q)
    assert tables.offsets.tolist() == [0, -3]
    assert tables.value_counts.tolist() == [3, 1]
    assert tables.has_escape


@pytest.mark.slow
def test_training_gains_and_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On pictures of noise whose contrast differs, adaptation pays at once."""
    torch.manual_seed(0)
    light = PatchShape(quarter=8, eighth=8, latent_channels=16, synthesis_eighth=8, synthesis_quarter=8)
    codec = ImageCodec(light)
    assert isinstance(codec.g_a, PatchAnalysis)
    with torch.no_grad():
        codec.g_a.scale.fill_(16)
    checkpoint = tmp_path / "q3.pt"
    save_codec(checkpoint, codec, {})
    rng = np.random.default_rng(0)
    pictures = tuple(
        np.clip(128 + rng.normal(size=(64, 64, 3)) * rng.uniform(1, 90), 0, 255).astype(np.uint8) for _ in range(48)
    )
    train, held = Photos("noise", pictures[:36]), Photos("noise", pictures[36:])
    effort = AdaptiveEffort(steps=60, batch=8, hidden_channels=16, side_channels=8)
    monkeypatch.setattr(adaptive_recipe, "ROUND_STEPS", 20)
    whole = train_adaptive(checkpoint, train, held, tmp_path / "whole", effort)
    counts = cached_counts(checkpoint, train, held, tmp_path / "whole")
    assert len(counts.train) == len(VIEWS)
    frozen = freeze_adaptive(whole, counts)
    assert frozen.bins == counts.bins
    assert 0 < frozen.stats["float_gain_percent"] < frozen.stats["float_ideal_gain_percent"]
    assert frozen.stats["integer_gain_percent"] == pytest.approx(frozen.stats["float_gain_percent"], abs=0.5)
    assert frozen.q_tables.count == 8

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(adaptive_recipe, "validate_adaptive", _after(2, adaptive_recipe.validate_adaptive, killed))
        with pytest.raises(KeyboardInterrupt):
            train_adaptive(checkpoint, train, held, tmp_path / "resumed", effort)
    resumed = train_adaptive(checkpoint, train, held, tmp_path / "resumed", effort)
    nets = [load_adaptive(path).state_dict() for path in (whole, resumed)]
    assert all(torch.equal(nets[0][key], nets[1][key]) for key in nets[0])


def _after(calls: int, first, then):  # type: ignore[no-untyped-def]
    """`first` for so many calls, `then` from there on."""
    count = iter(range(calls))
    return lambda *args: first(*args) if next(count, None) is not None else then()
