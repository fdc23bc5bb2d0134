"""The tables of a sweep over points."""

from __future__ import annotations

from isthmus.measure.point_sweep.measurement import PointSweepMeasurement
from isthmus.measure.point_sweep.sweep_point import SweepPoint
from isthmus.measure.table import Table, number


def fronts_table(measurement: PointSweepMeasurement) -> Table:
    """The front over all numbers of points, of each configuration."""
    heads = (
        *("config", "points", "λ", "top-1 %", "estimated", "coded", "packet"),
        *("edge MACs", "decoder MACs", "edge weights", "decoder weights"),
    )
    rows = tuple(_row(point) for config in measurement.configs for point in measurement.front(config))
    title = f"Front over the points a cloud, chosen on validation; {measurement.data}"
    return Table(title, heads, rows, least=("edge weights", "decoder weights", "estimated", "packet", "decoder MACs"))


def _row(point: SweepPoint) -> tuple[str, ...]:
    bits = (point.estimated_bits, point.coded_bits, point.packet_bits)
    work = (point.edge_macs, point.decoder_macs, point.edge_parameters, point.decoder_parameters)
    return (
        point.config,
        str(point.points),
        f"{point.trade_off:g}",
        number(point.top1_percent, 2),
        *(number(b) for b in bits),
        *(number(count, 0) for count in work),
    )


def spreads_table(measurement: PointSweepMeasurement) -> Table:
    """Rate points of several seeds."""
    rows = tuple(
        (
            spread.config,
            str(spread.points),
            f"{spread.trade_off:g}",
            str(spread.seeds),
            f"{spread.top1_percent:.2f} ± {spread.top1_deviation:.2f}",
            f"{spread.coded_bits:.1f} ± {spread.coded_bits_deviation:.1f}",
        )
        for spread in measurement.spreads
    )
    return Table("Seeds: mean ± deviation", ("config", "points", "λ", "seeds", "top-1 %", "coded bits"), rows)
