"""From trained image networks to codec folders: graphs, every table both sides need, manifest and history.

A folder of `image-light` (or of the reference, `image-2018`) holds all ways to code the same latents: static tables,
tables chosen a channel, tables that h_s,q synthesizes, and tables chosen by context. A folder of `image-hyper` holds
the hyperprior's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from isthmus.common.bits.cdf import CdfTables
from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.tables import ImageTables
from isthmus.common.manifest.folder import file_sha256, write_codec_manifest
from isthmus.models.image.hyperprior import HYPER_STRIDE
from isthmus.models.image.transform_graph import analysis_graph, macs_per_pixel, synthesis_graph
from isthmus.models.image.transforms import (
    STRIDE,
    PatchAnalysis,
    PatchSynthesis,
    ReferenceAnalysis,
    ReferenceSynthesis,
)
from isthmus.training.contexts import ContextEffort, learn_context
from isthmus.training.group_choice import (
    candidate_costs,
    group_histograms,
    integer_tables,
    learn_candidates,
    learn_choice,
    static_pmfs,
    symbol_cells,
)
from isthmus.training.image.adaptive_freeze import freeze_adaptive
from isthmus.training.image.hyperprior import latents_of, load_hyperprior
from isthmus.training.image.hyperprior_freeze import code_latents, freeze_hyperprior
from isthmus.training.image.latent_counts import cached_counts
from isthmus.training.image.photos import Photos
from isthmus.training.image.table_choice import codec_tables
from isthmus.training.image.transforms import ImageCodec, load_codec
from isthmus.training.origin import HISTORY_FILE, Origin

HALO_PIXELS = 32  # the light g_a looks 24 pixels beyond a latent's own, the reference 30
HALO_LATENTS = 4  # and g_s 3.25 latents beyond a pixel's own, the reference 1.9
MAX_REACH = 511  # symbols beyond are escapes, and so are those that no training photograph had
CANDIDATES = 16
# Photographs of 256 x 256 that make one image of 768 x 512: what side information is weighed against.
PHOTOS_AN_IMAGE = 6.0


@dataclass(frozen=True, slots=True)
class ImageCheckpoints:
    """What one quality was trained into; None for what it goes without."""

    codec: Path
    adaptive: Path | None = None
    hyperprior: Path | None = None


def write_light_codec(
    checkpoints: ImageCheckpoints,
    target: Path,
    train: Photos,
    validation: Photos,
    origin: Origin,
    effort: ContextEffort | None = None,
) -> Path:
    """One codec folder ``image-light-q<n>``, or of the reference, with every adaptation. Minutes."""
    codec, saved = load_codec(checkpoints.codec)
    latents = np.rint(latents_of(codec.g_a, train).astype(np.float32)).astype(np.int32)
    graphs: dict[str, onnx.ModelProto] = {}
    q_tables, bins, stats = None, 0, {}
    if checkpoints.adaptive is not None:
        counts = cached_counts(checkpoints.codec, train, validation, checkpoints.adaptive.parent)
        adaptive = freeze_adaptive(checkpoints.adaptive, counts)
        graphs = {"h_a_q.onnx": adaptive.h_a_q, "h_s_q.onnx": adaptive.h_s_q}
        q_tables, bins, stats = adaptive.q_tables, adaptive.bins, adaptive.stats
    tables = light_tables(latents, q_tables, effort)
    assert tables.context is not None  # `light_tables` learned one
    macs = {**transform_macs(codec), "adaptive": tables.context.macs_per_latent_position / STRIDE**2}
    if stats:
        macs["synthesized"] = stats["mac_per_pixel_both"]
    history = {**_history(saved, origin, macs), "synthesized": stats}
    return _write(target, codec, graphs, tables, history, bins=bins)


def light_tables(
    latents: npt.NDArray[np.int32], q_tables: CdfTables | None, effort: ContextEffort | None = None
) -> ImageTables:
    """Static, candidate and context tables of training latents ``[n, M, h, w]``."""
    n, channels = latents.shape[:2]
    reach = max(1, min(MAX_REACH, int(np.abs(latents).max())))
    cells = symbol_cells(latents.reshape(n, -1), reach)
    groups = np.broadcast_to(np.arange(channels, dtype=np.int32).repeat(latents[0, 0].size), cells.shape)
    histograms = group_histograms(cells, groups, channels, 2 * reach + 2)
    static = static_pmfs(histograms)
    pmfs = [learn_candidates(histograms[:, c], static[c], PHOTOS_AN_IMAGE, CANDIDATES) for c in range(channels)]
    prior = learn_choice(candidate_costs(histograms, pmfs), PHOTOS_AN_IMAGE)
    chosen = integer_tables(histograms, pmfs, prior, None)
    inside = static[:, :-1] / static[:, :-1].sum(1, keepdims=True)
    context = learn_context(latents.astype(np.int16), inside, effort)
    return ImageTables(chosen.tables, chosen.first_table, chosen.choice, q_tables, None, context)


def write_hyper_codec(
    checkpoints: ImageCheckpoints, target: Path, train: Photos, validation: Photos, origin: Origin
) -> Path:
    """One codec folder ``image-hyper-q<n>``: the same transforms with a scale hyperprior."""
    assert checkpoints.hyperprior is not None  # the caller chose this writer
    codec, saved = load_codec(checkpoints.codec)
    model = load_hyperprior(checkpoints.hyperprior)
    seen, held = latents_of(codec.g_a, train), latents_of(codec.g_a, validation)
    frozen = freeze_hyperprior(model, seen, held)
    tables = codec_tables(frozen, code_latents(model, frozen.h_s, seen), PHOTOS_AN_IMAGE)
    macs = {**transform_macs(codec), "adaptive": sum(frozen.macs), "h_a": frozen.macs[0], "h_s": frozen.macs[1]}
    history = {**_history(saved, origin, macs), "hyperprior": frozen.stats}
    graphs = {"h_a.onnx": frozen.h_a, "h_s.onnx": frozen.h_s}
    return _write(target, codec, graphs, tables, history, hyper_channels=model.shape.hyper_channels)


def transform_macs(codec: ImageCodec) -> dict[str, float]:
    """Multiply-adds a pixel of both transforms."""
    return {
        "g_a": macs_per_pixel(codec.g_a, 3, 1),
        "g_s": macs_per_pixel(codec.g_s, codec.shape.latent_channels, STRIDE**2),
    }


def _write(
    target: Path,
    codec: ImageCodec,
    graphs: dict[str, onnx.ModelProto],
    tables: ImageTables,
    history: dict[str, Any],
    *,
    bins: int = 0,
    hyper_channels: int = 0,
) -> Path:
    assert isinstance(codec.g_a, PatchAnalysis | ReferenceAnalysis)  # whose reach the halos are
    assert isinstance(codec.g_s, PatchSynthesis | ReferenceSynthesis)
    graphs = {**graphs, "edge.onnx": analysis_graph(codec.g_a), "cloud.onnx": synthesis_graph(codec.g_s)}
    target.mkdir(parents=True, exist_ok=True)
    for name, graph in graphs.items():
        (target / name).write_bytes(graph.SerializeToString(deterministic=True))
    tables.save(target / ENTROPY_FILE)
    family, _, quality = target.name.rpartition("-q")
    manifest = ImageManifest(
        name=target.name,
        family=family,
        quality=int(quality),
        latent_channels=codec.shape.latent_channels,
        halo_pixels=HALO_PIXELS,
        halo_latents=HALO_LATENTS,
        bins=bins,
        hyper_channels=hyper_channels,
        hyper_stride=HYPER_STRIDE if hyper_channels else 0,
        weights=tuple((name, file_sha256(target / name)) for name in sorted([*graphs, ENTROPY_FILE])),
    )
    write_codec_manifest(manifest, target)
    history = {**history, "manifest_sha256": manifest.identity.hex()}
    (target / HISTORY_FILE).write_text(json.dumps(history, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return target


def _history(saved: dict[str, Any], origin: Origin, macs: dict[str, float]) -> dict[str, Any]:
    return {
        "command": origin.command,
        "data": origin.data,
        "data_sha256": origin.data_sha256,
        "seed": saved["seed"],
        "lambda": saved["lambda"],
        "steps": saved["steps"],
        "seconds": saved["seconds"],
        "curve": saved["history"],
        "validation": saved["validation"],
        "macs_per_pixel": macs,
    }
