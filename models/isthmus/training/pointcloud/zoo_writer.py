"""From a trained curve to codec folders in the zoo: freeze, learn the tables, write manifest and history.

A codec folder is complete without this package: two ONNX halves, the manifest, and `training.json` (the command that
made it, data, seed, curve). Nothing in it depends on the machine that wrote it but the weights.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor

from isthmus.common.bits.cdf import quantize_pmf
from isthmus.common.bits.prior import Prior
from isthmus.common.errors import InputError
from isthmus.common.manifest.folder import file_sha256, write_codec_manifest
from isthmus.common.pointcloud.manifest import PointCloudManifest, Preprocessing
from isthmus.models.pointcloud.categorical import Alphabet, CategoricalCodec
from isthmus.models.pointcloud.freeze import freeze_categorical, freeze_scalar
from isthmus.models.pointcloud.pointnet import CONFIGS, head_macs, head_parameters
from isthmus.training.checkpoint import load_checkpoint
from isthmus.training.origin import HISTORY_FILE, Origin
from isthmus.training.pointcloud.datasets import CloudSet
from isthmus.training.pointcloud.isthmus_recipe import Backbone
from isthmus.training.pointcloud.rate_points import VARIANTS, Variant
from isthmus.training.pointcloud.thesis_recipe import INITIAL_GAIN, LAMBDAS, ThesisRecipe
from isthmus.training.pointcloud.view_head import train_view
from isthmus.training.pointcloud.views import features_of, views
from isthmus.training.precision import fastest
from isthmus.training.tree_prior import PRECISION_BITS, channel_tree, learn_prior

CALIBRATION_CLOUDS = 256
PRIOR_VIEWS = 6
PLAN_FILE = "edge.npz"
MIN_POINTS = 16
MAX_POINTS = 2048


def codec_names(curve: Path, name: str = "") -> dict[Path, str]:
    """The codec that each finished point of a curve becomes, the lowest rate first; ``<name>-q1`` and so on.

    Raises:
        InputError: the folder has no finished point.
    """
    ours = {int(path.stem[1:]): path for path in curve.glob("q*.pt")}
    thesis = {len(LAMBDAS) - int(path.stem[6:]): path for path in curve.glob("lambda*.pt")}
    points = ours or thesis
    if not points:
        raise InputError(f"{curve}: expected finished points (q*.pt or lambda*.pt), got none: train first")
    return {points[quality]: f"{name or f'pc-{curve.name}'}-q{quality}" for quality in sorted(points)}


def freeze_curve(
    codecs: Mapping[Path, str], zoo: Path, train: CloudSet, origin: Origin, views_of: frozenset[str] = frozenset()
) -> list[Path]:
    """Write the points of a curve as codec folders; `codecs` are some of `codec_names`.

    Args:
        train: the clouds that it was trained on.
        views_of: points ("q4", ...) of our recipe that also get a reconstruction head.

    Raises:
        InputError: a point was trained for other classes.
    """
    written = []
    cache = _FeatureCache(train)
    for path, name in codecs.items():
        saved = load_checkpoint(path, expected=("class_names", "config"))
        if saved["class_names"] != train.class_names:
            raise InputError(
                f"{path}: expected a network of the classes of --data, {train.class_names}, got {saved['class_names']}"
            )
        if "codec" in saved:
            _freeze_ours(saved, zoo / name, cache, origin, has_view=path.stem in views_of)
        else:
            _freeze_thesis(saved, zoo / name, train, origin)
        written.append(zoo / name)
    return written


class _FeatureCache:
    """Features of augmented clouds by an edge network: the full width shares one among its rate points."""

    def __init__(self, train: CloudSet) -> None:
        self.train = train
        self._digest, self._features = "", torch.empty(0)

    def features(self, weights: dict[str, Tensor], config_name: str, variant: Variant) -> Tensor:
        """Float32 ``[clouds * views, channels]``."""
        digest = hashlib.sha256(b"".join(t.numpy().tobytes() for t in weights.values())).hexdigest()
        if digest != self._digest:
            backbone = Backbone(CONFIGS[config_name], fastest() if config_name == "full" else torch.float32)
            backbone.load_state_dict(weights)
            found = features_of(backbone, variant.augmentation, self.train, PRIOR_VIEWS, seed=1)
            self._digest, self._features = digest, found.flatten(0, 1).float()
        return self._features


def _freeze_ours(saved: dict[str, Any], target: Path, cache: _FeatureCache, origin: Origin, *, has_view: bool) -> None:
    """A point of our recipe."""
    config_name, variant, train = saved["config"], VARIANTS[saved["variant"]], cache.train
    backbone = Backbone(CONFIGS[config_name], torch.float32)
    backbone.load_state_dict(saved["backbone"])
    backbone.eval()
    alphabet = Alphabet(**saved["point"]["alphabet"])
    codec = CategoricalCodec(backbone.g_a.out_channels, len(train.class_names), alphabet)
    codec.load_state_dict(saved["codec"])
    codec.eval()
    with torch.no_grad():
        symbols = codec.symbols(cache.features(saved["backbone"], config_name, variant)).numpy().astype(np.int32)
    order, parents = channel_tree(symbols, alphabet.size)
    reorder_heads(codec, order)
    calibration = _calibration(train, variant.validation_points, random_heading=variant.random_heading)
    halves = freeze_categorical(backbone.g_a, backbone.standard, codec, calibration)
    prior = learn_prior(symbols[:, order], parents, alphabet.size)
    history = {
        **_history(saved, origin),
        "recipe": "isthmus",
        "config": config_name,
        "variant": variant.name,
        "alphabet": saved["point"]["alphabet"],
        "lambda": saved["point"]["trade_off"],
        "encoder_macs_per_point": CONFIGS[config_name].macs_per_point,
        "quantizer_macs": alphabet.outputs * backbone.g_a.out_channels,
        "decoder_macs": head_macs(codec.g_s),
        "encoder_parameters": CONFIGS[config_name].parameters + alphabet.outputs * (backbone.g_a.out_channels + 1),
        "decoder_parameters": head_parameters(codec.g_s),
    }
    graphs = {"edge.onnx": halves.edge, "cloud.onnx": halves.cloud}
    if has_view:
        graphs["view.onnx"] = train_view(backbone, codec, variant, train, seed=saved["seed"])
    write_codec(target, graphs, prior, train.class_names, _preprocessing(variant), history, halves.plan)


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


def _freeze_thesis(saved: dict[str, Any], target: Path, train: CloudSet, origin: Origin) -> None:
    """A point of the thesis's recipe."""
    config_name, points = saved["config"], saved["points"]
    recipe = ThesisRecipe(CONFIGS[config_name], len(train.class_names), points, saved["lambda"], torch.float32)
    recipe.load_state_dict(saved["state"])
    recipe.eval()
    clouds, _ = views(train, points, random_heading=False)
    halves, alive = freeze_scalar(
        recipe.g_a,
        INITIAL_GAIN * recipe.gain_a,
        recipe.bottleneck,
        INITIAL_GAIN * recipe.gain_s,
        recipe.g_s,
        _calibration(train, points, random_heading=False),
        _scalar_symbols(recipe, clouds),
    )
    prior = _bottleneck_prior(recipe, alive, halves.low, halves.sizes)
    history = {
        **_history(saved, origin),
        "recipe": "thesis",
        "config": config_name,
        "variant": f"p{points}",
        "lambda": saved["lambda"],
        "encoder_macs_per_point": CONFIGS[config_name].macs_per_point,
        "quantizer_macs": 0,
        "decoder_macs": head_macs(recipe.g_s),
        "encoder_parameters": CONFIGS[config_name].parameters,
        "decoder_parameters": head_parameters(recipe.g_s),
    }
    graphs = {"edge.onnx": halves.edge, "cloud.onnx": halves.cloud}
    preprocessing = Preprocessing(min(MIN_POINTS, points), MAX_POINTS, points)
    write_codec(target, graphs, prior, train.class_names, preprocessing, history)


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
    """Write one codec folder whole; `plan` is the edge half for the compiled engine (its arrays ``[...]`` by name)."""
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
    (folder / HISTORY_FILE).write_text(json.dumps(history, indent=1, sort_keys=True) + "\n")


def _preprocessing(variant: Variant) -> Preprocessing:
    points = 0 if variant.random_heading else variant.validation_points
    return Preprocessing(MIN_POINTS, MAX_POINTS, points)


def _calibration(train: CloudSet, points: int, *, random_heading: bool) -> Tensor:
    """Points of clouds spread over train, ``[3, clouds, points]``."""
    step = max(1, len(train) // CALIBRATION_CLOUDS)
    chosen = train.subset(np.arange(0, len(train), step))
    return views(chosen, points, random_heading=random_heading)[0]


def _history(saved: dict[str, Any], origin: Origin) -> dict[str, Any]:
    return {
        "command": origin.command,
        "data": origin.data,
        "data_sha256": origin.data_sha256,
        "seed": saved["seed"],
        "schedule": saved["schedule"],
        "validation": saved["history"],
    }
