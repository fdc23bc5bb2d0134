"""The page of a measurement: one HTML file with everything in it, that opens without a network."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from isthmus.common.errors import MissingDependencyError
from isthmus.measure.pointcloud.measurement import Measurement
from isthmus.measure.pointcloud.plots import Style, lowest_percent, styled_curves
from isthmus.measure.table import Table, all_tables

_SYMBOLS = {"circle": "circle", "square": "square", "diamond": "diamond", "triangle": "triangle-up", "none": "circle"}

PAGE_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1d1d1f; background: #fcfbf8; margin: 0 auto; padding: 24px;
       max-width: 1180px; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 32px 0 8px; }
p.about { color: #5c5a52; margin: 0 0 16px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; }
th, td { padding: 4px 10px; text-align: right; border-bottom: 1px solid #e6e3d8; white-space: nowrap; }
th { background: #f2efe5; } th:first-child, td:first-child { text-align: left; }
tbody tr:hover { background: #f7f4ea; }
code { font-size: 13px; }
"""


def write_page(measurement: Measurement, command: str, path: Path) -> None:
    """Write the page. Needs plotly (extra `measure`)."""
    try:
        import plotly.io
    except ImportError as error:
        raise MissingDependencyError("the page needs plotly: pip install 'isthmus[measure]'") from error
    chart = plotly.io.to_html(
        _figure(measurement), include_plotlyjs=True, full_html=False, div_id="curves", config={"displaylogo": False}
    )
    notes = "".join(f"<p class='about'>{escape(note)}</p>" for note in measurement.notes)
    title = f"{measurement.data}, {measurement.points:,} points a cloud"
    clouds = measurement.codecs[0].clouds if measurement.codecs else 0
    body = "".join(table_section(table) for table in all_tables(measurement))
    page = (
        f"<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<style>{PAGE_STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f"<p class='about'>{clouds:,} test clouds, sent to a live cloud over gRPC. <code>{escape(command)}</code></p>"
        f"{notes}{chart}{body}</body></html>\n"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def table_section(table: Table) -> str:
    """A table under its title, as HTML."""
    head = "".join(f"<th>{escape(c)}</th>" for c in table.columns)
    rows = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in table.rows)
    return (
        f"<h2>{escape(table.title)}</h2><div class='scroll'><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


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
    for curve, style in styled_curves(measurement):
        figure.add_trace(_trace(go, curve.points[:, 0].tolist(), curve.points[:, 1].tolist(), style))
    for family, curve in measurement.random_heading_curves.items():
        style = Style(f"{family}, random headings", "#b58900", "dot", "diamond", 1.0)
        trace = _trace(go, curve.points[:, 0].tolist(), curve.points[:, 1].tolist(), style)
        trace.visible = "legendonly"
        figure.add_trace(trace)
    figure.update_xaxes(type="log", title="bits a cloud (coded payload, one cloud a packet)", range=[0, 4.4])
    figure.update_yaxes(title="top-1, %", range=[lowest_percent(measurement), 100])
    figure.update_layout(template="plotly_white", height=560, margin={"l": 60, "r": 20, "t": 20, "b": 60})
    return figure


def _trace(go: Any, bits: list[float], top1: list[float], style: Style) -> Any:
    return go.Scatter(
        x=bits,
        y=top1,
        name=style.label,
        mode="lines" if style.marker == "none" else "lines+markers",
        line={"color": style.colour, "dash": style.dash, "width": style.width + 0.5},
        marker={"symbol": _SYMBOLS[style.marker], "size": 7},
        hovertemplate="%{x:.1f} bits: %{y:.2f} %",
    )
