"""How well latents move as the picture does: the thesis's analysis (§7) over many pictures, and what breaks v / n^k.

For each tensor of each network:

- the thesis's random affine maps, and sweeps of translation, rotation, scale and shear;
- shifts by a whole number of latents and by fractions of one: what a fraction costs;
- every interpolation on the same maps: which warp is best;
- the error with the tensor known at every pixel: how much of it is sampling, how much is not.

And over small networks that differ in how they halve their sampling: the error after one, two, three, four halvings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from isthmus.common.errors import InputError
from isthmus.measure.motion.error import DenseError, Found, Job, means, measure_dense, measure_jobs
from isthmus.measure.motion.maps import SWEEPS, AffineMap, UInt8, random_maps, sweep_map
from isthmus.measure.motion.measurement import AblationResult, TapResult
from isthmus.measure.motion.options import MotionEffort
from isthmus.measure.motion.pictures import spread
from isthmus.measure.motion.taps import TappedNetwork
from isthmus.measure.motion.warp import KERNELS
from isthmus.measure.track import Track

KERNEL = "bicubic"
PHASES = (0.0, 0.125, 0.25, 0.375, 0.5)
FAMILIES = ("affine", "translation", "rotation", "scale", "shear")
REACH_PX = 24.0


def measure_network(
    network: TappedNetwork, pictures: Sequence[UInt8], effort: MotionEffort, track: Track
) -> list[TapResult]:
    """Everything of one network, on pictures uint8 ``[height, width, 3]``."""
    if not pictures:
        raise InputError("expected pictures, got none")
    maps = random_maps(effort.maps, effort.seed)
    jobs = [Job(i % len(pictures), motion, "random") for i, motion in enumerate(maps)]
    found = list(measure_jobs(network, pictures, jobs, (KERNEL,), track(f"{network.title}: random maps", len(jobs))))
    few = jobs[: effort.kernel_maps]
    other = list(measure_jobs(network, pictures, few, tuple(KERNELS), track(f"{network.title}: warps", len(few))))
    step = track(f"{network.title}: about the tensor's centre", len(few))
    about = list(measure_jobs(network, pictures, few, (KERNEL,), step, about_tensor=True))
    sweep_jobs = [
        Job(i, sweep_map(panel, x), f"{panel} {x}")
        for panel, places in SWEEPS.items()
        for x in places
        for i in spread(len(pictures), effort.sweep_pictures)
    ]
    step = track(f"{network.title}: sweeps", len(sweep_jobs))
    swept = list(measure_jobs(network, pictures, sweep_jobs, (KERNEL,), step))
    phased = _phases(network, pictures, effort, track)
    dense = _dense(network, pictures, effort, track)
    results = []
    for tap in network.taps:
        key = (tap.name, KERNEL)
        curves = {
            panel: tuple((float(x), _mean(swept, key, f"{panel} {x}")) for x in places)
            for panel, places in SWEEPS.items()
        }
        results.append(
            TapResult(
                network.name,
                tap.name,
                tap.stride,
                tuple(f.errors[key].nrmse for f in found),
                means(f.errors[key].inner_nrmse for f in found),
                means(f.errors[key].relative for f in found),
                means(f.errors[key].nrmse for f in about),
                MappingProxyType(curves),
                phased[tap.name],
                MappingProxyType({k: means(f.errors[tap.name, k].nrmse for f in other) for k in KERNELS}),
                tuple(dense.get(tap.name, ())),
            )
        )
    return results


def measure_ablation(
    network: TappedNetwork,
    pooling: str,
    motion_weight: float,
    top1_percent: float,
    pictures: Sequence[UInt8],
    effort: MotionEffort,
    track: Track,
) -> AblationResult:
    """One small network, on pictures uint8 ``[height, width, 3]``: after each of its halvings, and at y."""
    maps = random_maps(effort.ablation_maps, effort.seed)
    jobs = [Job(i % min(len(pictures), 128), motion, "random") for i, motion in enumerate(maps)]
    y = network.taps[-1]
    halvings = [tap for i, tap in enumerate(network.taps[:-1]) if i == 0 or tap.stride > network.taps[i - 1].stride]
    step = track(f"{network.title}: random maps", 2 * len(jobs))
    found = list(measure_jobs(network, pictures, jobs, (KERNEL,), step, taps=[tap.name for tap in halvings]))
    ends = list(measure_jobs(network, pictures, jobs, tuple(KERNELS), step, taps=(y.name,)))
    phases = _phases(network, pictures, effort, track, phases=(0.0, 0.5), taps=(y.name,))[y.name]
    halved = tuple(
        (tap.stride, _mean(found, (tap.name, KERNEL)), means(f.errors[tap.name, KERNEL].relative for f in found))
        for tap in halvings
    )
    return AblationResult(
        network.name,
        pooling,
        motion_weight,
        top1_percent,
        halved,
        MappingProxyType({k: _mean(ends, (y.name, k)) for k in KERNELS}),
        means(f.errors[y.name, KERNEL].relative for f in ends),
        y.stride,
        phases[0][2],
        phases[1][2],
    )


def _phases(
    network: TappedNetwork,
    pictures: Sequence[UInt8],
    effort: MotionEffort,
    track: Track,
    *,
    phases: Sequence[float] = PHASES,
    taps: Sequence[str] = (),
) -> dict[str, tuple[tuple[float, float, float], ...]]:
    """Shifts along x by a whole number of latents and a fraction."""
    rng = np.random.default_rng(effort.seed)
    wanted = [tap for tap in network.taps if not taps or tap.name in taps]
    chosen = spread(len(pictures), effort.sweep_pictures)
    out: dict[str, tuple[tuple[float, float, float], ...]] = {}
    strides = sorted({tap.stride for tap in wanted})
    step = track(f"{network.title}: fractions of a latent", len(strides) * len(phases) * len(chosen))
    for stride in strides:
        names = tuple(tap.name for tap in wanted if tap.stride == stride)
        most = max(1, int(REACH_PX) // stride)
        jobs = []
        for i in chosen:
            whole = int(rng.integers(1, most + 1)) * (1 if rng.random() < 0.5 else -1)
            for phase in phases:
                shift = stride * (whole + (phase if whole < 0 else -phase))
                jobs.append(Job(i, AffineMap.of(shift=(shift, 0.0)), f"{phase}"))
        found = list(measure_jobs(network, pictures, jobs, (KERNEL,), step, taps=names))
        for name in names:
            out[name] = tuple(
                (
                    phase,
                    _mean(found, (name, KERNEL), f"{phase}"),
                    means(f.errors[name, KERNEL].inner_nrmse for f in found if f.key == f"{phase}"),
                )
                for phase in phases
            )
    return out


def family_map(family: str, rng: np.random.Generator) -> AffineMap:
    """A random map that only moves, turns, scales or shears, or does all of that."""
    if family == "affine":
        return random_maps(1, int(rng.integers(1 << 31)))[0]
    u, v = rng.uniform(-1, 1, 2).tolist()
    if family == "translation":
        return AffineMap.of(shift=(REACH_PX * u, REACH_PX * v))
    if family == "rotation":
        return AffineMap.of(rotation_deg=10 * u)
    if family == "scale":
        return AffineMap.of(scale=(1 + 0.05 * u, 1 + 0.05 * v))
    return AffineMap.of(shear_deg=5 * u)


def _dense(
    network: TappedNetwork, pictures: Sequence[UInt8], effort: MotionEffort, track: Track
) -> Mapping[str, list[DenseError]]:
    if not effort.dense_pictures:
        return {}
    rng = np.random.default_rng(effort.seed)
    chosen = spread(len(pictures), effort.dense_pictures)
    jobs = [Job(i, family_map(family, rng), family) for i in chosen for family in FAMILIES for _ in range(3)]
    largest = max(tap.stride for tap in network.taps)
    step = track(f"{network.title}: latents at every pixel", len(chosen) * largest)
    return measure_dense(network, pictures, jobs, step, KERNEL)


def _mean(found: Sequence[Found], tap: tuple[str, str], key: str = "") -> float:
    return means(f.errors[tap].nrmse for f in found if not key or f.key == key)
