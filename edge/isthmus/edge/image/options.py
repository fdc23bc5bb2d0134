"""What may be set of images. No heavy imports: every command that offers these reads them as it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.common.options import option
from isthmus.edge.bag_options import topic_option

# `isthmus.common.image.side.Adaptation`, without what it imports; a test holds them equal.
ADAPTATIONS = ("auto", "static", "chosen", "synthesized", "context")


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """How images are coded, and what becomes of what the cloud sends back.

    Attributes:
        quality: of the codec's family; 0 for the codec's own.
        max_bytes: the best quality whose packet fits is taken; 0 for no bound.
        adaptation: how tables are fitted to an image, one of `ADAPTATIONS`.
        topic: of bags, "" where they have one of pictures.
        save: folder for the reconstructions, None for sending no pixels back.
    """

    panel: ClassVar[str] = "Images"
    quality: int = option(
        0,
        "Quality of the codec's family.",
        least=0,
        most=99,
        automatic="as --codec says",
        elsewhere="its qualities are codecs of their own, --codec NAME-q1 for example; `isthmus inspect` lists them",
    )
    max_bytes: int = option(0, "Best quality whose packet has at most these.", least=0, automatic="no bound")
    adaptation: str = option(
        "auto", f"How tables are fitted: {', '.join(ADAPTATIONS[:-1])} or {ADAPTATIONS[-1]}.", choices=ADAPTATIONS
    )
    topic: str = topic_option()
    save: Path | None = option(None, "Folder for what the cloud reconstructs, as PNG.", metavar="DIR")
