"""Families of image codecs: the same networks at several qualities, of which one is chosen, or the best that fits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from isthmus.common.coded import Coded
from isthmus.common.errors import InputError
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.side import Adaptation
from isthmus.common.image.signal import IMAGE
from isthmus.common.image.symbols import CodedImage
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.signals import Image
from isthmus.common.zoo import ZooFolders, codec_folders, find_codec, find_zoos
from isthmus.edge.image.encoder import ImageEncoder
from isthmus.runtime.engine import AUTO

DEFAULT_QUALITY = int(IMAGE.default_codec.rpartition("-q")[2])

MEMBER = re.compile(r"(?P<family>.+)-q(?P<quality>[1-9][0-9]?)")


class ImageFamily:
    """The codecs of one family by quality, their encoders opened when first used.

    Args:
        name: of the family, "image-light".
        folders: of its codecs, by quality; at least one.
        threads: of each network.
        engine: what runs the networks.
    """

    def __init__(self, name: str, folders: Mapping[int, Path], threads: int = 1, engine: str = AUTO) -> None:
        if not folders:
            raise InputError(f"family {name!r}: expected at least one codec, got none")
        self.name = name
        self._folders = dict(sorted(folders.items()))
        self._threads = threads
        self._engine = engine
        self._encoders: dict[int, ImageEncoder] = {}

    @property
    def qualities(self) -> tuple[int, ...]:
        """Qualities there are, rising: more bits with each."""
        return tuple(self._folders)

    def encoder(self, quality: int) -> ImageEncoder:
        """The encoder of one quality. InputError if there is none; ManifestError if its folder is damaged."""
        if quality not in self._folders:
            raise InputError(
                f"codec {self.name}: expected a quality of {', '.join(map(str, self._folders))}, got {quality}"
            )
        if quality not in self._encoders:
            self._encoders[quality] = ImageEncoder(self._folders[quality], self._threads, engine=self._engine)
        return self._encoders[quality]

    def encode_within(
        self, image: Image, max_bytes: int, adaptation: Adaptation = Adaptation.AUTO
    ) -> tuple[int, Coded[CodedImage]]:
        """The best quality whose packet has at most `max_bytes` bytes, and that packet.

        Found by halving, as sizes grow with quality: at most four encodings of eight qualities.

        Raises:
            InputError: none is so small; the message says how small the image gets.
        """
        qualities = self.qualities
        best: tuple[int, Coded[CodedImage]] | None = None
        smallest = 0
        low, high = 0, len(qualities) - 1
        while low <= high:
            middle = (low + high) // 2
            encoded = self.encoder(qualities[middle]).encode(image, adaptation)
            size = encoded.packet.size_bytes
            if size <= max_bytes:
                best = qualities[middle], encoded
                low = middle + 1
            else:
                smallest = size if not smallest else min(smallest, size)
                high = middle - 1
        if best is None:
            raise InputError(
                f"expected a packet of at most {max_bytes} bytes, the smallest that {self.name} makes of this image "
                f"({image.width} x {image.height} pixels) has {smallest}"
            )
        return best


def find_family(codec: str, zoo: ZooFolders = None, quality: int = 0, engine: str = AUTO) -> tuple[ImageFamily, int]:
    """The family of a codec, and the quality that was asked for.

    Args:
        codec: a family's name ("image-light"), a codec's name ("image-light-q4"), or the path of a codec's folder.
        zoo: folders of codecs; None for the usual ones.
        engine: what runs the networks.
        quality: wanted; 0 for the codec's own, or the default of a family.

    Raises:
        InputError: no such codec or quality, or `codec` and `quality` name different qualities.
        ManifestError: the codec is not of images.
    """
    known = _members(find_zoos(zoo), codec) if "/" not in codec and "\\" not in codec else {}
    if known:
        family = ImageFamily(codec, known, engine=engine)
        own = DEFAULT_QUALITY if DEFAULT_QUALITY in known else family.qualities[len(known) // 2]
    else:
        folder = find_codec(codec, zoo)
        manifest = load_codec_folder(folder, needed=(), kind=ImageManifest).manifest
        family = ImageFamily(
            manifest.family, _members((folder.parent,), manifest.family) | {manifest.quality: folder}, engine=engine
        )
        own = manifest.quality
        if quality not in (0, own):
            raise InputError(
                f"codec {codec}: expected quality {own}, as its name says, got {quality}; name the family instead: "
                f"--codec {manifest.family} --quality {quality}"
            )
    if quality and quality not in family.qualities:
        family.encoder(quality)  # says which there are
    return family, quality or own


def _members(zoos: Sequence[Path], family: str) -> dict[int, Path]:
    """The codecs of a family by quality, all of the first zoo that has any: no family is of two makers."""
    for zoo in zoos:
        found = ((path, MEMBER.fullmatch(path.name)) for path in codec_folders(zoo))
        known = {int(match["quality"]): path for path, match in found if match and match["family"] == family}
        if known:
            return known
    return {}
