"""The table of rebuilt distributions."""

from __future__ import annotations

import numpy as np

from isthmus.measure.distributions.measurement import WAYS, DistributionMeasurement
from isthmus.measure.table import Table, number


def distributions_table(measurement: DistributionMeasurement) -> Table:
    """A row for each codec and way: medians and extremes over images."""
    rows = []
    for row in measurement.rows:
        for way in WAYS:
            errors = row.of_images(way)
            rows.append(
                (row.codec, way, *(number(float(v), 4) for v in (np.median(errors), errors.min(), errors.max())))
            )
    title = f"error of rebuilt distributions, {measurement.data} (NRMSE, mean over channels)"
    return Table(title, ("codec", "tables", "median", "least", "most"), tuple(rows))
