"""A sweep of lambda_q, the weight of side information in the loss of the networks that synthesize tables.

The thesis has 1/6, a crop's share of an image. Each weight is trained alike, and every image becomes real packets.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from isthmus.common.coded import Coded as EdgeCoded
from isthmus.common.errors import InputError
from isthmus.common.image.side import Adaptation
from isthmus.common.image.symbols import CodedImage
from isthmus.common.results import Provenance, Results, gather_summary, write_results
from isthmus.common.zoo import find_codec
from isthmus.edge.image.encoder import ImageEncoder
from isthmus.measure.image.bounds import ideal_bits
from isthmus.measure.image.photographs import ImageSet, find_image_set
from isthmus.measure.options import words
from isthmus.measure.side_weight.measurement import SideWeightMeasurement, WeightRow
from isthmus.measure.side_weight.options import SideWeightOptions
from isthmus.measure.side_weight.plots import draw_side_weight_png
from isthmus.measure.track import Track
from isthmus.training.image.photos import load_photos, split_photos
from isthmus.training.image.table_networks import TableEffort, TableRun, counts_for, write_table_codec
from isthmus.training.origin import HISTORY_FILE, Origin, data_digest

VERSIONED = ("numpy", "onnxruntime", "torch")


@dataclass(frozen=True, slots=True)
class Coded:
    """Packets of all images: bits of each, float64 ``[images]``, whole and of q."""

    packet_bits: npt.NDArray[np.float64]
    side_bits: npt.NDArray[np.float64]

    @classmethod
    def of(cls, coded: Sequence[EdgeCoded[CodedImage]]) -> Coded:
        """Of what an encoder made."""
        whole = np.array([one.packet_bits for one in coded], np.float64)
        return cls(whole, np.array([one.detail.side_bits for one in coded], np.float64))


def measure_side_weight(options: SideWeightOptions, photos: Path, track: Track, command: str) -> SideWeightMeasurement:
    """Train at every weight, then code every image.

    Raises:
        InputError: no such codec or photographs, or weights that are none.
        ManifestError: the codec's folder is damaged.
    """
    weights = weights_of(options.weights)
    images = find_image_set(options.images)
    folder = find_codec(options.codec, options.zoo)
    loaded = load_photos(photos)
    counts = counts_for(options.way, folder, *split_photos(loaded))
    origin = Origin(command, loaded.name, data_digest(photos))
    coded = _coded(ImageEncoder(folder), images, Adaptation.STATIC)
    static = Coded.of(coded)
    gap = -sum(_ideal_difference(one.detail) for one in coded)
    pixels = images.pixel_counts.sum()
    advance = track("weights", len(weights))
    rows: list[WeightRow] = []
    with TemporaryDirectory() as work:
        for weight in weights:
            effort = replace(TableEffort(), side_weight=weight)
            if options.steps:
                effort = replace(effort, steps=options.steps)
            run = TableRun(options.way, folder, counts, effort, 0, Path(work) / "resume.pt")
            made = write_table_codec(run, Path(work) / f"image-swept-q{len(rows) + 1}", origin)
            record = json.loads((made / HISTORY_FILE).read_text(encoding="utf-8"))
            own = Coded.of(_coded(ImageEncoder(made), images, Adaptation.SYNTHESIZED))
            rows.append(
                WeightRow(
                    weight,
                    record["synthesized"]["integer_gain_percent"],
                    float(own.packet_bits.sum() / pixels),
                    float(own.side_bits.mean()),
                    100 * float((static.packet_bits.sum() - own.packet_bits.sum()) / gap),
                    record["tables"]["seconds"],
                )
            )
            advance(1)
    bits_per_pixel = float(static.packet_bits.sum() / pixels)
    return SideWeightMeasurement(images.name, folder.name, options.way, bits_per_pixel, tuple(rows))


def weights_of(joined: str) -> tuple[float, ...]:
    """Positive numbers or fractions that are written comma apart. InputError for what is none."""
    try:
        found = tuple(float(Fraction(word)) for word in words(joined))
    except (ValueError, ZeroDivisionError):
        found = ()
    if not found or min(found) <= 0:
        raise InputError(f"--weights: expected positive numbers or fractions, comma apart, got {joined!r}")
    return found


def write_side_weight_outputs(measurement: SideWeightMeasurement, command: str, folder: Path) -> tuple[Path, ...]:
    """Results file and picture, the summary gathered; answers their paths."""
    chosen = "The best weight by validation photographs; each training's round by the same. Nothing by these images."
    provenance = Provenance.of(command, measurement.data, 0, VERSIONED, chosen=chosen)
    written = write_results(folder, Results("side_weight", provenance, measurement.summary(), measurement.detail()))
    picture = folder / "side_weight.png"
    draw_side_weight_png(measurement, picture)
    gather_summary(folder)
    return written, picture


def _coded(encoder: ImageEncoder, images: ImageSet, adaptation: Adaptation) -> list[EdgeCoded[CodedImage]]:
    """Every image's packet."""
    return [encoder.encode(images.read(index), adaptation) for index in range(len(images))]


def _ideal_difference(detail: CodedImage) -> float:
    """Bits of an image's y if every channel's true histogram were known at no cost, less those of its static tables."""
    y = detail.symbols.y
    groups = np.broadcast_to(np.arange(len(y), dtype=np.int32)[:, None, None], y.shape)
    return ideal_bits(y.ravel(), groups.ravel()) - detail.estimated_bits
