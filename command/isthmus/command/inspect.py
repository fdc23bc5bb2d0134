"""`isthmus inspect`: what is in a codec, a stream file or a packet; without an argument, which codecs there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from isthmus.command.frame import command_frame, table_console
from isthmus.command.options import Given, with_options
from isthmus.command.signal_options import zoo_option
from isthmus.common.errors import InputError, IsthmusError
from isthmus.common.options import option
from isthmus.data.image.formats import is_image_name

if TYPE_CHECKING:
    from rich.table import Table

    from isthmus.common.bits.packet import Packet
    from isthmus.common.image.manifest import ImageManifest
    from isthmus.common.manifest.folder import CodecFolder
    from isthmus.common.manifest.manifest import Manifest
    from isthmus.common.pointcloud.manifest import PointCloudManifest
    from isthmus.common.zoo import ZooFolders

MAX_ROWS = 40
MAX_HEX_BYTES = 64
DEFAULT_CODEC = "pc-lite-any-q10"


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
    options = given.of(InspectOptions)
    codec, zoo, picture = options.codec, options.zoo, options.picture
    console = table_console()
    if not target:
        console.print(_zoo_table(zoo))
    elif Path(target).suffix == ".isth":
        console.print(_stream_table(Path(target), zoo))
    elif _is_file(target) and is_image_name(target):
        console.print(_image_table(Path(target), codec, zoo, picture))
    elif _is_file(target):
        console.print(_cloud_table(Path(target), codec or DEFAULT_CODEC, zoo, picture))
    elif _is_hex(target):
        console.print(_packet_table(bytes.fromhex(target), codec, zoo))
    else:
        console.print(_codec_table(target, zoo))


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


def _table(title: str, *columns: str) -> Table:
    from rich.table import Table

    return Table(*columns, title=title, title_justify="left")


def _training(folder: Path) -> dict[str, Any]:
    import json

    path = folder / "training.json"
    return dict(json.loads(path.read_text())) if path.is_file() else {}


def _zoo_table(zoo: ZooFolders) -> Table:
    from isthmus.common.image.manifest import ImageManifest
    from isthmus.common.manifest.folder import load_codec_folder
    from isthmus.common.pointcloud.manifest import PointCloudManifest
    from isthmus.common.video.manifest import VideoManifest
    from isthmus.common.zoo import codec_folders, find_zoos

    zoos = find_zoos(zoo)
    table = _table(
        f"Codecs in {', '.join(map(str, zoos))}",
        "codec",
        "symbols",
        "points",
        "validation bits",
        "validation top-1 %",
        "KiB",
        "identity",
    )
    for path in codec_folders(zoos):
        manifest = load_codec_folder(path, needed=()).manifest
        seen = _training(path).get("validation", {})
        symbols = points = ""
        if isinstance(manifest, PointCloudManifest):
            symbols, points = str(manifest.channels), str(manifest.preprocessing.benchmark_points or "any")
        elif isinstance(manifest, ImageManifest | VideoManifest):
            symbols = f"{manifest.latent_channels} / {manifest.stride}²"
        size = sum(f.stat().st_size for f in path.iterdir())
        table.add_row(
            path.name,
            symbols,
            points,
            _number(seen.get("bits")),
            _number(seen.get("top1_percent")),
            f"{size / 1024:.0f}",
            manifest.identity.hex()[:12],
        )
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _codec_table(name: str, zoo: ZooFolders) -> Table:
    from isthmus.command.inspect_video import add_video_rows
    from isthmus.common.image.manifest import ImageManifest
    from isthmus.common.manifest.folder import CodecFolder, load_codec_folder
    from isthmus.common.pointcloud.manifest import PointCloudManifest
    from isthmus.common.video.manifest import VideoManifest
    from isthmus.common.zoo import find_codec

    folder = load_codec_folder(find_codec(name, zoo))
    manifest = folder.manifest
    table = _table(f"Codec {manifest.name}", "field", "value")
    table.add_row("identity (SHA-256 of the manifest)", manifest.identity.hex())
    table.add_row("bitstream version", str(manifest.bitstream_version))
    table.add_row("signal, tasks", f"{manifest.signal}; {', '.join(manifest.tasks)}")
    if isinstance(manifest, PointCloudManifest):
        _add_point_cloud_rows(table, manifest)
    elif isinstance(manifest, ImageManifest):
        _add_image_rows(table, manifest)
    elif isinstance(manifest, VideoManifest):
        add_video_rows(table, CodecFolder(manifest, folder.path))
    for file, digest in manifest.weights:
        table.add_row(file, f"{(folder.path / file).stat().st_size} bytes, SHA-256 {digest}")
    for key, value in sorted(_training(folder.path).items()):
        table.add_row(f"training: {key}", str(value))
    return table


def _add_point_cloud_rows(table: Table, manifest: PointCloudManifest) -> None:
    prior, p = manifest.prior, manifest.preprocessing
    table.add_row("classes", ", ".join(manifest.class_names))
    points = f"{p.min_points} to {p.max_points}" + (f", benchmark {p.benchmark_points}" if p.benchmark_points else "")
    table.add_row("points", f"{points}; {p.up_axis} up")
    table.add_row("symbols", f"{manifest.channels} of {', '.join(str(n) for n in prior.value_counts[:16])} values")
    table.add_row("parent of each symbol in the prior", ", ".join(str(n) for n in prior.parent[:16]))


def _add_image_rows(table: Table, manifest: ImageManifest) -> None:
    table.add_row("latents", f"{manifest.latent_channels} channels, one for each {manifest.stride} x {manifest.stride}")
    if manifest.hyper_channels:
        size = manifest.hyper_stride
        table.add_row("hyperprior", f"{manifest.hyper_channels} channels, one for each {size} x {size}")
    if manifest.bins:
        table.add_row("synthesized distributions", f"of {manifest.bins} bins")
    table.add_row("halo", f"{manifest.halo_pixels} pixels (edge), {manifest.halo_latents} latents (cloud)")


def _stream_table(path: Path, zoo: ZooFolders) -> Table:
    from isthmus.common.bits.packet import DEFAULT_LIMITS
    from isthmus.common.bits.stream_file import StreamReader
    from isthmus.common.image.coder import IMAGE_LIMITS

    limits = replace(IMAGE_LIMITS, max_signal_count=DEFAULT_LIMITS.max_signal_count)
    if not path.is_file():
        raise InputError(f"{path}: expected a stream file, got a path where none is")
    with path.open("rb") as file:
        reader = StreamReader(file, limits)
        header = reader.header
        kind, say = _stream_words(header.codec_name, zoo)
        title = f"{path}: stream of {header.codec_name}, manifest {header.identity.hex()[:12]}"
        table = _table(title, "packet", "type", "signals", "bytes", kind)
        count = size = 0
        for packet in reader:
            if count < MAX_ROWS:
                table.add_row(
                    str(count), packet.type.name.lower(), str(packet.signal_count), str(packet.size_bytes), say(packet)
                )
            count += 1
            size += packet.size_bytes
    table.add_row("all", "", "", str(size), f"{count} packets")
    return table


def _hex(section: bytes) -> str:
    """A section in hex, its beginning where it is long."""
    return section.hex() if len(section) <= MAX_HEX_BYTES else section[:MAX_HEX_BYTES].hex() + "…"


def _stream_words(name: str, zoo: ZooFolders) -> tuple[str, Callable[[Packet], str]]:
    """The heading of a stream's last column, and what says it of each packet in turn."""
    from isthmus.command import inspect_image, inspect_video
    from isthmus.common.manifest.folder import CodecFolder
    from isthmus.common.video.manifest import VideoManifest

    folder = _known_codec(name, zoo)
    if folder is not None and folder.manifest.signal == "image":
        return "image", inspect_image.packet_summary
    if folder is not None and isinstance(folder.manifest, VideoManifest):
        return "frame", inspect_video.stream_summaries(CodecFolder(folder.manifest, folder.path))
    return "sections in hex", lambda packet: " | ".join(map(_hex, packet.sections))


