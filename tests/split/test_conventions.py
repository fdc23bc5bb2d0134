"""What networks want of pixels: found in their graph or by their answers, said, and overridden by flags."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from isthmus.split.conventions import CONVENTIONS, Trial, choose_convention, doubt_about, prepared, score_of
from isthmus.split.network import Network, read_network
from isthmus.split.normalising import own_preprocessing
from isthmus.split.pictures import Pictures
from isthmus.split.preprocessing import Preprocessing
from isthmus.split.reading import flags_in_words, read_with

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
SIDE = 24
COLOURS = ((200, 60, 40), (70, 150, 60), (230, 200, 60), (120, 90, 60), (205, 200, 190), (30, 25, 20))
"""Of things as photographs have them: more of them red than blue."""


def scene(label: int, rng: np.random.Generator) -> UInt8:
    """A blob of a class's colour before noise."""
    shown = np.full((SIDE, SIDE, 3), rng.integers(60, 190, 3), np.float64)
    top, left = rng.integers(2, 8, 2)
    shown[top : top + 14, left : left + 14] = COLOURS[label]
    made: UInt8 = (shown + rng.normal(0, 14, shown.shape)).clip(0, 255).astype(np.uint8)
    return made


@cache
def scenes() -> tuple[tuple[UInt8, ...], tuple[int, ...]]:
    rng = np.random.default_rng(5)
    labels = tuple(i % len(COLOURS) for i in range(30))
    return tuple(scene(label, rng) for label in labels), labels


@cache
def trained() -> nn.Sequential:
    """A classifier of such scenes, trained on pixels of -1 to 1. Its first layer pads nothing."""
    torch.manual_seed(0)
    rng = np.random.default_rng(1)
    net = nn.Sequential(
        nn.Conv2d(3, 16, 3, 2),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, 2),
        nn.ReLU(),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        nn.Linear(16, len(COLOURS)),
    )
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    labels = np.arange(150) % len(COLOURS)
    shown = np.stack([scene(int(label), rng) for label in labels]).transpose(0, 3, 1, 2)
    pixels, target = torch.from_numpy(shown.astype(np.float32) / 127.5 - 1), torch.from_numpy(labels)
    for _ in range(70):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(net(pixels), target, label_smoothing=0.1)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return net


def network_for(pixels: Preprocessing, front: tuple[onnx.NodeProto, ...] = (), **constants: Float32) -> Network:
    """The trained classifier, were it trained on pixels that are treated so: its first layer takes that back.

    Args:
        pixels: what frames have gone through.
        front: nodes from `x` to `h` before the first layer.
        constants: of these.
    """
    first, _, second, _, _, _, last = trained()
    assert isinstance(first, nn.Conv2d) and isinstance(second, nn.Conv2d) and isinstance(last, nn.Linear)  # noqa: PT018
    assert first.bias is not None
    assert second.bias is not None
    arrays = {
        k: v.detach().numpy()
        for k, v in {
            "w": first.weight,
            "b": first.bias,
            "v": second.weight,
            "c": second.bias,
            "l": last.weight,
            "d": last.bias,
        }.items()
    }
    # -1 to 1 is an affine function of the pixels as they come, channel by channel.
    gain = (1 / 127.5) / pixels.gain.astype(np.float64)
    shift = -1 - gain * pixels.shift.astype(np.float64)
    if pixels.order == "bgr":
        gain, shift = gain[::-1], shift[::-1]
    weight = arrays["w"].astype(np.float64)
    arrays["b"] = (arrays["b"] + (weight * shift.reshape(1, -1, 1, 1)).sum((1, 2, 3))).astype(np.float32)
    weight = weight * gain.reshape(1, -1, 1, 1)
    arrays["w"] = (weight[:, ::-1] if pixels.order == "bgr" else weight).astype(np.float32)
    nodes = [
        *(front or (helper.make_node("Identity", ["x"], ["h"]),)),
        helper.make_node("Conv", ["h", "w", "b"], ["1"], strides=[2, 2]),
        helper.make_node("Relu", ["1"], ["2"]),
        helper.make_node("Conv", ["2", "v", "c"], ["3"], strides=[2, 2]),
        helper.make_node("Relu", ["3"], ["4"]),
        helper.make_node("GlobalMaxPool", ["4"], ["5"]),
        helper.make_node("Flatten", ["5"], ["6"]),
        helper.make_node("Gemm", ["6", "l", "d"], ["logits"], transB=1),
    ]
    weights = [numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in (arrays | constants).items()]
    ends = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, SIDE, SIDE]),
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, None),
    ]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)
    return read_network(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "net")


def right_percent(network: Network, pixels: Preprocessing) -> float:
    from isthmus.split.graphs import open_model

    run, (shown, labels) = open_model(network.model), scenes()
    hits = [int(run(prepared(x, pixels)).argmax()) == k for x, k in zip(shown, labels, strict=True)]
    return 100 * float(np.mean(hits))


USUAL = [
    c
    for c in CONVENTIONS
    if c.name in ("ImageNet's mean and deviation", "0 to 1", "-1 to 1", "0 to 255", "Caffe's mean, BGR", "0 to 1, BGR")
]


@pytest.mark.parametrize("convention", USUAL, ids=lambda c: c.name)
def test_a_network_is_fed_as_it_was_trained(convention: object) -> None:
    pixels = convention.preprocessing  # type: ignore[attr-defined]
    network = network_for(pixels)
    assert right_percent(network, pixels) > 90
    choice = choose_convention(network, scenes()[0])
    # Where another convention makes the same pixels of it within a few per cent it may be chosen: what counts is that
    # the answers are right.
    assert right_percent(network, choice.convention.preprocessing) > 90
    reading = read_with(network, network, Pictures("made", "", scenes()[0]))
    assert reading.is_tried
    assert reading.preprocessing == choice.convention.preprocessing
    assert choice.convention.name in reading.notes[0]
    assert flags_in_words(choice.convention.preprocessing) in reading.notes[0]


