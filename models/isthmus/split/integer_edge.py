"""An edge half in eight-bit integers: a scale each channel of weights, one each tensor of activations.

ONNX Runtime's static quantisation writes the graph with pairs of QuantizeLinear and DequantizeLinear, which it then
runs as integers. In floats stay the convolutions nearest to the pixels, whose few channels take eight bits worst (of
EfficientNet-Lite0 the first two make nine tenths of the divergence, and are a tenth of the work), and what makes the
latents. What is left of the error is partly linear: the map from these latents to those of floats of least squared
error is found on the images, and goes into the convolution that makes components, for nothing. Components and tables
are then found on the latents that come of it. Nothing else of a codec changes: what is sent decides, not how the edge
came to it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, version_converter

from isthmus.common.errors import InputError
from isthmus.split.components import Components, Float32, Float64
from isthmus.split.graphs import open_model
from isthmus.split.half_graphs import mixed

LEAST_OPSET = 13
"""From here on QuantizeLinear takes a scale a channel."""
LATENTS = "latents/plain"
INTEGERS = (
    "Conv",
    "Gemm",
    "MatMul",
    "Add",
    "Mul",
    "Concat",
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "Clip",
    "Relu",
)
"""Operators that are run as integers, as far as they lie between others that are."""
FLOAT_FIRST = 2
"""Convolutions nearest to the pixels that stay in floats."""
SCALED_IMAGES = 64
"""That scales are found on."""
RIDGE = 1e-4
"""Of the mean variance of the latents, added where the way back is found."""


def quantised(edge: onnx.ModelProto, frames: Sequence[Float32]) -> onnx.ModelProto:
    """The edge half as a graph of pairs of QuantizeLinear and DequantizeLinear.

    Args:
        edge: `frame` float32 [1, 3, H, W] to `y`, the latents as they are.
        frames: of calibration images, as it takes them.

    Raises:
        InputError: ONNX Runtime cannot quantise the graph.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory(prefix="isthmus-int8-") as aside:
        given, plain, made = (Path(aside) / name for name in ("given.onnx", "plain.onnx", "int8.onnx"))
        try:
            # Constants folded, so that weights stored in halves are seen as weights.
            onnx.save(_recent(edge), given)
            quant_pre_process(str(given), str(plain), skip_symbolic_shape=True)
            folded = _named(onnx.load(plain))
            onnx.save(folded, plain)
            quantize_static(
                plain,
                made,
                _Reader(frames),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(INTEGERS),
                nodes_to_exclude=[*_first(folded), *_last(folded)],
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
            )
        except Exception as error:
            raise InputError(f"--int8: expected an edge half that ONNX Runtime quantises, it says: {error}") from error
        return onnx.load(made)


@dataclass(frozen=True, slots=True, eq=False)
class IntegerEdge:
    """An edge half in integers, and the way back from its latents to those of floats.

    Attributes:
        model: `frame` float32 [1, 3, H, W] to `y`, the latents as integers make them.
        back: float64 `[M, M]`, of the latents of floats by those of integers, less their means.
        means, meant: float64 `[M]`, of the latents of integers and of floats.
    """

    model: onnx.ModelProto
    back: Float64
    means: Float64
    meant: Float64

    def latents(self, frames: Iterable[Float32]) -> list[Float32]:
        """Latents float32 `[M, h, w]` of frames `[1, 3, H, W]`, brought back."""
        run = open_model(self.model)
        return [self._brought(run(frame)[0]) for frame in frames]

    def with_components(self, components: Components) -> onnx.ModelProto:
        """The half with a map to components, in units, behind it; the way back is in the map."""
        made = onnx.ModelProto()
        made.CopyFrom(self.model)
        for node in made.graph.node:
            for names in (node.input, node.output):
                renamed = [LATENTS if name == "y" else name for name in names]
                del names[:]
                names.extend(renamed)
        nodes: list[onnx.NodeProto] = []
        constants: list[onnx.TensorProto] = []
        matrix = components.analysis @ self.back
        shift = components.analysis @ (self.meant - components.mean) - matrix @ self.means
        last = mixed(nodes, constants, LATENTS, matrix, shift, "components")
        made.graph.node.extend([*nodes, helper.make_node("Identity", [last], ["y"])])
        made.graph.initializer.extend(constants)
        made.graph.output[0].type.tensor_type.shape.dim[1].dim_value = components.count
        del made.graph.value_info[:]
        onnx.checker.check_model(made)
        return made

    def _brought(self, y: Float32) -> Float32:
        rows = self.back @ (y.reshape(len(y), -1) - self.means[:, None]) + self.meant[:, None]
        made: Float32 = rows.astype(np.float32).reshape(y.shape)
        return made


