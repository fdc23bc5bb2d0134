"""The classifiers behind the input codecs: one PointNet for each number of points, as ONNX, over ragged clouds.

Decoded clouds have as many points as did not merge. A PointNet's maximum does not see repeats, so clouds are
normalised as they are and then padded to one length by repeating their first point.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.data.pointcloud.normalize import normalize
from isthmus.runtime.engine import Network, open_graph

Float64 = npt.NDArray[np.float64]

BATCH_CLOUDS = 16
_FILE = re.compile(r"pointnet-p(\d+)\.onnx")


class Classifiers:
    """``pointnet-p<P>.onnx`` of one folder: input `points` float32 [batch, 3, any], output `logits`."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self._paths = {
            int(match[1]): path for path in sorted(folder.glob("*.onnx")) if (match := _FILE.fullmatch(path.name))
        }
        if not self._paths:
            raise InputError(
                f"expected pointnet-p<P>.onnx in {folder}, found none: "
                "run `isthmus train classifiers`, or measure with --baselines none"
            )
        self._threads = threads
        self._networks: dict[int, Network] = {}

    @property
    def point_counts(self) -> tuple[int, ...]:
        """The P that there is a network for."""
        return tuple(sorted(self._paths))

    def predict(self, points: int, clouds: list[Float64]) -> npt.NDArray[np.int64]:
        """Label of each cloud (float64 [n, 3], any n) by the network trained for `points`, int64 [clouds]."""
        network = self._network(points)
        predicted = np.empty(len(clouds), np.int64)
        by_length = np.argsort([len(c) for c in clouds], kind="stable")
        for start in range(0, len(clouds), BATCH_CLOUDS):
            rows = by_length[start : start + BATCH_CLOUDS]
            (logits,) = network.run({"points": pad([clouds[i] for i in rows])})
            predicted[rows] = np.asarray(logits).argmax(1)
        return predicted

    def _network(self, points: int) -> Network:
        if points not in self._paths:
            raise InputError(f"expected a classifier for P={points}, got only {self.point_counts}")
        if points not in self._networks:
            self._networks[points] = open_graph(self._paths[points], self._threads)
        return self._networks[points]


def pad(clouds: list[Float64]) -> npt.NDArray[np.float32]:
    """Normalised clouds of one batch, float32 [batch, 3, longest]."""
    longest = max(len(c) for c in clouds)
    batch = np.empty((len(clouds), 3, longest), np.float32)
    for row, cloud in zip(batch, clouds, strict=True):
        normalized = normalize(cloud.astype(np.float32))
        row[:, : len(cloud)] = normalized
        row[:, len(cloud) :] = normalized[:, :1]
    return batch
