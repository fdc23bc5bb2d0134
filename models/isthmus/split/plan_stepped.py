"""What a cut would cost as a codec whose frames choose their step, on images that it was not calibrated on.

A cut is taken through what `isthmus split` does of it, with fewer images and without motion: components by what matters
to the answers, their cosine transform, one step, tables counted on the calibration images. The other images' symbols
are coded with those tables (the code's ideal length is told), come back, and are answered.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.expectation import ExpectationModel
from isthmus.common.video.step import DEFAULT_STEP, STEPS_AN_OCTAVE, fine_step
from isthmus.common.video.stepped_tables import EXPECTATIONS, SCALE_ZERO
from isthmus.common.video.tiles import BASIS_BITS, MAX_TILE, basis, forward, frequencies, spans
from isthmus.split.components import Components, Float32, Float64, Moments, find_components
from isthmus.split.expectation_recipe import Seen, expectations, learn_expectation
from isthmus.split.plan_points import TINY, Judge, Planes, Points, Tally
from isthmus.split.stepped_calibrate import scales_of
from isthmus.split.stepped_writer import LEAST_SYMBOL, MOST_SYMBOL, UNITS

QUALITIES = (3, 5, 7)
"""That are measured, coarsest first; 5 is a codec's own."""
OWN = 5
MOST_TRIED, TRIES = 16, 6
"""Images that a step is tried on, and how often."""
NEAR = 0.05
"""Of the wanted distance: so near a step is taken."""
MOST_COUNTED = 1 << 23
"""Latents of one tensor that tables are counted on."""
FINE = UNITS * 16
"""Of a default step."""
Int32 = npt.NDArray[np.int32]


def stepped_points(
    judge: Judge, metrics: Sequence[Float64], calibration: Sequence[Planes], test: Iterator[Planes]
) -> Points:
    """Of a cut as a codec whose frames choose their step.

    Args:
        judge: what sees the answers.
        metrics: of each tensor, float64 [M, M].
        calibration: latents of images, of each tensor float32 [M, h, w].
        test: of others, made as they are asked for.
    """
    shown = [[y[k] for y in calibration] for k in range(len(metrics))]
    kept = [find_components(m, Moments.of(ys)) for m, ys in zip(metrics, shown, strict=True)]
    coefficients = [[forward(c.of(y), MAX_TILE) for y in ys] for c, ys in zip(kept, shown, strict=True)]
    tried = [calibration[i] for i in _spread(len(calibration), MOST_TRIED)]
    step = _own_step(judge, kept, tried)
    for k, ys in enumerate(coefficients):
        reach = np.max([np.abs(y).max((1, 2)) for y in ys], axis=0)
        count = max(1, int(np.flatnonzero(reach > step / 2).max(initial=0)) + 1)
        kept[k] = kept[k].first(count).in_units(step / UNITS)
        coefficients[k] = [y[:count] * np.float32(FINE / step) for y in ys]
    tables = [_Tables.learned(ys) for ys in coefficients]
    tally = Tally(judge, QUALITIES)
    for planes in test:
        whole = judge.cloud(*(y[None] for y in planes))
        fine = [_fine(c.of(y)) for c, y in zip(kept, planes, strict=True)]
        began = time.thread_time()
        for t, f in zip(tables, fine, strict=True):
            t.bits(t.symbols(f, OWN), OWN)
        tally.coding_s.append(time.thread_time() - began)
        for quality in QUALITIES:
            symbols = [t.symbols(f, quality) for t, f in zip(tables, fine, strict=True)]
            bits = sum(t.bits(s, quality) for t, s in zip(tables, symbols, strict=True))
            back = [c.latents(t.units(s, quality))[None] for c, t, s in zip(kept, tables, symbols, strict=True)]
            tally.add(quality, bits, whole, judge.cloud(*back))
    return Points(tally.points(), tuple(kept), tally.coding_ms)


