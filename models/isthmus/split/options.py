"""What a person may say when a network is split. Light: the command reads it before it knows what it will do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.common.errors import InputError
from isthmus.common.options import option
from isthmus.common.tasks import CLASSIFY, DETECT, EMBED, SEGMENT, TENSORS

_TRIED = "found by trying the usual ones on the images"


@dataclass(frozen=True, slots=True)
class CutOptions:
    """Where to cut, and how.

    Attributes:
        at: tensor to cut at, "" for none.
        plan: whether to measure all cuts instead.
        picture: file of a picture of what is planned; None for none.
        bits: of a quantiser with a step for each channel; 0 for components in one step that each frame chooses.
        step: of the quantiser, of a network trained for one; 0 for none.
        int8: whether the edge half runs in eight-bit integers.
        count: of the images that are taken; 0 for as many as usual.
        seed: of everything that is drawn.
    """

    panel: ClassVar[str] = "The cut"
    at: str = option("", "Tensor to cut at; --plan lists them.", metavar="TENSOR")
    plan: bool = option(False, "List the cuts with what each costs; write nothing.")
    picture: Path | None = option(None, "With --plan: latency by bandwidth as a PNG.", automatic="none", metavar="FILE")
    bits: int = option(
        0, "Bits of a quantiser of its own for each channel.", least=2, most=8, automatic="steps that frames choose"
    )
    step: float = option(
        0.0,
        "One fixed step for all latents, of a network trained for it.",
        least=0,
        automatic="steps that frames choose",
    )
    int8: bool = option(False, "The edge half in eight-bit integers, with scales found on the images.")
    count: int = option(0, "Images taken, evenly spread.", least=0, automatic="200, or 128 for --plan")
    seed: int = option(0, "Seed of everything that is drawn.")


@dataclass(frozen=True, slots=True)
class FrameOptions:
    """What the network expects of a frame, as it is typed; `isthmus.command.split_network` reads it.

    Where none of mean, std, order and range is given, the usual ways are tried on the images.

    Attributes:
        size: "HxW" of the frames, of a network that would take any; "" for its own.
        mean, std: three numbers, comma apart; "" for 0,0,0 and 1,1,1.
        order: of the network's channels; "" for rgb.
        range: what white is before the mean is taken off: 255 or 1; 0 for 255.
        task: what its answers are for; "" to tell by its outputs.
        least_score, overlap: of boxes: how sure one must be, and how much two of a class may share.
        output: tensor of the logits, or several, comma apart; "" for the network's outputs.
    """

    panel: ClassVar[str] = "The network's frames and answer"
    size: str = option("", "Size of the frames, of a network that would take any.", metavar="HxW")
    mean: str = option("", "Taken off each channel, in the network's order.", metavar="X,X,X", automatic=_TRIED)
    std: str = option("", "Each channel is divided by it after that.", metavar="X,X,X", automatic=_TRIED)
    order: str = option("", "Order of the network's channels.", choices=("rgb", "bgr"), automatic=_TRIED)
    range: int = option(0, "What white is before the mean is taken off: 255 or 1.", automatic=_TRIED)
    task: str = option(
        "",
        "What its answers are for.",
        choices=(CLASSIFY, DETECT, SEGMENT, EMBED, TENSORS),
        automatic="told by the network's outputs",
    )
    least_score: float = option(0.25, "Of boxes: how sure one must be.", least=0, most=1)
    overlap: float = option(0.5, "Of boxes: how much two of a class may overlap (IoU).", least=0, most=1)
    output: str = option(
        "", "Tensor of the answer, or several, comma apart.", metavar="TENSOR", automatic="its outputs"
    )

    @property
    def says_pixels(self) -> bool:
        """Whether a person said what is done to pixels."""
        return bool(self.mean or self.std or self.order or self.range)


@dataclass(frozen=True, slots=True)
class FolderOptions:
    """The codec that is written.

    Attributes:
        classes: file of the names of the classes, a line each; "imagenet" for the thousand of that name.
        name: of the codec; "" for one made of what it is.
        zoo: folder that the codec's folder is written into.
    """

    panel: ClassVar[str] = "The codec"
    classes: Path | None = option(
        None, "Names of the classes, a line each; or imagenet, for its 1,000.", automatic="numbers", metavar="FILE"
    )
    name: str = option("", "Name of the codec.", automatic="video-, the model, the tensor and the bits")
    zoo: Path = option(Path("codecs"), "Folder that the codec's folder is written into.", metavar="DIR")


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What latency is predicted for.

    Attributes:
        bandwidth_mbit_per_s, delay_ms: of the link; the delay is one way.
        edge_gmacs_per_s, cloud_gmacs_per_s: speeds of the whole network; 0 to go by this machine.
        edge_factor: how many times as slow as this machine the edge is, where its speed is not given.
        cloud_factor: how many times as fast as this machine the cloud is, where its speed is not given.
        bits: of the quantiser; 0 for components in a step that frames choose.
    """

    panel: ClassVar[str] = "Latency that --plan predicts"
    bandwidth_mbit_per_s: float = option(1.0, "Bandwidth of the link, Mbit/s.", flags=("--bandwidth",))
    delay_ms: float = option(10.0, "Delay of the link, one way, ms.", flags=("--delay",), least=0)
    edge_gmacs_per_s: float = option(
        0.0,
        "Speed of the network on the edge, GMAC/s.",
        flags=("--edge-speed",),
        least=0,
        automatic="as --edge-factor says",
    )
    cloud_gmacs_per_s: float = option(
        0.0,
        "Speed of the network in the cloud, GMAC/s.",
        flags=("--cloud-speed",),
        least=0,
        automatic="as --cloud-factor says",
    )
    edge_factor: float = option(1.0, "How many times as slow as this machine the edge is.")
    cloud_factor: float = option(10.0, "How many times as fast as this machine the cloud is.")
    bits: int = 0

    def __post_init__(self) -> None:
        if not self.bandwidth_mbit_per_s > 0 or not 0 <= self.delay_ms < math.inf:
            raise InputError(f"expected a bandwidth above 0 and a delay of 0 or more, got {self}")
        if not (0 < self.edge_factor < math.inf and 0 < self.cloud_factor < math.inf):
            raise InputError(f"expected factors of edge and cloud above 0, got {self}")
        if min(self.edge_gmacs_per_s, self.cloud_gmacs_per_s) < 0:
            raise InputError(f"expected speeds of 0 or more, got {self}")
