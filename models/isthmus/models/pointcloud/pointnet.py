"""PointNet for classification, cut in two: the edge half `g_a` and the cloud half `g_s`.

Source: thesis (arXiv 2409.08376) chapter on point clouds; arXiv 2308.05959, table 1. Theory of operation
of the one unusual thing here:

Batch normalisation of a pointwise linear map needs only the first two moments of its *input*: with
``z = W h``, ``mean(z) = W mean(h)`` and ``var(z) = diag(W cov(h) W^T)``. So a layer is one covariance
(C x C), then one fused ``relu(W' h + b')``, with exact batch-norm gradients and without the five passes over
``[channels, batch * points]`` arrays that a batch-norm module makes. The last layer goes further: only the
points that win the maximum receive gradient, so it is evaluated without gradient to find the winners
and again, exactly, at the winners alone. Both are the network of the paper, an order of magnitude faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

BATCH_NORM_EPS = 1e-5
BATCH_NORM_MOMENTUM = 0.1


@dataclass(frozen=True, slots=True)
class PointNetConfig:
    """Widths of the edge half; `groups[i]` belongs to the layer from `channels[i]` to `channels[i + 1]`."""

    name: str
    channels: tuple[int, ...]
    groups: tuple[int, ...]

    @property
    def macs_per_point(self) -> int:
        """Multiply-accumulates of the edge half for each point, batch norm and gains folded."""
        pairs = zip(self.channels, self.channels[1:], self.groups, strict=False)
        return sum(i * o // g for i, o, g in pairs)

    @property
    def parameters(self) -> int:
        """Weights and biases of the edge half, batch norm folded."""
        return self.macs_per_point + sum(self.channels[1:])


CONFIGS = {
    c.name: c
    for c in (
        PointNetConfig("full", (3, 64, 64, 64, 128, 1024), (1, 1, 1, 1, 1)),
        PointNetConfig("lite", (3, 8, 8, 16, 16, 32), (1, 1, 1, 2, 4)),
        PointNetConfig("micro", (3, 16), (1,)),
    )
}


def shuffle_order(channels: int, groups: int) -> Tensor:
    """Source channel of each channel after a ShuffleNet channel shuffle of `groups` groups, ``[channels]``."""
    return torch.arange(channels).view(groups, channels // groups).t().reshape(-1)


class PointLayer(nn.Module):
    """Pointwise linear map with batch norm and ReLU, on ``[channels, batch * points]`` columns.

    Groups and the channel shuffle in front of them are a 0/1 mask over a dense matrix: at these widths (at most
    32) a dense product is faster than a grouped one. MACs are counted as grouped.
    """

    running_mean: Tensor
    running_var: Tensor
    mask: Tensor

    def __init__(self, in_channels: int, out_channels: int, groups: int, shuffle_groups: int) -> None:
        super().__init__()
        self.groups = groups
        bound = (groups / in_channels) ** 0.5
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels).uniform_(-bound, bound))
        self.gamma = nn.Parameter(torch.ones(out_channels))
        self.beta = nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("running_mean", torch.zeros(out_channels))
        self.register_buffer("running_var", torch.ones(out_channels))
        order = shuffle_order(in_channels, shuffle_groups)
        mask = torch.zeros(out_channels, in_channels)
        o, i = out_channels // groups, in_channels // groups
        for g in range(groups):
            mask[g * o : (g + 1) * o, order[g * i : (g + 1) * i]] = 1
        self.register_buffer("mask", mask)

    def masked_weight(self) -> Tensor:
        """The map as a dense ``[out, in]`` matrix, zero outside its groups."""
        return self.weight * self.mask if self.groups > 1 else self.weight

    def fold_running(self) -> tuple[Tensor, Tensor]:
        """Weight ``[out, in]`` and bias ``[out]`` with the running batch norm folded in."""
        scale = self.gamma * (self.running_var + BATCH_NORM_EPS).rsqrt()
        return self.masked_weight() * scale[:, None], self.beta - self.running_mean * scale

    def track(self, mean: Tensor, var: Tensor, count: int) -> None:
        """Move the running statistics towards those of one batch, ``[out]`` both, over `count` columns."""
        self.running_mean.lerp_(mean, BATCH_NORM_MOMENTUM)
        self.running_var.lerp_(var * (count / (count - 1)), BATCH_NORM_MOMENTUM)

    def forward(self, h: Tensor) -> Tensor:
        """``[in, n]`` to ``relu(bn(W h))``, ``[out, n]``."""
        if self.training:
            out: Tensor = _LayerStep.apply(h, self.masked_weight(), self.gamma, self.beta, self)  # type: ignore[no-untyped-call]
            return out
        weight, bias = self.fold_running()
        return torch.addmm(bias[:, None].to(h.dtype), weight.to(h.dtype), h).relu_()

    def pool(self, h: Tensor, batch: int) -> Tensor:
        """``[in, batch * points]`` to the maximum over points of ``relu(bn(W h))``, ``[batch, out]``."""
        if self.training:
            out: Tensor = _PoolStep.apply(  # type: ignore[no-untyped-call]
                h, self.masked_weight(), self.gamma, self.beta, self, batch
            )
            return out
        weight, bias = self.fold_running()
        _, rows = _winner_rows(h, weight, batch)
        return torch.relu((rows.to(weight.dtype) * weight).sum(2) + bias)


class _Fold:
    """Batch norm folded into a linear map, from the moments of its input; and the way back."""

    def __init__(self, h: Tensor, weight: Tensor, gamma: Tensor, beta: Tensor, layer: PointLayer) -> None:
        self.count = h.shape[1]
        mean_h = h.mean(1, dtype=weight.dtype)
        second = (h @ h.t()).to(weight.dtype) / self.count
        self.leaves = [t.detach().requires_grad_() for t in (weight, gamma, beta, mean_h, second)]
        with torch.enable_grad():
            w, g, b, m, s = self.leaves
            covariance = s - torch.outer(m, m)
            mean = w @ m
            var = ((w @ covariance) * w).sum(1).clamp_min(0)
            scale = g * (var + BATCH_NORM_EPS).rsqrt()
            self.folded = (w * scale[:, None], b - mean * scale)
        layer.track(mean.detach(), var.detach(), self.count)
        self.weight, self.bias = (t.detach() for t in self.folded)

    def backward(self, grad_weight: Tensor, grad_bias: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Gradients of weight, gamma, beta; then those of `h` through the moments, as ``S h + t``."""
        grads = torch.autograd.grad(self.folded, self.leaves, (grad_weight, grad_bias))
        weight, gamma, beta, mean, second = grads
        return weight, gamma, beta, (second + second.t()) / self.count, mean[:, None] / self.count


