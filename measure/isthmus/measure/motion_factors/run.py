"""Does the motion of latents divide by n^k for n = 2, 3, 4 and k = 1 to 4? Measured on networks that differ in n alone.

Of each: how far its latents move (`gains`), and the thesis's NRMSE over random affine maps. Frames are of 224 x 224, so
four poolings by 4 leave a single latent, which cannot move within its tensor: that cell stays empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.common.results import Provenance, Results, gather_summary, write_results
from isthmus.measure.motion.error import Job, means, measure_jobs
from isthmus.measure.motion.maps import UInt8, random_maps
from isthmus.measure.motion.networks import LABELLED
from isthmus.measure.motion.pictures import load_pictures
from isthmus.measure.motion.taps import TappedNetwork
from isthmus.measure.motion.warp import Tap
from isthmus.measure.motion_factors.gains import KERNEL, moved, random_shifts
from isthmus.measure.motion_factors.measurement import FactorMeasurement, FactorRow
from isthmus.measure.motion_factors.options import FactorOptions
from isthmus.measure.motion_factors.plots import draw_factors_png
from isthmus.measure.track import Track
from isthmus.models.video.pooled import PooledClassifier
from isthmus.training.studies.motion_factors import NETWORKS, FactorNetwork, load_pooled, top1_percent

NAME = "motion_factors"
VERSIONED = ("numpy", "pillow", "scipy", "torch")


def measure_factors(options: FactorOptions, track: Track) -> FactorMeasurement:
    """Every network whose checkpoint is there.

    Raises:
        InputError: none is, or no images are; each message ends with what to do.
    """
    import torch

    folder = options.checkpoints
    there = [(known, folder / f"{known.name}.pt") for known in NETWORKS if (folder / f"{known.name}.pt").is_file()]
    if not there:
        raise InputError(
            f"{folder}: expected checkpoints such as {NETWORKS[0].name}.pt, found none: first isthmus train "
            f"motion-factors --data tinyimagenet50.npz --runs {folder}"
        )
    torch.set_num_threads(1)
    data, pictures = load_pictures(options.images, options.limit)
    labelled = options.labelled or (LABELLED if LABELLED.is_file() else None)
    rows = []
    for known, path in there:
        model = load_pooled(path)
        right = top1_percent(model, labelled) if labelled is not None else float("nan")
        rows += factor_rows(known, model, right, pictures, options, track)
    return FactorMeasurement(data, len(pictures), options.maps, options.shifts, tuple(rows))


def factor_rows(
    known: FactorNetwork,
    model: PooledClassifier,
    top1: float,
    pictures: Sequence[UInt8],
    options: FactorOptions,
    track: Track,
) -> list[FactorRow]:
    """Of one network a row a pooling, on pictures uint8 ``[height, width, 3]``."""
    network = pooled_network(known, model)
    jobs = [Job(i % len(pictures), motion, "") for i, motion in enumerate(random_maps(options.maps, options.seed))]
    found = list(measure_jobs(network, pictures, jobs, (KERNEL,), track(f"{known.name}: maps", len(jobs))))
    shifts = random_shifts(options.shifts, options.seed)
    motions = moved(network, pictures, shifts, track(f"{known.name}: shifts", len(shifts)))
    rows = []
    for count, (tap, motion) in enumerate(zip(network.taps, motions, strict=True), 1):
        errors = [one.errors[tap.name, KERNEL] for one in found]
        nrmse, relative = means(e.nrmse for e in errors), means(e.relative for e in errors)
        rows.append(
            FactorRow(
                known.pooling.value,
                known.factor,
                known.seed,
                top1,
                count,
                motion.gain,
                motion.left_percent,
                nrmse,
                relative,
            )
        )
    return rows


def pooled_network(known: FactorNetwork, model: PooledClassifier) -> TappedNetwork:
    """With the tensor after each pooling: a window of n looks at its middle, so place 0 at (n^k - 1) / 2."""
    import torch

    def run(frame: UInt8) -> list[npt.NDArray[np.float32]]:
        with torch.no_grad():
            x = torch.from_numpy(frame.transpose(2, 0, 1)[None].astype(np.float32) / 255)
            found = model.features(x.contiguous(memory_format=torch.channels_last))
        return [tensor[0].numpy() for tensor in found]

    strides = [known.factor**count for count in range(1, len(model.stages) + 1)]
    taps = tuple(Tap(f"pool{count}", stride, (stride - 1) / 2) for count, stride in enumerate(strides, 1))
    return TappedNetwork(known.name.replace("-", "_"), known.name, taps, run)


def write_factor_outputs(measurement: FactorMeasurement, seed: int, command: str, folder: Path) -> tuple[Path, ...]:
    """Results file and picture, the summary gathered; answers their paths."""
    provenance = Provenance.of(command, measurement.data, seed, VERSIONED)
    written = write_results(folder, Results(NAME, provenance, measurement.summary(), measurement.detail()))
    picture = folder / f"{NAME}.png"
    draw_factors_png(measurement, picture)
    gather_summary(folder)
    return written, picture
