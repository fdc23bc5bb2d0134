"""What the cloud does with symbols: the cloud half of a classifier, and labels out of its logits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common import wire
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


def top_labels(logits: npt.NDArray[np.float32], top_k: int) -> npt.NDArray[np.int64]:
    """The `top_k` labels of logits `[signals, classes]` as they travel, int64 `[signals, top_k]`, best first.

    Of classes with equal logits the lower index comes first.
    """
    if top_k == 1:  # few calls: this is the usual case, and each costs as much as a small network
        sums = np.exp(logits - logits.max(1, keepdims=True)).sum(1, keepdims=True)
        return wire.pack_labels(logits.argmax(1)[:, None], 1 / sums)
    best = np.argsort(-logits, axis=1, kind="stable")[:, :top_k]
    return wire.pack_labels(best, np.take_along_axis(probabilities(logits), best, 1))


def probabilities(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Softmax over the last axis, safe for logits up to 1e38."""
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    out: npt.NDArray[np.float32] = powers / powers.sum(-1, keepdims=True)
    return out
