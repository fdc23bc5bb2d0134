"""Integer layers as ONNX graphs: the edge half and the cloud half of a codec.

The step ``clip(floor(acc * 2**-shift), 0, top)`` costs one extra operator a layer: the power of two is folded into the
weights (a scaled integer grid adds as exactly as the integers do), and the clip moves in front of the floor, where
runtimes fuse it into the product. Weights are stored as int8, int16 or int32, whichever holds them, and cast when the
graph is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper

from isthmus.models.exact.net import INPUT_BITS, Int32, IntegerLinear
from isthmus.models.graph_builder import GraphBuilder


@dataclass(frozen=True, slots=True)
class ScalarSymbols:
    """Symbols of a scalar quantiser: the pooled accumulator, rounded, clipped to each channel's table."""

    shift: Int32  # [channels]
    bias: Int32  # [channels], added to the pooled accumulator: half a step, less the median
    sign: Int32  # [channels], -1 where the channel's gain is negative
    low: Int32  # [channels]
    high: Int32  # [channels]


@dataclass(frozen=True, slots=True)
class CategoricalSymbols:
    """Symbols of arg-max heads over the pooled activations."""

    heads: IntegerLinear
    count: int


def edge_graph(layers: Sequence[IntegerLinear], symbols: ScalarSymbols | CategoricalSymbols) -> onnx.ModelProto:
    """Points float32 ``[batch, 3, points]`` in the unit ball to `symbols` int32 ``[batch, channels]``."""
    g = GraphBuilder()
    h = g.node("Mul", ["points", g.constant(np.float32(1 << INPUT_BITS))])
    h = g.node("Round", [h])
    for layer in layers[:-1]:
        h = g.step(_pointwise(g, h, layer), layer.top)
    last = layers[-1]
    pooled = g.node("ReduceMax", [_pointwise(g, h, last), g.constant(np.array([2], np.int64))], keepdims=0)
    if isinstance(symbols, ScalarSymbols):
        positive = g.node("Relu", [pooled])
        bias = np.ldexp(symbols.bias.astype(np.float64), -symbols.shift).astype(np.float32)
        rounded = g.node("Floor", [g.node("Add", [positive, g.constant(bias)])])
        signed = g.node("Mul", [rounded, g.integers(symbols.sign)])
        low = g.node("Max", [signed, g.integers(symbols.low)])
        high = g.node("Min", [low, g.integers(symbols.high)])
        g.node("Cast", [high], "symbols", to=TensorProto.INT32)
        channels = len(symbols.sign)
    else:
        activations = g.step(pooled, last.top)
        scores = _product(g, activations, symbols.heads)
        shape = g.constant(np.array([0, symbols.count, -1], np.int64))
        best = g.node("ArgMax", [g.node("Reshape", [scores, shape])], axis=2, keepdims=0)
        g.node("Cast", [best], "symbols", to=TensorProto.INT32)
        channels = symbols.count
    return g.model(
        "edge",
        [helper.make_tensor_value_info("points", TensorProto.FLOAT, ["batch", 3, "points"])],
        [helper.make_tensor_value_info("symbols", TensorProto.INT32, ["batch", channels])],
    )


def cloud_graph(
    layers: Sequence[IntegerLinear], logit_shift: int, embedding: Int32 | None, channels: int
) -> onnx.ModelProto:
    """Symbols int32 ``[batch, channels]`` to `logits` float32 ``[batch, classes]``.

    With an `embedding` ``[channels, size, width]``, the first layer's accumulator is the sum of the symbols'
    embeddings, and `layers[0]` supplies its bias, shift and clip; else the symbols themselves are its input.
    """
    g = GraphBuilder()
    first, *rest = layers
    if embedding is None:
        acc = _product(g, g.node("Cast", ["symbols"], to=TensorProto.FLOAT), first)
    else:
        size, width = embedding.shape[1:]
        offsets = g.constant(np.arange(channels, dtype=np.int32) * size)
        rows = g.node("Gather", [_table(g, embedding.reshape(-1, width), first), g.node("Add", ["symbols", offsets])])
        total = g.node("ReduceSum", [rows, g.constant(np.array([1], np.int64))], keepdims=0)
        bias = np.ldexp(first.bias.astype(np.float64), -first.shift).astype(np.float32)
        acc = g.node("Add", [total, g.constant(bias)])
    for before, layer in zip(layers, rest, strict=False):
        acc = _product(g, g.step(acc, before.top), layer)
    g.node("Mul", [acc, g.constant(np.float32(2.0**-logit_shift))], "logits")
    return g.model(
        "cloud",
        [helper.make_tensor_value_info("symbols", TensorProto.INT32, ["batch", channels])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(layers[-1].bias)])],
    )


def _table(g: GraphBuilder, embedding: Int32, first: IntegerLinear) -> str:
    power = np.exp2(-first.shift.astype(np.float64)).astype(np.float32)
    return g.node("Mul", [g.integers(embedding), g.constant(power[None])])


def _pointwise(g: GraphBuilder, h: str, layer: IntegerLinear) -> str:
    weight = g.scaled(layer.weight, layer.shift, (*layer.weight.shape, 1))
    bias = g.scaled(layer.bias, layer.shift, layer.bias.shape)
    return g.node("Conv", [h, weight, bias])


def _product(g: GraphBuilder, h: str, layer: IntegerLinear) -> str:
    weight = g.scaled(layer.weight, layer.shift, layer.weight.shape)
    bias = g.scaled(layer.bias, layer.shift, layer.bias.shape)
    return g.node("Gemm", [h, weight, bias], transB=1)
