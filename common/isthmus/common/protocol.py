"""What edge and cloud say to one another, as values. How they travel is a matter of `wire`, and when of `conversation`.

A label travels as one integer, `class_index * 1024 + per mille` (see `inference_service.proto`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from isthmus.common.errors import IsthmusError
from isthmus.common.limits import StreamLimits

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LABEL_PROBABILITY_BITS = 10
PER_MILLE_MAX = 1000
MAX_CLASS_INDEX = (1 << (32 - LABEL_PROBABILITY_BITS)) - 1


@dataclass(frozen=True, slots=True)
class CodecId:
    """A codec by name and by the SHA-256 of its canonical manifest (32 bytes)."""

    name: str
    manifest_sha256: bytes


@dataclass(frozen=True, slots=True)
class NamedStream:
    """A stream that outlives its connection, as its client opens it (`inference_service.proto`).

    Attributes:
        name: 16 random bytes.
        epoch: grows with every opening, from 1.
        began_epoch: of the last opening that the client knows to have begun anew; 0 before there was one.
        first_unanswered_index: of the oldest frame whose result the client has not taken.
    """

    name: bytes
    epoch: int
    began_epoch: int = 0
    first_unanswered_index: int = 0


@dataclass(frozen=True, slots=True)
class HeldStream:
    """What a cloud says of a named stream.

    Attributes:
        instance: which cloud this is, until it is started anew.
        is_resumed: whether it goes on with what it held.
        next_frame_index: of the frame that it expects next.
        max_result_count, max_result_bytes: results that it holds unacknowledged, at most.
    """

    instance: bytes
    is_resumed: bool
    next_frame_index: int
    max_result_count: int
    max_result_bytes: int


@dataclass(frozen=True, slots=True)
class OpenStream:
    """What a client asks for, once for the whole stream.

    Attributes:
        task: its number (`isthmus.common.tasks.Task`).
        top_k: labels for each signal, at least 1.
        wants_pixels: of reconstructions.
        wants_state_crc32: of the frames of a video.
        wants_crc32: of every message.
        named: None for a stream that goes with its connection.
    """

    codec_id: CodecId
    bitstream_version: int
    task: int = 1
    top_k: int = 1
    wants_timing: bool = False
    wants_pixels: bool = False
    wants_state_crc32: bool = False
    wants_crc32: bool = False
    named: NamedStream | None = None


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """What the cloud grants: `top_k` labels for each signal, within `limits`; `held` of a named stream."""

    stream_id: str
    limits: StreamLimits
    top_k: int
    held: HeldStream | None = None


@dataclass(frozen=True, slots=True)
class CodecOffer:
    """One codec a cloud decodes."""

    codec_id: CodecId
    tasks: tuple[int, ...]
    bitstream_versions: tuple[int, ...]
    class_count: int


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a cloud offers, sorted by codec name, and its limits."""

    codecs: tuple[CodecOffer, ...]
    limits: StreamLimits


@dataclass(frozen=True, slots=True)
class Frames:
    """Packets of one request; `first_frame_index` and `taken_count` are -1 where the client did not send them."""

    packets: tuple[bytes, ...]
    first_frame_index: int = -1
    taken_count: int = -1


@dataclass(frozen=True, slots=True)
class Taken:
    """A request without packets, of a named stream: the results below this index were taken for good."""

    count: int


@dataclass(frozen=True, slots=True)
class Label:
    """One class and its probability in per mille, 0 to 1000."""

    class_index: int
    per_mille: int

    @property
    def probability(self) -> float:
        """0.0 to 1.0, to a thousandth."""
        return self.per_mille / PER_MILLE_MAX


@dataclass(frozen=True, slots=True)
class FrameLabels:
    """Outcome of a decoded frame.

    Attributes:
        packed: its labels as they travel, signal by signal, best first.
        state_crc32: of the latents of a frame of video as the cloud holds them; -1 where it was not asked for.
    """

    packed: tuple[int, ...]
    state_crc32: int = -1

    def signals(self, top_k: int) -> tuple[tuple[Label, ...], ...]:
        """For each signal its `top_k` labels."""
        labels = [Label(value >> LABEL_PROBABILITY_BITS, value & 1023) for value in self.packed]
        return tuple(tuple(labels[i : i + top_k]) for i in range(0, len(labels), top_k))


@dataclass(frozen=True, slots=True)
class FrameReconstruction:
    """Outcome of a decoded image.

    Attributes:
        height, width: in pixels, 1 to 65,535.
        pixels_crc32: CRC-32 of the pixels, row-major, each as R, G, B.
        png: the pixels as a PNG file; empty where the client did not want them.
    """

    height: int
    width: int
    pixels_crc32: int
    png: bytes = b""


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The cloud is shutting down: send no more frames and half-close."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The cloud is there, and has nothing to say."""


@dataclass(frozen=True, slots=True)
class FrameAnswer:
    """Outcome of a frame whose task gives neither labels nor an image: bytes that the task writes and reads."""

    data: bytes


Outcome = FrameLabels | FrameReconstruction | FrameAnswer | IsthmusError


@dataclass(frozen=True, slots=True)
class Timing:
    """Time the cloud spent on the frames of one response, by its own clock, in whole microseconds."""

    entropy_decode_us: int
    task_us: int


@dataclass(frozen=True, slots=True)
class Results:
    """Outcomes of the next frames of a stream.

    Attributes:
        outcomes: at least one.
        timing: zero where it was not asked for.
        first_frame_index: of the frame that the first outcome is of; -1 where the stream has no name.
    """

    outcomes: tuple[Outcome, ...]
    timing: Timing = Timing(0, 0)
    first_frame_index: int = -1


def pack_labels(
    class_indices: npt.NDArray[np.integer], probabilities: npt.NDArray[np.floating]
) -> npt.NDArray[np.int64]:
    """Labels as they travel, int64 ``[...]`` as the inputs. Probabilities are 0 to 1, and rounded to 0.001."""
    per_mille = (probabilities * PER_MILLE_MAX).round().astype("int64")
    labels: npt.NDArray[np.int64] = (class_indices.astype("int64") << LABEL_PROBABILITY_BITS) | per_mille
    return labels
