"""The page of a measurement: one HTML file with everything in it, that opens without a network."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from isthmus.measure.table import Table

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1d1d1f; background: #fcfbf8; margin: 0 auto; padding: 24px;
       max-width: 1180px; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 32px 0 8px; }
p.about { color: #5c5a52; margin: 0 0 16px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; }
th, td { padding: 4px 10px; text-align: right; border-bottom: 1px solid #e6e3d8; white-space: nowrap; }
th { background: #f2efe5; } th:first-child, td:first-child { text-align: left; }
th.text, td.text { text-align: left; white-space: normal; min-width: 7em; }
tbody tr:hover { background: #f7f4ea; }
code { font-size: 13px; }
"""
PICTURE_STYLE = "img { display: block; max-width: 100%; height: auto; }"


@dataclass(frozen=True, slots=True)
class Page:
    """What stands on a page, from the top.

    Attributes:
        title: of all of it.
        about: what was measured.
        command: that measured it.
        notes: what a reader must know.
        body: charts and pictures, as HTML.
        tables: below these.
        style: CSS, beside `STYLE`.
    """

    title: str
    about: str
    command: str
    notes: Sequence[str]
    body: str
    tables: Sequence[Table]
    style: str = PICTURE_STYLE

    def to_html(self) -> str:
        """The whole file."""
        notes = "".join(f"<p class='about'>{escape(note)}</p>" for note in self.notes)
        return (
            f"<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>{escape(self.title)}</title>"
            "<meta name='viewport' content='width=device-width, initial-scale=1'>"
            f"<style>{STYLE}{self.style}</style></head><body><h1>{escape(self.title)}</h1>"
            f"<p class='about'>{escape(self.about)} <code>{escape(self.command)}</code></p>"
            f"{notes}{self.body}{''.join(table.to_html() for table in self.tables)}</body></html>\n"
        )

    def write(self, path: Path) -> None:
        """Write the file; folders are made."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.to_html(), encoding="utf-8")


def picture(png: Path, about: str = "") -> str:
    """A PNG file as part of a page, as HTML; `about` is what it shows, without one its name."""
    data = base64.b64encode(png.read_bytes()).decode("ascii")
    return f"<img alt='{escape(about or png.stem)}' src='data:image/png;base64,{data}'>"
