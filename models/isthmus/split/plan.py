"""What each cut of a network would cost: measured on images, with quantiser and tables calibrated quickly for each.

Latency of a frame is that of one sent over an idle link and answered:

    split       edge half + coding + bits / bandwidth + 2 delay + cloud half
    cloud only  JPEG's bits / bandwidth + 2 delay + whole network in the cloud
    edge only   whole network on the edge

Half of the images calibrate, the other half are measured. Their latents are coded with one table a channel; the
contexts that a codec gets take 5 to 30 % less, most at few bits. Halves are timed on this machine, which stands for
the edge; the cloud is so many times as fast. Where a speed is given, multiply-accumulates are divided by it instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from isthmus.common.bits.context import ContextModel
from isthmus.common.errors import InputError
from isthmus.common.tasks import CLASSIFY
from isthmus.split.calibrate import static_tables
from isthmus.split.cuts import Cut
from isthmus.split.graphs import batch_of, milliseconds
from isthmus.split.network import Network
from isthmus.split.options import PlanOptions
from isthmus.split.pictures import Pictures, jpeg_bits
from isthmus.split.plane_halves import Array, cut_planes, open_ends
from isthmus.split.preprocessing import Preprocessing
from isthmus.split.quantiser import Float32, Quantiser, calibrate_steps
from isthmus.split.several import all_cuts

LEAST_PICTURES = 2
TIMED_FRAMES = 5


@dataclass(frozen=True, slots=True)
class PlannedCut:
    """One cut, measured.

    Attributes:
        cut: where.
        bits: of a frame's latents, coded.
        agreement_percent: with the whole network: top-1 of a classifier, else the mean cosine of its outputs.
        edge_ms, cloud_ms: of a frame.
        latency_ms: of a frame, see the module.
    """

    cut: Cut
    bits: float
    agreement_percent: float
    edge_ms: float
    cloud_ms: float
    latency_ms: float


@dataclass(frozen=True, slots=True)
class Plan:
    """All cuts of a network.

    Attributes:
        network, pictures: names.
        height, width: of the frames.
        calibrated, measured: numbers of images.
        options: what was asked.
        cuts: in the order of the network.
        best: tensor of the cut of least latency among those that agree well enough; empty if none does.
        jpeg_bits, cloud_only_ms, edge_only_ms: of the two ways without a cut.
        macs: of the whole network.
    """

    network: str
    pictures: str
    height: int
    width: int
    calibrated: int
    measured: int
    options: PlanOptions
    cuts: tuple[PlannedCut, ...]
    best: str
    jpeg_bits: float
    cloud_only_ms: float
    edge_only_ms: float
    macs: int

    @property
    def verdict(self) -> str:
        """Whether to cut at all, in words: cut, edge only or cloud only."""
        ways = {"edge only": self.edge_only_ms, "cloud only": self.cloud_only_ms}
        if self.best:
            ways[f"split at {self.best}"] = next(c.latency_ms for c in self.cuts if c.cut.tensor == self.best)
        return min(ways, key=lambda way: ways[way])


def plan_cuts(
    network: Network,
    pictures: Pictures,
    preprocessing: Preprocessing,
    options: PlanOptions,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Plan:
    """Measure every cut of a network of one size (but those that an activation follows).

    Args:
        network: of one size.
        pictures: two or more; resized to that.
        preprocessing: that the network expects.
        options: see there.
        progress: called with the cuts done and their number.

    Raises:
        InputError: too few images, or a network without cuts.
    """
    if len(pictures) < LEAST_PICTURES:
        raise InputError(f"{pictures.name}: expected {LEAST_PICTURES} images or more, got {len(pictures)}")
    cuts = [cut for cut in all_cuts(network) if not cut.is_passed_on]
    frames = [batch_of(frame) for frame in pictures.sized(network.height, network.width).frames]
    calibration, test = frames[::2], frames[1::2]
    halves = cut_planes(network, cuts[0], preprocessing, free=False)
    edge, cloud = open_ends(halves.edge), open_ends(halves.cloud)  # together the whole, and its preprocessing
    answers = [cloud(*edge(x)) for x in test]
    whole_ms = milliseconds(lambda x: cloud(*edge(x)), test[:TIMED_FRAMES])
    macs = cuts[0].edge_macs + cuts[0].cloud_macs
    planned = []
    for done, cut in enumerate(cuts):
        progress(done, len(cuts))
        planned.append(_measure(network, cut, preprocessing, options, calibration, test, answers))
    progress(len(cuts), len(cuts))
    able = [p for p in planned if p.agreement_percent >= options.least_agreement_percent]
    best = min(able, key=lambda p: p.latency_ms).cut.tensor if able else ""
    quality = options.jpeg_quality
    jpeg = float(np.mean([jpeg_bits(f, quality) for f in pictures.sized(network.height, network.width).frames[1::2]]))
    return Plan(
        network.name,
        pictures.name,
        network.height,
        network.width,
        len(calibration),
        len(test),
        options,
        tuple(planned),
        best,
        jpeg,
        options.way_ms(jpeg) + _cloud_ms(options, macs, whole_ms),
        _edge_ms(options, macs, whole_ms),
        macs,
    )


def unquantised(cut: Cut) -> Quantiser:
    """Steps of 1 for all channels of a cut of one tensor."""
    channels = cut.shape[0]
    return Quantiser(np.ones(channels, np.float32), np.zeros(channels, np.float32), 0, 0)


def _measure(
    network: Network,
    cut: Cut,
    preprocessing: Preprocessing,
    options: PlanOptions,
    calibration: Sequence[Float32],
    test: Sequence[Float32],
    answers: Sequence[Sequence[Array]],
) -> PlannedCut:
    halves = cut_planes(network, cut, preprocessing, free=False)
    edge, cloud = open_ends(halves.edge), open_ends(halves.cloud)
    seen = [[y[0] for y in edge(x)] for x in calibration]
    planes = range(len(cut.tensors))
    quantisers = [calibrate_steps([ys[k] for ys in seen], options.bits) for k in planes]
    tables: list[ContextModel] = [static_tables([quantisers[k].quantise(ys[k]) for ys in seen]) for k in planes]
    bits, agreed, coding_s = 0, 0.0, 0.0
    quantised: list[list[Float32]] = []
    for x, answer in zip(test, answers, strict=True):
        symbols = [quantiser.quantise(y[0]) for quantiser, y in zip(quantisers, edge(x), strict=True)]
        began = time.perf_counter()
        bits += 8 * sum(len(tables[k].encode(symbols[k])) for k in planes)
        coding_s += time.perf_counter() - began
        quantised.append([quantisers[k].dequantise(symbols[k])[None] for k in planes])
        agreed += agreement(network, answer, cloud(*quantised[-1]))
    count = len(test)
    coding_ms = 1e3 * coding_s / count
    edge_ms = _edge_ms(options, cut.edge_macs, milliseconds(edge, test[:TIMED_FRAMES]) + coding_ms)
    timed = milliseconds(lambda ys: cloud(*ys), quantised[:TIMED_FRAMES])
    cloud_ms = _cloud_ms(options, cut.cloud_macs, timed + coding_ms)
    latency = edge_ms + options.way_ms(bits / count) + cloud_ms
    return PlannedCut(cut, bits / count, 100 * agreed / count, edge_ms, cloud_ms, latency)


def agreement(network: Network, whole: Sequence[Array], other: Sequence[Array]) -> float:
    """How far answers agree with the whole network's, 0 to 1: of a classifier whether the class is the same, else the
    mean cosine between its outputs of floats; 0 where they are as many as something was found, and not as many."""
    if network.task == CLASSIFY:
        return float(whole[0].argmax() == other[0].argmax())
    pairs = [(a, b) for a, b in zip(whole, other, strict=True) if a.dtype.kind == "f"]
    return float(np.mean([_cosine(a, b) for a, b in pairs])) if pairs else float("nan")


def _cosine(a: Array, b: Array) -> float:
    if a.shape != b.shape:
        return 0.0
    x, y = (v.ravel().astype(np.float64) for v in (a, b))
    norms = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(x @ y) / norms if norms else float(np.array_equal(x, y))


def _edge_ms(options: PlanOptions, macs: int, timed_ms: float) -> float:
    return macs / options.edge_gmacs_per_s / 1e6 if options.edge_gmacs_per_s else timed_ms


def _cloud_ms(options: PlanOptions, macs: int, timed_ms: float) -> float:
    return macs / options.cloud_gmacs_per_s / 1e6 if options.cloud_gmacs_per_s else timed_ms / options.cloud_factor
