"""Integer layers: the bound holds, the values are close to the float layer's, and every runtime agrees."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.models.exact.graph import CategoricalSymbols, ScalarSymbols, cloud_graph, edge_graph
from isthmus.models.exact.net import EXACT_LIMIT, INPUT_BITS, IntegerLinear, quantize_hidden, quantize_output
from isthmus.models.exact.onnx_torch import OnnxTorch


def layer_of(rng: np.random.Generator, inputs: int, outputs: int, top: int) -> tuple[IntegerLinear, np.ndarray]:
    weight, bias = rng.normal(size=(outputs, inputs)), rng.normal(size=outputs)
    return quantize_hidden(weight, bias, np.full(inputs, 1024.0), 1024, np.full(outputs, 3.0), top)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), inputs=st.integers(1, 200), gain=st.floats(1e-3, 1e3))
def test_hidden_layer_keeps_the_bound_and_the_values(seed: int, inputs: int, gain: float) -> None:
    rng = np.random.default_rng(seed)
    weight, bias = rng.normal(size=(8, inputs)) * gain, rng.normal(size=8) * gain
    x = rng.integers(0, 1024, size=(inputs, 64))
    real = np.maximum(weight @ (x / 1024) + bias[:, None], 0)
    layer, scale = quantize_hidden(weight, bias, np.full(inputs, 1024.0), 1023, np.maximum(real.max(1), 1e-3), 1023)
    assert layer.bound() < EXACT_LIMIT
    acc = layer.weight.astype(np.int64) @ x + layer.bias[:, None]
    got = np.clip(acc >> layer.shift[:, None], 0, layer.top) / scale[:, None]
    assert np.abs(got - real).max() <= 0.02 * max(real.max(), 1e-3) + 1.5 / scale.min()


def test_output_layer_is_one_power_of_two() -> None:
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(10, 64)), rng.normal(size=10)
    layer, shift = quantize_output(weight, bias, np.full(64, 100.0), 1023)
    x = rng.integers(0, 1024, size=64)
    got = (layer.weight.astype(np.int64) @ x + layer.bias) * 2.0**-shift
    reach = np.abs(weight).sum(1).max() * 10.23
    np.testing.assert_allclose(got, weight @ (x / 100.0) + bias, atol=0.001 * reach)


def test_a_layer_over_the_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="2\\*\\*24"):
        IntegerLinear(np.full((1, 2), 1 << 14, np.int32), np.zeros(1, np.int32), np.zeros(1, np.int32), 0, 1 << 10)


def exact_edge(layers: list[IntegerLinear], heads: IntegerLinear, count: int, points: np.ndarray) -> np.ndarray:
    """The edge half in 64-bit integers: what the float graph must equal."""
    out = []
    for cloud in points:
        h = np.rint(cloud.astype(np.float64) * (1 << INPUT_BITS)).astype(np.int64)
        for layer in layers:
            acc = layer.weight.astype(np.int64) @ h + layer.bias[:, None]
            h = np.clip(acc >> layer.shift[:, None], 0, layer.top)
        scores = heads.weight.astype(np.int64) @ h.max(1) + heads.bias
        out.append(scores.reshape(count, -1).argmax(1))
    return np.array(out, np.int32)


def edge_of(seed: int) -> tuple[list[IntegerLinear], IntegerLinear]:
    rng = np.random.default_rng(seed)
    first, scale = layer_of(rng, 3, 16, 1023)
    second, scale = quantize_hidden(rng.normal(size=(24, 16)), rng.normal(size=24), scale, 1023, np.full(24, 8.0), 1023)
    heads, _ = quantize_output(rng.normal(size=(12, 24)), rng.normal(size=12), scale, 1023)
    return [first, second], heads


@pytest.mark.parametrize("seed", range(5))
def test_edge_graph_equals_integer_arithmetic_in_every_runtime(seed: int) -> None:
    layers, heads = edge_of(seed)
    model = edge_graph(layers, CategoricalSymbols(heads, 3))
    points = np.random.default_rng(seed).uniform(-1, 1, size=(5, 3, 77)).astype(np.float32)
    expected = exact_edge(layers, heads, 3, points)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    np.testing.assert_array_equal(session.run(None, {"points": points})[0], expected)
    for dtype in (torch.float32, torch.float64):
        np.testing.assert_array_equal(OnnxTorch(model, dtype).run({"points": points})[0], expected)


def test_scalar_symbols_round_pooled_values_and_stay_in_their_tables() -> None:
    layer = IntegerLinear(
        np.array([[1 << 8, 0, 0], [0, 1 << 8, 0]], np.int32), np.zeros(2, np.int32), np.full(2, 10, np.int32), 0, 1024
    )
    half = np.full(2, 1 << 9, np.int32)
    symbols = ScalarSymbols(
        np.full(2, 10, np.int32),
        half,
        np.array([1, -1], np.int32),
        np.array([0, -200], np.int32),
        np.array([100, 0], np.int32),
    )
    model = edge_graph([layer], symbols)
    points = np.zeros((1, 3, 4), np.float32)
    points[0, :, 1] = (0.25, 0.5, 0)  # 256 and 512 steps of the input, a quarter of it after the layer
    got = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"points": points})[0]
    assert got.tolist() == [[64, -128]]
    points[0, 0, 2] = 1.0  # 256, over the table
    assert onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"points": points})[0][0, 0] == 100


def test_cloud_graph_sums_embeddings() -> None:
    embedding = np.arange(2 * 3 * 4, dtype=np.int32).reshape(2, 3, 4)
    zero = np.zeros(4, np.int32)
    first = IntegerLinear(embedding.reshape(6, 4).T.copy(), zero, zero, 1023, 1)
    last = IntegerLinear(np.eye(4, dtype=np.int32), zero, zero, 0, 1023)
    model = cloud_graph([first, last], 1, embedding, 2)
    symbols = np.array([[2, 0], [1, 2]], np.int32)
    expected = (embedding[0][symbols[:, 0]] + embedding[1][symbols[:, 1]]) / 2
    session = onnxruntime.InferenceSession(model.SerializeToString())
    np.testing.assert_array_equal(session.run(None, {"symbols": symbols})[0], expected)
    np.testing.assert_array_equal(OnnxTorch(model).run({"symbols": symbols})[0], expected)
