"""What the measure of complexity is asked for. Light: commands import it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.common.options import option
from isthmus.measure.options import zoo_option


@dataclass(frozen=True, slots=True)
class ComplexityOptions:
    """On images of which size, and how often.

    Attributes:
        height, width: of the image in pixels, as Kodak's.
        rounds: in which every part is timed, one after the other.
        instructions: whether they are counted too, where valgrind is.
        codec: whose static tables are synthesized, and whose components are measured beside.
        zoo: folder of that codec, None for those that ship.
    """

    panel: ClassVar[str] = "What is measured"
    height: int = option(512, "Of the image, in pixels: a multiple of 64.", least=64, most=4096)
    width: int = option(768, "Of the image, in pixels: a multiple of 64.", least=64, most=4096)
    rounds: int = option(100, "Rounds of timing.", least=1, is_limit=True)
    instructions: bool = option(True, "Count instructions too, where valgrind is installed.")
    codec: str = option("image-light-q3", "Whose tables are made, and whose components stand beside.")
    zoo: Path | None = zoo_option()
