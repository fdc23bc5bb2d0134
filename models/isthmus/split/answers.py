"""Answers of a classifier, and how far others are from them: Kullback-Leibler divergence, in nats."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]


def log_probabilities(logits: npt.NDArray[np.float32]) -> Float64:
    """Logarithms of the softmax of logits ``[images, classes]``."""
    values = logits.astype(np.float64)
    values -= values.max(1, keepdims=True)
    made: Float64 = values - np.log(np.exp(values).sum(1, keepdims=True))
    return made


def divergences(whole: Float64, other: Float64) -> Float64:
    """Nats of each image, float64 ``[images]``; log probabilities ``[images, classes]`` of both."""
    return np.asarray((np.exp(whole) * (whole - other)).sum(1), np.float64)
