"""Several networks of the thesis's recipe side by side: one step of all of them, each under its own loss.

They have one width and see the same points of the same clouds; lambda, weights and noise are each one's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.models.bottleneck import EntropyBottleneck
from isthmus.models.pointcloud.pointnet import BATCH_NORM_MOMENTUM
from isthmus.models.pointcloud.stacked_pointnet import StackedLayer, Workspace, pooled_features
from isthmus.training.pointcloud.thesis_recipe import INITIAL_GAIN, ThesisRecipe

COUNTER = "num_batches_tracked"
BOTTLENECK = "bottleneck."


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Means over the clouds of a set, float64 ``[networks]`` each."""

    loss: Tensor
    bits: Tensor
    top1_percent: Tensor


class StackedRecipe:
    """The weights of several `ThesisRecipe` by their names there, each with the network as its first axis.

    Args:
        networks: at least one, of one configuration, number of points and classes.

    Attributes:
        learned: what has gradients.
        buffers: running statistics, and the masks of grouped layers.
    """

    def __init__(self, networks: Sequence[ThesisRecipe]) -> None:
        self._first = first = networks[0]
        self.count = len(networks)
        self.trade_offs = torch.tensor([network.trade_off for network in networks])
        learned = [dict(network.named_parameters()) for network in networks]
        buffers = [dict(network.named_buffers()) for network in networks]
        self.learned = {name: torch.stack([n[name].detach() for n in learned]).requires_grad_() for name in learned[0]}
        self.buffers = {name: torch.stack([n[name] for n in buffers]) for name in buffers[0]}
        self._workspace = Workspace()
        # A bottleneck knows channels only: the networks' follow one another.
        self._bottleneck = EntropyBottleneck(self.count * len(first.gain_a))
        for name, parameter in self._bottleneck.named_parameters():
            parameter.data = self.learned[BOTTLENECK + name].detach().flatten(0, 1)
            self.learned[BOTTLENECK + name] = parameter

    def rows(self, value: Tensor) -> Tensor:
        """One of `learned`, or its gradient, as one flat row for each network, ``[networks, n]``."""
        return value.detach().reshape(self.count, -1)

    def state(self, number: int) -> dict[str, Tensor]:
        """What `ThesisRecipe.load_state_dict` takes, of one network: copies, ``[...]`` as there."""
        shapes = self._first.state_dict()
        everything = {**self.learned, **self.buffers}
        return {name: self.rows(everything[name])[number].clone().view_as(like) for name, like in shapes.items()}

    def losses(self, points: Tensor, labels: Tensor) -> Tensor:
        """What each network learns from, ``[networks]``, of points ``[3, batch, points]`` and labels ``[batch]``."""
        y = self._y(points, is_training=True)
        y_hat = y + torch.empty_like(y).uniform_(-0.5, 0.5)
        cross_entropy = _cross_entropy(self._logits(y_hat, is_training=True), labels)
        return self._bits(y_hat).mean(1) + self.trade_offs * cross_entropy.mean(1)

    @torch.no_grad()
    def judge(self, points: Tensor, labels: Tensor) -> Judged:
        """On all clouds of a set at once, in evaluation mode: points ``[3, clouds, points]``, labels ``[clouds]``."""
        medians = self._bottleneck.quantile(0.5).view(self.count, -1, 1)
        y_hat = torch.round(self._y(points, is_training=False) - medians) + medians
        logits = self._logits(y_hat, is_training=False)
        bits = self._bits(y_hat).double().mean(1)
        loss = bits + self.trade_offs * _cross_entropy(logits, labels).double().mean(1)
        return Judged(loss, bits, 100.0 * (logits.argmax(1) == labels).double().mean(1))

    def _y(self, points: Tensor, *, is_training: bool) -> Tensor:
        """Latents ``[networks, channels, batch]``."""
        layers = []
        for number in range(len(self._first.g_a.layers)):
            name = f"g_a.layers.{number}"
            layers.append(
                StackedLayer(
                    self.learned[f"{name}.weight"] * self.buffers[f"{name}.mask"],
                    self.learned[f"{name}.gamma"],
                    self.learned[f"{name}.beta"],
                    self.buffers[f"{name}.running_mean"],
                    self.buffers[f"{name}.running_var"],
                )
            )
        h = pooled_features(points, layers, self._workspace, is_training=is_training)
        return h * (INITIAL_GAIN * self.learned["gain_a"])[..., None]

    def _bits(self, y_hat: Tensor) -> Tensor:
        """Bits of each cloud, ``[networks, batch]``."""
        mass = self._bottleneck.likelihood(y_hat.flatten(0, 1).t()).t()
        return -torch.log2(mass).view(self.count, -1, y_hat.shape[2]).sum(1)

    def _logits(self, y_hat: Tensor, *, is_training: bool) -> Tensor:
        """``[networks, classes, batch]``."""
        h = y_hat * (INITIAL_GAIN * self.learned["gain_s"])[..., None]
        for number, module in enumerate(self._first.g_s.layers):
            name = f"g_s.layers.{number}"
            if isinstance(module, nn.Linear):
                h = self.learned[f"{name}.weight"] @ h
                if module.bias is not None:
                    h = h + self.learned[f"{name}.bias"][..., None]
            elif isinstance(module, nn.BatchNorm1d):
                h = self._head_norm(h, name, module.eps, is_training=is_training)
            elif isinstance(module, nn.ReLU):
                h = torch.relu(h)
            elif isinstance(module, nn.Dropout):
                h = F.dropout(h, module.p, is_training)
            else:
                raise TypeError(f"expected a linear layer, a norm, ReLU or dropout, got {module}")
        return h

    def _head_norm(self, h: Tensor, name: str, eps: float, *, is_training: bool) -> Tensor:
        """Batch norm over the clouds of each feature of each network; as of one network with all their features."""
        out: Tensor = F.batch_norm(
            h.reshape(1, -1, h.shape[2]),
            self.buffers[f"{name}.running_mean"].view(-1),
            self.buffers[f"{name}.running_var"].view(-1),
            self.learned[f"{name}.weight"].flatten(),
            self.learned[f"{name}.bias"].flatten(),
            is_training,
            BATCH_NORM_MOMENTUM,
            eps,
        )
        if is_training:
            self.buffers[f"{name}.{COUNTER}"] += 1
        return out.view_as(h)


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """In nats, ``[networks, batch]``, of logits ``[networks, classes, batch]`` and labels ``[batch]``."""
    return F.cross_entropy(logits, labels.expand(len(logits), -1), reduction="none")
