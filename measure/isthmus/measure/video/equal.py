"""The default setting beside its rivals: equally often right, and over whole curves.

Theory of operation. A *curve* is what one way to send video gives while the one knob is turned that its user would
turn, so that no point of it is chosen by what came of it: the default setting over the codec's qualities, all intra
over the same qualities, motion alone over key intervals, H.264 over constant rate factors, JPEG over qualities.

*At equal answers* both sides are right as often as the default setting is, or, where a rival never is, as often as the
rival is at its best: our side then is read off its own curve. Between two points of a curve's front bits are
interpolated; below its lowest point they are that point's, which is right more often still.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isthmus.measure.curve import BdPoints, Float64, bd_points, bd_rate, or_unknown, pareto_front, rate_at_accuracy
from isthmus.measure.key import slug
from isthmus.measure.video.measurement import VideoMeasurement
from isthmus.measure.video.point import ALL_INTRA, MOTION, MOTION_RESIDUAL, UNKNOWN, VideoPoint

H264 = "H.264"
H264_MEDIUM = "H.264 medium"
BROADCAST_CRF = 23
"""x264's own default."""
NEAR_POINTS = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Points of one curve.

    Attributes:
        name: for people.
        points: by growing rate.
    """

    name: str
    points: tuple[VideoPoint, ...]

    @property
    def answers(self) -> Float64:
        """Float64 [points, 2] of (bits a frame, percent right)."""
        return np.array([(p.bits_a_frame, p.right_percent) for p in self.points]).reshape(-1, 2)

    @property
    def closeness(self) -> Float64:
        """Float64 [points, 2] of (bits a frame, less the NRMSE of the latents)."""
        return np.array([(p.bits_a_frame, -p.mean_nrmse) for p in self.points]).reshape(-1, 2)

    @property
    def best_percent(self) -> float:
        """How often it is right at its best."""
        return max(p.right_percent for p in self.points)

    def bits_at(self, percent: float) -> float:
        """Bits a frame at which it is right so often; nan above its best, or where it is a single point."""
        if len(self.points) < 2:
            return UNKNOWN
        front = pareto_front(self.answers, self.name)
        if percent <= front[0, 1]:
            return float(front[0, 0])
        return rate_at_accuracy(front, percent)


@dataclass(frozen=True, slots=True)
class AtEqual:
    """The default setting and a rival, right in the same `percent` of the frames: bits a frame of both."""

    percent: float
    our_bits: float
    bits: float

    @property
    def saved_percent(self) -> float:
        """How many of the rival's bits we do without; negative: it needs fewer."""
        return 100 * (1 - self.our_bits / self.bits)


@dataclass(frozen=True, slots=True)
class OverCurve:
    """A BD-rate of the default setting over a rival's curve, nan where they share nothing, and what it rests on."""

    percent: float
    points: BdPoints


def our_line(measurement: VideoMeasurement) -> Line:
    """The default setting over the qualities."""
    points = [p for p in measurement.of_family(MOTION_RESIDUAL) if p.is_default]
    return Line(f"{MOTION_RESIDUAL}, default, every quality", tuple(points))


def rival_lines(measurement: VideoMeasurement) -> tuple[Line, ...]:
    """All intra, motion alone, and every input codec."""
    found = []
    for family in measurement.families:
        if family == MOTION_RESIDUAL:
            continue
        points = measurement.of_family(family)
        if family == MOTION:
            points = tuple(p for p in points if p.codec == measurement.codec)
        found.append(Line(f"{family}, every quality" if family == ALL_INTRA else family, points))
    return tuple(found)


def at_equal(measurement: VideoMeasurement, rivals: Sequence[Line]) -> AtEqual:
    """The default setting beside whichever of some rivals needs the fewest bits to be right as often."""
    default, ours = measurement.default, our_line(measurement)
    lines = [line for line in rivals if len(line.points) > 1]
    if not lines:
        return AtEqual(default.right_percent, default.bits_a_frame, UNKNOWN)
    percent = min(default.right_percent, max(line.best_percent for line in lines))
    bits = [b for line in lines if math.isfinite(b := line.bits_at(percent))]
    our_bits = default.bits_a_frame if percent == default.right_percent else ours.bits_at(percent)
    return AtEqual(percent, our_bits, min(bits))


