"""Files to packets without a cloud: any signal, by the codec that `isthmus edge` would take."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from isthmus.command.edge import CLOUD_OPTIONS, IMAGE_OPTIONS, adaptation_of, refuse
from isthmus.common.bits.packet import Packet
from isthmus.common.bits.stream_file import StreamHeader
from isthmus.common.errors import InputError, IsthmusError
from isthmus.common.image.coder import Adaptation
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.zoo import find_codec
from isthmus.data.image.files import image_paths, read_image
from isthmus.data.pointcloud.files import point_cloud_paths
from isthmus.edge.failures import Failure, input_names
from isthmus.edge.image.family import find_family
from isthmus.edge.pointcloud.encoder import Encoder
from isthmus.edge.pointcloud.job import EdgeJob, read_thinned
from isthmus.edge.signal_choice import choose_codec


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """Options of `isthmus encode`; "" and 0 stand for what was not given."""

    codec: str = ""
    zoo: Path | None = None
    format: str = ""
    up: str = ""
    points: int = 0
    quality: int = 0
    max_bytes: int = 0
    adaptation: str = ""


@dataclass(frozen=True, slots=True)
class LocalPacket:
    """One encoded input, or one frame of it: its name, the header of its file, the packet, a few words about it."""

    name: str
    header: StreamHeader
    packet: Packet
    summary: str


class LocalEncoder:
    """Encodes the inputs of one command.

    Raises:
        InputError: no such codec or quality, or an option of the other signal.
        ManifestError: the codec's folder is damaged.
    """

    def __init__(self, inputs: tuple[str, ...], options: LocalOptions) -> None:
        self._inputs = inputs
        self._options = options
        asked = options.quality or options.max_bytes
        kind, self._codec = choose_codec(inputs, options.codec, options.zoo, options.format, asked)
        self._is_image, self.is_video = kind is ImageManifest, kind is VideoManifest
        given = {name: getattr(options, name, 0) for name in (*CLOUD_OPTIONS, *IMAGE_OPTIONS)}
        if self.is_video:
            refuse(CLOUD_OPTIONS, given, f"clouds of points, and codec {self._codec} is of videos")
            refuse(IMAGE_OPTIONS, given, f"images, and codec {self._codec} is of videos")
        elif self._is_image:
            refuse(CLOUD_OPTIONS, given, f"clouds of points, and codec {self._codec} is of images")
            if options.quality and options.max_bytes:
                raise InputError("expected --quality or --max-bytes, got both; --max-bytes chooses the quality")
        else:
            refuse(IMAGE_OPTIONS, given, f"images, and codec {self._codec} is of clouds of points")

    def names(self) -> list[str | Failure]:
        """Each file of the inputs; a bad input keeps its place. A folder of images is one video."""
        if self.is_video:
            return list(self._inputs)
        return list(input_names(self._inputs, image_paths if self._is_image else point_cloud_paths))

    def encode(self, names: Iterable[str | Failure]) -> Iterator[LocalPacket | Failure]:
        """What becomes of each file, in order; of a video, what becomes of each frame."""
        if self.is_video:
            return self._videos(names)
        return self._images(names) if self._is_image else self._clouds(names)

    def _images(self, names: Iterable[str | Failure]) -> Iterator[LocalPacket | Failure]:
        options = self._options
        adaptation: Adaptation = adaptation_of(options.adaptation)
        family, quality = find_family(self._codec, options.zoo, options.quality)
        for name in names:
            if isinstance(name, Failure):
                yield name
                continue
            try:
                image = read_image(sys.stdin.buffer if name == "-" else name, format=options.format or None)
                if options.max_bytes:
                    chosen, encoded = family.encode_within(image, options.max_bytes, adaptation)
                else:
                    chosen, encoded = quality, family.encoder(quality).encode(image, adaptation)
            except IsthmusError as error:
                yield Failure(name, error)
                continue
            manifest = family.encoder(chosen).manifest
            size = encoded.packet.size_bytes
            rate = 8 * size / (image.width * image.height)
            summary = f"{manifest.name}, {image.width} x {image.height}, {size} bytes, {rate:.3f} bits a pixel"
            yield LocalPacket(name, _header(manifest), encoded.packet, summary)

    def _clouds(self, names: Iterable[str | Failure]) -> Iterator[LocalPacket | Failure]:
        options = self._options
        encoder = Encoder(find_codec(self._codec, options.zoo))
        job = EdgeJob((), "", self._codec, options.zoo, options.up or None, options.format or None, options.points)
        for name in names:
            if isinstance(name, Failure):
                yield name
                continue
            try:
                encoded = encoder.encode(read_thinned(job, name, encoder))
            except IsthmusError as error:
                yield Failure(name, error)
                continue
            summary = f"{encoder.manifest.name}, {encoded.packet.size_bytes} bytes"
            yield LocalPacket(name, _header(encoder.manifest), encoded.packet, summary)

    def _videos(self, names: Iterable[str | Failure]) -> Iterator[LocalPacket | Failure]:
        from isthmus.data.video.files import open_video  # what they need is not installed everywhere
        from isthmus.edge.video.encoder import VideoEncoder

        encoder = VideoEncoder(find_codec(self._codec, self._options.zoo))
        for name in map(str, names):
            encoder.force_key()
            source = sys.stdin.buffer if name == "-" else name
            try:
                with open_video(source, format=self._options.format or None) as video:
                    for frame in video:
                        coded = encoder.encode(frame)
                        kind = "key frame" if coded.is_key else "predicted"
                        summary = f"{encoder.manifest.name}, {kind}, {coded.packet.size_bytes} bytes"
                        yield LocalPacket(
                            f"{name}, frame {frame.index}", _header(encoder.manifest), coded.packet, summary
                        )
            except InputError as error:
                yield Failure(name, error)


def _header(manifest: Manifest) -> StreamHeader:
    return StreamHeader(manifest.name, manifest.identity)
