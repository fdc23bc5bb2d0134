"""What the split measure is asked for beside a network, its cuts and images. Light: commands import it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.common.options import option


@dataclass(frozen=True, slots=True)
class SplitSettings:
    """How the network is measured.

    Attributes:
        bits: of the quantiser, comma apart.
        calibration: the first so many images calibrate, the others test.
        classes: file of the names of the network's classes, a line each, in its order; labels are found in it by name.
        live_frames: that cross a live wire; 0 for none.
    """

    panel: ClassVar[str] = "How"
    bits: str = option("8,6,4,3,2", "Bits of the quantiser, comma apart.")
    calibration: int = option(100, "The first so many images calibrate; the others test.", least=2)
    classes: Path | None = option(
        None,
        "Names of the network's classes, a line each, or imagenet; labels are found among them by name.",
        automatic="labels are its numbers",
        metavar="FILE",
    )
    live_frames: int = option(50, "Frames that cross a live wire; 0 for none.", least=0, flags=("--live",))
