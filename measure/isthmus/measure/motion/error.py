"""How far a network's latents are from its warped ones: the masked NRMSE of the thesis, and parts of it.

NRMSE is the root of the mean square error over all channels of the places whose source lies inside, over the range
(largest less smallest) of the frame's own tensor. A few large activations widen the range, so beside it stands the
relative error, over the standard deviation within channels: 1 is a prediction that knows a channel's mean alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.measure.motion.maps import AffineMap, Picture, UInt8
from isthmus.measure.motion.taps import TappedNetwork
from isthmus.measure.motion.warp import (
    KERNELS,
    Float32,
    Places,
    Tap,
    dense_warp_matrix,
    moved_places,
    root,
    warp_matrix,
)

Step = Callable[[int], None]
CACHED_MATRICES = 400


@dataclass(frozen=True, slots=True)
class MapError:
    """Error of one tensor under one map.

    Attributes:
        nrmse: of all places whose source lies inside.
        inner_nrmse: of those and their sources that are `RIM` or more from the border; nan if none is.
        relative: over the standard deviation within channels.
        places, inner_places: how many.
    """

    nrmse: float
    inner_nrmse: float
    relative: float
    places: int
    inner_places: int


@dataclass(frozen=True, slots=True)
class Job:
    """One map of one picture; `key` is handed back with its errors."""

    picture: int
    motion: AffineMap
    key: str


@dataclass(frozen=True, slots=True)
class Found:
    """Errors of one job: of each (tap, kernel)."""

    key: str
    errors: Mapping[tuple[str, str], MapError]


def rows_of(tensor: Float32) -> Float32:
    """`[C, h, w]` as `[h w, C]`, in one piece."""
    return np.ascontiguousarray(tensor.reshape(len(tensor), -1).T)


def compare(actual: Float32, predicted: Float32, places: Places) -> MapError:
    """Error of predicted rows float32 ``[R, C]`` against a frame's tensor ``[C, h, w]``."""
    wide = float(actual.max() - actual.min())
    seen = actual.reshape(len(actual), -1).T[places.rows]
    difference = predicted - seen
    square = np.einsum("rc,rc->r", difference, difference, dtype=np.float64)
    count, channels = seen.shape
    if count == 0 or wide == 0:
        return MapError(float("nan"), float("nan"), float("nan"), 0, 0)
    spread = np.einsum("rc,rc->", seen, seen, dtype=np.float64) / count - (seen.mean(0, dtype=np.float64) ** 2).sum()
    inner = int(places.is_inner.sum())
    within = root(square[places.is_inner].sum() / (inner * channels)) / wide if inner else float("nan")
    mean = square.sum() / (count * channels)
    return MapError(root(mean) / wide, within, root(mean / max(spread / channels, 1e-30)), count, inner)


def measure_jobs(
    network: TappedNetwork,
    pictures: Sequence[UInt8],
    jobs: Sequence[Job],
    kernels: Sequence[str],
    step: Step,
    *,
    taps: Sequence[str] = (),
    about_tensor: bool = False,
) -> Iterable[Found]:
    """Errors of all jobs, picture by picture.

    Args:
        pictures: uint8 [H, W, 3] each, of any size.
        kernels: names of interpolations; each is measured.
        step: told of each finished job.
        taps: names of the tensors to look at; all for none.
        about_tensor: as of `moved_places`.
    """
    order = sorted(range(len(jobs)), key=lambda i: jobs[i].picture)
    wanted = [i for i, tap in enumerate(network.taps) if not taps or tap.name in taps]
    current, picture, references = -1, None, []
    for i in order:
        job = jobs[i]
        if job.picture != current or picture is None:
            current, picture = job.picture, Picture(pictures[job.picture])
            tensors = network.run(picture.frame(AffineMap()))
            references = [rows_of(tensor) for tensor in tensors]
        actual = network.run(picture.frame(job.motion))
        errors = {}
        for t in wanted:
            tap, side = network.taps[t], (actual[t].shape[1], actual[t].shape[2])
            for kernel in kernels:
                places, matrix = _prediction(
                    tap.stride, tap.offset, side, job.motion, kernel, about_tensor=about_tensor
                )
                errors[tap.name, kernel] = compare(actual[t], matrix @ references[t], places)
        step(1)
        yield Found(job.key, errors)


@dataclass(frozen=True, slots=True)
class DenseError:
    """Errors of one family of maps, mean squares of inner NRMSEs: sampled at the stride, and known at every pixel."""

    family: str
    sampled: float
    dense: float


def measure_dense(
    network: TappedNetwork, pictures: Sequence[UInt8], jobs: Sequence[Job], step: Step, kernel: str = "bicubic"
) -> dict[str, list[DenseError]]:
    """For each tap and each family (the jobs' keys): the error as it is, and with the reference at every pixel.

    Pictures are `[height, width, 3]`, sRGB.

    A network run on the picture cropped 0 to stride - 1 pixels further down and right gives its tensor at every pixel,
    as if it did not drop samples. What is left when that is warped is no fault of the sampling: filters that see a
    turned or stretched picture, and the frame's own resampling. Pictures are uint8 ``[height, width, 3]``.
    """
    sums: dict[tuple[str, str], list[tuple[float, float]]] = {}
    by_picture: dict[int, list[Job]] = {}
    for job in jobs:
        by_picture.setdefault(job.picture, []).append(job)
    for index, group in by_picture.items():
        picture = Picture(pictures[index])
        strides = sorted({tap.stride for tap in network.taps})
        dense: list[list[Float32]] = [[] for _ in network.taps]
        for down in range(strides[-1]):
            for right in range(strides[-1]):
                needed = [t for t, tap in enumerate(network.taps) if max(down, right) < tap.stride]
                tensors = network.run(picture.frame(AffineMap(), (right, down)))
                for t in needed:
                    dense[t].append(rows_of(tensors[t]))
            step(1)
        known = [np.concatenate(phases) for phases in dense]
        for job in group:
            actual = network.run(picture.frame(job.motion))
            for t, tap in enumerate(network.taps):
                side = (actual[t].shape[1], actual[t].shape[2])
                places = moved_places(tap, side, job.motion)
                if not places.is_inner.any():
                    continue
                plain = warp_matrix(places.x, places.y, side, KERNELS[kernel]) @ dense[t][0]
                every = dense_warp_matrix(places.x, places.y, side, tap.stride, KERNELS[kernel]) @ known[t]
                pair = (compare(actual[t], plain, places).inner_nrmse, compare(actual[t], every, places).inner_nrmse)
                sums.setdefault((tap.name, job.key), []).append(pair)
    found: dict[str, list[DenseError]] = {}
    for (name, family), pairs in sums.items():
        sampled, every = (np.array(pairs) ** 2).mean(0).tolist()
        found.setdefault(name, []).append(DenseError(family, sampled, every))
    return found


@lru_cache(CACHED_MATRICES)
def _prediction(
    stride: int, offset: float, side: tuple[int, int], motion: AffineMap, kernel: str, *, about_tensor: bool
) -> tuple[Places, Any]:
    places = moved_places(Tap("", stride, offset), side, motion, about_tensor=about_tensor)
    return places, warp_matrix(places.x, places.y, side, KERNELS[kernel])


def means(values: Iterable[float]) -> float:
    """Mean of the numbers among them."""
    known: npt.NDArray[np.float64] = np.array([value for value in values if np.isfinite(value)], np.float64)
    return float(known.mean()) if len(known) else float("nan")
