"""The published claim, measured: the thesis's adaptive tables cost 25 to 130 times less than comparable methods.

Per image, one thread: multiply-accumulates as published, milliseconds, and instructions where valgrind is. Ratios are
a hyperprior's cost (h_a and h_s) over that of histogram, h_a,q and h_s,q: above 1 where the thesis is cheaper. Beside
them what the claim leaves out: the integer tables that are made of the logits, and the transforms around both.
"""

from __future__ import annotations

import math
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from isthmus.common.results import Provenance, Results, gather_summary, write_results
from isthmus.measure.complexity.contests import contests
from isthmus.measure.complexity.instructions import counter_missing, instructions
from isthmus.measure.complexity.measurement import Comparison, ComplexityMeasurement, Part
from isthmus.measure.complexity.options import ComplexityOptions
from isthmus.measure.complexity.plots import draw_complexity_png
from isthmus.measure.complexity.stages import SEED
from isthmus.measure.complexity.timing import milliseconds
from isthmus.measure.track import Track

NAME = "complexity"
LEFT_OUT = "instructions were not asked for"


def measure_complexity(options: ComplexityOptions, track: Track) -> ComplexityMeasurement:
    """Everything. Seconds, and minutes under valgrind.

    Raises:
        InputError: as of `contests` and `instructions`.
    """
    with TemporaryDirectory(prefix="isthmus-complexity-") as work:
        compared = contests(options, Path(work))
        stages = [stage for contest in compared for stage in contest.stages]
        times = milliseconds(stages, options.rounds, track("times", options.rounds))
        note = counter_missing() if options.instructions else LEFT_OUT
        counts: tuple[float, ...] = (math.nan,) * len(stages)
        if not note:
            advance = track("instructions", 1)
            counts = instructions(stages, Path(work))
            advance(1)
    parts = iter(
        Part(stage.contest, stage.side, stage.name, stage.macs, took, count)
        for stage, took, count in zip(stages, times, counts, strict=True)
    )
    comparisons = tuple(
        Comparison(c.name, c.title, c.is_published, c.transform_macs, tuple(islice(parts, len(c.stages))))
        for c in compared
    )
    return ComplexityMeasurement(options.height, options.width, options.rounds, comparisons, note)


def write_complexity_outputs(measurement: ComplexityMeasurement, command: str, folder: Path) -> tuple[Path, ...]:
    """Results file and picture, the summary gathered; answers their paths."""
    provenance = Provenance.of(command, "random latents and weights", SEED, ("numpy", "onnxruntime", "torch"))
    written = write_results(folder, Results(NAME, provenance, measurement.summary(), measurement.detail()))
    picture = folder / f"{NAME}.png"
    draw_complexity_png(measurement, picture)
    gather_summary(folder)
    return written, picture