def integer_edge(
    edge: onnx.ModelProto, frames: Sequence[Float32], progress: Callable[[str], None] = lambda _: None
) -> IntegerEdge:
    """An edge half in integers.

    Args:
        edge: `frame` float32 [1, 3, H, W] to `y`, the latents as they are.
        frames: of calibration images, as it takes them.
        progress: told what is being done.

    Raises:
        InputError: ONNX Runtime cannot quantise the graph.
    """
    progress("scales of the edge half's integers")
    model = quantised(edge, _spread(frames))
    progress("the way back from integers")
    return IntegerEdge(model, *_way_back(open_model(edge), open_model(model), frames))


def _way_back(
    floats: Callable[[Float32], Float32], integers: Callable[[Float32], Float32], frames: Iterable[Float32]
) -> tuple[Float64, Float64, Float64]:
    """(the linear map from latents of integers to those of floats of least squared error, the means of both)."""
    sums: list[Float64] = []
    products: list[Float64] = []
    count = 0
    for frame in frames:
        pair = [run(frame)[0] for run in (integers, floats)]
        x, y = (v.reshape(len(v), -1).astype(np.float64) for v in pair)
        found = (x.sum(1), y.sum(1)), (x @ x.T, y @ x.T)
        sums = [a + b for a, b in zip(sums, found[0], strict=True)] if count else list(found[0])
        products = [a + b for a, b in zip(products, found[1], strict=True)] if count else list(found[1])
        count += x.shape[1]
    means, meant = (s / count for s in sums)
    spread = products[0] / count - np.outer(means, means)
    shared = products[1] / count - np.outer(meant, means)
    ridge = RIDGE * max(float(np.trace(spread)) / len(spread), np.finfo(float).tiny) * np.eye(len(spread))
    # Drawn towards what integers make as it is, not towards nothing.
    back = np.asarray(np.linalg.solve(spread + ridge, (shared + ridge).T).T, np.float64)
    return back, means, meant


def _spread(frames: Sequence[Float32]) -> list[Float32]:
    """As many as scales are found on, evenly spread."""
    count = min(len(frames), SCALED_IMAGES)
    return [frames[i * len(frames) // count] for i in range(count)]


class _Reader:
    """Frames, as the quantiser reads them."""

    def __init__(self, frames: Sequence[Float32]) -> None:
        self._frames: Iterator[Float32] = iter(frames)

    def get_next(self) -> dict[str, Any] | None:
        """The next, None behind the last."""
        frame = next(self._frames, None)
        return None if frame is None else {"frame": np.ascontiguousarray(frame)}


def _recent(model: onnx.ModelProto) -> onnx.ModelProto:
    opset = max(int(o.version) for o in model.opset_import if o.domain in ("", "ai.onnx"))
    return model if opset >= LEAST_OPSET else version_converter.convert_version(model, LEAST_OPSET)


def _named(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same, every node with a name."""
    for k, node in enumerate(model.graph.node):
        node.name = node.name or f"node_{k}"
    return model


def _first(model: onnx.ModelProto) -> list[str]:
    """Names of the convolutions nearest to the pixels."""
    return [node.name for node in model.graph.node if node.op_type == "Conv"][:FLOAT_FIRST]


def _last(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that make the latents: back from `y` to the first that multiplies."""
    makers = {name: node for node in model.graph.node for name in node.output}
    kept, name = [], model.graph.output[0].name
    while name in makers:
        node = makers[name]
        kept.append(node.name)
        if node.op_type not in ("Identity", "Clip", "Relu", "Cast"):
            break
        name = node.input[0]
    return kept
