"""What may be set of videos. No heavy imports: every command that offers these reads them as it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.common.options import option
from isthmus.common.video.signal import SOURCE_WAIT_S
from isthmus.edge.bag_options import topic_option

# Those of `isthmus.edge.video.policy`, without what it imports; a test holds them equal.
MODES = ("auto", "intra", "motion")
MOST_KEY_INTERVAL = 255
MOST_QUALITY = 9
_QUALITY = "1 to 9, where frames choose their step."
_MAX_BYTES = "Bytes of a frame at most, by coarser steps."


@dataclass(frozen=True, slots=True)
class StillOptions:
    """How images are answered by codecs of videos.

    Attributes:
        top_k: labels for each image.
        quality, max_bytes: as of `VideoOptions`.
        draw: folder for the pictures with what was found on them, None for none.
        topic: of bags, "" where they have one of pictures.
    """

    panel: ClassVar[str] = "Answered images"
    top_k: int = option(
        1,
        "Labels for each.",
        flags=("--top-k", "--top"),
        least=1,
        elsewhere="images get labels with --task classify",
    )
    quality: int = option(0, _QUALITY, least=0, most=MOST_QUALITY, automatic="5, the codec's own")
    max_bytes: int = option(0, _MAX_BYTES, least=0, automatic="no bound")
    draw: Path | None = option(
        None, "Folder for the pictures with boxes or masks on them.", automatic="none", metavar="DIR"
    )
    topic: str = topic_option()


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """How videos are read, coded, paced and answered.

    Attributes:
        video: whether what is named are videos whatever their names; a folder of images is one then.
        mode: what frames may be, one of `MODES`.
        key_interval: frames from one key frame to the next at most; 0 for the codec's own.
        quality: of a codec whose frames choose their step, 1 to 9, each half an octave finer than the one before it, 5
            the codec's own; 0 for that.
        max_bytes: of a frame's packet, in such codecs; 0 for no bound.
        vectors: whether the motion vectors that a file carries are taken instead of a search.
        realtime: whether frames wait for their time, and are dropped rather than sent late.
        source_wait: seconds that a pipe, an address or a camera may send nothing; 0 for ever.
        reconnect: tries in a row to open an address or a camera again that ended or fell silent; 0 for none.
        low_delay: whether no frame is held back for others that are shown before it; B-frames are refused.
        topic: of bags, "" where they have one of pictures.
        fps: frames a second to count times by, 0 for the video's own.
        limit: frames of each video at most, 0 for all.
        top_k: labels for each frame.
    """

    panel: ClassVar[str] = "Videos"
    video: bool = option(False, "What is named are videos; folders of frames too.")
    mode: str = option(
        "auto", "What frames may be: auto, intra (key frames only) or motion (no residuals).", choices=MODES
    )
    key_interval: int = option(
        0,
        "Frames from one key frame to the next at most.",
        least=0,
        most=MOST_KEY_INTERVAL,
        automatic="the codec's own: 24 where frames choose their step, else 12",
    )
    quality: int = option(0, _QUALITY, least=0, most=MOST_QUALITY, automatic="5, the codec's own")
    max_bytes: int = option(0, _MAX_BYTES, least=0, automatic="no bound")
    vectors: bool = option(False, "Take the motion vectors that the file carries; no search.")
    realtime: bool = option(False, "Each frame at its time; dropped rather than late.")
    source_wait: float = option(
        SOURCE_WAIT_S, "Seconds that a pipe, an address or a camera may send nothing; 0 for ever.", least=0
    )
    reconnect: int = option(
        0, "Tries in a row to open an address or a camera again that ended or fell silent.", least=0, automatic="none"
    )
    low_delay: bool = option(False, "Hold no frame back for others shown before it; B-frames are refused.")
    topic: str = topic_option()
    fps: float = option(0.0, "Frames a second.", least=0, automatic="the video's own")
    limit: int = option(0, "Frames of each at most.", least=0, automatic="all")
    top_k: int = option(1, "Labels for each frame.", flags=("--top-k", "--top"), least=1)
