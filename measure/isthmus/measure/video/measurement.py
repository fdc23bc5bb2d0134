"""A whole run of the video measure on one set of clips: every way to send them, and what follows from that."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from isthmus.common.errors import InputError
from isthmus.measure.curve import Float64
from isthmus.measure.video.point import (
    ALL_INTRA,
    MOTION,
    UNKNOWN,
    Estimate,
    FrameKind,
    VideoPoint,
    lost_points,
    right_percent,
    saved_percent,
)

LABELS, OWN_ANSWER = "labels", "own answer"


@dataclass(frozen=True, slots=True, eq=False)
class VideoMeasurement:
    """Everything that was measured on one set of clips.

    Attributes:
        data: what the clips are, for people.
        truth: `labels`, or `own answer`: the whole network's, unquantised, on each original frame.
        clip_names: one a clip.
        codec: name of the codec whose settings are swept.
        points: every way to send them.
        whole_right: float64 [clips], frames that the whole network gets right from the original frames.
        whole_ms: median milliseconds of the whole network a frame.
        whole_macs: its multiply-accumulates, mean a frame; nan where unknown.
        notes: what a reader must know.
        videos: names of those clips that are video files, as a user would have them.
    """

    data: str
    truth: str
    clip_names: tuple[str, ...]
    codec: str
    points: tuple[VideoPoint, ...]
    whole_right: Float64
    whole_ms: float
    whole_macs: float = UNKNOWN
    notes: tuple[str, ...] = ()
    videos: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.truth not in (LABELS, OWN_ANSWER):
            raise InputError(f"expected a truth of {LABELS!r} or {OWN_ANSWER!r}, got {self.truth!r}")
        if not self.points or any(len(p.bits) != len(self.clip_names) for p in self.points):
            raise InputError(f"{self.data}: expected points of {len(self.clip_names)} clips each")

    @property
    def frames(self) -> int:
        """Of all clips."""
        return int(self.points[0].frame_counts.sum())

    @property
    def score(self) -> str:
        """What being right is called."""
        return "accuracy" if self.truth == LABELS else "agreement"

    @property
    def whole_percent(self) -> float:
        """How often the whole network is right on original frames."""
        return float(100 * self.whole_right.sum() / self.frames)

    @property
    def families(self) -> tuple[str, ...]:
        """In the order of the points."""
        return tuple(dict.fromkeys(p.family for p in self.points))

    @property
    def default(self) -> VideoPoint:
        """The swept codec's default setting. InputError where it was not measured."""
        return self._one("the default setting", lambda p: p.is_default and p.codec == self.codec)

    @property
    def intra(self) -> VideoPoint:
        """The swept codec with key frames alone. InputError where it was not measured."""
        return self._one(ALL_INTRA, lambda p: p.family == ALL_INTRA and p.codec == self.codec)

    def of_family(self, family: str) -> tuple[VideoPoint, ...]:
        """Its points, by growing rate."""
        return tuple(sorted((p for p in self.points if p.family == family), key=lambda p: p.bits_a_frame))

    def nearest(self, family_start: str, percent: float) -> VideoPoint | None:
        """The cheapest point, among families that begin so, right at least so often; else the one most often right."""
        return nearest([p for p in self.points if p.family.startswith(family_start)], percent)

    def only(self, names: Sequence[str]) -> VideoMeasurement:
        """Some of the clips; times and operations stay those of all. InputError where there are none of these."""
        at = [i for i, name in enumerate(self.clip_names) if name in names]
        return replace(
            self,
            clip_names=tuple(self.clip_names[i] for i in at),
            points=tuple(p.of_clips(at) for p in self.points if at),
            whole_right=self.whole_right[at],
        )

    def summary(self, root: str) -> dict[str, float]:
        """The numbers that documents quote, under keys that begin with `root`; one not measured has no key."""
        default, intra = self.default, self.intra
        word = self.score
        found: dict[str, float] = {
            f"{root}.clips": len(self.clip_names),
            f"{root}.frames": self.frames,
            f"{root}.bits_a_frame": default.bits_a_frame,
            f"{root}.intra_bits_a_frame": intra.bits_a_frame,
            f"{root}.intra_{word}_percent": intra.right_percent,
            f"{root}.same_answer_as_intra_percent": default.same_percent,
            f"{root}.sure_frames_percent": 100 * default.sure_frames.sum() / self.frames,
            f"{root}.sure_{word}_percent": default.sure_percent,
            f"{root}.intra_sure_{word}_percent": intra.sure_percent,
            f"{root}.message_bits_a_frame": default.message_bits,
            f"{root}.nrmse": default.mean_nrmse,
            f"{root}.intra_nrmse": intra.mean_nrmse,
            f"{root}.key_frames_percent": default.share_percent(FrameKind.KEY),
            f"{root}.motion_frames_percent": default.share_percent(FrameKind.MOTION),
            f"{root}.residual_frames_percent": default.share_percent(FrameKind.RESIDUAL),
            f"{root}.edge_ms_intra": intra.times.key,
            f"{root}.edge_ms_key": default.times.key,
            f"{root}.edge_ms_predicted": default.times.predicted,
            f"{root}.edge_ms_mean": default.times.mean,
            f"{root}.edge_time_ratio": default.times.predicted / default.times.key,
            f"{root}.whole_network_ms": self.whole_ms,
            f"{root}.whole_network_macs": self.whole_macs,
            f"{root}.edge_macs": default.edge_macs,
            f"{root}.edge_macs_saved_percent": 100 * (1 - default.edge_macs / intra.edge_macs),
        }
        found |= _with_interval(f"{root}.rate_saved", "percent", saved_percent(default, intra))
        found |= _with_interval(f"{root}.{word}", "percent", right_percent(default))
        found |= _with_interval(f"{root}.{word}_lost", "points", lost_points(default, intra))
        if self.truth == LABELS:
            found[f"{root}.whole_network_accuracy_percent"] = self.whole_percent
        motion = [p for p in self.of_family(MOTION) if p.codec == self.codec]
        if motion:
            best = max(motion, key=lambda p: p.right_percent)
            found[f"{root}.motion_only_{word}_percent"] = best.right_percent
            found[f"{root}.motion_only_rate_saved_percent"] = saved_percent(best, intra).value
        return {key: float(value) for key, value in found.items() if math.isfinite(value)}

    def detail(self) -> dict[str, Any]:
        """As plain containers, for a results file."""
        return {
            "data": self.data,
            "truth": self.truth,
            "clip_names": list(self.clip_names),
            "codec": self.codec,
            "points": [p.to_json() for p in self.points],
            "whole_right": self.whole_right.tolist(),
            "whole_ms": self.whole_ms,
            "whole_macs": self.whole_macs,
            "notes": list(self.notes),
            "videos": list(self.videos),
        }

    @classmethod
    def from_detail(cls, detail: Mapping[str, Any]) -> VideoMeasurement:
        """Back from a results file: so pages and tables can be made again without measuring."""
        try:
            return cls(
                data=str(detail["data"]),
                truth=str(detail["truth"]),
                clip_names=tuple(detail["clip_names"]),
                codec=str(detail["codec"]),
                points=tuple(VideoPoint.from_json(p) for p in detail["points"]),
                whole_right=np.array(detail["whole_right"], np.float64),
                whole_ms=float(detail["whole_ms"]),
                whole_macs=UNKNOWN if detail["whole_macs"] is None else float(detail["whole_macs"]),
                notes=tuple(detail["notes"]),
                videos=tuple(detail["videos"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"expected a video measurement of this version, got {error!r}") from error

    def _one(self, what: str, is_it: Any) -> VideoPoint:
        found = next((p for p in self.points if is_it(p)), None)
        if found is None:
            raise InputError(f"{self.data}: expected {what} of {self.codec} among the points, found none")
        return found


def nearest(points: Sequence[VideoPoint], percent: float) -> VideoPoint | None:
    """The cheapest point right at least so often; else the one most often right; None of no points."""
    enough = [p for p in points if p.right_percent >= percent]
    if enough:
        return min(enough, key=lambda p: p.bits_a_frame)
    return max(points, key=lambda p: p.right_percent, default=None)


def _with_interval(key: str, unit: str, estimate: Estimate) -> dict[str, float]:
    return {
        f"{key}_{unit}": estimate.value,
        f"{key}_low_{unit}": estimate.low,
        f"{key}_high_{unit}": estimate.high,
    }
