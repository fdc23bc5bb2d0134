"""The table of a sweep of lambda_q."""

from __future__ import annotations

from isthmus.measure.side_weight.measurement import SideWeightMeasurement
from isthmus.measure.table import Table, number


def side_weight_table(measurement: SideWeightMeasurement) -> Table:
    """A row a weight."""
    rows = tuple(
        (
            f"{row.weight:.4g}" + (" (best)" if row is measurement.best else ""),
            number(row.validation_gain_percent, 3),
            number(row.bits_per_pixel, 4),
            number(row.side_bits, 0),
            number(row.gap_closed_percent, 2),
            number(row.seconds, 0),
        )
        for row in measurement.rows
    )
    title = (
        f"{measurement.codec}, {measurement.way}, {measurement.data}; static {measurement.static_bits_per_pixel:.4f}"
    )
    heads = ("lambda_q", "gain on validation %", "bits a pixel", "side bits", "gap closed %", "s")
    return Table(title, heads, rows)
