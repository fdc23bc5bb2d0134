"""Where a network can be cut in two, and what each cut costs: tensors that every path from frame to logits crosses.

A tensor cuts the graph exactly if the number of paths through it is the number of all paths. Both are counted, as
integers of any size, in one sweep over the nodes and one back.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import onnx
from onnx import TensorProto, helper

from isthmus.common.errors import InputError
from isthmus.common.manifest.manifest import MAX_STRIDE
from isthmus.split.branches import COUNTED, reads
from isthmus.split.graphs import ran_shapes
from isthmus.split.network import ANY, Network, Shape, inferred, needed, part

MAX_LATENT_CHANNELS = 4096
PASSED_ON = frozenset({"BatchNormalization", "Clip", "Dropout", "Identity", "LeakyRelu", "PRelu", "Relu"})
"""After these a tensor has the same shape at next to no cost, and fewer bits."""
CUT_KINDS = (TensorProto.FLOAT, TensorProto.FLOAT16)
"""What a network may be cut at."""
GROWTH = 64 * 12
"""Pixels by which a frame is grown to see its latents grow: a multiple of most products of strides."""


@dataclass(frozen=True, slots=True)
class CutTensor:
    """One tensor of a cut.

    Attributes:
        name: of it.
        shape: [M, h, w] for the frame that the network is sized for.
        stride: pixels of one latent along a side.
        kind: of its elements, float32 or float16, as `onnx.TensorProto` numbers them.
    """

    name: str
    shape: tuple[int, int, int]
    stride: int
    kind: int = TensorProto.FLOAT


@dataclass(frozen=True, slots=True)
class Cut:
    """Where to cut: at one tensor, or at several together.

    Attributes:
        tensors: in the order of the nodes that make them.
        edge_macs, cloud_macs: multiply-accumulates of a frame before and after it.
        is_passed_on: only an activation or a normalisation reads one of them, whose own output is the better cut.
    """

    tensors: tuple[CutTensor, ...]
    edge_macs: int
    cloud_macs: int
    is_passed_on: bool = False

    @property
    def tensor(self) -> str:
        """Its name, as `--at` takes it: those of the tensors, comma apart."""
        return ",".join(t.name for t in self.tensors)

    @property
    def coarsest(self) -> CutTensor:
        """The tensor of the largest stride, the last of those."""
        return max(reversed(self.tensors), key=lambda t: t.stride)

    @property
    def shape(self) -> tuple[int, int, int]:
        """[M, h, w] of its tensor; of the coarsest of several."""
        return self.coarsest.shape

    @property
    def stride(self) -> int:
        """Pixels of one latent along a side; of the coarsest of several."""
        return self.coarsest.stride

    @property
    def latents(self) -> int:
        """Numbers a frame."""
        return sum(math.prod(t.shape) for t in self.tensors)


def find_cuts(network: Network) -> tuple[Cut, ...]:
    """All cuts of a network of one size, in the order of its nodes.

    A cut is a tensor of floats `[1, M, h, w]` behind the first convolution with h and w above 1, and a stride of at
    most 64 that is the same down and right.

    Raises:
        InputError: the network takes any size (use `Network.sized`), or it has no cut.
    """
    if not network.is_sized:
        raise InputError(f"{network.name}: expected a network of one size, got one of any; name it with --size")
    macs = layer_macs(network)
    total = sum(macs)
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in network.nodes:
        for tensor in reads(node):
            readers.setdefault(tensor, []).append(node)
    found, others = list[Cut](), set[str]()
    for tensor in separators(network):
        shape = network.shape(tensor)
        kind = network.kinds.get(tensor, TensorProto.FLOAT)
        if kind not in CUT_KINDS:
            # Halves meet in floats; a quantised graph has such tensors too, behind each DequantizeLinear.
            others.add(TensorProto.DataType.Name(kind).lower())
            continue
        if len(shape) != 4 or shape[0] != 1 or min(shape[2:]) < 2 or not 1 <= shape[1] <= MAX_LATENT_CHANNELS:
            continue
        before = {id(node) for node in needed(network.nodes, network.input_name, tensor)}
        edge = sum(m for node, m in zip(network.nodes, macs, strict=True) if id(node) in before)
        stride = stride_of(network, tensor) if edge else 0  # before any convolution it is still the frame
        if not 1 <= stride <= MAX_STRIDE:
            continue
        passed_on = all(node.op_type in PASSED_ON for node in readers[tensor])
        met = CutTensor(tensor, (shape[1], shape[2], shape[3]), stride, kind)
        found.append(Cut((met,), edge, total - edge, passed_on))
    if not found:
        of_others = ""
        if others:
            of_others = (
                f" of float32, those there are have {', '.join(sorted(others))}: export it in float32, or as QDQ"
            )
        raise InputError(
            f"{network.name}: expected a tensor [1, M, h, w] that every path from frame to logits crosses, got none"
            + of_others
        )
    return tuple(found)


def separators(network: Network) -> list[str]:
    """Tensors other than frame and answers that every path between those crosses, in the order of the nodes."""
    before: dict[str, int] = {network.input_name: 1}
    for node in network.nodes:
        paths = sum(before.get(tensor, 0) for tensor in reads(node))
        for tensor in node.output:
            before[tensor] = paths
    after: dict[str, int] = dict.fromkeys(network.output_names, 1)
    for node in reversed(network.nodes):
        paths = sum(after.get(tensor, 0) for tensor in node.output)
        for tensor in reads(node):
            after[tensor] = after.get(tensor, 0) + paths
    total = sum(before.get(tensor, 0) for tensor in network.output_names)
    ends = {network.input_name, *network.output_names}
    made = [tensor for node in network.nodes for tensor in node.output]
    return [t for t in made if t not in ends and before[t] * after.get(t, 0) == total]


def stride_of(network: Network, tensor: str) -> int:
    """Pixels of one latent along a side, 0 where it is no whole number or not the same down and right.

    Told by how many latents a larger frame has more; where the nodes before the cut take one size only, by the ratio
    of the sides.
    """
    edge = part(network, network.input_name, tensor, "edge", free=True)
    larger = inferred(edge, network.input_name, [1, 3, network.height + GROWTH, network.width + GROWTH])
    return stride_by(network, tensor, larger)


def stride_by(network: Network, tensor: str, larger: Mapping[str, Shape]) -> int:
    """As `stride_of`, by the shapes of tensors for a frame that is larger by `GROWTH`."""
    rows, columns = network.shape(tensor)[2:]
    grown = larger.get(tensor, ())
    if len(grown) == 4 and grown[2] > rows and grown[3] > columns:
        down, right = GROWTH / (grown[2] - rows), GROWTH / (grown[3] - columns)
    else:
        down, right = float(round(network.height / rows)), float(round(network.width / columns))
    return round(down) if down == right and down == round(down) else 0


def fills_any_grid(network: Network, tensor: str, stride: int) -> bool:
    """Whether frames of any multiple of the stride give exactly a latent a stride."""
    edge = part(network, network.input_name, tensor, "edge", free=True)
    for count in (4, 5, 7, 10, 16):
        rows, columns = count * stride, (count + 3) * stride
        shape = inferred(edge, network.input_name, [1, 3, rows, columns]).get(tensor, ())
        if shape[2:] != (count, count + 3):
            return False
    return True


def layer_macs(network: Network) -> list[int]:
    """Multiply-accumulates of every node of a network of one size."""
    shape = (1, 3, network.height, network.width)
    return macs_of_nodes(network.nodes, network.model, network.shapes, shape)


def macs_of_nodes(
    nodes: Iterable[onnx.NodeProto], model: onnx.ModelProto, read: Mapping[str, Shape], shape: Shape
) -> list[int]:
    """Multiply-accumulates of nodes of a graph, for an input of this shape.

    A graph may work shapes out as it runs (the padding of a frame to even sides, say). Where they cannot be read off
    it, it is run once.

    Args:
        nodes: whose are counted.
        model: the graph, of one input.
        read: shapes of its tensors as far as they can be read off it; unknown sizes are negative.
        shape: of the input.
    """
    nodes = list(nodes)
    layers = [node for node in nodes if node.op_type in COUNTED]
    used = {tensor for node in layers for tensor in (*node.input, node.output[0]) if tensor}
    unknown = {tensor for tensor in used if min(read.get(tensor, ()) or (ANY,)) < 0}
    shapes = {**read, **(ran_shapes(model, shape, unknown) if unknown else {})}
    return [node_macs(node, shapes) for node in nodes]


def node_macs(node: onnx.NodeProto, shapes: Mapping[str, Shape]) -> int:
    """Multiply-accumulates of convolutions and matrix products, whose shapes must be known; 0 for all else."""
    made = math.prod(shapes.get(node.output[0], ()))

    def shape(place: int) -> Shape:
        return shapes.get(node.input[place], ()) if place < len(node.input) else ()

    match node.op_type:
        case "Conv" | "ConvInteger":
            return made * math.prod(shape(1)[1:])
        case "QLinearConv":
            return made * math.prod(shape(3)[1:])
        case "ConvTranspose":
            return math.prod(shape(0)) * math.prod(shape(1)[1:])
        case "Gemm":
            transposed = {a.name: helper.get_attribute_value(a) for a in node.attribute}.get("transA", 0)
            return made * shape(0)[0 if transposed else 1]
        case "MatMul" | "MatMulInteger" | "QLinearMatMul":
            return made * shape(0)[-1]
    return 0
