"""The page of an image measurement: one HTML file with the plot, pictures to compare and all tables; no network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from isthmus.measure.image.measurement import ImageMeasurement
from isthmus.measure.image.rows import image_tables
from isthmus.measure.image.specimens import Picture, Specimen
from isthmus.measure.page import PICTURE_STYLE, Page, picture
from isthmus.measure.table import number

_STYLE = (
    f"\n{PICTURE_STYLE}"
    + """ h3 { font-size: 15px; margin: 20px 0 6px; }
.specimen { display: flex; flex-wrap: wrap; gap: 16px; align-items: flex-start; }
figure { margin: 0; } figcaption { font-size: 13px; color: #5c5a52; padding-top: 4px; }
.compare { position: relative; --at: 50%; } .compare .over { position: absolute; inset: 0; overflow: hidden; }
.compare .over img { clip-path: inset(0 calc(100% - var(--at)) 0 0); }
.compare .rule { position: absolute; top: 0; bottom: 0; left: var(--at); width: 2px; background: #fff;
                 box-shadow: 0 0 3px #000; pointer-events: none; }
.compare input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: ew-resize; }
.compare:has(input:focus-visible) { outline: 3px solid #0072B2; }
.tag { position: absolute; top: 8px; padding: 1px 8px; font-size: 12px; color: #fff; background: #000a; }
"""
)


def write_image_page(
    measurement: ImageMeasurement, specimens: Sequence[Specimen], command: str, plot: Path, path: Path
) -> None:
    """Write the page, with the picture `plot` (a PNG file) and the specimens in it."""
    shown = "".join(_specimen(specimen) for specimen in specimens)
    pictures = f"<h2>Pictures</h2><p class='about'>{_ABOUT_PICTURES}</p>{shown}" if specimens else ""
    Page(
        title=f"{measurement.data}: {', '.join(measurement.families)}",
        about=f"{len(measurement.images)} images, sent to a live cloud over gRPC and received back.",
        command=command,
        notes=measurement.notes,
        body=picture(plot, "Rate against PSNR, and what adaptation saves") + pictures,
        tables=image_tables(measurement),
        style=_STYLE,
    ).write(path)


_ABOUT_PICTURES = (
    "The middle of each image. Drag over the right picture: our reconstruction on its left, a JPEG file that is no "
    "longer than our packet (or as short as JPEG gets) on its right. Figures are of the whole image."
)


def _specimen(specimen: Specimen) -> str:
    slide = "this.parentNode.style.setProperty('--at', this.value + '%')"
    ours, jpeg = _figures(specimen.ours), _figures(specimen.jpeg)
    return (
        f"<h3>{escape(specimen.image)}</h3><div class='specimen'>"
        f"<figure>{_image(specimen.original, 'original')}<figcaption>original</figcaption></figure>"
        f"<figure><div class='compare'>{_image(specimen.jpeg, 'JPEG')}"
        f"<div class='over'>{_image(specimen.ours, specimen.codec)}</div><div class='rule'></div>"
        f"<span class='tag' style='left:8px'>{escape(specimen.codec)}</span>"
        "<span class='tag' style='right:8px'>JPEG</span>"
        f'<input type="range" min="0" max="100" step="0.5" value="50" aria-label="ours against JPEG" oninput="{slide}">'
        f"</div><figcaption>{escape(specimen.codec)}: {ours}; JPEG: {jpeg}</figcaption></figure></div>"
    )


def _image(shown: Picture, alt: str) -> str:
    height, width = shown.pixels.shape[:2]
    return f"<img alt='{escape(alt)}' width='{width}' height='{height}' src='{shown.data_uri()}'>"


def _figures(shown: Picture) -> str:
    return f"{number(shown.bits_per_pixel, 3)} bits a pixel, {number(shown.psnr_db, 2)} dB"
