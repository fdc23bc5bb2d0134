"""The part of a network's answers that changes a little where latents do: what is measured while a cut is quantised.

A graph that ends in boxes has chosen them by thresholds, sorting and suppression: an error of the latents changes
nothing, or makes another number of boxes. So the graph is looked at as far as it is smooth: its outputs, or the last
tensors before the first such choice on a way to an output.

    distance = mean over features of   |error of the feature|^2 / (variance of the feature over places and images)

A *feature* is an index of the shortest axis behind the first: a number of a box, a class of a mask. So boxes of
hundreds of pixels and scores below 1 weigh alike. Classifiers are compared by the divergence of their answers
(`answers`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from isthmus.common.tasks import CLASSIFY
from isthmus.split.answers import divergences, log_probabilities
from isthmus.split.branches import reads
from isthmus.split.cuts import CUT_KINDS
from isthmus.split.network import Network
from isthmus.split.shape_constants import dependent

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

CHOOSING = frozenset(
    {
        *("ArgMax", "ArgMin", "Compress", "Equal", "Floor", "Greater", "GreaterOrEqual", "Hardmax", "If", "Less"),
        *("LessOrEqual", "Loop", "NonMaxSuppression", "NonZero", "OneHot", "Round", "Scan", "TopK", "Unique"),
    }
)
"""Operators whose outputs jump."""
LEAST_VARIANCE = 0.1
"""Of a feature, as a share of the median of its output's features."""
TINY = 1e-12


def soft_outputs(network: Network, cut: Collection[str]) -> tuple[str, ...]:
    """Tensors of floats behind a cut that change little where it does, and that say all that the answers go by.

    Args:
        network: the whole, without computations of shapes.
        cut: names of its tensors.
    """
    values = dependent(network.nodes, network.input_name)
    behind, jumping = set(cut), set[str]()
    for node in network.nodes:
        if set(node.output) & set(cut) or not any(i in behind for i in reads(node)):
            continue
        behind.update(node.output)
        if node.op_type in CHOOSING or any(i in jumping for i in reads(node)):
            jumping.update(node.output)
    # What is chosen by, or an output itself.
    ends = {*network.output_names} - jumping
    for node in network.nodes:
        if any(o in jumping for o in node.output):
            ends.update(i for i in reads(node) if i in values and i not in jumping)
    made = [tensor for node in network.nodes for tensor in node.output if tensor in ends and tensor in behind]
    return tuple(t for t in made if network.kinds.get(t, TensorProto.FLOAT) in CUT_KINDS) or tuple(cut)


def answering_softly(network: Network, tensors: Sequence[str]) -> Network:
    """The network with these tensors as its outputs."""
    changed = onnx.ModelProto()
    changed.CopyFrom(network.model)
    del changed.graph.output[:]
    changed.graph.output.extend(
        helper.make_tensor_value_info(t, network.kinds.get(t, TensorProto.FLOAT), None) for t in tensors
    )
    return network.answering(changed)


@dataclass(frozen=True, slots=True, eq=False)
class Distance:
    """How far answers are from the whole network's.

    Attributes:
        task: of the network.
        variances: float64 `[features]` of each output.
    """

    task: str
    variances: tuple[Float64, ...]

    @classmethod
    def of(cls, task: str, answers: Sequence[Sequence[Float32]]) -> Distance:
        """By the whole network's answers `[…]` to images."""
        outputs = list(zip(*answers, strict=True))
        return cls(task, tuple(_variances([a for a in output if a.size]) for output in outputs))

    def weights(self, place: int, shape: Sequence[int]) -> Float64:
        """What an error of each feature of an output of this shape `[…]` is multiplied by, shaped so that it may be."""
        variances = self.variances[place]
        lengths = [1] * len(shape)
        lengths[feature_axis(shape)] = len(variances)
        made: Float64 = (1 / np.sqrt(variances)).reshape(lengths)
        return made

    def between(self, whole: Sequence[Float32], other: Sequence[Float32]) -> float:
        """From the whole network's answers `[…]` to others: nats of a classifier, else a share of their variance."""
        if self.task == CLASSIFY:
            a, b = (log_probabilities(v[0].reshape(1, -1)) for v in (whole, other))
            return float(divergences(a, b)[0])
        shares = []
        for place, (one, two) in enumerate(zip(whole, other, strict=True)):
            if one.shape != two.shape:
                shares.append(1.0)
            elif one.size:
                errors = (one.astype(np.float64) - two) * self.weights(place, one.shape)
                shares.append(float(np.square(errors).mean()))
        return float(np.mean(shares)) if shares else 0.0


def feature_axis(shape: Sequence[int]) -> int:
    """The shortest axis behind the first of an output of at least three, else its last."""
    return int(np.argmin(shape[1:])) + 1 if len(shape) > 2 else len(shape) - 1


def _variances(answers: Sequence[Float32]) -> Float64:
    if not answers:
        return np.ones(1)
    axis = feature_axis(answers[0].shape)
    rows = [
        np.moveaxis(a, axis, 0).reshape(a.shape[axis], -1) for a in answers if a.shape[axis] == answers[0].shape[axis]
    ]
    spread: Float64 = np.concatenate(rows, 1).astype(np.float64).var(1)
    floor = LEAST_VARIANCE * float(np.median(spread))
    made: Float64 = np.maximum(spread, floor if floor > 0 else max(float(spread.mean()), TINY))
    return made
