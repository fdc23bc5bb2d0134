"""A cut, opened to be measured: its halves, what sees their answers, and the latents that calibrate it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.common.tasks import CLASSIFY
from isthmus.split.components import Float64
from isthmus.split.cuts import Cut
from isthmus.split.graphs import Float32, open_model
from isthmus.split.halves import cut_halves, unquantised
from isthmus.split.network import Network
from isthmus.split.plan_points import Judge, Planes, Points, levelled_points
from isthmus.split.plan_stepped import stepped_points
from isthmus.split.plane_halves import Array, PlaneHalves, cut_planes, open_ends
from isthmus.split.plane_metric import plane_metrics
from isthmus.split.plane_writer import TARGET_SHARE
from isthmus.split.preprocessing import Preprocessing
from isthmus.split.shape_constants import without_shapes
from isthmus.split.soft_answers import Distance, answering_softly, soft_outputs
from isthmus.split.stepped_writer import TARGET_NATS

LEAST_CALIBRATION = 2
TIMED_FRAMES, LEAST_RUNS = 5, 9
METRIC_IMAGES = 16
"""Images that a metric is found on where each cut must be looked at by itself."""
MOST_NUMBERS = 1 << 26
"""Latents of all calibration images together; of more, fewer images calibrate."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A cut, opened.

    Attributes:
        network, preprocessing: of it.
        cut: where.
        edge: float32 [1, 3, H, W] to the tensors of the cut.
        judge: what sees the answers.
        calibration: latents of images.
        soft: halves whose answers change little where latents do.
        distance: of those answers.
    """

    network: Network
    preprocessing: Preprocessing
    cut: Cut
    edge: Callable[..., list[Array]]
    judge: Judge
    calibration: list[Planes]
    soft: PlaneHalves
    distance: Distance

    @classmethod
    def of(cls, network: Network, cut: Cut, preprocessing: Preprocessing, frames: Sequence[Float32]) -> Subject:
        """Opened, with the latents of frames ``[1, 3, H, W]`` that calibrate."""
        fixed = without_shapes(network)
        softly = soft_outputs(fixed, [t.name for t in cut.tensors])
        names = list(dict.fromkeys((*softly, *network.output_names)))
        halves = cut_planes(answering_softly(fixed, names), cut, preprocessing, free=False)
        edge, cloud = open_ends(halves.edge), open_ends(halves.cloud)
        most = max(LEAST_CALIBRATION, MOST_NUMBERS // cut.latents)
        taken = frames if len(frames) <= most else [frames[i * len(frames) // most] for i in range(most)]
        calibration = [[y[0] for y in edge(x)] for x in taken]
        count, places = len(softly), [names.index(name) for name in network.output_names]
        answers = [cloud(*(y[None] for y in planes))[:count] for planes in calibration[:METRIC_IMAGES]]
        distance = Distance.of(network.task, answers)
        judge = Judge(
            cloud,
            lambda whole, other: distance.between(whole[:count], other[:count]),
            lambda whole, other: agreement(network, [whole[k] for k in places], [other[k] for k in places]),
            TARGET_NATS if network.task == CLASSIFY else TARGET_SHARE,
        )
        soft = cut_planes(answering_softly(fixed, softly), cut, preprocessing, free=False)
        return cls(network, preprocessing, cut, edge, judge, calibration, soft, distance)

    def planes(self, frames: Sequence[Float32]) -> Iterator[Planes]:
        """Latents of frames ``[1, 3, H, W]``, one after the other."""
        for x in frames:
            yield [y[0] for y in self.edge(x)]

    def points(self, bits: int, test: Sequence[Float32], known: Mapping[str, Float64], seed: int) -> Points:
        """Of the cut at its qualities.

        Args:
            bits: of a quantiser; 0 for components in a step that frames choose.
            test: frames float32 [1, 3, H, W] that are measured.
            known: how the channels of some tensors matter, float64 [M, M]; what is not known is found out.
            seed: of noise.
        """
        if bits:
            return levelled_points(self.judge, bits, self.calibration, self.planes(test))
        metrics = [known[t.name] for t in self.cut.tensors if t.name in known]
        if len(metrics) < len(self.cut.tensors):
            metrics, _ = plane_metrics(self.soft.cloud, self.calibration[:METRIC_IMAGES], self.distance, seed)
        # Where nothing that the latents do moves the answers, all channels are as good as one another.
        metrics = [m if np.trace(m) > 0 else np.eye(len(m)) for m in metrics]
        return stepped_points(self.judge, metrics, self.calibration, self.planes(test))

    def halves_ms(self, points: Points, test: Sequence[Float32]) -> tuple[float, float]:
        """Milliseconds of a frame float32 [1, 3, H, W] in each half, as a codec would have them."""
        shown = test[:TIMED_FRAMES]
        if len(self.cut.tensors) > 1 or self.network.task != CLASSIFY:
            planes = [self.edge(x) for x in shown]
            return timed(self.edge, shown), timed(lambda ys: self.judge.cloud(*ys), planes)
        quantiser = points.components[0] if points.components else unquantised(self.cut)
        halves = cut_halves(self.network, self.cut, self.preprocessing, quantiser, free=False)
        edge, cloud = open_model(halves.edge), open_model(halves.cloud)
        return timed(edge, shown), timed(cloud, [edge(x) for x in shown])

    def whole_ms(self, test: Sequence[Float32]) -> float:
        """Milliseconds of a frame float32 [1, 3, H, W] in both halves, nothing between them."""
        return timed(lambda x: self.judge.cloud(*self.edge(x)), test)


def timed(run: Callable[[Any], Any], values: Sequence[Any]) -> float:
    """Milliseconds of a value: the median of several runs over a few of them, after one to warm up.

    Of the processor's time for this thread, so that what else runs counts as little as can be: networks run in one.
    """
    values = values[:TIMED_FRAMES]
    run(values[0])
    times = []
    for k in range(LEAST_RUNS):
        began = time.thread_time()
        run(values[k % len(values)])
        times.append(time.thread_time() - began)
    return 1e3 * float(np.median(times))


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
