"""Times of an edge half beside its share: what is divided by what, and that all of them are run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from isthmus.measure.edge_half.timing import HalfTimes, half_times, whole_graph
from isthmus.split.cuts import find_cuts
from isthmus.split.graphs import Float32, open_model
from isthmus.split.halves import cut_halves, unquantised
from isthmus.split.network import Network, read_network
from isthmus.split.preprocessing import Preprocessing

PIXELS = Preprocessing((127.0,) * 3, (128.0,) * 3, "bgr")


def network() -> Network:
    random = np.random.default_rng(1)
    weights = [
        numpy_helper.from_array(random.normal(size=shape).astype(np.float32), name)
        for name, shape in (("w0", (4, 3, 3, 3)), ("w1", (5, 4, 3, 3)))
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w0"], ["a"], strides=[2, 2], pads=[1] * 4),
        helper.make_node("Conv", ["a", "w1"], ["b"], strides=[2, 2], pads=[1] * 4),
        helper.make_node("GlobalAveragePool", ["b"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["logits"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 16, 16])
    y = helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "net", [x], [y], weights)
    return read_network(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), "net")


def test_shares_and_ratios() -> None:
    times = HalfTimes(whole=10, plain=3, cloud=9, floats=3, integers=1.5, coding=1, rounds=4)
    told = times.summary(macs_share=0.2)
    assert told["split.lite0.edge_time_share"] == pytest.approx(0.25)
    assert told["split.lite0.edge_time_ratio_to_share"] == pytest.approx(3 / 2.5)
    assert told["split.lite0.edge_time_ratio_to_macs_share"] == pytest.approx(3 / 2)
    assert told["split.lite0.edge_and_coding_time_ratio_to_share"] == pytest.approx(4 / 2.5)
    assert told["split.lite0.int8.edge_time_ratio"] == pytest.approx(0.5)
    slower = replace(times, integers=6).summary(macs_share=0.2)
    assert slower["split.lite0.int8.edge_time_ratio_to_share"] == pytest.approx(6 / 2.5)


def test_the_whole_is_its_halves_and_each_is_run_every_round() -> None:
    net = network()
    cut = next(c for c in find_cuts(net) if c.tensor == "a")
    plain = cut_halves(net, cut, PIXELS, unquantised(cut), free=False)
    frames = [np.random.default_rng(k).integers(0, 256, (1, 3, 16, 16)).astype(np.float32) for k in range(3)]
    whole: onnx.ModelProto = whole_graph(net, PIXELS)
    run, edge, cloud = (open_model(model) for model in (whole, plain.edge, plain.cloud))
    for frame in frames:
        np.testing.assert_allclose(run(frame), cloud(edge(frame)), rtol=1e-4, atol=1e-4)
    coded: list[Float32] = []
    done: list[int] = []
    times = half_times(whole, plain, (plain.edge, plain.edge), coded.append, frames, 5, done.append)
    assert (times.rounds, len(done)) == (5, 5)
    assert len(coded) == 2 * 5  # once to warm up, once timed
    np.testing.assert_array_equal(coded[0], edge(frames[0])[0])
    assert min(times.whole, times.plain, times.cloud, times.floats, times.integers) > 0
