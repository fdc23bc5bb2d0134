"""Our ONNX graphs in torch: the second runtime that determinism is proven against, and a way onto a GPU.

It knows the operators that our graphs are written in (`exact.graph`, and the graphs of images), and refuses any other
by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor
from torch.nn import functional as F

CASTS = {onnx.TensorProto.FLOAT: torch.float32, onnx.TensorProto.INT32: torch.int32}


class OnnxTorch:
    """Runs a graph of `exact.graph` eagerly; floats are computed in `dtype` (float32 or float64)."""

    def __init__(self, model: onnx.ModelProto, dtype: torch.dtype = torch.float32) -> None:
        self._dtype = dtype
        self._outputs = [o.name for o in model.graph.output]
        self._constants = {c.name: self._tensor(numpy_helper.to_array(c)) for c in model.graph.initializer}
        self._nodes = list(model.graph.node)
        unknown = sorted({n.op_type for n in self._nodes} - set(_OPERATORS))
        if unknown:
            raise ValueError(
                f"expected operators among {sorted(_OPERATORS)}, got {unknown} in graph {model.graph.name}"
            )

    def _tensor(self, array: Any) -> Tensor:
        tensor = torch.from_numpy(np.array(array))
        return tensor.to(self._dtype) if tensor.is_floating_point() else tensor

    def run(self, feeds: dict[str, Any]) -> list[Any]:
        """NumPy arrays in, NumPy arrays out, in the order of the graph's outputs."""
        values = self._constants | {name: self._tensor(array) for name, array in feeds.items()}
        with torch.no_grad():
            for node in self._nodes:
                attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
                inputs = [values[name] for name in node.input]
                values[node.output[0]] = _OPERATORS[node.op_type](inputs, attributes, self._dtype)
        return [values[name].numpy() for name in self._outputs]


def _cast(x: list[Tensor], a: dict[str, Any], dtype: torch.dtype) -> Tensor:
    target = CASTS[a["to"]]
    return x[0].to(dtype if target is torch.float32 else target)


def _gemm(x: list[Tensor], a: dict[str, Any], _: torch.dtype) -> Tensor:
    weight = x[1].t() if a.get("transB") else x[1]
    return torch.addmm(x[2], x[0], weight)


def _reshape(x: list[Tensor], _: dict[str, Any], __: torch.dtype) -> Tensor:
    shape = [x[0].shape[i] if n == 0 else n for i, n in enumerate(x[1].tolist())]
    return x[0].reshape(shape)


def _reduce_max(x: list[Tensor], a: dict[str, Any], _: torch.dtype) -> Tensor:
    return x[0].amax(x[1].tolist(), keepdim=bool(a.get("keepdims", 1)))


def _reduce_sum(x: list[Tensor], a: dict[str, Any], _: torch.dtype) -> Tensor:
    return x[0].sum(x[1].tolist(), keepdim=bool(a.get("keepdims", 1)))


def _conv(x: list[Tensor], a: dict[str, Any], _: torch.dtype) -> Tensor:
    """Over one or two dimensions, zeros outside."""
    dimensions = x[1].dim() - 2
    convolve = F.conv1d if dimensions == 1 else F.conv2d
    strides, pads = a.get("strides", [1] * dimensions), list(a.get("pads", [0] * 2 * dimensions))
    before, after = pads[:dimensions], pads[dimensions:]
    if before != after:  # torch pads the last axis first
        x = [F.pad(x[0], [n for pair in zip(before[::-1], after[::-1], strict=True) for n in pair]), *x[1:]]
        before = [0] * dimensions
    return convolve(x[0], x[1], x[2] if len(x) > 2 else None, strides, before, groups=a.get("group", 1))


def _gather(x: Tensor, index: Tensor, axis: int) -> Tensor:
    return x.index_select(axis, index.reshape(-1)).reshape(*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])


def _slice(x: list[Tensor], _: dict[str, Any], __: torch.dtype) -> Tensor:
    for start, end, axis in zip(*(part.tolist() for part in x[1:4]), strict=True):
        x[0] = x[0].narrow(axis, start, min(end, x[0].shape[axis]) - start)
    return x[0]


def _pad(x: list[Tensor], a: dict[str, Any], _: torch.dtype) -> Tensor:
    """Of ``[batch, rows, columns]``."""
    pads = x[1].tolist()
    half = len(pads) // 2
    by_axis = [n for pair in zip(pads[half - 1 :: -1], pads[: half - 1 : -1], strict=True) for n in pair]
    if a.get("mode", b"constant") != b"edge":
        return F.pad(x[0], by_axis)
    return F.pad(x[0], by_axis[:2], mode="replicate")  # our graphs repeat along the last axis alone


_OPERATORS: dict[str, Callable[[list[Tensor], dict[str, Any], torch.dtype], Tensor]] = {
    "Abs": lambda x, _, __: x[0].abs(),
    "Add": lambda x, _, __: x[0] + x[1],
    "ArgMax": lambda x, a, _: x[0].argmax(a["axis"], keepdim=bool(a.get("keepdims", 1))),
    "Cast": _cast,
    "Clip": lambda x, _, __: x[0].clamp(x[1], x[2]),
    "Concat": lambda x, a, _: torch.cat(x, a["axis"]),
    "Conv": _conv,
    "DepthToSpace": lambda x, a, _: F.pixel_shuffle(x[0], a["blocksize"]),  # mode CRD: torch's order
    "Floor": lambda x, _, __: x[0].floor(),
    "Gather": lambda x, a, _: _gather(x[0], x[1].long(), a.get("axis", 0)),
    "Gemm": _gemm,
    "Log": lambda x, _, __: x[0].log(),
    "MatMul": lambda x, _, __: x[0] @ x[1],
    "Max": lambda x, _, __: torch.maximum(x[0], x[1]),
    "Min": lambda x, _, __: torch.minimum(x[0], x[1]),
    "Mul": lambda x, _, __: x[0] * x[1],
    "Pad": _pad,
    "ReduceMax": _reduce_max,
    "ReduceSum": _reduce_sum,
    "Relu": lambda x, _, __: x[0].relu(),
    "Reshape": _reshape,
    "Round": lambda x, _, __: x[0].round(),
    "Slice": _slice,
    "Sqrt": lambda x, _, __: x[0].sqrt(),
    "Sub": lambda x, _, __: x[0] - x[1],
    "Transpose": lambda x, a, _: x[0].permute(*a["perm"]),
    "Unsqueeze": lambda x, _, __: x[0].unsqueeze(x[1].tolist()[0]),
}
