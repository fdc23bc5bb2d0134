"""A plan in words: which way is best over which link and why, when not to cut, and what the columns mean."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from isthmus.common.tasks import CLASSIFY
from isthmus.split.plan import Plan, PlannedCut
from isthmus.split.ways import KILO, MEGA, Way, fastest, reigns

MOST_NAMED = 4
"""Cuts that are passed over and named."""
MORE_BITS = 8


def heads_of(plan: Plan) -> tuple[str, ...]:
    """Columns of the table of cuts, behind the cut's name."""
    unit = "b" if plan.options.bits else ""
    mark = "" if plan.options.bits else "q"
    qualities = [p.quality for p in plan.cuts[0].points] if plan.cuts else []
    at = f"kbit at {loss_said(plan)}"
    moved = ("KL", "median") if plan.task == CLASSIFY else ("off %", "median %")
    sizes = (f"kbit {mark}{quality}{unit}" for quality in qualities)
    return ("latents", "stride", "edge MMAC", "cloud MMAC", *sizes, *moved, "agree %", at, "edge ms", "cloud ms", "ms")


def loss_said(plan: Plan) -> str:
    """The distance that answers may move: 0.1 nats, or 1 %."""
    return f"{plan.target:g}" if plan.task == CLASSIFY else f"{100 * plan.target:g} %"


def columns_said(plan: Plan, shown: Collection[str]) -> Iterator[str]:
    """What the columns mean, those that are shown."""
    own = f"at {plan.options.bits} bits" if plan.options.bits else "at the codec's own quality, 5"
    what = "nats (Kullback-Leibler)" if plan.task == CLASSIFY else "per cent of their variance"
    agree = "are the same class" if plan.task == CLASSIFY else "are alike (mean cosine of the outputs)"
    nats = " nats" if plan.task == CLASSIFY else ""
    speeds = f"{_speed(plan.options.edge_gmacs_per_s, plan.options.edge_factor, 'slow')}"
    cloud = f"{_speed(plan.options.cloud_gmacs_per_s, plan.options.cloud_factor, 'fast')}"
    said = {
        "MMAC": "multiply-accumulates of a frame, in millions, on either side",
        "kbit q": "a frame's thousands of bits at --quality 3, 5 and 7, by the tables' code length",
        "kbit at": f"a frame's thousands of bits where answers move by {loss_said(plan)}{nats} on average, read "
        "between qualities; ways are compared there",
        "KL": f"by how far answers move {own}, in {what}: mean and median over images that did not calibrate",
        "off %": f"by how far answers move {own}, in {what}: mean and median over images that did not calibrate",
        "agree": f"how many answers {agree} as the whole network's",
        "edge ms": f"a frame on the edge, coding included: one thread of this machine{speeds}",
        "cloud ms": f"a frame in the cloud, decoding included: one thread of this machine{cloud}",
        "ms": "from frame to answer over an idle link",
    }
    for start, words in said.items():
        if any(head == start or (start != "ms" and start in head) for head in shown):
            name = start if start not in ("kbit q", "kbit at") else next(h for h in shown if start in h)
            yield f"{'kbit q3, q5, q7' if start == 'kbit q' else name}: {words}."


def verdict_said(plan: Plan) -> Iterator[str]:
    """Why this cut, or none."""
    images = f"{plan.pictures}: {plan.calibrated} images calibrate, {plan.measured} others are measured."
    yield images
    if plan.passed_over:
        named = ", ".join(plan.passed_over[:MOST_NAMED])
        more = f" and {len(plan.passed_over) - MOST_NAMED} more" if len(plan.passed_over) > MOST_NAMED else ""
        yield f"Not measured, as they come later than another cut and have over twice its latents: {named}{more}."
    link = plan.link
    if not plan.able:
        advice = ": take more bits" if 0 < plan.options.bits < MORE_BITS else ""
        yield f"No cut keeps the answers within {loss_said(plan)} at any quality that was measured{advice}."
    else:
        best = next(p for p in plan.able if p.cut.tensor == plan.best)
        yield from _why(plan, best)
    told = [f"{r.way.name} {_span(r.least, r.most)}" for r in reigns(plan.ways, link.delay_ms)]
    yield f"Least latency by bandwidth, {link.delay_ms:g} ms each way: {'; '.join(told)}."


def _why(plan: Plan, best: PlannedCut) -> Iterator[str]:
    link = plan.link
    fast = fastest(plan.ways, link)
    crossing = KILO * best.bits / MEGA / link.bandwidth_mbit_per_s
    share = 100 * best.cut.edge_macs / plan.macs
    parts = (
        f"{best.edge_ms:.1f} ms on the edge, which does {share:.0f} % of the work, {crossing:.1f} ms for "
        f"{best.bits / KILO:.1f} kbit, {2 * link.delay_ms:g} ms of delay and {best.cloud_ms:.1f} ms in the cloud"
    )
    rivals = "; ".join(_rival(way, plan) for way in plan.others)
    if fast.name == best.way.name:
        yield f"At {link.bandwidth_mbit_per_s:g} Mbit/s cut at {best.cut.tensor}: {best.latency_ms:.1f} ms, {parts}."
        yield f"Without a cut: {rivals}."
    else:
        yield f"At {link.bandwidth_mbit_per_s:g} Mbit/s do not cut: {fast.name} takes least. {rivals}."
        yield f"The best cut is {best.cut.tensor}: {best.latency_ms:.1f} ms, {parts}."


def _rival(way: Way, plan: Plan) -> str:
    size = f" for {way.bits / KILO:.1f} kbit" if way.bits else ""
    return f"{way.name} takes {way.latency_ms(plan.link):.1f} ms{size}"


def _span(least: float, most: float) -> str:
    if not least and most == float("inf"):
        return "at any"
    if not least:
        return f"up to {most:.2g} Mbit/s"
    return f"from {least:.2g} on" if most == float("inf") else f"from {least:.2g} to {most:.2g}"


def _speed(gmacs_per_s: float, factor: float, what: str) -> str:
    if gmacs_per_s:
        return f", as if the whole network ran at {gmacs_per_s:g} GMAC/s"
    return "" if factor == 1 else f", {factor:g} times as {what}"
