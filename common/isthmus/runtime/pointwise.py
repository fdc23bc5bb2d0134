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

import io
import math
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError, ManifestError, MissingDependencyError

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
PLAN_FILE = "edge.npz"
AXES = 3
EXACT_LIMIT = 1 << 24
MAX_LAYERS = 16
MAX_WIDTH = 256
MAX_SCORES = 65_536
MAX_SHIFT = 24
MAX_INPUT_BITS = 20
MAX_PLAN_SIZE_BYTES = 1 << 20
MAX_ARRAY_SIZE_BYTES = 4 * MAX_WIDTH * MAX_SCORES + 1024

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]

_SINGLE = ("input_bits", "head_count", "head_weight", "head_bias")
_LAYER = ("weight", "bias", "shift", "top")
_NAME = re.compile(r"(weight|bias|shift|top)(0|[1-9][0-9]?)")


@dataclass(frozen=True, slots=True, eq=False)
class PlanLayer:
    """One layer over points.

    Attributes:
        weight: int32 [out, in].
        bias, shift: int32 [out].
        top: largest activation.
    """

    weight: Int32
    bias: Int32
    shift: Int32
    top: int


@dataclass(frozen=True, slots=True, eq=False)
class PointwisePlan:
    """A narrow edge half, valid from birth.

    Attributes:
        input_bits: coordinates are rounded to 2**-input_bits.
        layers: at least one; the first takes x, y and z.
        head_count: symbols of one cloud.
        head_weight: int32 [head_count * size, width of the last layer], head by head.
        head_bias: int32 [head_count * size].

    Raises:
        ManifestError: sizes that do not fit, values out of range, or a sum that could reach 2**24.
    """

    input_bits: int
    layers: tuple[PlanLayer, ...]
    head_count: int
    head_weight: Int32
    head_bias: Int32

    def __post_init__(self) -> None:
        _expect(0 <= self.input_bits <= MAX_INPUT_BITS, f"input_bits: expected 0 to {MAX_INPUT_BITS}", self.input_bits)
        _expect(1 <= len(self.layers) <= MAX_LAYERS, f"expected 1 to {MAX_LAYERS} layers", len(self.layers))
        width, input_top = AXES, 1 << self.input_bits
        for number, layer in enumerate(self.layers):
            width = _check_linear(layer.weight, layer.bias, width, MAX_WIDTH, input_top, str(number))
            _expect(layer.shift.shape == (width,), f"shift{number}: expected shape {[width]}", list(layer.shift.shape))
            _expect(
                bool(((layer.shift >= 0) & (layer.shift <= MAX_SHIFT)).all()),
                f"shift{number}: expected 0 to {MAX_SHIFT}",
                [int(layer.shift.min()), int(layer.shift.max())],
            )
            _expect(1 <= layer.top < EXACT_LIMIT, f"top{number}: expected 1 to 2**24 - 1", layer.top)
            input_top = layer.top
        scores = _check_linear(self.head_weight, self.head_bias, width, MAX_SCORES, input_top, "", "head_")
        _expect(
            1 <= self.head_count <= scores and scores % self.head_count == 0,
            f"head_count: expected a divisor of the {scores} scores",
            self.head_count,
        )


def load_plan(path: Path) -> PointwisePlan:
    """Reads `edge.npz`.

    Raises:
        ManifestError: not an npz file of exactly the int32 arrays of a plan, or not a sound plan.
    """
    try:
        return _plan_of(_read_arrays(path))
    except ManifestError as error:
        raise ManifestError(f"{path}: {error}; restore it, or freeze the codec again") from error


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
        """The symbols of `feeds["points"]`, as an engine's network gives them."""
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

    def open(self, graph: Path | bytes, threads: int, *, optimizes: bool = True) -> PointwiseNetwork:
        """The network of a plan. It has one thread, and one way to run. InputError if it is no sound plan."""
        del threads, optimizes
        if isinstance(graph, bytes):
            raise InputError("expected the path of a plan, got bytes")
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


