"""Classifiers of decoded clouds: the other end of input compression, one for each number of points.

The thesis's baseline sends the points themselves (Draco, G-PCC) and classifies what arrives with the PointNet trained
for that many points. Each is trained from the next larger one. They ship as plain float ONNX (weights as float16): no
bit depends on them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from isthmus.models.graph_builder import checked_model
from isthmus.models.pointcloud.freeze import float_layers
from isthmus.models.pointcloud.pointnet import CONFIGS
from isthmus.training.origin import HISTORY_FILE
from isthmus.training.pointcloud.augment import Augmentation
from isthmus.training.pointcloud.datasets import CloudSet
from isthmus.training.pointcloud.fit import Schedule, begun_from, fit
from isthmus.training.pointcloud.isthmus_recipe import Backbone, Pretraining
from isthmus.training.pointcloud.views import views
from isthmus.training.precision import fastest

FOLDER = "classifiers"
POINT_COUNTS = (1024, 512, 256, 128, 64, 32, 16)
EPOCHS = {1024: 12, 512: 8, 256: 12, 128: 16, 64: 20, 32: 30, 16: 40}


def train_classifiers(
    train: CloudSet, validation: CloudSet, zoo: Path, provenance: dict[str, Any], *, start: Path | None, seed: int = 0
) -> list[Path]:
    """Train and write ``classifiers/pointnet-p{P}.onnx`` for every count; `start` is a pretrained full network."""
    classes = len(train.class_names)
    recipe = Pretraining(Backbone(CONFIGS["full"], fastest()), classes, Augmentation(1024, 1024))
    if start is not None:
        recipe.load_state_dict(begun_from(start, train))
    folder = zoo / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    histories: dict[str, Any] = {}
    written = []
    for points in POINT_COUNTS:
        # A network that was trained for clouds of 1,024 points is taken as it is.
        recipe.augmentation = Augmentation(points, points, heading_degrees=5, tilt_degrees=2, scale=0.1, jitter=0.01)
        if start is None or points != POINT_COUNTS[0]:
            schedule = Schedule(EPOCHS[points], learning_rate=1e-3, ema_decay=0.998, weight_decay=1e-3)
            held_out = views(validation, points, random_heading=False)
            histories[f"p{points}"] = fit(recipe, train, held_out, schedule, seed=seed, label=f"classifier p{points}")
        recipe.eval()
        path = folder / f"pointnet-p{points}.onnx"
        path.write_bytes(classifier_graph(recipe).SerializeToString(deterministic=True))
        written.append(path)
    content = {**provenance, "seed": seed, "validation": histories}
    (folder / HISTORY_FILE).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    return written


def classifier_graph(recipe: Pretraining) -> onnx.ModelProto:
    """Points float32 ``[batch, 3, points]`` to `logits` float32 ``[batch, classes]``."""
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []

    def constant(value: Any) -> str:
        name = f"c{len(constants)}"
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value, np.float16), name))
        nodes.append(helper.make_node("Cast", [name], [f"{name}f"], to=TensorProto.FLOAT))
        return f"{name}f"

    def node(operator: str, inputs: list[str], **attributes: Any) -> str:
        out = f"t{len(nodes)}"
        nodes.append(helper.make_node(operator, inputs, [out], **attributes))
        return out

    encoder, head = float_layers(recipe.backbone.g_a, recipe.backbone.standard, recipe.g_s)
    h = "points"
    for weight, bias in encoder:
        h = node("Relu", [node("Conv", [h, constant(weight[:, :, None]), constant(bias)])])
    axes = numpy_helper.from_array(np.array([2], np.int64), "axes")
    constants.append(axes)
    h = node("ReduceMax", [h, "axes"], keepdims=0)
    for i, (weight, bias) in enumerate(head):
        h = node("Gemm", [h, constant(weight), constant(bias)], transB=1)
        if i < len(head) - 1:
            h = node("Relu", [h])
    nodes[-1].output[0] = "logits"
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("points", TensorProto.FLOAT, ["batch", 3, "points"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(head[-1][1])])],
        constants,
    )
    return checked_model(graph)
