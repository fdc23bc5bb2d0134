"""What was measured of one way to send video: bits, answers and times of every clip, and what follows from them.

Everything that is compared is a sum over frames: bits a frame are all bits over all frames. Intervals say what other
clips of this kind might have given: clips are drawn with replacement, the same ones for both points of a comparison
(percentile bootstrap, seeded).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.measure.curve import Float64

ALL_INTRA, MOTION, MOTION_RESIDUAL = "all intra", "motion", "motion + residual"
RESAMPLES, BOOTSTRAP_SEED = 1000, 2026
INTERVAL_PERCENT = 95.0
SURE_PROBABILITY = 0.5  # that the whole network gives its own answer on an original frame
UNKNOWN = float("nan")


class FrameKind(IntEnum):
    """What a frame was sent as."""

    KEY = 0
    """On its own."""
    MOTION = 1
    """Predicted, with nothing but motion."""
    RESIDUAL = 2
    """Predicted, and corrected where that pays."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameTrace:
    """Frames of one clip or of several in a row, as they were sent; arrays are [frames].

    Attributes:
        bits: float64, of each packet or file.
        kind: int64, a `FrameKind`.
        answer: int64, the class that the cloud said.
        is_right: bool, whether that was the truth.
        nrmse: float64, error of the latents that the cloud saw against those of the original frame, over their range.
        edge_ms: float64, on the edge.
        cloud_ms: float64, in the cloud: decoding, and the network's half (or the whole of it).
        network_runs: bool, whether the edge's half of the network ran.
    """

    bits: Float64
    kind: npt.NDArray[np.int64]
    answer: npt.NDArray[np.int64]
    is_right: npt.NDArray[np.bool_]
    nrmse: Float64
    edge_ms: Float64
    cloud_ms: Float64
    network_runs: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        lengths = {len(getattr(self, f.name)) for f in fields(self)}
        if len(lengths) != 1 or 0 in lengths:
            raise InputError(f"expected as many of everything as there are frames, one or more, got {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.bits)


def join_traces(traces: Sequence[FrameTrace]) -> FrameTrace:
    """All frames of some clips, one clip after the other."""
    joined = {f.name: np.concatenate([getattr(t, f.name) for t in traces]) for f in fields(FrameTrace)}
    return FrameTrace(**joined)


@dataclass(frozen=True, slots=True)
class Times:
    """Median milliseconds a frame, one core; nan where there was no such frame.

    Attributes:
        key, motion, residual: on the edge, by what the frame was sent as.
        predicted: of motion and residual frames together.
        mean: of all frames.
        cloud: of all frames, in the cloud.
    """

    key: float
    motion: float
    residual: float
    predicted: float
    mean: float
    cloud: float

    @classmethod
    def of(cls, trace: FrameTrace) -> Times:
        """Of a trace."""
        key, motion, residual = (_median(trace.edge_ms[trace.kind == kind]) for kind in FrameKind)
        predicted = _median(trace.edge_ms[trace.kind != FrameKind.KEY])
        return cls(key, motion, residual, predicted, float(trace.edge_ms.mean()), _median(trace.cloud_ms))


@dataclass(frozen=True, slots=True, eq=False)
class VideoPoint:
    """One way to send video, on all clips; arrays are float64 [clips].

    Attributes:
        family: of the curve that this is a point of.
        setting: what it is in that family.
        codec: name of the latents' codec; empty for an input codec.
        is_default: whether this is how the encoder works when nothing is asked for.
        frame_counts: frames.
        bits: of all packets.
        right: answers that were the truth.
        same_as_intra: answers that were those of all intra with the same codec: what prediction alone changes.
        sure_frames: frames of which the whole network is sure (`SURE_PROBABILITY`).
        sure_right: of these, answers that were the truth.
        keys: frames sent on their own.
        corrected: frames with a residual.
        nrmse: mean over the frames.
        times: a frame.
        edge_macs: multiply-accumulates of the edge's network, mean a frame; nan where unknown.
        message_bits: mean a frame of the messages that carried the packets over a live wire; nan where they did not.
    """

    family: str
    setting: str
    codec: str
    is_default: bool
    frame_counts: Float64
    bits: Float64
    right: Float64
    same_as_intra: Float64
    sure_frames: Float64
    sure_right: Float64
    keys: Float64
    corrected: Float64
    nrmse: Float64
    times: Times
    edge_macs: float = UNKNOWN
    message_bits: float = UNKNOWN

    @classmethod
    def of(
        cls,
        family: str,
        setting: str,
        traces: Sequence[FrameTrace],
        *,
        intra: Sequence[FrameTrace] = (),
        sure: Sequence[npt.NDArray[np.bool_]] = (),
        codec: str = "",
        is_default: bool = False,
        macs_a_run: Sequence[float] = (),
    ) -> VideoPoint:
        """Out of one trace a clip.

        Args:
            family, setting, codec, is_default: as of the point.
            traces: one a clip.
            intra: those of all intra with the same codec; empty for an input codec.
            sure: bool [frames] of each clip, of which frames the whole network is sure; empty for none.
            macs_a_run: the network's on a frame of each clip; empty where unknown.
        """
        marks = sure or [np.zeros(len(t), np.bool_) for t in traces]
        macs = UNKNOWN
        if len(macs_a_run):
            ran = sum(float(t.network_runs.sum()) * m for t, m in zip(traces, macs_a_run, strict=True))
            macs = ran / sum(map(len, traces))
        return cls(
            family=family,
            setting=setting,
            codec=codec,
            is_default=is_default,
            frame_counts=np.array([len(t) for t in traces], np.float64),
            bits=np.array([t.bits.sum() for t in traces]),
            right=np.array([t.is_right.sum() for t in traces], np.float64),
            same_as_intra=np.array(
                [(a.answer == b.answer).sum() for a, b in zip(traces, intra, strict=True)], np.float64
            )
            if intra
            else np.full(len(traces), UNKNOWN),
            sure_frames=np.array([mark.sum() for mark in marks], np.float64),
            sure_right=np.array([t.is_right[mark].sum() for t, mark in zip(traces, marks, strict=True)], np.float64),
            keys=np.array([(t.kind == FrameKind.KEY).sum() for t in traces], np.float64),
            corrected=np.array([(t.kind == FrameKind.RESIDUAL).sum() for t in traces], np.float64),
            nrmse=np.array([t.nrmse.mean() for t in traces]),
            times=Times.of(join_traces(traces)),
            edge_macs=macs,
        )

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.family}, {self.setting}" if self.setting else self.family

    @property
    def bits_a_frame(self) -> float:
        """Mean over all frames."""
        return float(self.bits.sum() / self.frame_counts.sum())

    @property
    def right_percent(self) -> float:
        """Accuracy, or agreement, over all frames."""
        return float(100 * self.right.sum() / self.frame_counts.sum())

    @property
    def same_percent(self) -> float:
        """How often the answer is that of all intra; nan for an input codec."""
        return float(100 * self.same_as_intra.sum() / self.frame_counts.sum())

    @property
    def sure_percent(self) -> float:
        """How often it is right on frames of which the whole network is sure; nan where it never is."""
        return float(100 * self.sure_right.sum() / self.sure_frames.sum()) if self.sure_frames.any() else UNKNOWN

    @property
    def mean_nrmse(self) -> float:
        """Over all frames."""
        return float((self.nrmse * self.frame_counts).sum() / self.frame_counts.sum())

    def share_percent(self, kind: FrameKind) -> float:
        """Of the frames that were sent as this."""
        counts = (self.keys, self.frame_counts - self.keys - self.corrected, self.corrected)
        return float(100 * counts[kind].sum() / self.frame_counts.sum())

    def of_clips(self, indices: Sequence[int]) -> VideoPoint:
        """Some of the clips; times and operations stay those of all."""
        own: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            own[field.name] = value[list(indices)] if isinstance(value, np.ndarray) else value
        return VideoPoint(**own)

    def to_json(self) -> dict[str, Any]:
        """As plain containers, for a results file."""
        found = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "times"}
        plain = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in found.items()}
        return {**plain, "times": {f.name: getattr(self.times, f.name) for f in fields(Times)}}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> VideoPoint:
        """Back from a results file; InputError where a field is missing or of another kind."""
        try:
            own: dict[str, Any] = {
                k: np.array(v, np.float64) if isinstance(v, list) else v for k, v in document.items()
            }
            own["times"] = Times(**{k: UNKNOWN if v is None else float(v) for k, v in document["times"].items()})
            for name in ("edge_macs", "message_bits"):
                own[name] = UNKNOWN if document[name] is None else float(document[name])
            return cls(**own)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"expected a measured point of this version, got {error!r}: measure again") from error


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its interval over draws of clips."""

    value: float
    low: float
    high: float


def saved_percent(test: VideoPoint, anchor: VideoPoint) -> Estimate:
    """How many of the anchor's bits the test does without."""
    return _bootstrap(lambda n: 100 * (1 - (n @ test.bits) / (n @ anchor.bits)), test, anchor)


