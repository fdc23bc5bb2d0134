"""The image's part of `isthmus demo`: a photograph crosses the live cloud, beside a JPEG file that is no longer.

The photograph is one that scikit-image installs: it is found without importing the package, and nothing is downloaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from isthmus.command.frame import PIPED_WIDTH
from isthmus.common.errors import MissingDependencyError
from isthmus.common.image.quality import UInt8, psnr_rgb_db
from isthmus.common.zoo import find_codec
from isthmus.data.image.files import read_image
from isthmus.edge.image.family import find_family

if TYPE_CHECKING:
    from rich.console import Console

    from isthmus.measure.image.point import AdaptationRow, ImageCodecPoint
    from isthmus.measure.table import Table

PHOTO = "astronaut.png"
PHOTO_CENTRE = (0.23, 0.43)
"""Where to look closely, as shares of height and width: at the face."""
CENTRE = (0.5, 0.5)

PANEL_WIDTH = 512
ZOOM = 4
CAPTION_HEIGHT, GAP = 30, 8
STAGE_NAMES = (
    ("analysis_ms", "g_a"),
    ("entropy_encode_ms", "entropy coding"),
    ("wire_ms", "wire"),
    ("entropy_decode_ms", "entropy decoding"),
    ("synthesis_ms", "g_s"),
    ("total_ms", "all"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Crossing:
    """One photograph that crossed.

    Attributes:
        name: of its file.
        point: everything measured of the codec on this image alone.
        original, ours, jpeg: uint8 [height, width, 3].
        jpeg_bytes: length of the JPEG file.
    """

    name: str
    point: ImageCodecPoint
    original: UInt8
    ours: UInt8
    jpeg: UInt8
    jpeg_bytes: int

    @property
    def best(self) -> AdaptationRow:
        """The way to fit the tables that an edge left to itself takes: the cheapest."""
        return min(self.point.rows, key=lambda row: float(row.packet_bits[0]))

    @property
    def packet_bytes(self) -> int:
        """Length of the packet."""
        return int(self.best.packet_bits[0]) // 8

    @property
    def is_jpeg_longer(self) -> bool:
        """Whether even the shortest JPEG file is longer than our packet."""
        return self.jpeg_bytes > self.packet_bytes


def shipped_photo(name: str = PHOTO) -> Path:
    """A photograph among the files of scikit-image. MissingDependencyError where it is not installed."""
    from isthmus.measure.image.photographs import shipped_folder

    folder = shipped_folder()
    if folder is None or not (folder / name).is_file():
        raise MissingDependencyError(
            f"photograph: expected {name} of the package scikit-image, got none; run: pip install 'isthmus[measure]', "
            "or name an image with --data"
        )
    return folder / name


def image_codec_folder(codec: str) -> Path:
    """The folder of a codec, or of a family's default one. InputError if the zoo has neither."""
    family, quality = find_family(codec)
    return find_codec(f"{family.name}-q{quality}")


def show_photo(console: Console, photo: Path, folder: Path, address: str, out: Path) -> Path:
    """Send a photograph to a live cloud, print bits, quality and times, and draw it; answers the picture's path.

    Args:
        photo: the image's file.
        folder: of the codec; the cloud must serve the same one.
        address: of the cloud.
        out: folder for the picture.

    Raises:
        IsthmusError: the file is no image, or what encoding or the stream raises.
    """
    crossing = cross(photo, folder, address)
    height, width = crossing.original.shape[:2]
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    console.print(
        f"\n[bold]A photograph[/bold] crosses the same cloud: {crossing.name}, {width} x {height} pixels, "
        f"coded by {crossing.point.name}:",
        soft_wrap=True,
    )
    console.print(bits_table(crossing).to_rich())
    static, best = crossing.point.rows[0], crossing.best
    saved_percent = 100 * (1 - float(best.packet_bits[0] / static.packet_bits[0]))
    times = ", ".join(f"{name} {getattr(best, stage)[0]:.1f}" for stage, name in STAGE_NAMES)
    console.print(f"Tables fitted to this image save {saved_percent:.1f} % of what static tables cost.")
    console.print(f"Milliseconds: {times}.", soft_wrap=True)
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{photo.stem}.{crossing.point.name}.png"
    draw(crossing, path, PHOTO_CENTRE if photo.name == PHOTO else CENTRE)
    console.print(f"Picture: {path}", soft_wrap=True)
    return path


