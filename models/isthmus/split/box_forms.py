"""The forms in which networks give boxes, and nodes that make one of them all: sides in pixels, scores, classes.

| form | outputs | what is done |
|---|---|---|
| columns | one, [1, 4 + C, n], n above 4 + C: centre, size, a score a class (YOLOv8 and later) | NMS |
| rows | one, [1, n, 5 + C]: centre, size, whether there is one, a score a class (YOLOv5) | product of both, NMS |
| found | one, [1, n, 6], n up to 1,000: sides, score, class (exported with NMS) | those above the least score |
| pair | two, [1, n, 4] sides and [1, n, C] scores, or both transposed | NMS |
| triple | three: sides [n, 4], scores [n], classes [n] of integers (torchvision) | those above the least score |

Boxes are in pixels of the frame that the network takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from isthmus.common.errors import InputError
from isthmus.split.network import ANY, Network, opset_of
from isthmus.split.plane_halves import found

LEAST_OPSET = 11
"""From here on there are NonMaxSuppression and GatherND as they are used here."""
SIDES, MOST_FOUND = 4, 1000
TORCHVISION_CLASSES = 91
"""COCO's, as torchvision numbers them, where nobody names others."""
A_CLASS = 100
"""Boxes of a class at most."""


@dataclass(frozen=True, slots=True)
class BoxRules:
    """Which boxes are answered.

    Attributes:
        least_score: 0 to 1.
        overlap: intersection over union above which of two boxes of a class the less sure one is dropped.
        class_count: of the names that were given, 0 for none.
    """

    least_score: float = 0.25
    overlap: float = 0.5
    class_count: int = 0


def box_form(network: Network) -> str:
    """The form of a network's boxes; "" where it gives none that is known."""
    shapes = [network.shape(name) for name in network.output_names]
    whole = [network.kinds.get(name, TensorProto.FLOAT) for name in network.output_names]
    if len(shapes) == 1 and len(shapes[0]) == 3:
        _, first, last = shapes[0]
        if last == 6 and 1 <= first <= MOST_FOUND:
            return "found"
        if first > SIDES and (last == ANY or last > first):
            return "columns"
        if last > SIDES + 1 and (first == ANY or first > last):
            return "rows"
    if len(shapes) == 2 and all(len(shape) == 3 for shape in shapes) and _pair(shapes) is not None:
        return "pair"
    if len(shapes) == 3 and _triple(shapes, whole) is not None:
        return "triple"
    return ""


def box_nodes(network: Network, rules: BoxRules) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto], int]:
    """(nodes from the network's outputs to `boxes`, `scores` and `classes`, their constants, the number of classes).

    Raises:
        InputError: outputs of no form that is known, or an operator set before 11.
    """
    form, making = box_form(network), _Making(rules)
    shapes = [network.shape(name) for name in network.output_names]
    if not form:
        said = ", ".join(f"{name} {list(s)}" for name, s in zip(network.output_names, shapes, strict=True))
        raise InputError(
            f"{network.name}: expected boxes as [1, 4 + C, n], [1, n, 5 + C], [1, n, 6], as sides [1, n, 4] beside "
            f"scores [1, n, C], or as sides, scores and classes of each, got {said}; name the outputs with --output, "
            "or take --task tensors"
        )
    if opset_of(network.model) < LEAST_OPSET:
        raise InputError(f"{network.name}: expected operator set {LEAST_OPSET} or later, to choose boxes")
    kinds = [network.kinds.get(name, TensorProto.FLOAT) for name in network.output_names]
    given = [making.floats(found(k), kind) for k, kind in enumerate(kinds)]
    if form == "columns":
        classes = shapes[0][1] - SIDES
        making.by_suppression(making.corners(making.turned(given[0])), making.some(given[0], 1, SIDES, classes))
    elif form == "rows":
        classes = shapes[0][2] - SIDES - 1
        rows = making.turned(making.some(given[0], 2, SIDES + 1, classes))
        sure = making.turned(making.some(given[0], 2, SIDES, 1))
        making.by_suppression(making.corners(given[0]), making.made("Mul", [rows, sure]))
    elif form == "found":
        flat = making.made("Reshape", [given[0], making.constant(np.array([-1, 6], np.int64))])
        scores = making.flat(making.some(flat, 1, SIDES, 1))
        whole = making.made("Cast", [making.flat(making.some(flat, 1, SIDES + 1, 1))], to=TensorProto.INT64)
        making.above_least(making.some(flat, 1, 0, SIDES), scores, whole)
        classes = rules.class_count or TORCHVISION_CLASSES
    elif form == "pair":
        at, scored, is_turned = _pair(shapes) or (0, 1, False)
        sides = making.turned(given[at]) if is_turned else given[at]
        making.by_suppression(sides, given[scored] if is_turned else making.turned(given[scored]))
        classes = shapes[scored][1 if is_turned else 2]
    else:
        at, scored, labels = _triple(shapes, kinds) or (0, 1, 2)
        whole = making.made("Cast", [given[labels]], to=TensorProto.INT64)
        making.above_least(given[at], given[scored], whole)
        classes = rules.class_count or TORCHVISION_CLASSES
    return making.nodes, making.constants, classes


