"""What the measure of labelled stills is asked for. Light: commands import it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.common.options import option
from isthmus.measure.options import zoo_option

CODECS = "vision-lite0-b5,vision-lite0-b11"


@dataclass(frozen=True, slots=True)
class StillSettings:
    """How labelled stills are measured.

    Attributes:
        images: labelled images, whose labels are numbers of the network's classes.
        codec: codecs whose frames choose their step, comma apart.
        zoo: folder of the codecs, None for those that ship.
        offsets: of the steps from the codec's own, eight to an octave, comma apart.
        rivals: formats of images, comma apart.
        live: images that cross a live wire; 0 for none.
    """

    panel: ClassVar[str] = "What"
    images: Path = option(
        Path("imagenet500_256.npz"), "Labelled images: a packed .npz, or a folder of classes.", metavar="PATH"
    )
    codec: str = option(CODECS, "Codecs, comma apart.")
    zoo: Path | None = zoo_option()
    offsets: str = option("-12,-8,-4,-2,0,2,4,6,8", "Steps from the codec's own, eight to an octave, comma apart.")
    rivals: str = option("jpeg,webp,avif", "Formats of images, comma apart.")
    live: int = option(50, "Images that cross a live wire; 0 for none.", least=0)
