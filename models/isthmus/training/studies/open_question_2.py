"""Open question 2 of the thesis: do adaptive distributions pay on a Gaussian-conditional model?

The same latents are coded in several ways, and every way is adapted to each photograph:

- *factorised*: one table a channel; what adapts is a channel's table.
- *hyperprior*: one table a scale index, or one a pair of a kind of channels and a scale index; what adapts is that.

The adaptations, all discrete, chosen at the encoder by exact search, paid for by a learned tree prior:

- *ideal*: every group's true histogram at no cost, which no choice of tables for that group beats.
- *chosen*: every group picks one of its candidate tables (`group_choice`).
- *shifted*: every channel moves its scale indices by -2 to 2: a multiplier of its scale.
- *corrected*: every channel picks one of a few whole sets of tables, grown from the shifts by the same clustering.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from isthmus.common.results import Provenance, Results, write_results
from isthmus.models.image.hyperprior import SCALE_LEVELS
from isthmus.models.image.transforms import STRIDE
from isthmus.training.group_choice import Float32, Float64, choose, ideal_bits, learn_choice, static_pmfs
from isthmus.training.image.finished import finished
from isthmus.training.image.hyperprior import latents_of, load_hyperprior
from isthmus.training.image.hyperprior_freeze import CodedLatents, FrozenHyperprior, code_latents, freeze_hyperprior
from isthmus.training.image.photos import Photos, load_photos, split_photos
from isthmus.training.image.table_choice import (
    CELLS,
    Grouping,
    TableChoiceRow,
    by_channel,
    by_index,
    by_table,
    figures,
)
from isthmus.training.image.transforms import load_codec

RESULTS_NAME = "open_question_2"
CHOSEN = "Tables and priors were learned on training photographs; nothing was chosen on those that are measured."
SHIFTS = (0, -1, 1, -2, 2)
SET_ROUNDS = 3
SET_BACKOFF = 64.0  # pseudo-counts with which a set of tables leans on what it was


def shifted_sets(pmfs: Float64, shifts: tuple[int, ...] = SHIFTS) -> Float64:
    """Tables ``[tables, CELLS]`` with the index moved within its kind, ``[shifts, tables, CELLS]``."""
    kind, index = np.divmod(np.arange(len(pmfs)), SCALE_LEVELS)
    return np.stack([pmfs[kind * SCALE_LEVELS + np.clip(index + s, 0, SCALE_LEVELS - 1)] for s in shifts])


def set_costs(coded: Grouping, sets: Float64, channels: int) -> Float32:
    """Bits of each photograph's channel under each set of tables, ``[n, channels, sets]``."""
    bits = -np.log2(sets.reshape(len(sets), -1)).astype(np.float32)
    out = np.empty((len(coded.cells), channels, len(sets)), np.float32)
    for photo, (cell, group) in enumerate(zip(coded.cells, coded.groups, strict=True)):
        key = group.astype(np.int64) * CELLS + cell
        out[photo] = bits[:, key].reshape(len(sets), channels, -1).sum(2).T
    return out


def refined_sets(coded: Grouping, sets: Float64, channels: int, weight: float) -> Float64:
    """Sets of tables `[sets, tables, CELLS]` moved to the symbols of the channels that choose them; set 0 stays."""
    shares = np.full(len(sets), 1 / len(sets))
    static = sets[0]
    for _ in range(SET_ROUNDS):
        costs = set_costs(coded, sets, channels) * np.float32(weight)
        choice = np.argmin(costs - np.log2(shares).astype(np.float32), axis=2)
        shares = np.bincount(choice.ravel(), minlength=len(sets)) / choice.size + 1e-4
        counts = np.zeros((len(sets), sets[0].size))
        for photo, (cell, group) in enumerate(zip(coded.cells, coded.groups, strict=True)):
            key = (group.astype(np.int64) * CELLS + cell).reshape(channels, -1)
            for k in np.unique(choice[photo]):
                counts[k] += np.bincount(key[choice[photo] == k].ravel(), minlength=sets[0].size)
        moved = counts.reshape(sets.shape) + SET_BACKOFF * sets
        sets = moved / moved.sum(2, keepdims=True)
        sets[0] = static
    return sets


class SetChoiceRow:
    """Every channel chooses one of a few sets of tables."""

    def __init__(self, train: Grouping, sets: Float64, channels: int, weight: float) -> None:
        self.sets, self.channels = sets, channels
        self.prior = learn_choice(set_costs(train, sets, channels), weight)

    def measure(self, test: Grouping, extra_bits: float, pixels: int) -> dict[str, float]:
        """`figures` of other photographs; ideal are the true histograms of the tables."""
        costs = set_costs(test, self.sets, self.channels)
        ideal = float(ideal_bits(test.histograms()).sum())
        return figures(costs, choose(costs, self.prior), ideal, extra_bits, pixels)


