"""What the determinism of each signal's codecs is measured on. Light: commands import it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.common.options import option
from isthmus.common.video.signal import VIDEO
from isthmus.measure.options import zoo_option

PATTERNS_HELP = "Patterns of codec names, comma apart."


@dataclass(frozen=True, slots=True)
class PointCloudCases:
    """Clouds that every codec is run on in every case.

    Attributes:
        data: a labelled set, None for that of `isthmus measure pointcloud`.
        codecs: patterns of their names, comma apart.
        clouds: so many, spread over the test split.
        points: drawn from each.
        zoo: as of `zoo_option`.
    """

    panel: ClassVar[str] = "Clouds"
    data: Path | None = option(None, "Labelled set.", automatic="as of `isthmus measure pointcloud`")
    codecs: str = option("pc-*", PATTERNS_HELP)
    clouds: int = option(40, "Clouds, spread over the test split.", least=1)
    points: int = option(1024, "Points drawn from each cloud.", least=1)
    zoo: Path | None = zoo_option()


@dataclass(frozen=True, slots=True)
class ImageCases:
    """Images whose tables every codec makes in every case.

    Attributes:
        images: a folder, None for Kodak's, else what scikit-image ships.
        codecs: patterns of their names, comma apart.
        limit: so many images, 0 for all.
        zoo: as of `zoo_option`.
    """

    panel: ClassVar[str] = "Images"
    images: Path | None = option(None, "Folder of images.", automatic="Kodak's, else what scikit-image ships")
    codecs: str = option("image-*", PATTERNS_HELP)
    limit: int = option(0, "Take only so many images; 0 for all.", least=0, is_limit=True)
    zoo: Path | None = zoo_option()


@dataclass(frozen=True, slots=True)
class VideoCases:
    """Frames that cross to a live cloud in every case.

    Attributes:
        codec: name or path of a video codec.
        frames: predicted frames to compare, spread over the cases.
        images: a folder of images that the pictures move over, None for the default set.
        seed: of everything that is drawn.
        zoo: as of `zoo_option`.
    """

    panel: ClassVar[str] = "Frames"
    codec: str = option(VIDEO.default_codec, "A video codec's name, or the path of its folder.")
    frames: int = option(10_000, "Predicted frames to compare, over all cases.", least=1, is_limit=True)
    images: Path | None = option(
        None, "Folder of images to move over.", automatic="Kodak's, else what scikit-image ships"
    )
    seed: int = option(20, "Of everything that is drawn.")
    zoo: Path | None = zoo_option()
