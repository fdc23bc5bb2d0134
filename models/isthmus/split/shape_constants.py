"""A network of one size without the computations of shapes in it: what they come to stands in their place.

A graph may work sizes out as it runs: a U-Net that enlarges latents to the size of those they meet, say. Such paths
lead from tensors that are long past to layers that are far ahead, and would have to be cut as well, though all they
carry is a constant where frames are of one size.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from isthmus.runtime.engine import open_graph
from isthmus.split.branches import reads
from isthmus.split.network import Network, inferred, needed

SHAPES = frozenset({"Shape", "Size"})
COUNTING = frozenset({"Compress", "If", "Loop", "NonMaxSuppression", "NonZero", "Scan", "Unique"})
"""Operators whose outputs are as large as their inputs' values say."""
SIZED_BY_INPUTS = frozenset(
    {"ConstantOfShape", "Expand", "OneHot", "Pad", "Range", "Reshape", "Resize", "Slice", "Tile", "TopK"}
)
"""Operators whose outputs are as large as their further inputs say."""


def dependent(nodes: Sequence[onnx.NodeProto], frame: str) -> frozenset[str]:
    """Tensors whose values depend on a frame's, not on its size alone, in nodes in an order that runs."""
    values, counted = {frame}, set[str]()
    for node in nodes:
        inputs = [i for i in node.input if i]
        read = reads(node)
        of_values = any(i in values for i in read)
        is_counted = any(i in counted for i in read) or (of_values and node.op_type in COUNTING)
        if node.op_type in SIZED_BY_INPUTS:
            sizes = inputs if node.op_type in ("ConstantOfShape", "Range") else inputs[1:]
            # What is padded or enlarged by numbers that the network found itself.
            is_counted = is_counted or any(i in values for i in sizes)
        if of_values if node.op_type not in SHAPES else is_counted:
            values.update(node.output)
        if is_counted:
            counted.update(node.output)
    return frozenset(values - {""})


def without_shapes(network: Network) -> Network:
    """The same network of one size, with constants where it works out sizes; the very one where it does not.

    Raises:
        InputError: the graph cannot be run.
    """
    if not any(node.op_type in SHAPES for node in network.nodes):
        return network
    values = dependent(network.nodes, network.input_name)
    shaped = set[str]()
    for node in network.nodes:
        if node.op_type in SHAPES or any(i in shaped for i in reads(node)):
            shaped.update(o for o in node.output if o and o not in values)
    ends = set(network.output_names)
    used = {i for node in network.nodes for i in reads(node) if any(o in values for o in node.output)} | ends
    wanted = sorted((used & shaped) - ends)
    if not wanted:
        return network
    constants = _ran(network, wanted)
    model = onnx.ModelProto()
    model.CopyFrom(network.model)
    kept = needed(network.nodes, list(constants), network.output_names)
    del model.graph.node[:]
    model.graph.node.extend(kept)
    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in constants.items())
    size = [1, 3, network.height, network.width]
    known = inferred(model, network.input_name, size, wants_all=False)
    shapes = {**network.shapes, **known, **{name: array.shape for name, array in constants.items()}}
    return replace(network, model=model, nodes=tuple(kept), shapes=shapes)


def _ran(network: Network, tensors: Collection[str]) -> Mapping[str, npt.NDArray[Any]]:
    """Values of tensors when the network runs on a frame of zeros."""
    shown = onnx.ModelProto()
    shown.CopyFrom(network.model)
    del shown.graph.output[:]
    shown.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in tensors)
    opened = open_graph(shown.SerializeToString())
    frame = np.zeros((1, 3, network.height, network.width), np.float32)
    made = opened.run({network.input_name: frame})
    return {name: np.asarray(array) for name, array in zip(tensors, made, strict=True)}
