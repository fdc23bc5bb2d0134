"""What the sweep of lambda_q is asked for. Light: commands import it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.common.image.table_ways import COMPONENTS, WAYS
from isthmus.common.options import option
from isthmus.measure.options import images_option, zoo_option


@dataclass(frozen=True, slots=True)
class SideWeightOptions:
    """Of which codec, at which weights.

    Attributes:
        codec: whose tables are fitted; its transforms stay.
        way: which networks.
        weights: lambda_q, comma apart; fractions may be written so.
        steps: of each training; 0 for the recipe's own.
        images: folder of those that figures are of; None for Kodak's where they lie beside the project, else what
            scikit-image ships.
        zoo: folder of the codec, None for those that ship.
    """

    panel: ClassVar[str] = "What is measured"
    codec: str = option("image-light-q3", "Whose tables are fitted; its transforms stay.")
    way: str = option(COMPONENTS, "Which networks, as of `isthmus train tables`.", choices=WAYS)
    weights: str = option("1/24,1/12,1/6,1/3,2/3,1,2,4", "lambda_q, comma apart.")
    steps: int = option(0, "Of each training.", least=0, automatic="the recipe's own")
    images: Path | None = images_option()
    zoo: Path | None = zoo_option()
