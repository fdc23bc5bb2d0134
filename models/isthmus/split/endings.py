"""What becomes of a network's outputs in the cloud half: the form in which a codec's task wants its answers.

| task | the network gives | outputs of the cloud half |
|---|---|---|
| classify | logits | `logits` float32 [1, classes] |
| detect | boxes, in a form of `box_forms` | `boxes` float32 [n, 4], `scores` float32 [n], `classes` int64 [n] |
| segment | scores of classes [1, C, h, w]; of one class where C is 1 | `mask` int64 [h, w] |
| embed | numbers | `embedding` float32 [1, n] |
| tensors | anything | the network's own, by their names |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from isthmus.common.errors import InputError
from isthmus.common.tasks import (
    CLASSIFY,
    DETECT,
    DETECTION,
    EMBED,
    EMBEDDING,
    RAW_TENSORS,
    SEGMENT,
    SEGMENTATION,
    TENSORS,
)
from isthmus.common.video.manifest import VIDEO_TASK
from isthmus.split.box_forms import BoxRules, box_nodes
from isthmus.split.half_graphs import PREFIX, End, cast, entered, finished, prefixed
from isthmus.split.halves import class_count
from isthmus.split.heads import SIGMOID, last_operator
from isthmus.split.network import Network, part
from isthmus.split.plane_halves import ends_of, found
from isthmus.split.preprocessing import Preprocessing


@dataclass(frozen=True, slots=True, eq=False)
class Ending:
    """Nodes behind a network's outputs.

    Attributes:
        nodes, constants: of the graph.
        outputs: of the half.
        classes: that the answers know; 0 where they know none.
        word: of the task, in a manifest.
    """

    nodes: tuple[onnx.NodeProto, ...]
    constants: tuple[onnx.TensorProto, ...]
    outputs: tuple[End, ...]
    classes: int
    word: str


def ending_of(sized: Network, rules: BoxRules) -> Ending:
    """That of a network of one size. InputError where its outputs are not what its task needs."""
    return ENDINGS[sized.task](sized, rules)


def whole_with(network: Network, ending: Ending, preprocessing: Preprocessing) -> onnx.ModelProto:
    """The network uncut, its preprocessing before it and an ending behind it: `frame` to what the cloud half gives."""
    model = prefixed(part(network, network.input_name, network.output_names, "whole"))
    before: list[onnx.NodeProto] = []
    constants = list(ending.constants)
    entered(before, constants, preprocessing, PREFIX + network.input_name)
    after = [helper.make_node("Identity", [PREFIX + n], [found(k)]) for k, n in enumerate(network.output_names)]
    frame: End = ("frame", [1, 3, network.height, network.width])
    return finished(model, before, [*after, *ending.nodes], constants, [frame], list(ending.outputs))


def _logits(sized: Network, rules: BoxRules) -> Ending:
    del rules
    classes, rank = class_count(sized), len(sized.shape(sized.output_name))
    nodes: list[onnx.NodeProto] = []
    h = _floats(nodes, sized, 0)
    last = helper.make_node("Identity" if rank == 2 else "Flatten", [h], ["logits"])
    if rank == 1:
        last.attribute.append(helper.make_attribute("axis", 0))
    return Ending((*nodes, last), (), (("logits", [1, classes]),), classes, VIDEO_TASK)


def _boxes(sized: Network, rules: BoxRules) -> Ending:
    nodes, constants, classes = box_nodes(sized, rules)
    ends: tuple[End, ...] = (("boxes", ["n", 4]), ("scores", ["n"]), ("classes", TensorProto.INT64))
    return Ending(tuple(nodes), tuple(constants), ends, classes, DETECTION.word)


def _mask(sized: Network, rules: BoxRules) -> Ending:
    del rules
    place = next((k for k, name in enumerate(sized.output_names) if len(sized.shape(name)) == 4), -1)
    shape = sized.shape(sized.output_names[place]) if place >= 0 else ()
    if place < 0 or shape[1] < 1:
        outputs = ", ".join(f"{name} {list(sized.shape(name))}" for name in sized.output_names)
        raise InputError(f"{sized.name}: expected scores of classes [1, C, h, w], to make a mask, got {outputs}")
    nodes: list[onnx.NodeProto] = []
    h = _floats(nodes, sized, place)
    constants = [numpy_helper.from_array(np.array(0, np.int64), "mask/first")]
    if shape[1] == 1:
        makers = {made: node for node in sized.nodes for made in node.output}
        last = last_operator(sized.output_names[place], makers)
        middle = 0.5 if last is not None and last.op_type == SIGMOID else 0.0
        constants.append(numpy_helper.from_array(np.array(middle, np.float32), "mask/middle"))
        nodes.append(helper.make_node("Greater", [h, "mask/middle"], ["mask/is"]))
        nodes.append(helper.make_node("Cast", ["mask/is"], ["mask/one"], to=TensorProto.INT64))
        nodes.append(helper.make_node("Gather", ["mask/one", "mask/first"], ["mask/batch"], axis=0))
    else:
        nodes.append(helper.make_node("ArgMax", [h], ["mask/batch"], axis=1, keepdims=0))
    nodes.append(helper.make_node("Gather", ["mask/batch", "mask/first"], ["mask"], axis=0))
    return Ending(tuple(nodes), tuple(constants), (("mask", TensorProto.INT64),), max(2, shape[1]), SEGMENTATION.word)


def _embedding(sized: Network, rules: BoxRules) -> Ending:
    del rules
    nodes: list[onnx.NodeProto] = []
    h = _floats(nodes, sized, 0)
    nodes.append(helper.make_node("Flatten", [h], ["embedding"], axis=1))
    numbers = int(np.prod([max(1, side) for side in sized.shape(sized.output_name)]))
    return Ending(tuple(nodes), (), (("embedding", [1, numbers]),), 0, EMBEDDING.word)


def _tensors(sized: Network, rules: BoxRules) -> Ending:
    del rules
    ends = ends_of(sized)
    nodes = [helper.make_node("Identity", [found(k)], [name]) for k, (name, _) in enumerate(ends)]
    return Ending(tuple(nodes), (), tuple(ends), 0, RAW_TENSORS.word)


def _floats(nodes: list[onnx.NodeProto], sized: Network, place: int) -> str:
    """An output as float32."""
    kind = sized.kinds.get(sized.output_names[place], TensorProto.FLOAT)
    return cast(nodes, found(place), kind, TensorProto.FLOAT, f"answer/{place}")


ENDINGS: Mapping[str, Callable[[Network, BoxRules], Ending]] = {
    CLASSIFY: _logits,
    DETECT: _boxes,
    SEGMENT: _mask,
    EMBED: _embedding,
    TENSORS: _tensors,
}
