"""What the measure of other tasks is asked for. Light: commands import it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from isthmus.common.options import option


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """How networks of drawn shapes are trained, cut and measured.

    Attributes:
        detector_steps, unet_steps: of their training.
        scenes: that they are trained on.
        calibration: scenes that a cut is calibrated on.
        tested: scenes that are asked about.
        clips: of those that become a clip.
    """

    panel: ClassVar[str] = "What"
    detector_steps: int = option(3500, "Steps of the detector's training.", least=1)
    unet_steps: int = option(400, "Steps of the U-Net's training.", least=1)
    scenes: int = option(2000, "Scenes that they are trained on.", least=16)
    calibration: int = option(48, "Scenes that a cut is calibrated on.", least=2)
    tested: int = option(60, "Other scenes that are asked about.", least=2)
    clips: int = option(6, "Of those that become a clip of 12 frames.", least=1)
