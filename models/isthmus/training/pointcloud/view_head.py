"""The reconstruction head: what the bits still know of a cloud, to look at.

Source: thesis chapter on point clouds (a small MLP on the detached latents, Chamfer loss). It never trains the codec,
and no bit depends on it, so it is a plain float network.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from isthmus.models.graph_builder import checked_model
from isthmus.models.pointcloud.categorical import CategoricalCodec
from isthmus.training.pointcloud.curve import Variant, views
from isthmus.training.pointcloud.datasets import CloudSet
from isthmus.training.pointcloud.isthmus_recipe import Backbone
from isthmus.training.reporter import Reporter

VIEW_POINTS = 256
TARGET_POINTS = 512
WIDTH = 192
POSES = 3
EPOCHS = 8
BATCH_SIZE = 64


def chamfer(a: Tensor, b: Tensor) -> Tensor:
    """Symmetric squared Chamfer distance of clouds ``[batch, points, 3]``, mean over the batch."""
    squared = (a[:, :, None] - b[:, None]).square().sum(3)
    return squared.amin(2).mean() + squared.amin(1).mean()


def train_view(
    backbone: Backbone, codec: CategoricalCodec, variant: Variant, train: CloudSet, seed: int
) -> onnx.ModelProto:
    """Train the head on the symbols of `train`: symbols int32 ``[batch, channels]`` to points ``[batch, 256, 3]``."""
    symbols, targets = [], []
    with torch.no_grad():
        for pose in range(POSES if variant.random_heading else 1):
            points, _ = views(train, TARGET_POINTS, variant.random_heading, seed=pose)
            for i in range(0, points.shape[1], 64):
                symbols.append(codec.symbols(backbone(points[:, i : i + 64])))
            targets.append(points.permute(1, 2, 0))
    all_symbols, all_targets = torch.cat(symbols), torch.cat(targets)
    torch.manual_seed(seed)
    head = nn.Sequential(
        nn.Linear(codec.alphabet.outputs, WIDTH),
        nn.ReLU(),
        nn.Linear(WIDTH, WIDTH),
        nn.ReLU(),
        nn.Linear(WIDTH, 3 * VIEW_POINTS),
    )
    optimizer = torch.optim.Adam(head.parameters(), 2e-3)
    steps = len(all_symbols) // BATCH_SIZE
    reporter = Reporter("view head", EPOCHS, steps)
    generator = torch.Generator().manual_seed(seed)
    for epoch in range(EPOCHS):
        order = torch.randperm(len(all_symbols), generator=generator)
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (1 - epoch / EPOCHS)
        total = 0.0
        for step in range(steps):
            index = order[step * BATCH_SIZE : (step + 1) * BATCH_SIZE]
            guess = head(codec.one_hot(all_symbols[index])).view(-1, VIEW_POINTS, 3)
            loss = chamfer(guess, all_targets[index])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item()
            reporter.step(epoch, step)
        reporter.epoch(epoch, {"chamfer": total / steps}, 0)
    reporter.close()
    return _graph(head, codec)


def _graph(head: nn.Sequential, codec: CategoricalCodec) -> onnx.ModelProto:
    channels, size = codec.alphabet.heads, codec.alphabet.size
    constants: list[onnx.TensorProto] = []
    nodes: list[onnx.NodeProto] = []

    def constant(name: str, value: Any) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def half(name: str, value: Tensor) -> str:
        constant(f"{name}_half", value.detach().numpy().astype(np.float16))
        nodes.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
        return name

    first, second, third = (m for m in head if isinstance(m, nn.Linear))
    offsets = constant("offsets", np.arange(channels, dtype=np.int32) * size)
    nodes.append(helper.make_node("Add", ["symbols", offsets], ["rows"]))
    nodes.append(helper.make_node("Gather", [half("embedding", first.weight.t()), "rows"], ["parts"]))
    nodes.append(helper.make_node("ReduceSum", ["parts", constant("axis", np.array([1]))], ["sum"], keepdims=0))
    nodes.append(helper.make_node("Add", ["sum", half("b0", first.bias)], ["a0"]))
    nodes.append(helper.make_node("Relu", ["a0"], ["h0"]))
    nodes.append(helper.make_node("Gemm", ["h0", half("w1", second.weight), half("b1", second.bias)], ["a1"], transB=1))
    nodes.append(helper.make_node("Relu", ["a1"], ["h1"]))
    nodes.append(helper.make_node("Gemm", ["h1", half("w2", third.weight), half("b2", third.bias)], ["flat"], transB=1))
    shape = constant("shape", np.array([-1, VIEW_POINTS, 3]))
    nodes.append(helper.make_node("Reshape", ["flat", shape], ["points"]))
    graph = helper.make_graph(
        nodes,
        "view",
        [helper.make_tensor_value_info("symbols", TensorProto.INT32, ["batch", channels])],
        [helper.make_tensor_value_info("points", TensorProto.FLOAT, ["batch", VIEW_POINTS, 3])],
        constants,
    )
    return checked_model(graph)
