"""The picture of a measurement: bits a cloud on a log axis, top-1 up, every curve told apart by colour and dash."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from isthmus.measure.curve import Float64
from isthmus.measure.plot import new_figure, plain, write_figure
from isthmus.measure.pointcloud.measurement import Measurement

SIZE_INCHES = (9.2, 6.0)
DOTS_PER_INCH = 130
CONFIG_COLOURS = {"full": "#0072B2", "lite": "#D55E00", "micro": "#009E73"}  # Okabe and Ito: safe for colour-blind eyes
BASELINE_COLOURS = {"tmc13": "#222222", "draco": "#8a8a8a"}
PALE_COLOURS = {"full": "#cfe3f2", "lite": "#f7d9c4", "micro": "#c9e8dd", "tmc13": "#dcdcdc"}
OTHER_COLOUR = "#CC79A7"
LOWEST_PERCENT = 60.0  # the axis starts here at the latest


@dataclass(frozen=True, slots=True)
class Style:
    """How a curve looks, in words that both matplotlib and plotly can be told."""

    label: str
    colour: str
    dash: str  # solid, dash, dot
    marker: str  # circle, square, diamond, triangle, none
    width: float


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A front in a picture, ``[n, 2]`` of (bits, percent): the line that deltas are taken over, the points chosen."""

    line: Float64
    marks: Float64
    style: Style


def codec_style(family: str) -> Style:
    """Colour by width of the network, dash by recipe: benchmark solid, default dashed, the thesis's dotted."""
    _, config, *variant = family.split("-")
    colour = CONFIG_COLOURS[config]
    if variant[0] == "thesis":
        return Style(f"{config}, the thesis's recipe", colour, "dot", "triangle", 1.2)
    if variant[0] == "any":
        return Style(f"{config}, default (any heading)", colour, "dash", "diamond", 1.2)
    return Style(f"{config}, benchmark", colour, "solid", "circle", 2.0)


def baseline_style(name: str) -> Style:
    label = {"tmc13": "G-PCC (TMC13) + PointNet", "draco": "Draco + PointNet"}.get(name, name)
    return Style(label, BASELINE_COLOURS.get(name, OTHER_COLOUR), "solid", "square", 1.6)


def published_style(name: str) -> Style:
    label = name.removeprefix("input-compression-pointnet-").removeprefix("thesis-").removesuffix("-p1024")
    colour = PALE_COLOURS.get(label, OTHER_COLOUR)
    return Style(f"{label}, as published (ModelNet40)", colour, "solid", "none", 3.0)


def styled_curves(measurement: Measurement) -> list[Drawn]:
    """All curves in drawing order; the optimum is not among them."""
    found = [Drawn(c.points, c.points, published_style(n)) for n, c in measurement.published.items()]
    families = sorted(
        measurement.fronts.items(), key=lambda item: (list(CONFIG_COLOURS).index(_config(item[0])), item[0])
    )
    styled = [(front, baseline_style(name)) for name, front in measurement.baselines.items()]
    styled += [(front, codec_style(name)) for name, front in families]
    return found + [Drawn(front.curve.points, front.members, style) for front, style in styled]


def _config(family: str) -> str:
    return family.split("-")[1]


def lowest_percent(measurement: Measurement) -> float:
    """Where the accuracy axis starts: under the lowest codec, in tens. Input codecs fall through it."""
    lowest = min([LOWEST_PERCENT, *(float(f.members[:, 1].min()) - 5 for f in measurement.fronts.values())])
    return max(0.0, 10 * (lowest // 10))


def draw_png(measurement: Measurement, path: Path) -> None:
    """Write the picture. Needs matplotlib (extra `measure`)."""
    dashes = {"solid": "-", "dash": "--", "dot": ":"}
    markers = {"circle": "o", "square": "s", "diamond": "D", "triangle": "^", "none": ""}
    figure = new_figure(SIZE_INCHES, DOTS_PER_INCH)
    from matplotlib.ticker import FuncFormatter

    axes = figure.add_subplot()
    optimum = measurement.optimum.points
    axes.fill_betweenx(optimum[:, 1], 1e-3, optimum[:, 0], color="#e9e6da", linewidth=0, zorder=0)
    axes.plot(
        optimum[:, 0], optimum[:, 1], color="#9a947d", linewidth=1.2, label="optimum of the label prior", zorder=1
    )
    curves = styled_curves(measurement)
    for drawn in curves:
        style = drawn.style
        line = {"color": style.colour, "linestyle": dashes[style.dash], "linewidth": style.width}
        marker = {"marker": markers[style.marker], "markersize": 4}
        axes.plot(*drawn.line.T, **line)
        axes.plot(*drawn.marks.T, **marker, color=style.colour, linestyle="")
        axes.plot([], [], **line, **marker, label=style.label)
    all_bits = [float(bits) for drawn in curves for bits in drawn.marks[:, 0]] or [100.0]
    axes.set_xscale("log")
    axes.set_xlim(1.0, 1.3 * max(all_bits))
    axes.set_ylim(lowest_percent(measurement), 100)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda bits, _: f"{bits:,.0f}"))
    axes.set_xlabel("bits a cloud (coded payload, one cloud a packet)")
    axes.set_ylabel("top-1, %")
    title = f"{measurement.data}, {measurement.points:,} points a cloud"
    axes.set_title(f"{title}; marks: points chosen, lines: those pooled until they grow", loc="left", fontsize=10)
    plain(axes)
    # Below, column by column: the optimum and the input codecs, then one column a width.
    figure.legend(loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    write_figure(figure, path)
