"""What the measurement of the sweep over points is asked for. Light: commands import it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.common.options import option


@dataclass(frozen=True, slots=True)
class PointSweepOptions:
    """Of which codecs, on which clouds.

    Attributes:
        data: a labelled set, None for ModelNet10 where it lies beside the project, else generated furniture.
        zoo: folder of the codecs that `isthmus train pointcloud-sweep` wrote.
        limit_clouds: clouds taken, evenly spread over the set; 0 for all.
    """

    panel: ClassVar[str] = "What is measured"
    data: Path | None = option(
        None,
        "Labelled set of clouds.",
        automatic="ModelNet10 where it lies beside the project, else generated furniture",
    )
    zoo: Path = option(Path("codecs"), "Folder of codecs that `isthmus train pointcloud-sweep` wrote.", metavar="DIR")
    limit_clouds: int = option(
        0, "Take only so many clouds of the test set; 0 for all.", least=0, flags=("--limit",), is_limit=True
    )
