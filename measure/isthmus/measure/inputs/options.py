"""What of the readers of files is measured. Light: commands import it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.common.options import option


@dataclass(frozen=True, slots=True)
class InputsOptions:
    """How many damaged files, of which readers, and where the tests of whole ones are.

    Attributes:
        cases: damaged files, spread evenly over the readers.
        readers: names of readers, comma apart; "" for all.
        seed: of everything that is drawn.
        root: folder of the checkout.
    """

    panel: ClassVar[str] = "Cases"
    cases: int = option(60_000, "Damaged files, spread evenly over the readers.", least=1, is_limit=True)
    readers: str = option("", "Readers to be given damaged files, comma apart.", automatic="all", is_limit=True)
    seed: int = option(47, "Of everything that is drawn.")
    root: Path = option(Path(), "The checkout, for its tests of whole files.", metavar="DIR")
