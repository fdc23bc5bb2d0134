"""Tables of a point-cloud measurement, for the terminal, for documents and for the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isthmus.measure.percentiles import Percentiles
from isthmus.measure.pointcloud.measurement import Measurement
from isthmus.measure.pointcloud.point import STAGES, CodecPoint, Rate
from isthmus.measure.table import Table, number, with_rows

LEAST_LAYERS = ("wire ↓", "estimated", "coded", "message", "wire ↑")
"""What is left out first on a narrow screen: packets are what is compared."""


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
    return Table("Bits a cloud, one cloud a message", columns, rows, least=LEAST_LAYERS)


def coalesced_table(codecs: Sequence[CodecPoint]) -> Table:
    """The same bits with many clouds a packet."""
    columns = ("codec", "estimated", "coded", "packet", "message", "wire ↑", "wire ↓")
    rows = tuple((p.name, *_layers(p.coalesced_rate), number(8 * p.coalesced_wire_bytes.down)) for p in codecs)
    together = codecs[0].coalesced_clouds if codecs else 0
    return Table(f"Bits a cloud, {together} clouds a packet", columns, rows, least=LEAST_LAYERS)


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
    least = ("edge MACs", "cloud decode", "entropy encode", "cloud task", "wire")
    return Table("Microseconds a cloud, p50 / p95, one cloud a message", columns, rows, least=least)


def _microseconds(milliseconds: Percentiles) -> str:
    return f"{1e3 * milliseconds.p50:.0f} / {1e3 * milliseconds.p95:.0f}"


def comparisons_table(measurement: Measurement) -> Table:
    """Each family against each anchor."""
    columns = (
        "family",
        "against",
        "points, and of how many",
        "over top-1 %",
        "BD-rate %",
        "BD-accuracy, points",
        "the same, saturated",
    )
    rows = tuple(
        (
            c.test,
            c.anchor_settings,
            c.points.cell,
            f"{number(c.low_percent)} to {number(c.high_percent)}" if np.isfinite(c.low_percent) else "–",
            number(c.bd_rate_percent, 2, signed=True),
            number(c.bd_accuracy_points, 2, signed=True),
            number(c.saturated_bd_accuracy_points, 2, signed=True),
        )
        for c in measurement.comparisons
    )
    least = ("the same, saturated", "points, and of how many", "over top-1 %", "BD-accuracy, points")
    title = "Deltas of the fronts (PCHIP on log rate, real coded bits)"
    return Table(title, columns, rows, texts=("against",), least=least)


def families_table(measurement: Measurement) -> Table:
    """Which rate points stand for each family, and who chose them."""
    columns = (
        "family",
        "chosen on",
        "front",
        "chosen",
        "there %",
        "on test %",
        "any heading %",
        "best on test %",
    )
    rows = []
    for family in measurement.families.values():
        chosen, best = family.chosen, family.best_on_test()
        judged = chosen.validation.top1_percent if chosen.validation is not None else chosen.top1_percent
        rows.append(
            (
                family.name,
                family.chosen_on,
                " ".join(f"q{p.parts.step}" for p in family.front),
                f"q{chosen.parts.step}",
                number(judged, 2),
                number(chosen.top1_percent, 2),
                number(chosen.random_heading_top1_percent, 2),
                f"q{best.parts.step}: {number(best.top1_percent, 2)}",
            )
        )
    title = "The rate points that stand for each family, and their top-1"
    return Table(
        title, columns, tuple(rows), texts=("chosen on", "front"), least=("best on test %", "chosen on", "there %")
    )


def rivals_table(measurement: Measurement) -> Table:
    """What each input codec was told."""
    columns = ("codec", "what it is", "settings", "counted", "front")
    rows = []
    for name, front in measurement.baselines.items():
        rival = measurement.rivals.get(name)
        settings, counted = (rival.settings, rival.counted) if rival is not None else ("–", "–")
        chosen = f"{len(front.members)} of {front.measured}, chosen on {front.chosen_on}"
        rows.append((name, front.about, settings, counted, chosen))
    title = "The input codecs, each before the PointNet that was trained for its points"
    return Table(title, columns, tuple(rows), texts=columns[1:])


def fronts_table(measurement: Measurement) -> Table:
    """The front of each baseline, with the sweep point behind each of its points."""
    rows = []
    for name, front in measurement.baselines.items():
        for bits, top1 in front.members.tolist():
            found = next(p for p in measurement.sweeps[name] if (p.bits, p.top1_percent) == (bits, top1))
            rows.append((name, str(found.points), str(found.grid_bits), number(bits), number(top1, 2)))
    title = "Fronts of the input codecs (chosen on test, in their favour)"
    return Table(title, ("codec", "points", "grid bits", "bits a cloud", "top-1 %"), tuple(rows))


def pointcloud_tables(measurement: Measurement) -> tuple[Table, ...]:
    """What the terminal and the page show, in order."""
    return with_rows(
        comparisons_table(measurement),
        families_table(measurement),
        rates_table(measurement.codecs),
        coalesced_table(measurement.codecs),
        times_table(measurement.codecs),
        fronts_table(measurement),
        rivals_table(measurement),
    )
