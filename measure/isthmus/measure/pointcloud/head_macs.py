"""Multiply-accumulates of a cloud half, counted on its graph: for codecs whose record does not tell.

Counted as training counts them, batch norm folded and every input taken as a number: a first layer that is frozen into
a table of sums, a row a value, is the product of symbols and weights that it stands for.
"""

from __future__ import annotations

import math
from pathlib import Path

import onnx

from isthmus.common.errors import ManifestError
from isthmus.common.manifest.folder import CLOUD_FILE

PRODUCTS = ("Gemm", "MatMul")
BETWEEN = ("Cast", "Mul")
"""What may stand between a stored weight and its use."""


def graph_head_macs(folder: Path) -> int:
    """Of the codec in a folder, a cloud.

    Raises:
        ManifestError: its cloud half is no such graph.
    """
    path = folder / CLOUD_FILE
    try:
        graph = onnx.load(path).graph
        symbols = graph.input[0].type.tensor_type.shape.dim[1].dim_value
        made_by = {node.output[0]: node for node in graph.node}
        stored = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
        macs = 0
        for node in graph.node:
            if node.op_type in PRODUCTS:
                macs += math.prod(_stored_shape(node.input[1], made_by, stored))
            elif node.op_type == "Gather":
                macs += symbols * _stored_shape(node.input[0], made_by, stored)[-1]
    except (OSError, IndexError, KeyError, ValueError) as error:
        raise ManifestError(f"{path}: expected the graph of a cloud half, got {error!r}") from error
    return macs


def _stored_shape(name: str, made_by: dict[str, onnx.NodeProto], stored: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
    """Of the weight that a tensor is made of. KeyError where it is made of something else."""
    while name not in stored:
        node = made_by[name]
        if node.op_type not in BETWEEN:
            raise KeyError(name)
        name = node.input[0]
    return stored[name]
