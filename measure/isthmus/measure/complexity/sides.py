"""The parts of every side of a comparison, their graphs written: thesis, components, hyperpriors.

Weights are random, as no figure here depends on them. ``h_s,q`` is in the exact integers that both sides of a codec
need; so is our hyperprior's ``h_s``, while the published one is in floats. Needs torch (extra `train`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch

from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.errors import InputError
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.edge.image.side_analysis import SIDE_ANALYSIS_FILE
from isthmus.measure.complexity import hyperprior_2018
from isthmus.measure.complexity.hyperprior_2018 import HyperWidths
from isthmus.measure.complexity.stages import SEED, Stage, Work
from isthmus.models.image import adaptive_graph, hyperprior_graph
from isthmus.models.image.adaptive import AdaptiveBottleneck, AdaptiveShape, mac_per_pixel
from isthmus.models.image.hyperprior import HYPER_STRIDE, HYPER_TOP, Hyperprior, HyperShape, macs_per_pixel
from isthmus.models.image.transforms import STRIDE
from isthmus.runtime.engine import open_graph
from isthmus.runtime.integer_half import LOGITS_FILE
from isthmus.training.origin import HISTORY_FILE

THESIS, COMPONENTS, HYPERPRIOR = "thesis", "components", "hyperprior"
HISTOGRAM, NUMPY_HISTOGRAM, ANALYSIS, SYNTHESIS, TABLES = "histogram", "numpy_histogram", "h_a", "h_s", "tables"
PARTS = (HISTOGRAM, ANALYSIS, SYNTHESIS)
"""What the published claim compares."""
SIDE_SPREAD = 4.0
"""Of the q and z that integer networks are calibrated on."""
RECORDED_PIXELS = 512 * 768
"""Of the image that a codec's record counts multiplications a pixel of."""


