"""What the point-cloud measure is asked for. Light: commands import it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.common.options import option
from isthmus.measure.options import cloud_option, zoo_option

BENCHMARK_POINTS = 1024
TMC13_CHOICES = ("auto", "recorded", "live", "none")


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How a codec is driven.

    Attributes:
        coalesced_clouds: clouds a packet of the coalesced passes.
        timed_clouds: clouds of the timing pass, after some to warm up.
        threads: of the edge's network.
    """

    panel: ClassVar[str] = "Over the wire"
    coalesced_clouds: int = option(32, "Clouds a packet of the coalesced pass.", least=2, flags=("--coalesced",))
    timed_clouds: int = option(200, "Clouds of the timing pass.", least=1, flags=("--timed",))
    threads: int = option(1, "Threads of the edge's network.", least=1)


@dataclass(frozen=True, slots=True)
class PointCloudOptions:
    """What to measure.

    Attributes:
        data: a labelled set, or None for ModelNet10 where it lies beside the project, else generated furniture.
        codecs: name patterns, comma apart; empty for all that fit `points`.
        points: points a cloud.
        draws: draws of points (and of headings) a cloud.
        baselines: names of the input codecs to sweep, comma apart: tmc13, draco; or none.
        tmc13: where TMC13's bits come from, one of `TMC13_CHOICES`.
        tmc13_bits: the recorded counts, None for those beside the project.
        limit_clouds: clouds taken, evenly spread over the set; 0 for all.
        published: csv of another data set's curves to draw beside these, or None.
        zoo, cloud: as of `zoo_option` and `cloud_option`.
    """

    panel: ClassVar[str] = "What is measured"
    data: Path | None = option(
        None,
        "Labelled set: packed .npz, ModelNet10/40 (OFF, HDF5), ScanObjectNN.",
        automatic="ModelNet10 where it lies beside the project, else generated furniture",
    )
    codecs: str = option("", "Patterns of codec names, comma apart.", automatic="all that fit --points")
    points: int = option(BENCHMARK_POINTS, "Points drawn from each cloud.", least=1)
    draws: int = option(1, "Draws of points and headings; accuracies are their mean.", least=1)
    baselines: str = option("tmc13,draco", "Input codecs, comma apart: tmc13, draco; or none.")
    tmc13: str = option(
        "auto",
        "TMC13's bits: live (program tmc3), recorded, none; auto takes the first there is.",
        choices=TMC13_CHOICES,
    )
    tmc13_bits: Path | None = option(None, "Recorded bit counts of TMC13 (.npz).", automatic="those beside the project")
    limit_clouds: int = option(
        0, "Take only so many clouds of the test set; 0 for all.", least=0, flags=("--limit",), is_limit=True
    )
    published: Path | None = option(
        None, "CSV of published curves on another data set, drawn beside and marked.", automatic="none"
    )
    zoo: Path | None = zoo_option()
    cloud: str = cloud_option()
