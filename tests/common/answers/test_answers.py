"""Answers that are bytes: written and read back, hostile bytes refused, told to people and programs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.common import protocol
from isthmus.common.answers.boxes import Box, Boxes, boxes_of, read_boxes, tell_boxes, write_boxes
from isthmus.common.answers.embedding import Embedding, read_embedding, tell_embedding, write_embedding
from isthmus.common.answers.mask import MOST_PIXELS, Mask, read_mask, tell_mask, write_mask
from isthmus.common.answers.tensors import KINDS, Tensors, read_tensors, tell_tensors, write_tensors
from isthmus.common.errors import InputError, LimitExceededError, MessageError
from isthmus.common.task import Asked

NAMES = ("cat", "dog", "bird")
ASKED = Asked(protocol.OpenStream(protocol.CodecId("x", bytes(32)), 1), 1, 1, NAMES)
READERS: dict[str, Any] = {"boxes": read_boxes, "mask": read_mask, "embedding": read_embedding, "tensors": read_tensors}


def some_boxes() -> Boxes:
    sides = np.array([[1, 2, 30, 40], [-5, 0, 20.26, 90], [3, 3, 3, 9], [0, 0, 64, 48]], np.float32)
    return boxes_of(sides, np.array([0.5, 0.9, 1, 0.2], np.float32), [0, 2, 1, 1], 48, 64)


def test_boxes_are_clipped_sorted_and_read_back() -> None:
    boxes = some_boxes()
    assert [b.class_index for b in boxes.found] == [2, 0, 1]  # one had no width
    assert (boxes.found[0].left, boxes.found[0].bottom, boxes.found[0].right) == (0, 48, 20.25)
    assert read_boxes(write_boxes(boxes), ASKED) == boxes
    assert write_boxes(read_boxes(write_boxes(boxes), ASKED)) == write_boxes(boxes)
    told = tell_boxes(boxes, NAMES)
    assert told.cells == ("3", "bird", "90.0%")
    assert told.fields["boxes"][0]["box"] == [0, 0, 20.25, 48]  # type: ignore[index]
    assert tell_boxes(Boxes(4, 4, ()), NAMES).cells == ("0", "-", "-")


def test_boxes_are_put_onto_the_frame_that_was_given() -> None:
    boxes = Boxes(48, 64, (Box(0, 0.5, 32, 24, 64, 48), Box(1, 0.4, 60, 40, 64, 48)))
    doubled = boxes.placed(96, 128, (96, 128))
    assert (doubled.height, doubled.width, doubled.found[0]) == (96, 128, Box(0, 0.5, 64, 48, 128, 96))
    # Grown from 40 x 50 to 48 x 64: what lies outside is cut off, or gone.
    assert boxes.placed(40, 50, (48, 64)).found == (Box(0, 0.5, 32, 24, 50, 40),)


def test_masks_are_put_onto_the_frame_that_was_given() -> None:
    mask = Mask(np.array([[0, 1], [2, 1]], np.uint16))
    assert mask.placed(4, 4, (4, 4)).classes.tolist() == [[0, 0, 1, 1]] * 2 + [[2, 2, 1, 1]] * 2
    assert mask.placed(3, 1, (4, 4)).classes.tolist() == [[0], [0], [2]]


@pytest.mark.parametrize(
    ("sides", "scores", "classes", "match"),
    [
        ([[0, 0, 1]], [1], [0], "expected \\[n, 4\\]"),
        ([[0, 0, 1, 1]], [1, 2], [0], "expected \\[n, 4\\]"),
        ([[0, 0, 1, np.inf]], [1], [0], "expected finite"),
        ([[0, 0, 1, 1]], [np.nan], [0], "expected finite"),
    ],
)
def test_boxes_that_a_network_may_not_give(sides: Any, scores: Any, classes: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        boxes_of(np.array(sides, np.float32), np.array(scores, np.float32), classes, 8, 8)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_masks_are_read_back(height: int, width: int, seed: int) -> None:
    classes = np.random.default_rng(seed).integers(0, 3, (height, width)).astype(np.uint16)
    mask = Mask(classes)
    assert (read_mask(write_mask(mask), ASKED).classes == classes).all()
    told = tell_mask(mask, NAMES)
    shares: list[Any] = told.fields["classes"]  # type: ignore[assignment]
    assert sum(entry["pixels"] for entry in shares) == height * width
    assert shares[0]["pixels"] == np.bincount(classes.ravel()).max()


def test_a_mask_too_large_is_not_sent() -> None:
    whole = np.broadcast_to(np.zeros(1, np.uint16), (MOST_PIXELS + 1, 1))
    with pytest.raises(LimitExceededError, match="expected at most"):
        write_mask(Mask(np.array(whole)))


def test_embeddings_are_read_back() -> None:
    embedding = Embedding(np.array([3, -4, 0.5], np.float32))
    assert (read_embedding(write_embedding(embedding), ASKED).values == embedding.values).all()
    assert tell_embedding(Embedding(np.array([3, 4], np.float32)), ()).cells == ("2", "5")
    with pytest.raises(InputError, match="finite"):
        Embedding(np.array([np.nan], np.float32))


@pytest.mark.parametrize("kind", KINDS)
def test_tensors_are_read_back(kind: str) -> None:
    array = np.arange(6).reshape(2, 1, 3).astype(kind)
    found = read_tensors(
        write_tensors(
            Tensors((("a/b", array), ("c", np.array(array[0, 0, 0])))),
        ),
        ASKED,
    ).arrays
    assert [name for name, _ in found] == ["a/b", "c"]
    assert found[0][1].dtype == np.dtype(kind)
    np.testing.assert_array_equal(found[0][1], array)
    assert found[1][1].shape == ()
    told: list[Any] = tell_tensors(Tensors((("a", array),)), ()).fields["tensors"]  # type: ignore[assignment]
    assert told[0]["shape"] == [2, 1, 3]
    assert told[0]["values"] == array.tolist()


def test_tensors_that_do_not_travel() -> None:
    with pytest.raises(InputError, match="expected numbers"):
        Tensors((("a", np.array(["x"])),))
    with pytest.raises(InputError, match="1 to 64"):
        Tensors(())


HOSTILE = {
    "boxes": [
        "",
        "00 40 00",
        "30 40 01",
        "30 40 01 03 ff ff 00 00 10 10",
        "30 40 01 00 ff ff 10 00 10 10",
        "30 40 00 00",
    ],
    "mask": ["", "02 02 05 00", "02 02 04 03", "02 02 02 00 02 00", "02 02 04 00 00", "ff ff 03 ff ff 03 01 00"],
    "embedding": ["", "00 00 80", "00 00 c0 7f"],
    "tensors": [
        "",
        "00",
        "01 01 61 0c 00",
        "01 01 61 00 01 02 00 00",
        "01 01 ff 00 00 00 00 00 00",
        "01 01 61 07 00 02",
    ],
}


@pytest.mark.parametrize(("kind", "data"), [(kind, data) for kind, all_of in HOSTILE.items() for data in all_of])
def test_bytes_that_no_cloud_writes(kind: str, data: str) -> None:
    with pytest.raises(MessageError, match="result: "):
        READERS[kind](protocol.FrameAnswer(bytes.fromhex(data)), ASKED)


@pytest.mark.parametrize("kind", READERS)
def test_other_outcomes_are_refused(kind: str) -> None:
    with pytest.raises(MessageError, match="result: expected"):
        READERS[kind](protocol.FrameLabels((1,)), ASKED)


@settings(max_examples=200)
@given(st.sampled_from(sorted(READERS)), st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(kind: str, data: bytes) -> None:
    write: dict[str, Any] = {
        "boxes": write_boxes,
        "mask": write_mask,
        "embedding": write_embedding,
        "tensors": write_tensors,
    }
    try:
        found = READERS[kind](protocol.FrameAnswer(data), ASKED)
    except MessageError:
        return
    assert write[kind](found).data == data
