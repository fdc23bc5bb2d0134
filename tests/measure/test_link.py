"""The emulated link, against sums done by hand."""

from __future__ import annotations

import math

import pytest

from isthmus.common.errors import InputError
from isthmus.measure.link import FrameCost, Link, LinkQueue, run_frames


def test_a_message_takes_its_serialisation_and_the_delay() -> None:
    queue = LinkQueue(Link(1000.0, 0.05))
    assert queue.send(100, ready_s=1.0) == pytest.approx(1.15)  # 100 ms on the line, 50 ms on the way


def test_messages_queue_behind_one_another_but_their_delays_overlap() -> None:
    queue = LinkQueue(Link(1000.0, 0.05))
    assert queue.send(100, 0.0) == pytest.approx(0.15)
    assert queue.send(200, 0.0) == pytest.approx(0.35)  # leaves from 0.1 to 0.3
    assert queue.send(100, 1.0) == pytest.approx(1.15)  # the line is free again


def test_a_frame_goes_through_edge_link_cloud_and_back() -> None:
    cost = FrameCost(edge_s=0.010, up_bits=1000, cloud_s=0.020, down_bits=100)
    outcome = run_frames([cost], Link(10_000.0, 0.005), fps=10)
    assert outcome.latency_p50_ms == pytest.approx(10 + 100 + 5 + 20 + 10 + 5)
    assert outcome.dropped_percent == 0


def test_frames_are_dropped_while_one_is_unanswered() -> None:
    # Answered 150 ms after it was taken: at 10 frames a second every second one is dropped.
    cost = FrameCost(edge_s=0.150)
    outcome = run_frames([cost] * 10, Link(1e6), fps=10)
    assert outcome.latency_p50_ms == pytest.approx(150)
    assert outcome.dropped_percent == pytest.approx(100 * 9 / 19)
    assert outcome.answered_fps == pytest.approx(10 / 1.95)


def test_with_two_in_flight_edge_and_cloud_work_side_by_side() -> None:
    cost = FrameCost(edge_s=0.1, up_bits=1, cloud_s=0.1, down_bits=1)
    link = Link(math.inf)
    assert run_frames([cost] * 50, link, fps=10, max_in_flight=2).dropped_percent == 0
    assert run_frames([cost] * 50, link, fps=10, max_in_flight=1).dropped_percent > 45
    assert run_frames([cost] * 50, link, fps=10, max_in_flight=2).latency_p50_ms == pytest.approx(200)


def test_an_edge_that_answers_alone_does_not_care_about_the_link() -> None:
    slow, fast = (run_frames([FrameCost(0.02)] * 5, Link(b, 9.0), fps=25) for b in (1.0, 1e9))
    assert slow == fast
    assert slow.up_bits_per_s == 0


def test_the_rate_up_is_of_what_crossed() -> None:
    cost = FrameCost(edge_s=0.0, up_bits=400, cloud_s=0.0, down_bits=0)
    assert run_frames([cost] * 100, Link(1e9), fps=25).up_bits_per_s == pytest.approx(10_000, rel=0.01)


@pytest.mark.parametrize(("bandwidth", "delay_s"), [(0.0, 0.0), (-1.0, 0.0), (math.nan, 0.0), (1.0, -1.0)])
def test_impossible_links_are_refused(bandwidth: float, delay_s: float) -> None:
    with pytest.raises(InputError, match="link"):
        Link(bandwidth, delay_s)


def test_nothing_to_send_is_refused() -> None:
    with pytest.raises(InputError, match="frames"):
        run_frames([], Link(1.0), fps=25)
