"""The scale hyperprior: its integer half is exact everywhere and close to the float one, and its cost is counted."""

from __future__ import annotations

import math

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from isthmus.models.exact.net import EXACT_LIMIT
from isthmus.models.exact.onnx_numpy import OnnxNumpy
from isthmus.models.exact.onnx_torch import OnnxTorch
from isthmus.models.image.hyperprior import (
    HYPER_STRIDE,
    HYPER_TOP,
    SCALE_LEVELS,
    Hyperprior,
    HyperShape,
    gaussian_bits,
    macs_per_pixel,
)
from isthmus.models.image.hyperprior_graph import (
    SHUFFLE,
    IntegerConvolution,
    analysis_graph,
    quantize_synthesis,
    synthesis_graph,
)

SMALL = HyperShape(latent_channels=12, hyper_channels=6, analysis_width=8, synthesis_width=8)


def oracle(layers: tuple[IntegerConvolution, ...], first_table: np.ndarray, z: np.ndarray) -> np.ndarray:
    """``h_s`` in 64-bit integers, one image: what every runtime must equal."""
    h = np.clip(z.astype(np.int64), -HYPER_TOP, HYPER_TOP)
    for number, layer in enumerate(layers):
        side = layer.kernel // 2
        padded = np.pad(h, ((0, 0), (side, side), (side, side)))
        window = np.lib.stride_tricks.sliding_window_view(padded, (layer.kernel, layer.kernel), (1, 2))
        acc = np.einsum("ihwkl,oikl->ohw", window, layer.weight().astype(np.int64))
        acc += layer.linear.bias[:, None, None]
        h = np.clip(acc >> layer.linear.shift[:, None, None], 0, layer.linear.top)
        if number < len(layers) - 1:
            h = F.pixel_shuffle(torch.from_numpy(h), SHUFFLE).numpy()
    index: np.ndarray = h + first_table[:, None, None]
    return index


def frozen(shape: HyperShape, seed: int = 0) -> tuple[Hyperprior, tuple[IntegerConvolution, ...], np.ndarray]:
    torch.manual_seed(seed)
    model = Hyperprior(shape).eval()
    z = torch.round(torch.randn(8, shape.hyper_channels, 4, 4) * 6)
    kinds = np.arange(shape.latent_channels, dtype=np.int32) % 3 * SCALE_LEVELS
    return model, quantize_synthesis(model.h_s, z), kinds.astype(np.int32)


def session(model: onnx.ModelProto, threads: int = 1) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("shape", [SMALL, HyperShape(latent_channels=256)], ids=["small", "whole"])
def test_every_sum_is_below_the_limit_and_every_runtime_agrees(shape: HyperShape) -> None:
    _, layers, kinds = frozen(shape)
    assert max(layer.linear.bound() for layer in layers) < EXACT_LIMIT
    graph = synthesis_graph(layers, kinds)
    rng = np.random.default_rng(0)
    z = rng.normal(scale=12, size=(4, shape.hyper_channels, 3, 5)).round().astype(np.int32)
    z[1] = np.where(rng.integers(2, size=z[1].shape), HYPER_TOP, -HYPER_TOP)
    z[2] = rng.integers(-(2**31), 2**31, size=z[2].shape)  # what a hostile packet may hold
    expected = np.stack([oracle(layers, kinds, image) for image in z])
    assert expected.min() >= 0
    assert (expected % SCALE_LEVELS).max() < SCALE_LEVELS
    for threads in (1, 2):
        run = session(graph, threads)
        np.testing.assert_array_equal(run.run(None, {"z": z})[0], expected)
        np.testing.assert_array_equal(
            np.concatenate([run.run(None, {"z": z[i : i + 1]})[0] for i in range(4)]), expected
        )
    for dtype in (torch.float32, torch.float64):
        np.testing.assert_array_equal(OnnxTorch(graph, dtype).run({"z": z})[0], expected)
    for kind in (np.float32, np.float64):
        np.testing.assert_array_equal(OnnxNumpy(graph, kind).run({"z": z})[0], expected)


