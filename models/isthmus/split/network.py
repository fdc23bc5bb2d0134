"""A user's ONNX network, read once: which nodes its answers need, and the shape of every tensor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import onnx
from onnx import TensorProto, helper, inliner, shape_inference

from isthmus.common.errors import InputError
from isthmus.common.tasks import CLASSIFY
from isthmus.split.branches import reads, refuse_layers
from isthmus.split.entry import with_frame_input
from isthmus.split.heads import with_answers, without_head
from isthmus.split.onnx_file import read_onnx

Shape = tuple[int, ...]
"""Lengths of a tensor's axes; -1 where the graph does not say."""

LEAST_OPSET = 7
"""From here on operators broadcast as NumPy does, which the steps of a quantiser need."""
ANY = -1


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A network of one frame: a classifier, or any other.

    Attributes:
        name: of its file.
        sha256: of its file, in hex; empty for one made in memory.
        model: as it was read, functions inlined.
        input_name: tensor of the frame, float32 `[1, 3, H, W]`.
        output_names: tensors of its answers; of a classifier one, the logits.
        height, width: sides that the frame must have, 0 where any will do.
        nodes: those that the answers need, in an order that runs.
        shapes: of every tensor of float or integer kind, frozen or not.
        kinds: type of every tensor's elements, as `onnx.TensorProto` numbers them, as far as it is told.
        head: operator that turned the logits into something else, taken off: "Softmax", "Sigmoid", or "".
        task: what its answers are for, as a person asks for it: "classify" and so on.
    """

    name: str
    sha256: str
    model: onnx.ModelProto
    input_name: str
    output_names: tuple[str, ...]
    height: int
    width: int
    nodes: tuple[onnx.NodeProto, ...]
    shapes: Mapping[str, Shape]
    kinds: Mapping[str, int]
    head: str = ""
    task: str = CLASSIFY

    @property
    def output_name(self) -> str:
        """The first of its answers: a classifier's logits."""
        return self.output_names[0]

    @property
    def is_sized(self) -> bool:
        """Whether the frame's sides are fixed."""
        return self.height > 0 and self.width > 0

    def sized(self, height: int, width: int) -> Network:
        """The same network for frames of one size. InputError if it is made for another."""
        if self.is_sized and (height, width) != (self.height, self.width):
            raise InputError(
                f"{self.name}: expected frames of {self.height} x {self.width}, for which it is made, got size "
                f"{height} x {width}"
            )
        model = _with_input(self.model, self.input_name, [1, 3, height, width])
        return _network(self.name, self.sha256, model, self.head, self.task)

    def answering(self, model: onnx.ModelProto) -> Network:
        """The same network with another graph behind its logits, which `isthmus.split.heads` made of this one."""
        return _network(self.name, self.sha256, model, self.head, self.task)

    def shape(self, tensor: str) -> Shape:
        """Shape of a tensor; empty where shape inference found none."""
        return self.shapes.get(tensor, ())


def load_network(path: str | Path, output: str = "", task: str = CLASSIFY) -> Network:
    """The network of an ONNX file.

    Args:
        path: of the file.
        output: tensor of the logits; "" for the only output. Of another task any tensors, comma apart; "" for all
            outputs.
        task: what its answers are for, as a person asks for it: those of "classify" are taken down to logits, others
            stay as they are.

    Raises:
        InputError: no ONNX graph, or not one of a frame; a classifier has one output.
    """
    path = Path(path)
    model, sha256 = read_onnx(path)
    return read_network(model, path.stem, sha256, output, task)


def read_network(
    model: onnx.ModelProto, name: str, sha256: str = "", output: str = "", task: str = CLASSIFY
) -> Network:
    """The network of an ONNX graph in memory. InputError as `load_network`."""
    if model.functions:
        model = inliner.inline_local_functions(model)
    model = with_frame_input(model, name)
    constants = {c.name for c in model.graph.initializer}
    given = next(i for i in model.graph.input if i.name not in constants)
    opset = opset_of(model)
    if opset < LEAST_OPSET:
        raise InputError(f"{name}: expected operator set {LEAST_OPSET} or later, got {opset}; convert the file first")
    shape = _shape(given)
    height, width = shape[2:]
    if (height == ANY) != (width == ANY):
        raise InputError(f"{name}: expected both sides of the frame fixed or both free, got {list(shape)}")
    if task == CLASSIFY:
        model, head = without_head(model, name, output)
    else:
        model, head = with_answers(model, name, output), ""
    return _network(name, sha256, _with_input(model, given.name, [1, 3, height, width]), head, task)


