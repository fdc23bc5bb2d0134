"""What a run over many inputs comes to: answered, lost and why, and what the connections did."""

from __future__ import annotations

from isthmus.edge.report import Summary
from isthmus.edge.sender import Sender
from isthmus.edge.spooled import SpoolSender
from isthmus.edge.terms import DeliveryCounts


def run_summary(sender: Sender | SpoolSender) -> Summary:
    """Of inputs that each have their row: where the cloud or the way to it did something to them, else no more."""
    counts = sender.counts
    if not counts.lost and not counts.reconnects and not sender.lines():
        return Summary(sender.doubt.lines())
    fields: dict[str, object] = {"answered": sender.answered_count, "failed": sender.failed_count}
    fields["lost"] = sum(counts.lost.values())
    line = f"{sender.answered_count} answered, {sender.failed_count} came to nothing"
    lines = (*sender.doubt.lines(), line, *delivery_lines(counts), *sender.lines())
    return Summary(lines, fields | delivery_fields(counts))


def delivery_lines(counts: DeliveryCounts) -> tuple[str, ...]:
    """For people: what was lost, and what the connections that broke came to; none where nothing was."""
    lines = []
    if counts.lost:
        reasons = ", ".join(f"{count} {name}" for name, count in sorted(counts.lost.items()))
        lines.append(f"lost: {reasons}")
    if counts.reconnects:
        lines.append(
            f"{counts.reconnects} connections opened anew, {counts.resumed} of them where the cloud held the stream; "
            f"{counts.again} packets sent again"
        )
    return tuple(lines)


def delivery_fields(counts: DeliveryCounts) -> dict[str, object]:
    """For programs."""
    return {
        "reconnects": counts.reconnects,
        "resumed": counts.resumed,
        "sent_again": counts.again,
        "lost_by_reason": dict(sorted(counts.lost.items())),
    }
