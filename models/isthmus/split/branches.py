"""Graphs inside of a node, an If, a Loop or a Scan: kept whole, on one side of a cut.

A branch reads tensors of the graph around it by their names, without naming them as inputs of its node. So what a node
needs is asked of `reads`, never of its inputs alone.

Exporters write them where answers are chosen: boxes that may be none, a suppression that loops. Layers inside of one
are refused (`refuse_layers`): how often they run is not known before they do, and so neither are their costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import onnx

from isthmus.common.errors import InputError

COUNTED = frozenset(
    {"Conv", "ConvInteger", "ConvTranspose", "Gemm", "MatMul", "MatMulInteger", "QLinearConv", "QLinearMatMul"}
)
"""Operators whose multiply-accumulates are counted."""
DEEPEST = 16
"""Graphs inside of graphs; exporters write two or three."""


def graphs_of(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """The graphs that a node holds as attributes; none of most."""
    held: list[onnx.GraphProto] = []
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            held.append(attribute.g)
        elif attribute.type == onnx.AttributeProto.GRAPHS:
            held.extend(attribute.graphs)
    return held


def reads(node: onnx.NodeProto) -> list[str]:
    """Names of all tensors that a node reads: its inputs, then what its graphs take from around them, once each."""
    names = [i for i in node.input if i]
    for graph in graphs_of(node):
        names += _taken(graph)
    return list(dict.fromkeys(names)) if len(names) > len(node.input) else names


def every_graph(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """A graph and those inside of its nodes, however deep. InputError where they are deeper than `DEEPEST`."""
    pending = [(graph, 0)]
    while pending:
        at, depth = pending.pop()
        if depth > DEEPEST:
            raise InputError(f"{graph.name}: expected graphs in graphs {DEEPEST} deep at most, got deeper ones")
        yield at
        pending += [(held, depth + 1) for node in at.node for held in graphs_of(node)]


def every_node(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Its nodes, and those of the graphs inside of them."""
    return (node for at in every_graph(graph) for node in at.node)


def refuse_layers(nodes: Iterable[onnx.NodeProto], name: str) -> None:
    """InputError where a convolution or a matrix product is inside of a branch or a loop."""
    for node in nodes:
        for graph in graphs_of(node):
            layer = next((inner for inner in every_node(graph) if inner.op_type in COUNTED), None)
            if layer is not None:
                raise InputError(
                    f"{name}: expected branches and loops (If, Loop, Scan) without layers in them, got {layer.op_type} "
                    f"inside of {node.op_type} {node.name or node.output[0]}: export the network without it, or name "
                    "answers before it with --output"
                )


def rename(node: onnx.NodeProto, renamed: Callable[[str], str]) -> None:
    """Give every tensor of a node another name, those of the graphs inside of it too. An empty name stays empty."""
    for names in (node.input, node.output):
        others = [renamed(name) if name else "" for name in names]
        del names[:]
        names.extend(others)
    for graph in graphs_of(node):
        for inner in graph.node:
            rename(inner, renamed)
        for info in (*graph.input, *graph.output, *graph.value_info):
            info.name = renamed(info.name)
        for constant in graph.initializer:
            constant.name = renamed(constant.name)
        for sparse in graph.sparse_initializer:
            sparse.values.name = renamed(sparse.values.name)
        del graph.quantization_annotation[:]  # names tensors too, and no runtime here reads it


def _taken(graph: onnx.GraphProto) -> list[str]:
    """What a graph inside of a node takes from around it, in the order that it is met in."""
    known = {i.name for i in graph.input} | {c.name for c in graph.initializer}
    known |= {c.values.name for c in graph.sparse_initializer}
    taken: list[str] = []
    for node in graph.node:
        taken += [name for name in reads(node) if name not in known]
        known.update(node.output)
    # A branch may hand on a tensor of the graph around it as it is.
    return [*taken, *(o.name for o in graph.output if o.name not in known)]
