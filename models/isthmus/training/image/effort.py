"""How long and how fast the transforms of an image codec are trained, and from which quality each is annealed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Parents = Mapping[int, int | None]
"""From which quality each is annealed; None for an anchor, which starts from scratch."""
PARENTS: Parents = {3: None, 2: 3, 1: 2, 4: 3, 6: None, 5: 6, 7: 6, 8: 7}
# The reference costs several times as much a step, and has no cosine transform to start as: one anchor, at a high rate.
REFERENCE_PARENTS: Parents = {6: None, 5: 6, 4: 5, 3: 4, 2: 3, 1: 2, 7: 6, 8: 7}


@dataclass(frozen=True, slots=True)
class ImageEffort:
    """How long and how fast: an anchor from scratch, and a quality annealed from its neighbour.

    `batch` crops a step, of `crop` pixels along a side.
    """

    anchor_steps: int = 5_000
    annealed_steps: int = 1_800
    anchor_rate: float = 1e-3
    annealed_rate: float = 3e-4
    batch: int = 8
    crop: int = 192

    @classmethod
    def of_reference(cls) -> ImageEffort:
        """Fewer steps of fewer pixels, since a pixel costs ten times as much.

        One core takes 1.4 s for a step where it has no bfloat16: an hour and a half for four qualities.
        """
        return cls(1_800, 500, anchor_rate=8e-4, annealed_rate=3e-4, batch=4, crop=128)

    def of(self, quality: int, parents: Parents = PARENTS) -> tuple[int, float]:
        """(steps, learning rate) of a quality."""
        if parents[quality] is None:
            return self.anchor_steps, self.anchor_rate
        return self.annealed_steps, self.annealed_rate