@dataclass(frozen=True, slots=True, eq=False)
class _Tables:
    """Of one tensor.

    Attributes:
        model: which table codes what.
        scales: int32 `[M, h, w]`, of each coefficient.
    """

    model: ExpectationModel
    scales: Int32

    @classmethod
    def learned(cls, coefficients: Sequence[Float32]) -> _Tables:
        """From coefficients float32 ``[M, h, w]`` in 1/16 of a unit, at all qualities."""
        sides = coefficients[0].shape[1:]
        bands = sides[0] if sides[0] == sides[1] <= MAX_TILE else MAX_TILE
        scales = scales_of(coefficients, MAX_TILE, bands)
        rows, columns = (frequencies(side, MAX_TILE, bands) for side in sides)
        placed = scales[:, rows[:, None], columns]
        counted = _spread(len(coefficients), max(1, MOST_COUNTED // coefficients[0].size))
        seen = (
            Seen(np.rint(coefficients[i] / _step(q)).astype(np.int32), _expected(placed, q))
            for i in counted
            for q in QUALITIES
        )
        return cls(learn_expectation(seen), placed)

    def symbols(self, fine: Float32, quality: int) -> Int32:
        """Of latents ``[M, h, w]`` in 1/16 of a unit."""
        made: Int32 = np.rint(forward(fine, MAX_TILE) / _step(quality)).astype(np.int32)
        return made

    def bits(self, symbols: Int32, quality: int) -> float:
        """The code's ideal length."""
        return self.model.encode_measured(symbols, _expected(self.scales, quality))[1]

    def units(self, symbols: Int32, quality: int) -> Float32:
        """Latents ``[M, h, w]`` in units that symbols come back as."""
        return _inverse(symbols.astype(np.float32) * (_step(quality) / np.float32(16)))


def _own_step(judge: Judge, components: Sequence[Components], tried: Sequence[Planes]) -> float:
    """The step at which the answers move as far as they are to: from what a small error costs, then by trying.

    Coefficients further than half a step from 0 are off by step^2 / 12, each costs half of that.
    """
    whole = [judge.cloud(*(y[None] for y in planes)) for planes in tried]
    coefficients = [[forward(c.of(y), MAX_TILE) for c, y in zip(components, planes, strict=True)] for planes in tried]
    largest = max(float(np.abs(y).max()) for planes in coefficients for y in planes)
    numbers = sum(y.size for y in coefficients[0])
    # To a network that hardly minds, images are still told apart: the largest coefficient is two steps.
    most = largest / 2 or 1.0
    step = min(float(np.sqrt(24 * judge.target / numbers)), most)
    below, above = 0.0, float("inf")
    for _ in range(TRIES):
        moved = 0.0
        for planes, answer in zip(coefficients, whole, strict=True):
            back = [
                c.latents(_inverse(np.rint(y / np.float32(step)) * np.float32(step)))[None]
                for c, y in zip(components, planes, strict=True)
            ]
            moved += judge.distance(answer, judge.cloud(*back)) / len(tried)
        if abs(moved / judge.target - 1) < NEAR or (step == most and moved < judge.target):
            break
        below, above = (step, above) if moved < judge.target else (below, step)
        # Loss goes with the square of the step, and with less of it where most coefficients are 0 already.
        step *= float(np.clip((judge.target / max(moved, TINY)) ** 0.6, 0.1, 10))
        if not below < step < above:
            step = float(np.sqrt(below * above)) if below and np.isfinite(above) else min(step, most)
        step = min(step, most)
    return step


def _fine(components: Float32) -> Float32:
    """Components in units as a codec takes them: in 1/16, within its symbols."""
    made: Float32 = np.clip(np.rint(components * np.float32(16)), 16 * LEAST_SYMBOL, 16 * MOST_SYMBOL)
    return made


def _step(quality: int) -> np.float32:
    return np.float32(fine_step(_index(quality)))


def _index(quality: int) -> int:
    return DEFAULT_STEP + STEPS_AN_OCTAVE // 2 * (OWN - quality)


def _expected(scales: Int32, quality: int) -> Int32:
    return expectations()[np.clip(scales - _index(quality) + SCALE_ZERO, 0, EXPECTATIONS - 1)]


def _inverse(coefficients: Float32) -> Float32:
    """As `tiles.inverse`, in floats: nothing is decoded here."""
    made = np.empty(coefficients.shape, np.float32)
    for top, bottom in spans(coefficients.shape[1], MAX_TILE):
        down = basis(bottom - top).astype(np.float32) / 2**BASIS_BITS
        for left, right in spans(coefficients.shape[2], MAX_TILE):
            across = basis(right - left).astype(np.float32) / 2**BASIS_BITS
            made[:, top:bottom, left:right] = down.T @ coefficients[:, top:bottom, left:right] @ across
    return made


def _spread(length: int, count: int) -> list[int]:
    """As many places, evenly spread."""
    return [i * length // count for i in range(count)] if length > count else list(range(length))
