"""From an image to a packet: the edge half of an image codec.

Theory of operation. pixels, padded at the right and bottom by repeating the last column and row -> g_a in tiles -> y,
rounded half to even -> range coder -> packet. The float network decides *which* integers are sent, and nothing that
the decoder must compute again. Large images run in tiles (isthmus.runtime.tiles), and one image is always one packet.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.symbols import CHECKSUM_SIZES_BYTES
from isthmus.common.coded import Coded, Timing
from isthmus.common.errors import InputError
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.side import Adaptation
from isthmus.common.image.symbols import CodedImage
from isthmus.common.manifest.folder import EDGE_HALF, CodecFolder, load_codec_folder
from isthmus.common.signals import Image
from isthmus.edge.image.side_analysis import SIDE_ANALYSIS_FILE, SideAnalysis
from isthmus.runtime.engine import AUTO, End, open_half
from isthmus.runtime.frame_size import grown
from isthmus.runtime.integer_half import open_coder
from isthmus.runtime.tiles import Tile, tiles

HYPER_ANALYSIS_HALF = "h_a"

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]


class ImageEncoder:
    """Edge half of one image codec. Holds nothing between images; not to be used by two threads at once.

    Args:
        codec: the codec, or the path of its folder (only the files an encoder needs are read).
        threads: threads of one run. One is fastest where edge and cloud share a machine.
        checksum_size_bytes: of the symbol checksum, 0, 2 or 4; None for what the manifest says.
        engine: what runs the networks (`isthmus.runtime.engine`).

    Raises:
        ManifestError: the folder is damaged or of another signal, or a graph does not fit the manifest.
        InputError: no such checksum.
    """

    def __init__(
        self,
        codec: CodecFolder[ImageManifest] | str | Path,
        threads: int = 1,
        checksum_size_bytes: int | None = None,
        engine: str = AUTO,
    ) -> None:
        path = codec.path if isinstance(codec, CodecFolder) else Path(codec)
        folder = load_codec_folder(path, needed=(), kind=ImageManifest)
        manifest = folder.manifest
        has_side = bool(manifest.bins) and folder.has_file(SIDE_ANALYSIS_FILE)
        if checksum_size_bytes not in (None, *CHECKSUM_SIZES_BYTES):
            raise InputError(f"checksum_size_bytes: expected 0, 2 or 4, got {checksum_size_bytes}")
        self.manifest: ImageManifest = folder.manifest
        self._checksum_size_bytes = checksum_size_bytes
        self._coder = open_coder(folder, threads, engine)
        ends = End("pixels", "float", 3), End("y", "float", manifest.latent_channels)
        self._analysis = open_half(folder, EDGE_HALF, ends, threads, engine)
        self._side_analysis = [SideAnalysis(folder, threads, engine)] if has_side else []
        if manifest.hyper_channels:
            ends = End("y", "float", manifest.latent_channels), End("z", "float", manifest.hyper_channels)
            self._hyper_analysis = open_half(folder, HYPER_ANALYSIS_HALF, ends, threads, engine)

    def encode(self, image: Image, adaptation: Adaptation = Adaptation.AUTO) -> Coded[CodedImage]:
        """One image, one packet.

        Args:
            image: of any size that an `Image` may have.
            adaptation: how the tables are fitted to this image.

        Raises:
            InputError: an adaptation that the codec does not have.
        """
        start_s = time.perf_counter()
        latents = self.latents(image)
        y = _rounded(latents)
        analysed_s = time.perf_counter()
        z = self._hyper_latents(latents) if self.manifest.hyper_channels else None
        del latents
        q = self._side_latents(y) if adaptation is Adaptation.SYNTHESIZED else None
        middle_s = time.perf_counter()
        coded = self._coder.encode(
            y,
            image.height,
            image.width,
            adaptation=adaptation,
            q=q,
            z=z,
            checksum_size_bytes=self._checksum_size_bytes,
        )
        end_s = time.perf_counter()
        # What is computed from y to code it better is "hyper".
        steps = (
            ("analysis", analysed_s - start_s),
            ("hyper", middle_s - analysed_s),
            ("entropy_encode", end_s - middle_s),
        )
        return Coded(coded.packet, Timing(steps), coded, lambda: np.array([coded.estimated_bits]))

    def latents(self, image: Image) -> Float32:
        """y before it is rounded, float32 `[M, h, w]`: sixteen pixels a latent, the image padded to whole ones."""
        stride = self.manifest.stride
        y = np.empty(self.manifest.latent_shape(image.height, image.width), np.float32)
        for tile in tiles(y.shape[1], y.shape[2], self.manifest.halo_pixels // stride):
            seen: Float32 = self._analysis.run({"pixels": _window(image, tile, stride)})[0][0]
            y[:, tile.rows.kept(), tile.columns.kept()] = seen[:, tile.rows.kept_of_seen(), tile.columns.kept_of_seen()]
        return y

    def _hyper_latents(self, y: Float32) -> Int32:
        z: Float32 = self._hyper_analysis.run({"y": y[None]})[0][0]
        return _rounded(z)

    def _side_latents(self, y: Int32) -> Int32:
        if not self._side_analysis:
            raise InputError(
                f"adaptation: expected auto, static or chosen, as codec {self.manifest.name} does not synthesize "
                "tables, got synthesized"
            )
        return self._side_analysis[0].q(y)


def _window(image: Image, tile: Tile, stride: int) -> Float32:
    """What the network sees of a tile, float32 `[1, 3, height, width]`: where the image ends its edge is repeated."""
    rows, columns = tile.rows.seen(stride), tile.columns.seen(stride)
    pixels = grown(image.pixels[rows, columns], rows.stop - rows.start, columns.stop - columns.start)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32)[None]


def _rounded(values: Float32) -> Int32:
    """Half to even. InputError if a value is no 32-bit integer: the network has failed on this image."""
    least, most = float(values.min()), float(values.max())
    if not -(2.0**31) <= least <= most < 2.0**31:
        raise InputError(f"expected latents that fit in 32 bits, the network gave {least} to {most}")
    return np.rint(values).astype(np.int32)
