"""Small networks of scenes of drawn shapes (`isthmus.data.image.shape_scenes`): a U-Net, a detector with a feature
pyramid, an embedding. They are trained in a minute or two, so that what comes back from a cut means something.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def block(channels: int, made: int, stride: int = 1) -> nn.Sequential:
    """A convolution, a normalisation, a ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels, made, 3, stride, 1, bias=False), nn.BatchNorm2d(made), nn.ReLU(inplace=False)
    )


class UNet(nn.Module):
    """Down by halves with a skip at each, and up again: by transposed convolutions, or to the size of the skip."""

    def __init__(self, classes: int = 4, widths: tuple[int, ...] = (8, 12, 16, 24), *, resizes: bool = False) -> None:
        super().__init__()
        self.resizes = resizes
        self.down = nn.ModuleList([block(a, b) for a, b in zip((3, *widths), widths, strict=False)])
        pairs = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.up = nn.ModuleList([nn.Conv2d(a, b, 1) if resizes else nn.ConvTranspose2d(a, b, 2, 2) for a, b in pairs])
        self.joined = nn.ModuleList([block(2 * b, b) for _, b in pairs])
        self.last = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Frames [1, 3, H, W] to scores of classes [1, classes, H, W]."""
        skips: list[Tensor] = []
        for layer in self.down:
            x = layer(x if not skips else functional.max_pool2d(x, 2, ceil_mode=self.resizes))
            skips.append(x)
        for up, joined, skip in zip(self.up, self.joined, skips[-2::-1], strict=True):
            x = up(x)
            if self.resizes:
                x = functional.interpolate(x, size=skip.shape[2:], mode="bilinear", align_corners=False)
            x = joined(torch.cat([x, skip], 1))
        made: Tensor = self.last(x)
        return made


class PyramidDetector(nn.Module):
    """A backbone, a feature pyramid at strides of 8, 16 and 32, and heads that all levels share.

    Attributes:
        strides: of the levels.
    """

    def __init__(self, classes: int = 3, width: int = 24) -> None:
        super().__init__()
        self.classes, self.strides = classes, (8, 16, 32)
        self.stem = nn.Sequential(block(3, 12, 2), block(12, 16, 2))
        self.stages = nn.ModuleList(
            [nn.Sequential(block(a, b, 2), block(b, b)) for a, b in ((16, 24), (24, 32), (32, 48))]
        )
        self.sides = nn.ModuleList([nn.Conv2d(c, width, 1) for c in (24, 32, 48)])
        self.smooth = nn.ModuleList([block(width, width) for _ in self.strides])
        self.scores = nn.Sequential(block(width, width), nn.Conv2d(width, classes, 3, 1, 1))
        self.boxes = nn.Sequential(block(width, width), nn.Conv2d(width, 4, 3, 1, 1))
        nn.init.constant_(self.scores[1].bias, -4.0)  # type: ignore[arg-type]

    def levels(self, x: Tensor) -> list[Tensor]:
        """The pyramid of frames [n, 3, H, W]: [n, width, H / stride, W / stride] each."""
        x = self.stem(x)
        found = []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        sides = [side(level) for side, level in zip(self.sides, found, strict=True)]
        for k in (1, 0):
            sides[k] = sides[k] + functional.interpolate(sides[k + 1], scale_factor=2.0, mode="nearest")
        return [layer(side) for layer, side in zip(self.smooth, sides, strict=True)]

    def raw(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(logits [n, classes, places], centres and sizes [n, 4, places], (x, y, stride) of each place [3, places])."""
        logits, boxes, places = [], [], []
        for level, stride in zip(self.levels(x), self.strides, strict=True):
            rows, columns = level.shape[2:]
            ys, xs = torch.meshgrid(_middles(rows), _middles(columns), indexing="ij")
            at = torch.stack([xs.flatten() * stride, ys.flatten() * stride])
            off = self.boxes(level).flatten(2)
            boxes.append(torch.cat([at + off[:, :2] * stride, torch.exp(off[:, 2:].clamp(-4, 4)) * stride * 2], 1))
            logits.append(self.scores(level).flatten(2))
            places.append(torch.cat([at, torch.full((1, rows * columns), float(stride))]))
        return torch.cat(logits, 2), torch.cat(boxes, 2), torch.cat(places, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Frames [1, 3, H, W] to [1, 4 + classes, places]: centre, size and scores, as YOLOv8 has them."""
        logits, boxes, _ = self.raw(x)
        return torch.cat([boxes, logits.sigmoid()], 1)


def _middles(count: int) -> Tensor:
    """Of so many places along a side."""
    return torch.arange(count, dtype=torch.float32) + 0.5


class PyramidEmbedding(nn.Module):
    """The mean of each level of a detector's pyramid, as one direction."""

    def __init__(self, detector: PyramidDetector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, x: Tensor) -> Tensor:
        """Frames [1, 3, H, W] to [1, 3 * width], of length 1."""
        means = [level.mean((2, 3)) for level in self.detector.levels(x)]
        return functional.normalize(torch.cat(means, 1), dim=1)
