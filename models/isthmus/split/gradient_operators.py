"""Operators of ONNX as torch has them: what gradients of a cloud half are taken through."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper


class NotKnownError(Exception):
    """An operator of a kind that torch has no name for; gradients are then done without."""


def _conv(torch: Any, attributes: dict[str, Any], inputs: list[Any]) -> Any:
    x, weights, *bias = inputs
    sides = weights.dim() - 2
    strides, dilations = (tuple(attributes.get(name, [1] * sides)) for name in ("strides", "dilations"))
    pads = _pads(attributes, x.shape[2:], weights.shape[2:], strides, dilations)
    if any(pads):
        x = torch.nn.functional.pad(x, pads)
    name = f"conv{sides}d"
    shift, groups = bias[0] if bias else None, attributes.get("group", 1)
    return getattr(torch.nn.functional, name)(x, weights, shift, strides, 0, dilations, groups)


def _pads(
    attributes: dict[str, Any], sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Any
) -> list[int]:
    """As torch's `pad` takes them: the last axis first."""
    how = attributes.get("auto_pad", b"NOTSET")
    if how in (b"SAME_UPPER", b"SAME_LOWER"):
        pairs = []
        for size, k, s, d in zip(sizes, kernel, strides, dilations, strict=True):
            total = max(0, (-(-size // s) - 1) * s + (k - 1) * d + 1 - size)
            less, more = total // 2, total - total // 2
            pairs.append((less, more) if how == b"SAME_UPPER" else (more, less))
    else:
        pads = attributes.get("pads", [0] * (2 * len(sizes)))
        half = len(pads) // 2
        pairs = list(zip(pads[:half], pads[half:], strict=True))
    return [int(p) for pair in reversed(pairs) for p in pair]


def _clip(torch: Any, attributes: dict[str, Any], inputs: list[Any]) -> Any:
    x, low, high = (*inputs, None, None)[:3]
    low = attributes.get("min") if low is None else float(low)
    high = attributes.get("max") if high is None else float(high)
    return torch.clamp(x, low, high)


def _gemm(torch: Any, attributes: dict[str, Any], inputs: list[Any]) -> Any:
    del torch
    a, b, *c = inputs
    a = a.T if attributes.get("transA") else a
    b = b.T if attributes.get("transB") else b
    product = attributes.get("alpha", 1.0) * (a @ b)
    return product + attributes.get("beta", 1.0) * c[0] if c else product


def _reduce_mean(torch: Any, attributes: dict[str, Any], inputs: list[Any]) -> Any:
    axes = attributes.get("axes") or (inputs[1].tolist() if len(inputs) > 1 and inputs[1] is not None else None)
    x = inputs[0]
    return torch.mean(x, tuple(axes or range(x.dim())), keepdim=bool(attributes.get("keepdims", 1)))


def _flatten(torch: Any, attributes: dict[str, Any], inputs: list[Any]) -> Any:
    del torch
    x, axis = inputs[0], attributes.get("axis", 1)
    return x.reshape(int(np.prod(x.shape[:axis])), -1)


def _reshape(torch: Any, attributes: dict[str, Any], inputs: list[Any]) -> Any:
    del torch
    x, wanted = inputs[0], inputs[1].tolist()
    if not attributes.get("allowzero"):
        wanted = [x.shape[k] if length == 0 else length for k, length in enumerate(wanted)]
    return x.reshape(wanted)


def _batch_norm(torch: Any, attributes: dict[str, Any], inputs: list[Any]) -> Any:
    x, scale, shift, mean, variance = inputs
    return torch.nn.functional.batch_norm(x, mean, variance, scale, shift, eps=attributes.get("epsilon", 1e-5))


def _squeeze(torch: Any, attributes: dict[str, Any], inputs: list[Any]) -> Any:
    axes = attributes.get("axes") or (inputs[1].tolist() if len(inputs) > 1 else None)
    return torch.squeeze(inputs[0]) if axes is None else torch.squeeze(inputs[0], tuple(axes))


def _hard_sigmoid(torch: Any, attributes: dict[str, Any], inputs: list[Any]) -> Any:
    alpha, beta = attributes.get("alpha", 0.2), attributes.get("beta", 0.5)
    return torch.clamp(alpha * inputs[0] + beta, 0, 1)


def _cast(torch: Any, attributes: dict[str, Any], inputs: list[Any]) -> Any:
    """All floats are float32 here: half precision is how constants are stored."""
    if attributes["to"] in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16):
        return inputs[0].to(torch.float32)
    return inputs[0].to(torch.int64)


def _conv_transpose(torch: Any, attributes: dict[str, Any], inputs: list[Any]) -> Any:
    x, weights, *bias = inputs
    sides = weights.dim() - 2
    strides, dilations, more = (
        tuple(attributes.get(name, [usual] * sides))
        for name, usual in (("strides", 1), ("dilations", 1), ("output_padding", 0))
    )
    pads = attributes.get("pads", [0] * (2 * sides))
    if pads[:sides] != pads[sides:] or "output_shape" in attributes:
        raise NotKnownError("a ConvTranspose that is padded unevenly")
    shift, groups = bias[0] if bias else None, attributes.get("group", 1)
    run = getattr(torch.nn.functional, f"conv_transpose{sides}d")
    return run(x, weights, shift, strides, tuple(pads[:sides]), more, groups, dilations)


def _pooled(torch: Any, attributes: dict[str, Any], x: Any, fill: float) -> tuple[Any, Any, Any]:
    """(the padded latents, kernel, strides)."""
    kernel = attributes["kernel_shape"]
    strides = attributes.get("strides", [1] * len(kernel))
    pads = _pads(attributes, x.shape[2:], kernel, strides, attributes.get("dilations", [1] * len(kernel)))
    return (torch.nn.functional.pad(x, pads, value=fill) if any(pads) else x), kernel, strides


def _max_pool(torch: Any, attributes: dict[str, Any], inputs: list[Any]) -> Any:
    x, kernel, strides = _pooled(torch, attributes, inputs[0], float("-inf"))
    is_ceil, dilations = bool(attributes.get("ceil_mode")), attributes.get("dilations", 1)
    return torch.nn.functional.max_pool2d(x, kernel, strides, 0, dilations, is_ceil)


def _average_pool(torch: Any, attributes: dict[str, Any], inputs: list[Any]) -> Any:
    x, kernel, strides = _pooled(torch, attributes, inputs[0], 0.0)
    is_ceil = bool(attributes.get("ceil_mode"))
    sums = torch.nn.functional.avg_pool2d(x, kernel, strides, 0, is_ceil)
    if attributes.get("count_include_pad") or x is inputs[0]:
        return sums
    ones, _, _ = _pooled(torch, attributes, torch.ones_like(inputs[0]), 0.0)
    return sums / torch.nn.functional.avg_pool2d(ones, kernel, strides, 0, is_ceil)


def _resize(torch: Any, attributes: dict[str, Any], inputs: list[Any]) -> Any:
    x, *given = inputs
    sizes: Any = given[2] if len(given) > 2 and given[2] is not None else None
    scales: Any = given[1] if len(given) > 1 else None
    if sizes is None and scales is None:
        raise NotKnownError("a Resize by neither scales nor sizes")
    size = (
        sizes.tolist()[2:]
        if sizes is not None
        else [int(length * scale) for length, scale in zip(x.shape[2:], scales.tolist()[2:], strict=True)]
    )
    mode = attributes.get("mode", b"nearest")
    if mode == b"nearest":
        return torch.nn.functional.interpolate(x, size=size, mode="nearest")
    is_aligned = attributes.get("coordinate_transformation_mode") == b"align_corners"
    return torch.nn.functional.interpolate(x, size=size, mode="bilinear", align_corners=is_aligned)


def _constant(torch: Any, attributes: dict[str, Any], inputs: list[Any]) -> Any:
    del inputs
    if "value" in attributes:
        return torch.from_numpy(numpy_helper.to_array(attributes["value"]).copy())
    ((_, value),) = attributes.items()
    return torch.tensor(value)


def _gather(torch: Any, attributes: dict[str, Any], inputs: list[Any]) -> Any:
    x, at = inputs
    axis = attributes.get("axis", 0)
    at = torch.where(at < 0, at + x.shape[axis], at)
    if at.dim() == 0:
        return x.select(axis, int(at))
    found = torch.index_select(x, axis, at.reshape(-1))
    return found.reshape(*x.shape[:axis], *at.shape, *x.shape[axis % x.dim() + 1 :])


def _slice(torch: Any, attributes: dict[str, Any], inputs: list[Any]) -> Any:
    del torch
    x, *rest = inputs
    names = ("starts", "ends", "axes", "steps")
    values: list[Any] = [r.tolist() if r is not None else None for r in rest]
    values += [None] * (4 - len(rest))
    found: list[Any] = [attributes.get(n, v) for n, v in zip(names, values, strict=True)]
    starts, ends, axes, steps = found
    axes, steps = axes or list(range(len(starts))), steps or [1] * len(starts)
    at: list[Any] = [slice(None)] * x.dim()
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if step < 1:
            raise NotKnownError("a Slice that goes backwards")
        at[axis] = slice(start, min(end, x.shape[axis]), step)
    return x[tuple(at)]


def _split(torch: Any, attributes: dict[str, Any], inputs: list[Any]) -> Any:
    x = inputs[0]
    sizes: Any = inputs[1].tolist() if len(inputs) > 1 else attributes.get("split")
    axis = attributes.get("axis", 0)
    if sizes is None:
        count = attributes.get("num_outputs", 2)
        sizes = -(-x.shape[axis] // count)
    return torch.split(x, sizes, axis)


def _unsqueeze(torch: Any, attributes: dict[str, Any], inputs: list[Any]) -> Any:
    x = inputs[0]
    axes: Any = attributes.get("axes") or inputs[1].tolist()
    for axis in sorted(a % (x.dim() + len(axes)) for a in axes):
        x = torch.unsqueeze(x, axis)
    return x


def _plain(name: str) -> Callable[[Any, dict[str, Any], list[Any]], Any]:
    """A function of torch's, of tensors alone."""
    return lambda torch, _attributes, inputs: getattr(torch, name)(*inputs)


OPERATORS: Mapping[str, Callable[[Any, dict[str, Any], list[Any]], Any]] = {
    "Add": _plain("add"),
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "AveragePool": _average_pool,
    "Clip": _clip,
    "Concat": lambda torch, a, i: torch.cat(i, a["axis"]),
    "Constant": _constant,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Div": _plain("div"),
    "Exp": _plain("exp"),
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda torch, _a, i: torch.mean(i[0], (2, 3), keepdim=True),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda torch, _a, i: torch.nn.functional.hardswish(i[0]),
    "Gather": _gather,
    "Identity": lambda _torch, _a, i: i[0],
    "LeakyRelu": lambda torch, a, i: torch.nn.functional.leaky_relu(i[0], a.get("alpha", 0.01)),
    "MatMul": _plain("matmul"),
    "MaxPool": _max_pool,
    "Mul": _plain("mul"),
    "Pow": _plain("pow"),
    "PRelu": lambda torch, _a, i: torch.where(i[0] < 0, i[0] * i[1], i[0]),
    "ReduceMean": _reduce_mean,
    "Relu": _plain("relu"),
    "Reshape": _reshape,
    "Resize": _resize,
    "Sigmoid": _plain("sigmoid"),
    "Slice": _slice,
    "Softmax": lambda torch, a, i: torch.softmax(i[0], a.get("axis", -1)),
    "Softplus": lambda torch, _a, i: torch.nn.functional.softplus(i[0]),
    "Split": _split,
    "Sqrt": _plain("sqrt"),
    "Squeeze": _squeeze,
    "Sub": _plain("sub"),
    "Tanh": _plain("tanh"),
    "Transpose": lambda _torch, a, i: i[0].permute(*a.get("perm", range(i[0].dim() - 1, -1, -1))),
    "Unsqueeze": _unsqueeze,
}
