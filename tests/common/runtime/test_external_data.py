"""Graphs whose numbers are in other files are refused, wherever the tensor is; all others pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from support.paths import ROOT

from isthmus.common.errors import InputError
from isthmus.runtime.engine import open_graph
from isthmus.runtime.external_data import check_no_external_data


def tensor(*, is_external: bool) -> TensorProto:
    made = numpy_helper.from_array(np.ones((2, 2), np.float32), "w")
    if is_external:
        made.ClearField("raw_data")
        made.data_location = TensorProto.EXTERNAL
        entry = made.external_data.add()
        entry.key, entry.value = "location", "w.bin"
    return made


def graph(nodes: list[onnx.NodeProto], *initializers: TensorProto) -> onnx.GraphProto:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 2]) for name in "xy"]
    return helper.make_graph(nodes, "g", ends[:1], ends[1:], initializer=initializers)


def in_initializer(w: TensorProto) -> onnx.ModelProto:
    return helper.make_model(graph([helper.make_node("MatMul", ["x", "w"], ["y"])], w))


def in_attribute(w: TensorProto) -> onnx.ModelProto:
    nodes = [helper.make_node("Constant", [], ["w"], value=w), helper.make_node("MatMul", ["x", "w"], ["y"])]
    return helper.make_model(graph(nodes))


def in_subgraph(w: TensorProto) -> onnx.ModelProto:
    inner = in_attribute(w).graph
    node = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    return helper.make_model(graph([node]))


def in_sparse(w: TensorProto) -> onnx.ModelProto:
    model = helper.make_model(graph([helper.make_node("MatMul", ["x", "w"], ["y"])]))
    model.graph.sparse_initializer.add().values.CopyFrom(w)
    return model


def in_function(w: TensorProto) -> onnx.ModelProto:
    model = helper.make_model(graph([]))
    model.functions.add().node.append(helper.make_node("Constant", [], ["w"], value=w))
    return model


PLACES = [in_initializer, in_attribute, in_subgraph, in_sparse, in_function]


@pytest.mark.parametrize("place", PLACES)
def test_wherever_it_is(place: Callable[[TensorProto], onnx.ModelProto]) -> None:
    with pytest.raises(InputError, match="reads them from another file"):
        check_no_external_data(place(tensor(is_external=True)).SerializeToString())
    check_no_external_data(place(tensor(is_external=False)).SerializeToString())


def test_only_a_name_of_a_file_is_enough() -> None:
    """Without its location said to be elsewhere."""
    w = tensor(is_external=True)
    w.ClearField("data_location")
    with pytest.raises(InputError, match="reads them from another file"):
        check_no_external_data(in_initializer(w).SerializeToString())


def test_no_engine_opens_one(tmp_path: Path) -> None:
    """Though the file is there, and would fit."""
    path = tmp_path / "edge.onnx"
    path.write_bytes(in_initializer(tensor(is_external=True)).SerializeToString())
    (tmp_path / "w.bin").write_bytes(np.ones((2, 2), np.float32).tobytes())
    with pytest.raises(InputError, match=r"edge\.onnx: .*another file"):
        open_graph(path)
    path.write_bytes(in_initializer(tensor(is_external=False)).SerializeToString())
    assert open_graph(path).run({"x": np.eye(2, dtype=np.float32)})[0].sum() == 4


def test_all_graphs_that_ship_pass() -> None:
    graphs = sorted((ROOT / "models" / "zoo").rglob("*.onnx"))
    assert graphs
    for path in graphs:
        check_no_external_data(path.read_bytes())


@given(st.binary(max_size=200))
def test_any_bytes_end(data: bytes) -> None:
    try:
        check_no_external_data(data)
    except InputError:
        return


@given(st.data())
def test_damaged_graphs_end(data: st.DataObject) -> None:
    good = bytearray(in_subgraph(tensor(is_external=False)).SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        check_no_external_data(bytes(good[: data.draw(st.integers(0, len(good)))]))
    except InputError:
        return
