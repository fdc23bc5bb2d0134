"""A classifier of somebody else's, understood before it is cut: what its answers are, and what it wants of pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.common.tasks import CLASSIFY
from isthmus.split.conventions import CONVENTIONS, choose_convention
from isthmus.split.graphs import batch_of, open_model
from isthmus.split.halves import class_count
from isthmus.split.heads import SIGMOID, are_probabilities, with_logarithm
from isthmus.split.network import Network
from isthmus.split.normalising import own_preprocessing
from isthmus.split.pictures import Pictures
from isthmus.split.preprocessing import PIXEL_TOP, Preprocessing

ANSWERS_SEEN = 6


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What was found out.

    Attributes:
        network: of logits.
        preprocessing: what is done to pixels before it.
        is_tried: whether that was found by trying the usual conventions on images.
        notes: what a person should know of it, a sentence each.
    """

    network: Network
    preprocessing: Preprocessing
    is_tried: bool
    notes: tuple[str, ...]


def read_with(network: Network, sized: Network, pictures: Pictures, told: Preprocessing | None = None) -> Reading:
    """Understand a network by its graph and its answers to images.

    Args:
        network: as its file is.
        sized: the same for frames of one size.
        pictures: of any size.
        told: what is done to pixels, where a person said so.

    Raises:
        InputError: the answers are no list of classes, or the graph cannot be run.
    """
    if network.task != CLASSIFY:
        return _read_other(network, told)
    class_count(sized)
    frames = pictures.sized(sized.height, sized.width).frames
    notes = _head_notes(network)
    run = open_model(sized.model)
    # Dark ones too: where a graph makes its own softmax, pixels of too large a range may overflow it.
    shown = [batch_of(frame) / scale for frame in frames[:ANSWERS_SEEN] for scale in (1, PIXEL_TOP)]
    seen = np.array([run(x.astype(np.float32)).ravel() for x in shown])
    if not network.head and are_probabilities(seen[np.isfinite(seen).all(1)]):
        network, sized = (n.answering(with_logarithm(n.model)) for n in (network, sized))
        notes.append(f"{network.name} answers with probabilities: the codec gives these, not the softmax of them")
    if told is not None:
        return Reading(network, told, is_tried=False, notes=tuple(notes))
    if (own := own_preprocessing(network)) is not None:
        notes.append(
            f"{network.name} normalises frames itself: it is given {own.order.upper()} of 0 to {own.top}; --range and "
            "--order say otherwise"
        )
        return Reading(network, own, is_tried=False, notes=tuple(notes))
    choice = choose_convention(sized, frames)
    notes.append(
        f"frames are prepared by {choice.convention.name} ({flags_in_words(choice.convention.preprocessing)}): of "
        f"{len(CONVENTIONS)} usual ways, {network.name} answers {choice.images} images surest and steadiest so"
    )
    if choice.doubt:
        notes.append(
            f"that is doubtful: {choice.doubt}; look up what the network's training did to pixels and say it with "
            "--mean, --std, --order and --range, or give images of what it knows"
        )
    return Reading(network, choice.convention.preprocessing, is_tried=True, notes=tuple(notes))


def _read_other(network: Network, told: Preprocessing | None) -> Reading:
    """A network that is no classifier: which way to treat pixels is right cannot be told by how sure it is."""
    if told is not None:
        return Reading(network, told, is_tried=False, notes=())
    if (own := own_preprocessing(network)) is not None:
        note = f"{network.name} normalises frames itself: it is given {own.order.upper()} of 0 to {own.top}"
        return Reading(network, own, is_tried=False, notes=(note,))
    note = (
        f"{network.name} is given RGB of 0 to 1, as most detectors take it: if its training did something else to "
        "pixels, say what with --mean, --std, --order and --range"
    )
    return Reading(network, Preprocessing(top=1), is_tried=True, notes=(note,))


def flags_of_pixels(preprocessing: Preprocessing) -> dict[str, str | int]:
    """The options of `isthmus split`, by name, that say the same; without those that change nothing."""
    usual = Preprocessing()
    said: dict[str, str | int] = {}
    if preprocessing.mean != usual.mean:
        said["mean"] = ",".join(f"{x:g}" for x in preprocessing.mean)
    if preprocessing.std != usual.std:
        said["std"] = ",".join(f"{x:g}" for x in preprocessing.std)
    if preprocessing.order != usual.order:
        said["order"] = preprocessing.order
    return said | {"range": preprocessing.top}


def flags_in_words(preprocessing: Preprocessing) -> str:
    """The same as one types them."""
    return " ".join(f"--{name} {value}" for name, value in flags_of_pixels(preprocessing).items())


def _head_notes(network: Network) -> list[str]:
    if network.head == SIGMOID:
        return [
            f"{network.name} ends in a Sigmoid, which judges each class by itself; it is taken off: the codec answers "
            "with the same order, and with probabilities of one class among all"
        ]
    if network.head:
        return [f"{network.name} ends in a {network.head}, which is taken off, as every codec's answer passes one"]
    return []
