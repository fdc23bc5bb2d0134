"""Networks of the kinds that people cut, small, with weights that are drawn: what cuts at several tensors are tried on.

Each is exported by torch as a person's would be; some are then quantised, put into float16, or given NMS.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from isthmus.measure.cuts.rewriting import quantised, with_newer_ir, with_nms
from isthmus.models.shapes.networks import UNet, block

SEED = 7
OPSET = 17


@dataclass(frozen=True, slots=True)
class Case:
    """One network.

    Attributes:
        name: what it is.
        model: its graph.
    """

    name: str
    model: onnx.ModelProto


class Pyramid(nn.Module):
    """A backbone, a feature pyramid of three levels, and heads of scores and boxes on each."""

    def __init__(self, classes: int = 3, width: int = 12) -> None:
        super().__init__()
        self.stem = nn.Sequential(block(3, 8, 2), block(8, 12, 2))
        self.stages = nn.ModuleList([block(12, 16, 2), block(16, 24, 2), block(24, 32, 2)])
        self.sides = nn.ModuleList([nn.Conv2d(c, width, 1) for c in (16, 24, 32)])
        self.smooth = nn.ModuleList([nn.Conv2d(width, width, 3, 1, 1) for _ in range(3)])
        self.scores, self.boxes = nn.Conv2d(width, classes, 3, 1, 1), nn.Conv2d(width, 4, 3, 1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Frames [1, 3, H, W] to scores [1, classes, n] and boxes [1, 4, n]."""
        x = self.stem(x)
        levels: list[Tensor] = []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        sides = [side(level) for side, level in zip(self.sides, levels, strict=True)]
        for k in (1, 0):
            sides[k] = sides[k] + functional.interpolate(sides[k + 1], scale_factor=2.0, mode="nearest")
        smooth = [layer(side) for layer, side in zip(self.smooth, sides, strict=True)]
        scores, boxes = ([head(s).flatten(2) for s in smooth] for head in (self.scores, self.boxes))
        return torch.cat(scores, 2), torch.cat(boxes, 2)


class Yolo(nn.Module):
    """Blocks that split and join, a neck that goes up and down again by concatenations; one output."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.stem = nn.Sequential(block(3, 8, 2), block(8, 16, 2))
        self.a, self.b, self.c = (Splitting(c) for c in (16, 24, 32))
        self.to_b, self.to_c = block(16, 24, 2), block(24, 32, 2)
        self.up_b, self.up_a = Splitting(56, 24), Splitting(40, 16)
        self.down_b, self.down_c = block(16, 16, 2), block(24, 24, 2)
        self.out_b, self.out_c = Splitting(40, 24), Splitting(56, 32)
        self.heads = nn.ModuleList([nn.Conv2d(c, 4 + classes, 1) for c in (16, 24, 32)])

    def forward(self, x: Tensor) -> Tensor:
        """Frames [1, 3, H, W] to [1, 4 + classes, n]."""
        a = self.a(self.stem(x))
        b = self.b(self.to_b(a))
        c = self.c(self.to_c(b))
        up_b = self.up_b(torch.cat([functional.interpolate(c, scale_factor=2.0), b], 1))
        up_a = self.up_a(torch.cat([functional.interpolate(up_b, scale_factor=2.0), a], 1))
        out_b = self.out_b(torch.cat([self.down_b(up_a), up_b], 1))
        out_c = self.out_c(torch.cat([self.down_c(out_b), c], 1))
        made = [head(level).flatten(2) for head, level in zip(self.heads, (up_a, out_b, out_c), strict=True)]
        joined = torch.cat(made, 2)
        return torch.cat([joined[:, :4].exp(), joined[:, 4:].sigmoid()], 1)


class Splitting(nn.Module):
    """Half of the channels through two convolutions and a sum, and all joined."""

    def __init__(self, channels: int, made: int = 0) -> None:
        super().__init__()
        self.made = made or channels
        half = self.made // 2
        self.first, self.inner = nn.Conv2d(channels, 2 * half, 1), nn.Sequential(block(half, half), block(half, half))
        self.last = nn.Conv2d(3 * half, self.made, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[1, channels, h, w] to [1, made, h, w]."""
        a, b = functional.silu(self.first(x)).chunk(2, 1)
        made: Tensor = functional.silu(self.last(torch.cat([a, b, b + self.inner(b)], 1)))
        return made


