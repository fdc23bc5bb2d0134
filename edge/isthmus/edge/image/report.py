"""What became of images, for people as a table and for programs as JSON."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from isthmus.edge.failures import Failure


@dataclass(frozen=True, slots=True)
class ImageAnswer:
    """One image that crossed.

    Attributes:
        name: of the file, "-" for standard input.
        codec: that coded it.
        height, width: in pixels.
        adaptation: how its tables were fitted to it.
        estimated_bits: ideal bits of all coded symbols, side information included.
        side_bits, payload_bits, packet_bits: of the side section, all sections, and the whole packet.
        pixels_crc32: of the reconstruction (`isthmus.common.wire.FrameReconstruction`).
        psnr_db: of the reconstruction; NaN where its pixels did not come back, infinite where it is exact.
        saved: where the reconstruction is, "" where its pixels did not come back.
        encode_ms, round_trip_ms: time to encode it, and from sending to the answer.
    """

    name: str
    codec: str
    height: int
    width: int
    adaptation: str
    estimated_bits: float
    side_bits: int
    payload_bits: int
    packet_bits: int
    pixels_crc32: int
    psnr_db: float
    saved: str
    encode_ms: float
    round_trip_ms: float

    @property
    def bits_per_pixel(self) -> float:
        """Of the whole packet."""
        return self.packet_bits / (self.height * self.width)


class Report(Protocol):
    """Where answers and failures go, in the order of the files."""

    def add(self, entry: ImageAnswer | Failure) -> None:
        """Take the next one."""

    def finish(self) -> None:
        """Nothing more comes."""


class JsonReport:
    """One object a line on standard output, failures included."""

    def add(self, entry: ImageAnswer | Failure) -> None:
        """Print the entry at once."""
        if isinstance(entry, Failure):
            fields: dict[str, object] = {
                "file": entry.name,
                "error": type(entry.error).__name__,
                "message": str(entry.error),
            }
        else:
            fields = {
                "file": entry.name,
                "codec": entry.codec,
                "height": entry.height,
                "width": entry.width,
                "adaptation": str(entry.adaptation),
                "estimated_bits": round(entry.estimated_bits, 3),
                "side_bits": entry.side_bits,
                "payload_bits": entry.payload_bits,
                "packet_bits": entry.packet_bits,
                "bits_per_pixel": round(entry.bits_per_pixel, 6),
                "pixels_crc32": entry.pixels_crc32,
                "encode_ms": round(entry.encode_ms, 3),
                "round_trip_ms": round(entry.round_trip_ms, 3),
            }
            if entry.saved:
                fields["saved"] = entry.saved
                fields["psnr_db"] = round(entry.psnr_db, 4) if math.isfinite(entry.psnr_db) else "inf"
        print(json.dumps(fields, ensure_ascii=False), flush=True)

    def finish(self) -> None:
        """Nothing is held back."""


class TableReport:
    """A table on standard output when all is done; failures go to standard error, in the table as a dash."""

    def __init__(self, *, with_pixels: bool) -> None:
        """`with_pixels`: whether reconstructions came back, and have a PSNR."""
        self._console = Console()
        self._with_pixels = with_pixels
        self._entries: list[ImageAnswer | Failure] = []

    def add(self, entry: ImageAnswer | Failure) -> None:
        """Keep it; a failure is told at once."""
        self._entries.append(entry)
        if isinstance(entry, Failure):
            print(f"error: {entry.message}", file=sys.stderr)

    def finish(self) -> None:
        """Print the table."""
        if not self._entries:
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("file", overflow="fold")
        headings = ["codec", "pixels", "bytes", "bits/pixel", *(["PSNR dB"] if self._with_pixels else []), "ms"]
        for heading in headings:
            table.add_column(heading, justify="left" if heading == "codec" else "right", no_wrap=True)
        for entry in self._entries:
            if isinstance(entry, Failure):
                table.add_row(escape(entry.name), *["-"] * len(headings), style="red")
                continue
            table.add_row(
                escape(entry.name),
                entry.codec,
                f"{entry.width}x{entry.height}",
                f"{entry.packet_bits // 8}",
                f"{entry.bits_per_pixel:.3f}",
                *([f"{entry.psnr_db:.2f}"] if self._with_pixels else []),
                f"{entry.encode_ms + entry.round_trip_ms:.1f}",
            )
        self._console.print(table)
