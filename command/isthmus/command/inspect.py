"""`isthmus inspect`: what is in a codec, a stream file or a packet; without an argument, which codecs there are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from isthmus.command.frame import command_frame, table_console
from isthmus.command.options import Given, with_options
from isthmus.command.signal_options import zoo_option
from isthmus.common.catalog import SIGNALS
from isthmus.common.options import option
from isthmus.data.image.formats import is_image_name

if TYPE_CHECKING:
    from isthmus.common.zoo import ZooFolders
    from isthmus.measure.table import NarrowTable


@dataclass(frozen=True, slots=True)
class InspectOptions:
    """What to look at it with, and where the picture goes."""

    panel: ClassVar[str] = "Options"
    codec: str = option("", "Codec of the packet (its symbols are decoded too), or the one to encode the file by.")
    zoo: tuple[Path, ...] = zoo_option()
    picture: Path | None = option(
        None,
        "Of a point cloud: its points, the critical ones and what the bits still know; of an image: what comes out.",
        metavar="FILE",
    )


@command_frame
@with_options(InspectOptions)
def inspect(
    target: Annotated[
        str,
        typer.Argument(
            show_default=False,
            help="A codec's name or folder, an .isth file, a packet in hex, or a point cloud or image file; nothing: "
            "list the codecs.",
        ),
    ] = "",
    *,
    given: Given,
) -> None:
    """Show what is inside a codec, a stream file, a packet, or a point cloud as a codec sees it."""
    table_console().print(_table_of(target, given.of(InspectOptions)))


def _table_of(target: str, options: InspectOptions) -> NarrowTable:
    from isthmus.command import codec_tables, packet_tables

    if not target:
        return codec_tables.list_codecs(options.zoo)
    if Path(target).suffix == ".isth":
        return packet_tables.show_stream(Path(target), options.zoo)
    if _is_file(target):
        return _show_file(Path(target), options.codec, options.zoo, options.picture)
    if _is_hex(target):
        return packet_tables.show_packet(bytes.fromhex(target), options.codec, options.zoo)
    return codec_tables.show_codec(target, options.zoo)


def _show_file(path: Path, codec: str, zoo: ZooFolders, picture: Path | None) -> NarrowTable:
    """An image, or else a point cloud, through a codec."""
    from isthmus.command.codec_tables import fields_table
    from isthmus.command.image.inspect import image_rows
    from isthmus.command.pointcloud.inspect import point_cloud_rows
    from isthmus.common.image.manifest import ImageManifest
    from isthmus.common.manifest.folder import load_codec_folder
    from isthmus.common.pointcloud.manifest import PointCloudManifest
    from isthmus.common.zoo import find_codec

    if is_image_name(path):
        image_codec = load_codec_folder(
            find_codec(codec or SIGNALS[ImageManifest.signal].default_codec, zoo), kind=ImageManifest
        )
        rows, name = image_rows(path, image_codec, picture), image_codec.manifest.name
    else:
        point_codec = load_codec_folder(
            find_codec(codec or SIGNALS[PointCloudManifest.signal].default_codec, zoo), kind=PointCloudManifest
        )
        rows, name = point_cloud_rows(path, point_codec, picture), point_codec.manifest.name
    return fields_table(f"{path} through {name}", rows)


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except OSError:  # longer than names may be, as a packet in hex is
        return False


def _is_hex(text: str) -> bool:
    try:
        return bool(bytes.fromhex(text))
    except ValueError:
        return False
