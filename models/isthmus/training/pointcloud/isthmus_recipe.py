"""Our training of the point-cloud codec: pretrain continuous features, then learn categorical symbols on them.

*Soft then hard.* In training the arg-max that makes a symbol is a straight-through Gumbel sample (Jang et al. 2017)
whose temperature falls, so that at the end it is the arg-max. Rate is the cross-entropy of the symbols under a learned
prior, in bits; the loss is the thesis's ``R + lambda CE``, divided by lambda. The prior here is independent for each
head; the tree that the codec ships with is learned after training and only saves bits.

Tried and left: one head of 16 to 128 values with a free table of logits behind it, trained on the exact expected loss
(deterministic annealing). It overfitted: 78 to 83 % on test where two heads and a network gave 87 % for as many bits.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.models.pointcloud.categorical import CategoricalCodec
from isthmus.models.pointcloud.pointnet import CloudHead, PointEncoder, PointNetConfig
from isthmus.training.pointcloud.augment import Augmentation
from isthmus.training.pointcloud.fit import CloudNetwork

LABEL_SMOOTHING = 0.1
FINAL_TEMPERATURE = 0.1
ANNEALED_AT = 0.8  # share of training after which the temperature stays
RATE_WARMUP = 0.2  # share of training over which the rate term grows to its weight


class Backbone(nn.Module):
    """Edge half and standardisation: points ``[3, batch, points]`` to features ``[batch, channels]``."""

    def __init__(self, config: PointNetConfig, dtype: torch.dtype) -> None:
        super().__init__()
        self.g_a = PointEncoder(config, dtype)
        self.standard = nn.BatchNorm1d(self.g_a.out_channels, affine=False)

    def forward(self, points: Tensor) -> Tensor:
        """Points ``[3, batch, points]`` to features ``[batch, channels]``."""
        out: Tensor = self.standard(self.g_a(points))
        return out


class Pretraining(CloudNetwork):
    """The network without a bottleneck: what the symbols are later cut from."""

    def __init__(self, backbone: Backbone, classes: int, augmentation: Augmentation) -> None:
        super().__init__()
        self.backbone = backbone
        self.g_s = CloudHead(backbone.g_a.out_channels, classes)
        self.augmentation = augmentation

    def loss(self, points: Tensor, labels: Tensor, progress: float) -> Tensor:  # noqa: ARG002
        """What is learnt from: a scalar, of points `[B, 3, P]` and labels `[B]`."""
        return F.cross_entropy(self.g_s(self.backbone(points)), labels, label_smoothing=LABEL_SMOOTHING)

    def validate(self, points: Tensor, labels: Tensor) -> dict[str, float]:
        """Figures of points `[B, 3, P]` and labels `[B]`, as the trainer adds them up."""
        logits = self.g_s(self.backbone(points))
        return {
            "loss": F.cross_entropy(logits, labels, reduction="sum", label_smoothing=LABEL_SMOOTHING).item(),
            "top1_percent": 100.0 * (logits.argmax(1) == labels).sum().item(),
        }

    def draw(self, clouds: Tensor, generator: torch.Generator) -> Tensor:
        """What a step sees of clouds `[B, 3, stored]`: points `[B, 3, P]`."""
        return self.augmentation.draw(clouds, generator)


class SymbolLearning(CloudNetwork):
    """Symbols on top of a backbone that trains along; with `backbone` None, on features drawn from a cache."""

    def __init__(
        self, codec: CategoricalCodec, trade_off: float, backbone: Backbone | None, augmentation: Augmentation
    ) -> None:
        super().__init__()
        self.codec = codec
        self.trade_off = trade_off
        self.backbone = backbone
        self.augmentation = augmentation

    def features(self, batch: Tensor) -> Tensor:
        """Of points ``[3, batch, points]``; or cached ones, ``[1, batch, channels]``."""
        return batch[0] if self.backbone is None else self.backbone(batch)

    def loss(self, points: Tensor, labels: Tensor, progress: float) -> Tensor:
        """What is learnt from: a scalar, of points `[B, 3, P]` and labels `[B]`."""
        codec = self.codec
        temperature = FINAL_TEMPERATURE ** min(1.0, progress / ANNEALED_AT)
        scores = codec.scores(self.features(points))
        soft = F.softmax(scores / temperature, 2)
        rate = (soft * codec.value_bits()).sum((1, 2)).mean()
        gumbel = -torch.log(-torch.log(torch.rand_like(scores).clamp(1e-9, 1 - 1e-7)))
        relaxed = F.softmax(scores / temperature + gumbel, 2)
        hard = F.one_hot(relaxed.argmax(2), codec.alphabet.size).float()
        through = (hard + relaxed - relaxed.detach()).flatten(1)
        distortion = F.cross_entropy(codec.g_s(through), labels, label_smoothing=LABEL_SMOOTHING)
        return distortion + min(1.0, progress / RATE_WARMUP) * rate / self.trade_off

    def validate(self, points: Tensor, labels: Tensor) -> dict[str, float]:
        """Figures of points `[B, 3, P]` and labels `[B]`, as the trainer adds them up."""
        symbols = self.codec.symbols(self.features(points))
        logits, bits = self.codec.logits(symbols), self.codec.bits(symbols).sum().item()
        cross_entropy = F.cross_entropy(logits, labels, reduction="sum", label_smoothing=LABEL_SMOOTHING).item()
        return {
            "loss": bits / self.trade_off + cross_entropy,
            "bits": bits,
            "top1_percent": 100.0 * (logits.argmax(1) == labels).sum().item(),
        }

    def draw(self, clouds: Tensor, generator: torch.Generator) -> Tensor:
        """What a step sees of clouds `[B, 3, stored]`: points `[B, 3, P]`."""
        if self.backbone is not None:
            return self.augmentation.draw(clouds, generator)
        view = int(torch.randint(clouds.shape[1], (), generator=generator))
        return clouds[:, view].float()[None]
