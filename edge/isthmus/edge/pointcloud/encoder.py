"""From a point cloud to a packet: the edge half of a codec, and all that an edge device computes.

Theory of operation. normalize -> edge half -> integer symbols -> range coder -> packet. The edge half's arithmetic is
exact integers held in float32, so any engine, batch or number of threads gives the same symbols: narrow codecs, which
have their edge half as `edge.npz` too, run compiled where that was built, the others `edge.onnx` in onnxruntime, which
is imported only then (`isthmus.runtime.engine`). What is done in Python around it is counted in microseconds, because a
small network takes no more than ten of them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.packet import Packet
from isthmus.common.bits.symbols import CHECKSUM_SIZES_BYTES, Symbols
from isthmus.common.coded import Coded, Timing
from isthmus.common.errors import InputError, ManifestError
from isthmus.common.manifest.folder import EDGE_HALF, CodecFolder, load_codec_folder
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.common.signals import PointCloud
from isthmus.data.pointcloud.normalize import choose_points, normalize
from isthmus.runtime.engine import AUTO, End, choose_engine, open_half

# Points in one run of the network. Bounds its activations whatever the batch, and keeps them in the second-level cache:
# measured on the lite codec, 32 clouds of 1,024 points take 165, 132, 115, 220 us each in runs of 1, 2, 4, 8 clouds.
MAX_RUN_POINT_COUNT = 4096

# Clouds of more points than the codec takes are thinned the same way everywhere.
THINNING_SEED = 0


class PointCloudEncoder:
    """Edge half of one codec. Holds nothing between clouds; not to be used by two threads at once.

    Args:
        codec: the codec, or the path of its folder (only the file that the engine runs is read).
        threads: threads of one run in onnxruntime. One is fastest where edge and cloud share a machine.
        checksum_size_bytes: of the symbol checksum, 0, 2 or 4; None for what the manifest says.
        engine: what runs the edge half (`isthmus.runtime.engine`). The symbols are the same.

    Attributes:
        engine: the one in use.

    Raises:
        ManifestError: the folder is damaged, or the edge half does not fit the manifest, or has no form that the
            engine asked for runs.
        MissingDependencyError: the engine asked for was not built.
        InputError: no such engine or checksum.
    """

    def __init__(
        self,
        codec: CodecFolder[PointCloudManifest] | str | Path,
        threads: int = 1,
        checksum_size_bytes: int | None = None,
        engine: str = AUTO,
    ) -> None:
        folder = (
            codec if isinstance(codec, CodecFolder) else load_codec_folder(codec, needed=(), kind=PointCloudManifest)
        )
        manifest = folder.manifest
        self.manifest: PointCloudManifest = manifest
        if manifest.preprocessing.up_axis != "z":
            raise ManifestError(
                f"{folder.path}: expected a codec for clouds whose z points up, got {manifest.preprocessing.up_axis}"
            )
        if checksum_size_bytes not in (None, *CHECKSUM_SIZES_BYTES):
            raise InputError(f"checksum_size_bytes: expected 0, 2 or 4, got {checksum_size_bytes}")
        self._checksum_size_bytes = manifest.checksum_size_bytes if checksum_size_bytes is None else checksum_size_bytes
        self._prior = manifest.prior
        self._min_points = manifest.preprocessing.min_points
        self._max_points = manifest.preprocessing.max_points
        self.engine = choose_engine(folder, EDGE_HALF, engine).name
        ends = End("points", "float", 3), End("symbols", "int32", manifest.channels)
        self._network = open_half(folder, EDGE_HALF, ends, threads, self.engine)

    def encode(self, cloud: PointCloud) -> Coded[Symbols]:
        """One cloud, one packet.

        Raises:
            InputError: fewer points than the codec takes.
            SymbolRangeError: the network gave a symbol that the prior cannot code.
        """
        start_s = time.perf_counter()
        points = normalize(self._fit(cloud.points))
        normalized_s = time.perf_counter()
        symbols = Symbols(self._network.run({"points": points[None]})[0])
        return self._encoded(symbols, start_s, normalized_s)

    def encode_batch(self, clouds: Sequence[PointCloud]) -> Coded[Symbols]:
        """All clouds in one packet, coded together. A batch of one is the packet `encode` makes.

        Raises:
            InputError: no clouds, or one with fewer points than the codec takes.
            SymbolRangeError: the network gave a symbol that the prior cannot code.
        """
        if not clouds:
            raise InputError("encode_batch: expected at least one cloud, got none")
        start_s = time.perf_counter()
        points = [normalize(self._fit(cloud.points)) for cloud in clouds]
        normalized_s = time.perf_counter()
        return self._encoded(Symbols(self._forward(points)), start_s, normalized_s)

    def check(self, cloud: PointCloud) -> None:
        """Raise the InputError that encoding would raise for this cloud's number of points."""
        self._fit(cloud.points[: self._max_points])

    def symbols(self, clouds: Sequence[PointCloud]) -> Symbols:
        """Symbols `[clouds, channels]`, not yet coded."""
        if not clouds:
            raise InputError("symbols: expected at least one cloud, got none")
        return Symbols(self._forward([normalize(self._fit(cloud.points)) for cloud in clouds]))

    def _fit(self, points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        count = len(points)
        if count < self._min_points:
            raise InputError(
                f"point cloud: expected at least {self._min_points} points, the least that codec {self.manifest.name} "
                f"takes, got {count}"
            )
        return points if count <= self._max_points else choose_points(points, self._max_points, THINNING_SEED)

    def _forward(self, points: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.int32]:
        """Symbols of normalised clouds [3, P]: neighbours of equal size run together."""
        parts: list[npt.NDArray[np.int32]] = []
        start = 0
        while start < len(points):
            size = points[start].shape[1]
            most = min(len(points), start + max(1, MAX_RUN_POINT_COUNT // size))
            stop = start + 1
            while stop < most and points[stop].shape[1] == size:
                stop += 1
            batch = points[start][None] if stop == start + 1 else np.stack(points[start:stop])
            parts.append(self._network.run({"points": batch})[0])
            start = stop
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _encoded(self, symbols: Symbols, start_s: float, normalized_s: float) -> Coded[Symbols]:
        ran_s = time.perf_counter()
        packet = Packet.intra(self._prior.encode(symbols), symbols, self._checksum_size_bytes)
        steps = (
            ("normalize", normalized_s - start_s),
            ("network", ran_s - normalized_s),
            ("entropy_encode", time.perf_counter() - ran_s),
        )
        return Coded(packet, Timing(steps), symbols, lambda: self._prior.estimated_bits(symbols))
