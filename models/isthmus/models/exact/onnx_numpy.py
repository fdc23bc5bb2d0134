"""Our ONNX graphs in NumPy: the plainest runtime that determinism is proven against.

It knows the operators that our graphs are written in, as `onnx_torch` does, and refuses any other by name. A
convolution is a product with the windows of its input, by BLAS: another order of sums than either framework's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

CASTS = {onnx.TensorProto.FLOAT: np.dtype(np.float32), onnx.TensorProto.INT32: np.dtype(np.int32)}

Array = npt.NDArray[Any]
Attributes = dict[str, Any]


class OnnxNumpy:
    """Runs a graph eagerly; floats are computed in `dtype` (float32 or float64)."""

    def __init__(self, model: onnx.ModelProto, dtype: npt.DTypeLike = np.float32) -> None:
        self._dtype = np.dtype(dtype)
        self._outputs = [o.name for o in model.graph.output]
        self._constants = {c.name: self._array(numpy_helper.to_array(c)) for c in model.graph.initializer}
        self._nodes = list(model.graph.node)
        unknown = sorted({n.op_type for n in self._nodes} - set(_OPERATORS))
        if unknown:
            raise ValueError(
                f"expected operators among {sorted(_OPERATORS)}, got {unknown} in graph {model.graph.name}"
            )

    def _array(self, array: Any) -> Array:
        value: Array = np.asarray(array)
        return value.astype(self._dtype) if value.dtype.kind == "f" else value

    def run(self, feeds: dict[str, Any]) -> list[Array]:
        """Arrays in, of the shapes that the graph says (``[batch, ...]``), arrays out, in the order of its outputs."""
        values = self._constants | {name: self._array(array) for name, array in feeds.items()}
        for node in self._nodes:
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            inputs = [values[name] for name in node.input]
            values[node.output[0]] = _OPERATORS[node.op_type](inputs, attributes, self._dtype)
        return [values[name] for name in self._outputs]


def _cast(x: list[Array], a: Attributes, dtype: np.dtype[Any]) -> Array:
    target = CASTS[a["to"]]
    return x[0].astype(dtype if target.kind == "f" else target)


def _conv(x: list[Array], a: Attributes, _: np.dtype[Any]) -> Array:
    """Over any number of dimensions, zeros outside."""
    value, weight, *bias = x
    kernel = weight.shape[2:]
    axes, groups = len(kernel), int(a.get("group", 1))
    pads, strides = a.get("pads", [0] * 2 * axes), a.get("strides", [1] * axes)
    padded = np.pad(value, [(0, 0), (0, 0), *zip(pads[:axes], pads[axes:], strict=True)])
    window = np.lib.stride_tricks.sliding_window_view(padded, kernel, tuple(range(2, 2 + axes)))
    window = window[(slice(None), slice(None), *(slice(None, None, stride) for stride in strides))]
    n, channels, *space = window.shape[: 2 + axes]
    # [n, groups, inputs, space, taps] to one matrix a group: [groups, n * space, inputs * taps].
    columns = window.reshape(n, groups, channels // groups, int(np.prod(space)), -1)
    columns = columns.transpose(1, 0, 3, 2, 4).reshape(groups, -1, channels // groups * int(np.prod(kernel)))
    product = columns @ weight.reshape(groups, len(weight) // groups, -1).transpose(0, 2, 1)
    out = product.reshape(groups, n, -1, len(weight) // groups).transpose(1, 0, 3, 2).reshape(n, len(weight), *space)
    return out + bias[0].reshape(-1, *[1] * axes) if bias else out


def _depth_to_space(x: list[Array], a: Attributes, _: np.dtype[Any]) -> Array:
    n, channels, height, width = x[0].shape
    size = int(a["blocksize"])
    if a.get("mode") != b"CRD":
        raise ValueError(f"expected DepthToSpace of mode CRD, got {a.get('mode')!r}")
    blocks = x[0].reshape(n, channels // size**2, size, size, height, width).transpose(0, 1, 4, 2, 5, 3)
    return blocks.reshape(n, -1, height * size, width * size)


def _gemm(x: list[Array], a: Attributes, _: np.dtype[Any]) -> Array:
    out: Array = x[0] @ (x[1].T if a.get("transB") else x[1]) + x[2]
    return out


def _arg_max(x: list[Array], a: Attributes, _: np.dtype[Any]) -> Array:
    best = x[0].argmax(a["axis"])
    return np.expand_dims(best, a["axis"]) if a.get("keepdims", 1) else np.asarray(best)


def _reshape(x: list[Array], _: Attributes, __: np.dtype[Any]) -> Array:
    return x[0].reshape([x[0].shape[i] if n == 0 else n for i, n in enumerate(x[1].tolist())])


def _reduce_max(x: list[Array], a: Attributes, _: np.dtype[Any]) -> Array:
    return np.asarray(x[0].max(tuple(x[1].tolist()), keepdims=bool(a.get("keepdims", 1))))


def _reduce_sum(x: list[Array], a: Attributes, _: np.dtype[Any]) -> Array:
    return np.asarray(x[0].sum(tuple(x[1].tolist()), keepdims=bool(a.get("keepdims", 1))))


def _slice(x: list[Array], _: Attributes, __: np.dtype[Any]) -> Array:
    where = [slice(None)] * x[0].ndim
    for start, end, axis in zip(*(part.tolist() for part in x[1:4]), strict=True):
        where[axis] = slice(start, end)
    return x[0][tuple(where)]


def _pad(x: list[Array], a: Attributes, _: np.dtype[Any]) -> Array:
    pads: list[int] = x[1].tolist()
    widths = list(zip(pads[: x[0].ndim], pads[x[0].ndim :], strict=True))
    return np.pad(x[0], widths, mode="edge") if a.get("mode", b"constant") == b"edge" else np.pad(x[0], widths)


_OPERATORS: dict[str, Callable[[list[Array], Attributes, np.dtype[Any]], Array]] = {
    "Abs": lambda x, _, __: np.abs(x[0]),
    "Add": lambda x, _, __: x[0] + x[1],
    "ArgMax": _arg_max,
    "Cast": _cast,
    "Clip": lambda x, _, __: np.clip(x[0], x[1], x[2]),
    "Concat": lambda x, a, _: np.concatenate(x, a["axis"]),
    "Conv": _conv,
    "DepthToSpace": _depth_to_space,
    "Floor": lambda x, _, __: np.floor(x[0]),
    "Gather": lambda x, a, _: np.take(x[0], x[1], a.get("axis", 0)),
    "Gemm": _gemm,
    "Log": lambda x, _, __: np.log(x[0]),
    "MatMul": lambda x, _, __: x[0] @ x[1],
    "Max": lambda x, _, __: np.maximum(x[0], x[1]),
    "Min": lambda x, _, __: np.minimum(x[0], x[1]),
    "Mul": lambda x, _, __: x[0] * x[1],
    "Pad": _pad,
    "ReduceMax": _reduce_max,
    "ReduceSum": _reduce_sum,
    "Relu": lambda x, _, __: np.maximum(x[0], 0),
    "Reshape": _reshape,
    "Round": lambda x, _, __: np.rint(x[0]),
    "Slice": _slice,
    "Sqrt": lambda x, _, __: np.sqrt(x[0]),
    "Sub": lambda x, _, __: x[0] - x[1],
    "Transpose": lambda x, a, _: x[0].transpose(a["perm"]),
    "Unsqueeze": lambda x, _, __: np.expand_dims(x[0], tuple(x[1].tolist())),
}
