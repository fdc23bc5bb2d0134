"""How channels of a cut matter to the answers together: the Fisher information of the latents, by gradients.

    F = E over images and answers y drawn from p(y | x) of  g g',   g = d log p(y | x) / dx at one place

Off its diagonal it knows which errors make each other good, which saves bits against a diagonal one. It is taken where
torch is installed and all operators of the cloud half are known here; `sensitivity` is what remains. Source: the Fisher
information is the second derivative of the divergence of answers (Kullback, 1959).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from isthmus.split.components import Float32, Float64

DRAWN = 3
"""Answers drawn for each image."""


def knows(model: onnx.ModelProto) -> bool:
    """Whether torch is installed, and all operators of a graph are known here."""
    return find_spec("torch") is not None and all(
        node.op_type in OPERATORS and node.domain in ("", "ai.onnx") for node in model.graph.node
    )


def full_metric(
    model: onnx.ModelProto,
    latents: Sequence[Float32],
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Float64:
    """The metric float64 `[M, M]`: nats a squared error at one place, times two.

    Args:
        model: a cloud half that `knows` takes: y_hat [1, M, h, w] to logits [1, classes].
        latents: of images, float32 [M, h, w].
        seed: of the drawn answers.
        progress: called with the images done and their number.
    """
    torch: Any = import_module("torch")
    constants = {c.name: torch.from_numpy(numpy_helper.to_array(c).copy()) for c in model.graph.initializer}
    generator = torch.Generator().manual_seed(seed)
    channels = len(latents[0])
    total, places = np.zeros((channels, channels)), 0
    for done, x in enumerate(latents):
        progress(done, len(latents))
        given = torch.from_numpy(np.ascontiguousarray(x[None])).requires_grad_()
        known = torch.log_softmax(_run(torch, model, constants, given), 1)
        drawn = torch.multinomial(known.detach().exp(), DRAWN, replacement=True, generator=generator)[0]
        for k, answer in enumerate(drawn.tolist()):
            (gradient,) = torch.autograd.grad(known[0, answer], given, retain_graph=k + 1 < DRAWN)
            rows = gradient[0].reshape(channels, -1).numpy().astype(np.float64)
            total += rows @ rows.T
            places += rows.shape[1]
    progress(len(latents), len(latents))
    return total / places


def _run(torch: Any, model: onnx.ModelProto, constants: Mapping[str, Any], given: Any) -> Any:
    values: dict[str, Any] = {**constants, model.graph.input[0].name: given, "": None}
    for node in model.graph.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        inputs = [values[name] for name in node.input]
        values[node.output[0]] = OPERATORS[node.op_type](torch, attributes, inputs)
    return values[model.graph.output[0].name]


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


def _plain(name: str) -> Callable[[Any, dict[str, Any], list[Any]], Any]:
    """A function of torch's, of tensors alone."""
    return lambda torch, _attributes, inputs: getattr(torch, name)(*inputs)


OPERATORS: Mapping[str, Callable[[Any, dict[str, Any], list[Any]], Any]] = {
    "Add": _plain("add"),
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": lambda torch, a, i: torch.cat(i, a["axis"]),
    "Conv": _conv,
    "Div": _plain("div"),
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda torch, _a, i: torch.mean(i[0], (2, 3), keepdim=True),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda torch, _a, i: torch.nn.functional.hardswish(i[0]),
    "Identity": lambda _torch, _a, i: i[0],
    "MatMul": _plain("matmul"),
    "Mul": _plain("mul"),
    "ReduceMean": _reduce_mean,
    "Relu": _plain("relu"),
    "Reshape": _reshape,
    "Sigmoid": _plain("sigmoid"),
    "Squeeze": _squeeze,
    "Sub": _plain("sub"),
}
