"""From a trained curve to codec folders in the zoo: freeze, learn the tables, write manifest and history.

A codec folder is complete without this package: two ONNX halves, the manifest, and `training.json` (the command that
made it, data, seed, curve). Nothing in it depends on the machine that wrote it but the weights.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor

from isthmus.common.bits.cdf import quantize_pmf
from isthmus.common.bits.prior import Prior
from isthmus.common.manifest.folder import file_sha256, write_codec_manifest
from isthmus.common.pointcloud.manifest import PointCloudManifest, Preprocessing
from isthmus.models.pointcloud.categorical import Alphabet, CategoricalCodec
from isthmus.models.pointcloud.freeze import freeze_categorical, freeze_scalar
from isthmus.models.pointcloud.pointnet import CONFIGS
from isthmus.training.checkpoint import load_checkpoint
from isthmus.training.pointcloud.datasets import CloudSet
from isthmus.training.pointcloud.isthmus_recipe import Backbone
from isthmus.training.pointcloud.rate_points import VARIANTS, Variant
from isthmus.training.pointcloud.thesis_recipe import INITIAL_GAIN, LAMBDAS, ThesisRecipe
from isthmus.training.pointcloud.view_head import train_view
from isthmus.training.pointcloud.views import features_of, views
from isthmus.training.tree_prior import PRECISION_BITS, channel_tree, learn_prior

CALIBRATION_CLOUDS = 256
PRIOR_VIEWS = 6
PLAN_FILE = "edge.npz"
MIN_POINTS = 16
MAX_POINTS = 2048


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a curve came from, for `training.json`."""

    command: str
    data: str
    data_sha256: str


def freeze_isthmus_curve(
    folder: Path, zoo: Path, train: CloudSet, provenance: Provenance, views_of: frozenset[str] = frozenset()
) -> list[Path]:
    """Codec folders for every finished point of our recipe in `folder` (named ``<config>-<variant>``).

    Points named in `views_of` ("q4", ...) also get a reconstruction head.
    """
    config_name, _, variant_name = folder.name.partition("-")
    variant = VARIANTS[variant_name]
    calibration = _calibration(train, variant.validation_points, random_heading=variant.random_heading)
    features: Tensor | None = None
    cached_for: str | None = None
    out = []
    for path in sorted(folder.glob("q*.pt"), key=lambda p: int(p.stem[1:])):
        saved = load_checkpoint(path)
        backbone = Backbone(CONFIGS[config_name], torch.float32)
        backbone.load_state_dict(saved["backbone"])
        backbone.eval()
        digest = hashlib.sha256(b"".join(t.numpy().tobytes() for t in saved["backbone"].values())).hexdigest()
        if digest != cached_for:  # the full width shares one edge network among its rate points
            fast = Backbone(CONFIGS[config_name], torch.bfloat16 if config_name == "full" else torch.float32)
            fast.load_state_dict(saved["backbone"])
            features = features_of(fast, variant.augmentation, train, PRIOR_VIEWS, seed=1).flatten(0, 1).float()
            cached_for = digest
        assert features is not None
        alphabet = Alphabet(**saved["point"]["alphabet"])
        codec = CategoricalCodec(backbone.g_a.out_channels, len(train.class_names), alphabet)
        codec.load_state_dict(saved["codec"])
        codec.eval()
        with torch.no_grad():
            symbols = codec.symbols(features).numpy().astype(np.int32)
        order, parents = channel_tree(symbols, alphabet.size)
        reorder_heads(codec, order)
        halves = freeze_categorical(backbone.g_a, backbone.standard, codec, calibration)
        prior = learn_prior(symbols[:, order], parents, alphabet.size)
        target = zoo / f"pc-{config_name}-{variant_name}-{path.stem}"
        history = {
            **_history(saved, provenance),
            "recipe": "isthmus",
            "config": config_name,
            "variant": variant_name,
            "alphabet": saved["point"]["alphabet"],
            "lambda": saved["point"]["trade_off"],
            "encoder_macs_per_point": CONFIGS[config_name].macs_per_point,
            "quantizer_macs": alphabet.outputs * backbone.g_a.out_channels,
        }
        preprocessing = _preprocessing(variant)
        graphs = {"edge.onnx": halves.edge, "cloud.onnx": halves.cloud}
        if path.stem in views_of:
            graphs["view.onnx"] = train_view(backbone, codec, variant, train, seed=saved["seed"])
        write_codec(target, graphs, prior, train.class_names, preprocessing, history, halves.plan)
        out.append(target)
    return out


def reorder_heads(codec: CategoricalCodec, order: list[int]) -> None:
    """Permute the heads in place, so that each symbol's parent in the prior comes before it."""
    count, size = codec.alphabet.heads, codec.alphabet.size
    index = torch.tensor(order)
    first = next(m for m in codec.g_s.modules() if isinstance(m, torch.nn.Linear))
    with torch.no_grad():
        weight = codec.heads.weight.view(count, size, -1)[index].flatten(0, 1)
        bias = codec.heads.bias.view(count, size)[index].flatten()
        embedding = first.weight.view(-1, count, size)[:, index].flatten(1)
        codec.heads.weight.copy_(weight)
        codec.heads.bias.copy_(bias)
        first.weight.copy_(embedding)


