"""The tables of abuse and load."""

from __future__ import annotations

from isthmus.measure.abuse.load import Load
from isthmus.measure.abuse.run import Beside
from isthmus.measure.percentiles import Percentiles
from isthmus.measure.table import Table, number


def abuse_table(found: tuple[Beside, ...]) -> Table:
    """A row an attack."""
    rows = []
    for row in found:
        alone = Percentiles.of(row.alone.latencies_ms)
        beside = Percentiles.of(row.beside.latencies_ms or [float("nan")])
        rows.append(
            (
                row.attack,
                *(number(alone.p50, 2), number(alone.p95, 2), number(beside.p50, 2), number(beside.p95, 2)),
                *(number(row.ratio, 2), str(row.beside.failures), number(row.peak_mb, 0)),
            )
        )
    columns = ("attack", "p50 alone", "p95 alone", "p50", "p95", "ratio", "failures", "peak MiB")
    return Table("A victim beside each attack, milliseconds", columns, tuple(rows), texts=("attack",))


def load_table(found: Load) -> Table:
    """A row for the streams at a time, and one for those in turn."""
    over_peers = Percentiles.of(found.medians_ms)
    failures = sum(peer.failures for peer in found.peers)
    rows = (
        ("streams at a time", f"{found.streams:,}"),
        ("frames not answered", f"{failures:,}"),
        ("middle of a peer's frames, ms: half of the peers, 95 %", f"{over_peers.p50:.2f}, {over_peers.p95:.2f}"),
        ("fairness: the second over the first", f"{over_peers.p95 / over_peers.p50:.2f}"),
        ("streams in turn, failed", f"{found.in_turn:,}, {found.failures:,}"),
        ("memory grown by, MiB", f"{found.memory_mb:.1f}"),
        ("descriptors grown by", f"{found.descriptors}"),
        ("peak, MiB", f"{found.peak_mb:.0f}"),
    )
    return Table("Many streams", ("what", "how much"), rows, texts=("what",))
