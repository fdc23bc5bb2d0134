"""From a trained adaptive bottleneck to what a codec ships: two graphs, the tables of q, and what the integers cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor

from isthmus.common.bits.cdf import CdfTables, quantize_pmf
from isthmus.common.bits.integer_softmax import PRECISION_BITS
from isthmus.models.image.adaptive import AdaptiveBottleneck, latent_bits, mac_per_pixel
from isthmus.models.image.adaptive_graph import (
    LOGIT_BITS,
    analysis_graph,
    integer_logits,
    quantize_bins,
    synthesis_graph,
)
from isthmus.models.image.components import Components
from isthmus.models.image.components import mac_per_pixel as components_mac_per_pixel
from isthmus.models.image.components_graph import analysis_graph as components_analysis_graph
from isthmus.models.image.components_graph import integer_logits as component_logits
from isthmus.models.image.components_graph import quantize_components
from isthmus.models.image.components_graph import synthesis_graph as components_synthesis_graph
from isthmus.training.image.adaptive import (
    ANALYSED_TOGETHER,
    AdaptiveResult,
    load_adaptive,
    result_of,
    validate_adaptive,
)
from isthmus.training.image.latent_counts import PSEUDO_COUNT, LatentCounts, clipped, normalised


@dataclass(frozen=True, slots=True)
class FrozenAdaptive:
    """What a codec folder needs of the adaptive bottleneck.

    Attributes:
        h_a_q, h_s_q: the graphs.
        q_tables: one table a row of q.
        side_columns: numbers of a row of q, for the manifest; 0 for one in 8 bins.
        static: the static distributions that the logits start from, float64 ``[M_y, B]``.
        stats: figures of the validation with floats and with integers, complexity, bounds.
    """

    h_a_q: onnx.ModelProto
    h_s_q: onnx.ModelProto
    q_tables: CdfTables
    bins: int
    side_columns: int
    static: npt.NDArray[np.float64]
    stats: dict[str, float]


def freeze_adaptive(checkpoint: Path, counts: LatentCounts) -> FrozenAdaptive:
    """Both graphs and the tables of q of a trained bottleneck, judged on the validation photographs in integers."""
    return freeze_networks(load_adaptive(checkpoint), counts)


@torch.no_grad()
def freeze_networks(net: AdaptiveBottleneck, counts: LatentCounts) -> FrozenAdaptive:
    """`freeze_adaptive` of networks in memory."""
    shape = net.shape
    q = side_of_training(net, counts)
    q_tables = side_tables(q)
    synthesis = quantize_bins(net, q)
    limits = np.full(shape.side_channels, synthesis.side_top, np.int32)
    as_integers = judged(net, counts, q_tables, limits, lambda one: integer_logits(synthesis, one))
    macs = mac_per_pixel(shape)
    return FrozenAdaptive(
        analysis_graph(net, synthesis.side_top),
        synthesis_graph(synthesis),
        q_tables,
        shape.bins,
        0,
        counts.static().numpy(),
        stats_of(net, counts, as_integers, macs, synthesis.bound()) | {"side_top": float(synthesis.side_top)},
    )


@torch.no_grad()
def freeze_components(net: Components, counts: LatentCounts) -> FrozenAdaptive:
    """Both graphs and the tables of q of trained components, judged on the validation photographs in integers."""
    shape = net.shape
    q = side_of_training(net, counts)
    q_tables = side_tables(q)
    synthesis = quantize_components(net, q)
    as_integers = judged(net, counts, q_tables, synthesis.tops, lambda one: component_logits(synthesis, one))
    macs = components_mac_per_pixel(net.classes, shape.components)
    return FrozenAdaptive(
        components_analysis_graph(net, synthesis.tops),
        components_synthesis_graph(synthesis),
        q_tables,
        shape.bins,
        1,
        counts.static().numpy(),
        stats_of(net, counts, as_integers, macs, synthesis.bound()),
    )


def side_of_training(net: AdaptiveBottleneck | Components, counts: LatentCounts) -> Tensor:
    """Rounded q ``[n, M_q, W]`` of all training photographs, every view of them."""
    some = (chunk for part in counts.train for chunk in torch.split(part, ANALYSED_TOGETHER))
    return torch.round(torch.cat([net.analyse(clipped(normalised(chunk)[0], net.shape)) for chunk in some]))


def judged(
    net: AdaptiveBottleneck | Components,
    counts: LatentCounts,
    q_tables: CdfTables,
    limits: npt.NDArray[np.int32],
    logits_of: Callable[[npt.NDArray[np.int32]], npt.NDArray[np.int32]],
) -> AdaptiveResult:
    """Bits of the validation photographs by what is shipped: integers, and the tables of q.

    Args:
        limits: int32 ``[M_q]``, largest magnitude in each row of q.
        logits_of: ``h_s,q`` over integers, q ``[M_q, W]`` to logits ``[M_y, B]`` in 2^-8 nat.
    """
    tops = torch.from_numpy(limits)[:, None]
    adapted: list[Tensor] = []
    sides: list[float] = []
    for part in torch.split(counts.validation, ANALYSED_TOGETHER):
        histograms, samples = normalised(part)
        q_held = torch.minimum(torch.maximum(torch.round(net.analyse(clipped(histograms, net.shape))), -tops), tops)
        found = q_held.int().numpy()
        logits = torch.from_numpy(np.stack([logits_of(one) for one in found]))
        log_probability = torch.log_softmax(logits.double() / (1 << LOGIT_BITS), 2) / math.log(2)
        adapted.append(latent_bits(histograms, log_probability.float(), samples))
        channels = np.broadcast_to(np.arange(found.shape[1])[:, None], found.shape[1:])
        sides += [float(q_tables.bits(one, channels).sum()) for one in found]
    return result_of(counts, torch.cat(adapted).mean().item(), float(np.mean(sides)))


def stats_of(
    net: AdaptiveBottleneck | Components,
    counts: LatentCounts,
    as_integers: AdaptiveResult,
    macs: dict[str, float],
    bound: int,
) -> dict[str, float]:
    """What a codec's record says of its networks."""
    stats = {f"float_{key}": value for key, value in validate_adaptive(net, counts).summary().items()}
    stats |= {f"integer_{key}": value for key, value in as_integers.summary().items()}
    return stats | {f"mac_per_pixel_{key}": value for key, value in macs.items()} | {"largest_sum": float(bound)}


def side_tables(q: Tensor) -> CdfTables:
    """One table with an escape for each row of rounded `q` ``[n, M_q, W]``, counted over training."""
    columns = q.transpose(0, 1).flatten(1).long().numpy()
    low, high = columns.min(1), columns.max(1)
    pmfs = []
    for row, least, most in zip(columns, low, high, strict=True):
        seen = np.bincount(row - least, minlength=int(most - least + 1)) + PSEUDO_COUNT
        pmfs.append(np.append(seen, PSEUDO_COUNT) / (seen.sum() + PSEUDO_COUNT))
    return quantize_pmf(pmfs, low, PRECISION_BITS, has_escape=True)
