"""What joint training is judged by: rates, distortion and loss over photographs, everything rounded."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus.models.image.adaptive import ideal_bits
from isthmus.models.image.transforms import STRIDE
from isthmus.training.image.adaptive import SIDE_WEIGHT
from isthmus.training.image.latent_counts import clipped
from isthmus.training.image.photos import Photos
from isthmus.training.studies.joint import COUNTING_BATCH, Joint, latents, pixels
from isthmus.training.studies.joint_rate import ESCAPE_FIXED_BITS, LEAST_FREQUENCY, Support


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
def measure(joint: Joint, photos: Photos, trade_off: float) -> dict[str, float]:
    """Rates in bits a pixel, distortion and loss over photographs of one size, everything rounded."""
    codec, net, support = joint.codec, joint.net, joint.support
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
