"""The hyperprior of bmshj2018-hyperprior, at any widths: its graphs with random weights, and what it multiplies.

``h_a`` has a 3 x 3 convolution and two of 5 x 5 that halve, ``h_s`` is the mirror. A transposed 5 x 5 convolution of
stride 2 is written as a plain one of 3 x 3 with four times the channels and a pixel shuffle: the same function, and in
ONNX Runtime as fast at the smaller widths and a quarter faster at the larger. Its multiplications are counted as
published, 25 a weight and place, not the 36 that it then does.

Source: Ballé et al. 2018 (arXiv 1802.01436); widths (128, 192) at its low rates and (192, 320) at its high ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from isthmus.models.graph_builder import GraphBuilder

STRIDE, HYPER_STRIDE = 16, 64
NEAR, FAR = 3, 5
"""Sides of the kernels: of the layer at the latents, and of those that halve."""
SHUFFLED = 3
"""Side of the kernel that stands for a transposed one of `FAR`."""

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class HyperWidths:
    """Channels of the hidden layers and of z (N), and of the latents (M)."""

    hidden_channels: int
    latent_channels: int

    def macs_per_pixel(self) -> float:
        """Multiply-accumulates of either half by pixel of the image: both have the same."""
        n, m = self.hidden_channels, self.latent_channels
        near = n * m * NEAR**2 / STRIDE**2
        return near + n * n * FAR**2 * (1 / (2 * STRIDE) ** 2 + 1 / HYPER_STRIDE**2)

    def parameters(self) -> int:
        """Weights of either half, biases left out."""
        n, m = self.hidden_channels, self.latent_channels
        return n * m * NEAR**2 + 2 * n * n * FAR**2


def analysis_graph(widths: HyperWidths, rng: np.random.Generator) -> onnx.ModelProto:
    """`y` float32 ``[n, M, 4a, 4b]`` to `z` float32 ``[n, N, a, b]``."""
    n, m = widths.hidden_channels, widths.latent_channels
    g = GraphBuilder()
    h = g.node("Abs", ["y"])
    h = g.node("Relu", [_convolution(g, h, _drawn(rng, (n, m, NEAR, NEAR)))])
    h = g.node("Relu", [_convolution(g, h, _drawn(rng, (n, n, FAR, FAR)), stride=2)])
    _convolution(g, h, _drawn(rng, (n, n, FAR, FAR)), stride=2, output="z")
    return g.model("h_a", [_end("y", m, ("rows", "columns"))], [_end("z", n, ("a", "b"))])


def synthesis_graph(widths: HyperWidths, rng: np.random.Generator) -> onnx.ModelProto:
    """`z` float32 ``[n, N, a, b]`` to `scales` float32 ``[n, M, 4a, 4b]``."""
    n, m = widths.hidden_channels, widths.latent_channels
    g = GraphBuilder()
    h = "z"
    for _ in range(2):
        h = _convolution(g, h, _drawn(rng, (4 * n, n, SHUFFLED, SHUFFLED)))
        h = g.node("Relu", [g.node("DepthToSpace", [h], blocksize=2, mode="CRD")])
    _convolution(g, h, _drawn(rng, (m, n, NEAR, NEAR)), output="scales")
    return g.model("h_s", [_end("z", n, ("a", "b"))], [_end("scales", m, ("rows", "columns"))])


def _drawn(rng: np.random.Generator, shape: tuple[int, int, int, int]) -> Float32:
    """Weights that keep the spread of what goes through: numbers near zero would take a processor longer."""
    return (rng.standard_normal(shape) / math.sqrt(math.prod(shape[1:]))).astype(np.float32)


def _convolution(g: GraphBuilder, h: str, weight: Float32, *, stride: int = 1, output: str | None = None) -> str:
    side = weight.shape[2]
    inputs = [h, g.constant(weight), g.constant(np.zeros(len(weight), np.float32))]
    return g.node("Conv", inputs, output, kernel_shape=[side, side], strides=[stride, stride], pads=[side // 2] * 4)


def _end(name: str, channels: int, places: tuple[str, str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", channels, *places])
