"""What may be set of point clouds. No heavy imports: every command that offers these reads them as it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from isthmus.common.options import option
from isthmus.edge.bag_options import topic_option


@dataclass(frozen=True, slots=True)
class PointCloudOptions:
    """How point clouds are read, coded and answered.

    Attributes:
        up: axis that points up, "y" or "z"; "" for the format's.
        columns: what those of a table of numbers hold, "" to tell by the file.
        topic: of bags, "" where they have one of clouds.
        points: each is thinned to so many; 0 for the codec's own number.
        top_k: labels for each.
        batch: coded together in one packet.
    """

    panel: ClassVar[str] = "Point clouds"
    up: str = option("", "Axis that points up: y or z.", choices=("y", "z"), automatic="the format's", metavar="AXIS")
    columns: str = option(
        "",
        "Columns of an .xyz, .csv, .npy or .bin, with their types where not float32: x,y,z,intensity or _,x,y,z or "
        "x:>f8,y:>f8,z:>f8.",
        automatic="told by the file",
        metavar="NAMES",
    )
    topic: str = topic_option()
    points: int = option(0, "Points each is thinned to.", least=0, automatic="the codec's own number")
    top_k: int = option(1, "Labels for each.", flags=("--top-k", "--top"), least=1)
    batch: int = option(1, "Clouds coded together in one packet: fewer bits each.", least=1)
