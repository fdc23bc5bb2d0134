"""The encoder that a codec's tables are learned from, as far as learning knows it: the edge's, handed in.

Tables fit what the encoder does, so splitting plays clips through the very one that will send them. It lies on the
edge, which nothing here may import: whoever splits a network names it (`isthmus.measure.split.edge_encoder`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.packet import Packet
from isthmus.common.signals import VideoFrame
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.motion_field import MotionField

UInt8 = npt.NDArray[np.uint8]

Search = Callable[[UInt8, UInt8], MotionField]
"""The motion of a frame from the one before: luma uint8 [height, width] of both, the frame first."""


class Played(Protocol):
    """A frame as the encoder coded it."""

    @property
    def packet(self) -> Packet:
        """What is sent."""


class StreamEncoder(Protocol):
    """The edge half of one stream of video."""

    def force_key(self) -> None:
        """Make the next frame a key frame."""

    def encode(self, frame: VideoFrame, /) -> Played:
        """The next frame of the stream."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the encoder decides by while tables are learned: fixed, so that codecs stay equal when its defaults change.

    Attributes:
        key_interval: frames from one key frame to the next at most.
        residual_damage: of a block, from which on the network looks whether a residual is due.
        latent_error: of a block, a share of the frame's latents, from which on it takes one.
        deadzone: smallest error of a latent that is sent, in steps of the quantiser.
    """

    key_interval: int = 8
    residual_damage: float = 0.5
    latent_error: float = 0.12
    deadzone: float = 0.6


@dataclass(frozen=True, slots=True)
class EncoderSource:
    """Makes the encoder, and its search on its own.

    Attributes:
        open_encoder: the encoder of a codec's folder, which decides by these choices. It raises what the edge does.
        open_search: the search of a codec's encoder. MissingDependencyError without OpenCV.
    """

    open_encoder: Callable[[Path, Choices], StreamEncoder]
    open_search: Callable[[VideoManifest], Search]
