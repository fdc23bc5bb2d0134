"""Images in the cloud: packets in, reconstructions out; one at a time, tile by tile: a large one takes seconds."""

from __future__ import annotations

import itertools
import time
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from isthmus.cloud.half import Answer, Bench, Steps, elapsed
from isthmus.cloud.image.reconstruct import Reconstructor
from isthmus.common import protocol
from isthmus.common.bits.packet import read_head
from isthmus.common.cost import REFUSAL, Cost
from isthmus.common.errors import IsthmusError, OverloadedError, RemoteError
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.side import Side
from isthmus.common.limits import Limits
from isthmus.common.signals import Image
from isthmus.data.image.fast_png import fast_png

# Of a pixel's work: to decode its symbol, and to write it into a PNG file. A symbol with a hyperprior takes twice that.
DECODING_SHARE, PNG_SHARE = 1 / 8, 1 / 8

# Allocated at once, measured: while symbols are decoded, for each of them, without a hyperprior and with one; for each
# pixel, and for each that is written into a PNG; and what a tile takes, whatever the image.
SYMBOL_BYTES, HYPER_SYMBOL_BYTES, PIXEL_BYTES, PNG_PIXEL_BYTES, TILE_BYTES = 9, 20, 3, 6, 48 << 20


class ImageCodec:
    """Cloud half of one image codec: the bytes of a packet in, its reconstruction out.

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

    def cost(self, packet: bytes) -> Cost:
        """Of one packet, by the size of the image in its head."""
        try:
            side = Side.sized(read_head(packet).first_section)
        except RemoteError:
            return REFUSAL
        manifest = self.manifest
        _, rows, columns = manifest.latent_shape(*side)
        pixels = rows * columns * manifest.stride**2
        symbols = manifest.latent_channels * rows * columns
        each = HYPER_SYMBOL_BYTES if manifest.hyper_channels else SYMBOL_BYTES
        memory_bytes = symbols * each + pixels * (PIXEL_BYTES + PNG_PIXEL_BYTES)
        return Cost(pixels, memory_bytes + min(TILE_BYTES, 256 * pixels))

    def reconstruct(
        self, data: bytes, *, wants_pixels: bool, save: Callable[[bytes], object] | None = None
    ) -> Steps[Answer]:
        """What becomes of one packet, or why nothing does; `save` is given its PNG.

        Raises:
            OverloadedError: `stop` was called meanwhile.
        """
        cost = self.cost(data)
        decoding, ending = (max(1, round(cost.work * share)) for share in (DECODING_SHARE, PNG_SHARE))
        yield decoding
        start_s = time.perf_counter()
        decode_s = task_s = 0.0
        outcome: protocol.FrameReconstruction | IsthmusError
        try:
            self._bench.budget.check(cost)
            symbols = self._reconstructor.decode(data)
            decode_s = time.perf_counter() - start_s
            pixels = np.empty((symbols.height, symbols.width, 3), np.uint8)
            begun_s = time.perf_counter()
            for work in self._reconstructor.synthesis(symbols, pixels):
                task_s += time.perf_counter() - begun_s
                yield work
                begun_s = time.perf_counter()
            task_s += time.perf_counter() - begun_s
            del symbols
            yield ending
            begun_s = time.perf_counter()
            image = Image(pixels)
            png = fast_png(image) if wants_pixels or save is not None else b""
            if save is not None:
                save(png)
            outcome = protocol.FrameReconstruction(
                image.height, image.width, pixels_crc32(image), png if wants_pixels else b""
            )
            task_s += time.perf_counter() - begun_s
        except OverloadedError:
            raise
        except RemoteError as error:
            outcome = error
        return [outcome], elapsed(0.0, decode_s, decode_s + task_s)


class ImageAnswerer:
    """One stream: counts its images, so that what is saved has a name of its own."""

    held_bytes = 0

    def forget(self) -> None:
        """Nothing is kept of them."""

    def __init__(self, codec: ImageCodec, bench: Bench, stream_id: str) -> None:
        self._codec = codec
        self._bench = bench
        self._files = (f"{stream_id}-{index:06d}.png" for index in itertools.count())
        self.cost = codec.cost

    def answer(self, packets: Sequence[bytes], opening: protocol.OpenStream) -> Steps[Answer]:
        """The reconstruction of one packet."""
        (data,) = packets
        name = next(self._files)
        saves = self._bench.saves
        save = None if saves is None else partial(saves.keep, name)
        return self._codec.reconstruct(data, wants_pixels=opening.wants_pixels, save=save)


def pixels_crc32(image: Image) -> int:
    """CRC-32 of an image's pixels, row-major, each as R, G, B: how a reconstruction is told without being sent."""
    return zlib.crc32(image.pixels.data)
