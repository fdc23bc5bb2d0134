"""Networks whose inner tensors are looked at: ONNX graphs, and checkpoints of our split classifier.

The stride and the offset of a tensor follow from the windows that lead to it: a window of k places that steps by s and
pads p before takes stride S and offset o to stride ``s S`` and offset ``o + S ((k - 1) / 2 - p)``. Of a graph that
nobody named tensors of, the first one of each stride is taken, after its nonlinearity, and the outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.measure.motion.warp import Tap
from isthmus.runtime.engine import open_graph

if TYPE_CHECKING:
    import onnx

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]

SQUEEZENET_TAPS = ("conv1", "pool1", "pool4", "fire5", "pool8", "fire9")
_WINDOWS = frozenset({"Conv", "MaxPool", "AveragePool"})
_POINTWISE = frozenset(
    {
        "Relu",
        "LeakyRelu",
        "PRelu",
        "Elu",
        "Selu",
        "Sigmoid",
        "HardSigmoid",
        "HardSwish",
        "Gelu",
        "Tanh",
        "Clip",
        "BatchNormalization",
        "Dropout",
        "Identity",
        "LRN",
        "InstanceNormalization",
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Neg",
        "Abs",
        "Sqrt",
        "Pow",
        "Exp",
        "Floor",
        "Round",
        "Cast",
        "Concat",
        "Max",
        "Min",
        "Pad",
    }
)
_FOLLOWED = frozenset({"Relu", "LeakyRelu", "PRelu", "Elu", "HardSwish", "Gelu", "Clip", "BatchNormalization"})


@dataclass(frozen=True, slots=True)
class TappedNetwork:
    """A network and the tensors to look at.

    Attributes:
        name: for tables and keys: a-z, 0-9 and _.
        title: for people.
        taps: the tensors.
        run: a frame uint8 [H, W, 3] to one float32 [C, h, w] a tap.
    """

    name: str
    title: str
    taps: tuple[Tap, ...]
    run: Callable[[UInt8], list[Float32]]


def squeezenet(weights: Path) -> TappedNetwork:
    """SqueezeNet 1.0 from the packed file of its weights. MissingDependencyError without onnx."""
    _needs_onnx()
    from isthmus.models.video.squeezenet_graph import squeezenet_model

    model = squeezenet_model(weights, SQUEEZENET_TAPS)
    taps = graph_taps(model.graph, SQUEEZENET_TAPS)
    return _network("squeezenet", "SqueezeNet 1.0", model, taps, SQUEEZENET_TAPS)


def onnx_network(path: Path, name: str, title: str) -> TappedNetwork:
    """Any graph with one input, frames float32 [1, 3, H, W] from 0 to 255. InputError if it is none of these."""
    _needs_onnx()
    import onnx

    try:
        model = onnx.load(str(path))
        model = onnx.shape_inference.infer_shapes(model)
    except Exception as error:
        raise InputError(f"{path}: expected an ONNX graph: {error}") from error
    found = first_of_each_stride(model.graph)
    if not found:
        raise InputError(f"{path}: expected tensors of a stride of 2 or more, found none")
    for tensor in found:
        if tensor not in {output.name for output in model.graph.output}:
            model.graph.output.append(onnx.helper.make_empty_tensor_value_info(tensor))
    return _network(name, title, model, tuple(found.values()), tuple(found))


def checkpoint_network(path: Path) -> tuple[TappedNetwork, Any]:
    """(the edge half of a split classifier, the whole classifier) of a finished checkpoint; needs torch."""
    try:
        import torch
    except ImportError as error:
        raise MissingDependencyError("checkpoints need torch: pip install 'isthmus[train]'") from error
    from isthmus.training.video.classifier import load_split

    model, _ = load_split(path)

    def run(frame: UInt8) -> list[Float32]:
        with torch.no_grad():
            x = torch.from_numpy(frame.transpose(2, 0, 1)[None].astype(np.float32) / 255)
            found = model.edge.features(x.contiguous(memory_format=torch.channels_last))
        return [tensor[0].numpy() for tensor in found]

    taps = split_taps(model.shape.pooling.value, len(model.shape.edge_widths))
    return TappedNetwork(path.stem.replace("-", "_"), path.stem, taps, run), model


def split_taps(pooling: str, stages: int) -> tuple[Tap, ...]:
    """The tensors after each stage of a split classifier, and y. An even window looks between two pixels."""
    taps, stride, offset = [], 1, 0.0
    for stage in range(stages):
        if stage < stages - 1:
            # A strided convolution of 3 pads 1 and stays on its pixel; max-blur moves by two halves.
            offset += {"stride": 0.0, "max-blur": 1.0}.get(pooling, 0.5) * stride
            stride *= 2
        taps.append(Tap(f"stage{stage + 1}", stride, offset))
    return (*taps, Tap("y", stride, offset))


def graph_taps(graph: onnx.GraphProto, names: Sequence[str]) -> tuple[Tap, ...]:
    """Stride and offset of the named tensors. InputError if one cannot be told."""
    known = _geometry(graph)
    for name in names:
        if name not in known:
            raise InputError(f"{name}: expected a tensor that windows and pointwise operators lead to from the input")
    return tuple(Tap(name, *known[name]) for name in names)


def first_of_each_stride(graph: onnx.GraphProto) -> dict[str, Tap]:
    """Tensor to tap: the first of each stride above 1, after its nonlinearity, then outputs that still have places.

    Inner tensors are named by their stride, outputs by themselves.
    """
    known = _geometry(graph)
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    names: list[str] = []
    strides = {1}
    for node in graph.node:
        name = node.output[0]
        if name not in known or known[name][0] in strides:
            continue
        strides.add(known[name][0])
        while len(readers.get(name, [])) == 1 and readers[name][0].op_type in _FOLLOWED:
            name = readers[name][0].output[0]
        names.append(name)
    outputs = [output.name for output in graph.output if output.name in known]
    names += [name for name in outputs if name not in names]
    return {
        name: Tap(name if name in outputs else f"stride{known[name][0]}", *known[name])
        for name in names
        if known[name][0] > 1
    }


def _geometry(graph: onnx.GraphProto) -> dict[str, tuple[int, float]]:
    """(stride, offset) of every tensor that windows and pointwise operators alone lead to from the input."""
    from onnx import helper

    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value.name for value in graph.input if value.name not in constants]
    if len(inputs) != 1:
        raise InputError(f"expected a graph with one input, got {inputs}")
    known: dict[str, tuple[int, float]] = {inputs[0]: (1, 0.0)}
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for node in graph.node:
        places = {known[name] for name in node.input if name in known}
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if len(places) != 1:
            continue
        stride, offset = places.pop()
        if node.op_type in _WINDOWS and attributes.get("auto_pad", b"NOTSET") == b"NOTSET":
            kernel = attributes.get("kernel_shape") or (
                shapes.get(node.input[1], ())[2:] if len(node.input) > 1 else ()
            )
            if len(kernel) != 2 or len(set(kernel)) != 1:
                continue
            step, pad = attributes.get("strides", [1, 1])[0], attributes.get("pads", [0] * 4)[0]
            reach = (kernel[0] - 1) * attributes.get("dilations", [1, 1])[0]
            known[node.output[0]] = (stride * step, offset + stride * (reach / 2 - pad))
        elif node.op_type in _POINTWISE:
            pad = 0.0
            if node.op_type == "Pad":
                padded = _padding(graph, node)
                if padded is None:
                    continue
                pad = padded
            known[node.output[0]] = (stride, offset - stride * pad)
    return known


def _padding(graph: onnx.GraphProto, node: Any) -> float | None:
    """Places that a Pad puts above, if it says so by a constant."""
    from onnx import numpy_helper

    for tensor in graph.initializer:
        if len(node.input) > 1 and tensor.name == node.input[1]:
            pads = numpy_helper.to_array(tensor)
            return float(pads[2]) if len(pads) == 8 else None
    return None


def _network(
    name: str, title: str, model: onnx.ModelProto, taps: tuple[Tap, ...], tensors: Sequence[str]
) -> TappedNetwork:
    network = open_graph(model.SerializeToString())
    names = [end for end, _, _ in network.ends]
    places = [names.index(tensor) - 1 for tensor in tensors]

    def run(frame: UInt8) -> list[Float32]:
        outputs = network.run({names[0]: frame.transpose(2, 0, 1)[None].astype(np.float32)})
        return [outputs[place][0] for place in places]

    return TappedNetwork(name, title, taps, run)


def _needs_onnx() -> None:
    from importlib.util import find_spec

    if find_spec("onnx") is None:
        raise MissingDependencyError("looking into a graph needs onnx: pip install 'isthmus[measure]'")
