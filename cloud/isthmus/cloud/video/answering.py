"""What a codec of videos answers with: the outputs of its cloud half, as its task sends them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.cloud.labels import top_labels
from isthmus.common import protocol
from isthmus.common.answers.boxes import boxes_of, write_boxes
from isthmus.common.answers.embedding import Embedding, write_embedding
from isthmus.common.answers.mask import MOST_CLASS, Mask, write_mask
from isthmus.common.answers.tensors import Tensors, write_tensors
from isthmus.common.errors import InputError
from isthmus.common.tasks import DETECTION, EMBEDDING, MOTION_COMPENSATED_INFERENCE, RAW_TENSORS, SEGMENTATION
from isthmus.common.video.manifest import VideoManifest
from isthmus.runtime.engine import End

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Given:
    """What an answer is made of.

    Attributes:
        outputs: of the network by name, in its order, `[…]` each.
        height, width: of the frame that it saw.
        class_count: of the codec.
        top_k: labels that were granted.
    """

    outputs: Mapping[str, Array]
    height: int
    width: int
    class_count: int
    top_k: int


@dataclass(frozen=True, slots=True)
class Answering:
    """How one task is answered.

    Attributes:
        outputs: that the cloud half of a codec must have; None where any will do.
        answer: of a frame. InputError for outputs that are none of its task.
    """

    outputs: Callable[[VideoManifest], tuple[End, ...]] | None
    answer: Callable[[Given], protocol.Outcome]


def _labels(given: Given) -> protocol.Outcome:
    labels = top_labels(given.outputs["logits"], given.top_k)
    return protocol.FrameLabels(tuple(labels[0].tolist()))


def _boxes(given: Given) -> protocol.Outcome:
    classes = [int(k) for k in given.outputs["classes"]]
    if classes and not 0 <= min(classes) <= max(classes) < given.class_count:
        raise InputError(f"boxes: expected classes below {given.class_count}, got {min(classes)} to {max(classes)}")
    boxes, scores = given.outputs["boxes"], given.outputs["scores"]
    return write_boxes(boxes_of(boxes, scores, classes, given.height, given.width))


def _mask(given: Given) -> protocol.Outcome:
    mask = given.outputs["mask"]
    if mask.ndim != 2 or not mask.size or mask.min() < 0 or mask.max() >= min(given.class_count, MOST_CLASS):
        raise InputError(f"mask: expected classes [height, width] below {given.class_count}, got {list(mask.shape)}")
    return write_mask(Mask(mask.astype(np.uint16)))


def _embedding(given: Given) -> protocol.Outcome:
    return write_embedding(Embedding(given.outputs["embedding"].ravel().astype(np.float32)))


def _tensors(given: Given) -> protocol.Outcome:
    return write_tensors(Tensors(tuple(given.outputs.items())))


def _box_ends(manifest: VideoManifest) -> tuple[End, ...]:
    del manifest
    return End("boxes", "float", 4), End("scores", "float", None), End("classes", "int64", None)


ANSWERING: Mapping[str, Answering] = {
    MOTION_COMPENSATED_INFERENCE.word: Answering(
        lambda manifest: (End("logits", "float", len(manifest.class_names), axis=-1),), _labels
    ),
    DETECTION.word: Answering(_box_ends, _boxes),
    SEGMENTATION.word: Answering(lambda _: (End("mask", "int64", None),), _mask),
    EMBEDDING.word: Answering(lambda _: (End("embedding", "float", None),), _embedding),
    RAW_TENSORS.word: Answering(None, _tensors),
}


def outputs_by_name(names: Sequence[str], arrays: Sequence[Array]) -> Mapping[str, Array]:
    """Outputs `[…]` of a network by their names."""
    return {name: np.asarray(array) for name, array in zip(names, arrays, strict=True)}
