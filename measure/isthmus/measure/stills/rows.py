"""The tables of a measurement of labelled stills."""

from __future__ import annotations

import math

from isthmus.measure.stills.measurement import LOSSES_POINTS, StillMeasurement
from isthmus.measure.table import Table, number


def still_tables(measurement: StillMeasurement) -> tuple[Table, ...]:
    """Every point, and the bits at which a little accuracy is lost."""
    points = []
    for curve in (*measurement.curves, *measurement.rivals):
        for point in curve.points:
            told = point.to_json()
            own = " (own)" if point.setting == curve.own else ""
            columns = ("kbit", "top1_percent", "agreement_percent")
            cells = (number(told[name], 2) for name in columns)
            points.append((f"{curve.name} {point.setting:g}{own}", *cells, number(told["nats"], 4)))
    losses = []
    for curve in (*measurement.curves, *measurement.rivals):
        found = [curve.kbit_at(lost, measurement.factor) for lost in LOSSES_POINTS]
        losses.append((curve.name, *(_said(*kbit) for kbit in found)))
    title = f"{measurement.images} images of {measurement.data}, whole network {measurement.top1_whole_percent:.1f} %"
    heads = tuple(f"{lost:g} points lost" for lost in LOSSES_POINTS)
    return (
        Table(title, ("codec or format", "kbit", "top-1 %", "agree %", "nats"), tuple(points)),
        Table("kilobits an image, loss smoothed, and standard errors over images", ("", *heads), tuple(losses)),
    )


def _said(kbit: float, error: float) -> str:
    if not math.isfinite(kbit):
        return "–"
    return f"{kbit:.1f} ± {error:.1f}" if math.isfinite(error) else f"{kbit:.1f}"
