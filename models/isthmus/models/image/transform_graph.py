"""Image transforms as ONNX graphs of whole tensors: pixels 0 to 255 in and out, any size that is a multiple of 16.

What the graphs change is only order and scale, folded into weights: ONNX's space-to-depth puts the places of a patch
before its colours where torch's puts them after, and the networks were trained on pixels in [0, 1].
"""

from __future__ import annotations

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from torch import nn

from isthmus.models.graph_builder import Float32, GraphBuilder
from isthmus.models.image.transforms import (
    GDN,
    PATCH,
    STRIDE,
    PatchAnalysis,
    PatchSynthesis,
    ReferenceAnalysis,
    ReferenceSynthesis,
    ResidualBlock,
)

PIXEL_TOP = 255.0
GREY = np.float32(PIXEL_TOP / 2)


def analysis_graph(g_a: PatchAnalysis | ReferenceAnalysis) -> onnx.ModelProto:
    """`pixels` float32 ``[1, 3, H, W]`` (0 to 255) to `y` float32 ``[1, M, H/16, W/16]``, not rounded."""
    g = GraphBuilder()
    if isinstance(g_a, ReferenceAnalysis):
        h = g.node("Mul", ["pixels", g.constant(np.float32(1 / PIXEL_TOP))])
        *between, last = list(g_a.layers)
        for module in between:
            h = _layer(g, h, module)
        weight, bias = _arrays(last)
        _convolution(g, h, weight, bias, last, "y")
        return g.model("g_a", [_end("pixels", 3)], [_end("y", len(weight))])
    centred = g.node("Sub", ["pixels", g.constant(GREY)])
    scale = (g_a.scale * g_a.filter_gain).detach().numpy().astype(np.float32)
    h = g.node("SpaceToDepth", [centred], blocksize=PATCH)
    first, *between, last = list(g_a.layers)[1:]
    weight, bias = _arrays(first)
    h = _convolution(g, h, _places_first(weight, PATCH) / PIXEL_TOP, bias, first)
    for module in between:
        h = _layer(g, h, module)
    weight, bias = _arrays(last)
    gain = g_a.gain.detach().numpy() * scale
    added = _convolution(g, h, weight * gain[:, None, None, None], bias * gain, last)
    linear = g_a.linear[1]
    weight, bias = _arrays(linear)
    patches = weight.reshape(len(weight), 3, STRIDE, STRIDE) * (scale / PIXEL_TOP)[:, None, None, None]
    inputs = [centred, g.halves(patches), g.constant(bias * scale)]
    plain = g.node("Conv", inputs, strides=[STRIDE] * 2, kernel_shape=[STRIDE] * 2)
    g.node("Add", [plain, added], "y")
    return g.model("g_a", [_end("pixels", 3)], [_end("y", len(weight))])


