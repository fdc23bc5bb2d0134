"""Work on several things at once: in order whichever is done first, and over as soon as one fails."""

from __future__ import annotations

import threading
import time

import pytest

from isthmus.common.errors import InputError
from isthmus.common.side_by_side import MOST, side_by_side, usual_workers

PATIENCE_S = 30


def test_results_come_in_the_order_of_the_things() -> None:
    second_done = threading.Event()

    def work(thing: str) -> str:
        if thing == "first":
            assert second_done.wait(PATIENCE_S)
        if thing == "second":
            second_done.set()
        return thing.upper()

    done: list[int] = []
    assert side_by_side(work, ["first", "second", "third"], 2, done.append) == ["FIRST", "SECOND", "THIRD"]
    assert done == [1, 1, 1]


def test_what_fails_ends_it_and_nothing_else_begins() -> None:
    begun: list[int] = []

    def work(thing: int) -> int:
        begun.append(thing)
        if thing == 1:
            raise InputError("expected another thing")
        time.sleep(0.05)
        return thing

    with pytest.raises(InputError, match="another thing"):
        side_by_side(work, range(200), 1)
    assert begun[:2] == [0, 1]
    assert len(begun) < 100


def test_nothing_to_do() -> None:
    assert side_by_side(str, [], 2) == []


def test_as_many_workers_as_cores_but_few() -> None:
    assert 1 <= usual_workers() <= MOST


def test_all_run_at_once_and_come_in_order() -> None:
    together = threading.Barrier(3, timeout=10)

    def work(number: int) -> int:
        together.wait()
        return number * number

    assert side_by_side(work, (1, 2, 3)) == [1, 4, 9]
    assert side_by_side(work, ()) == []


def test_a_failure_is_raised_while_others_go_on() -> None:
    forever = threading.Event()

    def work(number: int) -> None:
        if number:
            raise ValueError("no")
        forever.wait(10)

    with pytest.raises(ValueError, match="no"):
        side_by_side(work, (0, 1))
    forever.set()
