"""How well latents move as the picture does: the thesis's analysis (§7) over many pictures, and what breaks v / n^k.

For each tensor of each network:

- the thesis's random affine maps, and sweeps of translation, rotation, scale and shear;
- shifts by a whole number of latents and by fractions of one: what a fraction costs;
- every interpolation on the same maps: which warp is best;
- the error with the tensor known at every pixel: how much of it is sampling, how much is not.

And over small networks that differ in how they halve their sampling: the error after one, two, three, four halvings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from isthmus.common.errors import InputError
from isthmus.data.image.files import image_paths, read_image
from isthmus.data.image.labelled import load_labelled_images
from isthmus.measure.image.photographs import find_image_set
from isthmus.measure.motion.error import DenseError, Found, Job, means, measure_dense, measure_jobs
from isthmus.measure.motion.maps import SWEEPS, AffineMap, UInt8, random_maps, sweep_map
from isthmus.measure.motion.taps import TappedNetwork
from isthmus.measure.motion.warp import KERNELS

Track = Callable[[str, int], Callable[[int], None]]

DEFAULT_IMAGES = Path("../shared/data/imagenet500_256.npz")
KERNEL = "bicubic"
PHASES = (0.0, 0.125, 0.25, 0.375, 0.5)
FAMILIES = ("affine", "translation", "rotation", "scale", "shear")
REACH_PX = 24.0


@dataclass(frozen=True, slots=True)
class MotionEffort:
    """How much is measured.

    Attributes:
        maps: random affine maps of each tensor.
        sweep_pictures: pictures at each place of a sweep, and of the shifts by fractions.
        kernel_maps: random maps on which every interpolation is compared.
        dense_pictures: pictures whose latents are computed at every pixel.
        ablation_maps: random maps of each network of the ablation.
        seed: of the maps.
    """

    maps: int = 2048
    sweep_pictures: int = 100
    kernel_maps: int = 256
    dense_pictures: int = 12
    ablation_maps: int = 256
    seed: int = 3


@dataclass(frozen=True, slots=True)
class TapResult:
    """What was found of one tensor.

    Attributes:
        network, tap, stride: which.
        nrmse: of every random map, bicubic.
        inner, relative: their means without the rim, and over the standard deviation.
        about_tensor: mean NRMSE when the map turns about the tensor's centre instead of the picture's.
        sweeps: panel to (x, mean NRMSE) pairs.
        phases: (fraction of a latent, mean NRMSE, mean without the rim).
        kernels: mean NRMSE by interpolation on the same maps.
        dense: errors with the tensor known at every pixel.
    """

    network: str
    tap: str
    stride: int
    nrmse: tuple[float, ...]
    inner: float
    relative: float
    about_tensor: float
    sweeps: Mapping[str, tuple[tuple[float, float], ...]]
    phases: tuple[tuple[float, float, float], ...]
    kernels: Mapping[str, float]
    dense: tuple[DenseError, ...] = ()

    @property
    def mean(self) -> float:
        """Mean NRMSE over the random maps."""
        return means(self.nrmse)

    @property
    def is_sent(self) -> bool:
        """Whether it is what a codec of ours sends."""
        return self.tap == "y"

    @property
    def best_kernel(self) -> str:
        """The interpolation of the least error."""
        return min(self.kernels, key=lambda name: self.kernels[name])

    @property
    def sampling_percent(self) -> float:
        """Share of the inner squared error of affine maps that goes when the tensor is known at every pixel."""
        found = [d for d in self.dense if d.family == "affine"]
        return 100 * (1 - found[0].dense / found[0].sampled) if found else float("nan")


@dataclass(frozen=True, slots=True)
class AblationResult:
    """One small network.

    Attributes:
        name, pooling, motion_weight: which.
        top1_percent: on labelled images that it was not trained on; nan if none were given.
        halved: (stride, NRMSE bicubic, relative error) after each halving.
        kernels: NRMSE of y by interpolation.
        relative: of y, bicubic.
        stride: of y.
        whole, half: NRMSE of y, without the rim, at shifts by whole latents and by halves.
    """

    name: str
    pooling: str
    motion_weight: float
    top1_percent: float
    halved: tuple[tuple[int, float, float], ...]
    kernels: Mapping[str, float]
    relative: float
    stride: int
    whole: float
    half: float


@dataclass(frozen=True, slots=True)
class MotionMeasurement:
    """All of it."""

    data: str
    pictures: int
    effort: MotionEffort
    titles: Mapping[str, str]
    taps: tuple[TapResult, ...]
    ablation: tuple[AblationResult, ...] = ()

    def followed_by(self, new: MotionMeasurement) -> MotionMeasurement:
        """With the networks of another measurement in the place of its own of the same names.

        Raises:
            InputError: the two are not of the same pictures and effort.
        """
        mine, others = (self.data, self.pictures, self.effort), (new.data, new.pictures, new.effort)
        if mine != others:
            raise InputError(f"expected a measurement on {mine} to merge into, got one on {others}")
        networks = {tap.network for tap in new.taps}
        rows = {row.name: row for row in (*self.ablation, *new.ablation)}
        kept = tuple(tap for tap in self.taps if tap.network not in networks)
        titles = MappingProxyType({**self.titles, **new.titles})
        return MotionMeasurement(
            self.data, self.pictures, self.effort, titles, (*kept, *new.taps), tuple(rows.values())
        )


def load_pictures(path: Path | None, limit: int = 0) -> tuple[str, list[UInt8]]:
    """(name, pictures uint8 [H, W, 3]) of a packed file of labelled images or a folder of images.

    Without a path: the ImageNet images beside the project, else the photographs that scikit-image ships.
    """
    if path is None and DEFAULT_IMAGES.is_file():
        path = DEFAULT_IMAGES
    if path is not None and path.suffix == ".npz":
        packed = load_labelled_images(path)
        chosen = _spread(len(packed), limit)
        return packed.name, [packed.pixels(i) for i in chosen]
    if path is not None:
        paths = image_paths([path])
        return path.resolve().name, [read_image(paths[i]).pixels for i in _spread(len(paths), limit)]
    shipped = find_image_set(None, limit)
    return shipped.name, [shipped.read(i).pixels for i in range(len(shipped))]


def measure_network(
    network: TappedNetwork, pictures: Sequence[UInt8], effort: MotionEffort, track: Track
) -> list[TapResult]:
    """Everything of one network."""
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
        for i in _spread(len(pictures), effort.sweep_pictures)
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
    """One small network: after each of its halvings, and at y."""
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
    chosen = _spread(len(pictures), effort.sweep_pictures)
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
    chosen = _spread(len(pictures), effort.dense_pictures)
    jobs = [Job(i, family_map(family, rng), family) for i in chosen for family in FAMILIES for _ in range(3)]
    largest = max(tap.stride for tap in network.taps)
    step = track(f"{network.title}: latents at every pixel", len(chosen) * largest)
    return measure_dense(network, pictures, jobs, step, KERNEL)


def _mean(found: Sequence[Found], tap: tuple[str, str], key: str = "") -> float:
    return means(f.errors[tap].nrmse for f in found if not key or f.key == key)


def _spread(count: int, limit: int) -> list[int]:
    """Indices of at most `limit` of so many, evenly; all for 0."""
    if not limit or limit >= count:
        return list(range(count))
    found: list[Any] = np.linspace(0, count - 1, limit).round().astype(int).tolist()
    return found
