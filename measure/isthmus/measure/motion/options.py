"""What the motion measure is asked for. Light: commands import it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.common.options import option
from isthmus.measure.options import zoo_option


@dataclass(frozen=True, slots=True)
class MotionEffort:
    """How much is measured.

    Attributes:
        maps: random affine maps of each tensor.
        sweep_pictures: pictures at each place of a sweep, and of the shifts by fractions.
        kernel_maps: random maps on which every interpolation is compared.
        dense_pictures: pictures whose latents are computed at every pixel.
        ablation_maps: random maps of each network of the ablation.
        seed: of the maps.
    """

    panel: ClassVar[str] = "Effort"
    maps: int = option(2048, "Random affine maps of each tensor.", least=1, is_limit=True)
    sweep_pictures: int = option(
        100, "Images at each place of a sweep.", least=1, flags=("--sweep-images",), is_limit=True
    )
    kernel_maps: int = 256
    dense_pictures: int = option(
        12,
        "Images whose latents are computed at every pixel (slow); 0 leaves it out.",
        least=0,
        flags=("--dense-images",),
    )
    ablation_maps: int = option(256, "Random affine maps of each network of the ablation.", least=1)
    seed: int = option(3, "Of the random maps.")


@dataclass(frozen=True, slots=True)
class MotionOptions:
    """What to look into, on which images.

    Attributes:
        images: packed images or a folder; None for those beside the project, else what scikit-image ships.
        checkpoints: folder of small networks that differ in their halvings; None for no ablation.
        network: comma apart: squeezenet, lite0, zoo, files of graphs and of checkpoints, none; "" for what is there.
        weights: of SqueezeNet; None for those beside the project.
        labelled: images for the accuracies of the ablation; None for those beside the project.
        limit: images taken, evenly spread; 0 for all.
        zoo: as of `zoo_option`.
    """

    panel: ClassVar[str] = "What is measured"
    images: Path | None = option(
        None,
        "Packed images (.npz) or a folder.",
        automatic="ImageNet's beside the project, else photographs that scikit-image ships",
    )
    checkpoints: Path | None = option(
        None, "Folder of `isthmus train motion-networks`: adds the ablation of halvings.", automatic="none"
    )
    network: str = option(
        "",
        "What to look into, comma apart: squeezenet (its weights: --weights), lite0 (EfficientNet-Lite0, its package "
        "installed), zoo (the first video codec's edge half), FILE.onnx, FILE.pt (a trained split classifier); none "
        "for the ablation alone.",
        automatic="the first three, where they are",
    )
    weights: Path | None = option(None, "SqueezeNet 1.0, a packed .npz.", automatic="those beside the project")
    labelled: Path | None = option(
        None, "Labelled images for the ablation's accuracies.", automatic="Tiny ImageNet's, if there"
    )
    limit: int = option(0, "Take only so many images, evenly spread; 0 for all.", least=0, is_limit=True)
    zoo: Path | None = zoo_option()


@dataclass(frozen=True, slots=True)
class GraphOptions:
    """What is said of each FILE.onnx; as of `isthmus.split.options.FrameOptions`.

    Attributes:
        tensors: to look at, comma apart; "" for the first of each stride and the outputs.
        mean, std: three numbers, comma apart; "" for 0,0,0 and 1,1,1.
        order: of the network's channels; "" for rgb.
        range: what white is before the mean is taken off: 255 or 1; 0 for 255.
    """

    panel: ClassVar[str] = "A network of yours (FILE.onnx)"
    tensors: str = option(
        "", "Tensors to look at, comma apart.", automatic="the first of each stride, and the outputs", metavar="NAMES"
    )
    mean: str = option("", "Taken off each channel, in the network's order.", metavar="X,X,X", automatic="nothing")
    std: str = option("", "Each channel is divided by it after that.", metavar="X,X,X", automatic="1,1,1")
    order: str = option("", "Order of the network's channels.", choices=("rgb", "bgr"), automatic="rgb")
    range: int = option(0, "What white is before the mean is taken off: 255 or 1.", automatic="255")


@dataclass(frozen=True, slots=True)
class MotionOutputs:
    """What is drawn and kept beside what was measured.

    Attributes:
        published: csv of the thesis's curves; None for that which ships.
        merge: whether what the results file says of other networks stays.
    """

    panel: ClassVar[str] = "Output"
    published: Path | None = option(
        None, "CSV of published curves, drawn beside.", automatic="the thesis's, which ship"
    )
    merge: bool = option(False, "Keep what motion.json already says of other networks on the same images.")
