"""What a tap may look at: what is decoded by then, and no further than both sides have room for."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.common.bits.taps import LARGEST_MAGNITUDE, REACH, SUM_CHANNEL, check_taps
from isthmus.common.errors import InputError

OFFSETS = tuple(product(range(-REACH, REACH + 1), repeat=2))
Tap = tuple[int, int, int, int]


def check(taps: list[list[Tap]], order: list[int] | None = None, given_channels: int = 0) -> None:
    """Checks the taps of each channel."""
    first = np.cumsum([0, *map(len, taps)]).astype(np.int32)
    flat = np.array([tap for of_channel in taps for tap in of_channel], np.int32).reshape(-1, 4)
    check_taps(np.array(order or range(len(taps)), np.int32), first, flat, given_channels)


@pytest.mark.parametrize(("down", "right"), OFFSETS)
def test_of_its_own_channel_a_tap_sees_what_came_before(down: int, right: int) -> None:
    tap = (0, down, right, 1)
    if (down, right) < (0, 0):
        check([[tap]])
    else:
        with pytest.raises(InputError, match=r"channel 0: tap \(0, .* is coded later"):
            check([[tap]])


@given(st.permutations(range(4)), st.integers(0, 3), st.sampled_from(OFFSETS))
def test_of_another_channel_a_tap_sees_all_or_nothing(order: list[int], source: int, offset: tuple[int, int]) -> None:
    reader = order[2]
    taps: list[list[Tap]] = [[] for _ in order]
    taps[reader] = [(source, *offset, 1)]
    is_coded = source in order[:2] or (source == reader and offset < (0, 0))
    if is_coded:
        check(taps, order)
    else:
        with pytest.raises(InputError, match=f"channel {reader}: tap .* is coded later"):
            check(taps, order)


@pytest.mark.parametrize(
    "tap", [(1, 0, 0, 1), (-2, 0, 0, 1), (0, -REACH - 1, 0, 1), (0, -1, REACH + 1, 1), (0, -1, -REACH - 1, 1)]
)
def test_no_tap_reaches_further_than_the_border(tap: Tap) -> None:
    with pytest.raises(InputError, match=r"channel 0: tap .* reaches too far"):
        check([[tap]])


def test_the_sum_of_the_channels_before_is_seen_from_anywhere() -> None:
    check([[(SUM_CHANNEL, down, right, 1) for down, right in OFFSETS], []])


@pytest.mark.parametrize("source", [0, SUM_CHANNEL])
def test_activities_stay_within_int32(source: int) -> None:
    channels = 1 if source == 0 else 3
    most = (2**31 - 1) // (LARGEST_MAGNITUDE * channels)
    others: list[list[Tap]] = [[] for _ in range(channels - 1)]
    for sign in (1, -1):
        check([[(source, -1, 0, sign * most)], *others])
        with pytest.raises(InputError, match="channel 0: expected activities within int32"):
            check([[(source, -1, 0, sign * (most + 1))], *others])
    half = most // 2 + 1
    with pytest.raises(InputError, match="expected activities within int32"):
        check([[(source, -1, 0, half), (source, -1, 1, -half)], *others])


def test_a_given_channel_adds_nothing_to_the_sum() -> None:
    most = (2**31 - 1) // LARGEST_MAGNITUDE
    check([[], [(SUM_CHANNEL, 0, 0, most)]], given_channels=1)
    with pytest.raises(InputError, match="channel 1: expected activities within int32"):
        check([[], [(SUM_CHANNEL, 0, 0, most)]])


def test_of_its_own_row_no_more_taps_than_places() -> None:
    check([[(0, 0, -1, 1), (0, 0, -2, 1)]])
    with pytest.raises(InputError, match="expected activities within int32 and a tap a place"):
        check([[(0, 0, -1, 1), (0, 0, -2, 1), (0, 0, -1, 1)]])