def opset_of(model: onnx.ModelProto) -> int:
    """Version of ONNX's own operators in a graph."""
    return max((int(o.version) for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)


def part(
    network: Network, source: str | Sequence[str], target: str | Sequence[str], name: str, *, free: bool = False
) -> onnx.ModelProto:
    """The nodes between tensors as a graph of its own: what the targets need, from the sources on.

    Args:
        network: the whole.
        source: one or several tensors; they become the inputs, of the shapes they have; with `free` of any height and
            width.
        target: one or several; they become the outputs.
        name: of the graph.
        free: whether to forget the size that the network was fixed to.
    """
    sources, targets = ((end,) if isinstance(end, str) else tuple(end) for end in (source, target))
    nodes = needed(network.nodes, sources, targets)
    used = {i for node in nodes for i in reads(node)} | set(targets)
    constants = [c for c in network.model.graph.initializer if c.name in used]
    kinds = network.kinds

    def shape_of(tensor: str) -> list[int | str]:
        shape = network.shape(tensor)
        if free or ANY in shape:
            return [1, *shape[1:2], f"{tensor}_rows", f"{tensor}_columns"]
        return list(shape)

    givens = [helper.make_tensor_value_info(t, kinds.get(t, TensorProto.FLOAT), shape_of(t)) for t in sources]
    made = [helper.make_tensor_value_info(t, kinds.get(t, TensorProto.FLOAT), None) for t in targets]
    graph = helper.make_graph(nodes, name, givens, made, constants)
    model = helper.make_model(graph, opset_imports=network.model.opset_import, producer_name="isthmus")
    model.ir_version = max(4, network.model.ir_version)  # from 4 on constants need not be inputs
    return model


def needed(
    nodes: Sequence[onnx.NodeProto], source: str | Sequence[str], target: str | Sequence[str]
) -> list[onnx.NodeProto]:
    """Those of `nodes` that the targets need when the sources are given, in the same order."""
    given = {source} if isinstance(source, str) else set(source)
    wanted = {target} if isinstance(target, str) else set(target)
    kept = []
    for node in reversed(nodes):
        made = wanted.intersection(node.output)
        if made - given:
            kept.append(node)
            wanted.update(reads(node))
    return kept[::-1]


def inferred(
    model: onnx.ModelProto, input_name: str, shape: Sequence[int], *, wants_all: bool = True
) -> Mapping[str, Shape]:
    """Shape of every tensor, were the input of this shape; empty where the graph refuses it.

    Without `wants_all`: of those tensors that can be told before a node that refuses it.
    """
    try:
        known = shape_inference.infer_shapes(
            _with_input(model, input_name, shape), strict_mode=wants_all, data_prop=True
        )
    except shape_inference.InferenceError:
        return {}
    graph = known.graph
    found = {v.name: _shape(v) for v in (*graph.input, *graph.value_info, *graph.output)}
    return MappingProxyType(found | {c.name: tuple(c.dims) for c in graph.initializer})


def _element_types(model: onnx.ModelProto) -> Mapping[str, int]:
    graph = shape_inference.infer_shapes(model, data_prop=True).graph
    infos = (*graph.input, *graph.value_info, *graph.output)
    return MappingProxyType({v.name: kind for v in infos if (kind := v.type.tensor_type.elem_type)})


def _network(name: str, sha256: str, model: onnx.ModelProto, head: str, task: str) -> Network:
    constants = {c.name for c in model.graph.initializer}
    given = next(i for i in model.graph.input if i.name not in constants)
    outputs = tuple(o.name for o in model.graph.output)
    nodes = needed(_sorted(model.graph.node, {given.name, *constants}, name), given.name, outputs)
    if not any(given.name in reads(node) for node in nodes):
        raise InputError(f"{name}: expected an output that depends on the input {given.name}")
    refuse_layers(nodes, name)
    shape = _shape(given)
    height, width = (max(0, side) for side in shape[2:])
    shapes = inferred(model, given.name, shape)
    if not shapes:
        raise InputError(f"{name}: expected a graph whose shapes agree for frames {list(shape)}; ONNX refuses it")
    kinds = _element_types(model)
    return Network(name, sha256, model, given.name, outputs, height, width, tuple(nodes), shapes, kinds, head, task)


def _sorted(nodes: Iterable[onnx.NodeProto], given: set[str], name: str) -> list[onnx.NodeProto]:
    """In the file's order, which ONNX demands to be one that runs."""
    known = given | {""}
    ordered = list(nodes)
    for node in ordered:
        missing = [i for i in reads(node) if i not in known]
        if missing:
            raise InputError(f"{name}: node {node.name or node.op_type} expects {missing}, which nothing before makes")
        known.update(node.output)
    return ordered


def _with_input(model: onnx.ModelProto, input_name: str, shape: Sequence[int]) -> onnx.ModelProto:
    """The model with another shape of its input, and no other shape left in it."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    del changed.graph.value_info[:]
    free = ("rows", "columns")
    lengths = [length if length > 0 else free[axis - 2] for axis, length in enumerate(shape)]
    for given in changed.graph.input:
        if given.name == input_name:
            given.CopyFrom(helper.make_tensor_value_info(input_name, TensorProto.FLOAT, lengths))
    for made in changed.graph.output:
        made.type.tensor_type.ClearField("shape")
    return changed


def _shape(info: onnx.ValueInfoProto) -> Shape:
    tensor = info.type.tensor_type
    if not tensor.HasField("shape"):
        return ()
    return tuple(d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else ANY for d in tensor.shape.dim)
