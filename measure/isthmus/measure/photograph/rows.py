"""The table of one photograph."""

from __future__ import annotations

from isthmus.measure.photograph.measurement import Answer, PhotographMeasurement
from isthmus.measure.table import Table, number


def photograph_table(measurement: PhotographMeasurement) -> Table:
    """A row for the packet, and for each format the file that answers as well and the one that is as small."""
    rows = [_row("", measurement.whole), _row("", measurement.ours)]
    rows += [_row("the smallest that says so", answer) for answer in measurement.same.values()]
    rows += [_row("the smallest that answers as well", answer) for answer in measurement.as_good.values()]
    rows += [_row("the best of no more bytes", answer) for answer, _ in measurement.as_small.values()]
    title = f"{measurement.data}, {measurement.seen.shape[1]} x {measurement.seen.shape[0]} pixels"
    return Table(title, ("sent as", "bytes", "answer", "%", "nats"), tuple(rows))


def _row(remark: str, answer: Answer) -> tuple[str, ...]:
    setting = "" if answer.setting != answer.setting else f" {answer.setting:g}"
    name = f"{answer.way}{setting}" + (f", {remark}" if remark else "")
    size = f"{answer.size_bytes:,}" if answer.size_bytes else "–"
    return name, size, answer.label, number(answer.percent, 1), number(answer.nats, 3)
