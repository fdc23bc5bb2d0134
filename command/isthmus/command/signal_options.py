"""The options of every signal, and those that commands share: a codec and where it lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from isthmus.common.options import Options, option
from isthmus.edge.image.options import ImageOptions
from isthmus.edge.pointcloud.options import PointCloudOptions
from isthmus.edge.video.options import VideoOptions

# By the signal's name in a manifest.
SIGNAL_OPTIONS: dict[str, type[Options]] = {
    "point-cloud": PointCloudOptions,
    "image": ImageOptions,
    "video": VideoOptions,
}
SIGNAL_KINDS = tuple(SIGNAL_OPTIONS.values())


def zoo_option() -> Any:
    """The option `--zoo` of every command that looks for codecs; what it gives is for `isthmus.common.zoo`."""
    return option(
        (),
        "Folder of codecs, searched before those that ship; may be given again for more. [env: ISTHMUS_ZOO]",
        metavar="DIR",
    )


@dataclass(frozen=True, slots=True)
class CodecOptions:
    """Which codec, of what inputs.

    Attributes:
        codec: a codec's name, its folder, or a family's name; "" for the default of the inputs' signal.
        zoo: folders of codecs, searched in order, before those that ship.
        format: of the inputs, "" to tell by their names.
    """

    panel: ClassVar[str] = "Codec"
    codec: str = option(
        "",
        "A codec's name or the path of its folder, or a family of image codecs.",
        automatic="pc-lite-any-q10, for images image-light-q4, for videos video-tiny-q3",
    )
    zoo: tuple[Path, ...] = zoo_option()
    format: str = option("", "Format of the files.", automatic="by suffix; needed for a point cloud from -")


@dataclass(frozen=True, slots=True)
class NamedCodecOptions:
    """Which codec, of bytes that name theirs.

    Attributes:
        codec: a codec's name or its folder; "" for the one that the bytes name.
        zoo: folders of codecs, searched in order, before those that ship.
    """

    panel: ClassVar[str] = "Codec"
    codec: str = option("", "A codec's name or the path of its folder.", automatic="by the file's header")
    zoo: tuple[Path, ...] = zoo_option()
