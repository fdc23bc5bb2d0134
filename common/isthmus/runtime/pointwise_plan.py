"""The plan of a narrow edge half: its layers as plain integer arrays, read from `edge.npz` and checked.

What a plan computes, and why every sum stays exact, is told where it is run: `isthmus.runtime.pointwise`.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import ManifestError
from isthmus.common.manifest.codec_file import CodecFile, Source, stream_of

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


def load_plan(path: Source) -> PointwisePlan:
    """Reads `edge.npz`.

    Raises:
        ManifestError: not an npz file of exactly the int32 arrays of a plan, or not a sound plan.
    """
    try:
        return _plan_of(_read_arrays(path))
    except ManifestError as error:
        raise ManifestError(f"{path}: {error}; restore it, or freeze the codec again") from error


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


def _read_arrays(path: Source) -> dict[str, Int32]:
    """The arrays of an npz file, sizes checked before anything is unpacked; never unpickles."""
    try:
        size = len(path.data) if isinstance(path, CodecFile) else path.stat().st_size
        _expect(size <= MAX_PLAN_SIZE_BYTES, f"expected at most {MAX_PLAN_SIZE_BYTES} bytes", size)
        with zipfile.ZipFile(stream_of(path)) as archive:
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


def _expect(is_sound: bool, message: str, actual: object) -> None:  # noqa: FBT001  a rule, as assert takes it
    if not is_sound:
        raise ManifestError(f"{message}, got {actual}")
