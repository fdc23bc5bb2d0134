"""Where drills are held."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from isthmus.measure.drill.nursery import Nursery
from isthmus.measure.drill.options import DrillOptions


@dataclass(frozen=True, slots=True)
class Ground:
    """Where drills are held.

    Attributes:
        nursery: of clouds.
        folder: for spools and outputs.
        options: as asked for.
    """

    nursery: Nursery
    folder: Path
    options: DrillOptions
