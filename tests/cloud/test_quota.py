"""Places are counted, and whoever has most gives one up for a newcomer."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from isthmus.cloud.quota import Places, Quota
from isthmus.common.codec import Allowance
from isthmus.common.errors import IsthmusError, OverloadedError
from isthmus.common.limits import DEFAULT_LIMITS, StreamLimits


@dataclass(eq=False)
class Seat:
    """A stream that is nothing but its place."""

    peer: str = "a"
    idle_s: float = 1.0
    errors: list[IsthmusError] = field(default_factory=list)

    def end(self, error: IsthmusError) -> None:
        self.errors.append(error)


def test_a_stream_too_many_is_refused_and_does_not_count() -> None:
    places = Quota("image", Allowance(StreamLimits(DEFAULT_LIMITS), max_stream_count=2)).places
    first = Seat()
    places.enter(first)
    places.enter(Seat())
    for _ in range(3):
        with pytest.raises(OverloadedError, match="expected at most 2 image streams at a time, got one more"):
            places.enter(Seat())
    places.leave(first)
    places.enter(Seat())
    with pytest.raises(OverloadedError):
        places.enter(Seat())


def test_without_a_bound_every_stream_is_taken() -> None:
    places = Quota("image", Allowance(StreamLimits(DEFAULT_LIMITS))).places
    for _ in range(1000):
        places.enter(Seat())
    assert len(places) == 1000


def test_silent_streams_of_one_peer_keep_nobody_out() -> None:
    places = Places(64, "streams")
    silent = [Seat("hog", float(n + 1)) for n in range(64)]
    for seat in silent:
        places.enter(seat)
    others = [Seat(f"peer {n}") for n in range(60)]
    for seat in others:
        places.enter(seat)
    assert [len(seat.errors) for seat in silent] == [0] * 4 + [1] * 60  # the longest silent went first
    assert "this stream was silent for the longest, or newest" in str(silent[-1].errors[0])
    assert len(places) == 64
    with pytest.raises(OverloadedError, match="at most 64"):
        places.enter(Seat("hog"))


def test_a_stream_that_is_being_answered_stays() -> None:
    places = Places(3, "streams")
    busy = [Seat("a", 0.0), Seat("a", 0.0), Seat("a", 0.5)]
    for seat in busy:
        places.enter(seat)
    places.enter(Seat("b"))
    assert [len(seat.errors) for seat in busy] == [0, 0, 1]
    with pytest.raises(OverloadedError):
        places.enter(Seat("c"))  # a has two, both at work


def test_who_keeps_all_places_at_work_gives_some_up() -> None:
    places = Places(8, "streams")
    busy = [Seat("hog", 0.0) for _ in range(8)]
    for seat in busy:
        places.enter(seat)
    others = [Seat(f"peer {n}", 0.0) for n in range(5)]
    for seat in others:
        places.enter(seat)
    assert [len(seat.errors) for seat in busy] == [0] * 3 + [1] * 5  # the newest went first
    with pytest.raises(OverloadedError):
        places.enter(Seat("late"))  # hog has three: not many more
    assert not any(seat.errors for seat in others)


def test_equals_do_not_push_each_other_out() -> None:
    places = Places(2, "streams")
    places.enter(Seat("a"))
    places.enter(Seat("b"))
    with pytest.raises(OverloadedError):
        places.enter(Seat("c"))


def test_a_peer_may_be_bounded_by_itself() -> None:
    places = Places(8, "streams", 2)
    places.enter(Seat("a"))
    places.enter(Seat("a"))
    with pytest.raises(OverloadedError, match="at most 2 streams of one peer"):
        places.enter(Seat("a"))
    places.enter(Seat("b"))


def test_who_was_pushed_out_leaves_but_once() -> None:
    places = Places(2, "streams")
    first, second = Seat("a", 9.0), Seat("a", 1.0)
    places.enter(first)
    places.enter(second)
    places.enter(Seat("b"))
    places.leave(first)
    assert len(places) == 2