class Dense(nn.Module):
    """A classifier whose layers each take all before them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = block(3, 8, 2)
        self.layers = nn.ModuleList([block(8 + 6 * k, 6) for k in range(4)])
        self.between = nn.Sequential(nn.Conv2d(32, 16, 1), nn.AvgPool2d(2))
        self.more = nn.ModuleList([block(16 + 6 * k, 6) for k in range(4)])
        self.linear = nn.Linear(40, 5)

    def forward(self, x: Tensor) -> Tensor:
        """Frames [1, 3, H, W] to logits [1, 5]."""
        x = self.stem(x)
        for part, between in ((self.layers, self.between), (self.more, nn.Identity())):
            found = [x]
            for layer in part:
                found.append(layer(torch.cat(found, 1)))
            x = between(torch.cat(found, 1))
        made: Tensor = self.linear(x.mean((2, 3)))
        return made


class Residual(nn.Module):
    """A classifier of residual blocks, the first of each stage with a convolution beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = block(3, 8, 2)
        inner = [nn.Sequential(block(a, b), block(b, c, 2)) for a, b, c in ((8, 4, 12), (12, 6, 20))]
        self.inner = nn.ModuleList(inner)
        self.beside = nn.ModuleList([nn.Conv2d(8, 12, 1, 2), nn.Conv2d(12, 20, 1, 2)])
        self.linear = nn.Linear(20, 5)

    def forward(self, x: Tensor) -> Tensor:
        """Frames [1, 3, H, W] to logits [1, 5]."""
        x = self.stem(x)
        for inner, beside in zip(self.inner, self.beside, strict=True):
            x = functional.relu(beside(x) + inner(x))
        made: Tensor = self.linear(x.mean((2, 3)))
        return made


class Parallel(nn.Module):
    """Two resolutions side by side that exchange what they find, as HRNet's: key points as heat maps."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = block(3, 8, 2)
        self.fine, self.coarse = block(8, 8), block(8, 12, 2)
        self.to_coarse, self.to_fine = nn.Conv2d(8, 12, 3, 2, 1), nn.Conv2d(12, 8, 1)
        self.fine2, self.coarse2 = block(8, 8), block(12, 12)
        self.last = nn.Conv2d(20, 6, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Frames [1, 3, H, W] to heat maps [1, 6, h, w]."""
        x = self.stem(x)
        a, b = self.fine(x), self.coarse(x)
        up = functional.interpolate(self.to_fine(b), scale_factor=2.0)
        a, b = self.fine2(a + up), self.coarse2(b + self.to_coarse(a))
        made: Tensor = self.last(torch.cat([a, functional.interpolate(b, scale_factor=2.0)], 1))
        return made


