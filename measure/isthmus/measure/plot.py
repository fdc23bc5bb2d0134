"""How every picture of a measurement begins and is written: matplotlib without a window, the same bytes each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isthmus.common.errors import MissingDependencyError


def new_figure(size_inches: tuple[float, float], dots_per_inch: int) -> Any:
    """An empty figure of matplotlib. MissingDependencyError without it (extra `measure`)."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("drawing needs matplotlib: pip install 'isthmus[measure]'") from error
    figure = Figure(figsize=size_inches, dpi=dots_per_inch, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def plain(axes: Any) -> None:
    """A pale grid behind what is drawn, and no frame at the top and right."""
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def write_figure(figure: Any, path: Path) -> None:
    """Write a picture; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # No date and no version in the file: the same numbers give the same bytes.
    figure.savefig(path, metadata={"Software": None})
