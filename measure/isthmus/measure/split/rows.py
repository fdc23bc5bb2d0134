"""The table of a split measurement."""

from __future__ import annotations

from isthmus.measure.split.measurement import SplitMeasurement
from isthmus.measure.table import Table, number


def split_table(measurement: SplitMeasurement) -> Table:
    """All points."""
    rows = [("whole network", "", number(measurement.macs / 1e6), "", number(measurement.top1_whole_percent, 2), "100")]
    for curve in measurement.curves:
        for p in curve.points:
            rows.append(
                (
                    f"{curve.tensor}, {p.bits} bits",
                    str(curve.stride),
                    number(curve.edge_macs / 1e6),
                    number(p.bits_per_frame / 1e3),
                    number(p.top1_percent, 2),
                    number(p.agreement_percent, 2),
                )
            )
    for p in measurement.jpeg:
        rows.append(
            (
                f"JPEG {p.bits}, cloud only",
                "",
                "0.0",
                number(p.bits_per_frame / 1e3),
                number(p.top1_percent, 2),
                number(p.agreement_percent, 2),
            )
        )
    title = f"{measurement.model} on {measurement.tested} images of {measurement.data}"
    return Table(title, ("cut", "stride", "edge MMAC", "kbit a frame", "top-1 %", "agree %"), tuple(rows))
