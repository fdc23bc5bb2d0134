"""Networks as people have them: a plan of each, or a refusal that says what the file is and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from isthmus.common.errors import InputError
from isthmus.split.cuts import find_cuts
from isthmus.split.graphs import open_model
from isthmus.split.halves import cut_halves, unquantised
from isthmus.split.network import load_network
from isthmus.split.normalising import own_preprocessing
from isthmus.split.onnx_file import NEWEST_IR
from isthmus.split.preprocessing import Preprocessing

SIDE = 16
Write = Callable[[Path], object]


def quantise(source: str, made: str) -> list[onnx.NodeProto]:
    """A tensor through uint8 and back, as quantised graphs in QDQ form have it."""
    return [
        helper.make_node("QuantizeLinear", [source, "s", "z"], [f"{made}/q"]),
        helper.make_node("DequantizeLinear", [f"{made}/q", "s", "z"], [made]),
    ]


def model(
    nodes: list[onnx.NodeProto], *, inside: type[np.floating[Any]] = np.float32, ir: int = 8, opset: int = 17
) -> onnx.ModelProto:
    rng = np.random.default_rng(0)
    weights: dict[str, npt.NDArray[Any]] = {
        "w": rng.normal(size=(4, 3, 3, 3)).astype(inside) / 20,
        "v": rng.normal(size=(5, 4)).astype(inside),
        "s": np.array(0.05, np.float32),
        "z": np.array(0, np.uint8),
        "wq": rng.integers(0, 9, (4, 3, 3, 3)).astype(np.uint8),
        "vq": rng.integers(0, 9, (4, 5)).astype(np.uint8),
    }
    used = {i for node in nodes for i in node.input}
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(v, k) for k, v in weights.items() if k in used],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)


def plain_nodes(source: str = "x", answer: str = "logits") -> list[onnx.NodeProto]:
    return [
        helper.make_node("Conv", [source, "w"], ["a"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("GlobalAveragePool", ["b"], ["c"]),
        helper.make_node("Flatten", ["c"], ["d"]),
        helper.make_node("Gemm", ["d", "v"], [answer], transB=1),
    ]


def qdq() -> onnx.ModelProto:
    conv, relu, pool, flat, gemm = plain_nodes()
    conv.input[0], relu.input[0], pool.input[0] = "x/d", "a/d", "b/d"
    return model([*quantise("x", "x/d"), conv, *quantise("a", "a/d"), relu, *quantise("b", "b/d"), pool, flat, gemm])


def qoperator() -> onnx.ModelProto:
    qs = ["s", "z"]
    return model(
        [
            helper.make_node("QuantizeLinear", ["x", *qs], ["xq"]),
            helper.make_node("QLinearConv", ["xq", *qs, "wq", *qs, *qs], ["a"], strides=[2, 2], pads=[1, 1, 1, 1]),
            helper.make_node("MaxPool", ["a"], ["m"], kernel_shape=[8, 8]),
            helper.make_node("Flatten", ["m"], ["f"]),
            helper.make_node("QLinearMatMul", ["f", *qs, "vq", *qs, *qs], ["l"]),
            helper.make_node("DequantizeLinear", ["l", *qs], ["logits"]),
        ]
    )


def half() -> onnx.ModelProto:
    return model(
        [
            helper.make_node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16),
            *plain_nodes("h", "l"),
            helper.make_node("Cast", ["l"], ["logits"], to=TensorProto.FLOAT),
        ],
        inside=np.float16,
    )


CUT: dict[str, tuple[onnx.ModelProto, set[str]]] = {
    "float32": (model(plain_nodes()), {"a", "b"}),
    "QDQ": (qdq(), {"a", "a/d", "b", "b/d"}),
    "float16 inside": (half(), {"a", "b"}),
    "IR of tomorrow": (model(plain_nodes(), ir=99), {"a", "b"}),
}


@pytest.mark.parametrize("kind", CUT)
def test_networks_that_are_cut(tmp_path: Path, kind: str) -> None:
    """Only at tensors of floats; the halves answer as the whole, run by ONNX Runtime alone, does."""
    whole, tensors = CUT[kind]
    onnx.save(whole, tmp_path / "net.onnx")
    network = load_network(tmp_path / "net.onnx")
    cuts = find_cuts(network)
    assert {cut.tensor for cut in cuts} == tensors
    runs = onnx.ModelProto()
    runs.CopyFrom(whole)
    runs.ir_version = min(runs.ir_version, NEWEST_IR)
    session = onnxruntime.InferenceSession(runs.SerializeToString(), providers=["CPUExecutionProvider"])
    x = (np.random.default_rng(1).random((1, 3, SIDE, SIDE)) * 10).astype(np.float32)
    expected = session.run(None, {"x": x})[0]
    for cut in cuts:
        halves = cut_halves(network, cut, Preprocessing(), unquantised(cut), free=False)
        np.testing.assert_allclose(
            open_model(halves.cloud)(open_model(halves.edge)(x)),
            expected,
            atol=1e-4 if kind in ("float32", "IR of tomorrow") else 0.03,
        )  # the runtime fuses quantised layers


def entering(shape: list[int | str], kind: int, *, mean: float = 0.0) -> onnx.ModelProto:
    """A classifier that takes frames of a shape and a kind, and perhaps normalises them."""
    is_last = shape[3] == 3
    nodes, h = [], "x"
    if kind != TensorProto.FLOAT:
        nodes, h = [helper.make_node("Cast", [h], ["f"], to=TensorProto.FLOAT)], "f"
    if mean:
        nodes, h = [*nodes, helper.make_node("Sub", [h, "mean"], ["m"])], "m"
    if is_last:
        nodes, h = [*nodes, helper.make_node("Transpose", [h], ["t"], perm=[0, 3, 1, 2])], "t"
    made = model([*nodes, *plain_nodes(h)])
    made.graph.initializer.append(numpy_helper.from_array(np.array(mean, np.float32), "mean"))
    del made.graph.input[:]
    made.graph.input.append(helper.make_tensor_value_info("x", kind, shape))
    return made


ENTRIES: dict[str, tuple[list[int | str], int]] = {
    "NHWC": ([1, SIDE, SIDE, 3], TensorProto.FLOAT),
    "NHWC, any batch": (["n", SIDE, SIDE, 3], TensorProto.FLOAT),
    "NHWC, any size": ([1, "h", "w", 3], TensorProto.FLOAT),
    "uint8": ([1, 3, SIDE, SIDE], TensorProto.UINT8),
    "uint8 NHWC": ([1, SIDE, SIDE, 3], TensorProto.UINT8),
    "a batch of one": ([1, 3, SIDE, SIDE], TensorProto.FLOAT),
    "a batch of eight": ([8, 3, SIDE, SIDE], TensorProto.FLOAT),
    "any batch": (["n", 3, SIDE, SIDE], TensorProto.FLOAT),
}


@pytest.mark.parametrize("mean", [0.0, 120.0])
@pytest.mark.parametrize("kind", ENTRIES)
def test_frames_of_any_layout(tmp_path: Path, kind: str, mean: float) -> None:
    """One frame at a time, as the graph itself would answer it; graphs of bytes want bytes."""
    shape, element = ENTRIES[kind]
    whole = entering(shape, element, mean=mean)
    onnx.save(whole, tmp_path / "net.onnx")
    network = load_network(tmp_path / "net.onnx").sized(SIDE, SIDE)
    x = np.random.default_rng(2).integers(0, 256, (1, 3, SIDE, SIDE)).astype(np.float32)
    given = x.transpose(0, 2, 3, 1) if shape[3] == 3 else x
    if shape[0] == 8:
        given = np.repeat(given, 8, 0)
    if element == TensorProto.UINT8:
        given = given.astype(np.uint8)
    session = onnxruntime.InferenceSession(whole.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = session.run(None, {"x": given})[0][:1]
    cuts = find_cuts(network)
    assert {cut.tensor for cut in cuts} == {"a", "b"}
    for cut in cuts:
        halves = cut_halves(network, cut, Preprocessing(), unquantised(cut), free=False)
        np.testing.assert_allclose(open_model(halves.cloud)(open_model(halves.edge)(x)), expected, rtol=1e-4, atol=1e-3)
    own = own_preprocessing(network)
    assert own == (Preprocessing() if mean or element == TensorProto.UINT8 else None)


def hurt(change: Callable[[onnx.TensorProto], object]) -> bytes:
    """A plain network whose first weight says something else of itself."""
    network = model(plain_nodes())
    change(network.graph.initializer[0])
    data: bytes = network.SerializeToString()
    return data


REFUSED: dict[str, tuple[Write, str]] = {
    "operators of integers": (
        lambda p: onnx.save(qoperator(), p),
        "got none of float32, those there are have uint8: export it in float32, or as QDQ",
    ),
    "Git LFS pointer": (
        lambda p: p.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"),
        "a pointer of Git LFS, not the file itself: run `git lfs pull`",
    ),
    "PyTorch": (lambda p: p.write_bytes(b"PK\x03\x04" + bytes(60)), "a zip archive, as PyTorch .* torch.onnx.export"),
    "TensorFlow Lite": (lambda p: p.write_bytes(b"\x1c\0\0\0TFL3" + bytes(60)), "a TensorFlow Lite file: .* tf2onnx"),
    "ONNX Runtime's own": (lambda p: p.write_bytes(b"\x1c\0\0\0ORTM" + bytes(60)), r"own \(.ort\): name the .onnx"),
    "Keras": (lambda p: p.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(60)), "an HDF5 file, as Keras saves"),
    "a web page": (lambda p: p.write_text("<!doctype html><html>"), "a web page: download the file itself"),
    "gzip": (lambda p: p.write_bytes(b"\x1f\x8b\x08" + bytes(60)), "a gzip archive: unpack it first"),
    "nothing": (lambda p: p.write_bytes(b""), "got an empty file"),
    "no graph": (lambda p: p.write_bytes(onnx.ModelProto(ir_version=8).SerializeToString()), "with nodes, got none"),
    "a weight of another size": (
        lambda p: p.write_bytes(hurt(lambda weight: weight.dims.__setitem__(0, 5))),
        r"expected w of shape \[5, 3, 3, 3\]: .*; the file is damaged",
    ),
    "a weight of no type": (
        lambda p: p.write_bytes(hurt(lambda weight: setattr(weight, "data_type", 65))),
        r"expected w of shape \[4, 3, 3, 3\]: .*; the file is damaged",
    ),
    "a name that is no text": (
        lambda p: p.write_bytes(model(plain_nodes()).SerializeToString().replace(b"logits", b"lo\xffits")),
        "expected names in UTF-8, got .*; the file is damaged",
    ),
    "cut in the middle": (
        lambda p: p.write_bytes(model(plain_nodes()).SerializeToString()[:300]),
        "expected an ONNX graph",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_networks_that_are_refused(tmp_path: Path, kind: str) -> None:
    write, match = REFUSED[kind]
    write(tmp_path / "net.onnx")
    with pytest.raises(InputError, match=match):
        find_cuts(load_network(tmp_path / "net.onnx"))


def test_an_operator_set_of_tomorrow_is_no_traceback(tmp_path: Path) -> None:
    onnx.save(model(plain_nodes(), opset=99), tmp_path / "net.onnx")
    with pytest.raises(InputError, match="expected an ONNX graph that onnxruntime can run"):
        open_model(load_network(tmp_path / "net.onnx").model)


def test_weights_that_should_lie_beside_the_file(tmp_path: Path) -> None:
    onnx.save(
        model(plain_nodes()), tmp_path / "net.onnx", save_as_external_data=True, location="w.bin", size_threshold=0
    )
    assert find_cuts(load_network(tmp_path / "net.onnx"))
    (tmp_path / "w.bin").unlink()
    with pytest.raises(InputError, match=r"w\.bin"):
        load_network(tmp_path / "net.onnx")


def test_any_cut_of_a_file_is_read_or_refused(tmp_path: Path) -> None:
    """Every truncation, and a flip of every 7th bit, of a small file: a network, or an InputError."""
    data = model(plain_nodes()).SerializeToString()
    path = tmp_path / "net.onnx"
    hurt = [data[:n] for n in range(0, len(data), 5)]
    for place in range(0, 8 * len(data), 71):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        hurt.append(bytes(flipped))
    for each in hurt:
        path.write_bytes(each)
        try:
            find_cuts(load_network(path))
        except InputError:
            continue
