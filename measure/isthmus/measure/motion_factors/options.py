"""What the measure of pooling factors is asked for. Light: commands import it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.common.options import option


@dataclass(frozen=True, slots=True)
class FactorOptions:
    """Of which networks, on which images, and how much.

    Attributes:
        checkpoints: folder of the networks; those that are there are measured.
        images: packed images or a folder; None for those beside the project, else what scikit-image ships.
        labelled: images for the accuracies; None for those beside the project.
        limit: images taken, evenly spread; 0 for all.
        maps: random affine maps of each network.
        shifts: random translations of each network.
        seed: of both.
    """

    panel: ClassVar[str] = "What is measured"
    checkpoints: Path = option(Path("runs/motion-factors"), "Folder of `isthmus train motion-factors`.", metavar="DIR")
    images: Path | None = option(
        None,
        "Packed images (.npz) or a folder.",
        automatic="ImageNet's beside the project, else photographs that scikit-image ships",
    )
    labelled: Path | None = option(
        None, "Labelled images for the accuracies.", automatic="Tiny ImageNet's, if there", metavar="FILE"
    )
    limit: int = option(0, "Take only so many images, evenly spread; 0 for all.", least=0, is_limit=True)
    maps: int = option(256, "Random affine maps of each network.", least=1, is_limit=True)
    shifts: int = option(128, "Random translations of each network.", least=1, is_limit=True)
    seed: int = option(3, "Of both.")
