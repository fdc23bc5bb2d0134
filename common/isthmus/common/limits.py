"""What is refused before anything is allocated for it: of one packet, and of one stream.

Light on purpose: commands read the limits of every signal as they start.
"""

from __future__ import annotations

from dataclasses import dataclass

from isthmus.common.bits.varint import MAX_VARINT
from isthmus.common.errors import InputError, LimitExceededError

MAX_SYMBOL_COUNT = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What a decoder is willing to take; checked before anything is allocated.

    Attributes:
        max_packet_size_bytes: longest packet.
        max_symbol_count: most symbols one packet may decode to, all its signals together.
        max_signal_count: most signals in one packet.
    """

    max_packet_size_bytes: int = 1 << 20
    max_symbol_count: int = MAX_SYMBOL_COUNT
    max_signal_count: int = 4096

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not 1 <= value <= MAX_VARINT:
                raise InputError(f"expected {name} from 1 to {MAX_VARINT}, got {value}")

    def check_symbol_count(self, symbol_count: int) -> None:
        """Refuses a packet that would decode to more symbols than allowed."""
        if symbol_count > self.max_symbol_count:
            raise LimitExceededError(
                f"packet: expected at most {self.max_symbol_count} symbols, it would decode to {symbol_count}"
            )


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """What a cloud accepts on each stream, and enforces before it allocates.

    Attributes:
        packet: limits of one packet.
        max_in_flight_frame_count: frames sent and not yet answered.
        max_message_size_bytes: of one request message.
        idle_timeout_s: a stream with nothing in flight and nothing sent for this long is ended.
    """

    packet: Limits
    max_in_flight_frame_count: int = 256
    max_message_size_bytes: int = 1 << 20
    idle_timeout_s: float = 60.0
