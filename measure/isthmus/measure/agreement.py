"""How far answers agree with others that are taken for the truth: boxes, masks, embeddings.

Boxes are judged as COCO judges them (Lin et al., 2014): predictions, surest first, each take the free box of their
class that they overlap most, if by enough; average precision is the mean of the highest precision at 101 recalls or
above. Of every picture the 100 surest count.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from isthmus.common.answers.boxes import Box, Boxes

Float64 = npt.NDArray[np.float64]

OVERLAPS = tuple(np.arange(50, 100, 5) / 100)
RECALLS = np.linspace(0, 1, 101)
MOST_A_PICTURE = 100
TINY = 1e-30


def mean_average_precision(
    truth: Sequence[Boxes], found: Sequence[Boxes], overlaps: Sequence[float] = OVERLAPS
) -> float:
    """Mean over classes that the truth has, and over overlaps; nan where it has none.

    Args:
        truth: of each picture; scores do not matter.
        found: of the same pictures.
        overlaps: intersections over union from which on a box is found.
    """
    classes = sorted({box.class_index for boxes in truth for box in boxes.found})
    means = [average_precision(truth, found, kind, least) for kind in classes for least in overlaps]
    return float(np.mean(means)) if means else float("nan")


def average_precision(truth: Sequence[Boxes], found: Sequence[Boxes], kind: int, least: float) -> float:
    """Of one class at one overlap."""
    scores: list[float] = []
    hits: list[bool] = []
    count = 0
    for wanted, got in zip(truth, found, strict=True):
        real = [box for box in wanted.found if box.class_index == kind]
        said = sorted((box for box in got.found if box.class_index == kind), key=lambda box: -box.score)
        count += len(real)
        scores += [box.score for box in said[:MOST_A_PICTURE]]
        hits += _hits(said[:MOST_A_PICTURE], real, least)
    if not count:
        return float("nan")
    order = np.argsort(-np.array(scores), kind="stable")
    right = np.cumsum(np.array(hits, bool)[order]) if hits else np.zeros(0)
    precision, recall = right / np.arange(1, len(right) + 1), right / count
    highest = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, RECALLS, side="left")
    return float(np.mean([highest[k] if k < len(highest) else 0.0 for k in at]))


def _hits(said: Sequence[Box], real: Sequence[Box], least: float) -> list[bool]:
    """Whether each prediction, surest first, takes a box that none before it took."""
    free, hits = set(range(len(real))), []
    shared = overlaps_of(said, real)
    for k in range(len(said)):
        able = [j for j in sorted(free) if shared[k, j] >= least]
        best = max(able, key=lambda j: (shared[k, j], j), default=None)
        free.discard(-1 if best is None else best)
        hits.append(best is not None)
    return hits


def overlaps_of(one: Sequence[Box], two: Sequence[Box]) -> Float64:
    """Intersections over union, float64 `[len(one), len(two)]`."""
    a, b = (np.array([(x.left, x.top, x.right, x.bottom) for x in boxes], float).reshape(-1, 4) for boxes in (one, two))
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.clip(high - low, 0, None).prod(2)
    sizes = [np.clip(x[:, 2:] - x[:, :2], 0, None).prod(1) for x in (a, b)]
    union = sizes[0][:, None] + sizes[1][None] - both
    shares: Float64 = np.where(union > 0, both / np.where(union > 0, union, 1), 0.0)
    return shares


def mean_overlap(truth: Sequence[npt.NDArray[np.integer]], found: Sequence[npt.NDArray[np.integer]]) -> float:
    """Mean over classes of the intersection over union of masks `[height, width]`, over all pictures together."""
    both: dict[int, int] = {}
    either: dict[int, int] = {}
    for wanted, got in zip(truth, found, strict=True):
        for kind in np.union1d(np.unique(wanted), np.unique(got)).tolist():
            a, b = wanted == kind, got == kind
            both[kind] = both.get(kind, 0) + int((a & b).sum())
            either[kind] = either.get(kind, 0) + int((a | b).sum())
    return float(np.mean([both[kind] / either[kind] for kind in either]))


def mean_cosine(truth: Sequence[npt.NDArray[np.floating]], found: Sequence[npt.NDArray[np.floating]]) -> float:
    """Mean cosine between embeddings `[n]`."""
    pairs = [(a.astype(np.float64), b.astype(np.float64)) for a, b in zip(truth, found, strict=True)]
    return float(np.mean([a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), TINY) for a, b in pairs]))
