"""A user's ONNX classifier, read once: which nodes its answer needs, and the shape of every tensor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import onnx
from onnx import TensorProto, helper, inliner, shape_inference

from isthmus.common.errors import InputError
from isthmus.split.entry import with_frame_input
from isthmus.split.heads import without_head
from isthmus.split.onnx_file import read_onnx

Shape = tuple[int, ...]
"""Lengths of a tensor's axes; -1 where the graph does not say."""

LEAST_OPSET = 7
"""From here on operators broadcast as NumPy does, which the steps of a quantiser need."""
ANY = -1


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A classifier of one frame.

    Attributes:
        name: of its file.
        sha256: of its file, in hex; empty for one made in memory.
        model: as it was read, functions inlined.
        input_name: tensor of the frame, float32 `[1, 3, H, W]`.
        output_name: tensor of the logits.
        height, width: sides that the frame must have, 0 where any will do.
        nodes: those that the logits need, in an order that runs.
        shapes: of every tensor of float or integer kind, frozen or not.
        head: operator that turned the logits into something else, taken off: "Softmax", "Sigmoid", or "".
    """

    name: str
    sha256: str
    model: onnx.ModelProto
    input_name: str
    output_name: str
    height: int
    width: int
    nodes: tuple[onnx.NodeProto, ...]
    shapes: Mapping[str, Shape]
    head: str = ""

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
        return _network(self.name, self.sha256, model, self.head)

    def answering(self, model: onnx.ModelProto) -> Network:
        """The same network with another graph behind its logits, which `isthmus.split.heads` made of this one."""
        return _network(self.name, self.sha256, model, self.head)

    def shape(self, tensor: str) -> Shape:
        """Shape of a tensor; empty where shape inference found none."""
        return self.shapes.get(tensor, ())


def load_network(path: str | Path, output: str = "") -> Network:
    """The classifier of an ONNX file.

    Args:
        path: of the file.
        output: tensor of the logits; "" for the only output.

    Raises:
        InputError: no ONNX graph, or not one of a frame to one output.
    """
    path = Path(path)
    model, sha256 = read_onnx(path)
    return read_network(model, path.stem, sha256, output)


def read_network(model: onnx.ModelProto, name: str, sha256: str = "", output: str = "") -> Network:
    """The classifier of an ONNX graph in memory. InputError as `load_network`."""
    if model.functions:
        model = inliner.inline_local_functions(model)
    model = with_frame_input(model, name)
    constants = {c.name for c in model.graph.initializer}
    given = next(i for i in model.graph.input if i.name not in constants)
    opset = opset_of(model)
    if opset < LEAST_OPSET:
        raise InputError(f"{name}: expected operator set {LEAST_OPSET} or later, got {opset}; convert the file first")
    if any(
        a.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for n in model.graph.node for a in n.attribute
    ):
        raise InputError(f"{name}: expected a graph without branches and loops of its own (If, Loop, Scan)")
    shape = _shape(given)
    height, width = shape[2:]
    if (height == ANY) != (width == ANY):
        raise InputError(f"{name}: expected both sides of the frame fixed or both free, got {list(shape)}")
    model, head = without_head(model, name, output)
    return _network(name, sha256, _with_input(model, given.name, [1, 3, height, width]), head)


def opset_of(model: onnx.ModelProto) -> int:
    """Version of ONNX's own operators in a graph."""
    return max((int(o.version) for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)


def part(network: Network, source: str, target: str, name: str, *, free: bool = False) -> onnx.ModelProto:
    """The nodes between two tensors as a graph of its own: what `target` needs, from `source` on.

    Args:
        network: the whole.
        source: becomes the input, of the shape it has; with `free` of any height and width.
        target: becomes the output.
        name: of the graph.
        free: whether to forget the size that the network was fixed to.
    """
    nodes = needed(network.nodes, source, target)
    used = {i for node in nodes for i in node.input}
    constants = [c for c in network.model.graph.initializer if c.name in used]
    shape: list[int | str] = list(network.shape(source))
    if free or ANY in shape:
        shape = [1, *shape[1:2], f"{source}_rows", f"{source}_columns"]
    ends = [
        helper.make_tensor_value_info(source, TensorProto.FLOAT, shape),
        helper.make_tensor_value_info(target, TensorProto.FLOAT, None),
    ]
    graph = helper.make_graph(nodes, name, ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=network.model.opset_import, producer_name="isthmus")
    model.ir_version = max(4, network.model.ir_version)  # from 4 on constants need not be inputs
    return model


def needed(nodes: Sequence[onnx.NodeProto], source: str, target: str) -> list[onnx.NodeProto]:
    """Those of `nodes` that `target` needs when `source` is given, in the same order."""
    wanted, kept = {target}, []
    for node in reversed(nodes):
        made = wanted.intersection(node.output)
        if made - {source}:
            kept.append(node)
            wanted.update(i for i in node.input if i)
    return kept[::-1]


def inferred(model: onnx.ModelProto, input_name: str, shape: Sequence[int]) -> Mapping[str, Shape]:
    """Shape of every tensor, were the input of this shape; empty where the graph refuses it."""
    try:
        known = shape_inference.infer_shapes(_with_input(model, input_name, shape), strict_mode=True, data_prop=True)
    except shape_inference.InferenceError:
        return {}
    graph = known.graph
    found = {v.name: _shape(v) for v in (*graph.input, *graph.value_info, *graph.output)}
    return MappingProxyType(found | {c.name: tuple(c.dims) for c in graph.initializer})


def element_types(network: Network) -> Mapping[str, int]:
    """Type of every tensor's elements, as `onnx.TensorProto` numbers them; those that are not told are left out."""
    graph = shape_inference.infer_shapes(network.model, data_prop=True).graph
    infos = (*graph.input, *graph.value_info, *graph.output)
    return {v.name: kind for v in infos if (kind := v.type.tensor_type.elem_type)}


def _network(name: str, sha256: str, model: onnx.ModelProto, head: str) -> Network:
    constants = {c.name for c in model.graph.initializer}
    given = next(i for i in model.graph.input if i.name not in constants)
    output = model.graph.output[0].name
    nodes = needed(_sorted(model.graph.node, {given.name, *constants}, name), given.name, output)
    if not any(given.name in node.input for node in nodes):
        raise InputError(f"{name}: expected an output that depends on the input {given.name}")
    shape = _shape(given)
    height, width = (max(0, side) for side in shape[2:])
    shapes = inferred(model, given.name, shape)
    if not shapes:
        raise InputError(f"{name}: expected a graph whose shapes agree for frames {list(shape)}; ONNX refuses it")
    return Network(name, sha256, model, given.name, output, height, width, tuple(nodes), shapes, head)


def _sorted(nodes: Iterable[onnx.NodeProto], given: set[str], name: str) -> list[onnx.NodeProto]:
    """In the file's order, which ONNX demands to be one that runs."""
    known = given | {""}
    ordered = list(nodes)
    for node in ordered:
        missing = [i for i in node.input if i not in known]
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
