"""Pictures of a motion measurement: sweeps beside the published curves, and what the error is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isthmus.measure.motion.maps import SWEEPS
from isthmus.measure.motion.measurement import MotionMeasurement, TapResult
from isthmus.measure.motion.published import LAYERS, Curves, published_random
from isthmus.measure.motion.warp import KERNELS
from isthmus.measure.plot import new_figure, plain, write_figure

DOTS_PER_INCH = 120
# Okabe and Ito: a colour a stride, a dash a network; published curves are pale.
STRIDE_COLOURS = {2: "#E69F00", 4: "#009E73", 8: "#0072B2", 16: "#D55E00", 32: "#CC79A7"}
PALE = {2: "#f3d79b", 8: "#a9c9e0", 16: "#eeb99c"}
DASHES = ("-", "--", "-.")
MARKERS = {"max": "s", "mean": "o", "stride": "^", "blur": "D", "max-blur": "v"}
KIND_COLOURS = {"max": "#D55E00", "mean": "#E69F00", "stride": "#555555", "blur": "#0072B2", "max-blur": "#009E73"}
PANELS = {
    "translation_px": "translation along x, pixels",
    "rotation_deg": "rotation, degrees",
    "scale_x": "scale along x",
    "shear_x_deg": "shear along x, degrees",
}


def draw_sweeps(measurement: MotionMeasurement, published: Curves, path: Path) -> None:
    """Four sweeps, ours and the published. Needs matplotlib."""
    figure = new_figure((12.4, 8.4), DOTS_PER_INCH)
    axes = figure.subplots(2, 2, sharey=True)
    networks = list(dict.fromkeys(tap.network for tap in measurement.taps))
    for place, panel in enumerate(SWEEPS):
        at = axes[place // 2][place % 2]
        for (kind, layer), points in published.items():
            if kind == panel and layer in LAYERS:
                xs, ys = zip(*points, strict=True)
                title, stride = LAYERS[layer]
                at.plot(xs, ys, color=PALE[stride], linewidth=3, zorder=1, label=f"thesis: {title}, stride {stride}")
        for tap in _shown(measurement.taps):
            xs, ys = zip(*tap.sweeps[panel], strict=True)
            dash = DASHES[networks.index(tap.network) % len(DASHES)]
            colour = STRIDE_COLOURS.get(tap.stride, "#777777")
            label = f"{measurement.titles[tap.network]}: {tap.tap}, stride {tap.stride}"
            at.plot(xs, ys, color=colour, linestyle=dash, marker="o", markersize=3, linewidth=1.6, label=label)
        at.set_xlabel(PANELS[panel])
        if place % 2 == 0:
            at.set_ylabel("NRMSE")
        plain(at)
    axes[0][0].set_ylim(0, None)  # shared, so last
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    pictures = min(measurement.effort.sweep_pictures, measurement.pictures)
    figure.suptitle(
        f"Warped latents against the network's own, mean of {pictures} images of {measurement.data}, bicubic; "
        "pale: the thesis, one photograph",
        x=0.01,
        ha="left",
        fontsize=11,
    )
    write_figure(figure, path)


def draw_parts(measurement: MotionMeasurement, path: Path) -> None:
    """Random maps by stride, fractions of a latent, interpolations, sampling's share. Needs matplotlib."""
    figure = new_figure((12.4, 8.4), DOTS_PER_INCH)
    ((random, phases), (warps, parts)) = figure.subplots(2, 2)
    for place, (layer, stride, value) in enumerate(published_random()):
        random.plot(place, value, "D", color=PALE[stride], markersize=8)
        random.text(place, value, f"  {value:.3f}", fontsize=7, va="center")
        del layer
    names = [layer for layer, _, _ in published_random()]
    for tap in measurement.taps:
        place = len(names)
        names.append(f"{measurement.titles[tap.network]}: {tap.tap}")
        colour = STRIDE_COLOURS.get(tap.stride, "#777777")
        drawn = random.violinplot([list(tap.nrmse)], [place], widths=0.8, showextrema=False)
        for body in drawn["bodies"]:
            body.set_facecolor(colour)
        random.plot(place, tap.mean, "o", color=colour, markersize=4)
        random.plot(place, tap.inner, "_", color=colour, markersize=9)
    random.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=7)
    random.set_ylim(0, None)
    random.set_title("Random affine maps (dot: mean; dash: without the rim; pale: thesis)", loc="left", fontsize=10)
    random.set_ylabel("NRMSE")
    networks = list(dict.fromkeys(tap.network for tap in measurement.taps))
    for tap in _shown(measurement.taps):
        xs, _, inner = zip(*tap.phases, strict=True)
        dash = DASHES[networks.index(tap.network) % len(DASHES)]
        label = f"{measurement.titles[tap.network]}: {tap.tap}"
        phases.plot(
            xs,
            inner,
            color=STRIDE_COLOURS.get(tap.stride, "#777777"),
            linestyle=dash,
            marker="o",
            markersize=3,
            label=label,
        )
    phases.set_xlabel("fraction of a latent shifted by, beside a whole number")
    phases.set_title("Shifts along x, without the rim", loc="left", fontsize=10)
    phases.set_ylim(0, None)
    phases.legend(fontsize=7, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    shown = _shown(measurement.taps)
    for tap in shown:
        dash = DASHES[networks.index(tap.network) % len(DASHES)]
        values = [tap.kernels[name] / tap.kernels["bicubic"] for name in KERNELS]
        warps.plot(
            range(len(KERNELS)),
            values,
            color=STRIDE_COLOURS.get(tap.stride, "#777777"),
            linestyle=dash,
            marker="o",
            markersize=3,
        )
    warps.set_xticks(range(len(KERNELS)), [name.replace("_", "\n") for name in KERNELS], fontsize=8)
    warps.set_title("Interpolation, NRMSE over bicubic's", loc="left", fontsize=10)
    _draw_shares(parts, measurement)
    for at in (random, phases, warps, parts):
        plain(at)
    write_figure(figure, path)


def draw_ablation(measurement: MotionMeasurement, path: Path) -> None:
    """Kinds and numbers of halvings. Needs matplotlib."""
    figure = new_figure((12.4, 5.2), DOTS_PER_INCH)
    left, right = figure.subplots(1, 2)
    for row in measurement.ablation:
        if len(row.halved) < 4:
            continue
        label = f"{row.pooling}{', trained for motion' if row.motion_weight else ''}"
        dash = "--" if row.motion_weight else "-"
        for at, value in ((left, 1), (right, 2)):
            at.plot(
                range(1, len(row.halved) + 1),
                [point[value] for point in row.halved],
                dash,
                color=KIND_COLOURS.get(row.pooling, "#777777"),
                marker=MARKERS.get(row.pooling, "o"),
                label=label,
            )
    for at, name in ((left, "NRMSE"), (right, "error over the deviation within channels")):
        at.set_xlabel("halvings")
        at.set_xticks([1, 2, 3, 4])
        at.set_ylim(0, None)
        at.set_title(f"{name}, {measurement.effort.ablation_maps} random affine maps", loc="left", fontsize=10)
        plain(at)
    if left.get_legend_handles_labels()[0]:  # those of three halvings are not drawn
        left.legend(fontsize=8, frameon=False, handlelength=4)
    write_figure(figure, path)


def _draw_shares(at: Any, measurement: MotionMeasurement) -> None:
    taps = [tap for tap in measurement.taps if tap.dense]
    for place, tap in enumerate(taps):
        affine = next(d for d in tap.dense if d.family == "affine")
        at.bar(place, affine.dense, color="#0072B2", label="left when latents are known at every pixel" * (place == 0))
        at.bar(
            place,
            affine.sampled - affine.dense,
            bottom=affine.dense,
            color="#E69F00",
            label="sampling at the stride" * (place == 0),
        )
    names = [f"{measurement.titles[tap.network]}: {tap.tap}" for tap in taps]
    at.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=7)
    at.set_title("Squared NRMSE of affine maps, without the rim: where it comes from", loc="left", fontsize=10)
    if taps:
        at.legend(fontsize=8, frameon=False)


def _shown(taps: tuple[TapResult, ...]) -> list[TapResult]:
    """One tensor of each stride of each network in curves: the first, and y."""
    seen: dict[tuple[str, int], TapResult] = {}
    for tap in taps:
        if tap.is_sent or (tap.network, tap.stride) not in seen:
            seen[tap.network, tap.stride] = tap
    return list(seen.values())
