"""What a person may set of what a cloud takes, signal by signal: options that turn an allowance into another."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from isthmus.common.codec import Allowance
from isthmus.common.options import Options

# What a message adds to one packet, at most.
MESSAGE_OVERHEAD_BYTES = 64


class Admission(Options, Protocol):
    """Options of one signal, as `Signal.admission` names them."""

    def taken(self, allowance: Allowance, max_in_flight: int) -> Allowance:
        """What is taken of the signal.

        Args:
            allowance: the signal's own, or one that was changed for all signals.
            max_in_flight: frames that a client may have sent and not yet had answered, where they are small.
        """


def of_size(allowance: Allowance, max_packet_bytes: int) -> Allowance:
    """The same for packets of another size, one a message."""
    limits = allowance.limits
    packet = replace(limits.packet, max_packet_size_bytes=max_packet_bytes)
    size = max_packet_bytes + MESSAGE_OVERHEAD_BYTES
    return replace(allowance, limits=replace(limits, packet=packet, max_message_size_bytes=size))
