"""Tasks: outcomes that were not asked for are refused, the others told to people and programs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.common import protocol
from isthmus.common.errors import MessageError
from isthmus.common.task import Asked
from isthmus.common.tasks import (
    TASKS,
    Labels,
    read_labels,
    read_reconstruction,
    task_numbered,
    tell_labels,
    tell_reconstruction,
    verbs,
)


@pytest.mark.parametrize(("per_mille", "is_doubtful"), [(1000, False), (500, False), (499, True), (0, True)])
def test_an_answer_says_whether_it_is_doubtful(per_mille: int, is_doubtful: bool) -> None:
    labels = Labels(((protocol.Label(1, per_mille), protocol.Label(0, 0)),))
    told = tell_labels(labels, ("cat, feline", "dog"))
    assert told.fields["doubtful"] is is_doubtful
    assert told.fields["class"] == "dog"
    assert told.cells[0] == "dog\ncat"


def test_what_a_person_asks_for_is_a_verb() -> None:
    """Labels of signals and of frames are asked for alike; a task without a verb by its own word."""
    assert verbs() == ("classify", "reconstruct", "detect", "segment", "embed", "tensors")
    asked = {task.word: task.asked_as for task in TASKS.values()}
    assert asked == {
        "classification": "classify",
        "reconstruction": "reconstruct",
        "motion-compensated-inference": "classify",
        "detection": "detect",
        "segmentation": "segment",
        "embedding": "embed",
        "tensors": "tensors",
    }
    assert replace(TASKS["classification"], word="boxes", verb="").asked_as == "boxes"


OPENING = protocol.OpenStream(protocol.CodecId("x", bytes(32)), 1)
PIXELS, STATE = replace(OPENING, wants_pixels=True), replace(OPENING, wants_state_crc32=True)
NAMES = ("cat, feline", "dog")


@pytest.mark.parametrize(
    ("outcome", "asked", "says"),
    [
        (protocol.FrameReconstruction(1, 2, 3), Asked(OPENING, 1, 1), "expected labels, got a reconstruction"),
        (protocol.FrameAnswer(b"x"), Asked(OPENING, 1, 1), "expected labels, got an answer"),
        (protocol.FrameLabels((5,)), Asked(OPENING, 2, 1), "expected 2 labels for each of 1 signals, got 1 labels"),
        (protocol.FrameLabels((5, 5, 5)), Asked(OPENING, 1, 2), "expected 1 labels for each of 2 signals, got 3"),
        (protocol.FrameLabels((5,), 7), Asked(OPENING, 1, 1), "expected no state_crc32, as open asked, got 7"),
        (protocol.FrameLabels((5,), 0), Asked(OPENING, 1, 1), "expected no state_crc32, as open asked, got 0"),
        (protocol.FrameLabels((5,)), Asked(STATE, 1, 1), "expected a state_crc32, as open asked, got -1"),
    ],
)
def test_labels_that_were_not_asked_for(outcome: protocol.Outcome, asked: Asked, says: str) -> None:
    with pytest.raises(MessageError, match=f"result: {says}"):
        read_labels(outcome, asked)


@given(st.integers(1, 4), st.integers(1, 5), st.data())
def test_labels_go_to_their_signals(signals: int, top_k: int, data: st.DataObject) -> None:
    one = st.builds(protocol.Label, st.integers(0, protocol.MAX_CLASS_INDEX), st.integers(0, 1000))
    labels = data.draw(st.lists(one, min_size=signals * top_k, max_size=signals * top_k))
    packed = tuple(label.class_index << protocol.LABEL_PROBABILITY_BITS | label.per_mille for label in labels)
    found = read_labels(protocol.FrameLabels(packed, 9), Asked(STATE, top_k, signals))
    assert found.state_crc32 == 9
    assert [label for of_signal in found.signals for label in of_signal] == labels
    for signal in range(signals):
        assert found.top(signal) == labels[signal * top_k]
        assert found.of(signal) == Labels((found.signals[signal],), 9)


def test_every_label_is_told_on_a_line_of_its_own() -> None:
    told = tell_labels(Labels(((protocol.Label(0, 612), protocol.Label(1, 388)),)), NAMES)
    assert told.cells == ("cat\ndog", "61.2%\n38.8%")
    assert told.fields["class"] == "cat, feline"
    assert told.fields["labels"] == [
        {"class": "cat, feline", "class_index": 0, "probability": 0.612},
        {"class": "dog", "class_index": 1, "probability": 0.388},
    ]


@pytest.mark.parametrize(
    ("outcome", "opening", "says"),
    [
        (protocol.FrameLabels((5,)), OPENING, "expected a reconstruction, got labels"),
        (MessageError("x"), OPENING, "expected a reconstruction, got an error"),
        (protocol.FrameReconstruction(1, 2, 3, b"png"), OPENING, "expected no pixels, as open asked, got 3 bytes"),
        (protocol.FrameReconstruction(1, 2, 3), PIXELS, "expected pixels, as open asked, got 0 bytes"),
    ],
)
def test_reconstructions_that_were_not_asked_for(
    outcome: protocol.Outcome, opening: protocol.OpenStream, says: str
) -> None:
    with pytest.raises(MessageError, match=f"result: {says}"):
        read_reconstruction(outcome, Asked(opening, 1, 1))


def test_a_reconstruction_is_told_by_its_size() -> None:
    outcome = protocol.FrameReconstruction(480, 640, 77, b"png")
    assert read_reconstruction(outcome, Asked(PIXELS, 1, 1)) is outcome
    told = tell_reconstruction(outcome, ())
    assert told.cells == ("640x480",)
    assert told.fields == {"height": 480, "width": 640, "pixels_crc32": 77}


def test_tasks_have_numbers_and_words_of_their_own() -> None:
    assert {word: task.number for word, task in TASKS.items()} == {
        "classification": 1,
        "reconstruction": 2,
        "motion-compensated-inference": 3,
        "detection": 4,
        "segmentation": 5,
        "embedding": 6,
        "tensors": 7,
    }
    assert [task_numbered(number) for number in (2, 1, 9)] == ["reconstruction", "classification", "task 9"]
    for word, task in TASKS.items():
        assert task.word == word
        assert task.wants <= {"pixels", "state_crc32"}
