"""A picture of a clip that crossed: some of its frames, what each cost, how its latents moved, and what was left."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from isthmus.command.frame import require_packages
from isthmus.common.video.warp import FINE_BITS

if TYPE_CHECKING:
    from isthmus.command.video.crossing import SentFrame, VideoCrossing

SHOWN_FRAMES = 6
SIZE_INCHES = (13.0, 7.8)
DOTS_PER_INCH = 110
# Okabe and Ito: safe for colour-blind eyes; as in the plots of the measurement.
COLOURS = {"key": "#0072B2", "motion + residual": "#D55E00", "motion": "#009E73"}
ARROW_COLOUR = "#F0E442"
MIN_ARROW = 0.05  # latents; shorter ones are no motion


def draw_crossing(crossing: VideoCrossing, path: Path) -> None:
    """Write the picture as PNG.

    Frames in the colours of what they were sent as, bits of every frame beside those of a key frame, and of the frame
    that is farthest from its key frame the motion and one channel of the latents: as the network makes them of the
    frame, as the cloud has them, and the difference.

    Raises:
        MissingDependencyError: without matplotlib.
    """
    require_packages("a picture", "measure", ("matplotlib",))
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    parts: Any = figure.subfigures(3, 1, height_ratios=(1.0, 1.1, 1.2))
    top, middle, bottom = parts
    _draw_strip(top, crossing)
    _draw_bits(middle.subplots(), crossing)
    _draw_latents(bottom, crossing, farthest(crossing.sent))
    path.parent.mkdir(parents=True, exist_ok=True)
    # No date and no version in the file: the same numbers give the same bytes.
    figure.savefig(path, metadata={"Software": None})


def farthest(sent: tuple[SentFrame, ...]) -> int:
    """Index of the frame with the most frames of motion alone before it; 0 where nothing was predicted."""
    best, best_run, run = 0, 0, 0
    for index, frame in enumerate(sent):
        run = run + 1 if frame.kind == "motion" else 0
        if run > best_run:
            best, best_run = index, run
    return best or next((i for i, frame in enumerate(sent) if frame.field is not None), 0)


def busiest_channel(latents: npt.NDArray[np.float32]) -> int:
    """The channel of latents [M, h, w] that varies most."""
    return int(latents.var((1, 2)).argmax())


def _draw_strip(figure: Any, crossing: VideoCrossing) -> None:
    count = len(crossing.sent)
    shown = np.unique(np.linspace(0, count - 1, min(count, SHOWN_FRAMES)).round().astype(int))
    for axes, index in zip(np.atleast_1d(figure.subplots(1, len(shown))), shown, strict=True):
        frame = crossing.sent[index]
        axes.imshow(crossing.clip.frames[index])
        axes.set_title(f"{index}: {frame.kind}", fontsize=10, color=COLOURS[frame.kind])
        axes.set_xlabel(f"{frame.packet_bits:,} bits", fontsize=9)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set(color=COLOURS[frame.kind], linewidth=3)
    figure.suptitle(f"{crossing.clip.name}, coded by {crossing.manifest.name}", x=0.01, ha="left", fontsize=12)


def _draw_bits(axes: Any, crossing: VideoCrossing) -> None:
    for kind, colour in COLOURS.items():
        at = [index for index, frame in enumerate(crossing.sent) if frame.kind == kind]
        if at:
            axes.bar(at, [crossing.sent[index].packet_bits for index in at], color=colour, width=0.85, label=kind)
    alone = [frame.packet_bits for frame in crossing.intra]
    axes.step(range(len(alone)), alone, where="mid", color="#777777", linewidth=1.2, label="key frames alone")
    axes.set_xlim(-0.7, len(alone) - 0.3)
    bits = [*alone, *(frame.packet_bits for frame in crossing.sent)]
    axes.set_yscale("log")  # a key frame may take a hundred times the bits of motion
    axes.set_ylim(min(bits) / 2, 4 * max(bits))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.set_minor_formatter(lambda *_: "")
    axes.set_xlabel("frame")
    axes.set_ylabel("bits (whole packet, log)")
    axes.set_title(f"Bits of each frame: {crossing.saved_percent:.1f} % saved", loc="left", fontsize=11)
    axes.legend(fontsize=9, frameon=False, loc="upper right", ncols=4)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _draw_latents(figure: Any, crossing: VideoCrossing, index: int) -> None:
    frame, actual = crossing.sent[index], crossing.latents[index]
    channel = busiest_channel(actual)
    held = frame.held[channel] / np.float32(1 << FINE_BITS)
    panels = figure.subplots(1, 4)
    _draw_motion(panels[0], crossing, index)
    span = float(np.abs(actual[channel]).max()) or 1.0
    for axes, values, title in (
        (panels[1], actual[channel], f"latents of frame {index}, one channel"),
        (panels[2], held, "what the cloud has of them"),
        (panels[3], actual[channel] - held, "difference"),
    ):
        drawn = axes.imshow(values, cmap="RdBu_r", vmin=-span, vmax=span, interpolation="nearest")
        axes.set_title(title, fontsize=10)
        axes.set_xticks([])
        axes.set_yticks([])
    figure.colorbar(drawn, ax=panels[3], shrink=0.8, label="steps of the quantiser")


def _draw_motion(axes: Any, crossing: VideoCrossing, index: int) -> None:
    """Where the content of each block came from, over the frame."""
    field, manifest = crossing.sent[index].field, crossing.manifest
    pixels = crossing.clip.frames[index]
    axes.imshow(pixels, alpha=0.75)
    axes.set_xticks([])
    axes.set_yticks([])
    if field is None:
        axes.set_title("no motion: a key frame", fontsize=10)
        return
    # A frame that the network sees resized has its latents' pixels in that size.
    high, wide = manifest.frame_height or pixels.shape[0], manifest.frame_width or pixels.shape[1]
    scale = np.array((pixels.shape[0] / high, pixels.shape[1] / wide)) * manifest.stride
    latents = field.vectors / float(1 << manifest.motion_fraction_bits)
    longest = float(np.hypot(latents[..., 0], latents[..., 1]).max())
    times = max(1, int(0.9 * manifest.block_latents / longest)) if longest > MIN_ARROW else 1
    rows, columns = (
        _middles(count, manifest.block_latents * side, pixels.shape[axis])
        for axis, (count, side) in enumerate(zip(field.modes.shape, scale, strict=True))
    )
    # Content comes from p + vector, so it moved by minus the vector.
    down, right = -times * latents[..., 0] * scale[0], -times * latents[..., 1] * scale[1]
    axes.quiver(
        *np.meshgrid(columns, rows),
        right,
        down,
        angles="xy",
        scale_units="xy",
        scale=1,
        pivot="mid",
        color=ARROW_COLOUR,
        edgecolor="black",
        linewidth=0.6,
        width=0.012,
    )
    axes.set_title(f"motion from frame {index - 1}, × {times}", fontsize=10)


def _middles(count: int, side: float, length: int) -> npt.NDArray[np.float64]:
    """Where the middles lie of what is inside the frame of `count` blocks in a row."""
    edges = np.minimum(side * np.arange(count + 1), length)
    middles: npt.NDArray[np.float64] = (edges[1:] + edges[:-1]) / 2 - 0.5
    return middles
