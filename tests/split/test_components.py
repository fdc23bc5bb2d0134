"""Components: exact both ways, uncorrelated in the metric; and the two ways to the metric agree with the truth."""

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support import tiny_networks

from isthmus.common.errors import InputError
from isthmus.split.answers import divergences, log_probabilities
from isthmus.split.components import FLOOR, Components, Moments, find_components
from isthmus.split.gradient_operators import OPERATORS
from isthmus.split.gradients import full_metric, knows
from isthmus.split.graphs import open_model
from isthmus.split.sensitivity import channel_metric

Float32 = npt.NDArray[np.float32]
CHANNELS, CLASSES = 6, 4


def latents(count: int = 40, seed: int = 0) -> list[Float32]:
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(CHANNELS, CHANNELS))
    return [
        np.einsum("cd,dhw->chw", mixing, random.laplace(size=(CHANNELS, 4, 5))).astype(np.float32) + 3
        for _ in range(count)
    ]


def cloud(weights: Float32) -> onnx.ModelProto:
    """Means over the grid, and a linear layer [classes, channels]."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["y_hat"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w"], ["logits"], transB=1),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("y_hat", [1, CHANNELS, 4, 5]), ("logits", [1, CLASSES]))
    ]
    graph = helper.make_graph(nodes, "cloud", ends[:1], ends[1:], [numpy_helper.from_array(weights, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def weights(scale: float = 1.0) -> Float32:
    return (np.random.default_rng(5).normal(size=(CLASSES, CHANNELS)) * scale).astype(np.float32)


def fisher(w: Float32, seen: list[Float32]) -> npt.NDArray[np.float64]:
    """Worked by hand: the mean over places makes every gradient w' (onehot - p) / places."""
    total = np.zeros((CHANNELS, CHANNELS))
    for x in seen:
        p = np.exp(log_probabilities((w @ x.mean((1, 2)))[None])[0])
        total += w.T.astype(np.float64) @ (np.diag(p) - np.outer(p, p)) @ w / 20**2
    return total / len(seen)


def test_there_and_back() -> None:
    seen = latents()
    found = find_components(np.diag(np.arange(1.0, CHANNELS + 1)), Moments.of(seen))
    for x in seen[:3]:
        np.testing.assert_allclose(found.latents(found.of(x)), x, atol=1e-4)
        np.testing.assert_allclose(found.in_units(0.25).of(x), 4 * found.of(x), rtol=1e-4, atol=1e-4)


def test_components_are_uncorrelated_and_alike_in_cost() -> None:
    seen = latents()
    root = np.random.default_rng(2).normal(size=(CHANNELS, CHANNELS))
    metric = root @ root.T
    found = find_components(metric, Moments.of(seen))
    rows = np.concatenate([found.of(x).reshape(CHANNELS, -1) for x in seen], 1)
    covariance = np.cov(rows)
    off = covariance - np.diag(np.diag(covariance))
    assert np.abs(off).max() < 1e-3 * np.diag(covariance).max()
    assert (np.diff(np.diag(covariance)) < 1e-6).all()  # the largest first
    grounded = metric + FLOOR * np.trace(metric) / CHANNELS * np.eye(CHANNELS)
    np.testing.assert_allclose(found.synthesis.T @ grounded @ found.synthesis, np.eye(CHANNELS), atol=1e-6)


def test_gradients_find_the_whole_metric() -> None:
    w, seen = weights(0.3), latents(300)
    model = cloud(w)
    assert knows(model)
    found = full_metric(model, seen)
    exact = fisher(w, seen)
    assert np.linalg.norm(found - exact) < 0.25 * np.linalg.norm(exact)
    off = ~np.eye(CHANNELS, dtype=bool)
    assert np.corrcoef(found[off], exact[off])[0, 1] > 0.95


def test_noise_finds_its_diagonal() -> None:
    w, seen = weights(0.3), latents(300)
    deviations = np.full(CHANNELS, 0.5)
    found = channel_metric(open_model(cloud(w)), seen, deviations)
    assert not (found - np.diag(np.diag(found))).any()
    np.testing.assert_allclose(np.diag(found), np.diag(fisher(w, seen)), rtol=0.35)


def test_an_operator_that_is_not_known_is_left_to_noise() -> None:
    model = cloud(weights())
    model.graph.node[0].op_type = "GlobalLpPool"
    assert not knows(model)


def test_the_operators_are_those_of_onnx() -> None:
    """A real export, run by these operators and by ONNX Runtime."""
    import torch

    from isthmus.split.gradients import _run

    random = np.random.default_rng(0)
    for model in (tiny_networks.residual_model(), cloud(weights())):
        shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
        x = random.normal(size=shape).astype(np.float32)
        constants = {c.name: torch.from_numpy(numpy_helper.to_array(c).copy()) for c in model.graph.initializer}
        got = _run(torch, model, constants, torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(got, open_model(model)(x), rtol=1e-4, atol=1e-4)
        assert {node.op_type for node in model.graph.node} <= set(OPERATORS)


def test_divergence_is_that_of_the_answers() -> None:
    logits = np.array([[1.0, 2.0, -1.0]], np.float32)
    whole = log_probabilities(logits)
    assert np.exp(whole).sum() == pytest.approx(1)
    assert divergences(whole, whole)[0] == 0
    other = log_probabilities(np.array([[2.0, 1.0, -1.0]], np.float32))
    p, q = np.exp(whole), np.exp(other)
    assert divergences(whole, other)[0] == pytest.approx(float((p * np.log(p / q)).sum()))


def test_what_cannot_be() -> None:
    with pytest.raises(InputError, match="got none"):
        Moments.of([])
    with pytest.raises(InputError, match="expected finite latents"):
        Moments.of([np.full((2, 1, 1), np.nan, np.float32)])
    with pytest.raises(InputError, match="components: expected"):
        Components(np.ones((2, 3)), np.ones((2, 3)), np.ones(3))
    with pytest.raises(InputError, match="finite"):
        Components(np.full((2, 3), np.inf), np.ones((3, 2)), np.ones(3))
