"""Training of a split classifier whose latents are cheap, and move as the picture does.

Loss of a batch: ``CE + rate_weight R + motion_weight D + agreement_weight A``. Two rounds: the first without quantiser
and A, the second, short, from where the first ended, with all of it.

- CE: cross-entropy, labels smoothed, of logits on rounded latents (gradient passed straight through).
- R: bits of a picture's noisy latents under a logistic distribution a channel.
- D: every picture is seen twice, the second time through a random affine map T. ``D = mean (g_a(T x) - T g_a(x))^2``
  where T g_a(x) warps the latents by T, bicubic, and places outside are left out: what motion compensation in the
  latent space leaves over, in steps of the quantiser (thesis §7 measures it; here it is trained for).
- A: the answer should stay what the whole network says. ``KL(teacher, student)``; the student is the cloud half on the
  first view's rounded latents, warped by T (where T leads outside: the second view's own, rounded). The teacher is the
  network on the unrounded latents of the second view; for crops of photographs, which need no labels, it is the network
  as the first round left it, its answer sharpened. (Its own sharpened answer will not do: within an epoch it found one
  class for all photographs.)
"""

from __future__ import annotations

import copy
import math
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isthmus.data.image.labelled import LabelledImages
from isthmus.models.video.classifier import SplitClassifier, SplitShape, Stage
from isthmus.training.image.photos import Photos, draw_crops
from isthmus.training.trainer import cosine, save_checkpoint

LABEL_SMOOTHING = 0.1
GRADIENT_CLIP = 2.0
WARMUP = 0.05
SHARPENING = 2.0
PHOTO_SIZE = 128
EMA_DECAY = 0.998
VALIDATION_BATCH = 100
RATE_RAMP = 0.3
"""Share of the training over which the weight of the rate grows to its full size."""


@dataclass(frozen=True, slots=True)
class SplitEffort:
    """How long, how fast, and what for.

    Attributes:
        epochs: each picture is seen twice in each.
        batch: pictures a step; twice as many views.
        rate_weight: nats of cross-entropy that a bit of a picture's latents is worth; 0 trains without quantiser.
        motion_weight: of D.
        agreement_weight: of A; 0 leaves it and the photographs out.
        photos: crops of photographs a step.
        start_std: latents are scaled to this standard deviation, in steps, before a second round.
    """

    epochs: int = 24
    batch: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    rate_weight: float = 2e-4
    motion_weight: float = 0.5
    agreement_weight: float = 0.0
    photos: int = 8
    start_std: float = 2.0


