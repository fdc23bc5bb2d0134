"""Whether an ONNX graph names other files: such a file has no hash in the manifest, so it is refused.

Theory of operation. A tensor in ONNX says where its numbers are: in itself, or in a file beside the graph
(`TensorProto.data_location`, field 14, and `external_data`, field 13). Tensors are in graphs as initializers, sparse
initializers and attributes of nodes, and graphs are in graphs and functions. So the messages that may hold one are
walked, and no others; numbers themselves are skipped by their length. This needs no package `onnx`, which edges lack.
"""

from __future__ import annotations

from isthmus.common.errors import InputError

MAX_DEPTH = 32

# What may hold a tensor, by message and field: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
_MODEL, _GRAPH, _NODE, _ATTRIBUTE, _SPARSE, _FUNCTION, _TENSOR, _TRAINING = range(8)
_INSIDE: tuple[dict[int, int], ...] = (
    {7: _GRAPH, 20: _TRAINING, 25: _FUNCTION},
    {1: _NODE, 5: _TENSOR, 15: _SPARSE},
    {5: _ATTRIBUTE},
    {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE},
    {1: _TENSOR, 2: _TENSOR},
    {7: _NODE, 11: _ATTRIBUTE},
    {},
    {1: _GRAPH, 2: _GRAPH},
)
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def check_no_external_data(graph: bytes) -> None:
    """Look through an ONNX graph.

    Raises:
        InputError: a tensor's numbers are in another file, or the bytes are no graph.
    """
    waiting = [(_MODEL, 0, len(graph), 0)]
    while waiting:
        kind, at, end, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise InputError(f"expected graphs in graphs {MAX_DEPTH} deep at most")
        while at < end:
            tag, at = _varint(graph, at, end)
            number, wire = tag >> 3, tag & 7
            if wire == _BYTES:
                size, at = _varint(graph, at, end)
                if size > end - at:
                    raise InputError(f"expected an ONNX graph, got a field that ends after byte {end}")
                if kind == _TENSOR and number == _EXTERNAL_DATA:
                    _refuse()
                if (inside := _INSIDE[kind].get(number)) is not None:
                    waiting.append((inside, at, at + size, depth + 1))
                at += size
            elif wire == _VARINT:
                value, at = _varint(graph, at, end)
                if kind == _TENSOR and number == _DATA_LOCATION and value:
                    _refuse()
            elif wire in (_FIXED64, _FIXED32):
                at += 8 if wire == _FIXED64 else 4
            else:
                raise InputError(f"expected an ONNX graph, got a field of wire type {wire} before byte {at}")


def _refuse() -> None:
    raise InputError(
        "expected a graph with its numbers in it, got one that reads them from another file, which no manifest names; "
        "save it as one file"
    )


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """The number that starts at a byte, and the place after it. Protobuf's, of up to ten bytes, in any form."""
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise InputError(f"expected an ONNX graph, got a number that does not end before byte {at}")
