"""Boxes: what a detector finds in a frame, where, and how sure it is.

As bytes: `height varint | width varint | count varint`, and of each box, surest first,
`class varint | score 2 | left varint | top varint | right varint | bottom varint`: the score in 1/65535, little-endian,
sides in 1/16 of a pixel of a frame of that height and width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isthmus.common import protocol
from isthmus.common.answers.reading import MOST_SIDE, AnswerReader
from isthmus.common.bits.varint import encode_varint
from isthmus.common.errors import InputError, MessageError
from isthmus.common.task import Asked, Told

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Float32 = npt.NDArray[np.float32]

MOST_BOXES = 1000
SCORE_TOP = (1 << 16) - 1
PARTS = 16
"""Of a pixel."""


@dataclass(frozen=True, slots=True)
class Box:
    """One thing that was found.

    Attributes:
        class_index: of the codec's classes.
        score: 0.0 to 1.0.
        left, top, right, bottom: in pixels from the frame's left and top edge.
    """

    class_index: int
    score: float
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Boxes:
    """Outcome of a detection.

    Attributes:
        height, width: of the frame that their sides count pixels of.
        found: surest first.
    """

    height: int
    width: int
    found: tuple[Box, ...]

    def placed(self, height: int, width: int, whole: tuple[int, int]) -> Boxes:
        """The same on a frame of another size, clipped to it; `whole` is what all that was seen makes there."""
        down, right = whole[0] / self.height, whole[1] / self.width
        boxes = (
            Box(
                b.class_index,
                b.score,
                min(b.left * right, width),
                min(b.top * down, height),
                min(b.right * right, width),
                min(b.bottom * down, height),
            )
            for b in self.found
        )
        return Boxes(height, width, tuple(b for b in boxes if b.right > b.left and b.bottom > b.top))


def boxes_of(boxes: Float32, scores: Float32, classes: Sequence[int], height: int, width: int) -> Boxes:
    """Boxes of a network, as the wire has them: clipped to the frame, surest first, at most `MOST_BOXES`.

    Args:
        boxes: float32 `[n, 4]`, left, top, right, bottom in pixels.
        scores: float32 `[n]`.
        classes: of each.
        height, width: of the frame.

    Raises:
        InputError: arrays of other shapes, or numbers that are not finite.
    """
    import numpy as np

    count = len(scores)
    if boxes.shape != (count, 4) or len(classes) != count:
        raise InputError(f"boxes: expected [n, 4] and n scores and classes, got {boxes.shape}, {count}, {len(classes)}")
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        raise InputError("boxes: expected finite numbers, the network gave others")
    order = np.argsort(-scores.astype(np.float64), kind="stable")[:MOST_BOXES]
    sides = np.clip(np.rint(boxes.astype(np.float64) * PARTS), 0, np.array([width, height, width, height]) * PARTS)
    levels = np.clip(np.rint(scores.astype(np.float64) * SCORE_TOP), 0, SCORE_TOP)
    found = []
    for k in order:
        left, top, right, bottom = (float(side) / PARTS for side in sides[k])
        if right > left and bottom > top:
            found.append(Box(int(classes[k]), float(levels[k]) / SCORE_TOP, left, top, right, bottom))
    return Boxes(height, width, tuple(found))


def write_boxes(boxes: Boxes) -> protocol.FrameAnswer:
    """As they travel."""
    parts = [encode_varint(boxes.height), encode_varint(boxes.width), encode_varint(len(boxes.found))]
    for box in boxes.found:
        parts.append(encode_varint(box.class_index) + round(box.score * SCORE_TOP).to_bytes(2, "little"))
        parts += [encode_varint(round(side * PARTS)) for side in (box.left, box.top, box.right, box.bottom)]
    return protocol.FrameAnswer(b"".join(parts))


def read_boxes(outcome: protocol.Outcome, asked: Asked) -> Boxes:
    """Boxes of a frame. MessageError for what no cloud writes."""
    reader = AnswerReader(outcome, "boxes")
    height, width = (reader.number(1, MOST_SIDE, name) for name in ("height", "width"))
    found: list[Box] = []
    for _ in range(reader.number(0, MOST_BOXES, "count")):
        class_index = reader.number(0, max(0, len(asked.class_names) - 1), "class")
        score = int.from_bytes(reader.take(2, "a score"), "little") / SCORE_TOP
        ends = [("left", width), ("top", height), ("right", width), ("bottom", height)]
        left, top, right, bottom = (reader.number(0, PARTS * most, name) / PARTS for name, most in ends)
        if left >= right or top >= bottom or (found and score > found[-1].score):
            raise MessageError("result: expected boxes with sides, surest first, got others")
        found.append(Box(class_index, score, left, top, right, bottom))
    reader.finish()
    return Boxes(height, width, tuple(found))


def tell_boxes(boxes: Boxes, class_names: tuple[str, ...]) -> Told:
    """How many, and the surest; each in JSON."""
    told = [
        {
            "class": class_names[b.class_index],
            "class_index": b.class_index,
            "score": round(b.score, 4),
            "box": [round(side, 2) for side in (b.left, b.top, b.right, b.bottom)],
        }
        for b in boxes.found
    ]
    best = boxes.found[:1]
    cells = (
        str(len(told)),
        "".join(class_names[b.class_index] for b in best) or "-",
        "".join(f"{b.score:.1%}" for b in best) or "-",
    )
    return Told(cells, {"height": boxes.height, "width": boxes.width, "boxes": told})
