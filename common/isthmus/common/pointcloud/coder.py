"""From the bytes of a packet to symbols, within limits: the first thing the cloud does with a frame."""

from __future__ import annotations

from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.bits.symbols import Symbols
from isthmus.common.errors import InputError, PacketError
from isthmus.common.limits import DEFAULT_LIMITS, Limits
from isthmus.common.pointcloud.manifest import PointCloudManifest


class Decoder:
    """Decodes the packets of one codec. Holds nothing between frames: point clouds are coded without prediction.

    Args:
        manifest: the codec.
        limits: what is refused before anything is allocated for it.
    """

    def __init__(self, manifest: PointCloudManifest, limits: Limits = DEFAULT_LIMITS) -> None:
        if manifest.channels > limits.max_symbol_count:
            raise InputError(
                f"codec {manifest.name}: expected at most {limits.max_symbol_count} symbols a signal, as the limits "
                f"say, got {manifest.channels}"
            )
        self._manifest = manifest
        self._prior = manifest.prior
        self._channels = manifest.channels
        self._limits = limits

    def decode(self, data: bytes) -> Symbols:
        """Symbols `[signals, channels]` of one packet.

        Raises:
            PacketError: bytes that no encoder of this codec writes.
            LimitExceededError: the packet is, or would decode to, more than the limits allow.
            SymbolMismatchError: the packet's checksum is not that of the decoded symbols.
        """
        packet = Packet.from_bytes(data, self._limits)
        if packet.type is not PacketType.INTRA or len(packet.sections) != 1:
            raise PacketError(
                f"descriptor at byte 0: expected an intra packet of one section, as {self._manifest.name} writes, "
                f"got {packet.type.name.lower()} with {len(packet.sections)} sections"
            )
        self._limits.check_symbol_count(packet.signal_count * self._channels)
        symbols = self._prior.decode(packet.sections[0], packet.signal_count, self._limits.max_symbol_count)
        packet.verify(symbols)
        return symbols
