"""The whole network of a video codec, nothing quantised: what a cloud would run on whole frames, and the truth where
there are no labels."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import CodecError
from isthmus.common.manifest.folder import CLOUD_FILE, EDGE_FILE, load_codec_folder
from isthmus.common.video.manifest import VideoManifest
from isthmus.measure.video.point import UNKNOWN
from isthmus.runtime.engine import End, Network, open_network
from isthmus.runtime.frame_size import fitted

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]

BATCH_PIXELS = 1 << 18  # a batch's activations stay in the cache of a core, about


class WholeNetwork:
    """Both halves of a codec, in floats, on one thread.

    Args:
        folder: of the codec.

    Raises:
        ManifestError: the folder is damaged, or not of a video codec.
    """

    def __init__(self, folder: Path) -> None:
        codec = load_codec_folder(folder, needed=(EDGE_FILE, CLOUD_FILE), kind=VideoManifest)
        self.manifest: VideoManifest = codec.manifest
        channels, classes = self.manifest.latent_channels, len(self.manifest.class_names)
        self._paths = codec.file(EDGE_FILE), codec.file(CLOUD_FILE)
        self._edge = open_network(self._paths[0], (End("frame", "float", 3), End("y", "float", channels)))
        self._cloud = open_network(
            self._paths[1], (End("y_hat", "float", channels), End("logits", "float", classes, axis=-1))
        )

    def latents(self, frames: UInt8) -> Float32:
        """y of frames uint8 ``[n, height, width, 3]``, in steps: float32 ``[n, M, h, w]``."""
        seen = np.stack([fitted(self.manifest, frame) for frame in frames])
        planes = np.ascontiguousarray(seen.transpose(0, 3, 1, 2), np.float32)
        return self._batches(lambda x: self._edge.run({"frame": x})[0], planes, self._edge)

    def logits(self, y: Float32) -> Float32:
        """Of each frame's latents, float32 ``[n, M, h, w]`` in steps: float32 ``[n, classes]``."""
        return self._batches(lambda x: self._cloud.run({"y_hat": x})[0], y, self._cloud).reshape(len(y), -1)

    def answers(self, y: Float32) -> Int64:
        """The likeliest class of each frame's latents: int64 ``[n]``."""
        found: Int64 = self.logits(y).argmax(1)
        return found

    def macs(self, height: int, width: int) -> tuple[float, float]:
        """Multiply-accumulates of (the edge's half, the cloud's) on a frame; nan without the package onnx."""
        if find_spec("onnx") is None:
            return UNKNOWN, UNKNOWN
        import onnx

        from isthmus.split.cuts import macs_of_nodes
        from isthmus.split.network import inferred

        frame = fitted(self.manifest, np.zeros((height, width, 3), np.uint8)).shape
        latents = self.manifest.latent_shape(height, width)
        found = []
        for path, name, shape in zip(self._paths, ("frame", "y_hat"), ((3, *frame[:2]), latents), strict=True):
            model = onnx.load(path)
            shapes = inferred(model, name, (1, *shape))
            found.append(float(sum(macs_of_nodes(model.graph.node, model, shapes, (1, *shape)))))
        return found[0], found[1]

    def _batches(self, run: Callable[[Float32], Float32], values: Float32, network: Network) -> Float32:
        """As many frames at a time as the graph takes, and as fit the cache."""
        first = network.ends[0][2][0]
        pixels = values[0, 0].size * (self.manifest.stride**2 if network is self._cloud else 1)
        size = first if isinstance(first, int) else max(1, BATCH_PIXELS // pixels)
        found = np.concatenate([run(values[i : i + size]) for i in range(0, len(values), size)])
        if len(found) != len(values):
            raise CodecError(f"{self.manifest.name}: expected an answer a frame, got {len(found)} for {len(values)}")
        return found


def nrmse(seen: Float32, actual: Float32) -> npt.NDArray[np.float64]:
    """Error of each frame's latents over the range of the actual ones, float64 ``[n]``.

    Args:
        seen: float32 ``[n, M, h, w]``, what the cloud had.
        actual: float32 ``[n, M, h, w]``, the whole network's on the original frames.
    """
    error = np.sqrt(np.square(seen.astype(np.float64) - actual).mean((1, 2, 3)))
    span = actual.max((1, 2, 3)).astype(np.float64) - actual.min((1, 2, 3))
    found: npt.NDArray[np.float64] = error / np.maximum(span, 1e-9)
    return found
