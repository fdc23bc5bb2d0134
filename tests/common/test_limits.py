"""Limits of a decoder: valid from birth, and what is past them is refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.common.bits.varint import MAX_VARINT
from isthmus.common.catalog import SIGNALS
from isthmus.common.errors import InputError, LimitExceededError
from isthmus.common.limits import DEFAULT_LIMITS, Limits

FIELDS = ("max_packet_size_bytes", "max_symbol_count", "max_signal_count")


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", [0, -1, MAX_VARINT + 1])
def test_limits_are_valid_from_birth(name: str, value: int) -> None:
    with pytest.raises(InputError, match=f"expected {name} from 1 to {MAX_VARINT}, got {value}"):
        Limits(**{name: value})


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", [1, MAX_VARINT])
def test_their_ends_are_within(name: str, value: int) -> None:
    assert getattr(Limits(**{name: value}), name) == value


@given(st.integers(1, MAX_VARINT), st.integers(0, 2 * MAX_VARINT))
def test_symbols_are_counted(most: int, count: int) -> None:
    limits = Limits(max_symbol_count=most)
    if count <= most:
        limits.check_symbol_count(count)
    else:
        with pytest.raises(LimitExceededError, match=f"at most {most} symbols, it would decode to {count}"):
            limits.check_symbol_count(count)


@pytest.mark.parametrize("signal", SIGNALS.values(), ids=SIGNALS)
def test_a_message_has_room_for_the_largest_packet_of_its_signal(signal: object) -> None:
    allowance = signal.allowance  # type: ignore[attr-defined]  # a parameter of pytest is of any type
    limits = allowance.limits
    assert limits.max_message_size_bytes >= limits.packet.max_packet_size_bytes
    assert limits.max_in_flight_frame_count >= allowance.max_batch_frame_count >= 1
    assert limits.idle_timeout_s > 0


def test_no_point_cloud_is_taken_that_a_decoder_refuses() -> None:
    taken = SIGNALS["point-cloud"].allowance.limits.packet
    assert Limits() == DEFAULT_LIMITS
    assert all(getattr(taken, name) <= getattr(DEFAULT_LIMITS, name) for name in FIELDS)
