"""The optimum that no codec of labels can beat: the rate-distortion function of a label prior under Hamming distortion.

Sources: Blahut, IEEE Trans. IT 18 (1972); the closed form: Erokhin (1958).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.measure.curve import Float64

BLAHUT_TOLERANCE_BITS = 1e-5
BLAHUT_MAX_ITERATIONS = 20_000


def entropy_bits(probabilities: npt.ArrayLike) -> float:
    """Entropy of a distribution ``[classes]``, in bits."""
    p = _distribution(probabilities)
    return float(-(p[p > 0] * np.log2(p[p > 0])).sum())


def label_optimum_bits(probabilities: npt.ArrayLike, accuracy_percent: float) -> float:
    """Fewest bits with which labels of this prior ``[classes]`` can be told at an accuracy: the closed form.

    The rate-distortion function for Hamming distortion D: labels rarer than a level θ are never answered, and
    ``R = H(p) - h(1 - D, θ, .., θ, rare p..)`` with θ such that the error adds up to D.
    """
    p = np.sort(_distribution(probabilities))[::-1]
    distortion = 1 - accuracy_percent / 100
    if not 0 <= distortion <= 1:
        raise InputError(f"expected an accuracy of 0 to 100 percent, got {accuracy_percent}")
    for kept in range(2, len(p) + 1):
        rare = p[kept:]
        level = (distortion - rare.sum()) / (kept - 1)
        next_p = p[kept] if kept < len(p) else 0.0
        if next_p <= level <= p[kept - 1] and level <= 1 - distortion:
            parts = np.concatenate(([1 - distortion], np.full(kept - 1, level), rare))
            parts = parts[parts > 0]
            return max(0.0, entropy_bits(p) + float((parts * np.log2(parts)).sum()))
    return 0.0 if distortion > 0 else entropy_bits(p)


def blahut_arimoto(probabilities: npt.ArrayLike, distortion: npt.ArrayLike, slope: float) -> tuple[float, float]:
    """One point (rate in bits, mean distortion) of the rate-distortion function, where its slope is ``-slope``.

    `probabilities` ``[inputs]``, `distortion` ``[inputs, outputs]`` of 0 or more; `slope` in nats for a unit of
    distortion. Stops when Blahut's two bounds on the rate are within `BLAHUT_TOLERANCE_BITS`.
    """
    p, d = _distribution(probabilities), np.asarray(distortion, dtype=np.float64)
    if d.ndim != 2 or len(d) != len(p) or slope < 0:
        raise InputError(f"expected distortion [{len(p)}, outputs] and slope >= 0, got {d.shape} and {slope}")
    kernel = np.exp(-slope * d)
    q = np.full(d.shape[1], 1 / d.shape[1])
    for _ in range(BLAHUT_MAX_ITERATIONS):
        partition = kernel @ q
        gain = (p / partition) @ kernel
        used = q > 0
        gap = np.log2(gain.max()) - float((q[used] * gain[used] * np.log2(gain[used])).sum())
        q = q * gain
        if gap < BLAHUT_TOLERANCE_BITS:
            break
    else:
        raise InputError(f"expected Blahut-Arimoto to converge in {BLAHUT_MAX_ITERATIONS} steps, gap {gap:.3g} bits")
    q = q / q.sum()
    channel = kernel * q / (kernel @ q)[:, None]
    mean_distortion = float(p @ (channel * d).sum(1))
    ratio = np.where(channel > 0, channel, 1.0) / np.where(channel > 0, q, 1.0)
    return float(p @ (channel * np.log2(ratio)).sum(1)), mean_distortion


def label_optimum_curve(probabilities: npt.ArrayLike, points: int = 60) -> Float64:
    """The optimum of a label prior as a curve ``[points, 2]`` of (bits, top-1 percent), by Blahut-Arimoto."""
    p = _distribution(probabilities)
    p = p[p > 0]
    hamming = 1.0 - np.eye(len(p))
    curve = [blahut_arimoto(p, hamming, slope) for slope in np.geomspace(0.05, 16.0, points - 1)]
    curve.append((entropy_bits(p), 0.0))
    return np.array([(rate, 100 * (1 - d)) for rate, d in curve if rate > 1e-6])


def label_prior(labels: npt.ArrayLike) -> Float64:
    """Share ``[classes]`` of each class that occurs among integer labels ``[n]``."""
    counts = np.bincount(np.asarray(labels, dtype=np.int64))
    return _distribution(counts[counts > 0] / counts.sum())


def _distribution(probabilities: npt.ArrayLike) -> Float64:
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 1 or len(p) == 0 or (p < 0).any() or not np.isclose(p.sum(), 1, atol=1e-9):
        raise InputError(f"expected probabilities [n] that add up to 1, got shape {p.shape} with sum {p.sum():.6g}")
    return p
