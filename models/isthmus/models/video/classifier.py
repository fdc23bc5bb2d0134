"""A small fully convolutional classifier made to be cut in two, whose latents move as the picture does.

```
frame ─ conv 16 ─ ↓2 ─ conv 32 ─ ↓2 ─ conv 64 ─ ↓2 ─ conv 64 ─ 1x1 ─► y, stride 8          g_a, on the edge
y_hat ─ conv 96 ─ two residual blocks ─ ↓2 ─ conv 160 ─ two residual blocks ─ mean ─ linear ─► logits   in the cloud
```

How a stage halves its sampling decides whether latents keep to `v / stride` (thesis, §7; the ablation is
`isthmus measure motion`). `Pooling.BLUR` low-passes before it drops samples (R. Zhang, "Making Convolutional Networks
Shift-Invariant Again", 2019), here with means of 3 and of 4, taps 1 2 3 3 2 1: they null a quarter and a half of the
sampling frequency, which a binomial filter of six taps does not. An even number of taps puts latent (i, j) at
the centre of its stride x stride pixels, so that an affine map of the picture about its centre is the same map of the
latents about theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import torch.nn.functional as F
from torch import Tensor, nn


class Pooling(StrEnum):
    """How a stage halves its sampling."""

    MAX = "max"
    """Largest of 2 x 2."""
    MEAN = "mean"
    """Mean of 2 x 2."""
    STRIDE = "stride"
    """The convolution itself steps by two; nothing follows it."""
    BLUR = "blur"
    """A low pass, then every second sample."""
    MAX_BLUR = "max-blur"
    """Largest of 2 x 2 at every place, then as blur."""


@dataclass(frozen=True, slots=True)
class SplitShape:
    """Sizes of a split classifier.

    Attributes:
        classes: logits.
        latent_channels: channels of y.
        edge_widths: channels of the stages of g_a; each but the last is followed by a halving.
        cloud_widths: channels of the cloud half before and after its one halving.
        blocks: residual blocks at each of those two.
        pooling: of g_a; the cloud half always blurs.
    """

    classes: int
    latent_channels: int = 16
    edge_widths: tuple[int, ...] = (16, 32, 64, 64)
    cloud_widths: tuple[int, int] = (96, 160)
    blocks: int = 2
    pooling: Pooling = Pooling.BLUR

    @property
    def stride(self) -> int:
        """Pixels of one latent along a side."""
        return int(2 ** (len(self.edge_widths) - 1))


class Blur(nn.Module):
    """Every second sample of a low-passed signal: `[n, C, H, W]` to `[n, C, H/2, W/2]`, H and W even."""

    def forward(self, x: Tensor) -> Tensor:
        """``[n, C, H, W]`` to ``[n, C, H/2, W/2]``. At the border, the mean is of what is there."""
        x = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        return F.avg_pool2d(x, 4, 2, 1, count_include_pad=False)


class Stage(nn.Module):
    """Convolution, batch normalisation, ReLU, and where asked for a halving."""

    def __init__(self, inputs: int, outputs: int, pooling: Pooling | None) -> None:
        super().__init__()
        self.pooling = pooling
        self.conv = nn.Conv2d(inputs, outputs, 3, 2 if pooling is Pooling.STRIDE else 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.blur = Blur() if pooling in (Pooling.BLUR, Pooling.MAX_BLUR) else None

    def forward(self, x: Tensor) -> Tensor:
        """`[n, inputs, H, W]` to `[n, outputs, H, W]`, or half of it along both sides."""
        x = F.relu(self.norm(self.conv(x)))
        if self.pooling is Pooling.MAX:
            return F.max_pool2d(x, 2)
        if self.pooling is Pooling.MEAN:
            return F.avg_pool2d(x, 2)
        if self.pooling is Pooling.MAX_BLUR:
            x = F.max_pool2d(F.pad(x, (0, 1, 0, 1), mode="replicate"), 2, stride=1)
        return self.blur(x) if self.blur is not None else x


class EdgeHalf(nn.Module):
    """g_a: frames `[n, 3, H, W]` in [0, 1], sides multiples of the stride, to y `[n, M, H/stride, W/stride]`."""

    def __init__(self, shape: SplitShape) -> None:
        super().__init__()
        inputs, stages = 3, []
        for i, width in enumerate(shape.edge_widths):
            last = i == len(shape.edge_widths) - 1
            stages.append(Stage(inputs, width, None if last else shape.pooling))
            inputs = width
        self.stages = nn.ModuleList(stages)
        self.head = nn.Conv2d(inputs, shape.latent_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """y ``[n, M, h, w]`` in steps of the quantiser, not yet rounded."""
        return self.features(x)[-1]

    def features(self, x: Tensor) -> list[Tensor]:
        """The signal ``[n, width, h, w]`` after each stage, and y last."""
        x = (x - 0.5) * 4
        found = []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return [*found, self.head(x)]


class ResidualBlock(nn.Module):
    """Two convolutions around a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = Stage(width, width, None)
        self.conv = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """``[n, width, h, w]`` both ways."""
        return F.relu(x + self.norm(self.conv(self.first(x))))


class CloudHalf(nn.Module):
    """y_hat `[n, M, h, w]` of any size to logits `[n, classes]`."""

    def __init__(self, shape: SplitShape) -> None:
        super().__init__()
        before, after = shape.cloud_widths
        layers: list[nn.Module] = [Stage(shape.latent_channels, before, None)]
        layers += [ResidualBlock(before) for _ in range(shape.blocks)]
        layers += [Stage(before, before, None), HalvingConv(before, after)]
        layers += [ResidualBlock(after) for _ in range(shape.blocks)]
        self.layers = nn.Sequential(*layers)
        self.dropout = nn.Dropout(0.2)
        self.linear = nn.Linear(after, shape.classes)

    def forward(self, y: Tensor) -> Tensor:
        """Latents ``[n, M, h, w]`` to logits ``[n, classes]``."""
        x: Tensor = self.layers(y)
        logits: Tensor = self.linear(self.dropout(x.mean((2, 3))))
        return logits


class HalvingConv(nn.Module):
    """A strided convolution of 4 x 4, batch normalisation, ReLU: an odd side is filled up by its border."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """`[n, inputs, h, w]` to `[n, outputs, ceil(h/2), ceil(w/2)]`."""
        if x.shape[2] % 2 or x.shape[3] % 2:
            x = F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2), mode="replicate")
        return F.relu(self.norm(self.conv(x)))


class SplitClassifier(nn.Module):
    """Both halves."""

    def __init__(self, shape: SplitShape) -> None:
        super().__init__()
        self.shape = shape
        self.edge = EdgeHalf(shape)
        self.cloud = CloudHalf(shape)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[n, classes]`` of frames ``[n, 3, H, W]``, nothing quantised."""
        logits: Tensor = self.cloud(self.edge(x))
        return logits
