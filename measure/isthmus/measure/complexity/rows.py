"""Tables of complexity: ratios by contest, and every part."""

from __future__ import annotations

from isthmus.measure.complexity.measurement import ComplexityMeasurement
from isthmus.measure.complexity.sides import HYPERPRIOR, PARTS, TABLES
from isthmus.measure.table import Table, number

MILLION = 1e6


def ratio_table(measurement: ComplexityMeasurement) -> Table:
    """A row a contest and side: the hyperprior's over its own."""
    rows = []
    for one in measurement.comparisons:
        for side in one.sides:
            if side == HYPERPRIOR:
                continue
            tables = number(one.ratio("time", side, (*PARTS, TABLES)), 2) if one.has(side, TABLES) else "–"
            ratios = (number(one.ratio(quantity, side), 2) for quantity in ("macs", "instructions", "time"))
            rows.append((f"{one.title}: {side}", *ratios, tables, number(one.saved_percent(side), 2)))
    heads = ("hyperprior over", "MACs", "instructions", "time", "time, tables too", "saved of a whole codec's MACs %")
    return Table("How many times a hyperprior's cost", heads, tuple(rows))


def parts_table(measurement: ComplexityMeasurement) -> Table:
    """A row a part."""
    rows = tuple(
        (
            f"{one.title}: {part.side}, {part.name.replace('_', ' ')}",
            number(part.macs, 2) if part.macs else "–",
            number(part.instructions / MILLION, 2),
            number(part.time, 3),
        )
        for one in measurement.comparisons
        for part in one.parts
    )
    size = f"{measurement.width} x {measurement.height}"
    return Table(f"An image of {size}, one thread", ("part", "MACs a pixel", "million instructions", "ms"), rows)
