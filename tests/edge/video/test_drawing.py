"""Answers on the pictures that they are about: where labels, rims and tints are, and when nothing is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from isthmus.common.answers.boxes import Box, Boxes
from isthmus.common.answers.mask import Mask
from isthmus.common.errors import InputError
from isthmus.edge.video.drawing import colour_of, drawn, label_place, save_drawn

NAMES = ("cat", "dog", "bird")
GREY = np.full((120, 200, 3), 128, np.uint8)


def test_a_box_has_its_sides_in_its_class_s_colour_and_nothing_else_of_it() -> None:
    picture = drawn(GREY, Boxes(120, 200, (Box(1, 0.9, 50, 40, 90, 100),)), NAMES)
    assert picture is not None
    assert (GREY == 128).all()  # the picture that was given stays
    for side in (picture[40, 50:90], picture[99, 50:90], picture[40:100, 50], picture[40:100, 89]):
        assert (side == colour_of(1)).all()
    assert (picture[41:99, 51:89] == 128).all()  # what is in the box can be seen: its label is on top of it
    assert (picture[30:40, 50:90] != 128).any()
    assert (picture[:, :49] == 128).all()
    assert (picture[101:] == 128).all()


def test_the_surest_is_on_top() -> None:
    sure, unsure = Box(0, 0.9, 20, 30, 60, 80), Box(1, 0.3, 20, 30, 60, 80)
    both = drawn(GREY, Boxes(120, 200, (sure, unsure)), NAMES)
    assert both is not None
    assert (both[30:80, 20] == colour_of(0)).all()


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((50, 40, 90, 100), (50, 28)),  # on top of it
        ((50, 5, 90, 100), (50, 100)),  # no room there: under it
        ((50, 5, 90, 115), (50, 5)),  # nor there: in it
        ((180, 40, 199, 100), (140, 28)),  # the picture ends: further left
        ((-5, 40, 30, 100), (0, 28)),
    ],
)
def test_labels_lie_where_they_can_be_read(box: tuple[float, float, float, float], expected: tuple[int, int]) -> None:
    assert label_place(Box(0, 0.5, *box), (60, 12), (200, 120)) == expected


def test_a_label_wider_than_the_picture_begins_at_its_left() -> None:
    assert label_place(Box(0, 0.5, 30, 40, 50, 60), (300, 12), (200, 120)) == (0, 28)


def test_letters_stand_out_from_their_class_s_colour() -> None:
    for kind in range(12):
        picture = drawn(GREY, Boxes(120, 200, (Box(kind, 0.5, 10, 60, 100, 110),)), NAMES * 4)
        assert picture is not None
        lumas = picture[51:59, 11:30] @ np.array((0.2126, 0.7152, 0.0722))
        ground = float(np.dot(colour_of(kind), (0.2126, 0.7152, 0.0722)))
        assert np.isclose(lumas, ground).any()
        assert np.abs(lumas - ground).max() > 75


def test_a_mask_tints_what_it_has_found_and_leaves_the_ground() -> None:
    classes = np.zeros((120, 200), np.uint16)
    classes[20:60, 30:80], classes[60:100, 30:80] = 1, 2
    picture = drawn(GREY, Mask(classes), ("ground", *NAMES))
    assert picture is not None
    assert (picture[classes == 0] == 128).all()
    for kind, rows in ((1, slice(20, 60)), (2, slice(60, 100))):
        inside = picture[rows, 30:80]
        assert (inside[1:-1, 1:-1] == np.rint((np.array(colour_of(kind)) + 128) / 2)).all()
        for rim in (inside[0], inside[-1], inside[:, 0], inside[:, -1]):
            assert (rim == colour_of(kind)).all()


def test_a_mask_up_to_the_picture_s_edge_has_no_rim_there() -> None:
    picture = drawn(GREY, Mask(np.ones((120, 200), np.uint16)), ("ground", "all"))
    assert picture is not None
    assert (picture == np.rint((np.array(colour_of(1)) + 128) / 2)).all()


def test_nothing_is_drawn_for_other_answers(tmp_path: Path) -> None:
    assert drawn(GREY, object(), NAMES) is None
    assert not save_drawn(tmp_path / "deep" / "a.png", GREY, object(), NAMES)
    assert not list(tmp_path.iterdir())


def test_what_is_saved_is_what_is_drawn(tmp_path: Path) -> None:
    found, path = Boxes(120, 200, (Box(2, 0.5, 10, 60, 100, 110),)), tmp_path / "deep" / "a.png"
    assert save_drawn(path, GREY, found, NAMES)
    np.testing.assert_array_equal(np.asarray(PIL.Image.open(path)), drawn(GREY, found, NAMES))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot write it"):
        save_drawn(tmp_path / "file" / "a.png", GREY, found, NAMES)
