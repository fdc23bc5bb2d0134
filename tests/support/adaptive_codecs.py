"""A small image codec with an adaptive bottleneck, untrained but not idle, as a folder."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper

from isthmus.common.bits.cdf import CdfTables, quantize_pmf
from isthmus.common.bits.prior import Prior
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.tables import ImageTables
from isthmus.models.graph_builder import GraphBuilder
from isthmus.models.image import hyperprior_graph
from isthmus.models.image.adaptive import AdaptiveBottleneck, AdaptiveShape
from isthmus.models.image.adaptive_graph import IntegerSynthesis, analysis_graph, quantize_bins, synthesis_graph
from isthmus.models.image.hyperprior import SCALE_LEVELS, HyperAnalysis, HyperShape, HyperSynthesis
from isthmus.training.image.adaptive_freeze import side_tables

SHAPE = AdaptiveShape(latent_channels=16, hidden_channels=8, side_channels=8, bins=32)
REACH = 6  # values of a static table: -REACH to REACH


def random_bottleneck(shape: AdaptiveShape = SHAPE, seed: int = 0) -> AdaptiveBottleneck:
    """Networks with random weights in every layer, over Laplacian static distributions."""
    torch.manual_seed(seed)
    values = torch.arange(shape.bins) - shape.bins // 2
    widths = torch.linspace(0.3, 2.5, shape.latent_channels)
    static = torch.exp(-values.abs()[None] / widths[:, None]) + 1e-5
    net = AdaptiveBottleneck(shape, static / static.sum(1, keepdim=True)).eval()
    last = net.h_s[-1]
    assert isinstance(last, torch.nn.Conv1d)
    with torch.no_grad():
        last.weight.normal_(0, 0.2)
        for parameter in net.h_s[:-1].parameters():
            parameter.mul_(3)
    return net


def random_histograms(count: int, shape: AdaptiveShape = SHAPE, seed: int = 0) -> torch.Tensor:
    """Normalised histograms ``[count, M_y, B]`` of Laplacian latents of many widths."""
    rng = np.random.default_rng(seed)
    widths = rng.uniform(0.2, 4, (count, shape.latent_channels, 1))
    y = np.clip(np.rint(rng.laplace(size=(count, shape.latent_channels, 96)) * widths), -shape.clip, shape.clip)
    bins = y.astype(np.int64) + shape.bins // 2
    return torch.from_numpy(np.stack([(bins == b).mean(2) for b in range(shape.bins)], 2)).float()


def integer_synthesis(net: AdaptiveBottleneck) -> IntegerSynthesis:
    """Calibrated on random histograms."""
    with torch.no_grad():
        q = torch.round(net.analyse(random_histograms(64, net.shape)))
    return quantize_bins(net, q)


def write_adaptive_codec(folder: Path, name: str = "image-tiny-q1") -> Path:
    """A codec folder: g_a is one convolution, g_s is idle."""
    path = folder / name
    path.mkdir(parents=True)
    net = random_bottleneck()
    synthesis = integer_synthesis(net)
    onnx.save(analysis_graph(net, synthesis.side_top), path / "h_a_q.onnx")
    onnx.save(synthesis_graph(synthesis), path / "h_s_q.onnx")
    onnx.save(_one_convolution("pixels", "y", SHAPE.latent_channels), path / "edge.onnx")
    onnx.save(_one_convolution("y_hat", "pixels", 3), path / "cloud.onnx")
    with torch.no_grad():
        q = torch.round(net.analyse(random_histograms(64)))
    _tables(net, side_tables(q)).save(path / "entropy.npz")
    return _with_manifest(path, latent_channels=SHAPE.latent_channels, bins=SHAPE.bins)


def write_hyper_codec(zoo: Path, name: str = "image-tinyhyper-q1") -> Path:
    """A codec folder with a random hyperprior over the same g_a; a scale's table is a Laplacian."""
    path = zoo / name
    path.mkdir(parents=True)
    torch.manual_seed(0)
    shape = HyperShape(SHAPE.latent_channels, hyper_channels=8, analysis_width=8, synthesis_width=8)
    h_a, h_s = HyperAnalysis(shape).eval(), HyperSynthesis(shape).eval()
    layers = hyperprior_graph.quantize_synthesis(h_s, torch.round(torch.randn(8, 8, 2, 2) * 6))
    kinds = np.zeros(shape.latent_channels, np.int32)
    onnx.save(hyperprior_graph.analysis_graph(h_a), path / "h_a.onnx")
    onnx.save(hyperprior_graph.synthesis_graph(layers, kinds), path / "h_s.onnx")
    onnx.save(_one_convolution("pixels", "y", shape.latent_channels), path / "edge.onnx")
    onnx.save(_one_convolution("y_hat", "pixels", 3), path / "cloud.onnx")
    values = np.arange(-REACH, REACH + 1)
    pmfs = [np.append(np.exp(-np.abs(values) / w), 1e-3) for w in np.geomspace(0.2, 4, SCALE_LEVELS)]
    z_tables = quantize_pmf([[1.0] * 13] * 8, [-REACH] * 8, 16, has_escape=True)
    tables = quantize_pmf([p / p.sum() for p in pmfs], [-REACH] * SCALE_LEVELS, 16, has_escape=True)
    first = np.arange(SCALE_LEVELS + 1, dtype=np.int32)
    ImageTables(tables, first, _no_choice(SCALE_LEVELS), None, z_tables).save(path / "entropy.npz")
    return _with_manifest(path, latent_channels=shape.latent_channels, hyper_channels=8, hyper_stride=64)


