"""A witness of a crossing: decodes frames again by the Python coder, classifies them again by ONNX's evaluator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.context import ContextModel
from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.bits.expectation import ExpectationModel
from isthmus.common.coded import Coded
from isthmus.common.manifest.folder import CLOUD_FILE, EDGE_FILE, CodecFolder
from isthmus.common.video.codec_tables import open_tables
from isthmus.common.video.coder import VideoCoder
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.state import LatentState
from isthmus.edge.result import FrameResult
from isthmus.edge.video.detail import FrameDetail
from isthmus.edge.video.encoder import VideoEncoder
from isthmus.edge.video.policy import VideoPolicy
from isthmus.measure.determinism.runtimes import open_reference

Int32 = npt.NDArray[np.int32]


class PythonContext(ContextModel):
    """A context model that codes by its specification in Python alone, never by the compiled coder."""

    __slots__ = ()

    def decode(
        self,
        section: bytes,
        height: int,
        width: int,
        given: Int32 | None = None,
        mask: npt.NDArray[np.bool_] | None = None,
    ) -> Int32:
        """As of the base: latents ``[channels, height, width]``."""
        return self.decode_reference(section, height, width, *self._known(given, mask, (height, width)))


class PythonExpectation(ExpectationModel):
    """A model of expectations that codes by its specification in Python alone."""

    __slots__ = ()

    def decode(self, section: bytes, expected: Int32, mask: npt.NDArray[np.bool_] | None = None) -> Int32:
        """As of the base: latents ``[M, h, w]``."""
        return self.decode_reference(section, *self._known(expected, mask, expected.shape))


class NumpyVideoEncoder(VideoEncoder):
    """An encoder whose network is run by ONNX's reference evaluator, in NumPy."""

    def __init__(self, codec: CodecFolder[VideoManifest], policy: VideoPolicy | None = None, threads: int = 1) -> None:
        super().__init__(codec, policy, threads)
        self._network = _Evaluator(codec.file(EDGE_FILE))


class _Evaluator:
    """A network run by ONNX's reference evaluator."""

    ends = ()

    def __init__(self, path: Path) -> None:
        self._run = open_reference(path)

    def run(self, feeds: Mapping[str, Any]) -> Sequence[Any]:
        """The first output of inputs by name."""
        return (self._run(feeds),)


class Replay:
    """Decodes and classifies the first frames it sees once more.

    Args:
        folder: of the codec.
        limit: frames.

    Attributes:
        replayed, state_mismatches: packets decoded, and those that gave another state than the encoder's.
        relabelled, label_mismatches: states classified, and those whose first label was not the cloud's.
    """

    def __init__(self, folder: CodecFolder[VideoManifest], limit: int) -> None:
        tables = open_tables(folder.file(ENTROPY_FILE), folder.manifest)
        models: dict[str, Any] = {n: _in_python(getattr(tables, n)) for n in ("intra", "motion", "residual")}
        self._coder = VideoCoder(folder.manifest, replace(tables, **models))
        self._classify = open_reference(folder.file(CLOUD_FILE))
        self._limit = limit
        self.replayed = self.state_mismatches = self.relabelled = self.label_mismatches = 0

    def see(self, coded: Coded[FrameDetail], references: tuple[LatentState, ...], result: FrameResult) -> None:
        """One frame that the cloud answered; passed over once the limit is reached."""
        if self.replayed >= self._limit:
            return
        state = self._coder.decode(coded.packet, references).state
        self.replayed += 1
        self.state_mismatches += state.crc32() != result.value.state_crc32
        self.relabelled += 1
        logits = self._classify({"y_hat": state.y_hat[None]})[0]
        self.label_mismatches += int(logits.argmax()) != result.value.top().class_index


def _in_python(model: ContextModel | ExpectationModel) -> PythonContext | PythonExpectation:
    if isinstance(model, ExpectationModel):
        return PythonExpectation(model.tables, model.taps, model.edges, model.thresholds, model.inertia)
    arrays = (model.order, model.first_tap, model.taps, model.first_threshold, model.thresholds, model.first_table)
    return PythonContext(model.tables, *arrays, model.given)
