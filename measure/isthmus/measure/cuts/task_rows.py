"""What the measure of other tasks finds: a row a network, as a results file and as tables."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

from isthmus.common.results import Provenance, Results, write_results
from isthmus.measure.table import Table, number

NAME, SEED = "split_tasks", 5
TEST_SEED = 1013
"""Of the scenes measured: drawn once all else was settled. How long the detector trains was settled on others."""


@dataclass(frozen=True, slots=True)
class Point:
    """One way to send scenes.

    Attributes:
        way: "key frames", "clips" or "JPEG".
        setting: steps off the codec's own, or JPEG's quality.
        bits: of a frame.
        figures: agreement with the whole network, 0 to 1, by name.
    """

    way: str
    setting: int
    bits: float
    figures: dict[str, float]


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One network.

    Attributes:
        name, task: of it.
        tensors: it was cut at.
        strides: of those.
        edge_macs, cloud_macs: of a frame.
        quality: of the whole network by what was drawn, by name; empty where nothing was.
        points: all ways.
    """

    name: str
    task: str
    tensors: tuple[str, ...]
    strides: tuple[int, ...]
    edge_macs: int
    cloud_macs: int
    quality: dict[str, float]
    points: tuple[Point, ...]


def write_tasks(rows: tuple[TaskRow, ...], command: str, folder: Path) -> Path:
    """Write `split_tasks.json`; answers its path."""
    chosen = "Of the cuts at three tensors each network's with the fewest numbers; nothing on the scenes measured."
    provenance = Provenance.of(
        command, "scenes of drawn shapes", SEED, ("numpy", "onnx", "onnxruntime", "torch"), chosen=chosen
    )
    summary: dict[str, float] = {}
    for row in rows:
        base = f"split.tasks.{row.task}"
        summary |= {f"{base}.whole_{name}": value for name, value in row.quality.items()}
        for point in row.points:
            place = {"key frames": f"step{point.setting:+d}", "clips": "clips", "JPEG": f"jpeg{point.setting}"}
            key = f"{base}.{place[point.way].replace('+', '_').replace('-', '_minus')}"
            # A network that found nothing has none.
            figures = {n: v for n, v in point.figures.items() if math.isfinite(v)}
            summary |= {f"{key}.kbit": point.bits / 1e3} | {f"{key}.{n}": v for n, v in figures.items()}
    return write_results(folder, Results(NAME, provenance, summary, {"networks": [asdict(row) for row in rows]}))


def task_tables(rows: tuple[TaskRow, ...]) -> tuple[Table, ...]:
    """A table a network."""
    tables = []
    for row in rows:
        names = list(row.points[0].figures)
        cells = tuple(
            (
                f"{p.way} {p.setting:+d}" if p.way != "JPEG" else f"JPEG {p.setting}",
                number(p.bits / 1e3, 2),
                *(number(p.figures[name], 4) for name in names),
            )
            for p in row.points
        )
        whole = ", ".join(f"{name} {value:.3f}" for name, value in row.quality.items())
        title = f"{row.name}, three tensors at strides {', '.join(map(str, row.strides))}"
        title += f"; the whole network by what was drawn: {whole}" if whole else ""
        tables.append(Table(title, ("way", "kbit", *names), cells))
    return tuple(tables)