def test_integer_indices_are_the_rounded_float_ones() -> None:
    model, layers, kinds = frozen(SMALL)
    z = torch.round(torch.randn(4, SMALL.hyper_channels, 4, 4, generator=torch.Generator().manual_seed(5)) * 5)
    with torch.no_grad():
        real = torch.floor(model.h_s(z) + 0.5).clamp(0, SCALE_LEVELS - 1).numpy()
    got = np.stack([oracle(layers, kinds * 0, image) for image in z.numpy().astype(np.int32)])
    assert np.abs(got - real).max() <= 1
    assert np.mean(got != real) < 0.05


def test_analysis_graph_is_the_module() -> None:
    model, _, _ = frozen(SMALL)
    y = torch.randn(2, SMALL.latent_channels, 8, 12)
    got = session(analysis_graph(model.h_a)).run(None, {"y": y.numpy()})[0]
    with torch.no_grad():
        np.testing.assert_allclose(got, model.h_a(y).numpy(), atol=1e-4)
    assert got.shape == (2, SMALL.hyper_channels, 2, 3)


def test_macs_are_those_of_the_convolutions_that_run_and_a_twentieth_of_g_a() -> None:
    model = Hyperprior(HyperShape(latent_channels=256))
    counted: dict[str, int] = {"h_a": 0, "h_s": 0}

    def count(name: str, layer: nn.Conv2d, output: torch.Tensor) -> None:
        counted[name] += layer.weight.numel() * output.shape[2] * output.shape[3]

    for name, half in (("h_a", model.h_a), ("h_s", model.h_s)):
        for layer in half.modules():
            if isinstance(layer, nn.Conv2d):
                layer.register_forward_hook(lambda layer, _, output, name=name: count(name, layer, output))
    model(torch.zeros(1, 256, 8, 8))
    pixels = (2 * HYPER_STRIDE) ** 2
    assert macs_per_pixel(model) == (counted["h_a"] / pixels, counted["h_s"] / pixels)
    assert sum(macs_per_pixel(model)) <= 260


def test_gaussian_bits_are_those_of_a_distribution() -> None:
    symbols = torch.arange(-400.0, 401)[:, None]
    index = torch.tensor([[0.0, 4.5, 11, SCALE_LEVELS - 1]])
    bits = gaussian_bits(symbols, torch.tensor(0.3), index)
    np.testing.assert_allclose(torch.exp2(-bits).sum(0).numpy(), 1, atol=2e-4)
    outside = gaussian_bits(symbols, torch.tensor(0.3), torch.tensor([[-3.0, SCALE_LEVELS + 8.0]]))
    np.testing.assert_allclose(outside.numpy(), bits[:, [0, 3]].numpy(), rtol=1e-5)


def test_the_gradient_leads_back_into_the_grid_and_not_out_of_it() -> None:
    index = torch.tensor([-2.0, -2.0], requires_grad=True)
    torch.autograd.backward(gaussian_bits(torch.tensor([1.0, 0.0]), torch.tensor(0.0), index).sum())
    assert index.grad is not None
    assert index.grad[0] < 0  # an unlikely symbol wants a larger scale
    assert index.grad[1] == 0  # a zero would want a smaller one than there is


def test_bits_of_a_batch_are_finite_and_learnable() -> None:
    torch.manual_seed(0)
    model = Hyperprior(SMALL)
    y_bits, z_bits = model(torch.randn(2, SMALL.latent_channels, 8, 8) * 3)
    torch.autograd.backward(y_bits + z_bits)
    assert math.isfinite(y_bits.item())
    assert z_bits.item() > 0
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    first = model.h_a.layers[0].get_parameter("weight").grad
    assert first is not None
    assert float(first.abs().sum()) > 0
