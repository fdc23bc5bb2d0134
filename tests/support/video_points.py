"""A small made-up video measurement, for tests of what is made of one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from isthmus.measure.video.measurement import LABELS, VideoMeasurement
from isthmus.measure.video.point import ALL_INTRA, MOTION, MOTION_RESIDUAL, FrameKind, FrameTrace, VideoPoint

CLIPS, FRAMES = 6, 10


def trace(bits: float, right: int, kinds: tuple[FrameKind, ...], edge_ms: float = 2.0) -> FrameTrace:
    """Frames of equal bits, the first `right` of them answered rightly."""
    n = len(kinds)
    return FrameTrace(
        bits=np.full(n, bits),
        kind=np.array(kinds, np.int64),
        answer=np.where(np.arange(n) < right, 1, 0),
        is_right=np.arange(n) < right,
        nrmse=np.linspace(0, 0.02, n),
        edge_ms=np.where(np.array(kinds) == FrameKind.KEY, 4 * edge_ms, edge_ms),
        cloud_ms=np.full(n, 3.0),
        network_runs=np.array(kinds) != FrameKind.MOTION,
    )


def point(
    family: str, setting: str, bits: float, right: int, *, is_default: bool = False, codec: str = "video-q2"
) -> VideoPoint:
    """Of `CLIPS` clips of `FRAMES` frames; clip i has i bits more a frame."""
    kinds = (FrameKind.KEY,) * FRAMES
    if family != ALL_INTRA and codec:
        kinds = (FrameKind.KEY, *(FrameKind.MOTION,) * (FRAMES - 3), *(FrameKind.RESIDUAL,) * 2)
    made = VideoPoint.of(
        family,
        setting,
        [trace(bits + i, right, kinds) for i in range(CLIPS)],
        codec=codec,
        is_default=is_default,
        intra=[trace(1, 9, (FrameKind.KEY,) * FRAMES)] * CLIPS if codec else (),
        sure=[np.arange(FRAMES) % 2 == 0] * CLIPS,
        macs_a_run=[1e6] * CLIPS if codec else (),
    )
    return replace(made, message_bits=bits + 60) if is_default else made


def measurement(truth: str = LABELS) -> VideoMeasurement:
    """All families, the default at a quarter of all intra's bits and as often right but for one frame in ten."""
    points = (
        point(ALL_INTRA, "", 1000, 9),
        point(MOTION_RESIDUAL, "key every 32, damage x1", 200, 8, is_default=True),
        point(MOTION_RESIDUAL, "key every 32, damage x2", 150, 7),
        point(MOTION, "key every 32", 100, 6),
        point(ALL_INTRA, "", 500, 7, codec="video-q1"),
        point(MOTION_RESIDUAL, "key every 32, damage x1", 120, 6, is_default=True, codec="video-q1"),
        point("H.264 medium", "CRF 30", 3000, 9, codec=""),
        point("H.264 medium", "CRF 40", 1000, 7, codec=""),
        point("JPEG", "quality 10", 6000, 8, codec=""),
    )
    names = tuple(f"clip <{i}>" for i in range(CLIPS))
    return VideoMeasurement(
        "made up", truth, names, "video-q2", points, np.full(CLIPS, 9.0), 5.0, 3e6, ("A note & more.",)
    )
