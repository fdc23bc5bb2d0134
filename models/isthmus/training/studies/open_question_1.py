"""Open question 1 of the thesis: can the transforms be trained together with the adaptive bottleneck?

Every variant of `joint` starts from the same converged codec and adaptive bottleneck, sees the same photographs,
and is judged on the validation photographs with everything rounded: 16-bit tables, escapes, and side information at
the weight of the images it stands for. A variant is compared to the *control*, whose transforms were trained on as
long with the static bottleneck. A change of loss, which is in bits a pixel, is a change of rate at equal distortion,
where the slope of the curve is lambda: that is the small piece of a BD-rate that one point of a curve can tell.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from isthmus.common.results import Provenance, Results, write_results
from isthmus.models.image.adaptive import AdaptiveBottleneck
from isthmus.training.image.adaptive import load_adaptive, train_adaptive
from isthmus.training.image.finished import finished
from isthmus.training.image.photos import Photos, load_photos, split_photos
from isthmus.training.image.transforms import ImageCodec, load_codec
from isthmus.training.studies.joint import Half, Joint, JointEffort, halves, latents, rebinned, refit, train_jointly
from isthmus.training.studies.joint_figures import change, measure
from isthmus.training.studies.joint_rate import VARIANTS, Support, Variant

RESULTS_NAME = "open_question_1"
CONTROL = "control"
CHOSEN = (
    "The round of the adaptive networks that all variants start from was chosen on the validation photographs, on "
    "which they are measured too; nothing else was chosen."
)

Rows = dict[str, dict[str, float]]  # figures of a variant, by when they were measured


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
        codec, saved = load_codec(codec_checkpoint)
        digest = hashlib.sha256(codec_checkpoint.read_bytes() + adaptive_checkpoint.read_bytes()).hexdigest()
        codec = codec.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(codec, load_adaptive(adaptive_checkpoint), saved["lambda"], digest)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Attributes:
        start: is trained in place, from its own weights anew for every variant.
        train, validation: photographs of one size, that of the crops.
        variants: among them the control.
    """

    start: Start
    train: Photos
    validation: Photos
    effort: JointEffort
    variants: tuple[Variant, ...] = VARIANTS
    seed: int = 0


def try_variant(
    question: Question, variant: Variant, counted: Support, codec_halves: tuple[Half, Half] | None = None
) -> Rows:
    """`measure` after joint training, and after the adaptive networks were fitted again; the codec is left trained.

    `counted` is of the start, with at least the variant's bins.
    """
    start, effort, seed = question.start, question.effort, question.seed
    bins = start.net.shape.bins * variant.bins_factor
    support = counted.folded(bins)
    joint = train_jointly(
        Joint(start.codec, rebinned(start.net, support.static()), support),
        question.train,
        variant,
        effort,
        start.trade_off,
        seed=seed,
        codec_halves=codec_halves,
    )
    rows = {"joint": measure(joint, question.validation, start.trade_off)}
    support = Support.of(latents(start.codec, question.train, is_rough=True), bins)
    refitted = Joint(start.codec, refit(joint.net, support, effort, seed=seed), support)
    return rows | {"refitted": measure(refitted, question.validation, start.trade_off)}


def answer(question: Question, work: Path, folder: Path, command: str, *, is_compiled: bool = False) -> Path:
    """Train and measure every variant and write ``<folder>/open_question_1.json``.

    Args:
        work: where every finished variant is kept: a run that was killed goes on.
        folder: of results.
        command: that called this, for the provenance.
        is_compiled: whether transforms are compiled, which takes a minute.
    """
    start, train, variants = question.start, question.train, question.variants
    weights = {name: value.clone() for name, value in start.codec.state_dict().items()}
    codec_halves = halves(start.codec, is_compiled=is_compiled)
    bins = start.net.shape.bins
    counted = Support.of(latents(start.codec, train, is_rough=True), bins * max(v.bins_factor for v in variants))
    support = counted.folded(bins)
    begun = Joint(start.codec, rebinned(start.net, support.static()), support)
    before = measure(begun, question.validation, start.trade_off)
    rows: dict[str, Rows] = {}
    for variant in variants:
        kept = work / f"open-question-1-{variant.name}.json"
        task = _task(question, variant)
        saved = json.loads(kept.read_text()) if kept.exists() else {}
        if saved.get("task") != task:
            began = time.monotonic()
            start.codec.load_state_dict(weights)
            figures = try_variant(question, variant, counted, codec_halves)
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
    provenance = Provenance.of(
        command, f"{train.name}, validation split", question.seed, ("numpy", "torch"), chosen=CHOSEN
    )
    return write_results(folder, _results(provenance, before, rows, question))


def _task(question: Question, variant: Variant) -> dict[str, Any]:
    """What a kept variant must have been trained as."""
    return {
        "start": question.start.identity,
        "variant": asdict(variant),
        "effort": asdict(question.effort),
        "seed": question.seed,
        "photos": [len(question.train), len(question.validation)],
    }


def _results(
    provenance: Provenance,
    before: dict[str, float],
    rows: dict[str, Rows],
    question: Question,
) -> Results:
    reference = rows[CONTROL]["refitted"]
    detail: dict[str, Any] = {
        "effort": asdict(question.effort),
        "lambda": question.start.trade_off,
        "start": before,
    }
    summary: dict[str, float] = {}
    for variant in question.variants:
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


def run(
    runs: Path,
    adaptive: Path,
    photos: Path,
    folder: Path,
    command: str,
    effort: JointEffort,
    *,
    quality: int,
    is_compiled: bool,
) -> Path:
    """`answer` with a project's folders: the codec ``q<n>.pt`` in `runs`, its ``adaptive-q<n>.pt`` in `adaptive`, where
    finished variants are kept too; it is trained if it is not there.

    Raises:
        InputError: there is no such codec, or photographs are none.
    """
    torch.set_num_threads(1)
    (codec,) = finished(runs, (quality,), photos)
    train, validation = split_photos(load_photos(photos))
    start = Start.load(codec, train_adaptive(codec, train, validation, adaptive))
    return answer(Question(start, train, validation, effort), adaptive, folder, command, is_compiled=is_compiled)
