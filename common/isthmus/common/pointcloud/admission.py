"""What may be set of the point clouds that a cloud takes. Every command imports this as it starts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from isthmus.common.admission import MESSAGE_OVERHEAD_BYTES, of_size
from isthmus.common.codec import Allowance
from isthmus.common.options import option
from isthmus.common.pointcloud.signal import POINT_CLOUD

FRAME_OVERHEAD_BYTES = 6
MAX_MESSAGE_BYTES = 4 << 20
_TAKEN = POINT_CLOUD.allowance.limits.packet


@dataclass(frozen=True, slots=True)
class PointCloudLimits:
    """What one packet of point clouds may be. They are small: several go in a message, several clouds in a packet."""

    panel: ClassVar[str] = "Point clouds"
    max_packet_bytes: int = option(_TAKEN.max_packet_size_bytes, "Largest packet.", least=1)
    max_signals: int = option(_TAKEN.max_signal_count, "Most point clouds in one packet.", least=1)

    def taken(self, allowance: Allowance, max_in_flight: int) -> Allowance:
        """As these say. A message may hold the most frames there may be in flight, within 4 MiB (or one packet)."""
        sized = of_size(allowance, self.max_packet_bytes)
        frames_bytes = max_in_flight * (self.max_packet_bytes + FRAME_OVERHEAD_BYTES)
        limits = replace(
            sized.limits,
            packet=replace(sized.limits.packet, max_signal_count=self.max_signals),
            max_in_flight_frame_count=max_in_flight,
            max_message_size_bytes=max(
                self.max_packet_bytes + MESSAGE_OVERHEAD_BYTES, min(frames_bytes, MAX_MESSAGE_BYTES)
            ),
        )
        return replace(sized, limits=limits)
