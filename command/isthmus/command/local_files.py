"""`isthmus encode` and `isthmus decode`: signals to stream files (`.isth`) and back, without a server."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from isthmus.command.edge import check_up
from isthmus.command.frame import command_frame, end, print_error
from isthmus.common.errors import InputError, IsthmusError, ManifestMismatchError

if TYPE_CHECKING:
    from isthmus.command.local_encoder import LocalEncoder
    from isthmus.common.bits.packet import Packet
    from isthmus.common.bits.stream_file import StreamHeader
    from isthmus.edge.failures import Failure

SUFFIX = ".isth"


@command_frame
def encode(
    files: Annotated[
        list[str],
        typer.Argument(help="Files of point clouds, images or videos, and folders; - reads one from standard input."),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="FILE.isth for all of them, or a folder for one file each.")],
    codec: Annotated[
        str,
        typer.Option(
            help="As of `isthmus edge`. [default: pc-lite-any-q10, for images image-light-q4, for videos video-tiny-q3]"
        ),
    ] = "",
    zoo: Annotated[
        Path | None, typer.Option(envvar="ISTHMUS_ZOO", help="Folder of codecs. [default: those that ship]")
    ] = None,
    format_name: Annotated[str, typer.Option("--format", help="Format of the files. [default: by suffix]")] = "",
    up: Annotated[
        str,
        typer.Option(callback=check_up, help="Clouds: axis that points up, y or z. [default: the format's]"),
    ] = "",
    points: Annotated[int, typer.Option(min=0, help="Clouds: points each is thinned to. [default: the codec's]")] = 0,
    quality: Annotated[int, typer.Option(min=0, max=99, help="Images: quality of the codec's family.")] = 0,
    max_bytes: Annotated[int, typer.Option(min=0, help="Images: best quality whose packet has at most these.")] = 0,
    adaptation: Annotated[
        str,
        typer.Option(
            help="Images: how tables are fitted: auto, static, chosen, synthesized or context. [default: auto]"
        ),
    ] = "",
) -> None:
    """Encode point clouds, images or videos into stream files."""
    from isthmus.command.local_encoder import LocalEncoder, LocalOptions
    from isthmus.edge.failures import Failure

    failed_count = 0
    options = LocalOptions(codec, zoo, format_name, up, points, quality, max_bytes, adaptation)
    encoder = LocalEncoder(tuple(files), options)
    names = encoder.names()
    if encoder.is_video and out.suffix != SUFFIX:
        raise InputError(f"{out}: expected FILE{SUFFIX}, as the frames of a video belong together")
    if out.suffix == SUFFIX and max_bytes and len(names) > 1:
        raise InputError(
            f"{out}: expected a folder, as --max-bytes may choose another codec for each of {len(names)} images "
            "and a stream file is of one"
        )
    for name in _encoded(encoder, names, out):
        if isinstance(name, Failure):
            failed_count += 1
            print_error(name.message)
        else:
            print(name)
    end(failed_count)


@command_frame
def decode(
    files: Annotated[list[Path], typer.Argument(help="Stream files, .isth.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Images: FILE.png for the one there is, or a folder. Others need none."),
    ] = None,
    codec: Annotated[
        str, typer.Option(help="A codec's name or the path of its folder. [default: by the file's header]")
    ] = "",
    zoo: Annotated[
        Path | None, typer.Option(envvar="ISTHMUS_ZOO", help="Folder of codecs. [default: those that ship]")
    ] = None,
    top_k: Annotated[int, typer.Option(min=1, help="Clouds and frames of videos: labels for each.")] = 1,
) -> None:
    """Decode stream files: images to PNG files; point clouds and videos to labels, a JSON object a cloud or frame."""
    if out is not None and out.suffix == ".png" and len(files) > 1:
        raise typer.BadParameter(f"expected a folder for {len(files)} files, got {out}", param_hint="--out")
    failed_count = 0
    for path in files:
        try:
            _decode_file(path, out, codec, zoo, top_k)
        except IsthmusError as error:
            failed_count += 1
            message = str(error)
            print_error(message if message.startswith(str(path)) else f"{path}: {message}")
    end(failed_count, len(files))


def _encoded(encoder: LocalEncoder, names: Iterable[str | Failure], out: Path) -> Iterator[str | Failure]:
    """Encodes each input; gives a line, or the failure, for each."""
    from isthmus.common.bits.stream_file import StreamWriter
    from isthmus.edge.failures import Failure
    from isthmus.edge.image.job import make_folder

    if out.suffix == SUFFIX:
        writer: StreamWriter | None = None
        with _replaced(out) as file:
            for item in encoder.encode(names):
                if isinstance(item, Failure):
                    yield item
                    continue
                writer = writer or StreamWriter(file, item.header)
                writer.write(item.packet)
                yield f"{item.name} -> {out}: {item.summary}"
            if writer is None:
                raise InputError(f"{out}: expected at least one input that can be encoded, got none")
        return
    make_folder(out)
    taken: set[str] = set()
    for item in encoder.encode(names):
        if isinstance(item, Failure):
            yield item
            continue
        path = out / (unused("stdin" if item.name == "-" else Path(item.name).stem, taken) + SUFFIX)
        with _replaced(path) as file:
            StreamWriter(file, item.header).write(item.packet)
        yield f"{item.name} -> {path}: {item.summary}"


def unused(stem: str, taken: set[str]) -> str:
    """The stem, or with a number where it is taken; taken from now on."""
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name)
    return name


@contextmanager
def _replaced(path: Path) -> Iterator[BinaryIO]:
    """A file that is there whole when the block ends, and as before if it raises."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise InputError(f"{path}: expected a place to write to: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def _decode_file(path: Path, out: Path | None, codec: str, zoo: Path | None, top_k: int) -> None:
    from isthmus.common.bits.packet import DEFAULT_LIMITS, Limits
    from isthmus.common.bits.stream_file import StreamReader
    from isthmus.common.image.coder import IMAGE_LIMITS
    from isthmus.common.image.manifest import ImageManifest
    from isthmus.common.manifest.folder import load_codec_folder
    from isthmus.common.video.manifest import VideoManifest
    from isthmus.common.zoo import find_codec

    limits = Limits(IMAGE_LIMITS.max_packet_size_bytes, IMAGE_LIMITS.max_symbol_count, DEFAULT_LIMITS.max_signal_count)
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: expected a readable file: {error.strerror or error}") from error
    with file:
        reader = StreamReader(file, limits)
        folder = find_codec(codec or reader.header.codec_name, zoo)
        loaded = load_codec_folder(folder, needed=())
        _check_identity(reader.header, loaded.manifest.identity, folder)
        if isinstance(loaded.manifest, ImageManifest):
            _decode_images(path, folder, reader, out)
        elif isinstance(loaded.manifest, VideoManifest):
            _print_frame_labels(path, folder, reader, top_k)
        else:
            _print_labels(path, folder, reader, top_k)


