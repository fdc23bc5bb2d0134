"""Images in the cloud: packets in, reconstructions out; one at a time, since a large one may take seconds."""

from __future__ import annotations

import itertools
import time
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from isthmus.cloud.half import Bench, Outcomes, elapsed
from isthmus.cloud.image.reconstruct import Reconstructor
from isthmus.common import protocol
from isthmus.common.errors import IsthmusError, OverloadedError, RemoteError
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.limits import Limits
from isthmus.common.signals import Image
from isthmus.data.image.fast_png import fast_png


class ImageCodec:
    """Cloud half of one image codec: the bytes of a packet in, its reconstruction out. One call at a time.

    Args:
        folder: of the codec.
        bench: what it works with; its `saves` keeps a PNG of every reconstruction.

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
        self, data: bytes, *, wants_pixels: bool, save: Callable[[bytes], object] | None = None
    ) -> tuple[protocol.FrameReconstruction | IsthmusError, protocol.Timing]:
        """What becomes of one packet, or why nothing does; `save` is given its PNG.

        Raises:
            OverloadedError: `stop` was called meanwhile.
        """
        start_s = middle_s = time.perf_counter()
        outcome: protocol.FrameReconstruction | IsthmusError
        try:
            symbols = self._reconstructor.decode(data)
            middle_s = time.perf_counter()
            image = self._reconstructor.synthesize(symbols)
            png = fast_png(image) if wants_pixels or save is not None else b""
            if save is not None:
                save(png)
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
        saves = self._bench.saves
        save = None if saves is None else partial(saves.keep, name)
        outcome, timing = await self._bench.run(
            lambda: self._codec.reconstruct(data, wants_pixels=opening.wants_pixels, save=save)
        )
        return [outcome], timing


def pixels_crc32(image: Image) -> int:
    """CRC-32 of an image's pixels, row-major, each as R, G, B: how a reconstruction is told without being sent."""
    return zlib.crc32(image.pixels.data)
