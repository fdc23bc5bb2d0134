"""Training of the scale hyperprior on the frozen latents of an image codec, and its freezing into integers.

The loss is the rate alone, ``R_y + R_z``: the transforms are fixed, so that images look the same and only their bits
change. Latents are rounded, as a decoder sees them; of everything that is learned only z is noisy.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from isthmus.models.image.hyperprior import Hyperprior, HyperShape, macs_per_pixel
from isthmus.models.image.transforms import STRIDE
from isthmus.training.checkpoint import load_checkpoint, save_checkpoint
from isthmus.training.image.photos import Photos
from isthmus.training.image.transforms import ENTROPY_RATE_FACTOR, GRADIENT_CLIP, WARMUP, load_codec
from isthmus.training.plan import Moment, Plan, warm_cosine
from isthmus.training.recipe import Cost, Group, Recipe
from isthmus.training.trainer import Trainer

BATCH = 16
ROUND_STEPS = 250
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


class HyperRecipe(Recipe):
    """A hyperprior on frozen latents float16 ``[photos, M, h, w]``; `rate` is the networks' learning rate."""

    model: Hyperprior

    def __init__(self, model: Hyperprior, y: Tensor, rate: float) -> None:
        self.model, self._y, self._rate = model, y, rate

    def groups(self) -> list[Group]:
        entropy = list(self.model.entropy.parameters())
        return [Group(self._networks(), self._rate), Group(entropy, self._rate * ENTROPY_RATE_FACTOR)]

    def clipped(self) -> list[list[nn.Parameter]]:
        return [self._networks()]

    def costs(self, at: Moment, generator: torch.Generator) -> Iterator[Cost]:  # noqa: ARG002
        index = torch.randint(len(self._y), (BATCH,), generator=generator)
        batch = self._y[index].float().contiguous(memory_format=torch.channels_last)
        y_bits, z_bits = self.model(batch)
        loss = (y_bits + z_bits) / _pixels(batch)
        yield Cost(loss, {"bits_per_pixel": loss.item()})

    def _networks(self) -> list[nn.Parameter]:
        return [p for name, p in self.model.named_parameters() if not name.startswith("entropy.")]


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
        model.load_state_dict(load_checkpoint(parent, expected=("hyperprior",))["hyperprior"])
        steps, rate = effort.annealed_steps, effort.annealed_rate
    plan = Plan(steps, round_steps=ROUND_STEPS, clip_norm=GRADIENT_CLIP, decay=warm_cosine(WARMUP))
    done = Trainer(HyperRecipe(model, y, rate), plan, generator, label=f"hyper-{name}", resume=resume).run()
    result = validate(model, held)
    print(f"hyper-{name} validation {result}", file=sys.stderr, flush=True)
    save_checkpoint(
        target,
        {
            "hyperprior": model.state_dict(),
            "shape": asdict(model.shape),
            "steps": steps,
            "seed": seed,
            "seconds": round(done.seconds),
            "validation": result,
            "macs_per_pixel": macs_per_pixel(model),
        },
    )
    resume.unlink(missing_ok=True)
    return target


def load_hyperprior(checkpoint: Path) -> Hyperprior:
    """The hyperprior of a finished training."""
    saved = load_checkpoint(checkpoint, expected=("hyperprior", "shape"))
    model = Hyperprior(HyperShape(**saved["shape"]))
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