def test_pixels_of_the_wrong_range_would_be_answered_wrongly() -> None:
    """What the search guards from: as frames were given without a word before."""
    assert right_percent(network_for(CONVENTIONS[0].preprocessing), Preprocessing()) < 75


def test_flags_override_what_would_be_found() -> None:
    network = network_for(CONVENTIONS[0].preprocessing)
    told = Preprocessing((1.0, 2.0, 3.0))
    reading = read_with(network, network, Pictures("made", "", scenes()[0]), told)
    assert (reading.preprocessing, reading.is_tried, reading.notes) == (told, False, ())


def node(op: str, *inputs: str, to: str) -> onnx.NodeProto:
    return helper.make_node(op, list(inputs), [to])


def channel(*numbers: float) -> Float32:
    return np.array(numbers, np.float32).reshape(1, -1, 1, 1)


@pytest.mark.parametrize(
    ("front", "constants", "expected"),
    [
        (
            (node("Div", "x", "front_s", to="a"), node("Sub", "a", "front_m", to="h")),
            {"front_s": channel(64), "front_m": channel(2)},
            ("rgb", 255),
        ),
        ((node("Mul", "x", "front_s", to="h"),), {"front_s": channel(1 / 255)}, ("rgb", 255)),
        ((node("Sub", "x", "front_m", to="h"),), {"front_m": channel(103.939, 116.779, 123.68)}, ("bgr", 255)),
        ((node("Sub", "x", "front_m", to="h"),), {"front_m": channel(123.68, 116.779, 103.939)}, ("rgb", 255)),
        (
            (node("Sub", "x", "front_m", to="a"), node("Div", "a", "front_s", to="h")),
            {"front_m": channel(0.485, 0.456, 0.406), "front_s": channel(0.229, 0.224, 0.225)},
            ("rgb", 1),
        ),
        (
            (
                node("Mul", "x", "front_t", to="a"),
                node("Sub", "a", "front_m", to="c1"),
                node("Div", "c1", "front_s", to="h"),
            ),
            {
                "front_t": channel(1 / 255),
                "front_m": channel(0.485, 0.456, 0.406),
                "front_s": channel(0.229, 0.224, 0.225),
            },
            ("rgb", 255),
        ),
        (
            (node("Mul", "x", "front_s", to="a"), node("Sub", "a", "front_m", to="h")),
            {"front_s": channel(2), "front_m": channel(1)},
            ("rgb", 1),
        ),
        (
            (
                node("Identity", "x", to="a"),
                helper.make_node("BatchNormalization", ["a", "front_s", "front_m", "front_e", "front_v"], ["h"]),
            ),
            {
                "front_s": np.ones(3, np.float32),
                "front_m": np.zeros(3, np.float32),
                "front_e": np.full(3, 120, np.float32),
                "front_v": np.full(3, 3600, np.float32),
            },
            ("rgb", 255),
        ),
        ((node("Relu", "x", to="h"),), {}, None),
    ],
)
def test_a_graph_that_normalises_is_read(
    front: tuple[onnx.NodeProto, ...], constants: dict[str, Float32], expected: tuple[str, int] | None
) -> None:
    network = network_for(Preprocessing(), front, **constants)
    found = own_preprocessing(network)
    if expected is None:
        assert found is None
        return
    assert found is not None
    assert (found.order, found.top) == expected
    assert (found.mean, found.std) == ((0, 0, 0), (1, 1, 1))
    reading = read_with(network, network, Pictures("made", "", scenes()[0]))
    assert (reading.preprocessing, reading.is_tried) == (found, False)
    assert "normalises frames itself" in reading.notes[0]


def test_the_score_is_what_views_tell_of_each_other() -> None:
    """Sure, steady and of many answers: the logarithm of their number. Sure and unsteady: far below 0."""
    sure = 50 * np.eye(4)
    assert score_of(np.stack([sure, sure, sure], 1)) == pytest.approx(np.log(4))
    assert score_of(np.stack([sure, sure[::-1]], 1)) < -40
    alike = np.tile(sure[:1], (4, 1))
    assert score_of(np.stack([alike, alike], 1)) == pytest.approx(0)
    assert score_of(np.zeros((4, 2, 4))) == pytest.approx(-np.log(4))


def test_doubts() -> None:
    answers = np.arange(8)
    best = Trial(CONVENTIONS[0], answers, 1.8)
    assert doubt_about([best, Trial(CONVENTIONS[1], answers[::-1], 1.0)], 8) == ""
    assert "0 to 1 does about as well, and gives other answers to 8 of 8" in doubt_about(
        [best, Trial(CONVENTIONS[1], answers[::-1], 1.75)], 8
    )
    assert doubt_about([best, Trial(CONVENTIONS[1], answers, 1.75)], 8) == ""
    assert "under none of the 10 usual" in doubt_about([Trial(CONVENTIONS[0], answers, 0.1)], 8)


def test_images_that_a_network_cannot_tell_apart_leave_a_doubt() -> None:
    network = network_for(CONVENTIONS[0].preprocessing)
    grey = tuple(np.full((SIDE, SIDE, 3), 128, np.uint8) for _ in range(8))
    reading = read_with(network, network, Pictures("grey", "", grey))
    assert "doubtful" in reading.notes[-1]
    assert "--mean, --std, --order and --range" in reading.notes[-1]
