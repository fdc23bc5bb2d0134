"""Tables of an image measurement, for the terminal, for documents and for the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isthmus.measure.curve import ENOUGH_POINTS
from isthmus.measure.image.measurement import KINDS, ImageMeasurement
from isthmus.measure.image.point import IDEAL, STAGES, STATIC
from isthmus.measure.table import Table, number, with_rows


def deltas_table(measurement: ImageMeasurement) -> Table:
    """Each curve against each anchor: the interval over images, what it rests on, and how the anchor was made."""
    columns = ("codec", "against", "BD-rate %", "95 % of draws", "BD-PSNR, dB", "qualities", "points", "settings")
    rows = tuple(
        (
            c.test,
            c.anchor.replace("_", " "),
            number(c.bd_rate_percent, 2, signed=True),
            _interval(c.low_percent, c.high_percent),
            number(c.bd_psnr_db, 2, signed=True),
            _quality_names(c.qualities),
            c.points.cell,
            c.settings or "–",
        )
        for c in measurement.comparisons
    )
    title = (
        "Deltas of the mean curves (PCHIP on log rate, whole packets and files); points: of the codec / of what it is "
        f"against, that lie in the overlap, few where a side has under {ENOUGH_POINTS}"
    )
    return Table(
        title,
        columns,
        rows,
        texts=("codec", "against", "qualities", "points", "settings"),
        least=("settings", "points", "qualities"),
    )


def adaptation_table(measurement: ImageMeasurement) -> Table:
    """What each way to fit the tables saves of the static packet, a quality."""
    columns = ("codec", "tables", "bits a pixel", "saved %", "gap closed %", "side bits", "side %")
    rows = []
    for point in measurement.codecs:
        static = point.bits(STATIC)
        for kind in KINDS:
            bits, row = point.bits(kind), point.row(kind)
            if bits is None or static is None:
                continue
            rows.append(
                (
                    point.name,
                    kind,
                    number(float((bits / measurement.pixel_counts).mean()), 4),
                    "–" if kind == STATIC else number(100 * float(1 - bits.sum() / static.sum()), 2),
                    "–" if kind in (STATIC, IDEAL) else number(point.gap_closed_percent(kind), 1),
                    number(float(row.side_bits.mean()), 0) if row is not None else "–",
                    number(100 * float(row.side_bits.sum() / bits.sum()), 2) if row is not None else "–",
                )
            )
    return Table("What adapting the tables to the image saves", columns, tuple(rows))


def quality_table(measurement: ImageMeasurement) -> Table:
    """Quality and bits a pixel at each layer, mean over the images."""
    columns = ("codec", "tables", "PSNR dB", "MS-SSIM", "estimated", "coded", "packet", "message", "wire ↑")
    rows = []
    for point in measurement.codecs:
        for row in point.rows:
            layers = (row.estimated_bits, row.coded_bits, row.packet_bits, row.message_bits, row.wire_bits)
            per_pixel = (number(float((bits / measurement.pixel_counts).mean()), 4) for bits in layers)
            quality = number(float(point.psnr_db.mean()), 2), number(_mean(point.ms_ssim), 4)
            rows.append((point.name, row.adaptation, *quality, *per_pixel))
    least = ("estimated", "coded", "message", "wire ↑", "MS-SSIM")
    return Table("Quality, and bits a pixel at each layer, one image a message", columns, tuple(rows), least=least)


def image_times_table(measurement: ImageMeasurement) -> Table:
    """Median milliseconds of each stage, and the operations a pixel."""
    columns = ("codec", "tables", *(stage.removesuffix("_ms").replace("_", " ") for stage in STAGES))
    rows = []
    for point in measurement.codecs:
        macs = (point.macs.analysis, point.macs.synthesis, point.macs.adaptive)
        shown = tuple(number(m, 0) if m else "–" for m in macs)
        for row in point.rows:
            times = (number(float(np.median(getattr(row, stage))), 1) for stage in STAGES)
            rows.append((point.name, row.adaptation, *times, *shown))
    columns += ("g_a MAC/px", "g_s MAC/px", "adaptive MAC/px")
    title = "Milliseconds an image, median, one core on each side, and operations a pixel"
    least = ("adaptive MAC/px", "g_s MAC/px", "g_a MAC/px", "entropy decode", "entropy encode", "wire", "synthesis")
    return Table(title, columns, tuple(rows), least=least)


def image_baselines_table(measurement: ImageMeasurement) -> Table:
    """The sweep of each baseline, mean over the images."""
    columns = ("codec", "setting", "bits a pixel", "PSNR dB", "MS-SSIM", "encode ms", "decode ms")
    rows = tuple(
        (
            name,
            f"{p.setting:g}",
            number(float((p.bits / measurement.pixel_counts).mean()), 4),
            number(float(p.psnr_db.mean()), 2),
            number(_mean(p.ms_ssim), 4),
            number(float(np.median(p.encode_ms)), 1),
            number(float(np.median(p.decode_ms)), 1),
        )
        for name, points in measurement.sweeps.items()
        for p in points
    )
    return Table("Baselines, whole files", columns, rows)


def per_image_table(measurement: ImageMeasurement) -> Table:
    """Of each image, what the first family's adaptation saves at its lowest, middle and highest quality."""
    if not measurement.codecs:
        return Table("Each image", (), ())
    family = measurement.families[0]
    kind = measurement.best_kind(family)
    points = measurement.of_family(family)
    chosen = [points[i] for i in sorted({0, len(points) // 2, len(points) - 1})]
    columns = ("image", *(f"{what} {p.name.rpartition('-')[2]}" for p in chosen for what in ("bpp", "dB", "saved %")))
    rows = []
    for index, name in enumerate(measurement.images):
        cells = [name]
        for point in chosen:
            static, bits = point.bits(STATIC), point.bits(kind)
            if static is None or bits is None:
                continue
            cells += [
                number(float(bits[index] / measurement.pixel_counts[index]), 3),
                number(float(point.psnr_db[index]), 2),
                number(100 * float(1 - bits[index] / static[index]), 2),
            ]
        rows.append(tuple(cells))
    return Table(f"Each image: {family}, {kind} tables", columns, tuple(rows))


def image_tables(measurement: ImageMeasurement) -> tuple[Table, ...]:
    """What the terminal and the page show, in order."""
    return with_rows(
        deltas_table(measurement),
        adaptation_table(measurement),
        quality_table(measurement),
        image_times_table(measurement),
        image_baselines_table(measurement),
        per_image_table(measurement),
    )


def saved_percent(measurement: ImageMeasurement, family: str, kind: str) -> list[tuple[float, float]]:
    """(bits a pixel of the base, percent saved of it) at each quality that has bits of this kind."""
    pixels = measurement.pixel_counts
    found = []
    for point in measurement.of_family(family):  # not every quality has every kind
        base, other = point.bits(STATIC), point.bits(kind)
        if base is not None and other is not None:
            a, b = float((base / pixels).mean()), float((other / pixels).mean())
            found.append((a, 100 * (1 - b / a)))
    return found


def _interval(low: float, high: float) -> str:
    return "–" if not np.isfinite(low) else f"{number(low, 2, signed=True)} to {number(high, 2, signed=True)}"


def _quality_names(qualities: Sequence[int]) -> str:
    """``q1 to q7``, ``q3, q4``; a dash for none."""
    first, last = (min(qualities), max(qualities)) if qualities else (0, 0)
    if len(qualities) > 2 and list(qualities) == list(range(first, last + 1)):
        return f"q{first} to q{last}"
    return ", ".join(f"q{quality}" for quality in qualities) or "–"


def _mean(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """Mean of what is known."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