def lost_points(test: VideoPoint, anchor: VideoPoint) -> Estimate:
    """Percentage points by which the test is right less often."""
    return _bootstrap(lambda n: 100 * (n @ (anchor.right - test.right)) / (n @ test.frame_counts), test, anchor)


def right_percent(test: VideoPoint) -> Estimate:
    """How often it is right."""
    return _bootstrap(lambda n: 100 * (n @ test.right) / (n @ test.frame_counts), test)


def _bootstrap(statistic: Callable[[Float64], Float64], *points: VideoPoint) -> Estimate:
    """`statistic` takes how often each clip was drawn, float64 [draws, clips], and answers [draws]."""
    clips = len(points[0].bits)
    if any(not np.array_equal(p.frame_counts, points[0].frame_counts) for p in points):
        raise InputError(f"expected points of the same clips, got {', '.join(p.name for p in points)} of others")
    value = float(statistic(np.ones((1, clips)))[0])
    draws = np.random.default_rng(BOOTSTRAP_SEED).multinomial(clips, np.full(clips, 1 / clips), RESAMPLES)
    tail = (100 - INTERVAL_PERCENT) / 2
    low, high = np.percentile(statistic(draws.astype(np.float64)), (tail, 100 - tail))
    return Estimate(value, float(low), float(high))


def _median(values: Float64) -> float:
    return float(np.median(values)) if len(values) else math.nan
