"""Files to packets without a cloud: any signal, by the codec that `isthmus edge` would take."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from isthmus.command.options import Given
from isthmus.command.signal_options import SIGNAL_KINDS, SIGNAL_OPTIONS, CodecOptions
from isthmus.common.bits.packet import Packet
from isthmus.common.bits.stream_file import StreamHeader
from isthmus.common.errors import InputError, IsthmusError
from isthmus.common.image.coder import Adaptation
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.zoo import find_codec
from isthmus.data.image.files import image_paths, read_image
from isthmus.data.pointcloud.files import point_cloud_paths
from isthmus.edge.failures import Failure, input_names
from isthmus.edge.image.family import find_family
from isthmus.edge.image.options import ImageOptions
from isthmus.edge.pointcloud.encoder import Encoder
from isthmus.edge.pointcloud.job import EdgeJob, read_thinned
from isthmus.edge.pointcloud.options import PointCloudOptions
from isthmus.edge.signal_choice import choose_codec
from isthmus.edge.video.options import VideoOptions


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

    def __init__(self, inputs: tuple[str, ...], given: Given) -> None:
        self._inputs = inputs
        self._about = about = given.of(CodecOptions)
        has_quality = bool(given.values.get("quality") or given.values.get("max_bytes"))
        kind, self._codec = choose_codec(
            inputs, about.codec, about.zoo, about.format, has_quality, video=given.values.get("video", False)
        )
        self._options = given.only(SIGNAL_OPTIONS[kind.signal], SIGNAL_KINDS, self._codec)
        self.is_video = isinstance(self._options, VideoOptions)
        if isinstance(self._options, ImageOptions) and self._options.quality and self._options.max_bytes:
            raise InputError("expected --quality or --max-bytes, got both; --max-bytes chooses the quality")

    def names(self) -> list[str | Failure]:
        """Each file of the inputs; a bad input keeps its place. A folder of images is one video."""
        if self.is_video:
            return list(self._inputs)
        is_image = isinstance(self._options, ImageOptions)
        return list(input_names(self._inputs, image_paths if is_image else point_cloud_paths))

    def encode(self, names: Iterable[str | Failure]) -> Iterator[LocalPacket | Failure]:
        """What becomes of each file, in order; of a video, what becomes of each frame."""
        options = self._options
        if isinstance(options, VideoOptions):
            return self._videos(names, options)
        if isinstance(options, ImageOptions):
            return self._images(names, options)
        assert isinstance(options, PointCloudOptions)  # for the type checker: there are three
        return self._clouds(names, options)

    def _images(self, names: Iterable[str | Failure], options: ImageOptions) -> Iterator[LocalPacket | Failure]:
        adaptation = Adaptation(options.adaptation)
        family, quality = find_family(self._codec, self._about.zoo, options.quality)
        for name in names:
            if isinstance(name, Failure):
                yield name
                continue
            try:
                image = read_image(sys.stdin.buffer if name == "-" else name, format=self._about.format or None)
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

    def _clouds(self, names: Iterable[str | Failure], options: PointCloudOptions) -> Iterator[LocalPacket | Failure]:
        about = self._about
        encoder = Encoder(find_codec(self._codec, about.zoo))
        job = EdgeJob((), "", self._codec, about.zoo, options.up or None, about.format or None, options.points)
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

    def _videos(self, names: Iterable[str | Failure], options: VideoOptions) -> Iterator[LocalPacket | Failure]:
        from isthmus.data.video.files import open_video  # what they need is not installed everywhere
        from isthmus.edge.video.encoder import VideoEncoder
        from isthmus.edge.video.policy import VideoPolicy

        policy = VideoPolicy(options.mode, options.key_interval, uses_vectors=options.vectors)
        encoder = VideoEncoder(find_codec(self._codec, self._about.zoo), policy)
        for name in map(str, names):
            encoder.force_key()
            source = sys.stdin.buffer if name == "-" else name
            try:
                with open_video(source, format=self._about.format or None, with_vectors=options.vectors) as video:
                    for frame in islice(video, options.limit or None):
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
