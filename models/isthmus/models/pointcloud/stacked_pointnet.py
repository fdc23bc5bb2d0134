"""The edge halves of several networks of one shape side by side, on the same points: one training step of all.

Theory of operation. A narrow network spends most of a training step on starting operations and on fetching arrays, not
on arithmetic. Networks that see the same points can take a step together. Every array has the network as its first
axis, every product is a batched one, and the first layer, whose input they share, has its moments once. Long arrays
are worked on a few networks at a time, and whatever is needed of an array is taken while the cache holds it: moments
when a layer's output is made, the gradient of its weights when the gradient of its output is. So the whole edge half
is one step of automatic differentiation, with the formulas of `pointnet`: batch norm from the moments of its input,
and a last layer that is evaluated with gradient at the winners of the maximum alone. Each network's numbers are those
that it would have by itself, up to the order of float sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from isthmus.models.pointcloud.pointnet import BATCH_NORM_EPS, BATCH_NORM_MOMENTUM

CACHED_VALUES = 1 << 19
"""Values of an array that are worked on at a time: as many as a cache holds."""
LANES = 32


@dataclass(frozen=True, slots=True, eq=False)
class StackedLayer:
    """One layer of all networks.

    Attributes:
        weight: ``[networks, out, in]``, zero outside its groups.
        gamma, beta: of the batch norm, ``[networks, out]``.
        running_mean, running_var: of the batch norm, ``[networks, out]``; training moves them.
    """

    weight: Tensor
    gamma: Tensor
    beta: Tensor
    running_mean: Tensor
    running_var: Tensor

    def fold_running(self) -> tuple[Tensor, Tensor]:
        """Weight ``[networks, out, in]`` and bias ``[networks, out]`` with the running batch norm folded in."""
        scale = self.gamma * (self.running_var + BATCH_NORM_EPS).rsqrt()
        return self.weight * scale[..., None], self.beta - self.running_mean * scale


class Workspace:
    """The long arrays of a step, kept for the next one: to ask the system for them anew costs a third of a step."""

    def __init__(self) -> None:
        self._arrays: dict[str, Tensor] = {}

    def array(self, name: str, *shape: int) -> Tensor:
        """Float32 ``[*shape]``, whatever it holds; the same one at each call, while the shape stays."""
        found = self._arrays.get(name)
        if found is None or found.shape != shape:
            found = self._arrays[name] = torch.empty(shape)
        return found


def pooled_features(
    points: Tensor, layers: Sequence[StackedLayer], workspace: Workspace, *, is_training: bool
) -> Tensor:
    """The edge halves on points ``[3, batch, points]``: features ``[networks, channels, batch]``.

    In training a step's gradient must be taken before the next step is begun: `workspace` is one step's.
    """
    batch = points.shape[1]
    if is_training:
        flat = [t for layer in layers for t in (layer.weight, layer.gamma, layer.beta)]
        out: Tensor = _EdgeStep.apply(points.flatten(1), batch, layers, workspace, *flat)  # type: ignore[no-untyped-call]
        return out
    folded = [layer.fold_running() for layer in layers]
    networks, widest = len(layers[0].weight), max(layer.weight.shape[1] for layer in layers)
    found = []
    for part in _parts(networks, widest * points[0].numel()):
        h = points.flatten(1).expand(len(range(networks)[part]), -1, -1)
        for weight, bias in folded[:-1]:
            h = torch.baddbmm(bias[part, :, None], weight[part], h).relu_()
        weight, bias = folded[-1]
        top = (weight[part] @ h).view(len(h), -1, batch, points.shape[2]).amax(3)
        found.append(torch.relu(top + bias[part, :, None]))
    return torch.cat(found)


def _parts(networks: int, values: int) -> Iterator[slice]:
    """The networks a few at a time, each with so many values."""
    step = max(1, CACHED_VALUES // values)
    return (slice(first, first + step) for first in range(0, networks, step))


class _Fold:
    """Batch norm folded into linear maps, from the moments of their input; and the way back.

    Args:
        mean: of the input, ``[networks or 1, in]``.
        second: its second moment, ``[networks or 1, in, in]``.
        count: columns that they are over.
    """

    def __init__(self, layer: StackedLayer, mean: Tensor, second: Tensor, count: int) -> None:
        self.count = count
        self._leaves = [t.detach().requires_grad_() for t in (layer.weight, layer.gamma, layer.beta, mean, second)]
        with torch.enable_grad():
            w, g, b, m, s = self._leaves
            covariance = s - m[:, :, None] * m[:, None, :]
            out_mean = (w * m[:, None, :]).sum(-1)
            var = ((w @ covariance) * w).sum(-1).clamp_min(0)
            scale = g * (var + BATCH_NORM_EPS).rsqrt()
            self._folded = (w * scale[..., None], b - out_mean * scale)
        layer.running_mean.lerp_(out_mean.detach(), BATCH_NORM_MOMENTUM)
        layer.running_var.lerp_(var.detach() * (count / (count - 1)), BATCH_NORM_MOMENTUM)
        self.weight, self.bias = (t.detach() for t in self._folded)

    def backward(self, grad_weight: Tensor, grad_bias: Tensor) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor, Tensor]:
        """Gradients of weight, gamma and beta; then that of the input through the moments, as ``S h + t``."""
        *own, mean, second = torch.autograd.grad(self._folded, self._leaves, (grad_weight, grad_bias))
        return (own[0], own[1], own[2]), (second + second.mT) / self.count, mean[..., None] / self.count


class _EdgeStep(torch.autograd.Function):
    """Columns ``[3, batch * points]`` to features ``[networks, channels, batch]``; no gradient for the columns."""

    @staticmethod
    def forward(
        ctx: Any, columns: Tensor, batch: int, layers: Sequence[StackedLayer], workspace: Workspace, *_: Tensor
    ) -> Tensor:
        networks, count = len(layers[0].weight), columns.shape[1]
        h = columns.expand(networks, -1, -1)
        mean, second = columns.mean(1)[None], (columns @ columns.t() / count)[None]
        ctx.inputs, ctx.folds, ctx.workspace = [h], [], workspace
        for number, layer in enumerate(layers[:-1]):
            fold = _Fold(layer, mean, second, count)
            out = workspace.array(f"h{number}", networks, layer.weight.shape[1], count)
            mean, second = h.new_empty(out.shape[:2]), h.new_empty(networks, out.shape[1], out.shape[1])
            for part in _parts(networks, out[0].numel()):
                made = torch.bmm(fold.weight[part], h[part], out=out[part]).add_(fold.bias[part, :, None]).relu_()
                mean[part] = made.mean(-1)
                second[part] = made @ made.mT
            second /= count
            h = out
            ctx.inputs.append(h)
            ctx.folds.append(fold)
        fold = _Fold(layers[-1], mean, second, count)
        ctx.folds.append(fold)
        ctx.index = index = _winners(h, fold.weight, batch, workspace)
        ctx.rows = rows = _columns_at(h, index)
        ctx.out = out = torch.relu((rows * fold.weight.mT[..., None]).sum(1) + fold.bias[..., None])
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        inputs: list[Tensor] = ctx.inputs
        folds: list[_Fold] = ctx.folds
        g = grads[0] * (ctx.out > 0)
        found, s, t = folds[-1].backward((ctx.rows * g[:, None]).sum(-1).mT, g.sum(-1))
        gradients = [*found]
        # What reaches the last layer's input: through the moments all columns, and the winners directly.
        direct: Tensor | None = None
        spread = (folds[-1].weight.mT[..., None] * g[:, None]).flatten(2)
        for number in range(len(folds) - 2, -1, -1):
            h, before, fold = inputs[number + 1], inputs[number], folds[number]
            networks, out_channels, in_channels = *h.shape[:2], before.shape[1]
            masked = ctx.workspace.array(f"g{number}", *h.shape)
            grad_weight = h.new_empty(networks, out_channels, in_channels)
            grad_bias = h.new_empty(networks, out_channels)
            for part in _parts(networks, h[0].numel()):
                grad = torch.bmm(s[part], h[part], out=masked[part]).add_(t[part])
                if direct is None:
                    at = ctx.index[part].flatten(1)[:, None].expand(-1, h.shape[1], -1)
                    grad.scatter_add_(2, at, spread[part])
                else:
                    grad.baddbmm_(folds[number + 1].weight[part].mT, direct[part])
                torch.ops.aten.threshold_backward(grad, h[part], 0, grad_input=grad)
                grad_weight[part] = grad @ before[part].mT
                grad_bias[part] = grad.sum(-1)
            direct = masked
            found, s, t = fold.backward(grad_weight, grad_bias)
            gradients = [*found, *gradients]
        return (None, None, None, None, *gradients)


def _columns_at(h: Tensor, index: Tensor) -> Tensor:
    """Columns `index` ``[networks, out, batch]`` of `h`, ``[networks, in, out, batch]``."""
    at = index.flatten(1)[:, None].expand(-1, h.shape[1], -1)
    return h.gather(2, at).view(*h.shape[:2], *index.shape[1:])


def _winners(h: Tensor, weight: Tensor, batch: int, workspace: Workspace) -> Tensor:
    """Columns of `h` with the largest ``W h`` in each cloud, ``[networks, out, batch]``."""
    points = h.shape[2] // batch
    found = []
    for part in _parts(len(weight), weight.shape[1] * h.shape[2]):
        w = weight[part]
        z = torch.bmm(w, h[part], out=workspace.array("z", len(w), w.shape[1], h.shape[2]))
        found.append(_argmax(z.view(len(w), -1, batch, points)))
    return torch.cat(found) + torch.arange(batch, device=h.device) * points


def _argmax(z: Tensor) -> Tensor:
    """Index of the largest along the last axis; where that is long, first by lanes, whose maxima are vectorised."""
    points = z.shape[-1]
    if points % LANES or points < 8 * LANES:
        return z.max(-1).indices
    by_lane = z.view(*z.shape[:-1], -1, LANES)
    lane = by_lane.amax(-2).max(-1).indices
    rows = torch.arange(points // LANES, device=z.device) * LANES
    candidates = lane[..., None] + rows
    row = z.gather(-1, candidates).max(-1).indices
    out: Tensor = lane + row * LANES
    return out
