"""A plan on a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from isthmus.split.plan import Plan, PlannedCut

MEGA, KILO = 1e6, 1e3
MARGIN = 2


HEADS = ("latents", "stride", "edge MMAC", "cloud MMAC", "kbit", "agree %", "edge ms", "cloud ms", "ms")
LEAST_IMPORTANT = ("cloud ms", "edge ms", "cloud MMAC", "edge MMAC", "stride", "latents")
"""Left out in this order on a screen that is too narrow: tensor, bits, agreement and latency stay."""


def plan_table(plan: Plan, width: int = 0) -> Group:
    """Cuts, the two ways without one, and which is best.

    Args:
        plan: measured.
        width: of the screen, for which columns are left out; 0 for any.
    """
    options = plan.options
    table = Table(
        title=f"{plan.network}, frames {plan.height} x {plan.width}, {plan.macs / MEGA:,.1f} MMAC",
        title_justify="left",
        header_style="bold",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    rows = [_cut_row(plan, p) for p in plan.cuts]
    rows += [
        _way_row(f"cloud only (JPEG {options.jpeg_quality})", plan, cloud=True),
        _way_row("edge only", plan, cloud=False),
    ]
    kept = _kept(rows, width)
    table.add_column("cut at", no_wrap=not width, overflow="fold")
    for head in kept:
        table.add_column(head, justify="right", no_wrap=True)
    for place, row in enumerate(rows):
        if place == len(plan.cuts):
            table.add_section()
        is_best = place < len(plan.cuts) and plan.cuts[place].cut.tensor == plan.best
        table.add_row(row[0], *(row[1 + HEADS.index(head)] for head in kept), style="bold green" if is_best else "")
    return Group(table, Text(_said(plan)))


def _cut_row(plan: Plan, p: PlannedCut) -> tuple[str, ...]:
    return (
        p.cut.tensor.replace(",", "\n") + (" ◄ best" if p.cut.tensor == plan.best else ""),
        "\n".join(" x ".join(map(str, t.shape)) for t in p.cut.tensors),
        "\n".join(str(t.stride) for t in p.cut.tensors),
        f"{p.cut.edge_macs / MEGA:,.1f}",
        f"{p.cut.cloud_macs / MEGA:,.1f}",
        f"{p.bits / KILO:,.1f}",
        f"{p.agreement_percent:.1f}",
        f"{p.edge_ms:.1f}",
        f"{p.cloud_ms:.1f}",
        f"{p.latency_ms:,.1f}",
    )


def _way_row(name: str, plan: Plan, *, cloud: bool) -> tuple[str, ...]:
    """Of a way without a cut: all of the network in the cloud, or on the edge."""
    macs = f"{plan.macs / MEGA:,.1f}"
    if cloud:
        return name, "", "", "0.0", macs, f"{plan.jpeg_bits / KILO:,.1f}", "", "", "", f"{plan.cloud_only_ms:,.1f}"
    return name, "", "", macs, "0.0", "0.0", "100.0", "", "", f"{plan.edge_only_ms:,.1f}"


def _kept(rows: Sequence[tuple[str, ...]], width: int) -> list[str]:
    """The heads that a screen has room for."""
    kept = list(HEADS)
    widths = {h: max(len(h), *(len(row[1 + i]) for row in rows)) for i, h in enumerate(HEADS)}
    name = max(len(row[0]) for row in rows)
    for head in LEAST_IMPORTANT:
        if not width or MARGIN + name + sum(2 + widths[h] for h in kept) <= width:
            break
        kept.remove(head)
    return kept


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as plain containers."""
    document = asdict(plan)
    document["cuts"] = [_cut_json(p) for p in plan.cuts]
    return document | {"verdict": plan.verdict}


def _cut_json(p: PlannedCut) -> dict[str, Any]:
    fields: dict[str, Any] = asdict(p)
    cut: dict[str, Any] = fields.pop("cut")
    tensors = [{name: t[name] for name in ("name", "shape", "stride")} for t in cut.pop("tensors")]
    told = {"tensor": p.cut.tensor, "shape": list(p.cut.shape), "stride": p.cut.stride, "latents": p.cut.latents}
    return fields | cut | told | {"tensors": tensors}


def _said(plan: Plan) -> str:
    options = plan.options
    edge = f"{options.edge_gmacs_per_s:g} GMAC/s" if options.edge_gmacs_per_s else "this machine, one thread"
    cloud = f"{options.cloud_factor:g} times this machine"
    if options.cloud_gmacs_per_s:
        cloud = f"{options.cloud_gmacs_per_s:g} GMAC/s"
    lines = [
        f"{options.bits}-bit quantiser; {plan.pictures}: {plan.calibrated} images calibrate, {plan.measured} others "
        "are measured.",
        f"Link {options.bandwidth_mbit_per_s:g} Mbit/s, {options.delay_ms:g} ms each way; edge: {edge}; "
        f"cloud: {cloud}.",
    ]
    if not plan.best:
        lines.append(
            f"No cut agrees in {options.least_agreement_percent:g} % of the images with the whole network: take more "
            "bits."
        )
    else:
        lines.append(f"Least latency of all ways: {plan.verdict}.")
    return "\n".join(lines)
