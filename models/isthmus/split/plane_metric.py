"""How the channels of each tensor of a cut matter to the answers, all in one measure: a metric a tensor.

By gradients, where torch is installed and knows the operators: for u of random signs, weighted as the distance of
answers weighs them, the gradient of u' answers at a place is J' u, and the mean of its outer products is J' J. All
tensors are taken at once, so that an error of one size in any metric costs the same. Else by forward passes, with noise
on one channel of one tensor at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from isthmus.split.components import Float32, Float64
from isthmus.split.gradient_operators import NotKnownError
from isthmus.split.gradients import knows, run_graph
from isthmus.split.plane_halves import open_ends
from isthmus.split.soft_answers import Distance

DRAWN = 4
"""Signs drawn for each image."""
MOST_PASSES = 4000
"""Forward passes, where gradients cannot be taken."""
LEAST_DEVIATION = 1e-6


def plane_metrics(
    cloud: onnx.ModelProto,
    latents: Sequence[Sequence[Float32]],
    distance: Distance,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[list[Float64], str]:
    """(a metric float64 `[M, M]` of each tensor, how it was found).

    Args:
        cloud: a half, latents `y_hat_0` … [1, M, h, w] to answers that change little where they do.
        latents: of images, of each tensor float32 [M, h, w].
        distance: of the answers.
        seed: of signs and noise.
        progress: told what is being done.
    """
    if find_spec("torch") is not None and knows(cloud):
        try:
            return _by_gradients(cloud, latents, distance, seed, progress), "gradients"
        except (NotKnownError, RuntimeError, TypeError, ValueError, IndexError):
            pass  # torch minds what ONNX does not: forward passes do without it
    return _by_passes(cloud, latents, distance, seed, progress), "forward passes"


def _by_gradients(
    cloud: onnx.ModelProto,
    latents: Sequence[Sequence[Float32]],
    distance: Distance,
    seed: int,
    progress: Callable[[str], None],
) -> list[Float64]:
    torch: Any = import_module("torch")
    constants = {c.name: torch.from_numpy(numpy_helper.to_array(c).copy()) for c in cloud.graph.initializer}
    generator = torch.Generator().manual_seed(seed)
    channels = [len(y) for y in latents[0]]
    totals = [np.zeros((m, m)) for m in channels]
    for done, planes in enumerate(latents):
        progress(f"gradients of the answers, image {done + 1} of {len(latents)}")
        given = [torch.from_numpy(np.ascontiguousarray(y[None])).requires_grad_() for y in planes]
        named = {end.name: y for end, y in zip(cloud.graph.input, given, strict=True)}
        answers = run_graph(torch, cloud, {**constants, **named})
        for drawn in range(DRAWN):
            total = torch.zeros(())
            for place, answer in enumerate(answers):
                signs = 2 * torch.randint(0, 2, answer.shape, generator=generator) - 1
                weights = torch.from_numpy(distance.weights(place, tuple(answer.shape)).astype(np.float32))
                total = total + (answer * signs * weights).sum() / answer.numel() ** 0.5
            gradients = torch.autograd.grad(total, given, retain_graph=drawn + 1 < DRAWN, allow_unused=True)
            for k, gradient in enumerate(gradients):
                if gradient is not None:
                    rows = gradient[0].reshape(channels[k], -1).numpy().astype(np.float64)
                    totals[k] += rows @ rows.T / rows.shape[1]
    return [metric / (DRAWN * len(latents) * len(cloud.graph.output)) for metric in totals]


def _by_passes(
    cloud: onnx.ModelProto,
    latents: Sequence[Sequence[Float32]],
    distance: Distance,
    seed: int,
    progress: Callable[[str], None],
) -> list[Float64]:
    run, generator = open_ends(cloud), np.random.default_rng(seed)
    counts = [len(y) for y in latents[0]]
    shown = latents[: max(1, MOST_PASSES // sum(counts))]
    deviations = [
        np.sqrt(np.mean([y[k].reshape(count, -1).var(1) for y in latents], axis=0)) for k, count in enumerate(counts)
    ]
    totals = [np.zeros(count) for count in counts]
    for done, planes in enumerate(shown):
        progress(f"answers under noise, image {done + 1} of {len(shown)}")
        whole = run(*(y[None] for y in planes))
        for k, y in enumerate(planes):
            for channel in range(counts[k]):
                noisy = [p[None].copy() for p in planes]
                signs = generator.integers(0, 2, y.shape[1:]).astype(np.float32) * 2 - 1
                noisy[k][0, channel] += signs * np.float32(deviations[k][channel])
                totals[k][channel] += distance.between(whole, run(*noisy))
    places = [y.shape[1] * y.shape[2] for y in latents[0]]
    return [
        np.diag(total / len(shown) / count / np.maximum(deviation, LEAST_DEVIATION) ** 2)
        for total, count, deviation in zip(totals, places, deviations, strict=True)
    ]
