"""From a frame's latents to a packet and back: key frames, and frames predicted by moving latents.

```
key        y ─────────────────────────────────► side | y                  state' = 16 y
predicted  state, field, residual ────────────► motion | [residual]       state' = clip(warp + 16 residual)
```

A *state* is what both sides hold of a frame (`state`). The edge makes the very state that the cloud
will have, so that no error grows unseen; the packet's checksum is over it. All is integers (`warp`).
Implements BITSTREAM.md §6.3 and §9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.bits.symbols import checksum_bytes, crc32
from isthmus.common.bits.varint import decode_varint, encode_varint
from isthmus.common.errors import InputError, LimitExceededError, ManifestError, PacketError
from isthmus.common.image.sections import checked, named
from isthmus.common.limits import Limits
from isthmus.common.signals import MAX_SIDE
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.motion_field import BlockMode, MotionField, block_grid, phases, spread
from isthmus.common.video.signal import VIDEO_LIMITS
from isthmus.common.video.state import LatentState, References, check_serial, find_reference
from isthmus.common.video.tables import MOTION_CHANNELS, VideoTables
from isthmus.common.video.warp import FINE_BITS, warp

Int32 = NDArray[np.int32]

"""Of a decoder of videos."""
MAX_BLOCKS = 1 << 16
"""Most motion blocks of a frame."""
MAX_PLACES = 1 << 20
"""Most latents of a frame in one channel, h * w."""
SMOOTH_FLAG = 0x01
MOTION_HEAD_SIZE_BYTES = 3
GIVEN_MODES = np.array([0, 15, 8], np.int32)
"""What the contexts of a residual are given for each `BlockMode`."""


@dataclass(frozen=True, slots=True, eq=False)
class CodedFrame:
    """One packet, and the state that it leads to on both sides.

    Attributes:
        estimated_bits: ideal bits of all symbols; headers and framing are not among them.
        motion_bits, residual_bits: of the sections of a predicted frame; both 0 for a key frame.
    """

    packet: Packet
    state: LatentState
    is_key: bool
    estimated_bits: float
    motion_bits: int
    residual_bits: int

    @property
    def packet_bits(self) -> int:
        """Bits of the whole packet."""
        return 8 * self.packet.size_bytes


@dataclass(frozen=True, slots=True, eq=False)
class DecodedFrame:
    """What a packet says.

    Attributes:
        state: of the frame.
        is_key: whether it refers to nothing but itself.
        field: its motion, None for a key frame.
        residual: int32 `[M, h, w]`, None where none was sent.
        reference_serial: of the state it was predicted from, None for a key frame.
        symbol_count: of all that was coded.
    """

    state: LatentState
    is_key: bool
    field: MotionField | None
    residual: Int32 | None
    reference_serial: int | None
    symbol_count: int


class VideoCoder:
    """Codes the frames of one codec. Holds nothing between frames, so threads may share it.

    Raises:
        ManifestError: the tables are not those that the manifest speaks of.
    """

    def __init__(self, manifest: VideoManifest, tables: VideoTables) -> None:
        if tables.channels != manifest.latent_channels:
            raise ManifestError(
                f"{manifest.name}: expected tables of {manifest.latent_channels} channels, got {tables.channels}"
            )
        self.manifest, self.tables = manifest, tables
        self._low, self._high = manifest.symbol_min << FINE_BITS, manifest.symbol_max << FINE_BITS
        self._most_residual = manifest.symbol_max - manifest.symbol_min

    def block_grid(self, height: int, width: int) -> tuple[int, int]:
        """Motion blocks down and right of a grid of latents."""
        return block_grid(height, width, self.manifest.block_latents)

    def encode_intra(self, y: Int32, serial: int, *, checksum_size_bytes: int | None = None) -> CodedFrame:
        """A key frame.

        Args:
            y: int32 `[M, h, w]` within the manifest's symbols.
            serial: 0 to 255.
            checksum_size_bytes: 0, 2 or 4; None for the codec's own.

        Raises:
            InputError: an argument is not that.
        """
        height, width = self._check_grid(y.shape)
        y = checked(y, (self.manifest.latent_channels, height, width), "y")
        if not self._is_within(y, self.manifest.symbol_min, self.manifest.symbol_max):
            raise InputError(
                f"y: expected {self.manifest.symbol_min} to {self.manifest.symbol_max}, got {y.min()} to {y.max()}"
            )
        check_serial(serial)
        section, bits = self.tables.intra.encode_measured(y)
        side = bytes((serial,)) + encode_varint(height) + encode_varint(width)
        packet = Packet(PacketType.INTRA, (side, section), self._checksum(y, checksum_size_bytes))
        return CodedFrame(
            packet, _key_state(y, serial), is_key=True, estimated_bits=bits, motion_bits=0, residual_bits=0
        )

    def predict(self, reference: LatentState, field: MotionField) -> Int32:
        """The fine prediction of a frame, int32 `[M, h, w]`: 0 in blocks that are intra.

        Raises:
            InputError: the field's blocks are not those of the reference's latents.
        """
        _, height, width = self._check_reference(reference)
        grid, block = self.block_grid(height, width), self.manifest.block_latents
        if field.modes.shape != grid:
            raise InputError(f"motion field: expected blocks {grid}, got {field.modes.shape}")
        at = phases(field, height, width, block, self.manifest.motion_fraction_bits)
        predicted = warp(reference.values, at, self._low, self._high)
        is_intra = field.modes == BlockMode.INTRA
        if is_intra.any():
            predicted[:, spread(is_intra, height, width, block)] = 0
        return predicted

    def encode_predicted(
        self,
        reference: LatentState,
        field: MotionField,
        residual: Int32 | tuple[()],
        serial: int,
        *,
        checksum_size_bytes: int | None = None,
    ) -> CodedFrame:
        """A frame predicted from the state of another.

        Args:
            reference: one that the decoder holds.
            field: modes and vectors.
            residual: int32 `[M, h, w]` in steps, 0 in blocks that are only predicted; empty for 0 everywhere.
            serial: 0 to 255.
            checksum_size_bytes: 0, 2 or 4; None for the codec's own.

        Raises:
            InputError: an argument is not that.
        """
        check_serial(serial)
        predicted = self.predict(reference, field)
        r = (
            np.zeros_like(predicted)
            if len(residual) == 0
            else checked(np.asarray(residual), predicted.shape, "residual")
        )
        if not self._is_within(r, -self._most_residual, self._most_residual):
            raise InputError(f"residual: expected values within {self._most_residual}, got {r.min()} to {r.max()}")
        head = bytes((serial, reference.serial, SMOOTH_FLAG if field.is_smooth else 0))
        message, bits = self.tables.motion.encode_measured(field.message())
        sections = [head + message]
        if field.modes.any():
            known = residual_context(predicted, field, self.manifest.block_latents)
            section, residual_bits = self.tables.residual.encode_measured(r, *known)
            sections.append(section)
            bits += residual_bits
        elif r.any():
            raise InputError("residual: expected 0 everywhere, all blocks are only predicted")
        state = self._next(predicted, r, serial)
        packet = Packet(PacketType.PREDICTED, tuple(sections), self._checksum(state.values, checksum_size_bytes))
        return CodedFrame(
            packet,
            state,
            is_key=False,
            estimated_bits=bits,
            motion_bits=8 * len(sections[0]),
            residual_bits=8 * sum(map(len, sections[1:])),
        )

    def decode(self, packet: Packet, references: Sequence[LatentState], limits: Limits = VIDEO_LIMITS) -> DecodedFrame:
        """What a packet says; nothing is allocated for it before its size is known to be within limits.

        Args:
            packet: of this codec.
            references: states that it may refer to, no two with one serial.
            limits: what is refused.

        Raises:
            PacketError: no encoder of this codec writes such a packet.
            ReferenceMissingError: it was predicted from a state that is not among the references.
            LimitExceededError: it would decode to more than the limits allow.
            SymbolMismatchError: its checksum is not that of the state it leads to.
        """
        is_key = packet.type is PacketType.INTRA
        if packet.signal_count != 1 or len(packet.sections) not in ((2,) if is_key else (1, 2)):
            raise PacketError(
                f"descriptor at byte 0: expected an intra packet of 2 sections or a predicted one of 1 or 2, of one "
                f"signal, as {self.manifest.name} writes, got {packet.type.name.lower()} with {packet.signal_count} "
                f"signals in {len(packet.sections)} sections"
            )
        if is_key:
            return self._decode_intra(packet, limits)
        return self._decode_predicted(packet, references, limits)

    def _decode_intra(self, packet: Packet, limits: Limits) -> DecodedFrame:
        manifest = self.manifest
        serial, height, width = _read_side(packet.sections[0])
        fixed = (manifest.latent_height, manifest.latent_width)
        if any(fixed) and (height, width) != fixed:
            raise PacketError(f"section 0: expected latents {fixed[0]} x {fixed[1]}, got {height} x {width}")
        count = manifest.latent_channels * height * width
        limits.check_symbol_count(count)
        if excess := self._excess(height, width):
            raise LimitExceededError(f"section 0: {excess}")
        with named("section 1, y"):
            y = self.tables.intra.decode(packet.sections[1], height, width)
            if not self._is_within(y, manifest.symbol_min, manifest.symbol_max):
                raise PacketError(
                    f"expected symbols from {manifest.symbol_min} to {manifest.symbol_max}, got {y.min()} to {y.max()}"
                )
        if packet.checksum:
            packet.verify_crc32(crc32(y))
        return DecodedFrame(
            _key_state(y, serial), is_key=True, field=None, residual=None, reference_serial=None, symbol_count=count
        )

    def _decode_predicted(self, packet: Packet, references: Sequence[LatentState], limits: Limits) -> DecodedFrame:
        head = packet.sections[0][:MOTION_HEAD_SIZE_BYTES]
        if len(head) < MOTION_HEAD_SIZE_BYTES:
            raise PacketError(f"section 0: expected serial, reference and flags in 3 bytes, got {len(head)}")
        serial, reference_serial, flags = head
        if flags & ~SMOOTH_FLAG:
            raise PacketError(f"section 0: expected the reserved flags at byte 2 to be zero, got {flags:#04x}")
        reference = find_reference(references, reference_serial)
        shape = self._check_reference(reference)
        grid = self.block_grid(*shape[1:])
        count = MOTION_CHANNELS * grid[0] * grid[1]
        limits.check_symbol_count(count + int(np.prod(shape, dtype=np.int64)))
        with named("section 0, motion"):
            message = self.tables.motion.decode(packet.sections[0][MOTION_HEAD_SIZE_BYTES:], *grid)
            try:
                field = MotionField.from_message(message, is_smooth=bool(flags))
            except InputError as error:
                raise PacketError(str(error)) from error
        has_residual = bool(field.modes.any())
        if len(packet.sections) != 1 + has_residual:
            blocks = "blocks with a residual" if has_residual else "all blocks only predicted"
            raise PacketError(
                f"descriptor at byte 0: expected {1 + has_residual} sections with {blocks}, got {len(packet.sections)}"
            )
        predicted = self.predict(reference, field)
        residual = None
        if has_residual:
            with named("section 1, residual"):
                given, mask = residual_context(predicted, field, self.manifest.block_latents)
                residual = self.tables.residual.decode(packet.sections[1], *shape[1:], given, mask)
                if not self._is_within(residual, -self._most_residual, self._most_residual):
                    raise PacketError(
                        f"expected values within {self._most_residual}, got {residual.min()} to {residual.max()}"
                    )
                count += shape[0] * int(mask.sum())
        state = self._next(predicted, residual, serial)
        if packet.checksum:
            packet.verify_crc32(state.crc32())
        return DecodedFrame(
            state, is_key=False, field=field, residual=residual, reference_serial=reference_serial, symbol_count=count
        )

    def _next(self, predicted: Int32, residual: Int32 | None, serial: int) -> LatentState:
        """The state of a predicted frame; takes the prediction's memory."""
        if residual is not None:
            predicted += residual << FINE_BITS
            np.clip(predicted, self._low, self._high, out=predicted)
        predicted.flags.writeable = False
        return LatentState(predicted, serial)

    def _checksum(self, values: Int32, size_bytes: int | None) -> bytes:
        size = self.manifest.checksum_size_bytes if size_bytes is None else size_bytes
        return checksum_bytes(crc32(values), size)

    def _check_grid(self, shape: tuple[int, ...]) -> tuple[int, int]:
        manifest = self.manifest
        fixed = (manifest.latent_height, manifest.latent_width)
        if (
            len(shape) != 3
            or not all(1 <= side <= MAX_SIDE for side in shape[1:])
            or (any(fixed) and shape[1:] != fixed)
        ):
            grid = f"{fixed[0]}, {fixed[1]}" if any(fixed) else "h, w"
            raise InputError(f"y: expected int32 [{manifest.latent_channels}, {grid}], got {list(shape)}")
        if excess := self._excess(*shape[1:]):
            raise InputError(f"y: {excess}")
        return shape[1], shape[2]

    def _excess(self, height: int, width: int) -> str:
        """How a grid is too large; empty if it is not."""
        down, right = self.block_grid(height, width)
        if height * width > MAX_PLACES:
            return f"expected at most {MAX_PLACES} latents in a channel, got {height} x {width}"
        return f"expected at most {MAX_BLOCKS} motion blocks, got {down} x {right}" * (down * right > MAX_BLOCKS)

    def _check_reference(self, reference: LatentState) -> tuple[int, int, int]:
        channels, height, width = reference.values.shape
        if channels != self.manifest.latent_channels:
            raise InputError(f"reference: expected {self.manifest.latent_channels} channels, got {channels}")
        return channels, height, width

    @staticmethod
    def _is_within(values: Int32, low: int, high: int) -> bool:
        return bool(int(values.min()) >= low and int(values.max()) <= high)


