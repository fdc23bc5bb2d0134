"""What may be set of the videos that a cloud takes. Every command imports this as it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from isthmus.common.admission import of_size
from isthmus.common.codec import Allowance
from isthmus.common.options import option
from isthmus.common.video.signal import VIDEO


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """What one packet of a frame may be."""

    panel: ClassVar[str] = "Videos"
    max_video_packet_bytes: int = option(
        VIDEO.allowance.limits.packet.max_packet_size_bytes, "Largest packet of a frame.", least=1
    )

    def taken(self, allowance: Allowance, max_in_flight: int) -> Allowance:
        """As these say; how many may be in flight stays as it was."""
        del max_in_flight
        return of_size(allowance, self.max_video_packet_bytes)
