"""What is in a codec, and what is in a packet, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from isthmus.codec.inspector import Rows, in_hex, inspector_of
from isthmus.codec.listing import training_of
from isthmus.common.bits.packet import Packet
from isthmus.common.catalog import SIGNALS
from isthmus.common.limits import Limits
from isthmus.common.manifest.folder import CodecFolder


@dataclass(frozen=True, slots=True)
class CodecInspection:
    """What a codec is.

    Attributes:
        name, signal, tasks: as its manifest says.
        identity: SHA-256 of the manifest, in hex: edge and cloud must hold the same.
        bitstream_version: of BITSTREAM.md.
        fields: what its manifest says besides, in words.
        files: name, bytes and SHA-256 in hex of each.
        training: how it was made, as far as the folder says.
    """

    name: str
    signal: str
    tasks: tuple[str, ...]
    identity: str
    bitstream_version: int
    fields: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, int, str], ...]
    training: tuple[tuple[str, str], ...]

    @property
    def rows(self) -> Rows:
        """All of it, as `isthmus inspect` shows it."""
        return [
            ("identity (SHA-256 of the manifest)", self.identity),
            ("bitstream version", str(self.bitstream_version)),
            ("signal, tasks", f"{self.signal}; {', '.join(self.tasks)}"),
            *self.fields,
            *((name, f"{size_bytes} bytes, SHA-256 {digest}") for name, size_bytes, digest in self.files),
            *((f"training: {key}", value) for key, value in self.training),
        ]

    def __str__(self) -> str:
        return _lines(f"Codec {self.name}", self.rows)


@dataclass(frozen=True, slots=True)
class PacketInspection:
    """What is in a packet.

    Attributes:
        type: "intra", or "predicted" for one that refers to another.
        signal_count: signals coded together.
        sections: the entropy-coded bytes, one after another.
        checksum: of the symbols, 0, 2 or 4 bytes.
        packet_bits: of the whole packet.
        fields: what its symbols are, in words; () where no codec decoded them.
    """

    type: str
    signal_count: int
    sections: tuple[bytes, ...]
    checksum: bytes
    packet_bits: int
    fields: tuple[tuple[str, str], ...] = ()

    @property
    def section_bits(self) -> tuple[int, ...]:
        """Bits of each section."""
        return tuple(8 * len(section) for section in self.sections)

    @property
    def payload_bits(self) -> int:
        """Bits of the sections, without what the packet puts around them."""
        return sum(self.section_bits)

    @property
    def rows(self) -> Rows:
        """All of it, as `isthmus inspect` shows it."""
        return [
            ("type", self.type),
            ("signals", str(self.signal_count)),
            *((f"section {n}", f"{len(found)} bytes: {in_hex(found)}") for n, found in enumerate(self.sections)),
            ("symbol checksum", self.checksum.hex() or "none"),
            *self.fields,
        ]

    def __str__(self) -> str:
        return _lines(f"Packet of {self.packet_bits // 8} bytes", self.rows)


def inspect_codec(folder: CodecFolder[Any]) -> CodecInspection:
    """What a codec is. ManifestError if a small file that is read for it is damaged."""
    manifest = folder.manifest
    return CodecInspection(
        manifest.name,
        manifest.signal,
        manifest.tasks,
        manifest.identity.hex(),
        manifest.bitstream_version,
        tuple(inspector_of(manifest).codec_rows(folder)),
        tuple((file, (folder.path / file).stat().st_size, digest) for file, digest in manifest.weights),
        tuple((key, str(value)) for key, value in sorted(training_of(folder.path).items())),
    )


def inspect_packet(packet: Packet, folder: CodecFolder[Any] | None = None) -> PacketInspection:
    """What is in a packet; its symbols too where the codec is known.

    Raises:
        RemoteError: not one that this codec's encoder writes.
    """
    fields = () if folder is None else tuple(inspector_of(folder.manifest).packet_rows(folder, packet))
    return PacketInspection(
        packet.type.name.lower(),
        packet.signal_count,
        packet.sections,
        packet.checksum,
        8 * packet.size_bytes,
        fields,
    )


def any_limits() -> Limits:
    """Of a packet of any signal."""
    limits = [signal.allowance.limits.packet for signal in SIGNALS.values()]
    return Limits(
        max(one.max_packet_size_bytes for one in limits),
        max(one.max_symbol_count for one in limits),
        max(one.max_signal_count for one in limits),
    )


def _lines(title: str, rows: Rows) -> str:
    width = max(len(field) for field, _ in rows)
    return "\n".join([title, *(f"  {field:{width}}  {value}" for field, value in rows)])
