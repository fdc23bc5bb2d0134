"""Images on the cloud: one codec's packets in, reconstructions out; and what all image streams of a server share."""

from __future__ import annotations

import logging
import time
import zlib
from pathlib import Path

from isthmus.cloud.image.reconstruct import Reconstructor
from isthmus.cloud.quota import Desk
from isthmus.common import wire
from isthmus.common.bits import packet
from isthmus.common.errors import InputError, IsthmusError, OverloadedError, RemoteError
from isthmus.common.image.coder import IMAGE_LIMITS
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.signals import Image
from isthmus.data.image.fast_png import fast_png

# Packets of images are large and few.
IMAGE_STREAM_LIMITS = wire.StreamLimits(
    IMAGE_LIMITS, max_in_flight_frame_count=8, max_message_size_bytes=IMAGE_LIMITS.max_packet_size_bytes + 64
)

_log = logging.getLogger("isthmus.cloud")


class CloudImageCodec:
    """One image codec, loaded: the bytes of a packet in, its reconstruction out. One call at a time.

    Args:
        folder: of the codec.
        limits: of one packet.
        threads: of the network.

    Raises:
        ManifestError: the folder is damaged.
    """

    def __init__(self, folder: Path, limits: packet.Limits, threads: int = 1) -> None:
        self._reconstructor = Reconstructor(folder, limits, threads)

    @property
    def manifest(self) -> ImageManifest:
        """The codec's manifest."""
        return self._reconstructor.manifest

    def reconstruct(
        self, data: bytes, wants_pixels: bool, save_to: Path | None = None
    ) -> tuple[wire.FrameReconstruction | IsthmusError, wire.Timing]:
        """What becomes of one packet, or why nothing does; its pixels are written to `save_to` where that is given."""
        start_s = middle_s = time.perf_counter()
        outcome: wire.FrameReconstruction | IsthmusError
        try:
            symbols = self._reconstructor.decode(data)
            middle_s = time.perf_counter()
            image = self._reconstructor.synthesize(symbols)
            png = fast_png(image) if wants_pixels or save_to is not None else b""
            if save_to is not None:
                _save(png, save_to)
            outcome = wire.FrameReconstruction(
                image.height, image.width, pixels_crc32(image), png if wants_pixels else b""
            )
        except OverloadedError:
            raise
        except RemoteError as error:
            outcome = error
        end_s = time.perf_counter()
        return outcome, wire.Timing(round((middle_s - start_s) * 1e6), round((end_s - middle_s) * 1e6))

    def stop(self) -> None:
        """Leave what is under way at its next tile."""
        self._reconstructor.stop()


class ImageDesk(Desk):
    """What the image streams of one server share.

    Args:
        limits: of each stream.
        max_stream_count: streams at a time; each may hold some tens of megabytes of packets and pixels.
        save: folder for a PNG of every reconstruction, which must exist; None keeps none.

    Raises:
        InputError: `save` is no folder.
    """

    def __init__(
        self, limits: wire.StreamLimits = IMAGE_STREAM_LIMITS, max_stream_count: int = 8, save: Path | None = None
    ) -> None:
        if save is not None and not save.is_dir():
            raise InputError(f"{save}: expected a folder to save reconstructions in, got none there; make it first")
        super().__init__("image", limits, max_stream_count)
        self._save = save

    def file_of(self, stream_id: str, frame_index: int) -> Path | None:
        """Where the reconstruction of a frame is kept, if it is."""
        return None if self._save is None else self._save / f"{stream_id}-{frame_index:06d}.png"


def pixels_crc32(image: Image) -> int:
    """CRC-32 of an image's pixels, row-major, each as R, G, B: how a reconstruction is told without being sent."""
    return zlib.crc32(image.pixels.data)


def _save(png: bytes, path: Path) -> None:
    """Keep a reconstruction; that there is no room for it is not the client's concern."""
    try:
        path.write_bytes(png)
    except OSError as error:
        _log.error("%s: could not save a reconstruction: %s", path, error.strerror or error)
