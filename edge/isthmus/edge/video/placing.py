"""An answer about a frame as the network saw it, put onto the frame that was given."""

from __future__ import annotations

from typing import Any

from isthmus.common.answers.boxes import Boxes
from isthmus.common.answers.mask import Mask
from isthmus.common.video.manifest import VideoManifest


def placed(manifest: VideoManifest, outcome: Any, height: int, width: int) -> Any:
    """Boxes and masks on a frame of so many pixels, which the codec resized, or grew to whole strides; others as is."""
    if not isinstance(outcome, Boxes | Mask):
        return outcome
    if manifest.frame_height:
        return outcome.placed(height, width, (height, width))
    stride = manifest.stride
    return outcome.placed(height, width, (height + -height % stride, width + -width % stride))
