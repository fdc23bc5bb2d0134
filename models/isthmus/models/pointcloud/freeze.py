"""From trained float networks to the integer halves of a codec: batch norm and gains folded, scales calibrated.

The two entry points, `freeze_categorical` (ours) and `freeze_scalar` (the thesis's bottleneck), return the ONNX
graphs of both halves and what the prior needs; `isthmus.training.pointcloud.zoo_writer` adds tables and manifest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn

from isthmus.models.bottleneck import EntropyBottleneck
from isthmus.models.exact.graph import CategoricalSymbols, ScalarSymbols, cloud_graph, edge_graph
from isthmus.models.exact.net import (
    EXACT_LIMIT,
    INPUT_BITS,
    MAX_SHIFT,
    Float64,
    Int32,
    IntegerLinear,
    quantize_hidden,
    quantize_output,
)
from isthmus.models.pointcloud.categorical import CategoricalCodec
from isthmus.models.pointcloud.pointnet import BATCH_NORM_EPS, PointEncoder

HIDDEN_TOP = 1023
WIDE_POOL_TOP = 255  # a thousand pooled channels leave less of the 2**24 for each
WIDE_POOL = 256
NARROW = 64  # widest layer for which a compiled loop over points beats a library's matrix product
HEADROOM = 1.25
INT8_TOP = 127  # the cloud half's hidden weights are stored as int8


@dataclass(frozen=True, slots=True)
class FrozenHalves:
    """Both graphs, and the values of each channel's table."""

    edge: onnx.ModelProto
    cloud: onnx.ModelProto
    plan: dict[str, Int32]  # the edge half as plain arrays, for the compiled engine; empty where it has none
    low: Int32  # [channels] smallest symbol
    sizes: Int32  # [channels] number of values


def _array(t: Tensor) -> Float64:
    out: Float64 = t.detach().double().cpu().numpy()
    return out


@torch.no_grad()
def _encoder_layers(g_a: PointEncoder, points: Tensor) -> tuple[list[IntegerLinear], Float64, Float64]:
    """All layers but the last as integers; the scale of their output; the last layer's channel maxima."""
    layers: list[IntegerLinear] = []
    scale = np.full(3, float(1 << INPUT_BITS))
    input_top = 1 << INPUT_BITS
    h = points.reshape(3, -1).float()
    for module in g_a.layers:
        weight, bias = module.fold_running()  # type: ignore[operator]
        h = torch.addmm(bias[:, None], weight, h).relu_()
        maxima = _array(h.amax(1))
        if module is g_a.layers[-1]:
            break
        layer, scale = quantize_hidden(_array(weight), _array(bias), scale, input_top, maxima, HIDDEN_TOP)
        layers.append(layer)
        input_top = HIDDEN_TOP
    return layers, scale, maxima


def _input_top(layers: list[IntegerLinear]) -> int:
    return layers[-1].top if layers else 1 << INPUT_BITS


@torch.no_grad()
def freeze_categorical(
    g_a: PointEncoder, standard: nn.BatchNorm1d, codec: CategoricalCodec, points: Tensor
) -> FrozenHalves:
    """Our codec, calibrated on `points` ``[3, clouds, points]``."""
    layers, scale, maxima = _encoder_layers(g_a, points)
    top = WIDE_POOL_TOP if g_a.out_channels >= WIDE_POOL else HIDDEN_TOP
    weight, bias = g_a.layers[-1].fold_running()  # type: ignore[operator]
    last, pooled_scale = quantize_hidden(_array(weight), _array(bias), scale, _input_top(layers), maxima, top)
    # Standardisation folds into the heads.
    inverse, mean = _standard(standard)
    head_weight = _array(codec.heads.weight) * inverse
    head_bias = _array(codec.heads.bias) - head_weight @ mean
    # Only differences between the values of one head matter: take the mean out, for the precision.
    count, size = codec.alphabet.heads, codec.alphabet.size
    w = head_weight.reshape(count, size, -1)
    b = head_bias.reshape(count, size)
    w, b = w - w.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    heads, _ = quantize_output(w.reshape(count * size, -1), b.reshape(-1), pooled_scale, top)
    seen = codec.symbols(standard(g_a(points)))
    cloud = _categorical_cloud(codec, seen)
    return FrozenHalves(
        edge_graph([*layers, last], CategoricalSymbols(heads, count)),
        cloud,
        _plan([*layers, last], heads, count),
        np.zeros(count, np.int32),
        np.full(count, size, np.int32),
    )


