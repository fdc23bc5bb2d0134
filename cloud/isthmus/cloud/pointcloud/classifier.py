"""The cloud half of a classifier of point clouds: symbols in, logits out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.cloud.labels import top_labels
from isthmus.common.manifest.folder import CLOUD_HALF, CodecFolder, load_codec_folder
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.runtime.engine import AUTO, End, open_half

# Signals in one run of the network: bounds its activations, whatever a client packs together.
MAX_RUN_SIGNAL_COUNT = 256


class Classifier:
    """Cloud half of one codec: symbols int32 `[signals, channels]` to logits float32 `[signals, classes]`.

    Args:
        codec: the codec, or the path of its folder.
        threads: threads of one run. One is fastest where edge and cloud share a machine.
        engine: what runs the network (`isthmus.runtime.engine`).

    Raises:
        ManifestError: the folder is damaged, or the graph does not fit the manifest.
    """

    def __init__(
        self, codec: CodecFolder[PointCloudManifest] | str | Path, threads: int = 1, engine: str = AUTO
    ) -> None:
        folder = (
            codec if isinstance(codec, CodecFolder) else load_codec_folder(codec, needed=(), kind=PointCloudManifest)
        )
        self.manifest = folder.manifest
        ends = (
            End("symbols", "int32", self.manifest.channels, axis=-1),
            End("logits", "float", self.class_count, axis=-1),
        )
        self._network = open_half(folder, CLOUD_HALF, ends, threads, engine)

    @property
    def class_count(self) -> int:
        """Number of classes."""
        return len(self.manifest.class_names)

    def logits(self, symbols: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """Logits float32 `[signals, classes]` of symbols int32 `[signals, channels]`."""
        if len(symbols) <= MAX_RUN_SIGNAL_COUNT:
            return self._run(symbols)
        parts = (symbols[i : i + MAX_RUN_SIGNAL_COUNT] for i in range(0, len(symbols), MAX_RUN_SIGNAL_COUNT))
        return np.concatenate([self._run(part) for part in parts])

    def top_labels(self, symbols: npt.NDArray[np.int32], top_k: int) -> npt.NDArray[np.int64]:
        """The `top_k` labels of each signal as they travel, int64 `[signals, top_k]`, best first."""
        return top_labels(self.logits(symbols), top_k)

    def _run(self, symbols: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        logits: npt.NDArray[np.float32] = self._network.run({"symbols": symbols})[0]
        return logits
