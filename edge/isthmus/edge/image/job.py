"""Files of images, sent one after another; what comes back of them reported, and kept where that is asked for.

A file that cannot be read, or whose frame the cloud refuses, is reported in its place and the rest goes on; what ends
the stream ends the run. While the cloud works on one image the next is read and encoded; how many may be under way is
bounded by their pixels, so memory does not grow with the list. Each quality is a codec, and so a stream, of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from isthmus.common.coded import Coded
from isthmus.common.errors import InputError, IsthmusError, LimitExceededError, MessageError
from isthmus.common.image.quality import psnr_rgb_db
from isthmus.common.image.side import Adaptation
from isthmus.common.image.signal import IMAGE
from isthmus.common.image.symbols import CodedImage
from isthmus.common.protocol import FrameReconstruction
from isthmus.common.signals import MAX_PIXELS, Image
from isthmus.common.tasks import RECONSTRUCTION
from isthmus.common.unused_name import unused
from isthmus.common.whole_file import make_folder, write_whole
from isthmus.data.image.files import image_paths
from isthmus.data.image.received import pixels_of
from isthmus.edge.client import CloudClient
from isthmus.edge.columns import Column
from isthmus.edge.failures import Failure, tell_notes
from isthmus.edge.image.family import find_family
from isthmus.edge.image.options import ImageOptions
from isthmus.edge.image.reading import read_item
from isthmus.edge.inputs import Inputs, Item, Place
from isthmus.edge.interruption import Interruption
from isthmus.edge.job import Job, Packed, failure_row
from isthmus.edge.report import Row, task_columns
from isthmus.edge.result import FrameResult
from isthmus.edge.sender import Record, Sender
from isthmus.edge.sending import sending
from isthmus.edge.spooled import SpoolSender

# The cloud and the edge at work at once, and one image in between.
MAX_WAITING_COUNT = 3


def run(job: Job) -> int:
    """Do the job; return how many inputs failed.

    Raises:
        InputError: no such codec or quality, an address that is none, or no place to save in.
        IsthmusError: what kept the stream from opening, or ended it.
    """
    options: ImageOptions = job.options or ImageOptions()
    coding = _Coding(job, options)
    if job.spool is not None and (options.save is not None or options.max_bytes):
        raise InputError("--spool: expected neither --save nor --max-bytes, which are not kept, got one of them")
    if options.save is not None:
        make_folder(options.save)
    columns = (
        Column("file"),
        Column("codec"),
        *task_columns(RECONSTRUCTION),
        Column("bytes", is_number=True),
        Column("bits/pixel", is_number=True),
        *((Column("PSNR dB", is_number=True),) if options.save is not None else ()),
        Column("ms", is_number=True),
    )
    with Interruption() as interruption, closing(_Flow(job, options, coding, columns, interruption.check)) as flow:
        client = flow.client(coding.quality)
        inputs = Inputs(job.inputs, image_paths, IMAGE.message_types, options.topic)
        report, manifest = job.open_report(columns), coding.family.encoder(coding.quality).manifest
        with sending(client, report, inputs.count, "sending", interruption, job, manifest, RECONSTRUCTION) as sender:
            for item in sender.fresh(inputs):
                flow.send(sender, item)
            sender.drain()
        return sender.failed_count


def pack(job: Job) -> Iterator[Packed | Failure]:
    """The packets of what was named, one an image. InputError: no such codec or quality."""
    options: ImageOptions = job.options or ImageOptions()
    coding = _Coding(job, options)
    for item in Inputs(job.inputs, image_paths, IMAGE.message_types, options.topic):
        if isinstance(item, Failure):
            yield item
            continue
        place = item.place
        try:
            image = coding.read(item)
            quality, coded = coding.encode(image)
        except IsthmusError as error:
            yield Failure(place.name, error, place.fields)
            continue
        rate = coded.packet_bits / (image.width * image.height)
        words = f"{image.width} x {image.height}, {coded.packet.size_bytes} bytes, {rate:.3f} bits a pixel"
        yield Packed(place.name, coding.family.encoder(quality).manifest, coded, words, place.stem)


class _Coding:
    """How a job's images are read and coded.

    Attributes:
        family: of the codec.
        quality: that is asked for, where no bound on bytes chooses it.
    """

    def __init__(self, job: Job, options: ImageOptions) -> None:
        if options.quality and options.max_bytes:
            raise InputError("expected --quality or --max-bytes, got both; --max-bytes chooses the quality")
        self.family, self.quality = find_family(job.codec, job.zoo, options.quality, job.engine)
        self._format = job.format
        self._max_bytes = options.max_bytes
        self._adaptation = Adaptation(options.adaptation)

    def read(self, item: Item) -> Image:
        """The image of a file or message. What was left out of it is said."""
        image = read_item(item, self._format)
        tell_notes(item.place.name, image.notes)
        return image

    def encode(self, image: Image) -> tuple[int, Coded[CodedImage]]:
        """(quality, packet) of an image."""
        if self._max_bytes:
            return self.family.encode_within(image, self._max_bytes, self._adaptation)
        return self.quality, self.family.encoder(self.quality).encode(image, self._adaptation)


class _Flow:
    """Images of one run, each in the stream of its quality."""

    def __init__(
        self,
        job: Job,
        options: ImageOptions,
        coding: _Coding,
        columns: Sequence[Column],
        while_waiting: Callable[[], None],
    ) -> None:
        self._job = job
        self._options = options
        self._coding = coding
        self._columns = columns
        self._client: CloudClient[FrameReconstruction] | None = None
        self._quality = 0
        self._while_waiting = while_waiting
        self._saved: dict[str, set[str]] = {}  # names by codec

    def client(self, quality: int) -> CloudClient[FrameReconstruction]:
        """The client of a quality's stream; that of another one is closed."""
        if self._client is None or quality != self._quality:
            self.close()
            wait_s = self._job.wait_s(IMAGE)
            self._client = CloudClient(
                self._job.address,
                self._coding.family.encoder(quality).manifest,
                RECONSTRUCTION,
                wants_pixels=self._options.save is not None,
                while_waiting=self._while_waiting,
                access=self._job.access,
                connect_timeout_s=wait_s,
                result_timeout_s=wait_s,
                wants_crc32=self._job.wants_crc32,
            )
            self._quality = quality
        return self._client

    def close(self) -> None:
        """End the stream."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def send(self, sender: Sender | SpoolSender, item: Item | Failure) -> None:
        """Send one image, or report that there is none."""
        if isinstance(item, Failure):
            sender.place(failure_row(item.name, item.error, self._columns, item.where))
            return
        place = item.place
        try:
            image = self._coding.read(item)
        except IsthmusError as error:
            sender.place(self.failed(place, error))
            return
        pixel_count = image.width * image.height
        while sender.unanswered_count and (
            sender.unanswered_count >= MAX_WAITING_COUNT or sender.weight + pixel_count > MAX_PIXELS
        ):
            sender.take()
        try:
            chosen, coded = self._coding.encode(image)
            self._check_size(coded)
        except IsthmusError as error:
            sender.place(self.failed(place, error))
            return
        if chosen != self._quality:
            sender.drain()
        sender.client = self.client(chosen)
        told = _ImageTold(self, place, f"{self._coding.family.name}-q{chosen}", image, coded)
        sender.send(coded.packet, told, pixel_count)

    def _check_size(self, coded: Coded[CodedImage]) -> None:
        opened = None if self._client is None else self._client.opened
        limits = IMAGE.allowance.limits.packet if opened is None else opened.limits.packet
        size, count = coded.packet.size_bytes, coded.detail.symbols.count
        if size > limits.max_packet_size_bytes or count > limits.max_symbol_count:
            raise LimitExceededError(
                f"expected a packet of at most {limits.max_packet_size_bytes} bytes and {limits.max_symbol_count} "
                f"symbols, as the cloud at {self._job.address} takes, got {size} bytes and {count} symbols; make the "
                "image smaller, or choose a lower quality if it is the bytes"
            )

    def failed(self, place: Place, error: IsthmusError) -> Row:
        """The row of an image that came to nothing."""
        return failure_row(place.name, error, self._columns, place.fields)

    def keep(self, stem: str, codec: str, png: bytes) -> str:
        """Save a reconstruction as photo.image-light-q4.png, never the name of a picture that was there; "" if unasked.

        Raises:
            InputError: it cannot be written.
        """
        if self._options.save is None:
            return ""
        name = unused(stem, self._saved.setdefault(codec, set()))
        path = self._options.save / f"{name}.{codec}.png"
        write_whole(path, png)
        return str(path)


@dataclass(frozen=True, slots=True)
class _ImageTold:
    """How the result of one image is told."""

    flow: _Flow
    place: Place
    codec: str
    image: Image
    coded: Coded[CodedImage]

    def answered(self, result: FrameResult[FrameReconstruction]) -> Sequence[Row]:
        """One row; a failure if what came back is not of this image."""
        try:
            return [self._row(result.value, result.round_trip_s * 1e3)]
        except IsthmusError as error:
            return [self.flow.failed(self.place, error)]

    def missing(self, why: str, error: IsthmusError) -> Sequence[Row]:
        """One row."""
        del why
        return [self.flow.failed(self.place, error)]

    def record(self) -> Record:
        """What is known of it without its answer."""
        image, coded = self.image, self.coded
        bits_per_pixel = coded.packet_bits / (image.height * image.width)
        fields = {
            "notes": list(image.notes),
            "adaptation": str(coded.detail.symbols.adaptation),
            "estimated_bits": round(float(coded.estimated_bits.sum()), 3),
            "side_bits": coded.detail.side_bits,
            "payload_bits": coded.payload_bits,
            "packet_bits": coded.packet_bits,
            "bits_per_pixel": round(bits_per_pixel, 6),
        }
        return Record(
            self.place.name,
            {**self.place.fields, "codec": self.codec},
            (self.place.name, self.codec),
            (str(coded.packet_bits // 8), f"{bits_per_pixel:.3f}"),
            fields,
            coded.timing.total_s * 1e3,
            {"height": image.height, "width": image.width},
        )

    def _row(self, found: FrameReconstruction, round_trip_ms: float) -> Row:
        image = self.image
        if (found.height, found.width) != (image.height, image.width):
            raise MessageError(
                f"reconstruction: expected {image.width} x {image.height} pixels, got {found.width} x {found.height}"
            )
        psnr_db = psnr_rgb_db(image.pixels, pixels_of(found).pixels) if found.png else math.nan
        saved = self.flow.keep(self.place.stem, self.codec, found.png)
        told = RECONSTRUCTION.tell(found, ())
        record = self.record()
        cells = (
            *(*record.head, *told.cells, *record.tail),
            *((f"{psnr_db:.2f}",) if saved else ()),
            f"{record.encode_ms + round_trip_ms:.1f}",
        )
        fields = {**record.place, **told.fields, **record.fields}
        fields |= {"encode_ms": round(record.encode_ms, 3), "round_trip_ms": round(round_trip_ms, 3)}
        if saved:
            fields |= {"saved": saved, "psnr_db": round(psnr_db, 4) if math.isfinite(psnr_db) else "inf"}
        return Row(cells, fields)
