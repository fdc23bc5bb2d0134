"""Small ONNX classifiers as users have them: exported by torch, or put together by hand."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

CLASSES = 5


class Branches(nn.Module):
    """A stem, a pool, two branches (one of them grouped) that are added, a strided convolution and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.wide = nn.Conv2d(8, 8, 3, 1, 1)
        self.narrow = nn.Conv2d(8, 4, 1)
        self.grouped = nn.Conv2d(4, 8, 3, 1, 1, groups=4)
        self.last = nn.Conv2d(8, 12, 3, 2, 1)
        self.linear = nn.Linear(12, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.stem(x / 64 - 2)))
        x = nn.functional.max_pool2d(x, 2)
        x = torch.relu(self.wide(x) + self.grouped(torch.relu(self.narrow(x))))
        x = torch.relu(self.last(x))
        out: Tensor = self.linear(x.mean((2, 3)))
        return out


def write_branches(folder: Path, kind: str) -> Path:
    """`Branches`, for frames of 32 x 48 ("fixed") or of any size ("any")."""
    torch.manual_seed(0)
    model = Branches()
    with torch.no_grad():
        assert model.norm.running_mean is not None
        assert model.norm.running_var is not None
        model.norm.running_mean.uniform_(-0.5, 0.5)
        model.norm.running_var.uniform_(0.5, 2)
    return _export(model.eval(), folder / f"{kind}.onnx", (32, 48), is_free=kind == "any")


def write_unpadded(folder: Path) -> Path:
    """A network whose convolutions pad nothing, so that its latents are fewer than pixels by its stride."""
    torch.manual_seed(1)
    layers = [nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.Conv2d(4, 6, 3, 2), nn.ReLU()]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, CLASSES))
    return _export(model.eval(), folder / "unpadded.onnx", (35, 35), is_free=True)


def uneven_model() -> onnx.ModelProto:
    """Two convolutions; the second strides by 1 down and by 2 right."""
    weights = [numpy_helper.from_array(np.ones((4, c, 1, 1), np.float32), f"w{c}") for c in (3, 4)]
    nodes = [
        helper.make_node("Conv", ["x", "w3"], ["even"], strides=[2, 2]),
        helper.make_node("Conv", ["even", "w4"], ["uneven"], strides=[1, 2]),
        helper.make_node("GlobalAveragePool", ["uneven"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["logits"]),
    ]
    return _model(nodes, weights)


def residual_model() -> onnx.ModelProto:
    """A block as of EfficientNet-Lite, with its skip, squeezes of other families beside, and constants in halves."""
    random = np.random.default_rng(3)

    def floats(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array((random.normal(size=shape) * 0.3).astype(np.float32), name)

    half = numpy_helper.from_array(random.normal(size=(4, 4, 1, 1)).astype(np.float16), "half")
    weights = [
        floats("depth", 4, 1, 3, 3),
        floats("shift", 4),
        half,
        floats("last", 5, 4),
        floats("b", 5),
        *(numpy_helper.from_array(np.abs(random.normal(size=4)).astype(np.float32) + 0.5, n) for n in ("s", "m", "v")),
        *(numpy_helper.from_array(np.array(v, np.float32), n) for v, n in ((0, "low"), (6, "high"))),
        numpy_helper.from_array(np.array([0, -1], np.int64), "flat_shape"),
        numpy_helper.from_array(np.array([2, 3], np.int64), "axes"),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "depth", "shift"], ["a"], group=4, strides=[2, 2], auto_pad="SAME_UPPER"),
        helper.make_node("BatchNormalization", ["a", "s", "shift", "m", "v"], ["n"]),
        helper.make_node("Clip", ["n", "low", "high"], ["c"]),
        helper.make_node("Cast", ["half"], ["w"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["c", "w"], ["d"], pads=[0, 0, 0, 0]),
        helper.make_node("HardSigmoid", ["d"], ["g"]),
        helper.make_node("Mul", ["d", "g"], ["e"]),
        helper.make_node("Add", ["e", "c"], ["f"]),
        helper.make_node("ReduceMean", ["f"], ["mean"], axes=[2, 3], keepdims=1),
        helper.make_node("Sigmoid", ["mean"], ["squeezed"]),
        helper.make_node("Mul", ["f", "squeezed"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["pool"]),
        helper.make_node("Reshape", ["pool", "flat_shape"], ["flat"]),
        helper.make_node("Gemm", ["flat", "last", "b"], ["logits"], transB=1),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", [1, 4, 9, 7]), ("logits", [1, 5]))
    ]
    graph = helper.make_graph(nodes, "residual", ends[:1], ends[1:], weights[:-1])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def segmenter_model() -> onnx.ModelProto:
    """A convolution that answers with a plane of numbers for each class: no classifier."""
    weights = [numpy_helper.from_array(np.ones((4, c, 1, 1), np.float32), f"w{c}") for c in (3, 4)]
    nodes = [
        helper.make_node("Conv", ["x", "w3"], ["even"], strides=[2, 2]),
        helper.make_node("Conv", ["even", "w4"], ["logits"]),
    ]
    return _model(nodes, weights)


def two_ways_model() -> onnx.ModelProto:
    """Two ways from the frame to the logits that meet only there."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["mean"]),
        helper.make_node("GlobalMaxPool", ["x"], ["most"]),
        helper.make_node("Add", ["mean", "most"], ["sum"]),
        helper.make_node("Flatten", ["sum"], ["logits"]),
    ]
    return _model(nodes, [])


def _model(nodes: list[onnx.NodeProto], weights: list[onnx.TensorProto]) -> onnx.ModelProto:
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 32, 32])
    made = helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [given], [made], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def _export(model: nn.Module, path: Path, size: tuple[int, int], *, is_free: bool) -> Path:
    axes = {"x": {2: "rows", 3: "columns"}} if is_free else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about its own exporters
        torch.onnx.export(
            model,
            (torch.zeros(1, 3, *size),),
            str(path),
            input_names=["x"],
            output_names=["logits"],
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )
    return path
