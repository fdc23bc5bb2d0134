"""`isthmus train pointcloud-sweep`: the thesis's point-cloud codec at every number of points, lambda and seed.

Heavy imports wait until it runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.command.frame import command_frame
from isthmus.command.options import Given, with_options
from isthmus.command.train import CONFIGS, DataOption
from isthmus.command.train_options import Destination, DestinationOptions, say_written, trained_by
from isthmus.common.errors import InputError
from isthmus.common.options import option


@dataclass(frozen=True, slots=True)
class SweepOptions:
    """Which networks are trained, and how long."""

    panel: ClassVar[str] = "The sweep"
    configs: str = option("micro,lite", "Widths of the edge half, comma apart: full, lite, micro.")
    points: str = option("8,16,32,64,128,256,512,1024", "Numbers of points, comma apart.")
    lambdas: str = option("", "Trade-offs, comma apart.", automatic="the thesis's thirteen")
    seeds: int = option(3, "Seeds; those after the first train five of the thirteen trade-offs.", least=1)
    epochs: int = option(0, "Epochs of each network at most.", automatic="as the thesis has it")
    threads: int = option(1, "CPU threads.", least=1)
    runs: Path = option(Path("runs/pointcloud-sweep"), "Folder of checkpoints and finished networks.", metavar="DIR")


@command_frame
@with_options(SweepOptions, DestinationOptions)
def train_pointcloud_sweep(data: DataOption, *, given: Given) -> None:
    """Train the thesis's codec for each number of points, trade-off and seed, and write each as a codec folder.

    Networks that see the same clouds take their steps together. A killed run goes on where it was; codecs that are in
    --zoo already, trained on these data, are not trained again.
    """
    options, destination = given.of(SweepOptions), Destination.of(given.of(DestinationOptions))
    import torch

    from isthmus.training.origin import Origin, data_digest
    from isthmus.training.pointcloud.datasets import load_cloud_set, split_validation
    from isthmus.training.pointcloud.point_sweep import (
        SWEPT_LAMBDAS,
        curves_to_train,
        sweep_curves,
        sweep_schedule,
        train_sweep_curve,
    )
    from isthmus.training.pointcloud.zoo_writer import freeze_curve

    configs = [word for word in options.configs.split(",") if word]
    if unknown := set(configs) - set(CONFIGS):
        raise InputError(f"--configs: expected some of {', '.join(CONFIGS)}, got {', '.join(sorted(unknown))}")
    points = [int(number) for number in _numbers("--points", options.points)]
    trade_offs = _numbers("--lambdas", options.lambdas) if options.lambdas else list(SWEPT_LAMBDAS)
    curves, digest = sweep_curves(configs, points, options.seeds, trade_offs), data_digest(data)
    destination.check([curve.codec_name(t) for curve in curves for t in curve.trade_offs], digest)
    torch.set_num_threads(options.threads)
    whole = load_cloud_set(data, "train")
    if most := [count for count in points if count > whole.points.shape[1]]:
        raise InputError(f"--points: expected at most the {whole.points.shape[1]} of {data}, got {most[0]}")
    train, validation = split_validation(whole)
    command = trained_by(f"isthmus train pointcloud-sweep --data {data.name}", destination.zoo, options)
    written = []
    for curve in curves_to_train(curves, lambda name: destination.holds(name, digest)):
        codecs = train_sweep_curve(curve, train, validation, options.runs, sweep_schedule(options.epochs))
        destination.clear(codecs.values())
        written += freeze_curve(codecs, destination.zoo, train, Origin(command, whole.name, digest))
    say_written(written, "FILES")


def _numbers(name: str, words: str) -> list[float]:
    """Positive numbers, comma apart; InputError for anything else."""
    try:
        numbers = [float(word) for word in words.split(",") if word]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise InputError(f"{name}: expected numbers of at least 1, comma apart, got {words!r}")
    return numbers
