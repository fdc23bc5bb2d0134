"""A split classifier as one ONNX graph, from `frame` through `y` to `logits`, for `isthmus split` to cut at y.

Batch normalisation is folded into its convolution, weights are stored in half precision, and both halves take any
size: frames whose sides are multiples of the stride, latents of any.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper
from torch import nn

from isthmus.models.graph_builder import Float32, GraphBuilder
from isthmus.models.video.classifier import (
    Blur,
    HalvingConv,
    Pooling,
    ResidualBlock,
    SplitClassifier,
    Stage,
)

PIXEL_TOP = 255.0
LATENTS = "y"
"""The tensor to cut at."""
LAST_TWO = 2


def split_graph(model: SplitClassifier) -> onnx.ModelProto:
    """`frame` float32 ``[1, 3, H, W]`` (RGB, 0 to 255) to `logits` float32 ``[1, classes]``."""
    g = GraphBuilder()
    # As the edge half begins, (x - 0.5) * 4 of pixels in [0, 1]; not folded: its convolution pads with zeros.
    scaled = g.node("Mul", ["frame", g.constant(np.float32(4 / PIXEL_TOP))])
    h = g.node("Sub", [scaled, g.constant(np.float32(2))])
    for stage in model.edge.stages:
        h = _layer(g, h, stage)
    h = _convolution(g, h, model.edge.head, *_arrays(model.edge.head), LATENTS)
    for layer in model.cloud.layers:
        h = _layer(g, h, layer)
    mean = g.node("Flatten", [g.node("GlobalAveragePool", [h])], axis=1)
    linear = model.cloud.linear
    weight, bias = _numbers(linear.weight), _numbers(linear.bias)
    g.node("Gemm", [mean, g.halves(weight), g.constant(bias)], "logits", transB=1)
    frame = helper.make_tensor_value_info("frame", TensorProto.FLOAT, [1, 3, "rows", "columns"])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, model.shape.classes])
    return g.model("split", [frame], [logits])


def _layer(g: GraphBuilder, h: str, module: nn.Module) -> str:
    if isinstance(module, Stage):
        h = g.node("Relu", [_normalised(g, h, module.conv, module.norm)])
        if module.pooling is Pooling.MAX:
            return g.node("MaxPool", [h], kernel_shape=[2, 2], strides=[2, 2])
        if module.pooling is Pooling.MEAN:
            return g.node("AveragePool", [h], kernel_shape=[2, 2], strides=[2, 2])
        if module.pooling is Pooling.MAX_BLUR:
            ends = g.constant(np.array([0, 0, 0, 0, 0, 0, 1, 1], np.int64))
            h = g.node("MaxPool", [g.node("Pad", [h, ends], mode="edge")], kernel_shape=[2, 2], strides=[1, 1])
        return _layer(g, h, module.blur) if module.blur is not None else h
    if isinstance(module, Blur):
        h = g.node("AveragePool", [h], kernel_shape=[3, 3], strides=[1, 1], pads=[1] * 4, count_include_pad=0)
        return g.node("AveragePool", [h], kernel_shape=[4, 4], strides=[2, 2], pads=[1] * 4, count_include_pad=0)
    if isinstance(module, ResidualBlock):
        inner = _normalised(g, _layer(g, h, module.first), module.conv, module.norm)
        return g.node("Relu", [g.node("Add", [h, inner])])
    if isinstance(module, HalvingConv):
        return g.node("Relu", [_normalised(g, _evened(g, h), module.conv, module.norm)])
    raise TypeError(f"expected a layer of a split classifier, got {type(module).__name__}")


def _evened(g: GraphBuilder, h: str) -> str:
    """Odd sides grown by one, as the border is."""
    sides = g.node("Shape", [h], start=LAST_TWO)
    odd = g.node("Mod", [sides, g.constant(np.array([2, 2], np.int64))])
    ends = g.node("Concat", [g.constant(np.zeros(6, np.int64)), odd], axis=0)
    return g.node("Pad", [h, ends], mode="edge")


def _normalised(g: GraphBuilder, h: str, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> str:
    """A convolution with the batch normalisation after it folded in."""
    assert norm.running_mean is not None  # batch normalisation as a network starts with it
    assert norm.running_var is not None
    gain = _numbers(norm.weight) / np.sqrt(_numbers(norm.running_var) + np.float32(norm.eps))
    weight = _numbers(conv.weight) * gain[:, None, None, None]
    return _convolution(g, h, conv, weight, _numbers(norm.bias) - _numbers(norm.running_mean) * gain)


def _convolution(
    g: GraphBuilder, h: str, like: nn.Conv2d, weight: Float32, bias: Float32, output: str | None = None
) -> str:
    pad, stride, kernel = int(like.padding[0]), int(like.stride[0]), list(like.kernel_size)
    inputs = [h, g.halves(weight), g.constant(bias)]
    return g.node("Conv", inputs, output, pads=[pad] * 4, strides=[stride] * 2, kernel_shape=kernel)


def _arrays(conv: nn.Conv2d) -> tuple[Float32, Float32]:
    assert conv.bias is not None  # the head has one
    return _numbers(conv.weight), _numbers(conv.bias)


def _numbers(tensor: object) -> Float32:
    out: Float32 = tensor.detach().cpu().numpy().astype(np.float32)  # type: ignore[attr-defined]
    return out
