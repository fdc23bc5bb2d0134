"""A plan on a terminal, and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from isthmus.split.plan import Plan

MEGA, KILO = 1e6, 1e3


def plan_table(plan: Plan) -> Group:
    """Cuts, the two ways without one, and which is best."""
    options = plan.options
    table = Table(
        title=f"{plan.network}, frames {plan.height} x {plan.width}, {plan.macs / MEGA:,.1f} MMAC",
        title_justify="left",
        header_style="bold",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("cut at", no_wrap=True)
    for head in ("latents", "stride", "edge MMAC", "cloud MMAC", "kbit", "agree %", "edge ms", "cloud ms", "ms"):
        table.add_column(head, justify="right", no_wrap=True)
    for p in plan.cuts:
        is_best = p.cut.tensor == plan.best
        table.add_row(
            p.cut.tensor + (" ◄ best" if is_best else ""),
            " x ".join(map(str, p.cut.shape)),
            str(p.cut.stride),
            f"{p.cut.edge_macs / MEGA:,.1f}",
            f"{p.cut.cloud_macs / MEGA:,.1f}",
            f"{p.bits / KILO:,.1f}",
            f"{p.agreement_percent:.1f}",
            f"{p.edge_ms:.1f}",
            f"{p.cloud_ms:.1f}",
            f"{p.latency_ms:,.1f}",
            style="bold green" if is_best else "",
        )
    table.add_section()
    jpeg = f"{plan.jpeg_bits / KILO:,.1f}"
    table.add_row(
        f"cloud only (JPEG {options.jpeg_quality})",
        "",
        "",
        "0.0",
        f"{plan.macs / MEGA:,.1f}",
        jpeg,
        "",
        "",
        "",
        f"{plan.cloud_only_ms:,.1f}",
    )
    table.add_row(
        "edge only", "", "", f"{plan.macs / MEGA:,.1f}", "0.0", "0.0", "100.0", "", "", f"{plan.edge_only_ms:,.1f}"
    )
    return Group(table, Text(_said(plan)))


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as plain containers."""
    document = asdict(plan)
    document["cuts"] = [p | p.pop("cut") for p in document["cuts"]]
    return document | {"verdict": plan.verdict}


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
