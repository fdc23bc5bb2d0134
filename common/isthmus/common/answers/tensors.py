"""Tensors: what a network gives, as it gives it, where nobody says what it is for.

As bytes: `count varint`, and of each `name size varint | name | kind 1 | axes varint | length varint each | numbers`,
the numbers row-major and little-endian. A kind is its place among `KINDS`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from isthmus.common import protocol
from isthmus.common.answers.reading import AnswerReader
from isthmus.common.bits.varint import encode_varint
from isthmus.common.errors import InputError, LimitExceededError, MessageError
from isthmus.common.task import Asked, Told

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

KINDS = ("<f4", "<f2", "<f8", "<i4", "<i8", "u1", "i1", "?", "<i2", "<u2", "<u4", "<u8")
MOST_TENSORS, MOST_AXES, MOST_NAME_BYTES = 64, 8, 256
MOST_BYTES = 1 << 26
SHOWN = 64
"""Numbers of a tensor that JSON has; of a larger one, what it is like."""


@dataclass(frozen=True, slots=True, eq=False)
class Tensors:
    """Outcome of a network that is answered with as it is.

    Attributes:
        arrays: name and `[…]` of each output, in the network's order, read-only.

    Raises:
        InputError: too many, or of a kind that does not travel.
    """

    arrays: tuple[tuple[str, Array], ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.arrays) <= MOST_TENSORS:
            raise InputError(f"tensors: expected 1 to {MOST_TENSORS}, got {len(self.arrays)}")
        for name, array in self.arrays:
            if kind_of(array) not in KINDS or array.ndim > MOST_AXES or not 1 <= len(name.encode()) <= MOST_NAME_BYTES:
                raise InputError(
                    f"{name:.60}: expected numbers of up to {MOST_AXES} axes, got {array.dtype} {array.shape}"
                )
            array.flags.writeable = False


def kind_of(array: Array) -> str:
    """The kind of the numbers of an array `[…]`, as `KINDS` names it; another name where there is none."""
    return array.dtype.newbyteorder("<").str.replace("|", "").replace("b1", "?")


def write_tensors(tensors: Tensors) -> protocol.FrameAnswer:
    """As they travel. LimitExceededError where they are too large."""
    if (size := sum(array.nbytes for _, array in tensors.arrays)) > MOST_BYTES:
        raise LimitExceededError(f"tensors: expected at most {MOST_BYTES} bytes, got {size}")
    parts = [encode_varint(len(tensors.arrays))]
    for name, array in tensors.arrays:
        word, kind = name.encode(), kind_of(array)
        parts += [encode_varint(len(word)), word, bytes((KINDS.index(kind),)), encode_varint(array.ndim)]
        parts += [encode_varint(length) for length in array.shape]
        parts.append(array.astype(kind).tobytes())
    return protocol.FrameAnswer(b"".join(parts))


def read_tensors(outcome: protocol.Outcome, asked: Asked) -> Tensors:
    """The tensors of a frame. MessageError for what no cloud writes."""
    import numpy as np

    del asked
    reader = AnswerReader(outcome, "tensors")
    arrays: list[tuple[str, Array]] = []
    for _ in range(reader.number(1, MOST_TENSORS, "count")):
        word = reader.take(reader.number(1, MOST_NAME_BYTES, "size of a name"), "a name")
        try:
            name = word.decode()
        except UnicodeDecodeError as error:
            raise MessageError("result: expected names of tensors in UTF-8, got others") from error
        kind = reader.take(1, "a kind")[0]
        if kind >= len(KINDS):
            raise MessageError(f"result: expected a kind of 0 to {len(KINDS) - 1}, got {kind}")
        shape = [reader.number(0, MOST_BYTES, "a length") for _ in range(reader.number(0, MOST_AXES, "axes"))]
        numbers = np.dtype(KINDS[kind])
        data = reader.take(math.prod(shape) * numbers.itemsize, "numbers")
        if kind == KINDS.index("?") and data.strip(b"\0\1"):
            raise MessageError("result: expected truths of 0 and 1, got others")
        arrays.append((name, np.frombuffer(data, numbers).reshape(shape)))
    reader.finish()
    try:
        return Tensors(tuple(arrays))
    except InputError as error:
        raise MessageError(f"result: {error}") from error


def tell_tensors(tensors: Tensors, class_names: tuple[str, ...]) -> Told:
    """Names and shapes; small ones in JSON as they are, of others least, largest and mean."""
    import numpy as np

    del class_names
    told: list[dict[str, object]] = []
    for name, array in tensors.arrays:
        fields: dict[str, object] = {"name": name, "kind": array.dtype.name, "shape": list(array.shape)}
        numbers = array.astype(np.float64)
        if array.size and np.isfinite(numbers).all():
            fields |= {"least": float(numbers.min()), "largest": float(numbers.max()), "mean": float(numbers.mean())}
            if array.size <= SHOWN:
                fields["values"] = array.tolist()
        told.append(fields)
    cells = "\n".join(f"{name} {'x'.join(map(str, array.shape))}" for name, array in tensors.arrays)
    return Told((cells,), {"tensors": told})
