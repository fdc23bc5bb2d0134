"""A whole run of the image measure: codecs, baselines, published curves; and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from isthmus.common.errors import InputError
from isthmus.measure.curve import Curve, Float64
from isthmus.measure.image.baselines import BaselinePoint
from isthmus.measure.image.curves import (
    ImageComparison,
    ImageCurve,
    baseline_curves,
    codec_curve,
    compare,
)
from isthmus.measure.image.point import (
    CHOSEN,
    CONTEXT,
    IDEAL,
    PLAIN,
    STATIC,
    SYNTHESIZED,
    AdaptationRow,
    ImageCodecPoint,
)

TIMED_PIXELS = 768 * 512  # images whose entropy-coding times are quoted
ALLOWED_EXCESS_BITS = 64
KINDS = (STATIC, CONTEXT, CHOSEN, SYNTHESIZED, PLAIN, IDEAL)


@dataclass(frozen=True, eq=False)
class ImageMeasurement:
    """Everything that was measured in one run.

    Attributes:
        data: what the images are, for people.
        images: names of the images.
        pixel_counts: float64 [images].
        codecs: by family, then quality; the first family is the one that is compared with everything.
        sweeps: all settings of each baseline, by name.
        published: quoted curves of these images; empty for others.
        notes: what a reader must know.
        settings: how each baseline was coded and who published each quoted curve, by the curve's name.
        told: the comparisons, where they come out of a results file; else they are made when asked for.
    """

    data: str
    images: tuple[str, ...]
    pixel_counts: Float64
    codecs: tuple[ImageCodecPoint, ...]
    sweeps: Mapping[str, tuple[BaselinePoint, ...]]
    published: Mapping[str, Curve] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    told: tuple[ImageComparison, ...] = ()

    @property
    def families(self) -> tuple[str, ...]:
        """In the order of the codecs."""
        return tuple(dict.fromkeys(p.family for p in self.codecs))

    def of_family(self, family: str) -> tuple[ImageCodecPoint, ...]:
        """The qualities of one family, lowest first."""
        return tuple(p for p in self.codecs if p.family == family)

    @cached_property
    def curves(self) -> dict[tuple[str, str], ImageCurve]:
        """By family and kind of bits: an adaptation, plain, ideal."""
        pairs = ((f, k, codec_curve(self.of_family(f), k, self.pixel_counts)) for f in self.families for k in KINDS)
        return {(family, kind): curve for family, kind, curve in pairs if curve is not None}

    @cached_property
    def baselines(self) -> dict[str, ImageCurve]:
        """One curve a baseline."""
        return baseline_curves(self.sweeps, self.pixel_counts)

    @cached_property
    def comparisons(self) -> tuple[ImageComparison, ...]:
        """Each family's kinds against its base; the first family's base and best against all else."""
        return self.told or tuple(self._compare())

    def comparison(self, test: str, anchor: str) -> ImageComparison | None:
        """One of `comparisons`, by the curves' names."""
        return next((c for c in self.comparisons if (c.test, c.anchor) == (test, anchor)), None)

    def best_kind(self, family: str) -> str:
        """What a family is compared as: the first of contexts and chosen tables that was measured, else as it is."""
        return next(kind for kind in (CONTEXT, CHOSEN, STATIC) if (family, kind) in self.curves)

    def partial_kinds(self, family: str) -> tuple[str, ...]:
        """Kinds that only some qualities of a family have; beside chosen tables they stand over their own alone."""
        whole = len(self.curves[family, STATIC].qualities)
        found = {kind: len(self.curves[family, kind].qualities) for kind in KINDS if (family, kind) in self.curves}
        return tuple(kind for kind, count in found.items() if kind != CHOSEN and count < whole)

    def rows(self, kind: str, family: str = "") -> list[tuple[ImageCodecPoint, AdaptationRow]]:
        """The rows of an adaptation, of one family or all."""
        found = ((p, p.row(kind)) for p in self.codecs if family in ("", p.family))
        return [(point, row) for point, row in found if row is not None]

    def summary(self, root: str) -> dict[str, float]:
        """The numbers that documents quote, under keys that begin with `root`; one not measured has no key."""
        found: dict[str, float] = {}
        for place, family in enumerate(self.families):
            head = root if place == 0 else f"{root}.{_word(family)}"
            found |= self._family_summary(family, head)
        return {key: float(value) for key, value in found.items() if np.isfinite(value)}

    def detail(self) -> dict[str, Any]:
        """As plain containers, for a results file."""
        return {
            "data": self.data,
            "images": list(self.images),
            "pixel_counts": self.pixel_counts.tolist(),
            "codecs": [p.to_json() for p in self.codecs],
            "sweeps": {name: [p.to_json() for p in points] for name, points in self.sweeps.items()},
            "published": [{"name": c.name, "points": c.points.tolist()} for c in self.published.values()],
            "notes": list(self.notes),
            "settings": dict(self.settings),
            "comparisons": [c.to_json() for c in self.comparisons],
        }

    @classmethod
    def from_detail(cls, detail: Mapping[str, Any]) -> ImageMeasurement:
        """Back from a results file: so pages and tables can be made again without measuring."""
        try:
            return cls(
                str(detail["data"]),
                tuple(detail["images"]),
                np.array(detail["pixel_counts"], np.float64),
                tuple(ImageCodecPoint.from_json(p) for p in detail["codecs"]),
                {name: tuple(BaselinePoint.from_json(p) for p in ps) for name, ps in detail["sweeps"].items()},
                {c["name"]: Curve(c["name"], np.array(c["points"])) for c in detail["published"]},
                tuple(detail["notes"]),
                dict(detail["settings"]),
                tuple(ImageComparison.from_json(c) for c in detail["comparisons"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"expected an image measurement of this version, got {error!r}") from error

    def _compare(self) -> Iterator[ImageComparison]:
        for family in self.families:
            base = self.curves[family, STATIC]
            yield from (compare(self.curves[family, kind], base) for kind in KINDS[1:] if (family, kind) in self.curves)
            chosen = self.curves.get((family, CHOSEN))
            if chosen is not None:
                yield from (compare(self.curves[family, kind], chosen) for kind in self.partial_kinds(family))
        for place, family in enumerate(self.families):
            tests = [self.curves[family, kind] for kind in dict.fromkeys((self.best_kind(family), STATIC))]
            anchors: list[ImageCurve | Curve] = [*self.baselines.values(), *self.published.values()]
            if place:
                first = self.families[0]
                anchors = [self.curves[first, self.best_kind(first)], *anchors]
            named = [(anchor, self.settings.get(anchor.name, "")) for anchor in anchors]
            yield from (compare(test, *anchor) for test in tests for anchor in named)

    def _family_summary(self, family: str, head: str) -> dict[str, float]:
        found = self._deltas(family, head) | self._agreement(family, head) | self._times(family, head)
        points = self.of_family(family)
        for key in ("analysis", "synthesis", "adaptive"):
            most = max(getattr(p.macs, key) for p in points)
            if most:
                found[f"{head}.{key}.mac_per_pixel"] = most
        side = [row.side_bits.sum() / row.packet_bits.sum() for _, row in self.rows(self.best_kind(family), family)]
        if side:
            found[f"{head}.adaptive.side_information_percent_max"] = 100 * float(max(side))
        base = self.curves[family, STATIC].points
        found |= {f"{head}.bits_per_pixel_min": base[:, 0].min(), f"{head}.bits_per_pixel_max": base[:, 0].max()}
        return found | {f"{head}.psnr_db_min": base[:, 1].min(), f"{head}.psnr_db_max": base[:, 1].max()}

    def _deltas(self, family: str, head: str) -> dict[str, float]:
        """Of a family's kinds against its base, and of its best and its base against all else."""
        found: dict[str, float] = {}
        names = {kind: self.curves[family, kind].name for kind in KINDS if (family, kind) in self.curves}
        best = self.best_kind(family)
        pairs = []
        for kind, word in [*((kind, kind) for kind in names if kind != STATIC), (best, "adaptive")]:
            if kind == STATIC:
                continue
            pairs.append((f"{head}.{word}.bd_rate_vs_base", names[kind], names[STATIC]))
            if kind != IDEAL:
                found[f"{head}.{word}.gap_closed_percent"] = self._gap_closed(family, kind, kind)
        if CHOSEN in names:
            for kind in self.partial_kinds(family):
                pairs.append((f"{head}.{kind}.bd_rate_vs_chosen", names[kind], names[CHOSEN]))
                found[f"{head}.{kind}.gap_closed_by_chosen_percent"] = self._gap_closed(family, CHOSEN, kind)
        for anchor in [*self.baselines, *self.published]:
            pairs += [
                (f"{head}.bd_rate_vs_{anchor}", names[best], anchor),
                (f"{head}.base.bd_rate_vs_{anchor}", names[STATIC], anchor),
            ]
        first = self.families[0]
        if first != family and SYNTHESIZED in names:
            # A family beside the first is measured for its networks: of the thesis, say.
            found[f"{head}.gap_closed_percent"] = self._gap_closed(family, SYNTHESIZED, SYNTHESIZED)
            pairs.append((f"{head}.bd_rate_vs_base", names[SYNTHESIZED], names[STATIC]))
        if first != family:
            pairs.append(
                (f"{head}.bd_rate_vs_{_word(first)}", names[best], self.curves[first, self.best_kind(first)].name)
            )
        for key, test, anchor in pairs:
            if (comparison := self.comparison(test, anchor)) is not None:
                found |= _quoted(key, comparison)
        return found

    def _gap_closed(self, family: str, kind: str, where: str) -> float:
        """Mean over the qualities that have bits of the kind `where`."""
        closed = [p.gap_closed_percent(kind) for p in self.of_family(family) if p.bits(where) is not None]
        return float(np.mean(closed))

    def _agreement(self, family: str, head: str) -> dict[str, float]:
        """Real bits above the estimate: the most of any image and adaptation, 64 bits allowed for and plain."""
        rows = [row for p in self.of_family(family) for row in p.rows]
        allowed = max(((r.excess_bits - ALLOWED_EXCESS_BITS) / r.estimated_bits).max() for r in rows)
        return {
            f"{head}.coded_minus_estimated_percent_max": 100 * max(0.0, allowed),
            f"{head}.coded_minus_estimated_all_bits_percent_max": 100
            * max((r.excess_bits / r.estimated_bits).max() for r in rows),
            f"{head}.coded_minus_estimated_bits_max": max(r.excess_bits.max() for r in rows),
        }

    def _times(self, family: str, head: str) -> dict[str, float]:
        """Median entropy-coding times of a 768 x 512 image with adapted tables, of the slowest quality."""
        timed = self.pixel_counts == TIMED_PIXELS
        rows = [row for _, row in self.rows(self.best_kind(family), family)]
        if not timed.any() or not rows:
            return {}
        return {
            f"{head}.entropy_encode_ms": max(float(np.median(r.entropy_encode_ms[timed])) for r in rows),
            f"{head}.entropy_decode_ms": max(float(np.median(r.entropy_decode_ms[timed])) for r in rows),
        }


def _quoted(key: str, comparison: ImageComparison) -> dict[str, float]:
    return {
        f"{key}_percent": comparison.bd_rate_percent,
        f"{key}_low_percent": comparison.low_percent,
        f"{key}_high_percent": comparison.high_percent,
        f"{key}_points": comparison.points.test,
        f"{key}_anchor_points": comparison.points.anchor,
    }


def _word(family: str) -> str:
    """A family as part of a key: ``image-hyper`` is ``hyper``."""
    return family.removeprefix("image-").replace("-", "_")