def _known_codec(name: str, zoo: ZooFolders) -> CodecFolder[Manifest] | None:
    """A stream's codec, its files not read; none where it is not at hand, and nobody knows."""
    from isthmus.common.manifest.folder import load_codec_folder
    from isthmus.common.zoo import find_codec

    try:
        return load_codec_folder(find_codec(name, zoo), needed=())
    except IsthmusError:
        return None


def _packet_table(data: bytes, codec: str, zoo: ZooFolders) -> Table:
    from isthmus.command import inspect_image, inspect_video
    from isthmus.common.bits.packet import Packet
    from isthmus.common.image.manifest import ImageManifest
    from isthmus.common.manifest.folder import CodecFolder, load_codec_folder
    from isthmus.common.pointcloud.manifest import PointCloudManifest
    from isthmus.common.video.manifest import VideoManifest
    from isthmus.common.zoo import find_codec

    packet = Packet.from_bytes(data)
    table = _table(f"Packet of {len(data)} bytes", "field", "value")
    table.add_row("type", packet.type.name.lower())
    table.add_row("signals", str(packet.signal_count))
    for number, section in enumerate(packet.sections):
        table.add_row(f"section {number}", f"{len(section)} bytes: {_hex(section)}")
    table.add_row("symbol checksum", packet.checksum.hex() or "none")
    folder = load_codec_folder(find_codec(codec, zoo), needed=()) if codec else None
    manifest = folder.manifest if folder is not None else None
    if folder is not None and isinstance(manifest, ImageManifest):
        inspect_image.add_symbol_rows(table, CodecFolder(manifest, folder.path), data)
    elif folder is not None and isinstance(manifest, VideoManifest):
        inspect_video.add_packet_rows(table, CodecFolder(manifest, folder.path), packet)
    elif isinstance(manifest, PointCloudManifest):
        symbols = manifest.prior.decode(packet.sections[-1], packet.signal_count)
        packet.verify(symbols)
        for row, bits in zip(symbols.values, manifest.prior.estimated_bits(symbols), strict=True):
            table.add_row("symbols", f"{row.tolist()}  ({bits:.2f} bits)")
    return table


