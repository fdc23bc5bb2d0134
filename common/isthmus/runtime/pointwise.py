"""The edge half of a narrow codec without a runtime: a few layers over points, in C or as a NumPy reference.

Theory of operation. A codec whose layers are narrow has its edge half a second time, as plain integer arrays in
`edge.npz`. They say the same as `edge.onnx`:

- x = round(points * 2**input_bits), half to even;
- each layer but the last: a = clip(floor((weight @ x + bias) * 2**-shift), 0, top);
- the last one: the same over the largest (weight @ x + bias) that any point has;
- each symbol is the first largest of its head's scores, head_weight @ a + head_bias.

Every sum is an integer under 2**24, proven when a plan is made. So float32 in any order, with any vector width, gives
what integers give, and three engines agree bit for bit: `_pointwise.c`, used where it was built; onnxruntime; and
`run_reference`, which is short, slow and in integers throughout.

Coordinates are expected in the unit ball, as `normalize` gives them. For others, NaN and infinity among them, the
compiled engine still gives symbols in range, but no promise holds on which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError, ManifestError, MissingDependencyError
from isthmus.common.manifest.codec_file import CodecFile, Source
from isthmus.runtime.pointwise_plan import AXES, PlanLayer, PointwisePlan, load_plan

try:
    from isthmus.runtime import _pointwise as compiled
except ImportError:  # built without a C compiler: onnxruntime does the work
    compiled = None  # type: ignore[assignment, unused-ignore]

IS_COMPILED = compiled is not None
"""Whether the C engine was built."""

NOT_BUILT = (
    "the compiled engine was not built: install a C compiler and isthmus again (in a checkout: python hatch_build.py), "
    "or use the engine onnxruntime"
)
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]


class PointwiseNetwork:
    """Runs a plan in C. Holds nothing between runs, so threads may share it.

    Args:
        plan: what to run.
        instruction_set: at most this one: 0 the platform's own, 1 AVX2 with FMA, 2 AVX-512; for tests.

    Raises:
        MissingDependencyError: the C engine was not built.
    """

    __slots__ = ("_channels", "_run", "network")

    def __init__(self, plan: PointwisePlan, instruction_set: int = 2) -> None:
        if compiled is None:
            raise MissingDependencyError(NOT_BUILT)
        layers = plan.layers
        self.network = compiled.Network(
            plan.input_bits,
            plan.head_count,
            np.array([AXES, *(len(layer.bias) for layer in layers)], np.int32),
            np.array([layer.top for layer in layers], np.int32),
            _joined([layer.weight for layer in layers]),
            _joined([layer.bias for layer in layers]),
            _joined([layer.shift for layer in layers]),
            _joined([plan.head_weight]),
            _joined([plan.head_bias]),
            instruction_set,
        )
        self._channels = plan.head_count
        self._run = self.network.run

    @property
    def ends(self) -> tuple[tuple[str, str, tuple[int | str | None, ...]], ...]:
        """Name, element and shape of the input, then of the output."""
        return (("points", "float", ("batch", AXES, "points")), ("symbols", "int32", ("batch", self._channels)))

    def run(self, feeds: Mapping[str, Float32]) -> tuple[Int32]:
        """The symbols of `feeds["points"]`, float32 ``[batch, 3, points]``, as an engine's network gives them."""
        return (self.symbols(feeds["points"]),)

    def symbols(self, points: Float32) -> Int32:
        """Symbols int32 [batch, channels] of normalised clouds float32 [batch, 3, P], P >= 1; read-only.

        Raises:
            InputError: not such an array.
        """
        shape = points.shape
        if len(shape) != 3 or shape[1] != AXES or shape[2] < 1 or points.dtype != np.float32:
            raise InputError(f"points: expected float32 [batch, 3, points], got {points.dtype} {list(shape)}")
        data = self._run(np.ascontiguousarray(points), shape[2])
        return np.frombuffer(data, np.int32).reshape(shape[0], self._channels)


class CompiledEngine:
    """The engine that opens plans; its networks hold nothing between runs, so threads may share them."""

    name = "compiled"
    suffix = ".npz"

    def missing(self) -> str:
        """Why it cannot run here; "" if it can."""
        return "" if IS_COMPILED else NOT_BUILT

    def open(self, graph: Source | bytes, threads: int, *, optimizes: bool = True) -> PointwiseNetwork:
        """The network of a plan. It has one thread, and one way to run. InputError if it is no sound plan."""
        del threads, optimizes
        if isinstance(graph, bytes):
            graph = CodecFile(Path("plan"), graph)
        try:
            return PointwiseNetwork(load_plan(graph))
        except ManifestError as error:
            raise InputError(str(error)) from error


def run_reference(plan: PointwisePlan, points: Float32) -> Int32:
    """What `PointwiseNetwork.symbols` gives of points ``[batch, 3, points]``, in NumPy's int64; in the unit ball."""
    x = np.rint(points.astype(np.float64) * 2.0**plan.input_bits).astype(np.int64)
    for layer in plan.layers[:-1]:
        x = _step(_sums(layer, x), layer)
    last = plan.layers[-1]
    a = _step(_sums(last, x).max(2, keepdims=True), last)[:, :, 0]
    scores = a @ plan.head_weight.astype(np.int64).T + plan.head_bias
    size = len(plan.head_bias) // plan.head_count
    best: Int32 = scores.reshape(len(points), plan.head_count, size).argmax(2).astype(np.int32)
    return best


def _sums(layer: PlanLayer, x: Int64) -> Int64:
    sums: Int64 = np.einsum("oi,bip->bop", layer.weight.astype(np.int64), x) + layer.bias[:, None]
    return sums


def _step(sums: Int64, layer: PlanLayer) -> Int64:
    clipped: Int64 = np.clip(sums >> layer.shift[:, None], 0, layer.top)  # >> rounds down
    return clipped


def _joined(arrays: Sequence[Int32]) -> Int32:
    return np.concatenate([array.ravel() for array in arrays]).astype(np.int32, copy=False)
