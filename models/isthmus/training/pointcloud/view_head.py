"""The reconstruction head: what the bits still know of a cloud, to look at.

Source: thesis chapter on point clouds (a small MLP on the detached latents, Chamfer loss). It never trains the codec,
and no bit depends on it, so it is a plain float network.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from isthmus.models.graph_builder import checked_model
from isthmus.models.pointcloud.categorical import CategoricalCodec
from isthmus.training.plan import Moment, Plan
from isthmus.training.pointcloud.datasets import CloudSet
from isthmus.training.pointcloud.isthmus_recipe import Backbone
from isthmus.training.pointcloud.rate_points import Variant
from isthmus.training.pointcloud.views import views
from isthmus.training.recipe import Cost, Group, Recipe
from isthmus.training.trainer import Trainer

VIEW_POINTS = 256
TARGET_POINTS = 512
WIDTH = 192
POSES = 3
EPOCHS = 8
BATCH_SIZE = 64
LEARNING_RATE = 2e-3


def chamfer(a: Tensor, b: Tensor) -> Tensor:
    """Symmetric squared Chamfer distance of clouds ``[batch, points, 3]``, mean over the batch."""
    squared = (a[:, :, None] - b[:, None]).square().sum(3)
    return squared.amin(2).mean() + squared.amin(1).mean()


class ViewRecipe(Recipe):
    """The head on symbols int64 ``[clouds, channels]`` and the points ``[clouds, points, 3]`` they stand for."""

    def __init__(self, head: nn.Module, codec: CategoricalCodec, symbols: Tensor, targets: Tensor) -> None:
        self.model = head
        self._codec, self._symbols, self._targets = codec, symbols, targets
        self._order = torch.empty(0, dtype=torch.int64)

    def groups(self) -> list[Group]:
        return [Group(list(self.model.parameters()), LEARNING_RATE)]

    def clipped(self) -> list[list[nn.Parameter]]:
        return []

    def begin_epoch(self, generator: torch.Generator) -> None:
        self._order = torch.randperm(len(self._symbols), generator=generator)

    def costs(self, at: Moment, generator: torch.Generator) -> Iterator[Cost]:  # noqa: ARG002
        index = self._order[at.step * BATCH_SIZE : (at.step + 1) * BATCH_SIZE]
        guess = self.model(self._codec.one_hot(self._symbols[index])).view(-1, VIEW_POINTS, 3)
        loss = chamfer(guess, self._targets[index])
        yield Cost(loss, {"chamfer": loss.item()})


def train_view(
    backbone: Backbone, codec: CategoricalCodec, variant: Variant, train: CloudSet, seed: int
) -> onnx.ModelProto:
    """Train the head on the symbols of `train`: symbols int32 ``[batch, channels]`` to points ``[batch, 256, 3]``."""
    symbols, targets = [], []
    with torch.no_grad():
        for pose in range(POSES if variant.random_heading else 1):
            points, _ = views(train, TARGET_POINTS, random_heading=variant.random_heading, seed=pose)
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
    recipe = ViewRecipe(head, codec, all_symbols, all_targets)
    plan = Plan(epochs=EPOCHS, steps=max(1, len(all_symbols) // BATCH_SIZE), decay=lambda at: 1 - at.epoch / at.epochs)
    Trainer(recipe, plan, torch.Generator().manual_seed(seed), label="view head").run()
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