def _with_manifest(path: Path, **fields: Any) -> Path:
    """The folder, a codec now: its manifest names the files that are in it."""
    weights = tuple(sorted((f.name, hashlib.sha256(f.read_bytes()).hexdigest()) for f in path.iterdir()))
    family = path.name.rsplit("-q", 1)[0]
    manifest = ImageManifest(
        name=path.name, weights=weights, family=family, quality=1, halo_pixels=0, halo_latents=0, **fields
    )
    (path / "manifest.json").write_bytes(manifest.to_bytes())
    return path


def _no_choice(groups: int) -> Prior:
    return Prior(
        quantize_pmf([[1.0]] * groups, np.zeros(groups, np.int64), 16),
        np.arange(groups, dtype=np.int32),
        np.full(groups, -1, np.int32),
    )


def _tables(net: AdaptiveBottleneck, q_tables: CdfTables) -> ImageTables:
    channels = SHAPE.latent_channels
    middle = slice(SHAPE.bins // 2 - REACH, SHAPE.bins // 2 + REACH + 1)
    static = net.static_logits.softmax(1).double().numpy()[:, middle]
    pmfs = np.concatenate([static, 1e-4 + 1 - static.sum(1, keepdims=True)], 1)
    tables = quantize_pmf(list(pmfs), np.full(channels, -REACH), 16, has_escape=True)
    return ImageTables(tables, np.arange(channels + 1, dtype=np.int32), _no_choice(channels), q_tables)


def _one_convolution(source: str, target: str, channels: int) -> onnx.ModelProto:
    rng = np.random.default_rng(1)
    g = GraphBuilder()
    is_edge = source == "pixels"
    shape = (channels, 3, 16, 16) if is_edge else (channels, SHAPE.latent_channels, 1, 1)
    stride = shape[2]
    centred = g.node("Sub", [source, g.constant(np.float32(128 if is_edge else 0))])
    weight = g.constant((rng.normal(size=shape) * 2e-3).astype(np.float32))
    g.node("Conv", [centred, weight], target, kernel_shape=[stride, stride], strides=[stride, stride])
    return g.model(
        source,
        [helper.make_tensor_value_info(source, TensorProto.FLOAT, ["batch", shape[1], "h", "w"])],
        [helper.make_tensor_value_info(target, TensorProto.FLOAT, ["batch", channels, "a", "b"])],
    )
