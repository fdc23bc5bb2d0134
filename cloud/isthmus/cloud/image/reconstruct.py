"""From the bytes of a packet to an image: the cloud half of an image codec.

Theory of operation. packet -> symbols, within limits and against the packet's checksum -> g_s in tiles -> rounded and
clipped to 8 bits -> cropped to the image's own size. Pixels are written tile by tile into the one array that is
returned, so memory is that array, the symbols, and the activations of a tile.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import OverloadedError
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.symbols import ImageSymbols
from isthmus.common.limits import Limits
from isthmus.common.manifest.folder import CLOUD_HALF, CodecFolder, load_codec_folder
from isthmus.common.signals import Image
from isthmus.runtime.engine import AUTO, End, open_half
from isthmus.runtime.integer_half import open_coder
from isthmus.runtime.tiles import tiles

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]


class Reconstructor:
    """Cloud half of one image codec. Holds nothing between images, so threads may share it.

    Args:
        codec: the codec, or the path of its folder (only the files a decoder needs are read).
        limits: what is refused before anything is allocated for it.
        threads: threads of one run.
        engine: what runs the networks (`isthmus.runtime.engine`).

    Raises:
        ManifestError: the folder is damaged or of another signal, or a graph does not fit the manifest.
    """

    def __init__(
        self, codec: CodecFolder[ImageManifest] | str | Path, limits: Limits, threads: int = 1, engine: str = AUTO
    ) -> None:
        path = codec.path if isinstance(codec, CodecFolder) else Path(codec)
        folder = load_codec_folder(path, needed=(), kind=ImageManifest)
        manifest = folder.manifest
        self.manifest: ImageManifest = folder.manifest
        self._limits = limits
        self._coder = open_coder(folder, threads, engine)
        ends = End("y_hat", "float", manifest.latent_channels), End("pixels", "float", 3)
        self._synthesis = open_half(folder, CLOUD_HALF, ends, threads, engine)
        self._stopped = threading.Event()

    def reconstruct(self, data: bytes) -> tuple[Image, ImageSymbols]:
        """The image of one packet, and the symbols that were in it.

        Raises:
            PacketError: bytes that no encoder of this codec writes.
            LimitExceededError: the packet is, or would decode to, more than the limits allow.
            SymbolMismatchError: the packet's checksum is not that of the decoded symbols.
            OverloadedError: `stop` was called meanwhile.
        """
        symbols = self.decode(data)
        return self.synthesize(symbols), symbols

    def decode(self, data: bytes) -> ImageSymbols:
        """The symbols of one packet; errors as of `reconstruct`."""
        return self._coder.decode(data, self._limits)

    def synthesize(self, symbols: ImageSymbols) -> Image:
        """The image of decoded symbols."""
        pixels = np.empty((symbols.height, symbols.width, 3), np.uint8)
        for _ in self.synthesis(symbols, pixels):
            pass
        return Image(pixels)

    def synthesis(self, symbols: ImageSymbols, pixels: UInt8) -> Iterator[int]:
        """Writes the image of decoded symbols into pixels uint8 `[height, width, 3]`, a tile a step; gives before each
        how many pixels it computes.
        """
        stride, y = self.manifest.stride, symbols.y
        for tile in tiles(y.shape[1], y.shape[2], self.manifest.halo_latents):
            rows, columns = tile.rows, tile.columns
            yield (rows.seen_stop - rows.seen_start) * (columns.seen_stop - columns.seen_start) * stride**2
            if self._stopped.is_set():
                raise OverloadedError("the cloud is shutting down and has left this image; try again later")
            window = y[None, :, rows.seen(), columns.seen()].astype(np.float32)
            seen: Float32 = self._synthesis.run({"y_hat": window})[0][0]
            kept = seen[:, rows.kept_of_seen(stride), columns.kept_of_seen(stride)]
            place = pixels[rows.kept(stride), columns.kept(stride)]
            kept = kept[:, : place.shape[0], : place.shape[1]]
            place[:] = np.clip(np.rint(kept), 0, 255).astype(np.uint8).transpose(1, 2, 0)

    def stop(self) -> None:
        """Leave what is being synthesized at the next tile, and refuse any more: the process is to end."""
        self._stopped.set()
