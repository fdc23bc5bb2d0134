"""The picture of one photograph: as the network is given it, as its latents, and as a file of no more bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy.typing as npt

from isthmus.measure.photograph.measurement import Answer, PhotographMeasurement
from isthmus.measure.plot import new_figure, write_figure

SIZE_INCHES = (9.6, 4.0)
DOTS_PER_INCH = 110


def draw_photograph_png(measurement: PhotographMeasurement, path: Path) -> None:
    """Write the picture. Needs matplotlib (extra `measure`)."""
    small = measurement.as_small.get("jpeg")
    good = measurement.same.get("jpeg")
    figure = new_figure(SIZE_INCHES, DOTS_PER_INCH)
    shown: list[tuple[str, npt.NDArray[Any], Answer, Answer | None]]
    shown = [("seen by the whole network", measurement.seen, measurement.whole, good)]
    shown.append(("what crosses: latents", measurement.latents, measurement.ours, None))
    if small is not None:
        shown.append(("JPEG of no more bytes", small[1], small[0], None))
    for place, (title, picture, answer, file) in enumerate(shown):
        axes = figure.add_subplot(1, len(shown), place + 1)
        axes.imshow(picture, cmap="magma", interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        size = f"{answer.size_bytes:,} bytes" if answer.size_bytes else _told_of(file)
        axes.set_title(f"{title}\n{size}", fontsize=10)
        axes.set_xlabel(f"{answer.label}, {answer.percent:.0f} %", fontsize=11)
    write_figure(figure, path)


def _told_of(file: Answer | None) -> str:
    """How many bytes the smallest JPEG file of which the same is said takes."""
    if file is None:
        return "no JPEG file is answered so"
    return f"smallest JPEG that says so: {file.size_bytes:,} bytes"
