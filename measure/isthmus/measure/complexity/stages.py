"""One part of what adapts a codec's tables to an image, as something to run: a graph, a histogram, tables.

Light on purpose: under `valgrind` every instruction takes fifty times as long, imports too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from isthmus.common.bits.cdf import CdfTables
from isthmus.common.bits.integer_softmax import synthesized_tables
from isthmus.common.image.histogram import shares, shares_reference
from isthmus.common.image.tables import ImageTables
from isthmus.runtime.engine import open_graph

SEED = 7
LATENT_WIDTH = 1.5
"""Of the Laplacian that latents are drawn from."""
LOGIT_SPAN = 2_000
"""Logits are drawn from 0 down to here: eight nats."""


SMALL_SIDE = 4
"""Places along a side of what warms a stage up."""
IMAGE_DIMENSIONS = 4


class Work(StrEnum):
    """What a stage does."""

    GRAPH = "graph"
    """Runs an ONNX file."""
    HISTOGRAM = "histogram"
    """Counts latents, in C where that was built."""
    NUMPY_HISTOGRAM = "numpy histogram"
    """Counts them in NumPy."""
    TABLES = "tables"
    """Makes integer tables of logits."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A part.

    Attributes:
        contest: what it is compared in.
        side: whose it is.
        name: of the part.
        macs: multiply-accumulates a pixel of the image.
        work: what it does.
        shape: of what goes in.
        path: a graph; of tables, the codec's tables.
        bins: of a histogram.
    """

    contest: str
    side: str
    name: str
    macs: float
    work: Work
    shape: tuple[int, ...]
    path: str = ""
    bins: int = 0


class Runs(NamedTuple):
    """What runs a stage once: on as few places as may be, to warm it up, and on all of them."""

    small: Callable[[], Any]
    whole: Callable[[], Any]


def prepared(stage: Stage) -> Runs:
    """Both runs, on random numbers that are the same each time; all else is done before."""
    rng = np.random.default_rng(SEED)
    if stage.work in (Work.HISTOGRAM, Work.NUMPY_HISTOGRAM):
        y = np.rint(rng.laplace(0, LATENT_WIDTH, stage.shape)).astype(np.int32)
        count = shares if stage.work is Work.HISTOGRAM else shares_reference
        part = y[:, :SMALL_SIDE, :SMALL_SIDE]
        return Runs(lambda: count(part, stage.bins), lambda: count(y, stage.bins))
    if stage.work is Work.TABLES:
        logits = rng.integers(-LOGIT_SPAN, 1, stage.shape).astype(np.int32)
        like = static_tables(Path(stage.path))
        return Runs(*[lambda: synthesized_tables(logits, like)] * 2)
    network = open_graph(Path(stage.path))
    name, element, _ = network.ends[0]
    is_float = element == "float"
    x = rng.random(stage.shape, np.float32) if is_float else rng.integers(-2, 3, stage.shape).astype(np.int32)
    # Only images have sides to choose: of histograms and q a graph takes one shape.
    few = np.ascontiguousarray(x[:, :, :SMALL_SIDE, :SMALL_SIDE]) if x.ndim == IMAGE_DIMENSIONS else x
    return Runs(lambda: network.run({name: few}), lambda: network.run({name: x}))


def static_tables(path: Path) -> CdfTables:
    """The first table of every group of a codec's tables."""
    found = ImageTables.load(path)
    first, tables = found.first_table[:-1], found.tables
    return CdfTables(
        tables.cumulative[first], tables.sizes[first], tables.offsets[first], tables.precision_bits, has_escape=True
    )


def save_stages(stages: Sequence[Stage], path: Path) -> None:
    """For a process of its own."""
    path.write_text(json.dumps([asdict(stage) for stage in stages]), encoding="utf-8")


def load_stages(path: Path) -> tuple[Stage, ...]:
    """What `save_stages` wrote."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return tuple(Stage(**{**one, "work": Work(one["work"]), "shape": tuple(one["shape"])}) for one in found)
