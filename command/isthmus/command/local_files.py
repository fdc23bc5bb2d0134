"""`isthmus encode` and `isthmus decode`: signals to stream files (`.isth`) and back, without a server."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, ClassVar

import typer

from isthmus.command.frame import command_frame, end, print_error
from isthmus.command.options import Given, with_options
from isthmus.command.signal_options import SIGNAL_KINDS, CodecOptions, NamedCodecOptions
from isthmus.common.errors import InputError, IsthmusError, ManifestMismatchError
from isthmus.common.options import option

if TYPE_CHECKING:
    from isthmus.command.local_encoder import LocalEncoder
    from isthmus.common.bits.packet import Packet
    from isthmus.common.bits.stream_file import StreamHeader
    from isthmus.common.zoo import ZooFolders
    from isthmus.edge.failures import Failure

SUFFIX = ".isth"


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """Where decoded signals go, and what is told of labels."""

    panel: ClassVar[str] = "Output"
    out: Path | None = option(
        None, "Images: FILE.png for the one there is, or a folder. Others need none.", flags=("--out", "-o")
    )
    top_k: int = option(1, "Point clouds and frames of videos: labels for each.", least=1)


@command_frame
@with_options(CodecOptions, *SIGNAL_KINDS, without=("top_k", "batch", "save", "realtime", "fps"))
def encode(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILES", help="Files of point clouds, images or videos, and folders; - reads standard input."
        ),
    ],
    *,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="PATH",
            rich_help_panel="Output",
            help="FILE.isth for all of them, or a folder for one file each.",
        ),
    ],
    given: Given,
) -> None:
    """Encode point clouds, images or videos into stream files."""
    from isthmus.command.local_encoder import LocalEncoder
    from isthmus.edge.failures import Failure

    failed_count = 0
    encoder = LocalEncoder(tuple(files), given)
    names = encoder.names()
    if encoder.is_video and out.suffix != SUFFIX:
        raise InputError(f"{out}: expected FILE{SUFFIX}, as the frames of a video belong together")
    if out.suffix == SUFFIX and given.values.get("max_bytes") and len(names) > 1:
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
@with_options(NamedCodecOptions, DecodeOptions)
def decode(
    files: Annotated[list[Path], typer.Argument(metavar="FILES", help="Stream files, .isth.")], *, given: Given
) -> None:
    """Decode stream files: images to PNG files; point clouds and videos to labels, a JSON object a cloud or frame."""
    about, options = given.of(NamedCodecOptions), given.of(DecodeOptions)
    out = options.out
    if out is not None and out.suffix == ".png" and len(files) > 1:
        raise InputError(f"--out: expected a folder for {len(files)} files, got {out}")
    failed_count = 0
    for path in files:
        try:
            _decode_file(path, out, about.codec, about.zoo, options.top_k)
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


def _decode_file(path: Path, out: Path | None, codec: str, zoo: ZooFolders, top_k: int) -> None:
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
