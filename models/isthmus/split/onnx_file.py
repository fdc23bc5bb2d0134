"""ONNX files as people have them: read, or refused with what they are."""

from __future__ import annotations

import hashlib
from pathlib import Path

import onnx
from onnx import numpy_helper
from onnx.external_data_helper import load_external_data_for_model

from isthmus.common.errors import InputError
from isthmus.split.branches import every_graph, every_node

MAX_BYTES = 2 << 30
"""Of the graph itself, as protobuf has it; weights may lie beside it."""
NEWEST_IR = 10
"""Versions of the format up to here every ONNX Runtime that we run on knows."""
SNIFFED_BYTES = 512
NEXT_STEP = "export it to ONNX first"
KINDS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"version https://git-lfs", "a pointer of Git LFS, not the file itself: run `git lfs pull` where it lies"),
    (0, b"PK\x03\x04", f"a zip archive, as PyTorch and Keras save: {NEXT_STEP}, with torch.onnx.export for example"),
    (0, b"\x80\x02", f"a pickle, as PyTorch saved before 1.6: {NEXT_STEP}, with torch.onnx.export for example"),
    (4, b"TFL3", f"a TensorFlow Lite file: {NEXT_STEP}, with tf2onnx for example"),
    (4, b"ORTM", "a file of ONNX Runtime's own (.ort): name the .onnx that it was made of"),
    (0, b"\x89HDF\r\n", f"an HDF5 file, as Keras saves: {NEXT_STEP}, with tf2onnx for example"),
    (0, b"<!DOCTYPE", "a web page: download the file itself"),
    (0, b"<html", "a web page: download the file itself"),
    (0, b"\x1f\x8b", "a gzip archive: unpack it first"),
)
"""Where a file has which bytes, and what it is."""


def read_onnx(path: Path) -> tuple[onnx.ModelProto, str]:
    """(the model of a file, the file's SHA-256 in hex). InputError if it is none, or its weights are not there."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: expected an ONNX file of at most {MAX_BYTES} bytes, got {path.stat().st_size}")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: expected a readable ONNX file: {error.strerror or error}") from error
    head = data[:SNIFFED_BYTES]
    if not data:
        raise InputError(f"{path}: expected an ONNX graph, got an empty file")
    for place, mark, kind in KINDS:
        if head[place : place + len(mark)].lower() == mark.lower():
            raise InputError(f"{path}: expected an ONNX graph, got {kind}")
    try:
        model = onnx.load_from_string(data)
        load_external_data_for_model(model, str(path.parent))
    except Exception as error:  # the parser of protobuf raises what it likes, and onnx of weights beside the file
        raise InputError(f"{path}: expected an ONNX graph, cannot read it: {error}") from error
    if not model.graph.node:
        raise InputError(f"{path}: expected an ONNX graph with nodes, got none: it is another file, or cut")
    _check_names(model, path)
    _check_constants(model, path)
    # What a newer version of the format adds is types that no frame or logits have; a runtime would refuse its number.
    model.ir_version = min(model.ir_version, NEWEST_IR)
    return model, hashlib.sha256(data).hexdigest()


def _check_constants(model: onnx.ModelProto, path: Path) -> None:
    """InputError where the bytes of a weight are not those of its type and shape."""
    held = (a.t for n in every_node(model.graph) for a in n.attribute if a.type == onnx.AttributeProto.TENSOR)
    for constant in (*(c for graph in every_graph(model.graph) for c in graph.initializer), *held):
        try:
            numpy_helper.to_array(constant)  # of what a file holds as bytes, no copy
        except Exception as error:  # of an unknown type, of a size that is not its shape's
            raise InputError(
                f"{path}: expected {constant.name or 'a constant'} of shape {list(constant.dims)}: {error}; "
                "the file is damaged"
            ) from error


def _check_names(model: onnx.ModelProto, path: Path) -> None:
    """InputError where a name is no text: protobuf then gives bytes, which nothing after it expects."""
    nodes = [*every_node(model.graph), *(node for function in model.functions for node in function.node)]
    names: list[object] = [*(opset.domain for opset in model.opset_import), *(f.name for f in model.functions)]
    for graph in every_graph(model.graph):
        infos = (*graph.input, *graph.output, *graph.value_info)
        names += [graph.name, *(i.name for i in infos), *(c.name for c in graph.initializer)]
    for node in nodes:
        names += [node.name, node.op_type, node.domain, *node.input, *node.output, *(a.name for a in node.attribute)]
    if wrong := next((name for name in names if not isinstance(name, str)), None):
        raise InputError(f"{path}: expected names in UTF-8, got {wrong!r}; the file is damaged")
