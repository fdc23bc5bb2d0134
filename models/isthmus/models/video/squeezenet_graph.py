"""SqueezeNet 1.0 as an ONNX graph, from a packed file of its weights; any tensor in it can be an output.

```
frame ─ conv1 ─ pool1 ─ fire2 ─ fire3 ─ fire4 ─ pool4 ─ fire5 … fire8 ─ pool8 ─ fire9 ─ conv_final ─ mean ─► logits
stride    2       4                       4        8                8      16
```

F. Iandola et al., "SqueezeNet", 2016: a fire module squeezes by 1 x 1, then expands by 1 x 1 and 3 x 3 side by side.
The weights expect BGR and a mean taken off; both are folded into conv1, which pads nothing, so that is exact. The
pools of 3 x 3 round their size up: at the right and lower border, a window may lie partly outside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import onnx
from onnx import TensorProto, helper

from isthmus.common.errors import InputError
from isthmus.models.graph_builder import Float32, GraphBuilder

CLASSES = 1000
SIDE = 227
"""Side of the frames that the weights were trained on."""
MEAN_BGR = (104.0, 117.0, 123.0)
POOLED_AFTER = ("conv1", "fire4", "fire8")
# Squeezed channels, and those of each of the two expansions.
FIRES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "fire2": (16, 64),
        "fire3": (16, 64),
        "fire4": (32, 128),
        "fire5": (32, 128),
        "fire6": (48, 192),
        "fire7": (48, 192),
        "fire8": (64, 256),
        "fire9": (64, 256),
    }
)


def squeezenet_model(weights: Path, outputs: Sequence[str] = ("logits",)) -> onnx.ModelProto:
    """`frame` float32 ``[1, 3, H, W]`` (RGB, 0 to 255, sides of 51 or more) to the named tensors.

    Args:
        weights: packed .npz with ``conv1``, ``fireN/conv1x1_1``, ``/conv1x1_2``, ``/conv3x3_2``, ``conv_final``, each
            `.weight` and `.bias`.
        outputs: of ``conv1, pool1, fire2 … fire4, pool4, fire5 … fire8, pool8, fire9, conv_final`` (all after their
            ReLU, float32 ``[1, C, h, w]``) and ``logits`` (float32 ``[1, 1000]``).

    Raises:
        InputError: another file, or an output that is not there.
    """
    arrays = _read(weights)
    g = GraphBuilder()
    first = arrays["conv1.weight"]
    bias = arrays["conv1.bias"] - np.einsum("ochw,c->o", first, np.array(MEAN_BGR, np.float32))
    channels: dict[str, int] = {}

    def convolution(source: str, name: str, weight: Float32, bias: Float32, output: str, **attributes: object) -> str:
        constants = [g.constant(weight), g.constant(bias.astype(np.float32))]
        h = g.node("Conv", [source, *constants], f"{name}/sum", kernel_shape=list(weight.shape[2:]), **attributes)
        channels[output] = len(weight)
        return g.node("Relu", [h], output)

    def named(source: str, name: str, output: str, pads: int = 0) -> str:
        return convolution(source, name, arrays[f"{name}.weight"], arrays[f"{name}.bias"], output, pads=[pads] * 4)

    h = convolution("frame", "conv1", np.ascontiguousarray(first[:, ::-1]), bias, "conv1", strides=[2, 2])
    h = _pool(g, h, channels)
    for fire in FIRES:
        squeezed = named(h, f"{fire}/conv1x1_1", f"{fire}/squeeze")
        expanded = [
            named(squeezed, f"{fire}/conv1x1_2", f"{fire}/expand1"),
            named(squeezed, f"{fire}/conv3x3_2", f"{fire}/expand3", pads=1),
        ]
        h = g.node("Concat", expanded, fire, axis=1)
        channels[fire] = sum(channels[name] for name in expanded)
        if fire in POOLED_AFTER:
            h = _pool(g, h, channels)
    h = named(h, "conv_final", "conv_final")
    g.node("ReduceMean", [h, g.constant(np.array([2, 3], np.int64))], "logits", keepdims=0)
    unknown = [name for name in outputs if name not in channels and name != "logits"]
    if unknown or not outputs:
        raise InputError(f"SqueezeNet: expected outputs of {[*channels, 'logits']}, got {list(outputs)}")
    ends = [_end(name, [1, CLASSES] if name == "logits" else [1, channels[name], None, None]) for name in outputs]
    return g.model("squeezenet", [_end("frame", [1, 3, "H", "W"])], ends)


def _pool(g: GraphBuilder, source: str, channels: dict[str, int]) -> str:
    name = f"pool{source[-1]}"
    channels[name] = channels[source]
    return g.node("MaxPool", [source], name, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)


def _end(name: str, shape: Sequence[int | str | None]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _shapes() -> dict[str, tuple[int, ...]]:
    """Shape of each weight by its name."""
    found: dict[str, tuple[int, ...]] = {"conv1": (96, 3, 7, 7), "conv_final": (CLASSES, 512, 1, 1)}
    inputs = 96
    for fire, (squeezed, expanded) in FIRES.items():
        found[f"{fire}/conv1x1_1"] = (squeezed, inputs, 1, 1)
        found[f"{fire}/conv1x1_2"] = (expanded, squeezed, 1, 1)
        found[f"{fire}/conv3x3_2"] = (expanded, squeezed, 3, 3)
        inputs = 2 * expanded
    return found


def _read(path: Path) -> dict[str, Float32]:
    try:
        with np.load(path, allow_pickle=False) as packed:
            arrays = {name: packed[name] for name in packed.files}
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected a packed .npz of SqueezeNet 1.0 weights: {error}") from error
    for name, shape in _shapes().items():
        for key, wanted in ((f"{name}.weight", shape), (f"{name}.bias", shape[:1])):
            got = arrays[key].shape if key in arrays else "nothing"
            if got != wanted:
                raise InputError(f"{path}: {key}: expected {wanted}, got {got}")
            if not np.isfinite(arrays[key]).all():
                raise InputError(f"{path}: {key}: expected finite weights")
    return {name: array.astype(np.float32) for name, array in arrays.items()}
