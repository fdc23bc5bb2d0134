"""What the measure of rebuilt distributions is asked for. Light: commands import it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.common.options import option
from isthmus.measure.options import images_option, zoo_option


@dataclass(frozen=True, slots=True)
class DistributionOptions:
    """Of which codecs, on which images.

    Attributes:
        images: a folder, or None for Kodak's where they lie beside the project, else what scikit-image ships.
        codecs: that synthesize tables, comma apart; the first is the one that is quoted.
        zoo: folder of the codecs, None for those that ship.
    """

    panel: ClassVar[str] = "What is measured"
    images: Path | None = images_option()
    codecs: str = option("image-light-q3", "Codecs that synthesize tables, comma apart; the first is quoted.")
    zoo: Path | None = zoo_option()
