"""What the measure of edge halves is asked for. Light: commands import it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.common.options import option


@dataclass(frozen=True, slots=True)
class EdgeHalfSettings:
    """How an edge half is measured.

    Attributes:
        model: network, a classifier of one size of frames.
        at: tensor that it is cut at.
        photos: images that calibrate.
        count: of those.
        images: labelled images, whose labels are numbers of the network's classes; no figure of time is of them.
        rounds: in which whole and halves are timed, one after the other.
        plan: whether a plan of all cuts is timed as well.
        mean, std: what is taken off pixels of 0 to 255, and what they are divided by.
    """

    panel: ClassVar[str] = "What"
    model: Path = option(Path("lite0.onnx"), "Network: a classifier of one size of frames.", metavar="FILE")
    at: str = option("block5/output", "Tensor to cut at.", metavar="TENSOR")
    photos: Path = option(Path("photos_a_256.npz"), "Images that calibrate: a folder or a packed .npz.", metavar="PATH")
    count: int = option(200, "Of those, as many as `isthmus split` takes.", least=2)
    images: Path = option(Path("imagenet500_256.npz"), "Labelled images: a packed .npz, or a folder.", metavar="PATH")
    rounds: int = option(200, "Rounds of timing.", least=1)
    plan: bool = option(False, "Time a plan of all cuts as well.")
    mean: float = option(127.0, "Taken off pixels of 0 to 255.")
    std: float = option(128.0, "They are divided by it after that.")