def _plan(layers: list[IntegerLinear], heads: IntegerLinear, count: int) -> dict[str, Int32]:
    """A narrow edge half as named int32 arrays, the form that `isthmus.runtime.pointwise` runs."""
    if max(len(layer.bias) for layer in layers) > NARROW:
        return {}
    plan = {
        "input_bits": np.array(INPUT_BITS, np.int32),
        "head_count": np.array(count, np.int32),
        "head_weight": heads.weight,
        "head_bias": heads.bias,
    }
    for number, layer in enumerate(layers):
        plan[f"weight{number}"], plan[f"bias{number}"] = layer.weight, layer.bias
        plan[f"shift{number}"], plan[f"top{number}"] = layer.shift, np.array(layer.top, np.int32)
    return plan


def _folded_head(sequence: nn.Module) -> list[tuple[Float64, Float64]]:
    """The linear layers of a cloud half with batch norm folded in."""
    out: list[tuple[Float64, Float64]] = []
    for module in sequence.modules():
        if isinstance(module, nn.Linear):
            bias = _array(module.bias) if module.bias is not None else np.zeros(module.out_features)
            out.append((_array(module.weight), bias))
        elif isinstance(module, nn.BatchNorm1d):
            weight, bias = out[-1]
            assert module.running_mean is not None
            assert module.running_var is not None
            scale = _array(module.weight) / np.sqrt(_array(module.running_var) + BATCH_NORM_EPS)
            out[-1] = (weight * scale[:, None], (bias - _array(module.running_mean)) * scale + _array(module.bias))
    return out


@torch.no_grad()
def float_layers(
    g_a: PointEncoder, standard: nn.BatchNorm1d, g_s: nn.Module
) -> tuple[list[tuple[Float64, Float64]], list[tuple[Float64, Float64]]]:
    """Both halves of a network without a bottleneck as plain pairs (``[out, in]``, ``[out]``), everything folded."""
    encoder = [(_array(w), _array(b)) for w, b in (layer.fold_running() for layer in g_a.layers)]  # type: ignore[operator]
    head = _folded_head(g_s)
    inverse, mean = _standard(standard)
    weight, bias = head[0]
    weight = weight * inverse
    head[0] = (weight, bias - weight @ mean)
    return encoder, head


def _standard(standard: nn.BatchNorm1d) -> tuple[Float64, Float64]:
    """Inverse deviation and mean of the standardisation, ``[channels]``."""
    if standard.running_mean is None or standard.running_var is None:
        raise TypeError("expected a standardisation that tracks its statistics")
    return 1 / np.sqrt(_array(standard.running_var) + standard.eps), _array(standard.running_mean)


@torch.no_grad()
def _categorical_cloud(codec: CategoricalCodec, symbols: Tensor) -> onnx.ModelProto:
    count, size = codec.alphabet.heads, codec.alphabet.size
    folded = _folded_head(codec.g_s)
    (weight, bias), rest = folded[0], folded[1:]
    h = np.maximum(_array(codec.one_hot(symbols)) @ weight.T + bias, 0)
    # As a layer over one-hot inputs: its bound is far from reached, since one value a head is on.
    first, scale = quantize_hidden(
        weight, bias, np.ones(weight.shape[1]), 1, _expected_maximum(h), HIDDEN_TOP, INT8_TOP
    )
    table = first.weight.T.reshape(count, size, -1)
    layers, logit_shift = _cloud_tail(first, rest, scale, h)
    return cloud_graph(layers, logit_shift, table, count)


