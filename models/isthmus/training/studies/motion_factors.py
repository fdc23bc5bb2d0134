"""Small networks that differ in the factor of their poolings, each from several seeds, for `isthmus measure
motion-factors`: does the motion of latents divide by n^k for n = 2, 3, 4 as for the two of the thesis?

They are trained on 64 x 64 pixels until they know what they see (30 % of 50 classes, where guessing is 2 %), in
bfloat16 where the processor has it, mirrored and shifted at random.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isthmus.common.errors import InputError
from isthmus.data.image.labelled import LabelledImages, load_labelled_images, split_train_validation
from isthmus.models.video.classifier import Pooling
from isthmus.models.video.pooled import FACTORS, KINDS, PooledClassifier, PooledShape
from isthmus.training.checkpoint import load_checkpoint, save_checkpoint
from isthmus.training.plan import Moment, Plan, warm_cosine
from isthmus.training.precision import mixed
from isthmus.training.recipe import Cost, Group, Recipe
from isthmus.training.trainer import Trainer
from isthmus.training.video.classifier import Pictures, decode_all

SIDE = 64
SEEDS = 3
MAX_SHIFT = 4  # pixels that a batch is moved by at most
WARMUP = 0.1
WEIGHT_DECAY = 0.02
SMOOTHING = 0.1
VALIDATION_BATCH = 250


@dataclass(frozen=True, slots=True)
class FactorNetwork:
    """One network of the study: a kind of pooling, its factor, and the seed that it is trained from."""

    pooling: Pooling
    factor: int
    seed: int

    @property
    def name(self) -> str:
        """Of its checkpoint: "max-n3-seed0"."""
        return f"{self.pooling.value}-n{self.factor}-seed{self.seed}"


NETWORKS = tuple(FactorNetwork(kind, factor, seed) for kind in KINDS for seed in range(SEEDS) for factor in FACTORS)
"""In the order of their training: every factor from one seed, then from the next, then the other kind."""


@dataclass(frozen=True, slots=True)
class FactorEffort:
    """The same for every network."""

    epochs: int = 10
    batch: int = 128
    learning_rate: float = 4e-3
    names: tuple[str, ...] = tuple(network.name for network in NETWORKS)


class PooledRecipe(Recipe):
    """Cross-entropy on labelled pictures."""

    model: PooledClassifier

    def __init__(self, model: PooledClassifier, train: Pictures, validation: Pictures, effort: FactorEffort) -> None:
        self.model = model
        self._train, self._validation, self._effort = train, validation, effort
        self._order = torch.empty(0, dtype=torch.int64)

    def groups(self) -> list[Group]:
        parameters, rate = list(self.model.parameters()), self._effort.learning_rate
        return [
            Group([p for p in parameters if p.ndim > 1], rate, WEIGHT_DECAY),
            Group([p for p in parameters if p.ndim <= 1], rate),
        ]

    def begin_epoch(self, generator: torch.Generator) -> None:
        self.model.train()
        self._order = torch.randperm(len(self._train[1]), generator=generator)

    def costs(self, at: Moment, generator: torch.Generator) -> Iterator[Cost]:
        pixels, labels = self._train
        index = self._order[at.step * self._effort.batch : (at.step + 1) * self._effort.batch]
        x = _varied(torch.from_numpy(pixels[index.numpy()]).float().div(255), generator)
        with mixed():
            logits = self.model(x.contiguous(memory_format=torch.channels_last)).float()
        loss = F.cross_entropy(logits, labels[index], label_smoothing=SMOOTHING)
        yield Cost(loss, {"loss": loss.item()})

    def validate(self, judged: nn.Module) -> dict[str, float]:
        assert isinstance(judged, PooledClassifier)
        return {"top1_percent": _right_percent(judged, *self._validation)}


def train_motion_factors(images: LabelledImages, runs: Path, effort: FactorEffort) -> list[Path]:
    """Train the networks one after the other into `runs`; a finished one stays, a killed one goes on.

    Args:
        images: training split, of 64 x 64 pixels.
        runs: folder of the checkpoints.
        effort: which, and how long.

    Raises:
        InputError: a name that is no network's, or images of another size.
    """
    known = {network.name: network for network in NETWORKS}
    for name in effort.names:
        if name not in known:
            raise InputError(f"networks: expected some of {list(known)}, got {name!r}")
    size = list(images.pixels(0).shape[:2]) if len(images) else "no image"
    if size != [SIDE, SIDE]:
        raise InputError(f"{images.name}: expected images of 64 x 64 pixels, got {size}")
    train, held = split_train_validation(images)
    pictures = _pictures(train), _pictures(held)
    return [_train_one(known[name], images, pictures, runs / f"{name}.pt", effort) for name in effort.names]


def _train_one(
    network: FactorNetwork,
    images: LabelledImages,
    pictures: tuple[Pictures, Pictures],
    target: Path,
    effort: FactorEffort,
) -> Path:
    if target.exists():
        return target
    resume = target.with_suffix(".resume.pt")
    torch.manual_seed(network.seed)
    generator = torch.Generator().manual_seed(network.seed)
    shape = PooledShape(len(images.class_names), network.factor, network.pooling)
    model = PooledClassifier(shape).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    plan = Plan(
        epochs=effort.epochs,
        steps=max(1, len(pictures[0][1]) // effort.batch),
        decay=warm_cosine(WARMUP),
        clip_norm=2.0,
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    recipe = PooledRecipe(model, *pictures, effort)
    done = Trainer(recipe, plan, generator, label=target.stem, resume=resume).run()
    content: dict[str, Any] = {
        "model": model.state_dict(),
        "shape": {**asdict(shape), "pooling": shape.pooling.value},
        "effort": {**asdict(effort), "names": [network.name]},
        "seed": network.seed,
        "seconds": round(done.seconds),
        "history": done.history,
    }
    save_checkpoint(target, content)
    resume.unlink(missing_ok=True)
    return target


def _pictures(images: LabelledImages) -> Pictures:
    return decode_all(images, SIDE), torch.from_numpy(images.labels)


def load_pooled(checkpoint: Path) -> PooledClassifier:
    """The network of a finished checkpoint, ready to be used. InputError if the file is none."""
    saved = load_checkpoint(checkpoint, expected=("model", "shape"))
    shape = saved["shape"]
    try:
        model = PooledClassifier(PooledShape(**{**shape, "pooling": Pooling(shape["pooling"])}))
        model.load_state_dict(saved["model"])
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"{checkpoint}: expected a network of isthmus train motion-factors: {error}") from error
    return model.eval()


def top1_percent(model: PooledClassifier, labelled: Path) -> float:
    """Accuracy on the test split of labelled images of 64 x 64."""
    return _right_percent(model.eval(), *_pictures(load_labelled_images(labelled, "test")))


@torch.no_grad()
def _right_percent(model: PooledClassifier, pixels: npt.NDArray[np.uint8], labels: Tensor) -> float:
    right = 0
    for i in range(0, len(pixels), VALIDATION_BATCH):
        x = torch.from_numpy(pixels[i : i + VALIDATION_BATCH]).float().div(255)
        found = model(x.contiguous(memory_format=torch.channels_last)).argmax(1)
        right += int((found == labels[i : i + len(x)]).sum())
    return 100 * right / len(pixels)


def _varied(x: Tensor, generator: torch.Generator) -> Tensor:
    """A batch ``[n, 3, H, W]``, about half of it mirrored, all of it moved by a few pixels."""
    is_mirrored = torch.rand(len(x), generator=generator) < 0.5
    x = torch.where(is_mirrored[:, None, None, None], x.flip(3), x)
    down, right = torch.randint(0, 2 * MAX_SHIFT + 1, (2,), generator=generator).tolist()
    height, width = x.shape[2:]
    return F.pad(x, [MAX_SHIFT] * 4, mode="reflect")[:, :, down : down + height, right : right + width]
