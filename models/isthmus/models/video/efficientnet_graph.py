"""EfficientNet-Lite0 as an ONNX graph, from the weights of its training in PyTorch; batch normalisation folded.

```
frame ─ stem ─ block0 ─ block1 … 2 ─ 3 … 4 ─ 5 … 7 ─ 8 … 10 ─ 11 … 14 ─ 15 ─ head ─ mean ─► logits
stride    2        2            4       8      16       16        32   32     32
```

M. Tan and Q. Le, "EfficientNet", 2019, without squeeze-and-excitation and with ReLU6 ("Lite", R. Liu, 2020): a block
expands by 1 x 1, convolves each channel by itself, projects by 1 x 1, and is added to what it was given where sides and
channels are the same. Each block's output is `blockN/output`, counted from 0 as the weights count them.

Frames are padded as TensorFlow does ("same": a layer of stride s makes ceil(side / s) of a side, and what is odd of the
padding lies right and below), so any size will do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper

from isthmus.common.errors import InputError
from isthmus.models.graph_builder import Float32, GraphBuilder

SIDE = 224
"""Side of the frames that the weights were trained on."""
MEAN, DEVIATION = 127.0, 128.0
"""What the training took off pixels of 0 to 255, RGB, and divided them by after that."""
EPSILON = 1e-3
"""Of the batch normalisations."""
EXPANSION, STEM_CHANNELS, HEAD_CHANNELS = 6, 32, 1280
STAGES = ((1, 3, 1, 16), (2, 3, 2, 24), (2, 5, 2, 40), (3, 3, 2, 80), (3, 5, 1, 112), (4, 5, 2, 192), (1, 3, 1, 320))
"""Of each: blocks, kernel, stride of the first, channels."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One convolution with its normalisation.

    Attributes:
        weights, normalisation: names in the weights, without what they end in.
        shape: of the kernel, `[out, in, k, k]`; each channel by itself where `in` is 1.
        stride: of the convolution.
        output: of the tensor that it makes, after ReLU6 where `is_clipped`.
        is_clipped: whether a ReLU6 follows.
        is_added: whether the block's input is added to it.
    """

    weights: str
    normalisation: str
    shape: tuple[int, int, int, int]
    stride: int
    output: str
    is_clipped: bool = True
    is_added: bool = False


def layers() -> Iterator[Layer]:
    """All convolutions, in their order."""
    yield Layer("_conv_stem", "_bn0", (STEM_CHANNELS, 3, 3, 3), 2, "stem/output")
    inputs, number = STEM_CHANNELS, 0
    for count, kernel, first_stride, outputs in STAGES:
        for place in range(count):
            name, of = f"block{number}", f"_blocks.{number}."
            stride = 1 if place else first_stride
            wide = inputs * (EXPANSION if number else 1)
            if wide != inputs:
                yield Layer(f"{of}_expand_conv", f"{of}_bn0", (wide, inputs, 1, 1), 1, f"{name}/expand")
            yield Layer(f"{of}_depthwise_conv", f"{of}_bn1", (wide, 1, kernel, kernel), stride, f"{name}/depthwise")
            kept = bool(place)
            yield Layer(
                f"{of}_project_conv",
                f"{of}_bn2",
                (outputs, wide, 1, 1),
                1,
                f"{name}/output",
                is_clipped=False,
                is_added=kept,
            )
            inputs, number = outputs, number + 1
    yield Layer("_conv_head", "_bn1", (HEAD_CHANNELS, inputs, 1, 1), 1, "head/output")


def efficientnet_model(arrays: Mapping[str, Float32], *, float16: bool = False) -> onnx.ModelProto:
    """`frame` float32 ``[1, 3, H, W]`` (RGB, (pixel - 127) / 128, sides of 1 or more) to `logits` ``[1, classes]``.

    Args:
        arrays: weights as EfficientNet-PyTorch names them, ``_conv_stem.weight`` to ``_fc.bias``.
        float16: whether weights are stored in half precision; they are computed with in single.

    Raises:
        InputError: a weight is missing, has another shape, or is not finite.
    """
    classes = _checked(arrays)
    g = GraphBuilder()
    stored = g.halves if float16 else g.constant
    low, high = g.constant(np.float32(0)), g.constant(np.float32(6))
    h = given = "frame"
    for layer in layers():
        if layer.output.endswith(("/expand", "block0/depthwise")):
            given = h
        kernel, bias = _folded(arrays, layer)
        attributes: dict[str, object] = {"kernel_shape": list(layer.shape[2:]), "strides": [layer.stride] * 2}
        if layer.shape[2] > 1:
            attributes["auto_pad"] = "SAME_UPPER"
        if layer.shape[1] == 1:
            attributes["group"] = layer.shape[0]
        is_last = not layer.is_clipped and not layer.is_added
        h = g.node(
            "Conv",
            [h, stored(kernel), g.constant(bias)],
            layer.output if is_last else f"{layer.output}/sum",
            **attributes,
        )
        if layer.is_clipped:
            h = g.node("Clip", [h, low, high], layer.output)
        elif layer.is_added:
            h = g.node("Add", [h, given], layer.output)
    pooled = g.node("Flatten", [g.node("GlobalAveragePool", [h])], "mean")
    last = [stored(arrays["_fc.weight"].astype(np.float32)), g.constant(arrays["_fc.bias"].astype(np.float32))]
    g.node("Gemm", [pooled, *last], "logits", transB=1)
    model = g.model("efficientnet-lite0", [_end("frame", [1, 3, "H", "W"])], [_end("logits", [1, classes])])
    model.doc_string = f"RGB, 0 to 255; (pixel - {MEAN:g}) / {DEVIATION:g} goes in"
    return model


def _folded(arrays: Mapping[str, Float32], layer: Layer) -> tuple[Float32, Float32]:
    """(kernel, bias) of a convolution that does its normalisation as well; worked out in double precision."""
    of = layer.normalisation
    gain = arrays[f"{of}.weight"].astype(np.float64) / np.sqrt(arrays[f"{of}.running_var"].astype(np.float64) + EPSILON)
    bias = arrays[f"{of}.bias"] - arrays[f"{of}.running_mean"] * gain
    kernel = arrays[f"{layer.weights}.weight"] * gain[:, None, None, None]
    return kernel.astype(np.float32), bias.astype(np.float32)


def shapes(classes: int) -> dict[str, tuple[int, ...]]:
    """Shape of every weight, by its name."""
    found: dict[str, tuple[int, ...]] = {}
    for layer in layers():
        found[f"{layer.weights}.weight"] = layer.shape
        found |= {
            f"{layer.normalisation}.{of}": layer.shape[:1] for of in ("weight", "bias", "running_mean", "running_var")
        }
    return found | {"_fc.weight": (classes, HEAD_CHANNELS), "_fc.bias": (classes,)}


def _checked(arrays: Mapping[str, Float32]) -> int:
    """How many classes the weights are of. InputError where they are not those of the network."""
    classes = len(arrays["_fc.bias"]) if "_fc.bias" in arrays else 1000
    for name, wanted in shapes(classes).items():
        got = arrays[name].shape if name in arrays else "nothing"
        if got != wanted:
            raise InputError(f"EfficientNet-Lite0: {name}: expected {wanted}, got {got}: these are other weights")
        if not np.isfinite(arrays[name]).all():
            raise InputError(f"EfficientNet-Lite0: {name}: expected finite weights")
    return classes


def _end(name: str, shape: list[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