def compare(
    frozen: FrozenHyperprior, train: CodedLatents, tests: Mapping[str, list[CodedLatents]], weight: float
) -> dict[str, dict[str, Any]]:
    """Every model and adaptation, learned with `weight`, on every set of photographs (a part a size)."""
    tables, channels = frozen.y_tables.count, train.y.shape[1]

    def table(coded: CodedLatents) -> Grouping:
        return by_table(coded, tables)

    seen = table(train)
    shifts = shifted_sets(static_pmfs(seen.histograms()))
    rows: dict[str, tuple[TableChoiceRow | SetChoiceRow, Callable[[CodedLatents], Grouping]]] = {
        "factorised_chosen": (TableChoiceRow(by_channel(train), weight), by_channel),
        "hyperprior_chosen_by_index": (TableChoiceRow(by_index(train), weight), by_index),
        "hyperprior_chosen_by_kind_and_index": (TableChoiceRow(seen, weight), table),
        "hyperprior_shifted": (SetChoiceRow(seen, shifts, channels, weight), table),
        "hyperprior_corrected": (
            SetChoiceRow(seen, refined_sets(seen, shifts, channels, weight), channels, weight),
            table,
        ),
    }
    out: dict[str, dict[str, Any]] = {}
    for name, parts in tests.items():
        pixels = [_pixels(part) for part in parts]
        z_bits = [_z_bits(frozen, part) for part in parts]
        out[name] = {"z_bits_per_pixel": sum(z_bits) / sum(pixels)}
        for row, (model, group) in rows.items():
            extra = [0.0 if row.startswith("factorised") else bits for bits in z_bits]
            measured = [
                model.measure(group(part), more, count) for part, more, count in zip(parts, extra, pixels, strict=True)
            ]
            out[name][row] = _mean(measured, pixels)
    return out


def _mean(parts: list[dict[str, float]], pixels: list[int]) -> dict[str, float]:
    return {key: sum(p[key] * n for p, n in zip(parts, pixels, strict=True)) / sum(pixels) for key in parts[0]}


def _pixels(coded: CodedLatents) -> int:
    n, _, height, width = coded.y.shape
    return int(n * height * width * STRIDE**2)


def _z_bits(frozen: FrozenHyperprior, coded: CodedLatents) -> float:
    return float(frozen.z_tables.bits(coded.z, np.arange(coded.z.shape[1])[:, None, None]).sum())


def answer(
    codecs: Mapping[int, Path],
    hyperpriors: Mapping[int, Path],
    train: Photos,
    tests: Mapping[str, list[Photos]],
    weights: Mapping[str, float],
    folder: Path,
    command: str,
) -> Path:
    """Measure every quality and write ``<folder>/open_question_2.json``.

    Args:
        codecs: checkpoint of each quality's image codec.
        hyperpriors: checkpoint of its hyperprior.
        train: what tables are learned from, photographs of one size.
        tests: sets to measure, each in parts of one size, sides multiples of 64.
        weights: how many training photographs make one image of each set: the side information's price in learning.
        folder: of results.
        command: that called this, for the provenance.
    """
    detail: dict[str, Any] = {"weights": dict(weights)}
    summary: dict[str, float] = {}
    for quality, checkpoint in sorted(codecs.items()):
        g_a, model = load_codec(checkpoint)[0].g_a, load_hyperprior(hyperpriors[quality])
        seen = latents_of(g_a, train)
        held = {name: [latents_of(g_a, part) for part in parts] for name, parts in tests.items()}
        frozen = freeze_hyperprior(model, seen, next(iter(held.values()))[0])
        coded = code_latents(model, frozen.h_s, seen)
        entry: dict[str, Any] = {"macs_per_pixel": list(frozen.macs), "freezing": frozen.stats}
        for name, parts in held.items():
            shown = {name: [code_latents(model, frozen.h_s, y) for y in parts]}
            entry |= compare(frozen, coded, shown, weights[name])
            summary |= _summary(name, quality, entry[name])
            print(f"open question 2: q{quality} on {name} done", file=sys.stderr, flush=True)
        detail[f"q{quality}"] = entry
    provenance = Provenance.of(command, ", ".join(tests), 0, ("numpy", "torch"), chosen=CHOSEN)
    return write_results(folder, Results(RESULTS_NAME, provenance, summary, detail))


def _summary(name: str, quality: int, rows: Mapping[str, Any]) -> dict[str, float]:
    prefix = f"image.open_question_2.{name}.q{quality}"
    chosen, factorised = rows["hyperprior_chosen_by_kind_and_index"], rows["factorised_chosen"]
    best, static = chosen["adapted_bits_per_pixel"], factorised["static_bits_per_pixel"]
    return {
        f"{prefix}.gain_percent": chosen["gain_percent"],
        f"{prefix}.ideal_gain_percent": chosen["ideal_gain_percent"],
        f"{prefix}.gap_closed_percent": chosen["gap_closed_percent"],
        f"{prefix}.hyperprior_vs_factorised_percent": 100 * (chosen["static_bits_per_pixel"] / static - 1),
        f"{prefix}.adapted_hyperprior_vs_factorised_percent": 100 * (best / static - 1),
        f"{prefix}.adapted_hyperprior_vs_chosen_factorised_percent": 100
        * (best / factorised["adapted_bits_per_pixel"] - 1),
    }


def run(
    runs: Path,
    hyper: Path,
    qualities: tuple[int, ...],
    photos: Path,
    kodak: Path | None,
    folder: Path,
    command: str,
) -> Path:
    """`answer` with a project's folders: codecs ``q<n>.pt`` in `runs`, hyperpriors ``hyper-q<n>.pt`` in `hyper`.

    Raises:
        InputError: one of them is not there, or photographs are none.
    """
    torch.set_num_threads(1)
    codecs = dict(zip(qualities, finished(runs, qualities, photos), strict=True))
    hyperpriors = dict(zip(qualities, finished(hyper, qualities, photos, kind="hyper-"), strict=True))
    train, validation = split_photos(load_photos(photos))
    tests, weights = {"validation": [validation]}, {"validation": 1.0}
    if kodak is not None:
        tests["kodak"], weights["kodak"] = _by_size(load_photos(kodak)), 6.0
    return answer(codecs, hyperpriors, train, tests, weights, folder, command)


def _by_size(photos: Photos) -> list[Photos]:
    sizes = sorted({p.shape for p in photos.pixels})
    return [Photos(photos.name, tuple(p for p in photos.pixels if p.shape == size)) for size in sizes]
