"""What is fuzzed. Light: commands import it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.common.options import option
from isthmus.measure.options import zoo_option


@dataclass(frozen=True, slots=True)
class FuzzOptions:
    """How many cases of which codecs.

    Attributes:
        cases: packets, spread evenly over the codecs.
        codecs: patterns of their names, comma apart.
        seed: of everything that is drawn.
        zoo: as of `zoo_option`.
    """

    panel: ClassVar[str] = "Cases"
    cases: int = option(100_000, "Packets, spread evenly over the codecs.", least=1, is_limit=True)
    codecs: str = option(
        "pc-*-any-q1,pc-*-any-q5,pc-*-any-q10,image-*,video-*,vision-*",
        "Patterns of codec names, comma apart.",
        is_limit=True,
    )
    seed: int = option(31, "Of everything that is drawn.")
    zoo: Path | None = zoo_option()