def _image_table(path: Path, codec: str, zoo: ZooFolders, picture: Path | None) -> Table:
    from isthmus.command.inspect_image import DEFAULT_CODEC, image_table
    from isthmus.common.image.manifest import ImageManifest
    from isthmus.common.manifest.folder import load_codec_folder
    from isthmus.common.zoo import find_codec

    folder = load_codec_folder(find_codec(codec or DEFAULT_CODEC, zoo), kind=ImageManifest)
    table = _table(f"{path} through {folder.manifest.name}", "field", "value")
    image_table(table, path, folder, picture)
    return table


def _cloud_table(path: Path, codec: str, zoo: ZooFolders, picture: Path | None) -> Table:
    from isthmus.command.pointcloud_picture import draw_cloud, reconstruct
    from isthmus.common.manifest.folder import load_codec_folder
    from isthmus.common.pointcloud.manifest import PointCloudManifest
    from isthmus.common.signals import PointCloud
    from isthmus.common.zoo import find_codec
    from isthmus.data.pointcloud.files import read_point_cloud
    from isthmus.data.pointcloud.normalize import choose_points, normalize
    from isthmus.edge.pointcloud.encoder import THINNING_SEED, Encoder
    from isthmus.models.pointcloud.critical import critical_points

    folder = load_codec_folder(find_codec(codec, zoo), kind=PointCloudManifest)
    kept = folder.manifest.preprocessing
    thinned = choose_points(read_point_cloud(path).points, kept.benchmark_points or kept.max_points, THINNING_SEED)
    encoded = Encoder(folder).encode(PointCloud(thinned))
    symbols, points = encoded.symbols, normalize(thinned)
    critical = critical_points(folder.file("edge.onnx"), points)
    table = _table(f"{path} through {codec}", "field", "value")
    table.add_row("points", str(points.shape[1]))
    table.add_row("symbols", str(symbols.values[0].tolist()))
    table.add_row("estimated bits", f"{encoded.estimated_bits[0]:.2f}")
    table.add_row("payload", f"{encoded.payload_bits} bits: {encoded.packet.sections[-1].hex() or '(empty)'}")
    table.add_row("packet", f"{encoded.packet_bits} bits: {encoded.packet.to_bytes().hex()}")
    table.add_row("critical points", f"{len(critical)}: they alone give the same bits")
    if picture is not None:
        title = f"{path.name}, {codec}: a packet of {encoded.packet_bits} bits"
        draw_cloud(picture, points, critical, reconstruct(folder, symbols), title)
        table.add_row("picture", str(picture))
    return table
