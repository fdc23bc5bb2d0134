"""From a trained hyperprior to what a codec ships: two graphs, integer tables, and what the integers cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
import torch

from isthmus.common.bits.cdf import CdfTables
from isthmus.models.exact.onnx_torch import OnnxTorch
from isthmus.models.image.hyperprior import HYPER_TOP, SCALE_LEVELS, Hyperprior, gaussian_bits, macs_per_pixel
from isthmus.models.image.hyperprior_graph import analysis_graph, quantize_synthesis, synthesis_graph
from isthmus.models.image.transforms import STRIDE
from isthmus.training.group_choice import symbol_cells
from isthmus.training.image.scale_tables import (
    Int32,
    Int64,
    channel_kinds,
    count_symbols,
    cropped_tables,
    gaussian_pmf,
    smoothed_pmfs,
)

KINDS = 8
REACH = 255  # symbols further from zero are escapes while counting
CALIBRATION = 256  # training photographs that set the ranges of activations
BATCH = 16
DENSITY_BACKOFF = 4.0  # pseudo-counts with which a table of z leans on the learned density

Float16 = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class FrozenHyperprior:
    """Both halves, their tables, and figures in bits a pixel."""

    h_a: onnx.ModelProto  # y -> z, float
    h_s: onnx.ModelProto  # z -> indices of `y_tables`, exact integers
    z_tables: CdfTables  # [N]
    y_tables: CdfTables  # [kinds * SCALE_LEVELS]
    first_table: Int32  # [M]: the first table of each channel's kind
    macs: tuple[float, float]  # a pixel, of (h_a, h_s)
    stats: dict[str, float]


@dataclass(frozen=True, slots=True)
class CodedLatents:
    """Latents of photographs of one size as the frozen hyperprior sees them."""

    y: Int32  # [n, M, h, w]
    z: Int32  # [n, N, h / 4, w / 4]
    indices: Int32  # [n, M, h, w], of tables


@torch.no_grad()
def hyper_symbols(model: Hyperprior, y: Float16) -> Int32:
    """Rounded z of latents ``[n, M, 4a, 4b]``."""
    rows = [torch.round(model.h_a(torch.from_numpy(y[i : i + BATCH]).float())) for i in range(0, len(y), BATCH)]
    out: Int32 = torch.cat(rows).int().numpy()
    return out


def code_latents(model: Hyperprior, h_s: onnx.ModelProto, y: Float16) -> CodedLatents:
    """Symbols and table indices of latents ``[n, M, 4a, 4b]``; the indices come from the integer graph."""
    z = hyper_symbols(model, y)
    engine = OnnxTorch(h_s)
    indices = [engine.run({"z": z[i : i + BATCH]})[0].astype(np.int32) for i in range(0, len(z), BATCH)]
    return CodedLatents(np.rint(y.astype(np.float32)).astype(np.int32), z, np.concatenate(indices))


def freeze_hyperprior(model: Hyperprior, train: Float16, validation: Float16, kinds: int = KINDS) -> FrozenHyperprior:
    """Integer ``h_s`` and tables from training latents ``[n, M, 4a, 4b]``; figures on the validation latents.

    The tables are those of the symbols counted at each index, not the Gaussians of training; channels are put into
    `kinds` that have tables of their own (`scale_tables`).
    """
    model = model.eval()
    layers = quantize_synthesis(model.h_s, torch.from_numpy(hyper_symbols(model, train[:CALIBRATION])))
    channels = model.shape.latent_channels
    plain = synthesis_graph(layers, np.zeros(channels, np.int32))
    seen = code_latents(model, plain, train)
    counts = count_symbols(seen.y, seen.indices, REACH)
    kind_of = channel_kinds(counts, kinds)
    pmfs = smoothed_pmfs(counts, kind_of, kinds).reshape(kinds * SCALE_LEVELS, -1)
    kind_counts = np.stack([counts[kind_of == kind].sum(0) for kind in range(kinds)])
    y_tables = cropped_tables(pmfs, kind_counts.reshape(kinds * SCALE_LEVELS, -1))
    first_table = kind_of * np.int32(SCALE_LEVELS)
    h_s = synthesis_graph(layers, first_table)
    z_tables = _z_tables(model, seen.z)
    stats = _figures(model, h_s, y_tables, z_tables, counts, validation)
    return FrozenHyperprior(
        analysis_graph(model.h_a), h_s, z_tables, y_tables, first_table, macs_per_pixel(model), stats
    )


@torch.no_grad()
def _z_tables(model: Hyperprior, z: Int32) -> CdfTables:
    values = torch.arange(-HYPER_TOP, HYPER_TOP + 1).float()[:, None].expand(-1, z.shape[1])
    density = model.entropy.likelihood(values).double().t().numpy()
    density = np.concatenate([density, 1e-9 * np.ones((len(density), 1))], axis=1)
    counts = np.zeros(density.shape, np.int64)
    for channel in range(z.shape[1]):
        counts[channel, :-1] = np.bincount(z[:, channel].ravel() + HYPER_TOP, minlength=2 * HYPER_TOP + 1)
    return cropped_tables(counts + DENSITY_BACKOFF * density / density.sum(1, keepdims=True), counts)


@torch.no_grad()
def _figures(
    model: Hyperprior, h_s: onnx.ModelProto, y_tables: CdfTables, z_tables: CdfTables, counts: Int64, y: Float16
) -> dict[str, float]:
    """Bits a pixel of the validation latents, step by step from the float network to the integer tables."""
    pixels = len(y) * y.shape[2] * y.shape[3] * STRIDE**2
    coded = code_latents(model, h_s, y)
    continuous = np.concatenate(
        [model.h_s(torch.from_numpy(coded.z[i : i + BATCH]).float()).numpy() for i in range(0, len(y), BATCH)]
    )
    rounded = np.clip(np.floor(continuous + 0.5), 0, SCALE_LEVELS - 1).astype(np.int32)
    integer = coded.indices % SCALE_LEVELS
    channel = np.arange(y.shape[1])[:, None, None]
    per_channel = counts.sum(1)
    one_kind = smoothed_pmfs(counts, np.zeros(len(counts), np.int32), 1)[0]
    cells = symbol_cells(coded.y, REACH)
    factorised = -np.log2((per_channel + 1e-3) / (per_channel + 1e-3).sum(1, keepdims=True))
    gaussian, empirical = -np.log2(gaussian_pmf(REACH) + 1e-9), -np.log2(one_kind)
    float_kinds = rounded + (coded.indices - integer)
    return {
        "static_factorised": float(factorised[channel, cells].sum()) / pixels,
        "y_gaussian_continuous_scale": _gaussian_bits(model, coded.y, continuous) / pixels,
        "y_gaussian_zero_mean_float_index": float(gaussian[rounded, cells].sum()) / pixels,
        "y_gaussian_zero_mean_integer_index": float(gaussian[integer, cells].sum()) / pixels,
        "y_empirical_one_kind": float(empirical[integer, cells].sum()) / pixels,
        "y_tables_float_index": float(y_tables.bits(coded.y, float_kinds).sum()) / pixels,
        "y_tables": float(y_tables.bits(coded.y, coded.indices).sum()) / pixels,
        "z_tables": float(z_tables.bits(coded.z, np.arange(coded.z.shape[1])[:, None, None]).sum()) / pixels,
        "index_mismatch_fraction": float(np.mean(rounded != integer)),
    }


def _gaussian_bits(model: Hyperprior, symbols: Int32, continuous: npt.NDArray[np.float32]) -> float:
    total, mean = 0.0, model.mean[:, None, None]
    for y, index in zip(symbols, continuous, strict=True):
        total += gaussian_bits(torch.from_numpy(y).float(), mean, torch.from_numpy(index)).sum().item()
    return total
