"""`isthmus encode` and `isthmus decode`: signals to stream files (`.isth`) and back, without a server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from isthmus.command.edge import asked_of
from isthmus.command.frame import command_frame, end, print_error
from isthmus.command.options import Given, with_options
from isthmus.command.signal_options import SIGNAL_KINDS, CodecOptions, NamedCodecOptions, options_of
from isthmus.common.codec import opened
from isthmus.common.errors import CodecError, InputError, IsthmusError, ManifestMismatchError
from isthmus.common.options import option
from isthmus.common.shown import shown, shown_json
from isthmus.common.unused_name import unused
from isthmus.common.whole_file import whole_file

if TYPE_CHECKING:
    from isthmus.common.bits.packet import Packet
    from isthmus.common.bits.stream_file import StreamHeader
    from isthmus.common.manifest.folder import CodecFolder
    from isthmus.common.zoo import ZooFolders
    from isthmus.edge.failures import Failure
    from isthmus.edge.job import Packed

SUFFIX = ".isth"
PICTURE_SUFFIX = ".png"


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
    from isthmus.edge.failures import Failure
    from isthmus.edge.job import Job
    from isthmus.edge.signal_choice import choose_codec

    inputs, about = tuple(files), given.of(CodecOptions)
    choice = choose_codec(inputs, about.codec, about.zoo, about.format, **asked_of(given))
    is_one_file = out.suffix == SUFFIX
    if choice.is_sequence and not is_one_file:
        raise InputError(f"{out}: expected FILE{SUFFIX}, as the frames of a {choice.signal.noun} belong together")
    if is_one_file and given.values.get("max_bytes") and (len(inputs) > 1 or Path(inputs[0]).is_dir()):
        raise InputError(
            f"{out}: expected a folder, as --max-bytes may choose another codec for each of several "
            f"{choice.signal.plural} and a stream file is of one"
        )
    own = given.only(options_of(choice.way), SIGNAL_KINDS, choice.codec)
    job = Job(inputs, "", choice.codec, about.zoo, about.format, engine=about.engine, options=own)
    packed = opened(choice.way.pack)(job)
    failed_count = 0
    for name in _written(packed, out) if is_one_file else _written_apart(packed, out):
        if isinstance(name, Failure):
            failed_count += 1
            print_error(name.message)
        else:
            print(shown(name))
    end(failed_count)


@command_frame
@with_options(NamedCodecOptions, DecodeOptions)
def decode(
    files: Annotated[list[Path], typer.Argument(metavar="FILES", help="Stream files, .isth.")], *, given: Given
) -> None:
    """Decode stream files: images to PNG files; point clouds and videos to labels, a JSON object a cloud or frame."""
    about, options = given.of(NamedCodecOptions), given.of(DecodeOptions)
    out = options.out
    if out is not None and out.suffix == PICTURE_SUFFIX and len(files) > 1:
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


def _written(packed: Iterable[Packed | Failure], out: Path) -> Iterator[str | Failure]:
    """All packets into one file; a line, or the failure, for each."""
    from isthmus.common.bits.stream_file import StreamHeader, StreamWriter
    from isthmus.edge.failures import Failure

    writer: StreamWriter | None = None
    name = ""
    with whole_file(out) as file:
        for item in packed:
            if isinstance(item, Failure):
                yield item
                continue
            writer = writer or StreamWriter(file, StreamHeader(item.manifest.name, item.manifest.identity))
            name = name or item.manifest.name
            if item.manifest.name != name:
                raise InputError(
                    f"{out}: expected a folder, as {item.name} is coded by {item.manifest.name} and what came before "
                    f"by {name}, and a stream file is of one codec"
                )
            writer.write(item.coded.packet)
            yield f"{item.name} -> {out}: {item.summary}"
        if writer is None:
            raise InputError(f"{out}: expected at least one input that can be encoded, got none")


def _written_apart(packed: Iterable[Packed | Failure], out: Path) -> Iterator[str | Failure]:
    """Each packet into a file of its own."""
    from isthmus.common.bits.stream_file import StreamHeader, StreamWriter
    from isthmus.common.whole_file import make_folder
    from isthmus.edge.failures import Failure

    make_folder(out)
    taken: set[str] = set()
    for item in packed:
        if isinstance(item, Failure):
            yield item
            continue
        stem = item.stem or ("stdin" if item.name == "-" else Path(item.name).stem)
        path = out / (unused(stem, taken) + SUFFIX)
        with whole_file(path) as file:
            StreamWriter(file, StreamHeader(item.manifest.name, item.manifest.identity)).write(item.coded.packet)
        yield f"{item.name} -> {path}: {item.summary}"


def _decode_file(path: Path, out: Path | None, codec: str, zoo: ZooFolders, top_k: int) -> None:
    from isthmus.codec.inspection import any_limits
    from isthmus.common.bits.stream_file import StreamReader
    from isthmus.common.manifest.folder import load_codec_folder
    from isthmus.common.zoo import find_codec

    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: expected a readable file: {error.strerror or error}") from error
    with file:
        reader = StreamReader(file, any_limits())
        folder = find_codec(codec or reader.header.codec_name, zoo)
        loaded = load_codec_folder(folder, needed=())
        _check_identity(reader.header, loaded.manifest.identity, folder)
        if "pixels" in loaded.manifest.task.wants:
            _write_pictures(path, loaded, reader, out)
        else:
            _print_answers(path, loaded, reader, top_k)


def _check_identity(header: StreamHeader, identity: bytes, folder: Path) -> None:
    if header.identity != identity:
        raise ManifestMismatchError(
            f"codec {header.codec_name}: expected the manifest {header.identity.hex()[:12]}… that the file names, "
            f"{folder} has {identity.hex()[:12]}…; give the codec's folder with --codec"
        )


def _answers(loaded: CodecFolder[Any], packets: Iterable[Packet], top_k: int) -> Iterator[Any]:
    """For each packet its outcome, or why it has none: as a cloud would answer it."""
    from isthmus.cloud.local import LocalCloud

    stream = LocalCloud(loaded).open_stream(top_k=top_k)
    for packet in packets:
        yield stream.answer(packet.to_bytes())


def _write_pictures(path: Path, loaded: CodecFolder[Any], packets: Iterable[Packet], out: Path | None) -> None:
    from isthmus.common.whole_file import make_folder

    if out is None:
        raise InputError(f"expected --out FILE{PICTURE_SUFFIX} or a folder for the images, got none")
    if out.suffix != PICTURE_SUFFIX:
        make_folder(out)
    previous: Any = None
    for index, image in enumerate(_with_end(_answers(loaded, packets, 1))):
        if isinstance(image, IsthmusError):
            raise image
        if previous is not None:
            is_only = index == 1 and image is None
            if out.suffix == PICTURE_SUFFIX and not is_only:
                raise InputError(f"{path}: expected one image for {out}, got more; give a folder")
            name = f"{path.stem}.png" if is_only else f"{path.stem}-{index - 1:06d}.png"
            target = out if out.suffix == PICTURE_SUFFIX else out / name
            with whole_file(target) as file:
                file.write(previous.png)
            print(shown(f"{path} -> {target}: {previous.width} x {previous.height}"))
        previous = image
    if index == 0:
        raise InputError(f"{path}: expected at least one packet, got none")


def _with_end(images: Iterable[Any]) -> Iterator[Any]:
    """The images, then None: a file's only one is known as such when nothing follows it."""
    yield from images
    yield None


def _print_answers(path: Path, loaded: CodecFolder[Any], packets: Iterable[Packet], top_k: int) -> None:
    """A line for each signal; of a packet that cannot be decoded one that says so, and the next may be sound again."""
    task, names = loaded.manifest.task, loaded.manifest.classes
    failed: IsthmusError | None = None
    for index, outcome in enumerate(_answers(loaded, packets, top_k)):
        where: dict[str, object] = {"file": str(path), "packet": index}
        if isinstance(outcome, IsthmusError):
            failed = failed or CodecError(f"packet {index}: {outcome}")
            print(shown_json(where | {"error": str(outcome)}))
            continue
        parts = [outcome.of(k) for k in range(len(outcome.signals))] if hasattr(outcome, "of") else [outcome]
        for number, part in enumerate(parts):
            told = where | {"signal": number} | task.tell(part, names).fields
            print(shown_json(told))
    if failed is not None:
        raise failed
