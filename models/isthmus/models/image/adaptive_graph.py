"""The adaptive bottleneck as ONNX graphs: ``h_a,q`` in floats for the edge, ``h_s,q`` in exact integers for both sides.

``h_s,q`` follows `exact.net`: activations and weights are integers held in float32, between layers stands only
``clip(floor(acc * 2**-shift), 0, top)``, and every sum stays under 2**24. Its logits count 1/256 of a nat: the static
log-probabilities, rounded once, plus what the network makes of q.

A transposed convolution of stride 2 and kernel 15 is written as a plain one of 8 taps that makes two channels of each,
one for the even and one for the odd positions, and a shuffle that interleaves them; runtimes do that fast, and its
bound is that of a plain convolution. Both phases of a channel share one scale.

``h_a,q`` may round as it likes: its q is rounded to integers, and those are sent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.models.exact.net import EXACT_LIMIT, MAX_SHIFT, Float64, Int32, IntegerLinear
from isthmus.models.graph_builder import GraphBuilder
from isthmus.models.image.adaptive import (
    GROUPS,
    ROOT_FLOOR,
    AdaptiveBottleneck,
    AdaptiveShape,
    analysis_layers,
    synthesis_layers,
)

LOGIT_BITS = 8  # as isthmus.common.bits.integer_softmax: a logit is in units of 2^-8 nat
HIDDEN_TOP = 1023
WEIGHT_TOP = 2047  # weights are stored as int16; int8 costs six times more bits, still under 0.01 %
HEADROOM = 1.25
TOGETHER = 32  # rounded q of photographs: those of all training would fill a machine
LEAST_LOGIT = -(1 << 14)  # under this a static probability is nothing

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BinConvolution:
    """An integer layer along the bins, zero outside them.

    `linear.weight` is ``[phases * channels, inputs * taps]``, inputs those of one group; the phases of a channel lie
    side by side, and are interleaved along the bins.
    """

    linear: IntegerLinear
    taps: int
    pads: tuple[int, int]
    groups: int
    phases: int
    is_shuffled: bool

    def weight(self) -> Int32:
        """Int32 ``[phases * channels, inputs, taps]``."""
        return self.linear.weight.reshape(len(self.linear.bias), -1, self.taps)


@dataclass(frozen=True, slots=True)
class IntegerSynthesis:
    """``h_s,q`` over integers."""

    shape: AdaptiveShape
    layers: tuple[BinConvolution, ...]
    static_logits: Int32  # [M_y, B]

    @property
    def side_top(self) -> int:
        """Largest magnitude of q: the graph clips to it."""
        return self.layers[0].linear.input_top

    def bound(self) -> int:
        """Largest magnitude that any partial sum of any layer can take: under 2**24."""
        return max(layer.linear.bound() for layer in self.layers)


def plain_taps(module: nn.Conv1d | nn.ConvTranspose1d) -> tuple[Float64, int, int]:
    """Weight ``[phases * channels, inputs, taps]``, left pad and number of phases of the plain convolution.

    Of a transposed convolution of stride 2, padding k // 2 and output padding 1: the output at 2m + 1 is the sum over
    j of ``w[2j] x[m + (k + 1) / 4 - j]``, that at 2m the same over ``w[2j + 1]`` one position earlier.
    """
    weight: Float64 = module.weight.detach().double().numpy()
    if isinstance(module, nn.Conv1d):
        return weight, int(module.padding[0]), 1
    kernel = int(module.kernel_size[0])
    if module.stride != (2,) or kernel % 4 != 3 or module.padding != (kernel // 2,) or module.output_padding != (1,):
        raise ValueError(f"expected a transposed convolution of stride 2 and kernel 4n + 3, got {module}")
    inputs, per_group, _ = weight.shape
    grouped = weight.reshape(module.groups, inputs // module.groups, per_group, kernel)
    flat = grouped.transpose(0, 2, 1, 3).reshape(-1, inputs // module.groups, kernel)
    taps = (kernel + 1) // 2
    per_channel = inputs // module.groups
    phases = np.zeros((module.groups * per_group, 2, per_channel, taps))
    phases[:, 0, :, : taps - 1] = flat[:, :, 1::2][:, :, ::-1]
    phases[:, 1] = flat[:, :, ::2][:, :, ::-1]
    return phases.reshape(-1, per_channel, taps), taps // 2 - 1, 2


@torch.no_grad()
def quantize_bins(
    net: AdaptiveBottleneck, q: Tensor, *, hidden_top: int = HIDDEN_TOP, weight_top: int = WEIGHT_TOP
) -> IntegerSynthesis:
    """``h_s,q`` over integers, its ranges calibrated on rounded `q` ``[n, M_q, B/8]`` of training photographs."""
    net = net.cpu().eval()
    input_top = max(1, int(q.abs().max()))
    scale = np.ones(net.shape.side_channels)
    layers: list[BinConvolution] = []
    convolutions = [m for m in net.h_s if isinstance(m, nn.Conv1d | nn.ConvTranspose1d)]
    for module, reach in zip(convolutions, _reaches(net.h_s, q), strict=True):
        is_last = module is convolutions[-1]
        layer = synthesis_layers(net.shape)[len(layers)]
        weight, pad, phases = plain_taps(module)
        assert module.bias is not None
        bias = np.repeat(module.bias.detach().double().numpy(), phases)
        # Weights over the integers of the input, whose scale differs from one input channel to the next.
        of_group = np.repeat(scale.reshape(module.groups, -1), len(weight) // module.groups, 0)
        real = (weight / of_group[:, :, None]).reshape(len(weight), -1)
        if is_last:
            unit = np.full(len(weight), float(1 << LOGIT_BITS))
            top = 0
        else:
            expected = np.maximum(reach * HEADROOM, 1e-3)
            unit, top = np.repeat(hidden_top / expected, phases), hidden_top
        linear, scales = _quantize(real, bias, unit, phases, input_top, top, weight_top)
        taps = weight.shape[2]
        layers.append(BinConvolution(linear, taps, (pad, taps - 1 - pad), module.groups, phases, layer.is_shuffled))
        scale, input_top = scales[::phases], hidden_top
        if layer.is_shuffled:
            scale = scale.reshape(GROUPS, -1).T.reshape(-1)
    static = np.rint(net.static_logits.double().numpy() * (1 << LOGIT_BITS))
    return IntegerSynthesis(net.shape, tuple(layers), np.maximum(static, LEAST_LOGIT).astype(np.int32))


def _reaches(h_s: nn.Sequential, q: Tensor) -> list[Float64]:
    """Of every convolution the largest of each channel it makes, 0 or more, over `q` ``[n, M_q, B/8]``, in parts."""
    reaches: list[Tensor] = []
    for part in torch.split(q, TOGETHER):
        h, found = part.float(), []
        for module in h_s:
            h = module(h)
            if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
                found.append(F.relu(h).amax((0, 2)))
        reaches = [torch.maximum(*pair) for pair in zip(reaches, found, strict=True)] if reaches else found
    return [reach.double().numpy() for reach in reaches]


def _quantize(
    real: Float64, bias: Float64, unit: Float64, phases: int, input_top: int, top: int, weight_top: int
) -> tuple[IntegerLinear, Float64]:
    """Weights and shifts of one layer whose outputs are to be `unit` times the real ones, and the scale reached.

    A hidden channel that could overflow gets a smaller unit; the last layer's unit is fixed, and it is an error there.
    """
    room = EXACT_LIMIT - 1 - (input_top * real.shape[1] / 2 + 1)
    magnitude = np.abs(real).sum(1) * input_top + np.abs(bias)
    if top:
        unit = np.minimum(unit, room / np.maximum(magnitude, 1e-9) / 2)
        unit = np.minimum(unit, weight_top / np.maximum(np.abs(real).max(1), 1e-9))
        unit = np.repeat(unit.reshape(-1, phases).min(1), phases)
    shift = np.floor(np.log2(room / np.maximum(magnitude * unit + 0.5, 1e-9)))
    largest = np.maximum(np.abs(real).max(1) * unit, 1e-9)
    shift = np.minimum(np.minimum(shift, np.floor(np.log2((weight_top + 0.49) / largest))), MAX_SHIFT)
    if shift.min() < 0:
        raise ValueError(f"expected logits that fit under 2**24 in their own unit, got a shift of {shift.min()}")
    factor = unit * 2.0**shift
    half = np.where(shift > 0, 2.0 ** (shift - 1), 0.0)  # floor() after adding half a step rounds to nearest
    linear = IntegerLinear(
        np.rint(real * factor[:, None]).astype(np.int32),
        np.rint(bias * factor + half).astype(np.int32),
        shift.astype(np.int32),
        top,
        input_top,
    )
    return linear, unit


def integer_logits(synthesis: IntegerSynthesis, q: Int32) -> Int32:
    """What the graph of `synthesis_graph` computes, in 64-bit integers: q ``[M_q, B/8]`` to logits ``[M_y, B]``."""
    h: Int64 = np.clip(q.astype(np.int64), -synthesis.side_top, synthesis.side_top)
    for layer in synthesis.layers:
        padded = np.pad(h, ((0, 0), layer.pads))
        window = np.lib.stride_tricks.sliding_window_view(padded, layer.taps, 1)
        grouped = window.reshape(layer.groups, -1, h.shape[1], layer.taps)
        weight = layer.weight().astype(np.int64).reshape(layer.groups, -1, grouped.shape[1], layer.taps)
        acc = np.einsum("gilk,goik->gol", grouped, weight, optimize=True).reshape(-1, h.shape[1])
        h = (acc + layer.linear.bias[:, None]) >> layer.linear.shift[:, None]
        if layer.linear.top:
            h = np.clip(h, 0, layer.linear.top)
        if layer.phases > 1:
            h = h.reshape(-1, layer.phases, h.shape[1]).transpose(0, 2, 1).reshape(len(h) // layer.phases, -1)
        if layer.is_shuffled:
            h = h.reshape(GROUPS, -1, h.shape[1]).transpose(1, 0, 2).reshape(h.shape)
    return (h + synthesis.static_logits).astype(np.int32)


def synthesis_graph(synthesis: IntegerSynthesis) -> onnx.ModelProto:
    """`q` int32 ``[n, M_q, B/8]``, of any values, to `logits` float32 ``[n, M_y, B]``, integers in 2^-8 nat."""
    g, shape = GraphBuilder(), synthesis.shape
    h = g.node("Cast", ["q"], to=TensorProto.FLOAT)
    top = np.float32(synthesis.side_top)
    h = g.node("Clip", [h, g.constant(-top), g.constant(top)])
    bins = shape.side_bins
    for layer in synthesis.layers:
        linear = layer.linear
        weight = g.scaled(linear.weight, linear.shift, layer.weight().shape)
        bias = g.scaled(linear.bias, linear.shift, linear.bias.shape)
        h = g.node("Conv", [h, weight, bias], kernel_shape=[layer.taps], pads=list(layer.pads), group=layer.groups)
        h = g.step(h, linear.top) if linear.top else g.node("Floor", [h])
        channels = len(linear.bias) // layer.phases
        if layer.is_shuffled or layer.phases > 1:
            groups = GROUPS if layer.is_shuffled else 1
            h = _shuffled(g, h, (groups, channels // groups, layer.phases, bins))
        bins *= layer.phases
    g.node("Add", [h, g.integers(synthesis.static_logits[None])], "logits")
    return g.model(
        "h_s_q",
        [helper.make_tensor_value_info("q", TensorProto.INT32, ["batch", shape.side_channels, shape.side_bins])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", shape.latent_channels, shape.bins])],
    )


def _shuffled(g: GraphBuilder, h: str, split: tuple[int, int, int, int]) -> str:
    """Channels ``[groups * width * phases]`` over bins to ``[width * groups]`` over ``[bins * phases]``."""
    groups, width, phases, bins = split
    h = g.node("Reshape", [h, g.constant(np.array([0, groups, width, phases, bins], np.int64))])
    h = g.node("Transpose", [h], perm=[0, 2, 1, 4, 3])
    return g.node("Reshape", [h, g.constant(np.array([0, width * groups, bins * phases], np.int64))])


@torch.no_grad()
def analysis_graph(net: AdaptiveBottleneck, side_top: int) -> onnx.ModelProto:
    """`histograms` float32 ``[n, M_y, B]``, each channel's summing to 1, to `q` int32 ``[n, M_q, B/8]``, rounded half
    to even and clipped to `side_top`."""
    g, shape = GraphBuilder(), net.shape
    h = "histograms"
    if not shape.is_plain:
        root = g.node("Sqrt", [g.node("Add", ["histograms", g.constant(np.float32(ROOT_FLOOR))])])
        static = torch.sqrt(net.static_logits.exp() + ROOT_FLOOR).numpy()
        h = g.node("Sub", [root, g.constant(static[None])])
    modules = [m for m in net.h_a if isinstance(m, nn.Conv1d)]
    bins = shape.bins
    for module, layer in zip(modules, analysis_layers(shape), strict=True):
        assert module.bias is not None
        pad = int(module.padding[0])
        inputs = [h, g.constant(module.weight.detach().numpy()), g.constant(module.bias.detach().numpy())]
        h = g.node(
            "Conv", inputs, kernel_shape=[layer.kernel], strides=[layer.factor], pads=[pad, pad], group=layer.groups
        )
        bins //= layer.factor
        if module is not modules[-1]:
            h = g.node("Relu", [h])
        if layer.is_shuffled:
            h = _shuffled(g, h, (GROUPS, layer.outputs // GROUPS, 1, bins))
    top = np.float32(side_top)
    h = g.node("Clip", [g.node("Round", [h]), g.constant(-top), g.constant(top)])
    g.node("Cast", [h], "q", to=TensorProto.INT32)
    return g.model(
        "h_a_q",
        [helper.make_tensor_value_info("histograms", TensorProto.FLOAT, ["batch", shape.latent_channels, shape.bins])],
        [helper.make_tensor_value_info("q", TensorProto.INT32, ["batch", shape.side_channels, shape.side_bins])],
    )
