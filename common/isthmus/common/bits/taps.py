"""Taps: what a latent's context may look at, which is only what the decoder has by then. Part of BITSTREAM.md §7.8."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isthmus.common.errors import InputError

REACH = 2
"""Largest vertical or horizontal distance of a tap."""
LARGEST_MAGNITUDE = 15
"""Magnitudes are clipped to this before they are weighed."""
SUM_CHANNEL = -1
"""As a tap's channel: the sum of clipped magnitudes over all channels coded before."""

Int32 = NDArray[np.int32]


def check_taps(order: Int32, first_tap: Int32, taps: Int32, given: int) -> None:
    """Refuses taps that reach what is not coded yet, or whose weighted sum leaves int32.

    Args:
        order: int32 `[channels]`, each channel once.
        first_tap: int32 `[channels + 1]`, where each channel's taps start.
        taps: int32 `[taps, 4]`: channel (or `SUM_CHANNEL`), rows down, columns right, weight.
        given: how many channels, the first of the order, are known without being coded.

    Raises:
        InputError: such a tap, with its channel.
    """
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    coded_channels = len(order) - given
    for channel in range(len(order)):
        largest, in_row = 0, 0
        for source, down, right, weight in taps[first_tap[channel] : first_tap[channel + 1]].tolist():
            if not -1 <= source < len(order) or max(abs(down), abs(right)) > REACH:
                raise InputError(f"channel {channel}: tap ({source}, {down}, {right}) reaches too far")
            is_coded = source == SUM_CHANNEL or place[source] < place[channel]
            if source == channel:
                is_coded = down < 0 or (down == 0 and right < 0)
                in_row += down == 0
            if not is_coded:
                raise InputError(f"channel {channel}: tap ({source}, {down}, {right}) is coded later")
            largest += abs(weight) * LARGEST_MAGNITUDE * (coded_channels if source == SUM_CHANNEL else 1)
        if largest >= 2**31 or in_row > REACH:
            raise InputError(f"channel {channel}: expected activities within int32 and a tap a place")
