"""From a trained adaptive bottleneck to what a codec ships: two graphs, the tables of q, and what the integers cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor

from isthmus.common.bits.cdf import CdfTables, quantize_pmf
from isthmus.common.bits.integer_softmax import PRECISION_BITS
from isthmus.models.image.adaptive import latent_bits, mac_per_pixel
from isthmus.models.image.adaptive_graph import (
    LOGIT_BITS,
    analysis_graph,
    integer_logits,
    quantize_bins,
    synthesis_graph,
)
from isthmus.training.image.adaptive import load_adaptive, result_of, validate_adaptive
from isthmus.training.image.latent_counts import PSEUDO_COUNT, LatentCounts, clipped, normalised


@dataclass(frozen=True, slots=True)
class FrozenAdaptive:
    """What a codec folder needs of the adaptive bottleneck.

    Attributes:
        h_a_q, h_s_q: the graphs.
        q_tables: one table a channel of q.
        static: the static distributions that the logits start from, float64 ``[M_y, B]``.
        stats: figures of the validation with floats and with integers, complexity, bounds.
    """

    h_a_q: onnx.ModelProto
    h_s_q: onnx.ModelProto
    q_tables: CdfTables
    bins: int
    static: npt.NDArray[np.float64]
    stats: dict[str, float]


@torch.no_grad()
def freeze_adaptive(checkpoint: Path, counts: LatentCounts) -> FrozenAdaptive:
    """Both graphs and the tables of q of a trained bottleneck, judged on the validation photographs in integers."""
    net = load_adaptive(checkpoint)
    shape = net.shape
    q = torch.round(torch.cat([net.analyse(clipped(normalised(part)[0], shape)) for part in counts.train]))
    q_tables = side_tables(q)
    synthesis = quantize_bins(net, q)
    histograms, samples = normalised(counts.validation)
    q_held = (
        torch.round(net.analyse(clipped(histograms, shape)))
        .clamp(-synthesis.side_top, synthesis.side_top)
        .int()
        .numpy()
    )
    logits = torch.from_numpy(np.stack([integer_logits(synthesis, one) for one in q_held]))
    log_probability = torch.log_softmax(logits.double() / (1 << LOGIT_BITS), 2) / math.log(2)
    channels = np.broadcast_to(np.arange(shape.side_channels)[:, None], q_held.shape[1:])
    side = np.mean([q_tables.bits(one, channels).sum() for one in q_held])
    as_float = validate_adaptive(net, counts)
    as_integers = result_of(
        counts, latent_bits(histograms, log_probability.float(), samples).mean().item(), float(side)
    )
    stats = {f"float_{key}": value for key, value in as_float.summary().items()}
    stats |= {f"integer_{key}": value for key, value in as_integers.summary().items()}
    stats |= {f"mac_per_pixel_{key}": value for key, value in mac_per_pixel(shape).items()}
    stats |= {"largest_sum": float(synthesis.bound()), "side_top": float(synthesis.side_top)}
    return FrozenAdaptive(
        analysis_graph(net, synthesis.side_top),
        synthesis_graph(synthesis),
        q_tables,
        shape.bins,
        counts.static().numpy(),
        stats,
    )


def side_tables(q: Tensor) -> CdfTables:
    """One table with an escape for each channel of rounded `q` ``[n, M_q, B/8]``, counted over training."""
    columns = q.transpose(0, 1).flatten(1).long().numpy()
    low, high = columns.min(1), columns.max(1)
    pmfs = []
    for row, least, most in zip(columns, low, high, strict=True):
        seen = np.bincount(row - least, minlength=int(most - least + 1)) + PSEUDO_COUNT
        pmfs.append(np.append(seen, PSEUDO_COUNT) / (seen.sum() + PSEUDO_COUNT))
    return quantize_pmf(pmfs, low, PRECISION_BITS, has_escape=True)