def _cloud_tail(
    first: IntegerLinear, rest: list[tuple[Float64, Float64]], scale: Float64, h: Float64
) -> tuple[list[IntegerLinear], int]:
    """The layers after the first: hidden ones, then the logits; `h` ``[n, width]`` is what the first one gives."""
    layers = [first]
    for weight, bias in rest[:-1]:
        h = np.maximum(h @ weight.T + bias, 0)
        layer, scale = quantize_hidden(weight, bias, scale, HIDDEN_TOP, _expected_maximum(h), HIDDEN_TOP, INT8_TOP)
        layers.append(layer)
    layer, shift = quantize_output(*rest[-1], scale, HIDDEN_TOP)
    return [*layers, layer], shift


def _expected_maximum(h: Float64) -> Float64:
    """Largest value that a channel is expected to take, from those seen ``[n, channels]``, with some room."""
    out: Float64 = np.maximum(h.max(0) * HEADROOM, 1e-3)
    return out


@torch.no_grad()
def freeze_scalar(
    g_a: PointEncoder,
    gain_a: Tensor,
    bottleneck: EntropyBottleneck,
    gain_s: Tensor,
    g_s: nn.Module,
    points: Tensor,
    symbols: Int32,
) -> tuple[FrozenHalves, npt.NDArray[np.int64]]:
    """The thesis's codec: also returns the channels that are alive.

    `gain_a` and `gain_s` ``[channels]`` are the whole gains, `symbols` ``[clouds, channels]`` what the float network
    makes of training clouds: a channel with one value only is dropped, its constant moved into the cloud half.
    """
    layers, scale, _ = _encoder_layers(g_a, points)
    input_top = _input_top(layers)
    alive = np.flatnonzero(symbols.min(0) != symbols.max(0))
    if not len(alive):
        alive = np.array([0])
    weight, bias = (_array(t) for t in g_a.layers[-1].fold_running())  # type: ignore[operator]
    gain, medians = _array(gain_a), _array(bottleneck.quantile(0.5))
    real = weight[alive] / scale[None, :]
    magnitude = (np.abs(real).sum(1) * input_top + np.abs(bias[alive])) * np.abs(gain[alive])
    slack = input_top * weight.shape[1] / 2 + 2
    shift = np.minimum(np.floor(np.log2((EXACT_LIMIT - slack) / (magnitude + np.abs(medians[alive]) + 2))), MAX_SHIFT)
    factor = np.abs(gain[alive]) * 2.0**shift
    last = IntegerLinear(
        np.rint(real * factor[:, None]).astype(np.int32),
        np.rint(bias[alive] * factor).astype(np.int32),
        shift.astype(np.int32),
        0,
        input_top,
    )
    sign = np.where(gain[alive] < 0, -1, 1).astype(np.int32)
    center = np.rint((0.5 - sign * medians[alive]) * 2.0**shift).astype(np.int32)
    low, high = symbols.min(0)[alive].astype(np.int32), symbols.max(0)[alive].astype(np.int32)
    scalar = ScalarSymbols(shift.astype(np.int32), center, sign, low, high)
    # Cloud half over the integers: y_hat = symbol + median, gain, first layer; constants of dead channels too.
    folded = _folded_head(g_s)
    (w, b), rest = folded[0], folded[1:]
    w = w * _array(gain_s)[None, :]
    y_hat = medians + symbols[0]
    y_hat[alive] = medians[alive]
    b = b + w @ y_hat
    w = w[:, alive]
    top = int(max(np.abs(low).max(), np.abs(high).max(), 1))
    h = np.maximum(symbols[:, alive] @ w.T + b, 0)
    first, hidden_scale = quantize_hidden(w, b, np.ones(len(alive)), top, _expected_maximum(h), HIDDEN_TOP, INT8_TOP)
    cloud_layers, logit_shift = _cloud_tail(first, rest, hidden_scale, h)
    halves = FrozenHalves(
        edge_graph([*layers, last], scalar),
        cloud_graph(cloud_layers, logit_shift, None, len(alive)),
        {},
        low,
        (high - low + 1).astype(np.int32),
    )
    return halves, alive
