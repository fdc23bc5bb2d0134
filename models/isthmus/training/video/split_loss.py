"""The loss of a split classifier whose latents are cheap, and move as the picture does.

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

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isthmus.models.video.classifier import SplitClassifier
from isthmus.training.precision import mixed
from isthmus.training.video.two_views import two_views, warped

LABEL_SMOOTHING = 0.1
SHARPENING = 2.0
RATE_RAMP = 0.3
"""Share of the training over which the weight of the rate grows to its full size."""
WHOLE_PICTURE = 64 * 64
"""Pixels of a picture that the weight of the rate speaks of."""


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
        bits = rate(y + torch.empty_like(y).uniform_(-0.5, 0.5)) / len(y) * (WHOLE_PICTURE / raw[0, 0].numel())
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
    with mixed():
        y: Tensor = model.edge(x.contiguous(memory_format=torch.channels_last))
    return y.float()


def _cloud(model: SplitClassifier, y: Tensor) -> Tensor:
    with mixed():
        logits: Tensor = model.cloud(y)
    return logits.float()


def _kl(target: Tensor, log_probability: Tensor) -> Tensor:
    return F.kl_div(log_probability, target, reduction="batchmean")