@dataclass(frozen=True, slots=True)
class SideMaker:
    """Writes graphs into a folder and says what runs them.

    Attributes:
        folder: that they are written to.
        height, width: of the image in pixels, multiples of 64.
    """

    folder: Path
    height: int
    width: int

    def thesis(self, contest: str, shape: AdaptiveShape) -> tuple[Stage, ...]:
        """Histogram, ``h_a,q`` and ``h_s,q``, and the histogram as NumPy counts it."""
        torch.manual_seed(SEED)
        flat = torch.full((shape.latent_channels, shape.bins), 1 / shape.bins)
        net = AdaptiveBottleneck(shape, flat).eval()
        q = torch.round(SIDE_SPREAD * torch.randn(32, shape.side_channels, shape.side_bins))
        integers = adaptive_graph.quantize_bins(net, q)
        h_a = self._written(f"{contest}-h_a_q", adaptive_graph.analysis_graph(net, integers.side_top))
        h_s = self._written(f"{contest}-h_s_q", adaptive_graph.synthesis_graph(integers))
        macs = mac_per_pixel(shape, self.height, self.width)
        histograms = (1, shape.latent_channels, shape.bins)
        sides = (1, shape.side_channels, shape.side_bins)
        return (
            *self._histograms(contest, THESIS, shape.latent_channels, shape.bins),
            Stage(contest, THESIS, ANALYSIS, macs["h_a_q"], Work.GRAPH, histograms, h_a),
            Stage(contest, THESIS, SYNTHESIS, macs["h_s_q"], Work.GRAPH, sides, h_s),
        )

    def tables(self, contest: str, side: str, codec: Path, bins: int) -> Stage:
        """Integer tables of logits, with the values that a codec's static tables have."""
        shape = (_manifest(codec).latent_channels, bins)
        return Stage(contest, side, TABLES, 0.0, Work.TABLES, shape, str(codec / ENTROPY_FILE))

    def components(self, contest: str, codec: Path) -> tuple[Stage, ...]:
        """Those of a finished codec, as it ships. InputError where it synthesizes no tables."""
        manifest = _manifest(codec)
        if not manifest.bins:
            raise InputError(f"{codec.name}: expected a codec that synthesizes tables, got one without bins")
        notes = json.loads((codec / HISTORY_FILE).read_text(encoding="utf-8"))
        half = notes["macs_per_pixel"]["synthesized"] / 2 * RECORDED_PIXELS / (self.height * self.width)
        h_a, h_s = codec / SIDE_ANALYSIS_FILE, codec / LOGITS_FILE
        histograms = (1, manifest.latent_channels, manifest.bins)
        channels, columns = np.array(open_graph(h_a).ends[1][2][1:], np.int64).tolist()
        return (
            *self._histograms(contest, COMPONENTS, manifest.latent_channels, manifest.bins)[:1],
            Stage(contest, COMPONENTS, ANALYSIS, half, Work.GRAPH, histograms, str(h_a)),
            Stage(contest, COMPONENTS, SYNTHESIS, half, Work.GRAPH, (1, channels, columns), str(h_s)),
            self.tables(contest, COMPONENTS, codec, manifest.bins),
        )

    def hyperprior_2018(self, contest: str, widths: HyperWidths) -> tuple[Stage, ...]:
        """``h_a`` and ``h_s`` of bmshj2018-hyperprior, in floats."""
        rng = np.random.default_rng(SEED)
        h_a = self._written(f"{contest}-h_a", hyperprior_2018.analysis_graph(widths, rng))
        h_s = self._written(f"{contest}-h_s", hyperprior_2018.synthesis_graph(widths, rng))
        macs = (widths.macs_per_pixel(),) * 2
        return self._hyperprior(contest, macs, (h_a, h_s), widths.latent_channels, widths.hidden_channels)

    def our_hyperprior(self, contest: str, latent_channels: int) -> tuple[Stage, ...]:
        """Those of `models.image.hyperprior`, ``h_s`` in exact integers."""
        torch.manual_seed(SEED)
        model = Hyperprior(HyperShape(latent_channels)).eval()
        z = torch.round(SIDE_SPREAD * torch.randn(8, model.shape.hyper_channels, 8, 12)).clamp(-HYPER_TOP, HYPER_TOP)
        layers = hyperprior_graph.quantize_synthesis(model.h_s, z)
        h_a = self._written(f"{contest}-h_a", hyperprior_graph.analysis_graph(model.h_a))
        first = np.zeros(latent_channels, np.int32)
        h_s = self._written(f"{contest}-h_s", hyperprior_graph.synthesis_graph(layers, first))
        return self._hyperprior(contest, macs_per_pixel(model), (h_a, h_s), latent_channels, model.shape.hyper_channels)

    def _hyperprior(
        self, contest: str, macs: tuple[float, float], graphs: tuple[str, str], latent: int, hyper: int
    ) -> tuple[Stage, ...]:
        places = (1, hyper, self.height // HYPER_STRIDE, self.width // HYPER_STRIDE)
        return (
            Stage(contest, HYPERPRIOR, ANALYSIS, macs[0], Work.GRAPH, (1, *self._latents(latent)), graphs[0]),
            Stage(contest, HYPERPRIOR, SYNTHESIS, macs[1], Work.GRAPH, places, graphs[1]),
        )

    def _histograms(self, contest: str, side: str, channels: int, bins: int) -> tuple[Stage, Stage]:
        """That in C, and that in NumPy."""
        shape = self._latents(channels)
        return (
            Stage(contest, side, HISTOGRAM, 0.0, Work.HISTOGRAM, shape, bins=bins),
            Stage(contest, side, NUMPY_HISTOGRAM, 0.0, Work.NUMPY_HISTOGRAM, shape, bins=bins),
        )

    def _latents(self, channels: int) -> tuple[int, int, int]:
        return channels, self.height // STRIDE, self.width // STRIDE

    def _written(self, name: str, graph: onnx.ModelProto) -> str:
        path = self.folder / f"{name}.onnx"
        onnx.save(graph, path)
        return str(path)


def _manifest(codec: Path) -> ImageManifest:
    return load_codec_folder(codec, kind=ImageManifest).manifest
