"""From an image's integer latents to a packet and back. Implements BITSTREAM.md §6.2.

```
encode   y, size ─► counts of each group ─► choice of tables (q) ─► side | y ─► Packet
decode   Packet ─► size, q ─► table of every latent ─► y
```

With contexts (`isthmus.common.bits.context`) there is no q: latents already coded choose the table of the next.

With a hyperprior, z stands between q and y: it says to which group each latent belongs. All tables are integers; what
rebuilds some (`Synthesize`, `ScaleIndices`) is exact in integers too, and must take any int32.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from isthmus.common.bits import range_coder
from isthmus.common.bits.cdf import CdfTables
from isthmus.common.bits.integer_softmax import synthesized_tables
from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.bits.symbols import CHECKSUM_SIZES_BYTES, Symbols, checksum_bytes
from isthmus.common.errors import InputError, ManifestError, PacketError
from isthmus.common.image.choice import EntryCounts, TableChoice
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.sections import (
    checked,
    decode_rows,
    encode_rows,
    entry_counts,
    named,
    product,
    table_indices,
    table_rows,
)
from isthmus.common.image.side import KIND_BITS, Adaptation, Side
from isthmus.common.image.signal import IMAGE_LIMITS
from isthmus.common.image.symbols import CodedImage, ImageSymbols
from isthmus.common.image.tables import ImageTables
from isthmus.common.limits import Limits
from isthmus.common.signals import MAX_PIXELS, MAX_SIDE

Int32 = NDArray[np.int32]
Synthesize = Callable[[Int32], Int32]
"""h_s,q: q int32 [M_q, W] to integer logits int32 [M, B], units of 2^-8 nat."""
ScaleIndices = Callable[[Int32], Int32]
"""h_s: z int32 [N, a, b] to the group of every latent, int32 [M, h, w]."""


class ImageCoder:
    """Codes the latents of one codec. Holds nothing between images, so threads may share it.

    Args:
        manifest: of the codec.
        tables: of the codec.
        synthesize: h_s,q, for a codec with bins.
        scale_indices: h_s, for a codec with a hyperprior.

    Raises:
        ManifestError: the tables are not those that the manifest speaks of.
        InputError: a function is missing, or one too many.
    """

    def __init__(
        self,
        manifest: ImageManifest,
        tables: ImageTables,
        *,
        synthesize: Synthesize | None = None,
        scale_indices: ScaleIndices | None = None,
    ) -> None:
        name = manifest.name
        if (synthesize is None) != (not manifest.bins) or (scale_indices is None) != (not manifest.hyper_channels):
            raise InputError(f"{name}: expected synthesize for codecs with bins, scale_indices for those with z only")
        if not manifest.hyper_channels and tables.groups != manifest.latent_channels:
            raise ManifestError(f"{name}: expected {manifest.latent_channels} groups of tables, got {tables.groups}")
        if (tables.q_tables is None) != (not manifest.bins):
            raise ManifestError(f"{name}: expected tables of q for codecs with bins only")
        z_channels = tables.z_tables.count if tables.z_tables is not None else 0
        if z_channels != manifest.hyper_channels:
            raise ManifestError(f"{name}: expected {manifest.hyper_channels} tables of z, got {z_channels}")
        self.manifest, self.tables = manifest, tables
        self._synthesize, self._scale_indices = synthesize, scale_indices
        self._first = tables.first_table[:-1]
        self._static = table_rows(tables.tables, self._first)
        self._choice: TableChoice | None = None  # made by the first encode: a decoder does without

    def encode(
        self,
        y: Int32,
        height: int,
        width: int,
        *,
        adaptation: Adaptation = Adaptation.AUTO,
        q: Int32 | None = None,
        z: Int32 | None = None,
        checksum_size_bytes: int | None = None,
    ) -> CodedImage:
        """One image, one packet.

        Args:
            y: latents int32 [M, h, w]; not copied, and part of the result.
            height, width: of the image in pixels.
            adaptation: a choice that is static in every group is coded as static.
            q: int32 [M_q, W] to synthesize from; for `CHOSEN`, int32 [G] to take instead of the best choice.
            z: int32 [N, a, b], with a hyperprior.
            checksum_size_bytes: 0, 2 or 4; None for the codec's own.

        Raises:
            InputError: an array is not what the codec and the size call for, or the codec lacks the adaptation.
        """
        manifest = self.manifest
        size_bytes = manifest.checksum_size_bytes if checksum_size_bytes is None else checksum_size_bytes
        if size_bytes not in CHECKSUM_SIZES_BYTES:
            raise InputError(f"checksum_size_bytes: expected 0, 2 or 4, got {checksum_size_bytes}")
        if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE and height * width <= MAX_PIXELS):
            raise InputError(f"expected an image of up to {MAX_SIDE} x {MAX_SIDE} pixels, got {height} x {width}")
        y = checked(y, manifest.latent_shape(height, width), "y")
        sections: list[bytes] = []
        estimated_bits = 0.0
        if manifest.hyper_channels and self.tables.z_tables is not None:
            z = checked(z, manifest.hyper_shape(height, width), "z")
            sections.append(encode_rows(z, self.tables.z_tables))
            estimated_bits += entry_counts(z, self.tables.z_tables).bits(self.tables.z_tables)
        elif z is not None:
            raise InputError(f"z: expected none, {manifest.name} has no hyperprior")
        in_context = self._in_context(y, adaptation)
        if adaptation is Adaptation.CONTEXT:
            if q is not None:
                raise InputError(f"q: expected none with adaptation {adaptation}")
            assert in_context is not None  # for the type checker: `_in_context` raised otherwise
            side_of_q, (section, bits) = b"", in_context
        else:
            groups = self._groups(z, y.shape)
            counts = self._count(y, groups)
            if adaptation is Adaptation.SYNTHESIZED:
                q = checked(q, self._q_shape(), "q")
                assert self.tables.q_tables is not None  # for the type checker: there are bins
                side_of_q = encode_rows(q, self.tables.q_tables)
                tables, first = self._synthesized(q), np.arange(self.tables.groups, dtype=np.int32)
                bits = entry_counts(q, self.tables.q_tables).bits(self.tables.q_tables) + counts.bits(tables)
            else:
                side_of_q, q, bits = self._chosen(counts, adaptation, q)
                tables, first = self.tables.tables, self._first if q is None else self._first + q
                adaptation = Adaptation.STATIC if q is None else Adaptation.CHOSEN
            kind_bits = 0 if adaptation is Adaptation.STATIC else KIND_BITS
            if in_context is not None and in_context[1] + KIND_BITS <= bits + kind_bits:
                adaptation, q, side_of_q, (section, bits) = Adaptation.CONTEXT, None, b"", in_context
            else:
                section = range_coder.encode(y.ravel(), table_indices(first, groups, y.shape), tables)
        estimated_bits += bits
        sections.append(section)
        side = Side(height, width, adaptation, side_of_q)
        sections.insert(0, side.to_bytes())
        symbols = ImageSymbols(height, width, y, q, z, adaptation)
        packet = Packet(PacketType.INTRA, tuple(sections), checksum_bytes(symbols.crc32(), size_bytes))
        return CodedImage(packet, symbols, estimated_bits, side.bits)

    def decode(self, data: bytes, limits: Limits = IMAGE_LIMITS) -> ImageSymbols:
        """The symbols of a packet; nothing is allocated for them before their number is known to be within limits.

        Raises:
            PacketError: bytes that no encoder of this codec writes.
            LimitExceededError: the packet is, or would decode to, more than the limits allow.
            SymbolMismatchError: the packet's checksum is not that of the decoded symbols.
        """
        manifest = self.manifest
        packet = Packet.from_bytes(data, limits)
        section_count = 3 if manifest.hyper_channels else 2
        if packet.type is not PacketType.INTRA or len(packet.sections) != section_count or packet.signal_count != 1:
            raise PacketError(
                f"descriptor at byte 0: expected an intra packet of one signal in {section_count} sections, as "
                f"{manifest.name} writes, got {packet.type.name.lower()} with {packet.signal_count} signals in "
                f"{len(packet.sections)} sections"
            )
        side = Side.from_bytes(packet.sections[0])
        height, width, adaptation = side.height, side.width, side.adaptation
        shape, z_shape = manifest.latent_shape(height, width), manifest.hyper_shape(height, width)
        q_count = self.tables.groups if adaptation is Adaptation.CHOSEN else 0
        if adaptation is Adaptation.SYNTHESIZED:
            if not manifest.bins:
                raise PacketError(
                    f"section 0: expected tables of another kind, {manifest.name} synthesizes none, got kind 2"
                )
            q_count = int(np.prod(self._q_shape()))
        elif adaptation is Adaptation.CONTEXT:
            if self.tables.context is None:
                raise PacketError(
                    f"section 0: expected tables of another kind, {manifest.name} has no contexts, got kind 3"
                )
            if side.q:
                raise PacketError(f"section 0: expected nothing after kind 3, got {len(side.q)} bytes")
        limits.check_symbol_count(product(shape) + product(z_shape) + q_count)
        q = self._decode_q(side.q, adaptation)
        z = None
        if self.tables.z_tables is not None:
            with named("section 1, z"):
                z = decode_rows(packet.sections[1], z_shape, self.tables.z_tables)
        tables, first = self.tables.tables, self._first
        if adaptation is Adaptation.SYNTHESIZED and q is not None:
            tables, first = self._synthesized(q), np.arange(self.tables.groups, dtype=np.int32)
        elif q is not None:
            first = first + q
        with named(f"section {section_count - 1}, y"):
            if adaptation is Adaptation.CONTEXT and self.tables.context is not None:
                y = self.tables.context.decode(packet.sections[-1], *shape[1:])
            else:
                indices = table_indices(first, self._groups(z, shape), shape)
                y = range_coder.decode(packet.sections[-1], indices, tables).reshape(shape)
        symbols = ImageSymbols(height, width, y, q, z, adaptation)
        if packet.checksum:
            packet.verify_crc32(symbols.crc32())
        return symbols

    def _chosen(
        self, counts: EntryCounts, adaptation: Adaptation, q: Int32 | None
    ) -> tuple[bytes, Int32 | None, float]:
        """(section of the choice, choice or None for static, ideal bits of latents and choice)."""
        self._choice = self._choice or TableChoice(self.tables)
        costs = self._choice.costs(counts)
        static_bits = sum(float(cost[0]) for cost in costs) + counts.escape_bits
        if q is not None and adaptation is not Adaptation.CHOSEN:
            raise InputError(f"q: expected none with adaptation {adaptation}")
        if adaptation is Adaptation.STATIC:
            return b"", None, static_bits
        if q is None:
            q = self._choice.cheapest(costs)
            if not q.any():
                return b"", None, static_bits
        else:
            q = checked(q, (self.tables.groups,), "q")
            if not q.any() or (q < 0).any() or (q >= self.tables.candidate_counts).any():
                raise InputError("q: expected a candidate of each group, and not the first in all")
        sent = Symbols(q[None])
        section = self.tables.choice.encode(sent)
        bits = sum(float(cost[table]) for cost, table in zip(costs, q.tolist(), strict=True)) + counts.escape_bits
        if adaptation is Adaptation.AUTO and bits + KIND_BITS + 8 * len(section) >= static_bits:
            return b"", None, static_bits
        return section, q, bits + float(self.tables.choice.estimated_bits(sent)[0])

    def _in_context(self, y: Int32, adaptation: Adaptation) -> tuple[bytes, float] | None:
        """(section of y, its ideal bits) by the context model, if the adaptation asks for it."""
        if self.tables.context is not None and adaptation in (Adaptation.AUTO, Adaptation.CONTEXT):
            return self.tables.context.encode_measured(y)
        if adaptation is Adaptation.CONTEXT:
            raise InputError(f"adaptation: expected any but context, {self.manifest.name} has no contexts")
        return None

    def _decode_q(self, section: bytes, adaptation: Adaptation) -> Int32 | None:
        with named("section 0, q"):
            if adaptation is Adaptation.CHOSEN:
                q: Int32 = self.tables.choice.decode(section).values[0]
                if not q.any() or (q < 0).any() or (q >= self.tables.candidate_counts).any():
                    raise PacketError("expected a candidate of each group, and not the first in all")
                return q
            if adaptation is Adaptation.SYNTHESIZED and self.tables.q_tables is not None:
                return decode_rows(section, self._q_shape(), self.tables.q_tables)
        return None

    def _q_shape(self) -> tuple[int, int]:
        if self.tables.q_tables is None:
            raise InputError(f"q: expected none, {self.manifest.name} does not synthesize tables")
        return self.tables.q_tables.count, self.manifest.side_width

    def _synthesized(self, q: Int32) -> CdfTables:
        assert self._synthesize is not None  # for the type checker: `_q_shape` came first
        logits = self._synthesize(q)
        expected = (self.tables.groups, self.manifest.bins)
        if logits.shape != expected:
            raise ManifestError(f"{self.manifest.name}: expected logits {expected} of h_s,q, got {logits.shape}")
        return synthesized_tables(logits, self._static)

    def _groups(self, z: Int32 | None, shape: tuple[int, ...]) -> Int32 | None:
        """The group of every latent, int32 of y's shape; None where it is the channel."""
        if z is None or self._scale_indices is None:
            return None
        groups = np.ascontiguousarray(self._scale_indices(z), dtype=np.int32)
        if groups.shape != shape or int(groups.min()) < 0 or int(groups.max()) >= self.tables.groups:
            raise ManifestError(
                f"{self.manifest.name}: expected scale indices {shape} from 0 to {self.tables.groups - 1} of h_s, got "
                f"{groups.shape} from {groups.min()} to {groups.max()}"
            )
        return groups

    def _count(self, y: Int32, groups: Int32 | None) -> EntryCounts:
        if groups is None:
            return entry_counts(y, self._static)
        return EntryCounts(self._static.offsets, self._static.sizes).add_indexed(y.ravel(), groups.ravel())