def residual_context(predicted: Int32, field: MotionField, block: int) -> tuple[Int32, NDArray[np.bool_]]:
    """What is known of a residual before it is coded, for its contexts.

    Args:
        predicted: the fine prediction, int32 `[M, h, w]`.
        field: modes and vectors.
        block: B.

    Returns:
        The given channels, int32 `[1 + M, h, w]`: the blocks' modes as `GIVEN_MODES` says, and the prediction in whole
        steps; and which latents have a residual, bool `[h, w]`.
    """
    modes = spread(field.modes, predicted.shape[1], predicted.shape[2], block)
    whole = (predicted + (1 << (FINE_BITS - 1))) >> FINE_BITS
    return np.concatenate([GIVEN_MODES[modes][None], whole]), modes != BlockMode.PREDICTED


class VideoDecoder:
    """Decodes the packets of one stream, in order. A frame that fails leaves the references as they were.

    Args:
        coder: of the codec.
        limits: what is refused before anything is allocated for it.
    """

    def __init__(self, coder: VideoCoder, limits: Limits = VIDEO_LIMITS) -> None:
        self._coder, self._limits = coder, limits
        self.references = References()

    def decode(self, data: bytes) -> DecodedFrame:
        """The next frame.

        Raises:
            PacketError, ReferenceMissingError, LimitExceededError, SymbolMismatchError: as `VideoCoder.decode` says.
        """
        packet = Packet.from_bytes(data, self._limits)
        frame = self._coder.decode(packet, self.references.states, self._limits)
        self.references.add(frame.state, is_key=frame.is_key)
        return frame


def _read_side(section: bytes) -> tuple[int, int, int]:
    """(serial, height, width) of a key frame's first section."""
    if not section:
        raise PacketError("section 0: expected a serial at byte 0, got no bytes")
    height, at = decode_varint(section, 1, "latents' height in section 0")
    width, at = decode_varint(section, at, "latents' width in section 0")
    if at != len(section):
        raise PacketError(f"section 0: expected nothing after the width, got {len(section) - at} bytes")
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        raise PacketError(f"section 0: expected latents with sides of 1 to {MAX_SIDE}, got {height} x {width}")
    return section[0], height, width


def _key_state(y: Int32, serial: int) -> LatentState:
    values = y << FINE_BITS
    values.flags.writeable = False
    return LatentState(values, serial)
