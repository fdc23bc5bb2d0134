"""h_a,q: what an image's own distributions become as side information, for codecs that synthesize tables from it.

Computed on the edge alone, so it may be in floats: the q that comes out is sent, and only h_s,q, which is exact, goes
from there to the tables.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from isthmus.common.image.histogram import shares
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.manifest.folder import CodecFolder
from isthmus.runtime.engine import AUTO, End, open_half

SIDE_ANALYSIS_HALF, SIDE_ANALYSIS_FILE = "h_a_q", "h_a_q.onnx"


Int32 = npt.NDArray[np.int32]


class SideAnalysis:
    """The network of one codec.

    Args:
        folder: of a codec with bins.
        threads: of one run.
        engine: what runs the network.

    Raises:
        ManifestError: the graph does not fit the manifest.
    """

    def __init__(self, folder: CodecFolder[ImageManifest], threads: int = 1, engine: str = AUTO) -> None:
        manifest = folder.manifest
        self._bins = manifest.bins
        ends = (
            End("histograms", "float", manifest.latent_channels),
            End("q", "int32", manifest.side_width, axis=2),
        )
        self._network = open_half(folder, SIDE_ANALYSIS_HALF, ends, threads, engine)

    def q(self, y: Int32) -> Int32:
        """q int32 `[M_q, W]` of latents int32 `[M, h, w]`."""
        found: Int32 = self._network.run({"histograms": shares(y, self._bins)[None]})[0][0]
        return found
