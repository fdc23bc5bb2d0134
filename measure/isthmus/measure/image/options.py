"""What the image measure is asked for. Light: commands import it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.common.options import option
from isthmus.measure.options import cloud_option, images_option, zoo_option

MAIN_FAMILY = "image-light"
ADAPTATIONS = ("static", "chosen", "synthesized", "context")
FORMATS = ("avif", "webp", "jpeg2000", "jpeg")


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """What to measure.

    Attributes:
        images: a folder, or None for Kodak's images where they lie beside the project, else what scikit-image ships.
        codec: families of codecs, comma apart, the main one first; each stands for all its qualities in the zoo.
        adaptations: rows wanted of each codec, comma apart.
        limit_images: images taken, evenly spread; 0 for all.
        threads: of the edge's network.
        formats: names of the image formats to sweep, comma apart.
        baselines: whether to sweep them.
        with_pictures: whether to keep reconstructions for the page.
        zoo, cloud: as of `zoo_option` and `cloud_option`.
    """

    panel: ClassVar[str] = "What is measured"
    images: Path | None = images_option()
    codec: str = option(MAIN_FAMILY, "Families of codecs, comma apart; the first is compared with everything.")
    adaptations: str = option(
        ",".join(ADAPTATIONS), f"How tables are fitted to an image, comma apart: {', '.join(ADAPTATIONS)}."
    )
    limit_images: int = option(0, "Take only so many images; 0 for all.", least=0, flags=("--limit",), is_limit=True)
    threads: int = option(1, "Threads of the edge's network.", least=1)
    formats: str = option(",".join(FORMATS), "Image files measured beside, comma apart.")
    baselines: bool = option(True, "Measure image files as well.")
    with_pictures: bool = True
    zoo: Path | None = zoo_option()
    cloud: str = cloud_option()
