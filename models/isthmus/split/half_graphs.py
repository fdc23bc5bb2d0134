"""What is put before and behind the nodes of a half: pixels treated, latents scaled or mixed, ends named."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from isthmus.common.errors import InputError
from isthmus.split.branches import rename
from isthmus.split.preprocessing import Preprocessing
from isthmus.split.quantiser import Float32

PREFIX = "net/"  # of the network's own names, so that none is one of ours
OWN_DOMAINS = ("", "ai.onnx")
End = tuple[str, Sequence[int | str] | int]
"""Name and shape of an input or output of float32; of an output of any shape, its elements' kind instead."""


def entered(
    nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto], preprocessing: Preprocessing, target: str
) -> None:
    """From `frame`, RGB of 0 to 255, to what the network takes, as `target`."""
    h = "frame"
    if preprocessing.order == "bgr":
        constants.append(numpy_helper.from_array(np.array([2, 1, 0], np.int64), "order"))
        nodes.append(helper.make_node("Gather", [h, "order"], ["ordered"], axis=1))
        h = "ordered"
    h = affine(nodes, constants, h, preprocessing.gain, preprocessing.shift, "pixels")
    nodes.append(helper.make_node("Identity", [h], [target]))


def cast(nodes: list[onnx.NodeProto], h: str, kind: int, to: int, name: str) -> str:
    """A tensor of one kind as one of another."""
    if kind == to:
        return h
    nodes.append(helper.make_node("Cast", [h], [name], to=to))
    return name


def affine(
    nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto], h: str, gain: Float32, shift: Float32, name: str
) -> str:
    """`h * gain + shift`, each float32 `[M]`, a number a channel; what does nothing is left out."""
    for operator, numbers, neutral in (("Mul", gain, 1.0), ("Add", shift, 0.0)):
        if (numbers != neutral).any():
            constant, made = f"{name}/{operator.lower()}", f"{name}/{operator.lower()}/made"
            constants.append(numpy_helper.from_array(numbers.astype(np.float32).reshape(1, -1, 1, 1), constant))
            nodes.append(helper.make_node(operator, [h, constant], [made]))
            h = made
    return h


def mixed(
    nodes: list[onnx.NodeProto],
    constants: list[onnx.TensorProto],
    h: str,
    matrix: npt.NDArray[np.float64],
    shift: npt.NDArray[np.float64],
    name: str,
) -> str:
    """`matrix @ h + shift` at each place: a 1 x 1 convolution with a matrix `[to, from]`."""
    weights = matrix.astype(np.float32)[:, :, None, None]
    constants.append(numpy_helper.from_array(weights, f"{name}/weights"))
    constants.append(numpy_helper.from_array(shift.astype(np.float32), f"{name}/shift"))
    made = f"{name}/made"
    nodes.append(helper.make_node("Conv", [h, f"{name}/weights", f"{name}/shift"], [made], kernel_shape=[1, 1]))
    return made


def prefixed(model: onnx.ModelProto) -> onnx.ModelProto:
    """All names moved aside."""
    for node in model.graph.node:
        rename(node, lambda name: PREFIX + name)
    for constant in model.graph.initializer:
        constant.name = PREFIX + constant.name
    return model


def finished(
    model: onnx.ModelProto,
    before: list[onnx.NodeProto],
    after: list[onnx.NodeProto],
    constants: list[onnx.TensorProto],
    given: Sequence[End],
    made: Sequence[End],
) -> onnx.ModelProto:
    """The graph with nodes before and behind it, and with these ends. InputError where ONNX's checker refuses it."""
    graph = model.graph
    nodes = [*before, *graph.node, *after]
    inputs, outputs = ([_info(end) for end in ends] for ends in (given, made))
    whole = helper.make_graph(nodes, graph.name, inputs, outputs, [*constants, *graph.initializer])
    finished = helper.make_model(whole, opset_imports=model.opset_import, producer_name="isthmus")
    finished.ir_version = model.ir_version
    if all(o.domain in OWN_DOMAINS for o in finished.opset_import):
        try:
            told = finished
            if any(isinstance(shape, int) for _, shape in made):  # the checker wants to know how many axes they have
                told = onnx.shape_inference.infer_shapes(finished, data_prop=True)
            if all(o.type.tensor_type.HasField("shape") for o in told.graph.output):
                onnx.checker.check_model(told, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            raise InputError(f"{graph.name} half: expected a graph that ONNX's checker passes: {error}") from error
    return finished


def _info(end: End) -> onnx.ValueInfoProto:
    name, shape = end
    if isinstance(shape, int):
        return helper.make_tensor_value_info(name, shape, None)
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
