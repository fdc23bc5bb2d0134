"""The table of pooling factors: a row an n and k."""

from __future__ import annotations

import math

from isthmus.measure.motion_factors.measurement import FactorMeasurement, Spread
from isthmus.measure.table import Table, number


def factors_table(measurement: FactorMeasurement) -> Table:
    """Means over the seeds, and their deviation."""
    rows = []
    for cell in measurement.cells:
        pooling, factor, count = cell
        found = {name: measurement.spread(cell, name) for name in ("gain", "left_percent", "nrmse", "relative")}
        rows.append(
            (
                f"{pooling}, {factor} x {factor}, {count} times",
                str(factor**count),
                _said(found["gain"], 3),
                _said(found["left_percent"], 1),
                _said(found["nrmse"], 4),
                _said(found["relative"], 3),
                _said(measurement.top1(pooling, factor), 1),
                str(found["gain"].seeds),
            )
        )
    columns = ("pooling", "n^k", "v' / (v / n^k)", "error left %", "NRMSE", "over deviation", "top-1 %", "seeds")
    title = f"Motion after k poolings by n, {measurement.data}: mean ± deviation over seeds"
    return Table(title, columns, tuple(rows))


def _said(spread: Spread, digits: int) -> str:
    if math.isnan(spread.mean):
        return "–"
    deviation = "" if math.isnan(spread.deviation) else f" ± {number(spread.deviation, digits)}"
    return number(spread.mean, digits) + deviation
