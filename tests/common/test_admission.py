"""What a person may set of what a cloud takes: without options it is each signal's own allowance."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from isthmus.common.admission import Admission, of_size
from isthmus.common.catalog import SIGNALS
from isthmus.common.codec import opened
from isthmus.common.image.admission import ImageLimits
from isthmus.common.image.signal import IMAGE
from isthmus.common.options import rules_of
from isthmus.common.pointcloud.admission import PointCloudLimits
from isthmus.common.pointcloud.signal import POINT_CLOUD
from isthmus.common.video.admission import VideoLimits
from isthmus.common.video.signal import VIDEO


@pytest.mark.parametrize("name", SIGNALS)
def test_defaults_are_the_allowance_of_the_signal(name: str) -> None:
    signal = SIGNALS[name]
    kind = cast("type[Admission]", opened(signal.admission))
    assert rules_of(kind)
    in_flight = signal.allowance.limits.max_in_flight_frame_count
    assert kind().taken(signal.allowance, in_flight) == signal.allowance


@pytest.mark.parametrize(("size", "message"), [(1, 65), (1 << 20, (1 << 20) + 64)])
def test_a_packet_fits_its_message(size: int, message: int) -> None:
    for signal, options in ((IMAGE, ImageLimits(size)), (VIDEO, VideoLimits(size))):
        taken = options.taken(signal.allowance, 3)
        assert taken == of_size(signal.allowance, size)
        assert taken.limits.packet.max_packet_size_bytes == size
        assert taken.limits.max_message_size_bytes == message
        assert taken.limits.max_in_flight_frame_count == signal.allowance.limits.max_in_flight_frame_count
        assert replace(taken, limits=signal.allowance.limits) == signal.allowance


@pytest.mark.parametrize(
    ("size", "in_flight", "message"),
    [(1, 1, 65), (1 << 10, 256, 256 * 1030), (1 << 16, 256, 4 << 20), (5 << 20, 2, (5 << 20) + 64)],
)
def test_messages_of_small_packets_hold_what_is_in_flight(size: int, in_flight: int, message: int) -> None:
    taken = PointCloudLimits(size, 7).taken(POINT_CLOUD.allowance, in_flight).limits
    assert (taken.packet.max_packet_size_bytes, taken.packet.max_signal_count) == (size, 7)
    assert (taken.max_in_flight_frame_count, taken.max_message_size_bytes) == (in_flight, message)
