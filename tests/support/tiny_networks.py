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
