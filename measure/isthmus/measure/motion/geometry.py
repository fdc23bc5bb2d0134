"""Where the tensors of an ONNX graph look: their stride and offset, by the windows that lead to them.

A window of k places that steps by s and pads p before takes stride S and offset o to stride ``s S`` and offset
``o + S ((k - 1) / 2 - p)``. Where a graph says "same" instead of p, as TensorFlow's do, p follows from the side that
the tensor before has with frames of 224; what is odd of such padding lies after with SAME_UPPER, before with
SAME_LOWER.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isthmus.common.errors import InputError
from isthmus.measure.motion.maps import FRAME_SIDE
from isthmus.measure.motion.warp import Tap

if TYPE_CHECKING:
    import onnx

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
    sides = _sides(graph, inputs[0])
    for node in graph.node:
        places = {known[name] for name in node.input if name in known}
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if len(places) != 1:
            continue
        stride, offset = places.pop()
        if node.op_type in _WINDOWS:
            kernel = attributes.get("kernel_shape") or (
                shapes.get(node.input[1], ())[2:] if len(node.input) > 1 else ()
            )
            if len(kernel) != 2 or len(set(kernel)) != 1:
                continue
            step, reach = attributes.get("strides", [1, 1])[0], (kernel[0] - 1) * attributes.get("dilations", [1, 1])[0]
            pad = _pad_before(attributes, reach, step, sides.get(node.input[0], 0))
            if pad is None:
                continue
            known[node.output[0]] = (stride * step, offset + stride * (reach / 2 - pad))
        elif node.op_type in _POINTWISE:
            padded = _padding(graph, node) if node.op_type == "Pad" else 0.0
            if padded is None:
                continue
            known[node.output[0]] = (stride, offset - stride * padded)
    return known


def _pad_before(attributes: Mapping[str, Any], reach: int, step: int, side: int) -> int | None:
    """Places that a window pads above; None where that cannot be told. `side` is 0 where it is not known."""
    kind = attributes.get("auto_pad", b"NOTSET")
    if kind == b"NOTSET":
        return int(attributes.get("pads", [0] * 4)[0])
    if kind == b"VALID":
        return 0
    if not side:
        return None
    whole = max(0, (-(-side // step) - 1) * step + reach + 1 - side)
    return whole // 2 if kind == b"SAME_UPPER" else whole - whole // 2


def _sides(graph: onnx.GraphProto, input_name: str) -> dict[str, int]:
    """Height of each tensor that has one, with frames of `FRAME_SIDE`."""
    from onnx import TensorProto, helper, shape_inference

    frame = helper.make_tensor_value_info(input_name, TensorProto.FLOAT, [1, 3, FRAME_SIDE, FRAME_SIDE])
    sized = helper.make_graph(graph.node, "sized", [frame], [], graph.initializer)
    shown = shape_inference.infer_shapes(helper.make_model(sized), data_prop=True).graph
    heights = {v.name: v.type.tensor_type.shape.dim for v in shown.value_info}
    return {input_name: FRAME_SIDE} | {name: dims[2].dim_value for name, dims in heights.items() if len(dims) == 4}


def _padding(graph: onnx.GraphProto, node: Any) -> float | None:
    """Places that a Pad puts above, if it says so by a constant."""
    from onnx import numpy_helper

    for tensor in graph.initializer:
        if len(node.input) > 1 and tensor.name == node.input[1]:
            pads = numpy_helper.to_array(tensor)
            return float(pads[2]) if len(pads) == 8 else None
    return None
