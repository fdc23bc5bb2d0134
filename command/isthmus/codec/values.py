"""What a program is given of a task's outcome: labels with their names, pictures as pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from isthmus.common import protocol
from isthmus.common.signals import Image
from isthmus.common.tasks import DOUBTFUL_BELOW, Labels


@dataclass(frozen=True, slots=True)
class NamedLabel:
    """One class that a codec knows, and how sure it is of it.

    Attributes:
        class_name: as the codec's manifest says it.
        class_index: of the codec's classes, from 0 on.
        probability: 0.0 to 1.0, to a thousandth. A codec knows its own classes alone, and names one for anything.
    """

    class_name: str
    class_index: int
    probability: float

    @property
    def is_doubtful(self) -> bool:
        """Whether another class is likelier than this one, all others together."""
        return self.probability < DOUBTFUL_BELOW

    def __str__(self) -> str:
        return f"{self.class_name} ({self.probability:.1%})"


@dataclass(frozen=True, slots=True)
class NamedLabels:
    """Outcome of a classification.

    Attributes:
        signals: of each signal of the packet (there is one, unless several were coded together) its labels, best first.
    """

    signals: tuple[tuple[NamedLabel, ...], ...]

    @property
    def best(self) -> NamedLabel:
        """The likeliest class of the first signal."""
        return self.signals[0][0]

    def __str__(self) -> str:
        return "; ".join(", ".join(map(str, labels)) for labels in self.signals)


def value_of(outcome: Any, class_names: tuple[str, ...]) -> Any:
    """An outcome as a program is given it; one that no row of `VALUES` knows as it is."""
    give = VALUES.get(type(outcome))
    return outcome if give is None else give(outcome, class_names)


def _named(labels: Labels, class_names: tuple[str, ...]) -> NamedLabels:
    return NamedLabels(
        tuple(
            tuple(NamedLabel(class_names[one.class_index], one.class_index, one.probability) for one in signal)
            for signal in labels.signals
        )
    )


def _image(found: protocol.FrameReconstruction, class_names: tuple[str, ...]) -> Image | protocol.FrameReconstruction:
    """The image; where its pixels were not asked for, what is known of it."""
    from isthmus.data.image.received import pixels_of

    del class_names
    return pixels_of(found) if found.png else found


# By the type of a task's outcome.
VALUES: dict[type, Callable[[Any, tuple[str, ...]], Any]] = {Labels: _named, protocol.FrameReconstruction: _image}
