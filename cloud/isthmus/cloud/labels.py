"""Labels out of logits, as they travel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from isthmus.common import protocol


def top_labels(logits: npt.NDArray[np.float32], top_k: int) -> npt.NDArray[np.int64]:
    """The `top_k` labels of logits `[signals, classes]` as they travel, int64 `[signals, top_k]`, best first.

    Of classes with equal logits the lower index comes first.
    """
    if top_k == 1:  # few calls: this is the usual case, and each costs as much as a small network
        sums = np.exp(logits - logits.max(1, keepdims=True)).sum(1, keepdims=True)
        return protocol.pack_labels(logits.argmax(1)[:, None], 1 / sums)
    best = np.argsort(-logits, axis=1, kind="stable")[:, :top_k]
    return protocol.pack_labels(best, np.take_along_axis(probabilities(logits), best, 1))


def probabilities(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Softmax over the last axis of ``[..., classes]``, safe for logits up to 1e38."""
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    out: npt.NDArray[np.float32] = powers / powers.sum(-1, keepdims=True)
    return out
