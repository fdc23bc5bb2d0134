"""The edge half of a network that was cut, in floats and in integers: its time, and what its integers cost the answers.

Both codecs are made here, from the same images, so that nothing but the integers is between them. Times are of one
thread, in the processor's time. How answers are compared is `isthmus.measure.stills`.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from isthmus.common.manifest.folder import EDGE_FILE
from isthmus.common.results import Provenance, Results, gather_summary, write_results
from isthmus.common.side_by_side import usual_workers
from isthmus.common.video.fine import fine_latents
from isthmus.common.video.step import DEFAULT_STEP
from isthmus.data.image.labelled import load_labelled_images
from isthmus.measure.edge_half.options import EdgeHalfSettings
from isthmus.measure.edge_half.timing import HalfTimes, half_times, whole_graph
from isthmus.measure.split.edge_encoder import EDGE_ENCODER
from isthmus.measure.stills.halves import Halves
from isthmus.measure.stills.loss import loss_factor
from isthmus.measure.stills.measurement import QUOTED_POINTS, StillCurve
from isthmus.measure.stills.run import point_at
from isthmus.measure.table import Table, number
from isthmus.measure.track import Track
from isthmus.runtime.frame_size import resized
from isthmus.split.answers import log_probabilities
from isthmus.split.codec_folder import SplitOptions
from isthmus.split.graphs import batch_of, open_model
from isthmus.split.halves import cut_halves, unquantised
from isthmus.split.network import load_network
from isthmus.split.options import PlanOptions
from isthmus.split.pictures import load_pictures
from isthmus.split.plan import plan_cuts
from isthmus.split.preprocessing import Preprocessing
from isthmus.split.several import find_cut
from isthmus.split.stepped_writer import write_stepped_codec

NAME = "split_edge"
OFFSETS = (-8, -4, 0, 4, 8)
PLAN_IMAGES, TIMED_IMAGES = 128, 16
MINUTE = 60
KINDS = ("float", "int8")


@dataclass(frozen=True, slots=True, eq=False)
class EdgeHalves:
    """What was measured.

    Attributes:
        times: of halves.
        macs_share: of the multiply-accumulates, on the edge.
        curves: of the codec in floats and of that in integers.
        factor: of the law of `stills.loss`, fitted on both.
        top1_whole_percent, images: of the labelled images.
        cut_minutes: of one core, in the processor's time.
        plan_minutes: by the clock, of as many cores as `isthmus split --plan` takes here; 0 where it was not asked for.
        plan_workers: how many those are.
    """

    times: HalfTimes
    macs_share: float
    curves: tuple[StillCurve, ...]
    factor: float
    top1_whole_percent: float
    images: int
    cut_minutes: float
    plan_minutes: float
    plan_workers: int

    def summary(self) -> dict[str, float]:
        """The numbers that may be quoted."""
        found = self.times.summary(self.macs_share)
        found |= {"split.lite0.cut_minutes": self.cut_minutes}
        if self.plan_minutes:
            found |= {"split.lite0.plan_minutes": self.plan_minutes, "split.lite0.plan_workers": self.plan_workers}
        for curve in self.curves:
            root = f"split.lite0.{curve.name}"
            own = next(p for p in curve.points if p.setting == curve.own).to_json()
            found |= {f"{root}.{name}": own[name] for name in ("kbit", "nats", "top1_percent", "agreement_percent")}
            kbit, error = curve.kbit_at(QUOTED_POINTS, self.factor)
            found |= {f"{root}.kbit_at_1_point": kbit, f"{root}.kbit_at_1_point_se": error}
        return {name: value for name, value in found.items() if np.isfinite(value)}


def measure_edge_half(settings: EdgeHalfSettings, track: Track) -> EdgeHalves:
    """Make both codecs and measure them. InputError for a network that cannot be cut so, or images of other labels."""
    network = load_network(settings.model)
    cut = find_cut(network, settings.at)
    preprocessing = Preprocessing((settings.mean,) * 3, (settings.std,) * 3)
    pictures = load_pictures(settings.photos, settings.count)
    plain = cut_halves(network, cut, preprocessing, unquantised(cut), free=False)
    labelled = load_labelled_images(settings.images)
    with tempfile.TemporaryDirectory(prefix="isthmus-edge-half-") as aside:
        folders = [Path(aside) / f"video-{kind}" for kind in KINDS]
        advance = track("cut", len(KINDS))
        minutes = []
        for folder, kind in zip(folders, KINDS, strict=True):
            began = time.process_time()
            options = SplitOptions(settings.at, preprocessing=preprocessing, int8=kind == "int8")
            write_stepped_codec(network, pictures, options, folder, EDGE_ENCODER)
            minutes.append((time.process_time() - began) / MINUTE)
            advance(1)
        opened = [Halves(folder) for folder in folders]
        edges = [onnx.load(folder / EDGE_FILE) for folder in folders]
    timed = [batch_of(frame) for frame in pictures.sized(network.height, network.width).frames[:TIMED_IMAGES]]
    manifest, coder = opened[0].manifest, opened[0].coder
    times = half_times(
        whole_graph(network, preprocessing),
        plain,
        edges,
        lambda y: coder.encode_latents(fine_latents(manifest, y), 0, DEFAULT_STEP),
        timed,
        settings.rounds,
        track("times", settings.rounds),
    )
    labels = np.asarray(labelled.labels, np.int64)
    frames = [resized(labelled.pixels(i), network.height, network.width) for i in range(len(labelled))]
    run = open_model(whole_graph(network, preprocessing))
    whole = log_probabilities(np.concatenate([run(batch_of(frame)) for frame in frames]))
    curves = []
    for halves, kind in zip(opened, KINDS, strict=True):
        advance = track(kind, len(frames) * len(OFFSETS))
        units = [halves.latents(frame) for frame in frames]
        points = tuple(point_at(halves, units, DEFAULT_STEP - off, whole, labels, advance) for off in sorted(OFFSETS))
        curves.append(StillCurve(kind, points, DEFAULT_STEP))
    top1 = 100 * float((whole.argmax(1) == labels).mean())
    every = [p for curve in curves for p in curve.points]
    factor = loss_factor([float(p.nats.mean()) for p in every], [top1 - 100 * float(p.is_right.mean()) for p in every])
    share = cut.edge_macs / (cut.edge_macs + cut.cloud_macs)
    planned, workers = 0.0, usual_workers()
    if settings.plan:
        began = time.perf_counter()
        shown = load_pictures(settings.photos, PLAN_IMAGES)
        plan_cuts(network, shown, preprocessing, PlanOptions(), track, workers=workers)
        planned = (time.perf_counter() - began) / MINUTE
    return EdgeHalves(times, share, tuple(curves), factor, top1, len(frames), minutes[0], planned, workers)


def write_edge_half(measured: EdgeHalves, settings: EdgeHalfSettings, command: str, folder: Path) -> Path:
    """Write `split_edge.json`, the summary gathered; answers its path."""
    data = f"{settings.photos.stem} calibrates, {settings.images.stem} is measured"
    chosen = "Steps, components, tables and scales of integers: on the calibration images. The factor of the smoothed "
    chosen += "loss was fitted on the points measured."
    provenance = Provenance.of(command, data, 0, ("numpy", "onnx", "onnxruntime", "torch"), chosen=chosen)
    detail = {
        "curves": {c.name: [p.to_json() for p in c.points] for c in measured.curves},
        "loss_factor": measured.factor,
        "top1_whole_percent": measured.top1_whole_percent,
        "images": measured.images,
        "rounds": measured.times.rounds,
        "plain_edge_ms": measured.times.plain,
        "plain_cloud_ms": measured.times.cloud,
    }
    written = write_results(folder, Results(NAME, provenance, measured.summary(), detail))
    gather_summary(folder)
    return written


def edge_half_tables(measured: EdgeHalves) -> tuple[Table, ...]:
    """Times, and answers."""
    t = measured.times
    names = ("whole network", "edge half, nothing behind it", "cloud half", "edge half", "edge half, int8", "coding")
    values = (t.whole, t.plain, t.cloud, t.floats, t.integers, t.coding)
    rows = tuple((name, number(value, 3)) for name, value in zip(names, values, strict=True))
    ratios = tuple(
        (name.removeprefix("split.lite0."), number(v, 3)) for name, v in t.summary(measured.macs_share).items()
    )
    points = [
        (f"{curve.name} {point.setting:g}", *(number(point.to_json()[c], 3) for c in ("kbit", "nats", "top1_percent")))
        for curve in measured.curves
        for point in curve.points
    ]
    return (
        Table("milliseconds of a frame, one thread", ("", "ms"), rows),
        Table("shares and ratios", ("", ""), ratios),
        Table(f"{measured.images} labelled images", ("codec, step", "kbit", "nats", "top-1 %"), tuple(points)),
    )