def synthesis_graph(g_s: PatchSynthesis | ReferenceSynthesis) -> onnx.ModelProto:
    """`y_hat` float32 ``[1, M, h, w]`` to `pixels` float32 ``[1, 3, 16h, 16w]``, 0 to 255, not clipped."""
    g = GraphBuilder()
    h = "y_hat"
    if isinstance(g_s, ReferenceSynthesis):
        for module in g_s.layers:
            h = _layer(g, h, module)
        g.node("Mul", [h, g.constant(np.float32(PIXEL_TOP))], "pixels")
        channels = _arrays(g_s.layers[0])[0].shape[1]
        return g.model("g_s", [_end("y_hat", channels)], [_end("pixels", 3)])
    scale = (g_s.filter_gain / g_s.scale).detach().numpy().astype(np.float32)[:, None, None]
    linear = g_s.linear[0]
    weight, bias = _arrays(linear)
    # The first picture in grey levels, around the middle: what reads it takes that back.
    picture = _convolution(g, h, weight * (PIXEL_TOP * scale), bias * np.float32(PIXEL_TOP) + GREY, linear)
    picture = g.node("DepthToSpace", [picture], blocksize=STRIDE // PATCH, mode="CRD")
    first, *between = list(g_s.layers)
    weight, bias = _arrays(first)
    h = _convolution(g, h, weight * scale, bias, first)
    for module in between:
        h = _layer(g, h, module)
    weight, bias = _arrays(g_s.embedding)
    weight = weight / np.float32(PIXEL_TOP)
    seen = _convolution(g, picture, weight, bias - GREY * weight.sum((1, 2, 3)), g_s.embedding)
    h = g.node("Add", [h, seen])
    *between, last = list(g_s.correction)
    for module in between:
        h = _layer(g, h, module)
    weight, bias = _arrays(last)
    gain = (g_s.gain.detach().numpy() * PIXEL_TOP).astype(np.float32)
    correction = _convolution(g, h, weight * gain[:, None, None, None], bias * gain, last)
    h = g.node("Add", [picture, correction])
    g.node("DepthToSpace", [h], "pixels", blocksize=PATCH, mode="CRD")
    return g.model("g_s", [_end("y_hat", len(g_s.filter_gain))], [_end("pixels", 3)])


def macs_per_pixel(transform: nn.Module, channels: int, scale: float) -> float:
    """Multiply-adds of all convolutions for one pixel of the image; `scale` is pixels of one input position."""
    total = 0.0
    hooks = []

    def count(module: nn.Module, given: tuple[torch.Tensor, ...], made: torch.Tensor) -> None:  # noqa: ARG001
        nonlocal total
        if isinstance(module, nn.Conv2d):
            total += module.weight.numel() * made.shape[2] * made.shape[3]
        elif isinstance(module, GDN):
            total += module.gamma.numel() * made.shape[2] * made.shape[3]

    hooks = [m.register_forward_hook(count) for m in transform.modules() if isinstance(m, nn.Conv2d | GDN)]
    side = 64
    with torch.no_grad():
        transform(torch.zeros(1, channels, side, side))
    for hook in hooks:
        hook.remove()
    return total / (side * side * scale)


def _layer(g: GraphBuilder, h: str, module: nn.Module) -> str:
    """Any layer of the transforms as it is."""
    if isinstance(module, nn.Conv2d):
        return _convolution(g, h, *_arrays(module), module)
    if isinstance(module, nn.ReLU):
        return g.node("Relu", [h])
    if isinstance(module, nn.PixelShuffle):
        return g.node("DepthToSpace", [h], blocksize=module.upscale_factor, mode="CRD")
    if isinstance(module, ResidualBlock):
        inner = g.node("Relu", [_layer(g, h, module.a)])
        return g.node("Add", [h, _layer(g, inner, module.b)])
    if isinstance(module, GDN):
        gamma = module.gamma.detach().abs().numpy()[:, :, None, None].astype(np.float32)
        beta = (module.beta.detach().abs() + module.FLOOR).numpy().astype(np.float32)
        squares = g.node("Mul", [h, h])
        norm = g.node("Conv", [squares, g.halves(gamma), g.constant(beta)], kernel_shape=[1, 1])
        return g.node("Mul" if module.inverse else "Div", [h, g.node("Sqrt", [norm])])
    raise TypeError(f"expected a layer of the image transforms, got {type(module).__name__}")


def _convolution(
    g: GraphBuilder, h: str, weight: Float32, bias: Float32, like: nn.Module, output: str | None = None
) -> str:
    assert isinstance(like, nn.Conv2d)  # the layers of the transforms are known
    pad, stride = int(like.padding[0]), int(like.stride[0])
    inputs = [h, g.halves(weight), g.constant(bias.astype(np.float32))]
    kernel = list(like.kernel_size)
    return g.node("Conv", inputs, output, pads=[pad] * 4, strides=[stride] * 2, kernel_shape=kernel)


def _end(name: str, channels: int) -> onnx.ValueInfoProto:
    shape: list[int | str] = [1, channels, f"{name}_rows", f"{name}_columns"]
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _arrays(module: nn.Module) -> tuple[Float32, Float32]:
    assert isinstance(module, nn.Conv2d)  # the layers of the transforms are known
    assert module.bias is not None  # all of ours have one
    return module.weight.detach().numpy().astype(np.float32), module.bias.detach().numpy().astype(np.float32)


def _places_first(weight: Float32, patch: int) -> Float32:
    """Input channels reordered from colour, place (torch) to place, colour (ONNX)."""
    out, _, *kernel = weight.shape
    split = weight.reshape(out, -1, patch * patch, *kernel)
    return np.ascontiguousarray(split.swapaxes(1, 2).reshape(weight.shape))
