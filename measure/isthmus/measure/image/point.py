"""What was measured of one image codec: bits at each layer, quality and times of every image, for every adaptation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np

from isthmus.common.errors import InputError
from isthmus.measure.curve import Float64
from isthmus.measure.image.options import ADAPTATIONS

STATIC, CHOSEN, SYNTHESIZED, CONTEXT = ADAPTATIONS
IDEAL, PLAIN = "ideal", "plain"
STAGES = ("analysis_ms", "entropy_encode_ms", "wire_ms", "entropy_decode_ms", "synthesis_ms", "total_ms")


@dataclass(frozen=True, slots=True, eq=False)
class AdaptationRow:
    """One way to fit the tables to an image, over all images; arrays are float64 [images].

    Attributes:
        adaptation: `static` (the codec's own tables: the base), `chosen` (the best of its candidates for each group,
            or the static ones where that is cheaper), `synthesized` (tables out of the thesis's networks) or `context`
            (a table for each latent by those coded before it).
        estimated_bits: -log2 p of all coded symbols, side information among them.
        coded_bits: of all sections.
        side_bits: of the section of side information.
        packet_bits: what an encoder would write into a file.
        message_bits: of the serialised message up.
        wire_bits: TCP payload up.
        analysis_ms, entropy_encode_ms: on the edge.
        wire_ms: round trip less what the cloud says that it spent.
        entropy_decode_ms, synthesis_ms: in the cloud.
        total_ms: from pixels to the answer.
    """

    adaptation: str
    estimated_bits: Float64
    coded_bits: Float64
    side_bits: Float64
    packet_bits: Float64
    message_bits: Float64
    wire_bits: Float64
    analysis_ms: Float64
    entropy_encode_ms: Float64
    wire_ms: Float64
    entropy_decode_ms: Float64
    synthesis_ms: Float64
    total_ms: Float64

    def __post_init__(self) -> None:
        layers = (self.coded_bits, self.packet_bits, self.message_bits, self.wire_bits)
        for below, above in pairwise(layers):
            if not (below <= above).all():
                raise InputError(f"{self.adaptation}: expected coded <= packet <= message <= wire bits of every image")

    @property
    def excess_bits(self) -> Float64:
        """Coded bits above the estimate, float64 ``[images]``."""
        return self.coded_bits - self.estimated_bits


@dataclass(frozen=True, slots=True)
class Macs:
    """Multiply-accumulates a pixel; 0 where the codec's folder does not say.

    Attributes:
        analysis: of g_a (and h_a, where there is one).
        synthesis: of g_s.
        adaptive: of choosing or synthesising the tables, on the side that does more.
    """

    analysis: float = 0.0
    synthesis: float = 0.0
    adaptive: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class ImageCodecPoint:
    """One codec on all images; arrays are float64 [images].

    Attributes:
        name, family, quality: of the codec.
        psnr_db, ms_ssim: of the reconstructions that came back; MS-SSIM is nan where a side is too short for it.
        ideal_bits: the packet of the static row, its y coded under each group's true histogram, sent at no cost.
        plain_bits: the same, its y coded under one of a few Laplace tables a group, named at a fixed length.
        picture_bits: TCP payload down with the reconstruction in it (lossless).
        rows: one an adaptation that the codec has, `static` first.
        macs: a pixel.
    """

    name: str
    family: str
    quality: int
    psnr_db: Float64
    ms_ssim: Float64
    ideal_bits: Float64
    plain_bits: Float64
    picture_bits: Float64
    rows: tuple[AdaptationRow, ...]
    macs: Macs

    def row(self, adaptation: str) -> AdaptationRow | None:
        """The row of an adaptation, where it was measured."""
        return next((row for row in self.rows if row.adaptation == adaptation), None)

    def bits(self, kind: str) -> Float64 | None:
        """Bits as they are compared, float64 ``[images]``: packets of an adaptation, or the ideal or plain ones."""
        if kind in (IDEAL, PLAIN):
            found = self.ideal_bits if kind == IDEAL else self.plain_bits
            return found if np.isfinite(found).all() else None
        row = self.row(kind)
        return row.packet_bits if row is not None else None

    def gap_closed_percent(self, kind: str) -> float:
        """How much of what the ideal row saves of the static one's bits another kind saves; nan where unknown."""
        static, other, ideal = self.bits(STATIC), self.bits(kind), self.bits(IDEAL)
        if static is None or other is None or ideal is None or static.sum() <= ideal.sum():
            return float("nan")
        return 100 * float((static.sum() - other.sum()) / (static.sum() - ideal.sum()))

    def to_json(self) -> dict[str, Any]:
        """As plain containers, for a results file."""
        return {
            **_plain(self, skip=("rows", "macs")),
            "rows": [_plain(row) for row in self.rows],
            "macs": _plain(self.macs),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ImageCodecPoint:
        """Back from a results file; InputError where a field is missing or of another kind."""
        try:
            own = {**_arrays(document), "macs": Macs(**document["macs"])}
            own["rows"] = tuple(AdaptationRow(**_arrays(row)) for row in document["rows"])
            return cls(**own)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"expected a measured codec of this version, got {error!r}: measure again") from error


def _plain(value: Any, skip: tuple[str, ...] = ()) -> dict[str, Any]:
    found = {f.name: getattr(value, f.name) for f in fields(value) if f.name not in skip}
    return {name: v.tolist() if isinstance(v, np.ndarray) else v for name, v in found.items()}


def _arrays(document: Mapping[str, Any]) -> dict[str, Any]:
    """Lists of numbers as arrays, null as nan."""
    return {
        name: np.array(value, np.float64) if isinstance(value, list) and name != "rows" else value
        for name, value in document.items()
    }
