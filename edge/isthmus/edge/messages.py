"""What goes into one message of frames: packets that the cloud takes, and no more of them than it reads at once."""

from __future__ import annotations

from collections.abc import Sequence

from isthmus.common.bits.packet import Packet
from isthmus.common.errors import LimitExceededError
from isthmus.common.limits import Limits

# Most bytes that tag and length in front of each packet of a message take.
PACKET_FIELD_BYTES = 6


def checked(packets: Sequence[Packet], limits: Limits, address: str) -> list[bytes]:
    """The bytes of packets. LimitExceededError: one is more than the cloud at `address` takes."""
    datas = [packet.to_bytes() for packet in packets]
    for packet, data in zip(packets, datas, strict=True):
        if len(data) > limits.max_packet_size_bytes or packet.signal_count > limits.max_signal_count:
            raise LimitExceededError(
                f"packet: expected at most {limits.max_packet_size_bytes} bytes and {limits.max_signal_count} signals, "
                f"as the cloud at {address} takes, got {len(data)} bytes and {packet.signal_count} signals; send "
                "smaller batches"
            )
    return datas


def message_end(datas: Sequence[bytes], start: int, room_count: int, max_size_bytes: int) -> int:
    """Index past the last packet that fits in a message which starts with packet `start`; one always does."""
    stop = start
    size = 0
    while stop < min(len(datas), start + room_count):
        size += len(datas[stop]) + PACKET_FIELD_BYTES
        if size > max_size_bytes and stop > start:
            break
        stop += 1
    return stop