def freeze_thesis_curve(folder: Path, zoo: Path, train: CloudSet, provenance: Provenance) -> list[Path]:
    """Codec folders for every finished point of the thesis's recipe; q1 is the lowest rate."""
    out = []
    for i in reversed(range(len(LAMBDAS))):
        path = folder / f"lambda{i}.pt"
        if not path.exists():
            continue
        saved = load_checkpoint(path)
        config_name, points = saved["config"], saved["points"]
        recipe = ThesisRecipe(CONFIGS[config_name], len(train.class_names), points, saved["lambda"], torch.float32)
        recipe.load_state_dict(saved["state"])
        recipe.eval()
        clouds, _ = views(train, points, random_heading=False)
        symbols = _scalar_symbols(recipe, clouds)
        calibration = _calibration(train, points, random_heading=False)
        halves, alive = freeze_scalar(
            recipe.g_a,
            INITIAL_GAIN * recipe.gain_a,
            recipe.bottleneck,
            INITIAL_GAIN * recipe.gain_s,
            recipe.g_s,
            calibration,
            symbols,
        )
        prior = _bottleneck_prior(recipe, alive, halves.low, halves.sizes)
        target = zoo / f"pc-{config_name}-thesis-p{points}-q{len(LAMBDAS) - i}"
        history = {
            **_history(saved, provenance),
            "recipe": "thesis",
            "config": config_name,
            "variant": f"p{points}",
            "lambda": saved["lambda"],
            "encoder_macs_per_point": CONFIGS[config_name].macs_per_point,
            "quantizer_macs": 0,
        }
        preprocessing = Preprocessing(MIN_POINTS, MAX_POINTS, points)
        graphs = {"edge.onnx": halves.edge, "cloud.onnx": halves.cloud}
        write_codec(target, graphs, prior, train.class_names, preprocessing, history)
        out.append(target)
    return out


@torch.no_grad()
def _scalar_symbols(recipe: ThesisRecipe, points: Tensor) -> npt.NDArray[np.int32]:
    medians = recipe.bottleneck.quantile(0.5)
    parts = [torch.round(recipe.y(points[:, i : i + 32]) - medians) for i in range(0, points.shape[1], 32)]
    return torch.cat(parts).numpy().astype(np.int32)


@torch.no_grad()
def _bottleneck_prior(
    recipe: ThesisRecipe, alive: npt.NDArray[np.int64], low: npt.NDArray[np.int32], sizes: npt.NDArray[np.int32]
) -> Prior:
    """The learned densities at the integers, each table over the values its channel was seen to take."""
    widest = int(sizes.max())
    medians = recipe.bottleneck.quantile(0.5)
    values = torch.zeros(widest, recipe.bottleneck.channels)
    steps = torch.arange(widest)[:, None] + torch.from_numpy(low.astype(np.int64))[None]
    values[:, alive] = steps.float() + medians[alive]
    mass = recipe.bottleneck.likelihood(values)[:, alive].double().numpy()
    pmfs = [mass[:size, c] / mass[:size, c].sum() for c, size in enumerate(sizes)]
    return Prior.independent(quantize_pmf(pmfs, low, PRECISION_BITS))


def write_codec(
    folder: Path,
    graphs: dict[str, onnx.ModelProto],
    prior: Prior,
    class_names: tuple[str, ...],
    preprocessing: Preprocessing,
    history: dict[str, Any],
    plan: dict[str, npt.NDArray[np.int32]] | None = None,
) -> None:
    """Write one codec folder whole; `plan` is the edge half for the compiled engine, where it has one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, graph in graphs.items():
        (folder / name).write_bytes(graph.SerializeToString(deterministic=True))
    if plan:
        np.savez_compressed(folder / PLAN_FILE, allow_pickle=False, **plan)
    files = sorted([*graphs, PLAN_FILE] if plan else graphs)
    manifest = PointCloudManifest(
        name=folder.name,
        class_names=class_names,
        prior=prior,
        preprocessing=preprocessing,
        weights=tuple((name, file_sha256(folder / name)) for name in files),
    )
    write_codec_manifest(manifest, folder)
    history = {**history, "manifest_sha256": manifest.identity.hex()}
    (folder / "training.json").write_text(json.dumps(history, indent=1, sort_keys=True) + "\n")


def _preprocessing(variant: Variant) -> Preprocessing:
    points = 0 if variant.random_heading else variant.validation_points
    return Preprocessing(MIN_POINTS, MAX_POINTS, points)


def _calibration(train: CloudSet, points: int, *, random_heading: bool) -> Tensor:
    """Points of clouds spread over train, ``[3, clouds, points]``."""
    step = max(1, len(train) // CALIBRATION_CLOUDS)
    chosen = train.subset(np.arange(0, len(train), step))
    return views(chosen, points, random_heading=random_heading)[0]


def _history(saved: dict[str, Any], provenance: Provenance) -> dict[str, Any]:
    return {
        "command": provenance.command,
        "data": provenance.data,
        "data_sha256": provenance.data_sha256,
        "seed": saved["seed"],
        "schedule": saved["schedule"],
        "validation": saved["history"],
    }
