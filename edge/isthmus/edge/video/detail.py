"""What an encoder of videos tells of a coded frame beside its packet."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from isthmus.common.coded import Coded, Timing
from isthmus.common.video.frames import CodedFrame
from isthmus.common.video.motion_field import MotionField
from isthmus.common.video.state import LatentState


@dataclass(frozen=True, slots=True, eq=False)
class FrameDetail:
    """How a coded frame came to be.

    Attributes:
        state: that the packet leads to on both sides.
        is_key: whether it refers to nothing but itself.
        motion_bits, residual_bits: of the sections of a predicted frame; both 0 for a key frame.
        field: its motion and the modes of its blocks; None for a key frame.
        cause: why it is a key frame: first, forced, mode, size, interval, cut, drift or rate; "" if it is none.
        damage: mean over its blocks, a share of the contrast, before any residual; 0 where none was estimated.
        network_runs: whether the edge's network ran.
    """

    state: LatentState
    is_key: bool
    motion_bits: int
    residual_bits: int
    field: MotionField | None
    cause: str
    damage: float
    network_runs: bool

    @property
    def kind(self) -> str:
        """In a word: "key", "motion", or "residual" for motion with a residual."""
        return "key" if self.is_key else "residual" if self.residual_bits else "motion"


def encoded(
    coded: CodedFrame,
    cause: str,
    damage: float,
    at_s: tuple[float, float, float],
    *,
    network_runs: bool,
) -> Coded[FrameDetail]:
    """A coded frame with its detail; what began and ended at which times, the rest of it until now."""
    start_s, seen_s, analysed_s = at_s
    # Canvas, search and damage; the network, and what is made of its latents; prediction and entropy coding.
    steps = (
        ("motion", seen_s - start_s),
        ("analysis", analysed_s - seen_s),
        ("entropy_encode", time.perf_counter() - analysed_s),
    )
    detail = FrameDetail(
        coded.state, coded.is_key, coded.motion_bits, coded.residual_bits, coded.field, cause, damage, network_runs
    )
    return Coded(coded.packet, Timing(steps), detail, lambda: np.array([coded.estimated_bits]))
