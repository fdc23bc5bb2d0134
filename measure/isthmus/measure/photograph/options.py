"""What the measure of one photograph is asked for. Light: commands import it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.common.options import option
from isthmus.measure.options import zoo_option


@dataclass(frozen=True, slots=True)
class PhotographSettings:
    """Which photograph, through which codec.

    Attributes:
        image: its file, None for the cup of coffee that scikit-image installs.
        codec: whose frames choose their step.
        zoo: folder of the codecs, None for those that ship.
        rivals: formats of images, comma apart.
        quality: of its packet, as `isthmus edge --quality`.
    """

    panel: ClassVar[str] = "What"
    image: Path | None = option(
        None, "The photograph.", metavar="FILE", automatic="the cup of coffee that scikit-image installs"
    )
    codec: str = option("vision-lite0-b5", "A codec whose frames choose their step.")
    zoo: Path | None = zoo_option()
    rivals: str = option("jpeg,webp,avif", "Formats of images, comma apart.")
    quality: int = option(
        5, "Of its packet: 5 is the codec's own, each number half an octave of the step.", least=1, most=9
    )
