"""Open question 1 of the thesis: can the transforms be trained together with the adaptive bottleneck?

Every variant of `joint_recipe` starts from the same converged codec and adaptive bottleneck, sees the same photographs,
and is judged on the validation photographs with everything rounded: 16-bit tables, escapes, and side information at
the weight of the images it stands for. A variant is compared to the *control*, whose transforms were trained on as
long with the static bottleneck. A change of loss, which is in bits a pixel, is a change of rate at equal distortion,
where the slope of the curve is lambda: that is the small piece of a BD-rate that one point of a curve can tell.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus.common.results import Provenance, Results, write_results
from isthmus.models.image.adaptive import AdaptiveBottleneck, ideal_bits
from isthmus.models.image.transforms import STRIDE
from isthmus.training.image.adaptive import SIDE_WEIGHT, clipped, train_adaptive
from isthmus.training.image.photos import Photos, load_photos, split_photos
from isthmus.training.image.transforms import ImageCodec
from isthmus.training.studies.joint import (
    COUNTING_BATCH,
    ESCAPE_FIXED_BITS,
    LEAST_FREQUENCY,
    VARIANTS,
    JointEffort,
    Support,
    Variant,
    halves,
    latents,
    pixels,
    rebinned,
    refit,
    train_jointly,
)

RESULTS_NAME = "open_question_1"
CONTROL = "control"


@dataclass(frozen=True, slots=True)
class Start:
    """A converged codec and its adaptive bottleneck; `identity` names both."""

    codec: ImageCodec
    net: AdaptiveBottleneck
    trade_off: float
    identity: str

    @classmethod
    def load(cls, codec_checkpoint: Path, adaptive_checkpoint: Path) -> Start:
        """From checkpoints of `train_image_quality` and `train_adaptive`."""
        saved = torch.load(codec_checkpoint, weights_only=False, map_location="cpu")
        codec = ImageCodec(saved["shape"])
        codec.load_state_dict(saved["codec"])
        adapted = torch.load(adaptive_checkpoint, weights_only=False)
        static = adapted["net"]["static_logits"].double().exp()
        net = AdaptiveBottleneck(adapted["shape"], static)
        net.load_state_dict(adapted["net"])
        digest = hashlib.sha256(codec_checkpoint.read_bytes() + adaptive_checkpoint.read_bytes()).hexdigest()
        return cls(codec.to(memory_format=torch.channels_last), net.eval(), saved["lambda"], digest)  # type: ignore[call-overload]


def coded_bits(y: Tensor, log_probability: Tensor, support: Support) -> Tensor:
    """Bits of each image's rounded latents ``[n, M, h, w]`` by 16-bit tables of p_hat ``[n, M, B]``, cropped to the
    support; what lies outside is escaped. ``[n]``."""
    n, _, bins = log_probability.shape
    value = torch.arange(bins) - bins // 2
    is_inside = (value >= support.low[:, None]) & (value <= support.high[:, None])
    p = log_probability.exp2() * is_inside
    entries = is_inside.sum(1, keepdim=True) + 1
    table = torch.cat([p, 1 - p.sum(2, keepdim=True)], 2) * (1 - entries * LEAST_FREQUENCY) + LEAST_FREQUENCY
    flat = y.flatten(2).long()
    excess = (flat - support.high[:, None]).clamp_min(0) + (support.low[:, None] - flat).clamp_min(0)
    entry = torch.where(excess > 0, bins, flat + bins // 2)
    doublings = torch.floor(torch.log2(excess.clamp_min(1).double())).float()
    extra = torch.where(excess > 0, ESCAPE_FIXED_BITS + 2 * doublings, 0.0)
    bits: Tensor = (extra - torch.log2(table.clamp_min(LEAST_FREQUENCY)).gather(2, entry)).reshape(n, -1).sum(1)
    return bits


def psnr_db(mse: float) -> float:
    """Of a mean squared error in [0, 1] units."""
    return -10 * math.log10(mse)


@torch.no_grad()
def measure(
    codec: ImageCodec, net: AdaptiveBottleneck, support: Support, photos: Photos, trade_off: float
) -> dict[str, float]:
    """Rates in bits a pixel, distortion and loss over photographs of one size, everything rounded."""
    y = latents(codec, photos)
    counted = Support.of(y, net.shape.bins)
    p = counted.counts.float() / y[0, 0].numel()
    log_probability, side = net.eval()(clipped(p, net.shape))
    static = support.static().log2().float()[None]
    errors = []
    for start in range(0, len(photos), COUNTING_BATCH):
        x = pixels(photos, start, COUNTING_BATCH)
        x_hat = codec.g_s(y[start : start + COUNTING_BATCH].float())
        x_hat = torch.round(x_hat.clamp(0, 1) * 255) / 255
        errors.append(F.mse_loss(x_hat, x, reduction="none").mean((1, 2, 3)))
    mse = torch.cat(errors)
    count = y[0, 0].numel() * STRIDE**2  # pixels a photograph

    def a_pixel(bits: Tensor) -> float:
        return bits.double().mean().item() / count

    side_rate = SIDE_WEIGHT * a_pixel(side)
    rate = a_pixel(coded_bits(y, log_probability, support)) + side_rate
    static_rate = a_pixel(coded_bits(y, static.expand_as(log_probability), support))
    distortion = trade_off * 255**2 * mse.mean().item()
    is_outside = (y < support.low[:, None, None]) | (y > support.high[:, None, None])
    return {
        "bits_per_pixel": rate,
        "side_bits_per_pixel": side_rate,
        "static_bits_per_pixel": static_rate,
        "ideal_bits_per_pixel": a_pixel(ideal_bits(p, y[0, 0].numel())),
        "adaptive_gain_percent": 100 * (1 - rate / static_rate),
        "psnr_db": psnr_db(mse.mean().item()),
        "mean_psnr_db": sum(psnr_db(e) for e in mse.tolist()) / len(mse),
        "loss": rate + distortion,
        "static_loss": static_rate + distortion,
        "outside_per_million": 1e6 * is_outside.double().mean().item(),
    }


def change(row: Mapping[str, float], reference: Mapping[str, float]) -> dict[str, float]:
    """How a row differs from another; the change of rate is that at equal distortion, along the slope lambda."""
    return {
        "loss_change_percent": 100 * (row["loss"] / reference["loss"] - 1),
        "rate_change_percent": 100 * (row["loss"] - reference["loss"]) / reference["bits_per_pixel"],
        "coded_rate_change_percent": 100 * (row["bits_per_pixel"] / reference["bits_per_pixel"] - 1),
        "psnr_change_db": row["psnr_db"] - reference["psnr_db"],
        "mean_psnr_change_db": row["mean_psnr_db"] - reference["mean_psnr_db"],
        "static_loss_change_percent": 100 * (row["static_loss"] / reference["static_loss"] - 1),
    }


def try_variant(
    start: Start,
    variant: Variant,
    counted: Support,
    train: Photos,
    validation: Photos,
    effort: JointEffort,
    *,
    seed: int,
    codec_halves: Any = None,
) -> dict[str, dict[str, float]]:
    """`measure` after joint training, and after the adaptive networks were fitted again; the codec is left trained.

    `counted` is of the start, with at least the variant's bins.
    """
    bins = start.net.shape.bins * variant.bins_factor
    support = folded(counted, bins)
    net = rebinned(start.net, support.static())
    net, support = train_jointly(
        start.codec, net, support, train, variant, effort, start.trade_off, seed=seed, codec_halves=codec_halves
    )
    joint = measure(start.codec, net, support, validation, start.trade_off)
    support = Support.of(latents(start.codec, train, is_rough=True), bins)
    refitted = measure(start.codec, refit(net, support, effort, seed=seed), support, validation, start.trade_off)
    return {"joint": joint, "refitted": refitted}


def folded(support: Support, bins: int) -> Support:
    """Counts with fewer bins: what has none goes to the outermost."""
    cut = (support.bins - bins) // 2
    inner = support.counts[..., cut : cut + bins].clone()
    inner[..., 0] += support.counts[..., :cut].sum(2, dtype=torch.int16)
    inner[..., -1] += support.counts[..., cut + bins :].sum(2, dtype=torch.int16)
    return Support(inner, support.low.clamp_min(-(bins // 2)), support.high.clamp_max(bins // 2 - 1))


def answer(
    start: Start,
    train: Photos,
    validation: Photos,
    effort: JointEffort,
    work: Path,
    folder: Path,
    command: str,
    *,
    variants: tuple[Variant, ...] = VARIANTS,
    seed: int = 0,
    is_compiled: bool = False,
) -> Path:
    """Train and measure every variant and write ``<folder>/open_question_1.json``.

    Args:
        start: is trained in place, from its own weights anew for every variant.
        train, validation: photographs of one size, that of the crops.
        work: where every finished variant is kept: a run that was killed goes on.
        folder: of results.
        command: that called this, for the provenance.
        variants: among them the control.
        is_compiled: whether transforms are compiled, which takes a minute.
    """
    weights = {name: value.clone() for name, value in start.codec.state_dict().items()}
    codec_halves = halves(start.codec, is_compiled=is_compiled)
    bins = start.net.shape.bins
    counted = Support.of(latents(start.codec, train, is_rough=True), bins * max(v.bins_factor for v in variants))
    support = folded(counted, bins)
    before = measure(start.codec, rebinned(start.net, support.static()), support, validation, start.trade_off)
    rows: dict[str, dict[str, dict[str, float]]] = {}
    for variant in variants:
        task = {
            "start": start.identity,
            "variant": asdict(variant),
            "effort": asdict(effort),
            "seed": seed,
            "photos": [len(train), len(validation)],
        }
        kept = work / f"open-question-1-{variant.name}.json"
        saved = json.loads(kept.read_text()) if kept.exists() else {}
        if saved.get("task") != task:
            began = time.monotonic()
            start.codec.load_state_dict(weights)
            figures = try_variant(
                start, variant, counted, train, validation, effort, seed=seed, codec_halves=codec_halves
            )
            saved = {"task": task, "rows": figures}
            work.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(saved))
            print(
                f"open question 1: {variant.name} loss {figures['joint']['loss']:.4f}, fitted again "
                f"{figures['refitted']['loss']:.4f}, {time.monotonic() - began:.0f}s",
                file=sys.stderr,
                flush=True,
            )
        rows[variant.name] = saved["rows"]
    start.codec.load_state_dict(weights)
    provenance = Provenance.of(command, f"{train.name}, validation split", seed, ("numpy", "torch"))
    return write_results(folder, _results(provenance, before, rows, variants, effort, start.trade_off))


def _results(
    provenance: Provenance,
    before: dict[str, float],
    rows: dict[str, dict[str, dict[str, float]]],
    variants: tuple[Variant, ...],
    effort: JointEffort,
    trade_off: float,
) -> Results:
    reference = rows[CONTROL]["refitted"]
    detail: dict[str, Any] = {"effort": asdict(effort), "lambda": trade_off, "start": before}
    summary: dict[str, float] = {}
    for variant in variants:
        row = rows[variant.name]
        compared = {
            "against_start": change(row["refitted"], before),
            "joint_against_start": change(row["joint"], before),
            "against_control": change(row["refitted"], reference),
            "joint_against_control": change(row["joint"], rows[CONTROL]["joint"]),
        }
        detail[variant.name] = {"variant": asdict(variant)} | row | compared
        prefix = f"image.open_question_1.{variant.name}"
        against = compared["against_start" if variant.name == CONTROL else "against_control"]
        keys = ("loss_change_percent", "rate_change_percent", "psnr_change_db")
        summary |= {f"{prefix}.{key}": against[key] for key in keys}
        summary[f"{prefix}.adaptive_gain_percent"] = row["refitted"]["adaptive_gain_percent"]
    return Results(RESULTS_NAME, provenance, summary, detail)


def run(runs: Path, adaptive: Path, photos: Path, folder: Path, *, steps: int = 500, quality: int = 3) -> Path:
    """`answer` with a project's folders: the codec ``q<n>.pt`` in `runs`, its ``adaptive-q<n>.pt`` in `adaptive`, where
    finished variants are kept too; it is trained if it is not there."""
    torch.set_num_threads(1)
    train, validation = split_photos(load_photos(photos))
    codec = runs / f"q{quality}.pt"
    start = Start.load(codec, train_adaptive(codec, train, validation, adaptive))
    command = f"python -m isthmus.training.studies.open_question_1 --steps {steps} --quality {quality}"
    effort = JointEffort(steps=steps)
    return answer(start, train, validation, effort, adaptive, folder, command, is_compiled=True)


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Open question 1: train transforms and adaptive bottleneck together.")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the codec q<n>.pt")
    parser.add_argument("--adaptive", type=Path, required=True, help="folder of adaptive-q<n>.pt, and of what is done")
    parser.add_argument("--photos", type=Path, required=True, help="training photographs")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder of results")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--quality", type=int, default=3)
    given = parser.parse_args(arguments)
    print(run(given.runs, given.adaptive, given.photos, given.out, steps=given.steps, quality=given.quality))


if __name__ == "__main__":
    main()
