"""An image's components as ONNX graphs: ``h_a,q`` in floats for the edge, ``h_s,q`` in exact integers for both sides.

As in `adaptive_graph`, integers are held in float32 and every sum stays under 2**24. ``h_s,q`` is two steps: components
to what bends the logits at the knots, in 1/256 nat, rounded and limited; then the straight lines between knots, whose
weights are whole numbers of 1/64, rounded again. ``h_a,q`` may round as it likes: its q is rounded to integers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor

from isthmus.models.exact.net import EXACT_LIMIT, MAX_SHIFT, Int32
from isthmus.models.graph_builder import GraphBuilder
from isthmus.models.image.adaptive_graph import LEAST_LOGIT, LOGIT_BITS
from isthmus.models.image.components import Components, ComponentShape
from isthmus.models.image.knots import HAT_BITS, KnotClass

WEIGHT_TOP = 4095
"""Of weights, stored as int16."""
BENT_TOP = 1 << 14
"""Largest change of a logit at a knot, in 1/256 nat: what changes by 64 nats is certain either way."""

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class IntegerComponents:
    """``h_s,q`` over integers.

    Attributes:
        shape, classes: of the networks.
        tops: int32 ``[R]``, largest magnitude of each number of q: the graph limits them to it.
        weight, bias, shift: int32 ``[D, R]``, ``[D]``, ``[D]``: a knot's change is ``(weight q + bias) >> shift``.
        static_logits: int32 ``[M_y, B]``.
    """

    shape: ComponentShape
    classes: tuple[KnotClass, ...]
    tops: Int32
    weight: Int32
    bias: Int32
    shift: Int32
    static_logits: Int32

    def bound(self) -> int:
        """Largest magnitude that any partial sum can take: under 2**24."""
        first = np.abs(self.weight.astype(np.int64)) @ self.tops.astype(np.int64) + np.abs(self.bias)
        return max(int(first.max()), BENT_TOP << HAT_BITS)


@torch.no_grad()
def quantize_components(net: Components, q: Tensor) -> IntegerComponents:
    """``h_s,q`` over integers, its limits those of rounded `q` ``[n, M_q, 1]`` of training photographs."""
    tops = q.abs().amax((0, 2)).clamp_min(1).double().numpy()
    real = net.synthesis.T.double().numpy() * (1 << LOGIT_BITS)
    offset = net.synthesis_bias.double().numpy() * (1 << LOGIT_BITS)
    room = EXACT_LIMIT - 2 - tops.sum() / 2  # every weight may be rounded by a half
    magnitude = np.abs(real) @ tops + np.abs(offset) + 1
    shift = np.floor(np.log2(room / magnitude))
    shift = np.minimum(shift, np.floor(np.log2((WEIGHT_TOP + 0.49) / np.maximum(np.abs(real).max(1), 1e-9))))
    shift = np.minimum(shift, MAX_SHIFT)
    if shift.min() < 0:
        raise ValueError(f"expected logits that fit under 2**24 in their own unit, got a shift of {shift.min()}")
    factor = 2.0**shift
    half = np.where(shift > 0, factor / 2, 0)  # floor() after adding half a step rounds to nearest
    static = np.rint(net.static_logits.double().numpy() * (1 << LOGIT_BITS))
    return IntegerComponents(
        net.shape,
        net.classes,
        tops.astype(np.int32),
        np.rint(real * factor[:, None]).astype(np.int32),
        np.rint(offset * factor + half).astype(np.int32),
        shift.astype(np.int32),
        np.maximum(static, LEAST_LOGIT).astype(np.int32),
    )


def integer_logits(synthesis: IntegerComponents, q: Int32) -> Int32:
    """What the graph of `synthesis_graph` computes, in 64-bit integers: q ``[M_q, 1]`` to logits ``[M_y, B]``."""
    shape, zero = synthesis.shape, synthesis.shape.bins // 2
    limited = np.clip(q[:, 0].astype(np.int64), -synthesis.tops, synthesis.tops)
    bent = (synthesis.weight.astype(np.int64) @ limited + synthesis.bias) >> synthesis.shift
    bent = np.clip(bent, -BENT_TOP, BENT_TOP)
    logits = synthesis.static_logits.astype(np.int64)
    start = 0
    for found in synthesis.classes:
        at = bent[start : start + found.size].reshape(len(found.channels), -1)
        start += found.size
        inside = (at @ found.hats().astype(np.int64) + (1 << HAT_BITS >> 1)) >> HAT_BITS
        pads = (0, 0), (zero - found.reach, shape.bins - zero - found.reach - 1)
        logits[found.channels] += np.pad(inside, pads, mode="edge")
    return logits.astype(np.int32)


def synthesis_graph(synthesis: IntegerComponents) -> onnx.ModelProto:
    """`q` int32 ``[n, M_q, 1]``, of any values, to `logits` float32 ``[n, M_y, B]``, integers in 2^-8 nat."""
    g, shape, zero = GraphBuilder(), synthesis.shape, synthesis.shape.bins // 2
    h = g.node("Cast", ["q"], to=TensorProto.FLOAT)
    tops = synthesis.tops[None, :, None]
    h = g.node("Max", [g.node("Min", [h, g.integers(tops)]), g.integers(-tops)])
    weight = g.scaled(synthesis.weight, synthesis.shift, synthesis.weight.shape)
    bias = g.scaled(synthesis.bias[:, None], synthesis.shift, (len(synthesis.bias), 1))
    bent = g.node("Floor", [g.node("Add", [g.node("MatMul", [weight, h]), bias])])
    bent = g.node("Clip", [bent, g.constant(np.float32(-BENT_TOP)), g.constant(np.float32(BENT_TOP))])
    start, parts = 0, []
    for found in synthesis.classes:
        ends = (g.constant(np.array([v], np.int64)) for v in (start, start + found.size, 1))
        at = g.node("Slice", [bent, *ends])
        start += found.size
        split = g.constant(np.array([0, len(found.channels), len(found.knots)], np.int64))
        lines = g.node("MatMul", [g.node("Reshape", [at, split]), g.integers(found.hats())])
        half = np.float32(0.5)
        inside = g.node("Floor", [_scaled_down(g, lines, half)])
        pads = np.array([0, 0, zero - found.reach, 0, 0, shape.bins - zero - found.reach - 1], np.int64)
        parts.append(g.node("Pad", [inside, g.constant(pads)], mode="edge"))
    order = np.argsort(np.concatenate([found.channels for found in synthesis.classes]))
    joined = g.node("Concat", parts, axis=1) if len(parts) > 1 else parts[0]
    changes = g.node("Gather", [joined, g.constant(order.astype(np.int64))], axis=1)
    g.node("Add", [changes, g.integers(synthesis.static_logits[None])], "logits")
    return g.model(
        "h_s_q",
        [helper.make_tensor_value_info("q", TensorProto.INT32, ["batch", shape.components, 1])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", shape.latent_channels, shape.bins])],
    )


def _scaled_down(g: GraphBuilder, lines: str, half: np.float32) -> str:
    """`lines` in 2^-6 plus a half: exact, for a power of two scales and sums stay under 2**24."""
    return g.node("Add", [g.node("Mul", [lines, g.constant(np.float32(2.0**-HAT_BITS))]), g.constant(half)])


@torch.no_grad()
def analysis_graph(net: Components, tops: Int32) -> onnx.ModelProto:
    """`histograms` float32 ``[n, M_y, B]``, each channel's summing to 1, to `q` int32 ``[n, M_q, 1]``, rounded half to
    even and limited to `tops`."""
    g, shape, zero = GraphBuilder(), net.shape, net.shape.bins // 2

    def sliced(rows: str, low: int, high: int) -> str:
        return g.node("Slice", [rows, *(g.constant(np.array([v], np.int64)) for v in (low, high, 2))])

    parts = []
    for index, found in enumerate(net.classes):
        rows = g.node("Gather", ["histograms", g.constant(found.channels)], axis=1)
        low, high = zero - found.reach, zero + found.reach + 1
        at = g.node("MatMul", [sliced(rows, low, high), g.constant(net.hats(index).T.numpy())])
        axes = g.constant(np.array([2], np.int64))
        left, right = (g.node("ReduceSum", [sliced(rows, *ends), axes]) for ends in ((0, low), (high, shape.bins)))
        middle = g.constant(np.array([0, 0, len(found.knots) - 1, 0, 0, 0], np.int64))
        other = g.constant(np.array([0, 0, 0, 0, 0, len(found.knots) - 1], np.int64))
        tails = g.node("Add", [g.node("Pad", [right, middle]), g.node("Pad", [left, other])])
        flat = g.constant(np.array([0, found.size], np.int64))
        parts.append(g.node("Reshape", [g.node("Add", [at, tails]), flat]))
    masses = g.node("Concat", parts, axis=1) if len(parts) > 1 else parts[0]
    floor = float(net.floor.exp())
    added = g.constant((floor * net.at_knots).numpy()[None])
    share = g.constant((1 / ((1 + floor) * net.at_knots)).numpy()[None])
    seen = g.node("Log", [g.node("Mul", [g.node("Add", [masses, added]), share])])
    h = g.node("MatMul", [seen, g.halves(net.analysis.numpy())])
    h = g.node("Round", [g.node("Add", [h, g.constant(net.analysis_bias.numpy()[None])])])
    h = g.node("Max", [g.node("Min", [h, g.integers(tops[None])]), g.integers(-tops[None])])
    h = g.node("Unsqueeze", [h, g.constant(np.array([2], np.int64))])
    g.node("Cast", [h], "q", to=TensorProto.INT32)
    return g.model(
        "h_a_q",
        [helper.make_tensor_value_info("histograms", TensorProto.FLOAT, ["batch", shape.latent_channels, shape.bins])],
        [helper.make_tensor_value_info("q", TensorProto.INT32, ["batch", shape.components, 1])],
    )
