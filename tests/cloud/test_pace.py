"""Quotas of one identity, whatever its streams."""

from __future__ import annotations

import pytest

from isthmus.cloud.identity import Identity, Quotas
from isthmus.cloud.pace import BYTE_S, LARGE_BYTE_S, LARGE_BYTES, LOOP_SHARE, MESSAGE_S, Pace, Paces
from isthmus.common.errors import OverloadedError


class Clock:
    """Goes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_second_is_free_and_a_debt_is_waited_for() -> None:
    clock = Clock()
    pace = Pace(Identity("a", Quotas(frames_per_s=10, bytes_per_s=1000)), clock)
    assert pace.spend(10, 5_000_000, 500) == 0  # no quota of pixels
    assert pace.spend(5, 0, 0) == pytest.approx(0.5)
    clock.now_s += 0.5
    assert pace.spend(0, 0, 0) == 0
    assert pace.spend(0, 0, 3000) == pytest.approx(2.0)  # one message larger than a second's worth


def test_the_long_run_keeps_the_rate() -> None:
    clock = Clock()
    pace = Pace(Identity("a", Quotas(pixels_per_s=100)), clock)
    for _ in range(1000):
        clock.now_s += pace.spend(1, 30, 1)
    assert 30 * 1000 / (clock.now_s - 100) == pytest.approx(100, rel=0.01)


def test_streams_of_a_name_are_counted_together_and_debts_outlive_them() -> None:
    clock, one = Clock(), Identity("a", Quotas(streams=1, frames_per_s=1))
    paces = Paces(clock)
    with paces.entered(one) as pace:
        with pytest.raises(OverloadedError, match="at most 1 streams of a"), paces.entered(one):
            pass
        with paces.entered(Identity("b", Quotas(streams=1))):
            pass
        assert pace.spend(11, 0, 0) == 10
    with paces.entered(one) as again:
        assert again.spend(0, 0, 0) == 10


def test_who_is_not_alone_has_a_part_of_the_event_loop() -> None:
    """By messages and by bytes; alone, a peer has all of it, and owes nothing for that afterwards."""
    clock, company = Clock(), [False]
    pace = Pace(Identity("a"), clock, lambda: not company[0])
    for _ in range(1000):
        assert pace.spend(1, 0, 20) == 0
    company[0] = True
    start_s = clock.now_s
    for _ in range(1000):
        clock.now_s += pace.spend(1, 0, 20)
    assert clock.now_s - start_s == pytest.approx(1000 * MESSAGE_S / LOOP_SHARE, rel=0.1)
    start_s = clock.now_s
    for _ in range(100):
        clock.now_s += pace.spend(1, 0, 16 << 20)
    large_s = LARGE_BYTES * BYTE_S + 15 * LARGE_BYTES * LARGE_BYTE_S
    assert clock.now_s - start_s == pytest.approx(100 * large_s / LOOP_SHARE, rel=0.1)


def test_one_peer_after_another_is_known_to_have_company() -> None:
    clock = Clock()
    paces = Paces(clock)
    with paces.entered(Identity("a")) as pace:
        assert pace.spend(1, 0, 1 << 30) == 0
        with paces.entered(Identity("b")):
            assert pace.spend(1, 0, 1 << 30) > 10
