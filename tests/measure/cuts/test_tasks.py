"""The measure of masks, boxes and embeddings, on networks that nobody trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2", reason="motion needs OpenCV, of the extra `video`")
pytest.importorskip("torch")

import torch

from isthmus.data.image.shape_scenes import HEIGHT, SHAPE_NAMES, WIDTH, draw_scenes
from isthmus.measure.cuts.networks import exported_as_it_is
from isthmus.measure.cuts.task_options import TaskSettings
from isthmus.measure.cuts.task_rows import Point, TaskRow, task_tables, write_tasks
from isthmus.measure.cuts.tasks import chosen_cut, measure_network
from isthmus.models.shapes.networks import PyramidDetector, PyramidEmbedding
from isthmus.split.network import Network, read_network
from isthmus.split.pictures import Pictures
from isthmus.training.studies.shapes import ShapeEffort, train_detector, train_unet


def embedding() -> Network:
    torch.manual_seed(0)
    model = PyramidEmbedding(PyramidDetector()).eval()
    return read_network(exported_as_it_is(model, (HEIGHT, WIDTH), ("embedding",)), "embedding", task="embed")


def test_scenes_are_what_their_masks_and_boxes_say() -> None:
    scenes = draw_scenes(20, 3)
    assert {k for scene in scenes for k in scene.classes} == set(range(len(SHAPE_NAMES)))
    for scene in scenes:
        assert scene.pixels.shape == (HEIGHT, WIDTH, 3)
        for (left, top, right, bottom), kind in zip(scene.boxes.astype(int), scene.classes, strict=True):
            assert 0 <= left < right <= WIDTH
            assert 0 <= top < bottom <= HEIGHT
            assert (scene.mask[top:bottom, left:right] == kind + 1).mean() > 0.2
    assert (draw_scenes(2, 3)[1].pixels == scenes[1].pixels).all()


def test_finer_steps_agree_more(tmp_path: Path) -> None:
    network = embedding()
    assert [t.stride for t in chosen_cut(network).tensors] != []
    calibration = Pictures("drawn", "", tuple(s.pixels for s in draw_scenes(3, 1)))
    row = measure_network(
        "embedding", network, calibration, draw_scenes(2, 2), TaskSettings(calibration=3, tested=2, clips=1)
    )
    keys = [p for p in row.points if p.way == "key frames"]
    assert [p.bits for p in keys] == sorted((p.bits for p in keys), reverse=True)
    assert keys[0].figures["cosine"] > 0.99
    assert keys[0].figures["cosine"] >= keys[-1].figures["cosine"]
    (clips,) = (p for p in row.points if p.way == "clips")
    assert clips.bits < keys[2].bits
    path = write_tasks((row,), "isthmus measure split-tasks", tmp_path)
    summary = json.loads(path.read_text())["summary"]
    assert summary["split.tasks.embed.step_0.kbit"] == pytest.approx(keys[2].bits / 1e3)
    assert summary["split.tasks.embed.step_minus16.cosine"] == pytest.approx(keys[0].figures["cosine"])
    assert len(task_tables((row,))[0].rows) == len(row.points)


def test_figures_that_are_none_are_left_out(tmp_path: Path) -> None:
    row = TaskRow("x", "detect", ("a",), (8,), 1, 1, {}, (Point("JPEG", 50, 8.0, {"map": float("nan")}),))
    summary = json.loads(write_tasks((row,), "isthmus measure split-tasks", tmp_path).read_text())["summary"]
    assert summary == {"split.tasks.detect.jpeg50.kbit": 0.008}


def test_networks_of_shapes_learn() -> None:
    """A few steps: what they cost falls, and the same seed draws the same."""
    effort = ShapeEffort(detector_steps=4, unet_steps=4, scenes=16)
    x = torch.zeros(1, 3, HEIGHT, WIDTH)
    for train in (train_detector, train_unet):
        one, two = (train(effort, 1) for _ in range(2))
        with torch.no_grad():
            assert torch.equal(one(x), two(x))
            assert np.isfinite(one(x).numpy()).all()
