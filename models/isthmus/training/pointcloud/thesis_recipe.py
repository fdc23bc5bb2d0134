"""The thesis's own training of its point-cloud codec: the row that everything is compared with.

Source: thesis chapter on point clouds, arXiv 2308.05959 section 3. Loss ``R + lambda CE`` with R in bits a cloud and
CE in nats; additive uniform noise; factorised entropy bottleneck; trainable gains of 10 on both sides.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.models.bottleneck import EntropyBottleneck
from isthmus.models.pointcloud.pointnet import CloudHead, PointEncoder, PointNetConfig
from isthmus.training.pointcloud.augment import draw_points, normalize
from isthmus.training.pointcloud.fit import CloudNetwork, Schedule

LAMBDAS = (16000.0, 4000.0, 1000.0, 320.0, 160.0, 80.0, 40.0, 20.0, 10.0)
INITIAL_GAIN = 10.0
SCHEDULE = Schedule(epochs=120, kind="plateau", learning_rate=1e-3, batch_size=32, patience=10, early_stop=15)


class ThesisRecipe(CloudNetwork):
    """Encoder, gain, bottleneck, gain, head."""

    def __init__(self, config: PointNetConfig, classes: int, points: int, trade_off: float, dtype: torch.dtype) -> None:
        super().__init__()
        self.points = points
        self.trade_off = trade_off
        self.g_a = PointEncoder(config, dtype)
        channels = self.g_a.out_channels
        self.gain_a = nn.Parameter(torch.ones(channels))
        self.bottleneck = EntropyBottleneck(channels)
        self.gain_s = nn.Parameter(torch.ones(channels))
        self.g_s = CloudHead(channels, classes)

    def y(self, points: Tensor) -> Tensor:
        """Latents ``[batch, channels]``."""
        out: Tensor = self.g_a(points) * (INITIAL_GAIN * self.gain_a)
        return out

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``[batch, classes]``, and bits for each cloud ``[batch]``, of points ``[3, batch, points]``."""
        y_hat, bits = self.bottleneck(self.y(points))
        return self.g_s(y_hat * (INITIAL_GAIN * self.gain_s)), bits

    def loss(self, points: Tensor, labels: Tensor, progress: float) -> Tensor:  # noqa: ARG002
        """What is learnt from: a scalar, of points `[B, 3, P]` and labels `[B]`."""
        logits, bits = self(points)
        out: Tensor = bits.mean() + self.trade_off * F.cross_entropy(logits, labels)
        return out

    def validate(self, points: Tensor, labels: Tensor) -> dict[str, float]:
        """Figures of points `[B, 3, P]` and labels `[B]`, as the trainer adds them up."""
        logits, bits = self(points)
        cross_entropy = F.cross_entropy(logits, labels, reduction="sum").item()
        return {
            "loss": bits.sum().item() + self.trade_off * cross_entropy,
            "bits": bits.sum().item(),
            "top1_percent": 100.0 * (logits.argmax(1) == labels).sum().item(),
        }

    def draw(self, clouds: Tensor, generator: torch.Generator) -> Tensor:
        """What a step sees of clouds `[B, 3, stored]`: points `[B, 3, P]`."""
        return normalize(draw_points(clouds, self.points, generator))
