"""Training of the scale hyperprior on the frozen latents of an image codec, and its freezing into integers.

The loss is the rate alone, ``R_y + R_z``: the transforms are fixed, so that images look the same and only their bits
change. Latents are rounded, as a decoder sees them; of everything that is learned only z is noisy.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from isthmus.models.image.hyperprior import Hyperprior, HyperShape, macs_per_pixel
from isthmus.models.image.transforms import STRIDE
from isthmus.training.image.photos import Photos
from isthmus.training.image.transforms import ENTROPY_RATE_FACTOR, GRADIENT_CLIP, WARMUP, load_codec
from isthmus.training.trainer import cosine, save_checkpoint

BATCH = 16
SAVE_EVERY = 500
REPORT_EVERY = 250
ANALYSIS_BATCH = 8

Float16 = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class HyperEffort:
    """How long and how fast: from scratch, and from a neighbouring quality's hyperprior."""

    steps: int = 2500
    annealed_steps: int = 2000
    rate: float = 2e-3
    annealed_rate: float = 1e-3


@torch.no_grad()
def latents_of(g_a: nn.Module, photos: Photos) -> Float16:
    """Latents of photographs of one size, not rounded, float16 ``[photos, M, h, w]``."""
    rows: list[Float16] = []
    for i in range(0, len(photos), ANALYSIS_BATCH):
        part = np.stack(photos.pixels[i : i + ANALYSIS_BATCH])
        x = torch.from_numpy(part).permute(0, 3, 1, 2).float().div(255)
        rows.append(g_a(x.contiguous(memory_format=torch.channels_last)).numpy().astype(np.float16))
    return np.concatenate(rows)


def train_hyperprior(
    codec_checkpoint: Path,
    train: Photos,
    validation: Photos,
    folder: Path,
    effort: HyperEffort,
    *,
    seed: int,
    shape: HyperShape | None = None,
    parent: Path | None = None,
) -> Path:
    """Train the hyperprior of one codec into ``<folder>/hyper-<codec's name>.pt``. A killed run resumes.

    `parent` is a finished hyperprior of a neighbouring quality to start from. Photographs have sides that are
    multiples of 64.
    """
    name = codec_checkpoint.name.split(".")[0]
    target, resume = folder / f"hyper-{name}.pt", folder / f"hyper-{name}.resume.pt"
    if target.exists():
        return target
    codec, _ = load_codec(codec_checkpoint)
    y = torch.from_numpy(latents_of(codec.g_a, train))
    held = torch.from_numpy(latents_of(codec.g_a, validation))
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = Hyperprior(shape or HyperShape(latent_channels=y.shape[1]))
    steps, rate = effort.steps, effort.rate
    if parent is not None:
        model.load_state_dict(torch.load(parent, weights_only=False)["hyperprior"])
        steps, rate = effort.annealed_steps, effort.annealed_rate
    networks = [p for n, p in model.named_parameters() if not n.startswith("entropy.")]
    groups: list[dict[str, Any]] = [{"params": networks}, {"params": list(model.entropy.parameters())}]
    optimizer = torch.optim.Adam(groups, lr=rate)
    start, seconds = 0, 0.0
    if resume.exists():
        saved = torch.load(resume, weights_only=False)
        model.load_state_dict(saved["hyperprior"])
        optimizer.load_state_dict(saved["optimizer"])
        generator.set_state(saved["generator"])
        torch.set_rng_state(saved["rng"])
        start, seconds = saved["step"], saved["seconds"]
    began = time.monotonic() - seconds
    model.train()
    recent: list[float] = []
    for step in range(start, steps):
        for group, scale in zip(optimizer.param_groups, (1.0, ENTROPY_RATE_FACTOR), strict=True):
            group["lr"] = rate * scale * cosine(step / steps, WARMUP)
        index = torch.randint(len(y), (BATCH,), generator=generator)
        batch = y[index].float().contiguous(memory_format=torch.channels_last)
        y_bits, z_bits = model(batch)
        loss = (y_bits + z_bits) / _pixels(batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(networks, GRADIENT_CLIP)
        optimizer.step()
        recent.append(loss.item())
        if (step + 1) % REPORT_EVERY == 0:
            print(
                f"hyper-{name} {step + 1}/{steps} bits/px {np.mean(recent):.4f} {time.monotonic() - began:.0f}s",
                file=sys.stderr,
                flush=True,
            )
            recent = []
        if (step + 1) % SAVE_EVERY == 0:
            save_checkpoint(
                resume,
                {
                    "hyperprior": model.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "step": step + 1,
                    "generator": generator.get_state(),
                    "rng": torch.get_rng_state(),
                    "seconds": time.monotonic() - began,
                },
            )
    result = validate(model, held)
    print(f"hyper-{name} validation {result}", file=sys.stderr, flush=True)
    save_checkpoint(
        target,
        {
            "hyperprior": model.state_dict(),
            "shape": model.shape,
            "steps": steps,
            "seed": seed,
            "seconds": round(time.monotonic() - began),
            "validation": result,
            "macs_per_pixel": macs_per_pixel(model),
        },
    )
    resume.unlink(missing_ok=True)
    return target


def load_hyperprior(checkpoint: Path) -> Hyperprior:
    """The hyperprior of a finished training."""
    saved = torch.load(checkpoint, weights_only=False, map_location="cpu")
    model = Hyperprior(saved["shape"])
    model.load_state_dict(saved["hyperprior"])
    return model.eval()


@torch.no_grad()
def validate(model: Hyperprior, y: Tensor) -> dict[str, float]:
    """Bits a pixel of latents ``[n, M, h, w]``, Gaussians of continuous scale, z rounded."""
    model.eval()
    y_bits = z_bits = 0.0
    for i in range(0, len(y), BATCH):
        a, b = model(y[i : i + BATCH].float())
        y_bits, z_bits = y_bits + a.item(), z_bits + b.item()
    model.train()
    pixels = _pixels(y)
    return {"y_bits_per_pixel": y_bits / pixels, "z_bits_per_pixel": z_bits / pixels}


def _pixels(y: Tensor) -> int:
    return len(y) * y.shape[2] * y.shape[3] * STRIDE**2
