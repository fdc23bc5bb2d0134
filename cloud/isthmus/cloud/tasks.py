"""What the cloud does with symbols: the cloud half of a classifier, and labels out of its logits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from isthmus.common import wire
from isthmus.common.errors import ManifestError
from isthmus.common.manifest import CodecFolder, load_codec_folder

CLOUD_FILE = "cloud.onnx"

# Signals in one run of the network: bounds its activations, whatever a client packs together.
MAX_RUN_SIGNAL_COUNT = 256


class Classifier:
    """Cloud half of one codec: symbols int32 `[signals, channels]` to logits float32 `[signals, classes]`.

    Args:
        codec: the codec, or the path of its folder.
        threads: threads of one run. One is fastest where edge and cloud share a machine.

    Raises:
        ManifestError: the folder is damaged, or the graph does not fit the manifest.
    """

    def __init__(self, codec: CodecFolder | str | Path, threads: int = 1) -> None:
        folder = codec if isinstance(codec, CodecFolder) else load_codec_folder(codec, needed=(CLOUD_FILE,))
        self.manifest = folder.manifest
        self._session = _session(folder.file(CLOUD_FILE), threads)
        expected = ("symbols", "tensor(int32)", self.manifest.channels), ("logits", "tensor(float)", self.class_count)
        actual = tuple((node.name, node.type, node.shape[-1]) for node in _ends(self._session))
        if actual != expected:
            raise ManifestError(f"{folder.path / CLOUD_FILE}: expected a graph {expected}, got {actual}")

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
        """The `top_k` labels of each signal as they travel, int64 `[signals, top_k]`, best first.

        Of classes with equal logits the lower index comes first.
        """
        logits = self.logits(symbols)
        if top_k == 1:  # few calls: this is the usual case, and each costs as much as a small network
            sums = np.exp(logits - logits.max(1, keepdims=True)).sum(1, keepdims=True)
            return wire.pack_labels(logits.argmax(1)[:, None], 1 / sums)
        best = np.argsort(-logits, axis=1, kind="stable")[:, :top_k]
        return wire.pack_labels(best, np.take_along_axis(probabilities(logits), best, 1))

    def _run(self, symbols: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        logits: npt.NDArray[np.float32] = self._session.run(None, {"symbols": symbols})[0]
        return logits


def probabilities(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Softmax over the last axis, safe for logits up to 1e38."""
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    out: npt.NDArray[np.float32] = powers / powers.sum(-1, keepdims=True)
    return out


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    # A spinning pool would burn the core that the edge, or the event loop, needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ManifestError(f"{path}: expected an ONNX graph that onnxruntime can run: {error}") from error


def _ends(session: onnxruntime.InferenceSession) -> tuple[onnxruntime.NodeArg, ...]:
    return (*session.get_inputs(), *session.get_outputs())
