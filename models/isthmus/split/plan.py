"""What each cut of a network would cost: measured on images, each as the codec that `isthmus split` would make of it.

Every second image calibrates, the others are measured. All cuts are compared where the answers move equally far: by as
much as a codec's own step moves them (`TARGET_NATS` for a classifier), its bits read off its three qualities. So are
files of images, sent to a cloud that has the whole network. Latency is that of a frame sent over an idle link:

    split       edge half + coding + bits / bandwidth + 2 delay + decoding + cloud half
    cloud only  writing a file + its bits / bandwidth + 2 delay + reading it + whole network in the cloud
    edge only   whole network on the edge

All times are the processor's, for one thread of this machine, and scaled: by `--edge-factor` and `--cloud-factor`, or
so that the whole network runs at the speed that was said. Cuts that come later than another and have over twice its
latents are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from isthmus.common.errors import InputError
from isthmus.common.side_by_side import side_by_side
from isthmus.split.components import Float64
from isthmus.split.cut_metrics import metrics_of_tensors
from isthmus.split.cuts import Cut
from isthmus.split.graphs import Float32, batch_of
from isthmus.split.network import Network
from isthmus.split.options import PlanOptions
from isthmus.split.pictures import Pictures
from isthmus.split.plan_files import FORMATS, FilePoints, file_points
from isthmus.split.plan_points import PlanPoint, bits_at
from isthmus.split.plan_stepped import OWN
from isthmus.split.plan_subject import Subject
from isthmus.split.preprocessing import Preprocessing
from isthmus.split.several import all_cuts
from isthmus.split.ways import Link, Way, fastest

Track = Callable[[str, int], Callable[[int], None]]
"""Begins a task of a title and so many steps; answers what to call with the steps done since."""
LEAST_PICTURES = 2
LARGER = 2
"""A cut with over so many times the latents of one that comes before it is passed over."""


@dataclass(frozen=True, slots=True)
class PlannedCut:
    """One cut, measured.

    Attributes:
        cut: where.
        points: at each quality, coarsest first.
        bits: of a frame from which answers move as far as is allowed; nan where they move further at all qualities.
        edge_ms, cloud_ms: of a frame, coding included, as fast as edge and cloud are.
        latency_ms: of a frame over the link that was asked for; nan as bits.
    """

    cut: Cut
    points: tuple[PlanPoint, ...]
    bits: float
    edge_ms: float
    cloud_ms: float
    latency_ms: float

    @property
    def way(self) -> Way:
        """The cut as a way of a frame."""
        return Way(f"split at {self.cut.tensor}", self.edge_ms, self.bits, self.cloud_ms)


@dataclass(frozen=True, slots=True)
class Plan:
    """All cuts of a network.

    Attributes:
        network, pictures: names.
        task: of the network.
        height, width: of the frames.
        calibrated, measured: numbers of images.
        options: what was asked.
        target: by how far answers may move: nats of a classifier, else a share of their variance.
        cuts: in the order of the network.
        passed_over: tensors of cuts that are not measured: later than another, and larger.
        files: of the formats of images.
        others: the ways without a cut: cloud only with each format that is good enough, edge only.
        whole_ms: of the whole network on this machine.
        macs: of the whole network.
    """

    network: str
    pictures: str
    task: str
    height: int
    width: int
    calibrated: int
    measured: int
    options: PlanOptions
    target: float
    cuts: tuple[PlannedCut, ...]
    passed_over: tuple[str, ...]
    files: tuple[FilePoints, ...]
    others: tuple[Way, ...]
    whole_ms: float
    macs: int

    @property
    def link(self) -> Link:
        """That was asked for."""
        return Link(self.options.bandwidth_mbit_per_s, self.options.delay_ms)

    @property
    def able(self) -> tuple[PlannedCut, ...]:
        """Cuts whose answers are good enough."""
        return tuple(p for p in self.cuts if np.isfinite(p.bits))

    def own(self, planned: PlannedCut) -> PlanPoint:
        """The quality that a codec of a cut would have unasked."""
        return next(p for p in planned.points if p.quality == (self.options.bits or OWN))

    @property
    def best(self) -> str:
        """Tensor of the able cut of least latency; empty if none is able."""
        return min(self.able, key=lambda p: p.latency_ms).cut.tensor if self.able else ""

    @property
    def ways(self) -> tuple[Way, ...]:
        """All that are good enough; those without a cut first."""
        return (*self.others, *(p.way for p in self.able))

    @property
    def verdict(self) -> str:
        """The way of least latency over the link that was asked for: cut, edge only or cloud only."""
        return fastest(self.ways, self.link).name


def plan_cuts(
    network: Network,
    pictures: Pictures,
    preprocessing: Preprocessing,
    options: PlanOptions,
    track: Track = lambda _title, _total: lambda _done: None,
    seed: int = 0,
    workers: int = 1,
) -> Plan:
    """Measure the cuts of a network of one size (but those that an activation follows).

    Args:
        network: of one size.
        pictures: two or more; resized to that.
        preprocessing: that the network expects.
        options: see there.
        track: told what is being done.
        seed: of what is drawn.
        workers: cuts that are measured side by side. What is found does not depend on it, but for the times.

    Raises:
        InputError: too few images, or a network without cuts.
    """
    if len(pictures) < LEAST_PICTURES:
        raise InputError(f"{pictures.name}: expected {LEAST_PICTURES} images or more, got {len(pictures)}")
    cuts, passed_over = _worth_measuring([cut for cut in all_cuts(network) if not cut.is_passed_on])
    shown = pictures.sized(network.height, network.width).frames
    frames = [batch_of(frame) for frame in shown]
    calibration, test = frames[::2], frames[1::2]
    tensors = dict.fromkeys(t.name for cut in cuts for t in cut.tensors)
    metrics: Mapping[str, Float64] = {}
    if not options.bits:
        looked = track("what matters to the answers", len(calibration))
        metrics = metrics_of_tensors(network, tensors, calibration, preprocessing, seed, looked)
    macs = cuts[0].edge_macs + cuts[0].cloud_macs
    first = Subject.of(network, cuts[0], preprocessing, calibration)
    times = _Times(options, macs, first.whole_ms(test))
    originals = [first.judge.cloud(*first.edge(x)) for x in test]

    def answered(index: int, x: Float32) -> tuple[float, float]:
        other = first.judge.cloud(*first.edge(x))
        return first.judge.distance(originals[index], other), first.judge.agrees(originals[index], other)

    files = file_points(shown[1::2], answered, first.judge.target, track("image files", len(FORMATS)))

    def measured(cut: Cut) -> PlannedCut:
        subject = Subject.of(network, cut, preprocessing, calibration)
        return _measured(subject, options, test, metrics, times, seed)

    planned = side_by_side(measured, cuts, workers, track("cuts", len(cuts)))
    others = [
        Way(
            f"cloud only ({f.format})",
            times.edge_factor * f.encode_ms,
            f.bits,
            times.cloud(f.decode_ms + times.whole_ms),
        )
        for f in files
        if np.isfinite(f.bits)
    ]
    return Plan(
        network.name,
        pictures.name,
        network.task,
        network.height,
        network.width,
        len(calibration),
        len(test),
        options,
        first.judge.target,
        tuple(planned),
        passed_over,
        files,
        (*others, Way("edge only", times.edge(times.whole_ms), 0, 0)),
        times.whole_ms,
        macs,
    )


def _worth_measuring(cuts: Sequence[Cut]) -> tuple[list[Cut], tuple[str, ...]]:
    """(those that are measured, tensors of those that are not)."""
    kept: list[Cut] = []
    over: list[str] = []
    for cut in cuts:
        is_larger = any(cut.latents > LARGER * k.latents and len(k.tensors) == 1 for k in kept)
        if len(cut.tensors) == 1 and is_larger:
            over.append(cut.tensor)
        else:
            kept.append(cut)
    return kept, tuple(over)


@dataclass(frozen=True, slots=True)
class _Times:
    """Milliseconds of this machine as those of edge and cloud."""

    options: PlanOptions
    macs: int
    whole_ms: float

    @property
    def edge_factor(self) -> float:
        speed = self.options.edge_gmacs_per_s
        return self.macs / speed / 1e6 / self.whole_ms if speed else self.options.edge_factor

    def edge(self, here_ms: float) -> float:
        return here_ms * self.edge_factor

    def cloud(self, here_ms: float) -> float:
        speed = self.options.cloud_gmacs_per_s
        return here_ms * (self.macs / speed / 1e6 / self.whole_ms) if speed else here_ms / self.options.cloud_factor


def _measured(
    subject: Subject,
    options: PlanOptions,
    test: Sequence[Float32],
    metrics: Mapping[str, Float64],
    times: _Times,
    seed: int,
) -> PlannedCut:
    points = subject.points(options.bits, test, metrics, seed)
    edge_ms, cloud_ms = subject.halves_ms(points, test)
    edge_ms, cloud_ms = times.edge(edge_ms + points.coding_ms), times.cloud(cloud_ms + points.coding_ms)
    bits = bits_at(points.points, subject.judge.target)
    link = Link(options.bandwidth_mbit_per_s, options.delay_ms)
    latency_ms = Way("", edge_ms, bits, cloud_ms).latency_ms(link)
    return PlannedCut(subject.cut, points.points, bits, edge_ms, cloud_ms, latency_ms)