def _check_linear(
    weight: Int32, bias: Int32, inputs: int, most: int, input_top: int, number: str, prefix: str = ""
) -> int:
    """Outputs of a linear layer, if its shapes fit and none of its sums can reach 2**24."""
    name = f"{prefix}weight{number}"
    is_matrix = weight.ndim == 2 and 1 <= len(weight) <= most and weight.shape[1] == inputs
    _expect(is_matrix, f"{name}: expected shape [1 to {most}, {inputs}]", list(weight.shape))
    outputs = len(weight)
    _expect(bias.shape == (outputs,), f"{prefix}bias{number}: expected shape {[outputs]}", list(bias.shape))
    # int64 holds this: at most 2**31 * 2**8 inputs * 2**24.
    bound = int((np.abs(weight.astype(np.int64)).sum(1) * input_top + np.abs(bias.astype(np.int64))).max())
    _expect(bound < EXACT_LIMIT, f"{name}: expected every sum under 2**24", f"a bound of {bound}")
    return outputs


def _plan_of(arrays: dict[str, Int32]) -> PointwisePlan:
    count = len({name for name in arrays if name.startswith("weight")})
    expected = {*_SINGLE, *(f"{kind}{number}" for kind in _LAYER for number in range(count))}
    _expect(set(arrays) == expected, f"expected the arrays {sorted(expected)}", sorted(arrays))
    layers = tuple(
        PlanLayer(arrays[f"weight{n}"], arrays[f"bias{n}"], arrays[f"shift{n}"], _scalar(arrays[f"top{n}"], f"top{n}"))
        for n in range(count)
    )
    return PointwisePlan(
        _scalar(arrays["input_bits"], "input_bits"),
        layers,
        _scalar(arrays["head_count"], "head_count"),
        arrays["head_weight"],
        arrays["head_bias"],
    )


def _scalar(array: Int32, name: str) -> int:
    _expect(array.ndim == 0, f"{name}: expected one number", f"shape {list(array.shape)}")
    return int(array)


def _read_arrays(path: Path) -> dict[str, Int32]:
    """The arrays of an npz file, sizes checked before anything is unpacked; never unpickles."""
    try:
        size = path.stat().st_size
        _expect(size <= MAX_PLAN_SIZE_BYTES, f"expected at most {MAX_PLAN_SIZE_BYTES} bytes", size)
        with zipfile.ZipFile(path) as archive:
            arrays: dict[str, Int32] = {}
            for member in archive.infolist():
                name = member.filename.removesuffix(".npy")
                _expect(
                    member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED),
                    f"{name}: expected it stored or deflated",
                    f"method {member.compress_type}",
                )
                is_known = name in _SINGLE or _NAME.fullmatch(name) is not None
                _expect(is_known and name not in arrays, "expected each array of a plan once", member.filename)
                _expect(
                    member.file_size <= MAX_ARRAY_SIZE_BYTES,
                    f"{name}: expected at most {MAX_ARRAY_SIZE_BYTES} bytes",
                    member.file_size,
                )
                arrays[name] = _parse_array(archive.read(member), name)
            return arrays
    except OSError as error:
        raise ManifestError(f"expected an npz file, cannot read it: {error.strerror or error}") from error
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise ManifestError(f"expected an npz file: {error}") from error
    except ValueError as error:  # what NumPy raises for a header it cannot read
        raise ManifestError(f"expected arrays in NumPy's format: {error}") from error


def _parse_array(data: bytes, name: str) -> Int32:
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    _expect(version == (1, 0), f"{name}: expected version 1.0 of NumPy's format", version)
    shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    _expect(dtype == np.dtype("<i4"), f"{name}: expected int32, little-endian", dtype)
    at = stream.tell()
    is_whole = all(extent >= 0 for extent in shape) and len(data) - at == 4 * math.prod(shape)
    _expect(is_whole, f"{name}: expected as many bytes as its shape {list(shape)} has", len(data) - at)
    array = np.frombuffer(data, "<i4", offset=at).reshape(shape, order="F" if is_fortran else "C")
    return array.astype(np.int32)


def _expect(is_sound: bool, message: str, actual: object) -> None:
    if not is_sound:
        raise ManifestError(f"{message}, got {actual}")
