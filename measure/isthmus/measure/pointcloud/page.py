"""The page of a point-cloud measurement: curves to point at (plotly), and all tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isthmus.common.errors import MissingDependencyError
from isthmus.measure.page import Page
from isthmus.measure.pointcloud.measurement import Measurement
from isthmus.measure.pointcloud.plots import Drawn, Style, lowest_percent, styled_curves
from isthmus.measure.pointcloud.rows import pointcloud_tables

_SYMBOLS = {"circle": "circle", "square": "square", "diamond": "diamond", "triangle": "triangle-up", "none": "circle"}


def write_page(measurement: Measurement, command: str, path: Path) -> None:
    """Write the page. Needs plotly (extra `measure`)."""
    try:
        import plotly.io
    except ImportError as error:
        raise MissingDependencyError("the page needs plotly: pip install 'isthmus[measure]'") from error
    chart = plotly.io.to_html(
        _figure(measurement), include_plotlyjs=True, full_html=False, div_id="curves", config={"displaylogo": False}
    )
    clouds = measurement.codecs[0].clouds if measurement.codecs else 0
    Page(
        title=f"{measurement.data}, {measurement.points:,} points a cloud",
        about=f"{clouds:,} test clouds, sent to a live cloud over gRPC.",
        command=command,
        notes=(*measurement.notes, measurement.chosen),
        body=chart,
        tables=pointcloud_tables(measurement),
        style="",
    ).write(path)


def _figure(measurement: Measurement) -> Any:
    import plotly.graph_objects as go

    figure = go.Figure()
    optimum = measurement.optimum.points
    figure.add_trace(
        go.Scatter(
            x=optimum[:, 0].tolist(),
            y=optimum[:, 1].tolist(),
            mode="lines",
            name="optimum of the label prior",
            line={"color": "#9a947d", "width": 1.5},
            hovertemplate="%{x:.2f} bits: %{y:.1f} %",
        )
    )
    for drawn in styled_curves(measurement):
        figure.add_traces(_traces(go, drawn))
    for family, front in measurement.random_heading_fronts.items():
        style = Style(f"{family}, random headings", "#b58900", "dot", "diamond", 1.0)
        for trace in _traces(go, Drawn(front.curve.points, front.members, style)):
            trace.visible = "legendonly"
            figure.add_trace(trace)
    figure.update_xaxes(type="log", title="bits a cloud (coded payload, one cloud a packet)", range=[0, 4.4])
    figure.update_yaxes(title="top-1, %", range=[lowest_percent(measurement), 100])
    figure.update_layout(template="plotly_white", height=560, margin={"l": 60, "r": 20, "t": 20, "b": 60})
    return figure


def _traces(go: Any, drawn: Drawn) -> list[Any]:
    """The line, and the points that it goes through or between; one entry of the legend for both."""
    style = drawn.style
    line = go.Scatter(
        x=drawn.line[:, 0].tolist(),
        y=drawn.line[:, 1].tolist(),
        name=style.label,
        legendgroup=style.label,
        mode="lines",
        line={"color": style.colour, "dash": style.dash, "width": style.width + 0.5},
        hoverinfo="skip",
    )
    points = go.Scatter(
        x=drawn.marks[:, 0].tolist(),
        y=drawn.marks[:, 1].tolist(),
        name=style.label,
        legendgroup=style.label,
        showlegend=False,
        mode="markers",
        marker={"symbol": _SYMBOLS[style.marker], "size": 7, "color": style.colour},
        hovertemplate="%{x:.1f} bits: %{y:.2f} %",
    )
    return [line] if style.marker == "none" else [line, points]
