"""Work side by side: all of it, in order, and its failures."""

from __future__ import annotations

import threading

import pytest

from isthmus.measure.drill.side_by_side import side_by_side


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
