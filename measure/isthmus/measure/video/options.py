"""What the video measure is asked for. Light: commands import it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.common.options import option
from isthmus.common.video.signal import VIDEO
from isthmus.measure.options import cloud_option, zoo_option

NONE = "none"


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """What to measure.

    Attributes:
        codec: names or patterns of codecs, comma apart; the first codec found is swept, of the others all intra and
            the default are measured.
        qualities: of a swept codec whose frames choose their step: others than its own of which all intra and the
            default are measured, comma apart; or none.
        labelled: labelled images to move; "" for the default where it lies beside the project, "none" for none.
        labelled_clips: images taken, 0 for all.
        labelled_frames: of each clip.
        natural: packed sequences, a video, or a folder of videos; "" and "none" as above.
        natural_frames: of each video file at most.
        natural_clips: clips taken, 0 for all.
        natural_side: pixels of their shorter side, to which larger ones are made; 0 leaves them as they are.
        inputs: input codecs to sweep, comma apart; or none.
        is_tuning: natural clips are the videos that thresholds may be tuned on, and those alone.
        is_quick: fewer settings, clips and frames: to see that it runs.
        is_live: whether the default setting goes over a live wire.
        zoo, cloud: as of `zoo_option` and `cloud_option`.
    """

    panel: ClassVar[str] = "What is measured"
    codec: str = option(
        VIDEO.default_codec,
        "Names or patterns of codecs, comma apart. The first is swept; of the others all intra and the default setting "
        "are measured.",
    )
    qualities: str = option("4,6,7", "Other qualities of a codec whose frames choose their step, comma apart; or none.")
    labelled: str = option(
        "",
        "Labelled images to move: a packed .npz or a folder of classes; none for none.",
        automatic="imagenet500_256 or, for video-tiny, tinyimagenet50, where it lies beside the project",
    )
    labelled_clips: int = option(200, "Images taken, evenly spread; 0 for all.", least=0, is_limit=True)
    labelled_frames: int = option(12, "Frames of each of their clips.", least=2, is_limit=True)
    natural: str = option(
        "",
        "Packed sequences (.npz), a video, or a folder of videos; none for none.",
        automatic="DAVIS and the videos that lie beside the project, else moved photographs of scikit-image",
    )
    natural_frames: int = option(64, "Frames of each natural clip at most.", least=2, is_limit=True)
    natural_clips: int = option(0, "Natural clips taken; 0 for all.", least=0, is_limit=True)
    natural_side: int = option(
        0, "Shorter side in pixels that larger natural clips are made to; 0 leaves them as they are.", least=0
    )
    inputs: str = option(
        "h264-medium,h265,av1",
        "Input codecs, comma apart: h264-medium, h264 (more presets and intervals), h265, av1, jpeg; or none.",
    )
    is_tuning: bool = option(
        False, "Measure on the videos that thresholds may be tuned on, and on those alone.", flags=("--tune",)
    )
    is_quick: bool = option(False, "Few clips and settings, to see that it runs.", flags=("--quick",), is_limit=True)
    is_live: bool = option(True, "Send the default setting over a live wire.", flags=("--live",))
    zoo: Path | None = zoo_option()
    cloud: str = cloud_option()


@dataclass(frozen=True, slots=True)
class ThresholdOptions:
    """What the encoder's thresholds are chosen on.

    Attributes:
        codec: that encodes.
        videos: folder of those named in `clips.TUNING_STEMS`; "" for the one beside the project.
        photographs: packed training photographs that are made to move; "" as above.
        clips: photographs taken, evenly spread.
        frames: of each video at most.
        moved_frames: of each moved photograph.
        zoo: as of `zoo_option`.
    """

    panel: ClassVar[str] = "What they are chosen on"
    codec: str = option(VIDEO.default_codec, "Name of the codec.")
    videos: str = option("", "Folder with the tuning videos.", automatic="that beside the project")
    photographs: str = option("", "Packed training photographs.", automatic="photos_a_256 beside the project")
    clips: int = option(16, "Photographs taken, evenly spread.", least=1, is_limit=True)
    frames: int = option(40, "Frames of each video at most.", least=2, is_limit=True)
    moved_frames: int = option(17, "Frames of each moved photograph.", least=2)
    zoo: Path | None = zoo_option()


@dataclass(frozen=True, slots=True)
class EmulatedLink:
    """The link that measured frames are sent over once more, in virtual time.

    Attributes:
        is_emulated: whether they are.
        bandwidths: Mbit/s, comma apart; each gives a row.
        delay_ms: one way.
        slow_down: by which the edge is slower than this machine.
        fps: of the camera.
        in_flight: frames that may be unanswered when another is taken.
    """

    panel: ClassVar[str] = "Emulated link"
    is_emulated: bool = option(True, "Emulate a link: latency against bandwidth.", flags=("--link",))
    bandwidths: str = option("0.02,0.05,0.1,0.3,1,3,10", "Mbit/s, comma apart.")
    delay_ms: float = option(20.0, "Delay one way.", least=0)
    slow_down: float = option(10.0, "By which the edge is slower than this machine.")
    fps: float = option(25.0, "Frames a second of the camera.")
    in_flight: int = option(1, "Frames that may be unanswered when one is taken.", least=1)
