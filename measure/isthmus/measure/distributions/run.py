"""The error of rebuilt distributions: every image's own histograms against the tables that each way codes it with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.cdf import CdfTables
from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.bits.integer_softmax import synthesized_tables
from isthmus.common.errors import InputError
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.sections import table_rows
from isthmus.common.image.side import Adaptation
from isthmus.common.image.tables import ImageTables
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.results import Provenance, Results, gather_summary, write_results
from isthmus.common.zoo import find_codec
from isthmus.edge.image.encoder import ImageEncoder
from isthmus.measure.distributions.measurement import (
    DistributionErrors,
    DistributionMeasurement,
    Float64,
    nrmse,
)
from isthmus.measure.distributions.options import DistributionOptions
from isthmus.measure.distributions.plots import draw_distributions_png
from isthmus.measure.image.photographs import find_image_set
from isthmus.measure.options import words
from isthmus.measure.track import Track
from isthmus.runtime.integer_half import open_synthesis

Int32 = npt.NDArray[np.int32]
VERSIONED = ("numpy", "onnxruntime")


def measure_distributions(options: DistributionOptions, track: Track) -> DistributionMeasurement:
    """Every codec on every image.

    Raises:
        InputError: no such codec, or one without synthesized tables; no images.
        ManifestError: a codec's folder is damaged.
    """
    images = find_image_set(options.images)
    rows = []
    for name in words(options.codecs):
        folder = load_codec_folder(find_codec(name, options.zoo), kind=ImageManifest)
        manifest, encoder = folder.manifest, ImageEncoder(folder)
        if not manifest.bins:
            raise InputError(f"{manifest.name}: expected a codec that synthesizes tables, got one without")
        tables, synthesize = ImageTables.load(folder.file(ENTROPY_FILE)), open_synthesis(folder)
        static = table_rows(tables.tables, tables.first_table[:-1])
        found: dict[str, list[Float64]] = {"static": [], "chosen": [], "synthesized": []}
        advance = track(manifest.name, len(images))
        for index in range(len(images)):
            image = images.read(index)
            chosen = encoder.encode(image, Adaptation.CHOSEN).detail.symbols
            side = encoder.encode(image, Adaptation.SYNTHESIZED).detail.symbols
            own = shares(chosen.y, manifest.bins)
            choice = chosen.q if chosen.adaptation is Adaptation.CHOSEN and chosen.q is not None else 0
            used = {
                "static": static,
                "chosen": table_rows(tables.tables, tables.first_table[:-1] + choice),
                "synthesized": synthesized_tables(synthesize(side.q), static) if side.q is not None else static,
            }
            for way, coded in used.items():
                found[way].append(nrmse(probabilities(coded, manifest.bins), own))
            advance(1)
        rows.append(DistributionErrors(manifest.name, manifest.bins, {w: np.stack(v) for w, v in found.items()}))
    return DistributionMeasurement(images.name, tuple(rows))


def shares(y: Int32, bins: int) -> Float64:
    """An image's own distributions float64 ``[M, B]``; bin i that of the value i - B/2, the outermost of all beyond."""
    index = np.clip(y.reshape(len(y), -1) + bins // 2, 0, bins - 1)
    found: Float64 = np.stack([np.bincount(row, minlength=bins) for row in index]) / index.shape[1]
    return found


def probabilities(tables: CdfTables, bins: int) -> Float64:
    """What tables give each value, float64 ``[tables, B]``; escapes are left out."""
    found = np.zeros((tables.count, bins))
    for row in range(tables.count):
        size, offset = int(tables.value_counts[row]), int(tables.offsets[row]) + bins // 2
        values = np.diff(tables.cumulative[row, : size + 1].astype(np.float64)) / (1 << tables.precision_bits)
        low, high = max(0, offset), min(bins, offset + size)
        found[row, low:high] = values[low - offset : high - offset]
    return found


def write_distribution_outputs(measurement: DistributionMeasurement, command: str, folder: Path) -> tuple[Path, ...]:
    """Results file and picture, the summary gathered; answers their paths."""
    provenance = Provenance.of(command, measurement.data, 0, VERSIONED, chosen="Nothing was chosen on these images.")
    detail = {"codecs": [row.to_json() for row in measurement.rows]}
    written = write_results(folder, Results("distributions", provenance, measurement.summary(), detail))
    picture = folder / "distributions.png"
    draw_distributions_png(measurement, picture)
    gather_summary(folder)
    return written, picture
