"""A clip that crossed: what each of its frames was sent as, and what the cloud said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from isthmus.common.tasks import short_name

if TYPE_CHECKING:
    from isthmus.common.video.manifest import VideoManifest
    from isthmus.common.video.motion_field import MotionField
    from isthmus.data.video.clips import Clip

KINDS = {"key": "key", "residual": "motion + residual", "motion": "motion"}
Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SentFrame:
    """One frame that crossed.

    Attributes:
        kind: one of `KINDS`.
        packet_bits, motion_bits, residual_bits: of the packet, and of its sections; a key frame has neither section.
        encode_ms: at the edge, from pixels to packet.
        network_runs: whether the edge's half of the network ran.
        answer: index of the likeliest class, as the cloud said.
        field: its motion; None for a key frame.
        held: int32 [M, h, w], what the cloud holds after it, in 1/16 of a step.
    """

    kind: str
    packet_bits: int
    motion_bits: int
    residual_bits: int
    encode_ms: float
    network_runs: bool
    answer: int
    field: MotionField | None
    held: Int32


@dataclass(frozen=True, slots=True, eq=False)
class VideoCrossing:
    """One clip that crossed, both ways.

    Attributes:
        clip: its frames.
        manifest: of the codec.
        sent: each frame, as the encoder decides by itself.
        intra: each frame as a key frame.
        own: int64 [frames], what the whole network says of the original frames.
        latents: float32 [frames, M, h, w] in steps, of the original frames, nothing quantised.
        target: index of the class that is to be seen; -1 where nobody knows.
    """

    clip: Clip
    manifest: VideoManifest
    sent: tuple[SentFrame, ...]
    intra: tuple[SentFrame, ...]
    own: Int64
    latents: Float32
    target: int

    @property
    def saved_percent(self) -> float:
        """Bits that prediction saves of what key frames alone take."""
        return 100 * (1 - mean_of(self.sent, "packet_bits") / mean_of(self.intra, "packet_bits"))

    @property
    def top(self) -> str:
        """The class that the cloud named most often."""
        answers = np.array([frame.answer for frame in self.sent])
        return short_name(self.manifest.class_names[int(np.bincount(answers).argmax())])

    def agreed(self, frames: Sequence[SentFrame]) -> int:
        """In how many of them the cloud said what the whole network says."""
        return int((np.array([frame.answer for frame in frames]) == self.own).sum())


def mean_of(frames: Sequence[SentFrame], attribute: str) -> float:
    """Mean over frames; nan over none."""
    return float(np.mean([getattr(frame, attribute) for frame in frames])) if frames else float("nan")