def over_answers(measurement: VideoMeasurement, rival: Line) -> OverCurve:
    """BD-rate at equal accuracy or agreement."""
    return _over(rival.answers, our_line(measurement).answers)


def over_closeness(measurement: VideoMeasurement, rival: Line) -> OverCurve:
    """BD-rate at equal NRMSE of the latents that the cloud sees."""
    return _over(rival.closeness, our_line(measurement).closeness)


def equal_summary(measurement: VideoMeasurement, root: str) -> dict[str, float]:
    """Keys of what is saved; of H.264 as such those over whichever of its curves is the hardest to beat."""
    word = measurement.score
    lines = {_word(line): line for line in rival_lines(measurement)}
    h264 = {name: line for name, line in lines.items() if name.startswith(slug("h264"))}
    default = measurement.default
    found: dict[str, float] = {
        f"{root}.settings": len(measurement.points),
        f"{root}.settings_within_a_point": sum(
            abs(p.right_percent - default.right_percent) <= NEAR_POINTS for p in measurement.points
        ),
    }
    equal = {name: at_equal(measurement, (line,)) for name, line in lines.items()}
    answers = {name: over_answers(measurement, line).percent for name, line in lines.items()}
    closeness = {name: over_closeness(measurement, line).percent for name, line in lines.items()}
    if h264:
        equal["h264"] = at_equal(measurement, tuple(h264.values()))
        for curves in (answers, closeness):
            curves["h264"] = max((curves[name] for name in h264 if math.isfinite(curves[name])), default=UNKNOWN)
        found[f"{root}.h264_best_{word}_percent"] = max(line.best_percent for line in h264.values())
        found[f"{root}.clips_where_h264_is_cheaper"] = sum(
            p is not None and p.bits[i] < default.bits[i] for i, p in enumerate(h264_a_clip(measurement))
        )
    found |= _ratio_to_h264(measurement, root)
    for name, both in equal.items():
        found[f"{root}.rate_saved_at_equal_{word}_over_{name}_percent"] = both.saved_percent
        found[f"{root}.{name}_bits_at_equal_{word}"] = both.bits
        found[f"{root}.equal_{word}_with_{name}_percent"] = both.percent
        found[f"{root}.bd_rate_{word}_over_{name}_percent"] = answers[name]
        found[f"{root}.bd_rate_nrmse_over_{name}_percent"] = closeness[name]
    return found


def _ratio_to_h264(measurement: VideoMeasurement, root: str) -> dict[str, float]:
    """How many times our bits H.264 takes where both are right as often: at each of its settings from `BROADCAST_CRF`
    down to finer ones, the least of them, and at that setting; we are read off our own curve. Nothing where it was not
    swept there, or where one of its settings is right more often than we at our best."""
    ours = our_line(measurement)
    ratios = {
        point.setting: point.bits_a_frame / ours.bits_at(point.right_percent)
        for point in measurement.of_family(H264_MEDIUM)
        if int(point.setting.removeprefix("CRF ")) <= BROADCAST_CRF
    }
    broadcast = ratios.get(f"CRF {BROADCAST_CRF}", UNKNOWN)
    least = min(ratios.values(), default=UNKNOWN) if all(map(math.isfinite, ratios.values())) else UNKNOWN
    return {f"{root}.ratio_to_h264": least, f"{root}.ratio_to_h264_at_crf_{BROADCAST_CRF}": broadcast}


def h264_a_clip(measurement: VideoMeasurement) -> tuple[VideoPoint | None, ...]:
    """Of each clip the cheapest setting of H.264 that is right there as often as the default; None where none is.

    It is chosen clip by clip, with what came of it in hand: more than a sender could do, and so in H.264's favour.
    """
    default = measurement.default
    points = [p for p in measurement.points if p.family.startswith(H264)]
    found: list[VideoPoint | None] = []
    for i in range(len(measurement.clip_names)):
        enough = [p for p in points if p.right[i] >= default.right[i]]
        found.append(min(enough, key=lambda p: float(p.bits[i]), default=None))
    return tuple(found)


def _over(anchor: Float64, test: Float64) -> OverCurve:
    return OverCurve(or_unknown(bd_rate, anchor, test), bd_points(anchor, test))


def _word(line: Line) -> str:
    """A curve as part of a key: ``H.264 veryfast`` is ``h264_veryfast``."""
    return slug(line.points[0].family.replace("H.26", "h26"))
