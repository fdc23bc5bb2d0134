"""Tables of a point-cloud measurement, for the terminal, for documents and for the page."""

from __future__ import annotations

from collections.abc import Sequence

from isthmus.measure.percentiles import Percentiles
from isthmus.measure.pointcloud.measurement import Measurement
from isthmus.measure.pointcloud.point import STAGES, CodecPoint, Rate
from isthmus.measure.table import Table, number, with_rows


def rates_table(codecs: Sequence[CodecPoint]) -> Table:
    """Accuracy, and the bits a cloud at each layer, one cloud a message."""
    columns = ("codec", "top-1 %", "any heading %", "estimated", "coded", "packet", "message", "wire ↑", "wire ↓")
    rows = tuple(
        (
            p.name,
            number(p.top1_percent, 2),
            number(p.random_heading_top1_percent, 2),
            *_layers(p.rate),
            number(8 * p.wire_bytes.down),
        )
        for p in codecs
    )
    return Table("Bits a cloud, one cloud a message", columns, rows)


def coalesced_table(codecs: Sequence[CodecPoint]) -> Table:
    """The same bits with many clouds a packet."""
    columns = ("codec", "estimated", "coded", "packet", "message", "wire ↑", "wire ↓")
    rows = tuple((p.name, *_layers(p.coalesced_rate), number(8 * p.coalesced_wire_bytes.down)) for p in codecs)
    together = codecs[0].coalesced_clouds if codecs else 0
    return Table(f"Bits a cloud, {together} clouds a packet", columns, rows)


def _layers(rate: Rate) -> tuple[str, ...]:
    bits = (rate.estimated_bits, rate.coded_bits, rate.packet_bits, rate.message_bits, rate.wire_bits)
    return tuple(number(b) for b in bits)


def times_table(codecs: Sequence[CodecPoint]) -> Table:
    """Microseconds of each stage, median and 95th percentile, and the operations of the edge half."""
    columns = ("codec", *(stage.replace("_", " ") for stage in STAGES), "edge MACs")
    rows = tuple(
        (
            p.name,
            *(_microseconds(getattr(p.times, stage)) for stage in STAGES),
            number(p.edge_macs, 0) if p.edge_macs else "–",
        )
        for p in codecs
    )
    return Table("Microseconds a cloud, p50 / p95, one cloud a message", columns, rows)


def _microseconds(milliseconds: Percentiles) -> str:
    return f"{1e3 * milliseconds.p50:.0f} / {1e3 * milliseconds.p95:.0f}"


def comparisons_table(measurement: Measurement) -> Table:
    """Each family against each anchor."""
    columns = ("family", "against", "BD-rate %", "BD-accuracy, points", "the same, saturated")
    rows = tuple(
        (
            c.test,
            c.anchor,
            number(c.bd_rate_percent, 2, signed=True),
            number(c.bd_accuracy_points, 2, signed=True),
            number(c.saturated_bd_accuracy_points, 2, signed=True),
        )
        for c in measurement.comparisons
    )
    return Table("Deltas of the fronts (PCHIP on log rate, real coded bits)", columns, rows)


def fronts_table(measurement: Measurement) -> Table:
    """The front of each baseline, with the sweep point behind each of its points."""
    rows = []
    for name, curve in measurement.baselines.items():
        for bits, top1 in curve.points.tolist():
            found = next(p for p in measurement.sweeps[name] if (p.bits, p.top1_percent) == (bits, top1))
            rows.append((name, str(found.points), str(found.grid_bits), number(bits), number(top1, 2)))
    return Table("Fronts of the input codecs", ("codec", "points", "grid bits", "bits a cloud", "top-1 %"), tuple(rows))


def pointcloud_tables(measurement: Measurement) -> tuple[Table, ...]:
    """What the terminal and the page show, in order."""
    return with_rows(
        comparisons_table(measurement),
        rates_table(measurement.codecs),
        coalesced_table(measurement.codecs),
        times_table(measurement.codecs),
        fronts_table(measurement),
    )
