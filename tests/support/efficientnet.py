"""EfficientNet-Lite0 by torch alone: random weights as its training saves them, and what it answers by them."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
"""Of each block."""
WIDTHS = (16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192, 320)
KERNELS = (3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3)


def random_state(classes: int = 1000, seed: int = 0) -> dict[str, torch.Tensor]:
    """Weights by their names; answers differ by about 1 from class to class."""
    torch.manual_seed(seed)
    state: dict[str, torch.Tensor] = {}

    def layer(name: str, normalisation: str, *shape: int) -> None:
        state[f"{name}.weight"] = torch.randn(shape) * (2 / np.prod(shape[1:])) ** 0.5
        count = shape[0]
        state[f"{normalisation}.weight"] = torch.rand(count) + 0.5
        state[f"{normalisation}.bias"] = torch.randn(count) * 0.3
        state[f"{normalisation}.running_mean"] = torch.randn(count) * 0.3
        state[f"{normalisation}.running_var"] = torch.rand(count) + 0.5
        state[f"{normalisation}.num_batches_tracked"] = torch.tensor(7)

    layer("_conv_stem", "_bn0", 32, 3, 3, 3)
    given = 32
    for number, (width, kernel) in enumerate(zip(WIDTHS, KERNELS, strict=True)):
        block, inner = f"_blocks.{number}.", given * 6 if number else given
        if number:
            layer(f"{block}_expand_conv", f"{block}_bn0", inner, given, 1, 1)
        layer(f"{block}_depthwise_conv", f"{block}_bn1", inner, 1, kernel, kernel)
        layer(f"{block}_project_conv", f"{block}_bn2", width, inner, 1, 1)
        given = width
    layer("_conv_head", "_bn1", 1280, given, 1, 1)
    state["_fc.weight"], state["_fc.bias"] = torch.randn(classes, 1280) / 1280**0.5, torch.randn(classes)
    return state


def answered(state: dict[str, torch.Tensor], x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """(logits [n, classes], output of each block) for frames [n, 3, H, W]."""
    with torch.no_grad():
        x = _layer(state, x, "_conv_stem", "_bn0", 2).clamp(0, 6)
        outputs = []
        for number, stride in enumerate(STRIDES):
            block, given = f"_blocks.{number}.", x
            if f"{block}_expand_conv.weight" in state:
                x = _layer(state, x, f"{block}_expand_conv", f"{block}_bn0").clamp(0, 6)
            x = _layer(state, x, f"{block}_depthwise_conv", f"{block}_bn1", stride).clamp(0, 6)
            x = _layer(state, x, f"{block}_project_conv", f"{block}_bn2")
            if stride == 1 and x.shape == given.shape:
                x = x + given
            outputs.append(x)
        x = _layer(state, x, "_conv_head", "_bn1").clamp(0, 6)
        return functional.linear(x.mean((2, 3)), state["_fc.weight"], state["_fc.bias"]), outputs


def _layer(
    state: dict[str, torch.Tensor], x: torch.Tensor, name: str, normalisation: str, stride: int = 1
) -> torch.Tensor:
    """A convolution padded as TensorFlow pads, and its normalisation."""
    weight = state[f"{name}.weight"]
    kernel = weight.shape[-1]
    down, right = (max(0, (-(-side // stride) - 1) * stride + kernel - side) for side in x.shape[2:])
    x = functional.pad(x, (right // 2, right - right // 2, down // 2, down - down // 2))
    x = functional.conv2d(x, weight, stride=stride, groups=x.shape[1] if weight.shape[1] == 1 else 1)
    mean, var = (state[f"{normalisation}.running_{of}"] for of in ("mean", "var"))
    scale, bias = (state[f"{normalisation}.{of}"] for of in ("weight", "bias"))
    return functional.batch_norm(x, mean, var, scale, bias, eps=1e-3)
