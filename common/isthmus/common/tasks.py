"""Tasks: what a cloud does with a codec's symbols, what comes back, and how people and programs are told.

Theory of operation. A manifest names its codec's tasks by word, a stream asks for one by number, and `TASKS` knows
both. A task is one frozen value: it reads what came over the wire as an outcome of its own type, refusing what was not
asked for, and says it as the cells of a table and as fields of JSON. Labels and pictures have fields of their own in
the messages; any other task writes its outcome as bytes (`FrameAnswer`). The cloud half of a codec runs it.

`TASKS` is a plain dict. To add a task is to put a value there, and to name it in the manifest of a codec that runs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from isthmus.common import protocol
from isthmus.common.answers.boxes import Boxes, read_boxes, tell_boxes
from isthmus.common.answers.embedding import Embedding, read_embedding, tell_embedding
from isthmus.common.answers.mask import Mask, read_mask, tell_mask
from isthmus.common.answers.tensors import Tensors, read_tensors, tell_tensors
from isthmus.common.errors import MessageError
from isthmus.common.task import Asked, Task, Told

# Below this the likeliest class is doubtful: that it is another one is then more likely. It tells little of what is
# none of the classes, as a codec names one of them for anything, and is often sure of it.
DOUBTFUL_BELOW = 0.5

# The field of JSON that says so.
DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True)
class Labels:
    """Outcome of a classification.

    Attributes:
        signals: of each signal its labels, best first.
        state_crc32: of the latents of a frame of video as the cloud holds them; -1 unless it was asked for.
    """

    signals: tuple[tuple[protocol.Label, ...], ...]
    state_crc32: int = -1

    def top(self, signal: int = 0) -> protocol.Label:
        """Best label of one signal."""
        return self.signals[signal][0]

    def of(self, signal: int) -> Labels:
        """Those of one signal alone."""
        return Labels(self.signals[signal : signal + 1], self.state_crc32)


def read_labels(outcome: protocol.Outcome, asked: Asked) -> Labels:
    """Labels of each signal of a frame. MessageError if they are not as many as asked for."""
    if not isinstance(outcome, protocol.FrameLabels):
        raise MessageError(f"result: expected labels, got {_kind(outcome)}")
    if len(outcome.packed) != asked.signal_count * asked.top_k:
        raise MessageError(
            f"result: expected {asked.top_k} labels for each of {asked.signal_count} signals, "
            f"got {len(outcome.packed)} labels"
        )
    if (outcome.state_crc32 >= 0) != asked.opening.wants_state_crc32:
        wanted = "a state_crc32" if asked.opening.wants_state_crc32 else "no state_crc32"
        raise MessageError(f"result: expected {wanted}, as open asked, got {outcome.state_crc32}")
    return Labels(outcome.signals(asked.top_k), outcome.state_crc32)


def tell_labels(labels: Labels, class_names: tuple[str, ...]) -> Told:
    """Labels of one signal: class and probability, each on a line of its own where there are several."""
    (best,) = labels.signals
    names = [class_names[label.class_index] for label in best]
    told = [
        {"class": name, "class_index": label.class_index, "probability": label.probability}
        for name, label in zip(names, best, strict=True)
    ]
    cells = "\n".join(map(short_name, names)), "\n".join(f"{label.probability:.1%}" for label in best)
    likeliest = best[0].probability
    fields = {"class": names[0], "probability": likeliest, DOUBTFUL: likeliest < DOUBTFUL_BELOW, "labels": told}
    return Told(cells, fields)


def short_name(class_name: str) -> str:
    """The first of a class's synonyms: ImageNet names a class by all of them."""
    return class_name.split(",", 1)[0]


def read_reconstruction(outcome: protocol.Outcome, asked: Asked) -> protocol.FrameReconstruction:
    """The image of a frame. MessageError if it is none, or comes with pixels that were not asked for, or without."""
    if not isinstance(outcome, protocol.FrameReconstruction):
        raise MessageError(f"result: expected a reconstruction, got {_kind(outcome)}")
    if bool(outcome.png) != asked.opening.wants_pixels:
        wanted = "pixels" if asked.opening.wants_pixels else "no pixels"
        raise MessageError(f"result: expected {wanted}, as open asked, got {len(outcome.png)} bytes")
    return outcome


def tell_reconstruction(outcome: protocol.FrameReconstruction, class_names: tuple[str, ...]) -> Told:
    """The size of an image, and what proves its pixels."""
    del class_names
    fields: dict[str, object] = {"height": outcome.height, "width": outcome.width, "pixels_crc32": outcome.pixels_crc32}
    return Told((f"{outcome.width}x{outcome.height}",), fields)


CLASSIFY, RECONSTRUCT = "classify", "reconstruct"
DETECT, SEGMENT, EMBED, TENSORS = "detect", "segment", "embed", "tensors"
CLASSIFICATION: Task[Labels] = Task(
    1, "classification", read_labels, ("class", "probability*"), tell_labels, verb=CLASSIFY
)
RECONSTRUCTION: Task[protocol.FrameReconstruction] = Task(
    2,
    "reconstruction",
    read_reconstruction,
    ("pixels*",),
    tell_reconstruction,
    frozenset({"pixels"}),
    RECONSTRUCT,
)
MOTION_COMPENSATED_INFERENCE: Task[Labels] = Task(
    3,
    "motion-compensated-inference",
    read_labels,
    ("class", "probability*"),
    tell_labels,
    frozenset({"state_crc32"}),
    CLASSIFY,
)

DETECTION: Task[Boxes] = Task(4, "detection", read_boxes, ("boxes*", "best", "score*"), tell_boxes, verb=DETECT)
SEGMENTATION: Task[Mask] = Task(5, "segmentation", read_mask, ("mask*", "largest", "share*"), tell_mask, verb=SEGMENT)
EMBEDDING: Task[Embedding] = Task(6, "embedding", read_embedding, ("numbers*", "norm*"), tell_embedding, verb=EMBED)
RAW_TENSORS: Task[Tensors] = Task(7, "tensors", read_tensors, ("outputs",), tell_tensors)

TASKS: dict[str, Task[Any]] = {
    task.word: task
    for task in (
        CLASSIFICATION,
        RECONSTRUCTION,
        MOTION_COMPENSATED_INFERENCE,
        DETECTION,
        SEGMENTATION,
        EMBEDDING,
        RAW_TENSORS,
    )
}


def verbs() -> tuple[str, ...]:
    """All that may be asked for."""
    return tuple(dict.fromkeys(task.asked_as for task in TASKS.values()))


def task_numbered(number: int) -> str:
    """The word of the task of a number; "task 9" for one that is not known here."""
    return next((task.word for task in TASKS.values() if task.number == number), f"task {number}")


def _kind(outcome: protocol.Outcome) -> str:
    kinds = {
        protocol.FrameLabels: "labels",
        protocol.FrameReconstruction: "a reconstruction",
        protocol.FrameAnswer: "an answer",
    }
    return kinds.get(type(outcome), "an error")
