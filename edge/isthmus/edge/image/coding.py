"""Images as a program has them, and the encoder that takes them: as files, as arrays, or as they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from isthmus.common.coded import Coded
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.side import Adaptation
from isthmus.common.image.signal import IMAGE
from isthmus.common.image.symbols import CodedImage
from isthmus.common.signals import Image
from isthmus.data.image.files import image_paths
from isthmus.edge.failures import Failure
from isthmus.edge.image.encoder import ImageEncoder
from isthmus.edge.image.options import ImageOptions
from isthmus.edge.image.reading import read_item
from isthmus.edge.inputs import Inputs
from isthmus.runtime.engine import AUTO


class AdaptedEncoder:
    """An image encoder whose tables are fitted in one way. As `ImageEncoder` otherwise."""

    def __init__(self, encoder: ImageEncoder, adaptation: Adaptation) -> None:
        self.manifest: ImageManifest = encoder.manifest
        self._encoder = encoder
        self._adaptation = adaptation

    def encode(self, image: Image) -> Coded[CodedImage]:
        """One image, one packet. InputError: an adaptation that the codec does not have."""
        return self._encoder.encode(image, self._adaptation)


def open_encoder(folder: str | Path, options: ImageOptions, engine: str = AUTO) -> AdaptedEncoder:
    """The edge half of a codec. Raises as `ImageEncoder`."""
    return AdaptedEncoder(ImageEncoder(folder, engine=engine), Adaptation(options.adaptation))


def read(given: Any, encoder: AdaptedEncoder, options: ImageOptions, format_name: str = "") -> Iterator[Image]:
    """The images in what was given.

    Args:
        given: a file, a folder of them, a bag, pixels uint8 [height, width, 3], or an image.
        encoder: of the codec.
        options: as asked for.
        format_name: of files, "" to take all.

    Raises:
        InputError: no image.
    """
    del encoder  # any codec takes any image
    if isinstance(given, str | Path):
        for item in Inputs([str(given)], image_paths, IMAGE.message_types, options.topic):
            if isinstance(item, Failure):
                raise item.error
            yield read_item(item, format_name)
        return
    yield given if isinstance(given, Image) else Image(given)
