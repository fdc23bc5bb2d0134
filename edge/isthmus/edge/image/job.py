"""A list of image files, sent one after another, and what came back of them reported for people or for programs.

A file that cannot be read, or whose frame the cloud refuses, is reported in its place and the rest goes on; what ends
the stream ends the run. While the cloud works on one image the next is read and encoded; how many may be under way is
bounded by their pixels, so memory does not grow with the list.
"""

from __future__ import annotations

import math
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from isthmus.common.errors import InputError, IsthmusError, LimitExceededError, MessageError
from isthmus.common.image.coder import Adaptation
from isthmus.common.image.quality import psnr_rgb_db
from isthmus.common.signals import MAX_PIXELS, Image
from isthmus.common.wire import FrameReconstruction
from isthmus.common.zoo import ZooFolders
from isthmus.data.image.files import image_paths, read_image
from isthmus.edge.call import FrameResult
from isthmus.edge.client import CloudClient
from isthmus.edge.failures import Failure, input_names, progress_bar
from isthmus.edge.image.encoder import EncodedImage
from isthmus.edge.image.family import ImageFamily, find_family
from isthmus.edge.image.report import ImageAnswer, JsonReport, Report, TableReport

# The cloud and the edge at work at once, and one image in between.
MAX_WAITING_COUNT = 3


@dataclass(frozen=True, slots=True)
class ImageJob:
    """What `isthmus edge` was asked to do with images.

    Attributes:
        inputs: files and folders; "-" is standard input.
        address: of the cloud.
        codec: a codec's or a family's name, or a codec's folder.
        zoo: folders of codecs, None for the usual ones.
        quality: wanted of the family, 0 for the codec's own.
        max_bytes: the best quality whose packet fits is taken; 0 for no bound.
        format: to refuse others, "" for any.
        adaptation: how tables are fitted to an image.
        save: folder for the reconstructions, None for sending no pixels back.
        timeout_s: limit for each wait for the cloud.
    """

    inputs: tuple[str, ...]
    address: str
    codec: str
    zoo: ZooFolders = None
    quality: int = 0
    max_bytes: int = 0
    format: str = ""
    adaptation: Adaptation = Adaptation.AUTO
    save: Path | None = None
    timeout_s: float = 120.0


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An image under way: its name, its packet, and its pixels where they are to be compared."""

    name: str
    codec: str
    image: Image
    encoded: EncodedImage


def run(job: ImageJob, *, as_json: bool) -> int:
    """Do the job; return how many inputs failed.

    Raises:
        InputError: no such codec or quality, an address that is none, or no place to save in.
        IsthmusError: what kept the stream from opening, or ended it.
    """
    if job.quality and job.max_bytes:
        raise InputError("expected --quality or --max-bytes, got both; --max-bytes chooses the quality")
    family, quality = find_family(job.codec, job.zoo, job.quality)
    if job.save is not None:
        make_folder(job.save)
    report: Report = JsonReport() if as_json else TableReport(with_pixels=job.save is not None)
    failed_count = 0
    with _Run(job, family) as sender:
        sender.open(quality)  # before any file is read: if there is no cloud, say so at once
        names = list(input_names(job.inputs, image_paths))
        with progress_bar(len(names)) as progress:
            task = progress.add_task("sending", total=len(names))
            try:
                for entry in sender.run(names, quality):
                    failed_count += isinstance(entry, Failure)
                    report.add(entry)
                    progress.advance(task)
            finally:
                report.finish()
    return failed_count


def make_folder(path: Path) -> None:
    """Make a folder to save in, and its parents. InputError if that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: expected a folder, or a place to make it: {error.strerror or error}") from error


