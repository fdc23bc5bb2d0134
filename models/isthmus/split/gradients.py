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
from isthmus.split.gradient_operators import OPERATORS

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
    return run_graph(torch, model, {**constants, model.graph.input[0].name: given})[0]


def run_graph(torch: Any, model: onnx.ModelProto, given: Mapping[str, Any]) -> list[Any]:
    """All outputs of a graph whose operators are known, of its inputs and constants by name."""
    values: dict[str, Any] = {**given, "": None}
    for node in model.graph.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        made = OPERATORS[node.op_type](torch, attributes, [values[name] for name in node.input])
        several = made if isinstance(made, tuple | list) else [made]
        values.update(zip(node.output, several, strict=True))
    return [values[output.name] for output in model.graph.output]
