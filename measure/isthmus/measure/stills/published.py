"""Published points of learned splits: accuracy lost against bytes an image, of networks trained for the cut.

Of ResNet-50 (76 % top-1 on ImageNet) on images of 224 x 224, read off publications; nobody here ran them. Another
network, and other images: what compares is the loss, not the level.
"""

from __future__ import annotations

from dataclasses import dataclass

WHOLE_PERCENT = 76.0
"""Top-1 of the network that they cut."""


@dataclass(frozen=True, slots=True)
class PublishedCurve:
    """Points of one encoder.

    Attributes:
        name: of it.
        kilobytes: an image.
        top1_percent: on ImageNet's validation images.
    """

    name: str
    kilobytes: tuple[float, ...]
    top1_percent: tuple[float, ...]

    @property
    def lost_points(self) -> tuple[float, ...]:
        """Of top-1, against the network that is cut."""
        return tuple(WHOLE_PERCENT - percent for percent in self.top1_percent)


PUBLISHED = (
    PublishedCurve("learned split of ResNet-50", (7.3, 4.5, 2.7, 1.4, 0.88), (75.2, 74.6, 73.5, 71.5, 70.6)),
    PublishedCurve("learned split of ResNet-50, lightest encoder", (5.0, 2.7, 1.8), (74.1, 73.1, 70.7)),
)
