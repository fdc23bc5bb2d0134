"""The hyperprior's halves as ONNX graphs: ``h_a`` in floats for the edge, ``h_s`` in exact integers for both sides.

``h_s`` follows `exact.net`: between its convolutions stands only ``clip(floor(acc * 2**-shift), 0, top)``, and the
last one is such a step too, with `SCALE_LEVELS` - 1 for its top: what comes out *is* the index, and no exponential or
comparison of floats is left to disagree about. A convolution over zero-padded integers is a sum of at most as many
products as its bound counts, so the bound of a linear layer holds for it.

A pixel shuffle interleaves four channels into one, which therefore share one scale.

(A runtime that multiplies 3 x 3 convolutions by fractional Winograd transforms is outside the contract, as TF32 is.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.models.exact.net import Float64, Int32, IntegerLinear, quantize_hidden
from isthmus.models.graph_builder import GraphBuilder
from isthmus.models.image.hyperprior import HYPER_TOP, SCALE_LEVELS, HyperAnalysis, HyperSynthesis

HIDDEN_TOP = 255
HEADROOM = 1.25
SHUFFLE = 2  # sides of the block that a pixel shuffle makes of channels


@dataclass(frozen=True, slots=True)
class IntegerConvolution:
    """An integer layer over the ``kernel x kernel`` neighbours of each position, zero outside."""

    linear: IntegerLinear  # its weight is [out, in * kernel * kernel]
    kernel: int

    def weight(self) -> Int32:
        """Int32 ``[out, in, kernel, kernel]``."""
        return self.linear.weight.reshape(len(self.linear.bias), -1, self.kernel, self.kernel)


@torch.no_grad()
def quantize_synthesis(h_s: HyperSynthesis, z: Tensor) -> tuple[IntegerConvolution, ...]:
    """``h_s`` over integers, its activations' ranges calibrated on rounded ``z`` ``[n, N, a, b]`` of training."""
    convolutions = [c for c in h_s.convolutions if isinstance(c, nn.Conv2d)]
    layers: list[IntegerConvolution] = []
    scale = np.ones(convolutions[0].in_channels)
    input_top = HYPER_TOP
    h = z.float()
    for convolution in convolutions[:-1]:
        h = F.relu(convolution(h))
        seen = h.amax((0, 2, 3)).double().numpy()
        layer, fine = _quantize(convolution, scale, input_top, np.maximum(seen * HEADROOM, 1e-3), HIDDEN_TOP)
        shared = np.repeat(fine.reshape(-1, SHUFFLE**2).min(1), SHUFFLE**2)
        layer, got = _quantize(convolution, scale, input_top, HIDDEN_TOP / shared, HIDDEN_TOP)
        assert np.allclose(got, shared)
        layers.append(layer)
        scale, input_top = shared[:: SHUFFLE**2], HIDDEN_TOP
        h = F.pixel_shuffle(h, SHUFFLE)
    top = SCALE_LEVELS - 1
    layer, got = _quantize(convolutions[-1], scale, input_top, np.full(convolutions[-1].out_channels, float(top)), top)
    if not np.allclose(got, 1):
        raise ValueError(f"expected an index that fits under 2**24 in its own unit, got a scale of {got.min()}")
    return (*layers, layer)


def _quantize(
    convolution: nn.Conv2d, scale: Float64, input_top: int, output_max: Float64, top: int
) -> tuple[IntegerConvolution, Float64]:
    kernel = convolution.kernel_size[0]
    assert convolution.bias is not None
    weight = convolution.weight.detach().double().flatten(1).numpy()
    bias = convolution.bias.detach().double().numpy()
    linear, got = quantize_hidden(weight, bias, np.repeat(scale, kernel**2), input_top, output_max, top)
    return IntegerConvolution(linear, kernel), got


def synthesis_graph(layers: Sequence[IntegerConvolution], first_table: Int32) -> onnx.ModelProto:
    """`z` int32 ``[n, N, a, b]`` to `indices` float32 ``[n, M, 4a, 4b]``, integers.

    `first_table` int32 ``[M]`` is added to every index of a channel: channels of one kind share tables.
    """
    g = GraphBuilder()
    h = g.node("Cast", ["z"], to=TensorProto.FLOAT)
    h = g.node("Clip", [h, g.constant(np.float32(-HYPER_TOP)), g.constant(np.float32(HYPER_TOP))])
    for number, layer in enumerate(layers):
        linear = layer.linear
        weight = g.scaled(linear.weight, linear.shift, layer.weight().shape)
        bias = g.scaled(linear.bias, linear.shift, linear.bias.shape)
        pads = [layer.kernel // 2] * 4
        h = g.node("Conv", [h, weight, bias], kernel_shape=[layer.kernel] * 2, pads=pads)
        h = g.step(h, linear.top)
        if number < len(layers) - 1:
            h = g.node("DepthToSpace", [h], blocksize=SHUFFLE, mode="CRD")
    g.node("Add", [h, g.integers(first_table.reshape(1, -1, 1, 1))], "indices")
    channels = layers[0].weight().shape[1]
    return g.model(
        "h_s",
        [helper.make_tensor_value_info("z", TensorProto.INT32, ["batch", channels, "a", "b"])],
        [helper.make_tensor_value_info("indices", TensorProto.FLOAT, ["batch", len(first_table), "rows", "columns"])],
    )


def analysis_graph(h_a: HyperAnalysis) -> onnx.ModelProto:
    """`y` float32 ``[n, M, 4a, 4b]`` to `z` float32 ``[n, N, a, b]``, within `HYPER_TOP`, not rounded."""
    g = GraphBuilder()
    h = g.node("Abs", ["y"])
    channels: list[int] = []
    for layer in h_a.layers:
        if not isinstance(layer, nn.Conv2d):
            h = g.node("Relu", [h])
            continue
        assert layer.bias is not None
        weight = g.constant(layer.weight.detach().numpy())
        bias = g.constant(layer.bias.detach().numpy())
        kernel, stride = list(layer.kernel_size), list(layer.stride)
        pads = [side // 2 for side in kernel] * 2
        h = g.node("Conv", [h, weight, bias], kernel_shape=kernel, strides=stride, pads=pads)
        channels += [layer.in_channels, layer.out_channels]
    g.node("Clip", [h, g.constant(np.float32(-HYPER_TOP)), g.constant(np.float32(HYPER_TOP))], "z")
    return g.model(
        "h_a",
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", channels[0], "rows", "columns"])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", channels[-1], "a", "b"])],
    )
