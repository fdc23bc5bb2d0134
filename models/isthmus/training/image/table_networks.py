"""Networks that synthesize an image's tables, for a codec that is finished: its transforms stay as they are.

Two ways: `components` (`models.image.components`), what the product takes, and `thesis` (`models.image.adaptive`,
plain), what the thesis has. What comes out is the old codec with other files ``h_a_q``, ``h_s_q`` and tables of q.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.errors import InputError
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.table_ways import COMPONENTS, THESIS, WAYS
from isthmus.common.image.tables import ImageTables
from isthmus.common.manifest.folder import file_sha256, load_codec_folder, write_codec_manifest
from isthmus.models.image.adaptive import AdaptiveBottleneck, AdaptiveShape
from isthmus.models.image.components import Components, ComponentShape
from isthmus.training.image.adaptive import (
    GRADIENT_CLIP,
    ROUND_STEPS,
    SIDE_WEIGHT,
    WARMUP,
    AdaptiveEffort,
    AdaptiveRecipe,
    drawn,
)
from isthmus.training.image.adaptive_freeze import FrozenAdaptive, freeze_components, freeze_networks
from isthmus.training.image.latent_counts import LatentCounts, clipped, count_finished, normalised
from isthmus.training.image.photos import Photos
from isthmus.training.origin import HISTORY_FILE, Origin
from isthmus.training.plan import Plan, warm_cosine
from isthmus.training.recipe import Group
from isthmus.training.trainer import Trainer

THESIS_BINS = 256
"""At least so many, as the thesis has."""
WIDE_BINS = 512
"""From so many bins on the thesis's networks have their wider layers."""
START_PHOTOS = 2_000
"""Drawn several together, beside all as they are, to find components of."""


@dataclass(frozen=True, slots=True)
class TableEffort:
    """How long and how fast.

    Attributes:
        steps: of training.
        batch: histograms a step.
        most_together: photographs whose histograms are added up to one, at random from 1 to so many.
        components: of q, for the way of that name.
        matrix_rate, other_rate: learning rates of components: of both matrices, and of the rest.
        thesis_rate: that of the thesis's networks.
        side_weight: lambda_q, of the bits of q in the loss.
    """

    steps: int = 2_000
    batch: int = 24
    most_together: int = 4
    components: int = 192
    matrix_rate: float = 1e-3
    other_rate: float = 1e-2
    thesis_rate: float = 2e-3
    side_weight: float = SIDE_WEIGHT


class ComponentRecipe(AdaptiveRecipe):
    """Both matrices of `Components`, and the density of q."""

    model: Components  # type: ignore[assignment]

    def __init__(self, net: Components, counts: LatentCounts, effort: TableEffort) -> None:
        self.model, self._counts = net, counts
        self._effort = AdaptiveEffort(
            batch=effort.batch, most_together=effort.most_together, side_weight=effort.side_weight
        )
        self._rates = effort.matrix_rate, effort.other_rate

    def groups(self) -> list[Group]:
        net = self.model
        matrices = [net.analysis, net.analysis_bias, net.synthesis, net.synthesis_bias]
        return [Group(matrices, self._rates[0]), Group([net.floor, net.middle, net.spread], self._rates[1])]

    def clipped(self) -> list[list[nn.Parameter]]:
        return [list(self.model.parameters())]


