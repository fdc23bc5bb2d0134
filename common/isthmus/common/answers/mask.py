"""A mask: the class of every pixel of a frame, as far as a network tells them apart.

As bytes: `height varint | width varint`, and runs of pixels of one class, row by row: `length varint | class varint`.
A run is as long as it can be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from isthmus.common import protocol
from isthmus.common.answers.reading import MOST_SIDE, AnswerReader
from isthmus.common.bits.varint import encode_varint
from isthmus.common.errors import InputError, LimitExceededError, MessageError
from isthmus.common.task import Asked, Told

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    UInt16 = npt.NDArray[np.uint16]

MOST_PIXELS = 1 << 24
MOST_CLASS = (1 << 16) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """Outcome of a segmentation.

    Attributes:
        classes: uint16 `[height, width]`, read-only.

    Raises:
        InputError: another array.
    """

    classes: UInt16

    def __post_init__(self) -> None:
        import numpy as np

        if self.classes.ndim != 2 or not self.classes.size or self.classes.dtype != np.uint16:
            raise InputError(f"mask: expected uint16 [height, width], got {self.classes.dtype} {self.classes.shape}")
        self.classes.flags.writeable = False

    def placed(self, height: int, width: int, whole: tuple[int, int]) -> Mask:
        """The same on a frame `[height, width]`, by the nearest; `whole` is what all that was seen makes there."""
        import numpy as np

        rows, columns = self.classes.shape
        sides = (height, rows, whole[0]), (width, columns, whole[1])
        down, right = (((np.arange(n) + 0.5) * m / all_of).astype(int) for n, m, all_of in sides)
        return Mask(np.ascontiguousarray(self.classes[down[:, None], right]))


def write_mask(mask: Mask) -> protocol.FrameAnswer:
    """As it travels. LimitExceededError for one of too many pixels."""
    import numpy as np

    if mask.classes.size > MOST_PIXELS:
        raise LimitExceededError(f"mask: expected at most {MOST_PIXELS} pixels, got {mask.classes.size}")
    flat = mask.classes.ravel()
    starts = np.flatnonzero(np.concatenate(([True], flat[1:] != flat[:-1])))
    lengths = np.diff(np.append(starts, flat.size))
    parts = [encode_varint(side) for side in mask.classes.shape]
    for length, start in zip(lengths.tolist(), starts.tolist(), strict=True):
        parts.append(encode_varint(length) + encode_varint(int(flat[start])))
    return protocol.FrameAnswer(b"".join(parts))


def read_mask(outcome: protocol.Outcome, asked: Asked) -> Mask:
    """The mask of a frame. MessageError for what no cloud writes."""
    import numpy as np

    reader = AnswerReader(outcome, "a mask")
    height, width = (reader.number(1, MOST_SIDE, name) for name in ("height", "width"))
    if height * width > MOST_PIXELS:
        raise MessageError(f"result: expected a mask of at most {MOST_PIXELS} pixels, got {height} x {width}")
    flat = np.empty(height * width, np.uint16)
    at, before, most = 0, -1, max(0, len(asked.class_names) - 1)
    while at < len(flat):
        length, kind = reader.number(1, len(flat) - at, "a run"), reader.number(0, most, "class")
        if kind == before:
            raise MessageError("result: expected runs of a mask as long as they can be, got two of one class")
        flat[at : at + length], before = kind, kind
        at += length
    reader.finish()
    return Mask(flat.reshape(height, width))


def tell_mask(mask: Mask, class_names: tuple[str, ...]) -> Told:
    """Its size and its largest class; all classes in JSON, by their share of the pixels."""
    import numpy as np

    counts = np.bincount(mask.classes.ravel())
    order = [int(k) for k in np.argsort(-counts, kind="stable") if counts[k]]
    height, width = mask.classes.shape
    told = [
        {
            "class": class_names[k],
            "class_index": k,
            "pixels": int(counts[k]),
            "share": round(counts[k] / mask.classes.size, 6),
        }
        for k in order
    ]
    cells = f"{width}x{height}", class_names[order[0]], f"{counts[order[0]] / mask.classes.size:.1%}"
    return Told(cells, {"height": height, "width": width, "classes": told})
