"""The signals there are: one plain dict, by the name that a manifest says. To add a signal is to put a value here."""

from __future__ import annotations

from isthmus.common.codec import Signal
from isthmus.common.image.signal import IMAGE
from isthmus.common.pointcloud.signal import POINT_CLOUD
from isthmus.common.video.signal import VIDEO

SIGNALS: dict[str, Signal] = {signal.name: signal for signal in (POINT_CLOUD, IMAGE, VIDEO)}


def suffixes_said() -> str:
    """All suffixes that mean something, in words: "a point cloud (.off, .xyz ...), an image (...) or a video (...)"."""
    kinds = [
        f"{'an' if signal.noun[0] in 'aeiou' else 'a'} {signal.noun} ({', '.join(signal.suffixes)})"
        for signal in SIGNALS.values()
    ]
    return f"{', '.join(kinds[:-1])} or {kinds[-1]}"
