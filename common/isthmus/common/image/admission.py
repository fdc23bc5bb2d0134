"""What may be set of the images that a cloud takes. Every command imports this as it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from isthmus.common.admission import of_size
from isthmus.common.codec import Allowance
from isthmus.common.image.signal import IMAGE
from isthmus.common.options import option


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What one packet of an image may be."""

    panel: ClassVar[str] = "Images"
    max_image_packet_bytes: int = option(
        IMAGE.allowance.limits.packet.max_packet_size_bytes, "Largest packet.", least=1
    )

    def taken(self, allowance: Allowance, max_in_flight: int) -> Allowance:
        """As these say; how many may be in flight stays as it was."""
        del max_in_flight
        return of_size(allowance, self.max_image_packet_bytes)