@dataclass(frozen=True, slots=True)
class TableRun:
    """One training of networks for one codec.

    Attributes:
        way: one of `WAYS`.
        codec: folder of the codec that is finished.
        counts: of its latents.
        effort: how long.
        seed: of everything random.
        resume: checkpoint of a run that was killed.
    """

    way: str
    codec: Path
    counts: LatentCounts
    effort: TableEffort
    seed: int
    resume: Path

    def train(self) -> tuple[FrozenAdaptive, list[dict[str, float]], float]:
        """(what the codec ships, the validation of every round, seconds)."""
        torch.manual_seed(self.seed)
        generator = torch.Generator().manual_seed(self.seed)
        recipe = self._components(generator) if self.way == COMPONENTS else self._thesis()
        plan = Plan(
            self.effort.steps,
            round_steps=min(ROUND_STEPS, self.effort.steps),
            clip_norm=GRADIENT_CLIP,
            decay=warm_cosine(WARMUP),
            is_best_kept=True,
        )
        label = f"{self.way} {self.codec.name}"
        done = Trainer(recipe, plan, generator, label=label, resume=self.resume).run()
        net = recipe.model.eval()
        frozen = (
            freeze_components(net, self.counts) if isinstance(net, Components) else freeze_networks(net, self.counts)
        )
        return frozen, done.history, done.seconds

    def _components(self, generator: torch.Generator) -> ComponentRecipe:
        counts, effort = self.counts, self.effort
        net = Components(ComponentShape(counts.validation.shape[1], effort.components, counts.bins), counts.static())
        several = drawn(counts.train[0], START_PHOTOS, effort.most_together, generator)
        net.start_from(clipped(torch.cat([normalised(counts.train[0])[0], several]), net.shape))
        return ComponentRecipe(net, counts, effort)

    def _thesis(self) -> AdaptiveRecipe:
        counts, effort = self.counts, self.effort
        hidden, side = (64, 32) if counts.bins >= WIDE_BINS else (32, 16)
        shape = AdaptiveShape(counts.validation.shape[1], hidden, side, counts.bins, is_plain=True)
        asked = AdaptiveEffort(
            effort.steps,
            effort.thesis_rate,
            effort.batch,
            hidden,
            side,
            effort.most_together,
            effort.side_weight,
        )
        return AdaptiveRecipe(AdaptiveBottleneck(shape, counts.static()), counts, asked)


def counts_for(way: str, codec: Path, train: Photos, validation: Photos) -> LatentCounts:
    """Histograms of a finished codec's latents, in as many bins as the way wants. Raises as `count_finished`."""
    if way not in WAYS:
        raise InputError(f"way: expected one of {', '.join(WAYS)}, got {way!r}")
    return count_finished(codec, train, validation, THESIS_BINS if way == THESIS else 0)


def write_table_codec(run: TableRun, target: Path, origin: Origin) -> Path:
    """Train, and write the codec of that name with the networks in it. Minutes.

    Args:
        run: what is trained.
        target: folder of the new codec, whose name is its own; may be that of the old one in another zoo.
        origin: of the photographs, and the command.
    """
    frozen, curve, seconds = run.train()
    old = load_codec_folder(run.codec, kind=ImageManifest).manifest
    tables = ImageTables.load(run.codec / ENTROPY_FILE)
    history: dict[str, Any] = json.loads((run.codec / HISTORY_FILE).read_text(encoding="utf-8"))
    target.mkdir(parents=True, exist_ok=True)
    kept = [name for name, _ in old.weights if name not in ("h_a_q.onnx", "h_s_q.onnx", ENTROPY_FILE)]
    for name in kept:
        if (run.codec / name).resolve() != (target / name).resolve():
            shutil.copyfile(run.codec / name, target / name)
    for name, graph in (("h_a_q.onnx", frozen.h_a_q), ("h_s_q.onnx", frozen.h_s_q)):
        (target / name).write_bytes(graph.SerializeToString(deterministic=True))
    replace(tables, q_tables=frozen.q_tables).save(target / ENTROPY_FILE)
    family, _, quality = target.name.rpartition("-q")
    files = sorted([*kept, "h_a_q.onnx", "h_s_q.onnx", ENTROPY_FILE])
    manifest = replace(
        old,
        name=target.name,
        family=family,
        quality=int(quality),
        bins=frozen.bins,
        side_columns=frozen.side_columns,
        weights=tuple((name, file_sha256(target / name)) for name in files),
    )
    write_codec_manifest(manifest, target)
    history["macs_per_pixel"]["synthesized"] = frozen.stats["mac_per_pixel_both"]
    history["synthesized"] = frozen.stats
    history["tables"] = {
        "command": origin.command,
        "data": origin.data,
        "data_sha256": origin.data_sha256,
        "seed": run.seed,
        "seconds": round(seconds),
        "way": run.way,
        "effort": asdict(run.effort),
        "curve": curve,
        "of": run.codec.name,
    }
    history["manifest_sha256"] = manifest.identity.hex()
    (target / HISTORY_FILE).write_text(json.dumps(history, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    run.resume.unlink(missing_ok=True)
    return target
