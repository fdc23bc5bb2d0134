"""A plan on a terminal, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from isthmus.common.tasks import CLASSIFY
from isthmus.split.plan import Plan, PlannedCut
from isthmus.split.plan_words import columns_said, heads_of, verdict_said
from isthmus.split.ways import BANDWIDTHS_MBIT_PER_S, KILO, MEGA, Link, Way, fastest, reigns

MARGIN = 2
BEST = " ◄"
FIRST_GONE = ("cloud MMAC", "median", "stride", "latents", "kbit q", "b", "cloud ms", "edge MMAC", "edge ms", "agree %")
"""Columns left out in this order on a screen that is too narrow, by their name or its beginning or end."""


def plan_table(plan: Plan, width: int = 0) -> Group:
    """Cuts, the ways without one, latency by bandwidth, and which is best and why.

    Args:
        plan: measured.
        width: of the screen, for which columns are left out; 0 for any.
    """
    table = _table(f"{plan.network}, frames {plan.height} x {plan.width}, {plan.macs / MEGA:,.1f} MMAC")
    heads = heads_of(plan)
    rows = [_cut_row(plan, p) for p in plan.cuts] + [_way_row(plan, way, len(heads)) for way in plan.others]
    kept = _kept(heads, rows, width)
    table.add_column("cut at", no_wrap=not width, overflow="fold")
    for head in kept:
        table.add_column(head, justify="right", no_wrap=True)
    for place, row in enumerate(rows):
        if place == len(plan.cuts):
            table.add_section()
        is_best = place < len(plan.cuts) and plan.cuts[place].cut.tensor == plan.best
        table.add_row(row[0], *(row[1 + heads.index(head)] for head in kept), style="bold green" if is_best else "")
    words = "\n".join((*verdict_said(plan), "", *columns_said(plan, kept)))
    return Group(table, _by_bandwidth(plan, width), Text(words))


def ways_told(plan: Plan) -> tuple[Way, ...]:
    """Those worth a row or a line: without a cut, and the cuts that are the best at some bandwidth or at the asked."""
    cuts = [p.way for p in plan.able]
    chosen = {r.way.name for r in reigns(cuts, plan.options.delay_ms)} if cuts else set()
    chosen |= {f"split at {plan.best}"}
    return (*(way for way in cuts if way.name in chosen), *plan.others)


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as plain containers; what is not known is null."""
    document = asdict(plan)
    document["cuts"] = [_cut_json(p) for p in plan.cuts]
    delay_ms = plan.options.delay_ms
    document["latency_ms_by_mbit_per_s"] = {
        f"{b:g}": {way.name: way.latency_ms(Link(b, delay_ms)) for way in plan.ways} for b in BANDWIDTHS_MBIT_PER_S
    }
    document["least_by_mbit_per_s"] = [
        {"way": r.way.name, "from": r.least, "to": r.most} for r in reigns(plan.ways, delay_ms)
    ]
    document |= {"best": plan.best, "verdict": plan.verdict, "why": list(verdict_said(plan))}
    known: dict[str, Any] = _known(document)
    return known


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", header_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))


def _by_bandwidth(plan: Plan, width: int) -> Table:
    links = [Link(b, plan.options.delay_ms) for b in BANDWIDTHS_MBIT_PER_S]
    table = _table("ms from frame to answer, by Mbit/s")
    table.add_column("way", no_wrap=not width, overflow="fold")
    for link in links:
        table.add_column(f"{link.bandwidth_mbit_per_s:g}", justify="right", no_wrap=True)
    least = [fastest(plan.ways, link) for link in links]
    for way in ways_told(plan):
        told = [f"{way.latency_ms(link):,.0f}" for link in links]
        cells = [
            Text(t + (BEST if way == w else "  "), "bold green" if way == w else "")
            for t, w in zip(told, least, strict=True)
        ]
        table.add_row(way.name, *cells)
    return table


def _cell(way: Way, link: Link, *, is_least: bool) -> Text:
    told = f"{way.latency_ms(link):,.0f}"
    return Text(told + BEST, "bold green") if is_least else Text(told + " " * len(BEST))


def _cut_row(plan: Plan, p: PlannedCut) -> tuple[str, ...]:
    own = plan.own(p)
    moved = [own.moved, own.moved_median]
    told = [f"{m:.3f}" for m in moved] if plan.task == CLASSIFY else [f"{100 * m:.2f}" for m in moved]
    return (
        p.cut.tensor.replace(",", "\n") + (f"{BEST} best" if p.cut.tensor == plan.best else ""),
        "\n".join(" x ".join(map(str, t.shape)) for t in p.cut.tensors),
        "\n".join(str(t.stride) for t in p.cut.tensors),
        f"{p.cut.edge_macs / MEGA:,.1f}",
        f"{p.cut.cloud_macs / MEGA:,.1f}",
        *(f"{point.bits / KILO:,.1f}" for point in p.points),
        *told,
        f"{own.agreement_percent:.1f}",
        _or_dash(p.bits / KILO),
        f"{p.edge_ms:.1f}",
        f"{p.cloud_ms:.1f}",
        _or_dash(p.latency_ms),
    )


def _way_row(plan: Plan, way: Way, count: int) -> tuple[str, ...]:
    """Of a way without a cut: all of the network in the cloud, or on the edge."""
    macs = (f"{plan.macs / MEGA:,.1f}", "0.0") if not way.bits else ("0.0", f"{plan.macs / MEGA:,.1f}")
    last = (_or_dash(way.bits / KILO), f"{way.edge_ms:.1f}", f"{way.cloud_ms:.1f}", f"{way.latency_ms(plan.link):,.1f}")
    return (way.name, "", "", *macs, *[""] * (count - 4 - len(last)), *last)


def _or_dash(number: float) -> str:
    return f"{number:,.1f}" if math.isfinite(number) else "–"


def _kept(heads: Sequence[str], rows: Sequence[tuple[str, ...]], width: int) -> list[str]:
    """The heads that a screen has room for."""
    kept = list(heads)
    cells = [[max(map(len, cell.split("\n"))) for cell in row] for row in rows]
    widths = {h: max(len(h), *(row[1 + i] for row in cells)) for i, h in enumerate(heads)}
    name = max(row[0] for row in cells)
    for gone in FIRST_GONE:
        if not width or MARGIN + name + sum(2 + widths[h] for h in kept) <= width:
            break
        kept = [h for h in kept if not _is_named(h, gone)]
    return kept


def _is_named(head: str, gone: str) -> bool:
    if gone == "b":
        return head.startswith("kbit ") and head.endswith("b")
    return head.startswith(gone)


def _cut_json(p: PlannedCut) -> dict[str, Any]:
    fields: dict[str, Any] = asdict(p)
    cut: dict[str, Any] = fields.pop("cut")
    tensors = [{name: t[name] for name in ("name", "shape", "stride")} for t in cut.pop("tensors")]
    told = {"tensor": p.cut.tensor, "shape": list(p.cut.shape), "stride": p.cut.stride, "latents": p.cut.latents}
    return fields | cut | told | {"tensors": tensors}


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _known(v) for name, v in value.items()}
    if isinstance(value, list | tuple):
        return [_known(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
