"""Images in the cloud: packets in, reconstructions out; one at a time, since a large one may take seconds."""

from __future__ import annotations

import itertools
import logging
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

from isthmus.cloud.half import Bench, Outcomes, elapsed
from isthmus.cloud.image.reconstruct import Reconstructor
from isthmus.common import protocol
from isthmus.common.errors import IsthmusError, OverloadedError, RemoteError
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.limits import Limits
from isthmus.common.signals import Image
from isthmus.data.image.fast_png import fast_png

_log = logging.getLogger("isthmus.cloud")


class ImageCodec:
    """Cloud half of one image codec: the bytes of a packet in, its reconstruction out. One call at a time.

    Args:
        folder: of the codec.
        bench: what it works with; `save` keeps a PNG of every reconstruction.

    Raises:
        ManifestError: the folder is damaged.
    """

    def __init__(self, folder: Path, bench: Bench) -> None:
        self._bench = bench
        self._reconstructor = Reconstructor(folder, self.limits, bench.threads, bench.engine)

    @property
    def manifest(self) -> ImageManifest:
        """Of the codec."""
        return self._reconstructor.manifest

    @property
    def limits(self) -> Limits:
        """Of one packet."""
        return self._bench.allowance.limits.packet

    def open_stream(self, stream_id: str) -> ImageAnswerer:
        """What answers the packets of one stream."""
        return ImageAnswerer(self, self._bench, stream_id)

    def stop(self) -> None:
        """Leave what is under way at its next tile."""
        self._reconstructor.stop()

    def reconstruct(
        self, data: bytes, *, wants_pixels: bool, save_to: Path | None = None
    ) -> tuple[protocol.FrameReconstruction | IsthmusError, protocol.Timing]:
        """What becomes of one packet, or why nothing does; its pixels are written to `save_to` where that is given.

        Raises:
            OverloadedError: `stop` was called meanwhile.
        """
        start_s = middle_s = time.perf_counter()
        outcome: protocol.FrameReconstruction | IsthmusError
        try:
            symbols = self._reconstructor.decode(data)
            middle_s = time.perf_counter()
            image = self._reconstructor.synthesize(symbols)
            png = fast_png(image) if wants_pixels or save_to is not None else b""
            if save_to is not None:
                _save(png, save_to)
            outcome = protocol.FrameReconstruction(
                image.height, image.width, pixels_crc32(image), png if wants_pixels else b""
            )
        except OverloadedError:
            raise
        except RemoteError as error:
            outcome = error
        return outcome, elapsed(start_s, middle_s, time.perf_counter())


class ImageAnswerer:
    """One stream: counts its images, so that what is saved has a name of its own."""

    def __init__(self, codec: ImageCodec, bench: Bench, stream_id: str) -> None:
        self._codec = codec
        self._bench = bench
        self._files = (f"{stream_id}-{index:06d}.png" for index in itertools.count())

    async def answer(self, packets: Sequence[bytes], opening: protocol.OpenStream) -> tuple[Outcomes, protocol.Timing]:
        """The reconstruction of one packet."""
        (data,) = packets
        name = next(self._files)
        save_to = None if self._bench.save is None else self._bench.save / name
        outcome, timing = await self._bench.run(
            lambda: self._codec.reconstruct(data, wants_pixels=opening.wants_pixels, save_to=save_to)
        )
        return [outcome], timing


def pixels_crc32(image: Image) -> int:
    """CRC-32 of an image's pixels, row-major, each as R, G, B: how a reconstruction is told without being sent."""
    return zlib.crc32(image.pixels.data)


def _save(png: bytes, path: Path) -> None:
    """Keep a reconstruction; that there is no room for it is not the client's concern."""
    try:
        path.write_bytes(png)
    except OSError as error:
        _log.error("%s: could not save a reconstruction: %s", path, error.strerror or error)