class LogisticRate(nn.Module):
    """Bits of noisy latents, one logistic distribution around zero a channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(channels))

    def forward(self, y: Tensor) -> Tensor:
        """Bits of all of ``[n, M, h, w]`` together."""
        scale = self.log_scale.clamp(-6, 6).exp().reshape(1, -1, 1, 1)
        below, above = (y.abs() - 0.5) / scale, (y.abs() + 0.5) / scale
        # sigmoid(-below) - sigmoid(-above), from the tail where it is exact.
        mass = torch.sigmoid(-below) - torch.sigmoid(-above)
        return -torch.log2(mass.clamp_min(1e-9)).sum()


def decode_all(images: LabelledImages, size: int) -> npt.NDArray[np.uint8]:
    """All pictures, uint8 ``[N, 3, size, size]``."""
    out = np.empty((len(images), 3, size, size), np.uint8)
    for i in range(len(images)):
        out[i] = images.pixels(i).transpose(2, 0, 1)
    return out


def random_maps(
    count: int, generator: torch.Generator, *, zoom: tuple[float, float], turn: float, shift: float, shear: float
) -> Tensor:
    """Affine maps ``[count, 2, 3]`` of normalised coordinates; `turn`, `shear` in degrees, `shift` of half a side."""
    u = torch.rand(count, 5, generator=generator) * 2 - 1
    scale = (zoom[0] + zoom[1]) / 2 + u[:, 0] * (zoom[1] - zoom[0]) / 2
    angle, slant = u[:, 1] * math.radians(turn), torch.tan(u[:, 2] * math.radians(shear))
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = torch.stack([cos, -sin + cos * slant, u[:, 3] * shift, sin, cos + sin * slant, u[:, 4] * shift], 1)
    return rows.reshape(count, 2, 3)


def compose(first: Tensor, second: Tensor) -> Tensor:
    """The map ``u -> first(second(u))``."""
    a, b = first[:, :, :2], second[:, :, :2]
    return torch.cat([a @ b, a @ second[:, :, 2:] + first[:, :, 2:]], 2)


def two_views(raw: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """(first, second, T) of pictures ``[n, 3, H, W]`` in [0, 1]: second(u) = first(T u)."""
    count = len(raw)
    base = random_maps(count, generator, zoom=(0.7, 1.05), turn=8, shift=0.15, shear=3)
    flip = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    base[:, :, 0] *= flip[:, None]
    between = random_maps(count, generator, zoom=(0.9, 1.1), turn=10, shift=0.3, shear=5)
    gain = 1 + 0.5 * (torch.rand(count, 3, 1, 1, generator=generator) - 0.5) * 0.4
    gain = gain * (1 + 0.7 * (torch.rand(count, 1, 1, 1, generator=generator) - 0.5))
    lift = 0.2 * (torch.rand(count, 1, 1, 1, generator=generator) - 0.5)
    views = []
    for theta in (base, compose(base, between)):
        grid = F.affine_grid(theta, list(raw.shape), align_corners=False)
        view = F.grid_sample(raw, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
        views.append(((view * gain + lift) + 0.01 * torch.randn(view.shape, generator=generator)).clamp(0, 1))
    return views[0], views[1], between


def warped(y: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    """(latents warped by T, bicubic; mask ``[n, 1, h, w]`` of the places whose source lies inside)."""
    grid = F.affine_grid(theta, list(y.shape), align_corners=False)
    side = torch.tensor([y.shape[3], y.shape[2]], dtype=grid.dtype)
    mask = (grid.abs() <= 1 - 1 / side).all(-1)[:, None]
    return F.grid_sample(y, grid, mode="bicubic", padding_mode="border", align_corners=False), mask


def split_loss(
    model: SplitClassifier,
    rate: LogisticRate,
    raw: Tensor,
    labels: Tensor,
    effort: SplitEffort,
    progress: float,
    generator: torch.Generator,
    first_round: SplitClassifier | None = None,
) -> tuple[Tensor, dict[str, float]]:
    """(loss, its parts) of pictures ``[n, 3, H, W]`` in [0, 1]; no CE where `labels` is empty.

    `first_round`: the network as the first round left it, the teacher of pictures without labels; None where there are.
    """
    first, second, between = two_views(raw, generator)
    y = _edge(model, torch.cat([first, second]))
    parts: dict[str, float] = {}
    total = torch.zeros(())
    latents = y
    if effort.rate_weight:
        bits = rate(y + torch.empty_like(y).uniform_(-0.5, 0.5)) / len(y) * (64 * 64 / raw[0, 0].numel())
        total = total + effort.rate_weight * min(1.0, progress / RATE_RAMP) * bits
        parts["bits"] = bits.item()
        latents = y + (torch.round(y) - y).detach()
    if len(labels):
        logits = _cloud(model, latents)
        ce = F.cross_entropy(logits, labels.repeat(2), label_smoothing=LABEL_SMOOTHING)
        total = total + ce
        parts["ce"] = ce.item()
    count = len(raw)
    if effort.motion_weight:
        predicted, mask = warped(y[:count], between)
        error = ((y[count:] - predicted) ** 2 * mask).sum() / (mask.sum() * y.shape[1]).clamp_min(1)
        if not effort.rate_weight:
            error = error / y.detach().var().clamp_min(1e-6)
        total = total + effort.motion_weight * error
        parts["motion"] = error.item()
    if effort.agreement_weight:
        teacher = _cloud(model, y[count:])
        moved, mask = warped(latents[:count], between)
        student = _cloud(model, torch.where(mask, moved, latents[count:]))
        if first_round is None:
            agreement = _kl(F.softmax(teacher.detach(), 1), F.log_softmax(student, 1))
        else:
            # Sharpened: what is nearly a tie should become a decision, so that small errors cannot turn it.
            target = F.softmax(SHARPENING * _first_answer(first_round, second), 1)
            agreement = _kl(target, F.log_softmax(student, 1)) + 0.5 * _kl(target, F.log_softmax(teacher, 1))
        total = total + effort.agreement_weight * agreement
        parts["agreement"] = agreement.item()
        parts["agree"] = (student.argmax(1) == teacher.argmax(1)).float().mean().item()
    return total, parts


@torch.no_grad()
def _first_answer(first_round: SplitClassifier, x: Tensor) -> Tensor:
    return _cloud(first_round, _edge(first_round, x))


def _edge(model: SplitClassifier, x: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y: Tensor = model.edge(x.contiguous(memory_format=torch.channels_last))
    return y.float()


def _cloud(model: SplitClassifier, y: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits: Tensor = model.cloud(y)
    return logits.float()


def _kl(target: Tensor, log_probability: Tensor) -> Tensor:
    return F.kl_div(log_probability, target, reduction="batchmean")


@torch.no_grad()
def validate_split(
    model: SplitClassifier, rate: LogisticRate, pixels: npt.NDArray[np.uint8], labels: Tensor, is_quantised: bool
) -> dict[str, float]:
    """Top-1 of unchanged and of rounded latents, estimated bits a picture."""
    right = right_rounded = bits = 0.0
    for i in range(0, len(pixels), VALIDATION_BATCH):
        x = torch.from_numpy(pixels[i : i + VALIDATION_BATCH]).float().div(255)
        y = model.edge(x.contiguous(memory_format=torch.channels_last))
        right += (model.cloud(y).argmax(1) == labels[i : i + len(x)]).sum().item()
        if is_quantised:
            right_rounded += (model.cloud(torch.round(y)).argmax(1) == labels[i : i + len(x)]).sum().item()
            bits += rate(torch.round(y)).item()
    found = {"top1_percent": 100 * right / len(pixels)}
    if is_quantised:
        found |= {"top1_rounded_percent": 100 * right_rounded / len(pixels), "bits": bits / len(pixels)}
    return found


def train_split(
    shape: SplitShape,
    train: LabelledImages,
    validation: LabelledImages,
    target: Path,
    effort: SplitEffort,
    *,
    seed: int,
    size: int = 64,
    start_from: Path | None = None,
    photos: Photos | None = None,
) -> Path:
    """Train one classifier into `target` (a checkpoint). A killed run resumes at its last finished epoch.

    `start_from` makes it a second round; `photos`, with an agreement weight, are the unlabelled ones.
    """
    if target.exists():
        return target
    resume = target.with_suffix(".resume.pt")
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    pixels, held = decode_all(train, size), decode_all(validation, size)
    labels, held_labels = torch.from_numpy(train.labels), torch.from_numpy(validation.labels)
    model = SplitClassifier(shape).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    rate = LogisticRate(shape.latent_channels)
    first_round: SplitClassifier | None = None
    if start_from is not None:
        saved = torch.load(start_from, weights_only=False)
        model.load_state_dict(saved["model"])
        first_round = copy.deepcopy(model).eval()
        _scale_latents(model, pixels, effort.start_std)
    average = copy.deepcopy(model)
    plain = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": plain, "weight_decay": effort.weight_decay, "scale": 1.0},
            {"params": others, "weight_decay": 0.0, "scale": 1.0},
            {"params": list(rate.parameters()), "weight_decay": 0.0, "scale": 5.0},
        ],
        lr=effort.learning_rate,
    )
    start, seconds, history = 0, 0.0, []
    if resume.exists():
        saved = torch.load(resume, weights_only=False)
        model.load_state_dict(saved["model"])
        rate.load_state_dict(saved["rate"])
        average.load_state_dict(saved["average"])
        optimizer.load_state_dict(saved["optimizer"])
        generator.set_state(saved["generator"])
        torch.set_rng_state(saved["rng"])
        start, seconds, history = saved["epoch"], saved["seconds"], saved["history"]
    steps = len(train) // effort.batch
    began = time.monotonic() - seconds
    for epoch in range(start, effort.epochs):
        model.train()
        if start_from is not None:
            # Its statistics stay those of the first round: photographs would pull them away from labelled pictures.
            for layer in model.modules():
                if isinstance(layer, nn.BatchNorm2d):
                    layer.eval()
        order = torch.randperm(len(train), generator=generator)
        sums: dict[str, float] = {}
        for step in range(steps):
            progress = (epoch + step / steps) / effort.epochs
            for group in optimizer.param_groups:
                group["lr"] = effort.learning_rate * group["scale"] * cosine(progress, WARMUP)
            index = order[step * effort.batch : (step + 1) * effort.batch]
            raw = torch.from_numpy(pixels[index.numpy()]).float().div(255)
            loss, parts = split_loss(
                model, rate, raw, labels[index], effort, 1.0 if start_from else progress, generator
            )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            if photos is not None and effort.agreement_weight:
                crops = draw_crops(photos, effort.photos, PHOTO_SIZE, generator)
                loss, parts_of_photos = split_loss(model, rate, crops, labels[:0], effort, 1.0, generator, first_round)
                loss.backward()  # type: ignore[no-untyped-call]
                parts |= {f"photo_{name}": value for name, value in parts_of_photos.items()}
            nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_CLIP)
            optimizer.step()
            _average(average, model, min(EMA_DECAY, (1 + epoch * steps + step) / (10 + epoch * steps + step)))
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + value / steps
        average.eval()
        found = validate_split(average, rate, held, held_labels, bool(effort.rate_weight))
        history.append({"epoch": epoch + 1, **{k: round(v, 4) for k, v in (sums | found).items()}})
        print(f"{target.stem} {history[-1]} {time.monotonic() - began:.0f}s", file=sys.stderr, flush=True)
        save_checkpoint(
            resume,
            {
                "model": model.state_dict(),
                "rate": rate.state_dict(),
                "average": average.state_dict(),
                "optimizer": optimizer.state_dict(),
                "generator": generator.get_state(),
                "rng": torch.get_rng_state(),
                "epoch": epoch + 1,
                "seconds": time.monotonic() - began,
                "history": history,
            },
        )
    save_checkpoint(
        target,
        {
            "model": average.state_dict(),
            "rate": rate.state_dict(),
            "shape": shape,
            "effort": asdict(effort),
            "seed": seed,
            "seconds": round(time.monotonic() - began),
            "history": history,
        },
    )
    resume.unlink(missing_ok=True)
    return target


def load_split(checkpoint: Path) -> tuple[SplitClassifier, dict[str, Any]]:
    """The classifier of a finished checkpoint, ready to be used, and everything else it says."""
    saved = torch.load(checkpoint, weights_only=False, map_location="cpu")
    model = SplitClassifier(saved["shape"])
    model.load_state_dict(saved["model"])
    return model.eval(), saved


@torch.no_grad()
def _scale_latents(model: SplitClassifier, pixels: npt.NDArray[np.uint8], std: float) -> None:
    """Scale y so that its channels have `std` on average, and undo it in the cloud half's first convolution."""
    model.eval()
    # Evenly over the pictures, which may lie class by class.
    y = model.edge(torch.from_numpy(pixels[:: max(1, len(pixels) // 500)]).float().div(255))
    gain = std / y.std((0, 2, 3)).mean().item()
    mean = y.mean((0, 2, 3))
    first = model.cloud.layers[0]
    assert isinstance(first, Stage)
    assert model.edge.head.bias is not None
    assert first.norm.running_mean is not None
    # Centred latents: zero is then the likeliest symbol. The border's zero padding becomes the mean's, as it should.
    model.edge.head.bias.copy_((model.edge.head.bias - mean) * gain)
    model.edge.head.weight.mul_(gain)
    shift = torch.einsum("oikl,i->o", first.conv.weight, mean)
    first.norm.running_mean.sub_(shift)
    first.conv.weight.div_(gain)


@torch.no_grad()
def _average(average: nn.Module, model: nn.Module, decay: float) -> None:
    for kept, new in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)
