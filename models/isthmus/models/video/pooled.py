"""A small classifier whose stages pool n x n: to ask of which n and k latents move by v / n^k.

```
frame ─ conv 16 ─ ↓n ─ conv 32 ─ ↓n ─ conv 64 ─ ↓n ─ 1x1 conv 128 ─ ↓n ─ mean ─ linear 256 ─ linear ─► logits
tensor              1            2            3                4, stride n^4
```

At the 64 x 64 pixels that it is trained on, n = 4 leaves one place after three poolings. So the fourth stage convolves
1 x 1, where a wider kernel would never have learned its outer taps, and windows at the border are of what is there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from isthmus.models.video.classifier import Pooling

FACTORS = (2, 3, 4)
KINDS = (Pooling.MAX, Pooling.MEAN)
"""Those that any factor has."""


@dataclass(frozen=True, slots=True)
class PooledShape:
    """Sizes of one network.

    Attributes:
        classes: logits.
        factor: n, of every pooling.
        pooling: of `KINDS`.
        widths: channels of the stages; each is followed by a pooling.
        hidden: width of the head.
    """

    classes: int
    factor: int
    pooling: Pooling = Pooling.MAX
    widths: tuple[int, ...] = (16, 32, 64, 128)
    hidden: int = 256

    def __post_init__(self) -> None:
        if self.pooling not in KINDS or self.factor < 2:
            raise ValueError(f"expected max or mean by a factor of 2 or more, got {self.pooling} by {self.factor}")


class PooledClassifier(nn.Module):
    """Frames `[n, 3, H, W]` in [0, 1], of any size, to logits."""

    def __init__(self, shape: PooledShape) -> None:
        super().__init__()
        self.shape = shape
        inputs, stages = 3, []
        for place, width in enumerate(shape.widths):
            side = 1 if place == len(shape.widths) - 1 else 3
            conv = nn.Conv2d(inputs, width, side, padding=side // 2, bias=False)
            stages.append(nn.Sequential(conv, nn.BatchNorm2d(width), nn.ReLU()))
            inputs = width
        self.stages = nn.ModuleList(stages)
        self.head = nn.Sequential(
            nn.Linear(inputs, shape.hidden), nn.ReLU(), nn.Dropout(0.2), nn.Linear(shape.hidden, shape.classes)
        )

    def features(self, x: Tensor) -> list[Tensor]:
        """The signal ``[n, width, h, w]`` after each pooling, of frames ``[n, 3, H, W]``."""
        pool = F.max_pool2d if self.shape.pooling is Pooling.MAX else F.avg_pool2d
        x = (x - 0.5) * 4
        found = []
        for stage in self.stages:
            x = pool(stage(x), self.shape.factor, ceil_mode=True)
            found.append(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[n, classes]`` of frames ``[n, 3, H, W]``."""
        logits: Tensor = self.head(self.features(x)[-1].mean((2, 3)))
        return logits