def _pair(shapes: list[tuple[int, ...]]) -> tuple[int, int, bool] | None:
    """(place of the sides, of the scores, whether they lie in columns)."""
    for boxes, scores in ((0, 1), (1, 0)):
        if shapes[boxes][2] == SIDES and shapes[boxes][1] == shapes[scores][1] and shapes[scores][2] > 0:
            return boxes, scores, False
        if shapes[boxes][1] == SIDES and shapes[boxes][2] == shapes[scores][2] and shapes[scores][1] > 0:
            return boxes, scores, True
    return None


def _triple(shapes: list[tuple[int, ...]], kinds: list[int]) -> tuple[int, int, int] | None:
    """(place of the sides, of the scores, of the classes)."""
    sides = [k for k, shape in enumerate(shapes) if len(shape) == 2 and shape[1] == SIDES]
    whole = [k for k, kind in enumerate(kinds) if kind in (TensorProto.INT64, TensorProto.INT32)]
    rest = [k for k in range(3) if k not in sides and k not in whole]
    if len(sides) == len(whole) == len(rest) == 1 and all(len(shapes[k]) == 1 for k in (*whole, *rest)):
        return sides[0], rest[0], whole[0]
    return None


class _Making:
    """Nodes as they are put together."""

    def __init__(self, rules: BoxRules) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._rules = rules

    def made(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        name = f"boxes/{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def constant(self, array: npt.NDArray[Any]) -> str:
        name = f"boxes/constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def floats(self, h: str, kind: int) -> str:
        """Numbers of half or double precision as float32; others as they are."""
        if kind not in (TensorProto.FLOAT16, TensorProto.DOUBLE):
            return h
        return self.made("Cast", [h], to=TensorProto.FLOAT)

    def turned(self, h: str) -> str:
        """The last two axes of three exchanged."""
        return self.made("Transpose", [h], perm=[0, 2, 1])

    def some(self, h: str, axis: int, first: int, count: int) -> str:
        at = self.constant(np.arange(first, first + count, dtype=np.int64))
        return self.made("Gather", [h, at], axis=axis)

    def flat(self, h: str) -> str:
        return self.made("Reshape", [h, self.constant(np.array([-1], np.int64))])

    def corners(self, rows: str) -> str:
        """Centres and sizes, the first four of rows [1, n, …], as sides [1, n, 4]."""
        half = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]], np.float32)
        return self.made("MatMul", [self.some(rows, 2, 0, SIDES), self.constant(half)])

    def by_suppression(self, boxes: str, scores: str) -> None:
        """The ends, of sides [1, n, 4] and scores [1, C, n]."""
        rules = self._rules
        most = self.constant(np.array([A_CLASS], np.int64))
        limits = [self.constant(np.array([x], np.float32)) for x in (rules.overlap, rules.least_score)]
        kept = self.made("NonMaxSuppression", [boxes, scores, most, *limits])
        flat = self.made("Reshape", [boxes, self.constant(np.array([-1, SIDES], np.int64))])
        kind, place = (self.constant(np.array(axis, np.int64)) for axis in (1, 2))
        self._end("boxes", "Gather", [flat, self.made("Gather", [kept, place], axis=1)], axis=0)
        self._end("scores", "GatherND", [scores, kept])
        self._end("classes", "Gather", [kept, kind], axis=1)

    def above_least(self, boxes: str, scores: str, classes: str) -> None:
        """The ends, of those that were found: sides [n, 4], scores [n] and classes [n]."""
        least = self.constant(np.array(self._rules.least_score, np.float32))
        is_kept = self.made("Greater", [scores, least])
        places = self.flat(self.made("NonZero", [is_kept]))
        for name, h in (("boxes", boxes), ("scores", scores), ("classes", classes)):
            self._end(name, "Gather", [h, places], axis=0)

    def _end(self, name: str, operator: str, inputs: list[str], **attributes: Any) -> None:
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