class _Run:
    """One run: at most one stream at a time, as each quality is a codec of its own."""

    def __init__(self, job: ImageJob, family: ImageFamily) -> None:
        self._job = job
        self._family = family
        self._client: CloudClient | None = None
        self._quality = 0
        self._waiting: deque[_Waiting | Failure] = deque()
        self._saved: set[str] = set()

    def __enter__(self) -> _Run:
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()

    def open(self, quality: int) -> CloudClient:
        """The stream of a quality; that of another one is closed."""
        if self._client is None or quality != self._quality:
            if self._client is not None:
                self._client.close()
            self._client = CloudClient(
                self._job.address,
                self._family.encoder(quality).manifest,
                wants_pixels=self._job.save is not None,
                connect_timeout_s=self._job.timeout_s,
                result_timeout_s=self._job.timeout_s,
            )
            self._quality = quality
            self._client.open()
        return self._client

    def run(self, names: list[str | Failure], quality: int) -> Iterator[ImageAnswer | Failure]:
        """What becomes of each file, in order."""
        for name in names:
            if isinstance(name, Failure):
                self._waiting.append(name)
                continue
            try:
                image = read_image(sys.stdin.buffer if name == "-" else name, format=self._job.format or None)
                yield from self._make_room(image)
                chosen, encoded = self._encode(image, quality)
                if chosen != self._quality:
                    yield from self._finish()
                self._check_size(encoded)
            except IsthmusError as error:
                self._waiting.append(Failure(name, error))
                continue
            self.open(chosen).send(encoded.packet)
            self._waiting.append(_Waiting(name, f"{self._family.name}-q{chosen}", image, encoded))
        yield from self._finish()

    def _encode(self, image: Image, quality: int) -> tuple[int, EncodedImage]:
        if self._job.max_bytes:
            return self._family.encode_within(image, self._job.max_bytes, self._job.adaptation)
        return quality, self._family.encoder(quality).encode(image, self._job.adaptation)

    def _check_size(self, encoded: EncodedImage) -> None:
        assert self._client is not None  # opened before any file is read
        limits = self._client.open().limits.packet
        size, count = encoded.packet.size_bytes, encoded.coded.symbols.count
        if size > limits.max_packet_size_bytes or count > limits.max_symbol_count:
            raise LimitExceededError(
                f"expected a packet of at most {limits.max_packet_size_bytes} bytes and {limits.max_symbol_count} "
                f"symbols, as the cloud at {self._job.address} takes, got {size} bytes and {count} symbols; make the "
                "image smaller, or choose a lower quality if it is the bytes"
            )

    def _make_room(self, image: Image) -> Iterator[ImageAnswer | Failure]:
        """Take results until another image may be under way."""
        while self._waiting and (
            len(self._waiting) >= MAX_WAITING_COUNT or self._pixel_count() + image.width * image.height > MAX_PIXELS
        ):
            yield self._next()

    def _pixel_count(self) -> int:
        return sum(w.image.width * w.image.height for w in self._waiting if isinstance(w, _Waiting))

    def _finish(self) -> Iterator[ImageAnswer | Failure]:
        while self._waiting:
            yield self._next()

    def _next(self) -> ImageAnswer | Failure:
        """The result of the first image under way."""
        waiting = self._waiting.popleft()
        if isinstance(waiting, Failure):
            return waiting
        assert self._client is not None  # it has sent this image
        result = self._client.receive()
        try:
            return self._answer(waiting, result, result.reconstruction)
        except IsthmusError as error:
            return Failure(waiting.name, error)

    def _answer(self, waiting: _Waiting, result: FrameResult, found: FrameReconstruction) -> ImageAnswer:
        image, coded = waiting.image, waiting.encoded.coded
        if (found.height, found.width) != (image.height, image.width):
            raise MessageError(
                f"reconstruction: expected {image.width} x {image.height} pixels, got {found.width} x {found.height}"
            )
        psnr_db, saved = math.nan, ""
        if self._job.save is not None:
            psnr_db = psnr_rgb_db(image.pixels, read_image(found.png, format="png").pixels)
            saved = self._write(waiting, found.png, self._job.save)
        return ImageAnswer(
            name=waiting.name,
            codec=waiting.codec,
            height=image.height,
            width=image.width,
            adaptation=coded.symbols.adaptation,
            estimated_bits=coded.estimated_bits,
            side_bits=coded.side_bits,
            payload_bits=coded.payload_bits,
            packet_bits=coded.packet_bits,
            pixels_crc32=found.pixels_crc32,
            psnr_db=psnr_db,
            saved=saved,
            encode_ms=waiting.encoded.timing.total_s * 1e3,
            round_trip_ms=result.round_trip_s * 1e3,
        )

    def _write(self, waiting: _Waiting, png: bytes, folder: Path) -> str:
        """Save a reconstruction as photo.image-light-q4.png: never the name of a picture that was there."""
        stem = "stdin" if waiting.name == "-" else Path(waiting.name).stem
        name = f"{stem}.{waiting.codec}"
        number = 1
        while name in self._saved:
            number += 1
            name = f"{stem}-{number}.{waiting.codec}"
        self._saved.add(name)
        path = folder / f"{name}.png"
        try:
            path.write_bytes(png)
        except OSError as error:
            raise InputError(f"{path}: expected a place to write to: {error.strerror or error}") from error
        return str(path)
