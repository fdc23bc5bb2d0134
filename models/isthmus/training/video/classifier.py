"""Training of the split classifier: two rounds, the first without quantiser, the second from where the first ended.

What is lowered is in `split_loss`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from isthmus.data.image.labelled import LabelledImages
from isthmus.models.video.classifier import Pooling, SplitClassifier, SplitShape, Stage
from isthmus.training.checkpoint import load_checkpoint, save_checkpoint
from isthmus.training.image.photos import Photos, draw_crops
from isthmus.training.plan import Moment, Plan, warm_cosine
from isthmus.training.recipe import Cost, Group, Recipe
from isthmus.training.trainer import Trainer
from isthmus.training.video.split_loss import LogisticRate, SplitEffort, split_loss

GRADIENT_CLIP = 2.0
WARMUP = 0.05
PHOTO_SIZE = 128
EMA_DECAY = 0.998
RATE_RATE_FACTOR = 5.0  # the distributions of the rate learn this much faster than the networks
VALIDATION_BATCH = 100

Pictures = tuple[npt.NDArray[np.uint8], Tensor]  # uint8 [N, 3, size, size], labels int64 [N]


@dataclass(frozen=True, slots=True)
class SecondRound:
    """What a second round starts from: the first's checkpoint; photographs that need no labels, for the agreement."""

    first: Path
    photos: Photos | None = None


def decode_all(images: LabelledImages, size: int) -> npt.NDArray[np.uint8]:
    """All pictures, uint8 ``[N, 3, size, size]``."""
    out = np.empty((len(images), 3, size, size), np.uint8)
    for i in range(len(images)):
        out[i] = images.pixels(i).transpose(2, 0, 1)
    return out


class SplitRecipe(Recipe):
    """One round on labelled pictures; `first` is the network as the round before left it, and None in a first round."""

    model: SplitClassifier

    def __init__(
        self,
        model: SplitClassifier,
        train: Pictures,
        validation: Pictures,
        effort: SplitEffort,
        first: SplitClassifier | None,
        photos: Photos | None,
    ) -> None:
        self.model, self.rate = model, LogisticRate(model.shape.latent_channels)
        self._train, self._validation, self._effort = train, validation, effort
        self._first, self._photos = first, photos if effort.agreement_weight else None
        self._order = torch.empty(0, dtype=torch.int64)

    def groups(self) -> list[Group]:
        rate, parameters = self._effort.learning_rate, list(self.model.parameters())
        return [
            Group([p for p in parameters if p.ndim > 1], rate, self._effort.weight_decay),
            Group([p for p in parameters if p.ndim <= 1], rate),
            Group(list(self.rate.parameters()), rate * RATE_RATE_FACTOR),
        ]

    def modules(self) -> dict[str, nn.Module]:
        return {"model": self.model, "rate": self.rate}

    def begin_epoch(self, generator: torch.Generator) -> None:
        self.model.train()
        if self._first is not None:
            # Its statistics stay those of the first round: photographs would pull them away from labelled pictures.
            for layer in self.model.modules():
                if isinstance(layer, nn.BatchNorm2d):
                    layer.eval()
        self._order = torch.randperm(len(self._train[1]), generator=generator)

    def costs(self, at: Moment, generator: torch.Generator) -> Iterator[Cost]:
        pixels, labels = self._train
        index = self._order[at.step * self._effort.batch : (at.step + 1) * self._effort.batch]
        raw = torch.from_numpy(pixels[index.numpy()]).float().div(255)
        progress = at.progress if self._first is None else 1.0
        yield Cost(*split_loss(self.model, self.rate, raw, labels[index], self._effort, progress, generator))
        if self._photos is not None:
            crops = draw_crops(self._photos, self._effort.photos, PHOTO_SIZE, generator)
            loss, parts = split_loss(
                self.model, self.rate, crops, labels[:0], self._effort, 1.0, generator, self._first
            )
            yield Cost(loss, {f"photo_{name}": value for name, value in parts.items()})

    def validate(self, judged: nn.Module) -> dict[str, float]:
        assert isinstance(judged, SplitClassifier)  # the model's average
        return validate_split(judged, self.rate, *self._validation, is_quantised=bool(self._effort.rate_weight))


@torch.no_grad()
def validate_split(
    model: SplitClassifier, rate: LogisticRate, pixels: npt.NDArray[np.uint8], labels: Tensor, *, is_quantised: bool
) -> dict[str, float]:
    """Top-1 of unchanged and of rounded latents, estimated bits a picture, of pictures uint8 ``[N, 3, H, W]``."""
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
    second: SecondRound | None = None,
) -> Path:
    """Train one classifier into `target` (a checkpoint). A killed run resumes at its last finished epoch."""
    if target.exists():
        return target
    resume = target.with_suffix(".resume.pt")
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    pixels, held = decode_all(train, size), decode_all(validation, size)
    model = SplitClassifier(shape).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    first: SplitClassifier | None = None
    if second is not None:
        model.load_state_dict(load_checkpoint(second.first, expected=("model",))["model"])
        first = copy.deepcopy(model).eval()
        _scale_latents(model, pixels, effort.start_std)
    recipe = SplitRecipe(
        model,
        (pixels, torch.from_numpy(train.labels)),
        (held, torch.from_numpy(validation.labels)),
        effort,
        first,
        second.photos if second is not None else None,
    )
    plan = Plan(
        epochs=effort.epochs,
        steps=max(1, len(train) // effort.batch),
        decay=warm_cosine(WARMUP),
        clip_norm=GRADIENT_CLIP,
        average_decay=EMA_DECAY,
    )
    done = Trainer(recipe, plan, generator, label=target.stem, resume=resume).run()
    history = [
        {name: value if name == "epoch" else round(value, 4) for name, value in row.items()} for row in done.history
    ]
    save_checkpoint(
        target,
        {
            "model": model.state_dict(),
            "rate": recipe.rate.state_dict(),
            "shape": {**asdict(shape), "pooling": shape.pooling.value},
            "effort": asdict(effort),
            "seed": seed,
            "seconds": round(done.seconds),
            "history": history,
        },
    )
    resume.unlink(missing_ok=True)
    return target


def load_split(checkpoint: Path) -> tuple[SplitClassifier, dict[str, Any]]:
    """The classifier of a finished checkpoint, ready to be used, and everything else it says."""
    saved = load_checkpoint(checkpoint, expected=("model", "shape"))
    shape = saved["shape"]
    model = SplitClassifier(SplitShape(**{**shape, "pooling": Pooling(shape["pooling"])}))
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
