"""How one connection of a named stream is numbered: where it goes on, what comes twice, what is missing."""

from __future__ import annotations

import pytest

from isthmus.common import protocol
from isthmus.common.errors import FrameOrderError
from isthmus.edge.numbering import ALONE, ON_FRAMES, Numbering

NAMED = protocol.NamedStream(bytes(16), 3, 1, 10)


def held(following: int, *, is_resumed: bool = True) -> protocol.HeldStream:
    return protocol.HeldStream(b"cloud", is_resumed, following, 16, 1000)


def results(count: int, first: int) -> protocol.Results:
    return protocol.Results(tuple(protocol.FrameLabels((n,)) for n in range(count)), first_frame_index=first)


@pytest.mark.parametrize("following", [10, 11, 14])
def test_goes_on_where_the_cloud_stands(following: int) -> None:
    numbering = Numbering(NAMED, 4)
    assert numbering.opened(held(following)) == (10, following)
    assert numbering.index_of(following) == following


@pytest.mark.parametrize(("following", "is_resumed"), [(9, True), (15, True), (11, False)])
def test_a_cloud_that_has_what_was_never_sent(following: int, is_resumed: bool) -> None:
    with pytest.raises(FrameOrderError, match=f"got {following}"):
        Numbering(NAMED, 4).opened(held(following, is_resumed=is_resumed))


def test_a_cloud_that_begins_anew() -> None:
    assert Numbering(NAMED, 4).opened(held(10, is_resumed=False)) == (10, 10)


def test_a_cloud_that_knows_no_names() -> None:
    numbering = Numbering(NAMED, 4)
    assert numbering.opened(None) == (10, 10)
    assert numbering.index_of(10) == -1
    assert len(numbering.fresh(results(3, -1), 10)) == 3
    numbering.take(13)
    assert numbering.due(ALONE) == -1


def test_a_stream_without_a_name() -> None:
    numbering = Numbering(None, 0)
    assert numbering.opened(None) == (0, 0)
    assert numbering.index_of(0) == -1


def test_a_doubled_and_a_lost_response() -> None:
    numbering = Numbering(NAMED, 4)
    numbering.opened(held(14))
    assert numbering.fresh(results(3, 10), 13) == ()
    assert [o.packed for o in numbering.fresh(results(3, 11), 12) if isinstance(o, protocol.FrameLabels)] == [
        (1,),
        (2,),
    ]
    for first in (-1, 13):
        with pytest.raises(FrameOrderError, match="from frame 12 on"):
            numbering.fresh(results(3, first), 12)


def test_what_is_taken_is_told_now_and_then() -> None:
    numbering = Numbering(NAMED, 4)
    numbering.opened(held(10))
    numbering.take(13)
    assert numbering.due(ON_FRAMES) == -1
    numbering.take(14)  # a quarter of 16
    assert numbering.due(ALONE) == -1
    assert numbering.due(ON_FRAMES) == 14
    assert numbering.due(ON_FRAMES) == -1
    numbering.came(600)  # more than half of 1000 bytes
    assert numbering.due(ALONE) == -1, "nothing more is taken"
    numbering.take(15)
    assert numbering.due(ALONE) == 15