class _LayerStep(torch.autograd.Function):
    """``relu(bn(W h))`` in training, its whole gradient in three products."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, weight: Tensor, gamma: Tensor, beta: Tensor, layer: PointLayer) -> Tensor:
        ctx.fold = fold = _Fold(h, weight, gamma, beta, layer)
        out = torch.addmm(fold.bias[:, None].to(h.dtype), fold.weight.to(h.dtype), h).relu_()
        ctx.save_for_backward(h, out)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        fold: _Fold = ctx.fold
        h, out = ctx.saved_tensors
        g = torch.ops.aten.threshold_backward(grads[0], out, 0)
        weight, gamma, beta, s, t = fold.backward((g @ h.t()).to(fold.weight.dtype), g.sum(1, dtype=fold.weight.dtype))
        if not ctx.needs_input_grad[0]:
            return None, weight, gamma, beta, None
        through = torch.addmm(t.to(h.dtype), s.to(h.dtype), h)
        grad_h = through.addmm_(fold.weight.t().to(h.dtype), g)
        return grad_h, weight, gamma, beta, None


class _PoolStep(torch.autograd.Function):
    """The last layer and the maximum: only the winning points are evaluated with gradient."""

    @staticmethod
    def forward(
        ctx: Any, h: Tensor, weight: Tensor, gamma: Tensor, beta: Tensor, layer: PointLayer, batch: int
    ) -> Tensor:
        ctx.fold = fold = _Fold(h, weight, gamma, beta, layer)
        index, rows = _winner_rows(h, fold.weight, batch)
        out = torch.relu((rows * fold.weight.to(rows.dtype)).sum(2, dtype=weight.dtype) + fold.bias)
        ctx.save_for_backward(h, index, rows, out)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        fold: _Fold = ctx.fold
        h, index, rows, out = ctx.saved_tensors
        g = grads[0] * (out > 0)
        grad_rows = rows * g.to(rows.dtype)[:, :, None]
        weight, gamma, beta, s, t = fold.backward(grad_rows.sum(0, dtype=fold.weight.dtype), g.sum(0))
        if not ctx.needs_input_grad[0]:
            return None, weight, gamma, beta, None, None
        grad_h = torch.addmm(t.to(h.dtype), s.to(h.dtype), h)
        scattered = torch.zeros(h.shape[1], h.shape[0], dtype=h.dtype, device=h.device)
        spread = g.to(h.dtype)[:, :, None] * fold.weight.to(h.dtype)
        scattered.index_add_(0, index, spread.flatten(0, 1))
        grad_h += scattered.t()
        return grad_h, weight, gamma, beta, None, None


def _winner_rows(h: Tensor, weight: Tensor, batch: int) -> tuple[Tensor, Tensor]:
    """Columns of `h` with the largest ``W h`` in each cloud: their index, and themselves ``[batch, out, in]``."""
    points = h.shape[1] // batch
    winners = winning_points(h.view(h.shape[0], batch, points), weight)
    index = (winners + torch.arange(batch, device=h.device)[:, None] * points).flatten()
    rows = h.t().contiguous().index_select(0, index).view(batch, -1, h.shape[0])
    return index, rows


@torch.no_grad()
def winning_points(h: Tensor, weight: Tensor) -> Tensor:
    """Index of the point with the largest ``W h`` for each cloud and channel.

    `h` is ``[in, batch, points]``, the answer ``[batch, out]``: the critical points of the cloud.
    """
    w = weight.to(h.dtype)
    if h.device.type == "cpu" and w.shape[0] >= 256:
        # One cloud at a time keeps the [out, points] product in the cache.
        return torch.stack([(w @ h[:, b]).max(1).indices for b in range(h.shape[1])])
    z = (w @ h.flatten(1)).view(w.shape[0], *h.shape[1:])
    return z.max(2).indices.t()


class PointEncoder(nn.Module):
    """The edge half: ``[conv1x1, batch norm, relu] * n`` then the maximum over points.

    `compute_dtype` bfloat16 pays for the full width only; parameters and statistics stay float32.
    """

    def __init__(self, config: PointNetConfig, compute_dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.config = config
        self.compute_dtype = compute_dtype
        shuffles = (1, *config.groups[:-1])
        self.layers = nn.ModuleList(
            PointLayer(i, o, g, s if g > 1 else 1)
            for i, o, g, s in zip(config.channels, config.channels[1:], config.groups, shuffles, strict=False)
        )

    @property
    def out_channels(self) -> int:
        return self.config.channels[-1]

    def forward(self, points: Tensor) -> Tensor:
        """Points ``[3, batch, points]`` to pooled features ``[batch, channels]``."""
        h = points.reshape(3, -1).to(self.compute_dtype)
        *hidden, last = self.layers
        for layer in hidden:
            h = layer(h)
        assert isinstance(last, PointLayer)
        return last.pool(h, points.shape[1])


class CloudHead(nn.Module):
    """The cloud half: 512-BN-ReLU, 256-BN-ReLU, dropout 0.3, classes."""

    def __init__(self, in_channels: int, classes: int, dropout: float = 0.3) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(in_channels, 512, bias=False),
            nn.BatchNorm1d(512),
            nn.ReLU(),
            nn.Linear(512, 256, bias=False),
            nn.BatchNorm1d(256),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(256, classes),
        )

    def forward(self, y_hat: Tensor) -> Tensor:
        """``[batch, channels]`` to logits ``[batch, classes]``."""
        out: Tensor = self.layers(y_hat)
        return out


def head_macs(head: nn.Module) -> int:
    """Multiply-accumulates of a cloud half a cloud, batch norm folded and every input taken as a number."""
    return sum(module.weight.numel() for module in head.modules() if isinstance(module, nn.Linear))


def head_parameters(head: nn.Module) -> int:
    """Weights and biases of a cloud half, batch norm folded."""
    return head_macs(head) + sum(module.out_features for module in head.modules() if isinstance(module, nn.Linear))
