"""How much each channel of a cut matters to the answers, from forward passes of the cloud half alone.

White noise of a channel's own size is put on that channel, and the answers' Kullback-Leibler divergence says what it
cost: for small errors, KL = 1/2 e' F e with F the Fisher information of the latents. No labels, no gradients. It gives
F's diagonal; the full matrix needs gradients (`gradients`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from isthmus.split.answers import divergences, log_probabilities
from isthmus.split.components import Float32, Float64

LEAST_DEVIATION = 1e-6


def channel_metric(
    cloud: Callable[[Float32], Float32],
    latents: Sequence[Float32],
    deviations: Float64,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Float64:
    """The metric float64 `[M, M]`, diagonal: nats a squared error at one place of one channel, times two.

    Args:
        cloud: latents [1, M, h, w] to logits [1, classes].
        latents: of images, float32 [M, h, w].
        deviations: float64 [M], of each channel: the size of its noise.
        seed: of the noise.
        progress: called with the images done and their number.
    """
    generator = np.random.default_rng(seed)
    channels = len(deviations)
    nats = np.zeros(channels)
    places = latents[0].shape[1] * latents[0].shape[2]
    for done, x in enumerate(latents):
        progress(done, len(latents))
        whole = log_probabilities(cloud(x[None]))
        for channel in range(channels):
            noisy = x.copy()
            signs = generator.integers(0, 2, x.shape[1:], dtype=np.int8) * np.int8(2) - np.int8(1)
            noisy[channel] += signs.astype(np.float32) * np.float32(deviations[channel])
            nats[channel] += divergences(whole, log_probabilities(cloud(noisy[None])))[0]
    progress(len(latents), len(latents))
    return np.diag(2 * nats / len(latents) / places / np.maximum(deviations, LEAST_DEVIATION) ** 2)


def mean_divergence(
    cloud: Callable[[Float32], Float32],
    whole: Sequence[Float64],
    latents: Sequence[npt.NDArray[np.float32]],
) -> float:
    """Mean over images of the divergence of the answers to these latents [M, h, w] from those of the whole network."""
    found = [divergences(w, log_probabilities(cloud(x[None]))) for w, x in zip(whole, latents, strict=True)]
    return float(np.mean(found))
