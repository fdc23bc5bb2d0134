"""How channels matter to a classifier's answers, at all its cuts in one go: each image passes the network once.

As `gradients`, whose Fisher information it is: a draw of an answer gives the gradient at every tensor on its way back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from isthmus.common.tasks import CLASSIFY
from isthmus.split.components import Float32, Float64
from isthmus.split.gradient_operators import OPERATORS, NotKnownError
from isthmus.split.gradients import DRAWN, knows
from isthmus.split.network import Network, part
from isthmus.split.preprocessing import Preprocessing

ORDER_BGR = (2, 1, 0)


def metrics_of_tensors(
    network: Network,
    tensors: Collection[str],
    frames: Sequence[Float32],
    preprocessing: Preprocessing,
    seed: int = 0,
    advance: Callable[[int], None] = lambda _: None,
) -> Mapping[str, Float64]:
    """The metric float64 `[M, M]` of each tensor; none where gradients cannot be had.

    Args:
        network: for one size of frames.
        tensors: float [1, M, h, w] each, on all or some paths to the answers.
        frames: float32 [1, 3, H, W], RGB of 0 to 255.
        preprocessing: what the network expects.
        seed: of the drawn answers.
        advance: called with each image done.
    """
    whole = part(network, network.input_name, network.output_names, "whole")
    if network.task != CLASSIFY or find_spec("torch") is None or not knows(whole):
        return {}
    torch: Any = import_module("torch")
    constants = {c.name: torch.from_numpy(numpy_helper.to_array(c).copy()) for c in whole.graph.initializer}
    generator = torch.Generator().manual_seed(seed)
    names = list(tensors)
    totals = {name: np.zeros((network.shape(name)[1],) * 2) for name in names}
    gain, shift = (v[:, None, None] for v in (preprocessing.gain, preprocessing.shift))
    for frame in frames:
        ordered = frame[:, ORDER_BGR] if preprocessing.order == "bgr" else frame
        values: dict[str, Any] = {**constants, "": None}
        values[network.input_name] = torch.from_numpy(ordered * gain + shift).requires_grad_()
        try:
            for node in whole.graph.node:
                attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
                made = OPERATORS[node.op_type](torch, attributes, [values[name] for name in node.input])
                several = made if isinstance(made, tuple | list) else [made]
                values.update(zip(node.output, several, strict=False))
            known = torch.log_softmax(values[network.output_name].reshape(1, -1), 1)
            drawn = torch.multinomial(known.detach().exp(), DRAWN, replacement=True, generator=generator)[0]
            for k, answer in enumerate(drawn.tolist()):
                gradients = torch.autograd.grad(
                    known[0, answer], [values[name] for name in names], retain_graph=k + 1 < DRAWN, allow_unused=True
                )
                for name, gradient in zip(names, gradients, strict=True):
                    if gradient is not None:
                        rows = gradient[0].reshape(len(totals[name]), -1).numpy()
                        totals[name] += (rows @ rows.T).astype(np.float64) / rows.shape[1]
        except (NotKnownError, RuntimeError, TypeError, ValueError, IndexError):
            return {}  # torch minds what ONNX does not: forward passes do without it
        advance(1)
    return {name: total / (DRAWN * len(frames)) for name, total in totals.items()}