def _check_identity(header: StreamHeader, identity: bytes, folder: Path) -> None:
    if header.identity != identity:
        raise ManifestMismatchError(
            f"codec {header.codec_name}: expected the manifest {header.identity.hex()[:12]}… that the file names, "
            f"{folder} has {identity.hex()[:12]}…; give the codec's folder with --codec"
        )


def _decode_images(path: Path, folder: Path, packets: Iterable[Packet], out: Path | None) -> None:
    from isthmus.cloud.image.reconstruct import Reconstructor
    from isthmus.common.image.coder import IMAGE_LIMITS
    from isthmus.data.image.files import write_image
    from isthmus.edge.image.job import make_folder

    if out is None:
        raise InputError("expected --out FILE.png or a folder for the images, got none")
    reconstructor = Reconstructor(folder, IMAGE_LIMITS)
    if out.suffix != ".png":
        make_folder(out)
    previous: Packet | None = None
    for index, packet in enumerate(_with_end(packets)):
        if previous is not None:
            is_only = index == 1 and packet is None
            if out.suffix == ".png" and not is_only:
                raise InputError(f"{path}: expected one image for {out}, got more; give a folder")
            name = f"{path.stem}.png" if is_only else f"{path.stem}-{index - 1:06d}.png"
            target = out if out.suffix == ".png" else out / name
            image, _ = reconstructor.reconstruct(previous.to_bytes())
            write_image(image, target)
            print(f"{path} -> {target}: {image.width} x {image.height}")
        previous = packet
    if index == 0:
        raise InputError(f"{path}: expected at least one packet, got none")


def _with_end(packets: Iterable[Packet]) -> Iterator[Packet | None]:
    """The packets, then None: a file's only packet is known as such when nothing follows it."""
    yield from packets
    yield None


def _print_labels(path: Path, folder: Path, packets: Iterable[Packet], top_k: int) -> None:
    from isthmus.cloud.served import CloudCodec
    from isthmus.common.bits.packet import DEFAULT_LIMITS
    from isthmus.common.wire import FrameLabels

    codec = CloudCodec(folder, DEFAULT_LIMITS)
    names = codec.manifest.class_names
    most = min(top_k, len(names))
    for index, packet in enumerate(packets):
        (outcome,), _ = codec.infer([packet.to_bytes()], most)
        if isinstance(outcome, IsthmusError):
            raise outcome
        for signal, labels in enumerate(FrameLabels(tuple(outcome)).signals(most)):
            told = [{"class": names[label.class_index], "probability": label.probability} for label in labels]
            fields = {"file": str(path), "packet": index, "signal": signal, **told[0], "labels": told}
            print(json.dumps(fields, ensure_ascii=False))


def _print_frame_labels(path: Path, folder: Path, packets: Iterable[Packet], top_k: int) -> None:
    """A line for each frame of a video; one that cannot be decoded is told, and the next may be again."""
    from isthmus.cloud.video.codec import VideoInference
    from isthmus.common.errors import CodecError
    from isthmus.common.wire import FrameLabels

    inference = VideoInference(folder)
    decoder = inference.decoder()
    names = inference.manifest.class_names
    most = min(top_k, len(names))
    failed: IsthmusError | None = None
    for index, packet in enumerate(packets):
        outcome, _ = inference.infer(decoder, packet.to_bytes(), most)
        if not isinstance(outcome, FrameLabels):
            failed = failed or CodecError(f"packet {index}: {outcome}")
            print(json.dumps({"file": str(path), "packet": index, "error": str(outcome)}, ensure_ascii=False))
            continue
        (labels,) = outcome.signals(most)
        told = [{"class": names[label.class_index], "probability": label.probability} for label in labels]
        print(json.dumps({"file": str(path), "packet": index, **told[0], "labels": told}, ensure_ascii=False))
    if failed is not None:
        raise failed