class Branching(nn.Module):
    """Four branches that are joined, as Inception's, and an embedding behind them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = block(3, 8, 2)
        self.one, self.three = nn.Conv2d(8, 6, 1), nn.Sequential(nn.Conv2d(8, 4, 1), block(4, 8, 2))
        self.five, self.pool = nn.Sequential(block(8, 4), block(4, 6, 2)), nn.Conv2d(8, 6, 1)
        self.linear = nn.Linear(26, 16)

    def forward(self, x: Tensor) -> Tensor:
        """Frames [1, 3, H, W] to an embedding [1, 16]."""
        x = self.stem(x)
        one = functional.max_pool2d(self.one(x), 2)
        pool = self.pool(functional.avg_pool2d(x, 3, 2, 1))
        x = torch.cat([one, self.three(x), self.five(x), pool], 1)
        return functional.normalize(self.linear(functional.relu(x).mean((2, 3))), dim=1)


class Atrous(nn.Module):
    """A low level kept for the decoder, dilated branches and a pooled one, as DeepLab's; a mask of the frame's size."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.low = block(3, 8, 2), block(8, 12, 2)
        self.deep = nn.Sequential(block(12, 16, 2), block(16, 16, 2))
        self.rates = nn.ModuleList([nn.Conv2d(16, 8, 3, padding=r, dilation=r) for r in (1, 2)])
        self.pooled, self.join = nn.Conv2d(16, 8, 1), nn.Conv2d(24, 12, 1)
        self.last = nn.Conv2d(24, 4, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Frames [1, 3, H, W] to scores of classes [1, 4, H, W]."""
        size = x.shape[2:]
        low = self.low(self.stem(x))
        deep = self.deep(low)
        pooled = functional.interpolate(self.pooled(deep.mean((2, 3), keepdim=True)), size=deep.shape[2:])
        deep = self.join(torch.cat([*(rate(deep) for rate in self.rates), pooled], 1))
        deep = functional.interpolate(deep, size=low.shape[2:], mode="bilinear", align_corners=False)
        return functional.interpolate(self.last(torch.cat([deep, low], 1)), size=size, mode="bilinear")


def exported(
    model: nn.Module, size: tuple[int, int], outputs: tuple[str, ...], *, half: bool = False
) -> onnx.ModelProto:
    """A network with drawn weights as torch exports it, for frames of a size."""
    generator = torch.Generator().manual_seed(SEED)
    for name, values in (*model.named_parameters(), *model.named_buffers()):
        if values.dtype.is_floating_point and values.dim() == 1:
            low, high = (0.5, 1.5) if name.endswith(("var", "weight")) else (-0.3, 0.3)
            values.data.uniform_(low, high, generator=generator)
        elif values.dtype.is_floating_point:
            values.data.normal_(0, (values[0].numel()) ** -0.5, generator=generator)
    return exported_as_it_is(model, size, outputs, half=half)


def exported_as_it_is(
    model: nn.Module, size: tuple[int, int], outputs: tuple[str, ...], *, half: bool = False
) -> onnx.ModelProto:
    """A network with its own weights as torch exports it, for frames of a size."""
    kind = torch.float16 if half else torch.float32
    buffer: Any = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about its own exporters
        torch.onnx.export(
            model.eval().to(kind),
            (torch.zeros(1, 3, *size, dtype=kind),),
            buffer,
            input_names=["frame"],
            output_names=list(outputs),
            opset_version=OPSET,
            dynamo=False,
        )
    return onnx.load_from_string(buffer.getvalue())


def networks() -> tuple[Case, ...]:
    """All of them. About ten seconds."""

    def case(name: str, model: nn.Module, size: tuple[int, int], *outputs: str, **kind: Any) -> Case:
        return Case(name, exported(model, size, outputs, **kind))

    def changed(name: str, change: Callable[[onnx.ModelProto], onnx.ModelProto], of: Case) -> Case:
        return Case(name, change(of.model))

    unet = case("U-Net, transposed convolutions", UNet(), (64, 96), "mask")
    pyramid = case("feature pyramid, three levels", Pyramid(), (64, 96), "scores", "boxes")
    return (
        unet,
        case("U-Net that resizes, odd sides", UNet(resizes=True), (66, 100), "mask"),
        pyramid,
        changed("feature pyramid with NMS in the graph", with_nms, pyramid),
        case("YOLO-like, concatenated skips", Yolo(), (64, 96), "output0"),
        case("DenseNet-like classifier", Dense(), (48, 64), "logits"),
        case("ResNet-like classifier", Residual(), (48, 64), "logits"),
        case("HRNet-like, two resolutions", Parallel(), (48, 64), "heat"),
        case("Inception-like embedding", Branching(), (48, 64), "embedding"),
        case("DeepLab-like, pooled branch", Atrous(), (64, 96), "mask"),
        case("U-Net in float16", UNet(), (64, 96), "mask", half=True),
        changed("U-Net quantised, QDQ", quantised, unet),
        changed("U-Net in an IR of tomorrow", with_newer_ir, unet),
    )