def cross(photo: Path, folder: Path, address: str) -> Crossing:
    """Measure one photograph over the wire, take its pixels back, and write it as a JPEG file of the same size."""
    from isthmus.data.image.received import pixels_of
    from isthmus.edge.client import CloudClient
    from isthmus.edge.image.encoder import ImageEncoder
    from isthmus.measure.image.baselines import decode_picture
    from isthmus.measure.image.live import RESULT_TIMEOUT_S, measure_image_codec
    from isthmus.measure.image.photographs import ImageSet
    from isthmus.measure.image.point import CHOSEN, CONTEXT
    from isthmus.measure.image.specimens import jpeg_of_size

    image = read_image(photo)
    one = ImageSet(photo.name, (photo,), np.array([image.height * image.width], np.float64))
    point = measure_image_codec(folder, one, address, (CHOSEN, CONTEXT))
    encoder = ImageEncoder(folder)
    with CloudClient(address, encoder.manifest, wants_pixels=True, result_timeout_s=RESULT_TIMEOUT_S) as client:
        (result,) = client.results([encoder.encode(image).packet])
        ours = pixels_of(result.value).pixels
    shortest_bits = min(float(row.packet_bits[0]) for row in point.rows)
    file = jpeg_of_size(image.pixels, int(shortest_bits) // 8)
    return Crossing(photo.name, point, image.pixels, ours, decode_picture(file), len(file))


def bits_table(crossing: Crossing) -> Table:
    """Bits at each layer of every way to fit the tables, the cheapest first; then JPEG."""
    from isthmus.measure.table import Table, number

    pixels = crossing.original.shape[0] * crossing.original.shape[1]
    psnr_db = number(float(crossing.point.psnr_db[0]), 2)
    rows = []
    for row in sorted(crossing.point.rows, key=lambda row: float(row.packet_bits[0])):
        layers = (row.estimated_bits, row.coded_bits, row.packet_bits, row.message_bits, row.wire_bits)
        bits = (number(float(layer[0]), 0) for layer in layers)
        name = f"{crossing.point.name}, {row.adaptation} tables"
        rows.append((name, *bits, number(float(row.packet_bits[0]) / pixels, 3), psnr_db))
    file_bits = 8.0 * crossing.jpeg_bytes
    name = "JPEG, as short as it gets" if crossing.is_jpeg_longer else "JPEG, at most as long"
    jpeg_db = number(psnr_rgb_db(crossing.original, crossing.jpeg), 2)
    rows.append((name, "–", "–", number(file_bits, 0), "–", "–", number(file_bits / pixels, 3), jpeg_db))
    columns = ("codec", "estimated", "coded", "packet", "message", "wire ↑", "bits/pixel", "PSNR dB")
    return Table("Bits at each layer", columns, tuple(rows))


def draw(crossing: Crossing, path: Path, centre: tuple[float, float] = CENTRE) -> None:
    """Original, reconstruction and JPEG side by side, and under each a part of it magnified.

    Args:
        centre: of that part, as shares of height and width.
    """
    from PIL import Image, ImageDraw, ImageFont

    height, width = crossing.original.shape[:2]
    scale = min(1.0, PANEL_WIDTH / width)
    whole = max(1, round(width * scale)), max(1, round(height * scale))
    part = max(1, min(PANEL_WIDTH // ZOOM, width)), max(1, min(PANEL_WIDTH // ZOOM, height))
    left, top = (
        min(max(0, round(share * side) - length // 2), side - length)
        for share, side, length in zip((centre[1], centre[0]), (width, height), part, strict=True)
    )
    jpeg_db = psnr_rgb_db(crossing.original, crossing.jpeg)
    panels = (
        (crossing.original, f"{crossing.name}, {width} x {height}"),
        (crossing.ours, f"{crossing.point.name}: {crossing.packet_bytes:,} bytes, {crossing.point.psnr_db[0]:.2f} dB"),
        (crossing.jpeg, f"JPEG: {crossing.jpeg_bytes:,} bytes, {jpeg_db:.2f} dB"),
    )
    column = PANEL_WIDTH + GAP
    size = len(panels) * column - GAP, CAPTION_HEIGHT + whole[1] + GAP + ZOOM * part[1]
    sheet = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=16)
    for number, (pixels, caption) in enumerate(panels):
        x = number * column
        picture = Image.fromarray(pixels)
        pen.text((x + 2, 6), caption, fill="black", font=font)
        sheet.paste(picture if scale == 1 else picture.resize(whole, Image.Resampling.LANCZOS), (x, CAPTION_HEIGHT))
        zoomed = picture.crop((left, top, left + part[0], top + part[1]))
        zoomed = zoomed.resize((ZOOM * part[0], ZOOM * part[1]), Image.Resampling.NEAREST)
        sheet.paste(zoomed, (x, CAPTION_HEIGHT + whole[1] + GAP))
    sheet.save(path)
