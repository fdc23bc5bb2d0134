"""From a frame's latents to a packet and back: key frames, and frames predicted by moving latents.

```
key        y ─────────────────────────────────► side | y                  state' = 16 y
predicted  state, field, residual ────────────► motion | [residual]       state' = clip(warp + 16 residual)
```

That is of codecs without tiles (`levels`). With tiles (`stepped`) 16 is the step that a frame says, and y transformed;
with several tensors at the cut (`plane_coding`) each of them is, and moved by itself.

A *state* is what both sides hold of a frame (`state`): the edge makes the very one that the cloud will have, so that no
error grows unseen. All is integers (`warp`).
Implements BITSTREAM.md §6.3 and §9.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.bits.symbols import checksum_bytes, crc32
from isthmus.common.errors import InputError, LimitExceededError, PacketError
from isthmus.common.image.sections import checked, named
from isthmus.common.limits import Limits
from isthmus.common.signals import MAX_SIDE
from isthmus.common.video.codec_tables import Tables
from isthmus.common.video.coding import open_coding
from isthmus.common.video.frames import CodedFrame, DecodedFrame, Moved
from isthmus.common.video.grid import excess
from isthmus.common.video.heads import KeyHead, MotionHead
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.motion_field import BlockMode, MotionField, block_grid, spread
from isthmus.common.video.prediction import latents_of, moved_state, without_intra
from isthmus.common.video.signal import VIDEO_LIMITS
from isthmus.common.video.state import LatentState, check_serial, find_reference
from isthmus.common.video.tables import MOTION_CHANNELS
from isthmus.common.video.warp import FINE_BITS

Int32 = NDArray[np.int32]


class VideoCoder:
    """Codes the frames of one codec. Holds nothing between frames, so threads may share it.

    Raises:
        ManifestError: the tables are not those that the manifest speaks of.
    """

    def __init__(self, manifest: VideoManifest, tables: Tables) -> None:
        self.manifest, self.tables = manifest, tables
        self._low, self._high = manifest.symbol_min << FINE_BITS, manifest.symbol_max << FINE_BITS
        self._coding = open_coding(manifest, tables)

    @property
    def names_step(self) -> bool:
        """Whether its packets say which step they are in."""
        return self._coding.names_step

    def fine_step(self, step: int) -> int:
        """A step in 1/16 of a unit. InputError for one that the codec does not have."""
        return self._coding.fine_step(step)

    def block_grid(self, height: int, width: int) -> tuple[int, int]:
        """Motion blocks down and right of a grid of latents."""
        return block_grid(height, width, self.manifest.block_latents)

    def encode_latents(self, fine: Int32, serial: int, step: int = 0) -> CodedFrame:
        """A key frame of latents in 1/16 of a unit, int32 `[M, h, w]`, rounded to a step. Raises as `encode_intra`."""
        self._check_grid(fine.shape)
        return self.encode_intra(self._coding.symbols(fine, step), serial, step)

    def encode_intra(
        self, y: Int32, serial: int, step: int = 0, *, checksum_size_bytes: int | None = None
    ) -> CodedFrame:
        """A key frame of symbols.

        Args:
            y: int32 `[M, h, w]`: latents within the manifest's symbols; in a codec with tiles their transform in steps.
            serial: 0 to 255.
            step: of a codec with tiles, 0 to 95.
            checksum_size_bytes: 0, 2 or 4; None for the codec's own.

        Raises:
            InputError: an argument is not that.
        """
        height, width = self._check_grid(y.shape)
        check_serial(serial)
        y = checked(y, (self.manifest.latent_channels, height, width), "y")
        self._coding.fine_step(step)
        section, bits = self._coding.encode_key(y, step)
        head = KeyHead(serial, height, width, step if self.names_step else None).to_bytes()
        values = self._coding.latents(y, step)
        checksum = self._checksum(self._coding.checked_by(y, values), checksum_size_bytes)
        packet = Packet(PacketType.INTRA, (head, section), checksum)
        values.flags.writeable = False
        return CodedFrame(
            packet, LatentState(values, serial), field=None, estimated_bits=bits, motion_bits=0, residual_bits=0
        )

    def moved(self, reference: LatentState, field: MotionField) -> Moved:
        """What motion makes of a state, whatever the field's modes. Raises as `moved_state`."""
        return moved_state(self.manifest, reference, field)

    def predict(self, reference: LatentState, field: MotionField) -> Int32:
        """The fine prediction of a frame, int32 `[M, h, w]`: 0 in blocks that are intra. Raises as `moved`."""
        return self._known(self.moved(reference, field), field)

    def _known(self, made: Moved, field: MotionField) -> Int32:
        return without_intra(self.manifest, made.values.copy(), field.modes)

    def encode_predicted(
        self,
        reference: LatentState,
        field: MotionField,
        residual: Int32 | tuple[()],
        serial: int,
        step: int = 0,
        *,
        checksum_size_bytes: int | None = None,
    ) -> CodedFrame:
        """A frame predicted from the state of another.

        Args:
            reference: one that the decoder holds.
            field: modes and vectors.
            residual: int32 `[M, h, w]` in steps, 0 in blocks that are only predicted; empty for 0 everywhere.
            serial: 0 to 255.
            step: of the residual, in a codec with tiles: 0 to 95.
            checksum_size_bytes: 0, 2 or 4; None for the codec's own.

        Raises:
            InputError: an argument is not that.
        """
        return self.encode_moved(
            self.moved(reference, field), field.modes, residual, serial, step, checksum_size_bytes=checksum_size_bytes
        )

    def encode_moved(
        self,
        made: Moved,
        modes: Int32,
        residual: Int32 | tuple[()],
        serial: int,
        step: int = 0,
        *,
        checksum_size_bytes: int | None = None,
    ) -> CodedFrame:
        """A frame predicted by motion that was made before, so that trying modes and steps moves nothing again.

        Args:
            made: by `moved`.
            modes: int32 `[bh, bw]` of its blocks.
            residual, serial, step, checksum_size_bytes: as of `encode_predicted`.

        Raises:
            InputError: an argument is not that.
        """
        check_serial(serial)
        field = made.field.with_modes(modes)
        known = self._known(made, field)
        r = np.zeros_like(known) if len(residual) == 0 else checked(np.asarray(residual), known.shape, "residual")
        fine_step, has_residual = self._coding.fine_step(step), bool(field.modes.any())
        named_step = step if self.names_step and has_residual else None
        head = MotionHead(serial, made.reference_serial, field.is_smooth, named_step).to_bytes()
        message, bits = self.tables.motion.encode_measured(field.message())
        sections = [head + message]
        if has_residual:
            section, residual_bits = self._coding.encode_residual(r, known, field, step)
            sections.append(section)
            bits += residual_bits
        elif r.any():
            raise InputError("residual: expected 0 everywhere, all blocks are only predicted")
        state = self._next(known, r, serial, fine_step)
        packet = Packet(PacketType.PREDICTED, tuple(sections), self._checksum(state.values, checksum_size_bytes))
        return CodedFrame(
            packet,
            state,
            field,
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
        head = KeyHead.from_bytes(packet.sections[0], names_step=self.names_step)
        height, width, step = head.height, head.width, head.step or 0
        fixed = (manifest.latent_height, manifest.latent_width)
        if any(fixed) and (height, width) != fixed:
            raise PacketError(f"section 0: expected latents {fixed[0]} x {fixed[1]}, got {height} x {width}")
        count = manifest.latent_channels * height * width
        limits.check_symbol_count(count)
        if too_large := excess(height, width, self.manifest.block_latents):
            raise LimitExceededError(f"section 0: {too_large}")
        with named("section 1, y"):
            y = self._coding.decode_key(packet.sections[1], height, width, step)
        values = self._coding.latents(y, step)
        if packet.checksum:
            packet.verify_crc32(crc32(self._coding.checked_by(y, values)))
        values.flags.writeable = False
        return DecodedFrame(
            LatentState(values, head.serial),
            is_key=True,
            field=None,
            symbols=y,
            step=step,
            reference_serial=None,
            symbol_count=count,
        )

    def _decode_predicted(self, packet: Packet, references: Sequence[LatentState], limits: Limits) -> DecodedFrame:
        head, motion = MotionHead.from_bytes(packet.sections[0], names_step=self.names_step)
        reference = find_reference(references, head.reference_serial)
        shape = latents_of(self.manifest, reference)
        grid = self.block_grid(*shape[1:])
        count = MOTION_CHANNELS * grid[0] * grid[1]
        limits.check_symbol_count(count + int(np.prod(shape, dtype=np.int64)))
        with named("section 0, motion"):
            message = self.tables.motion.decode(motion, *grid)
            try:
                field = MotionField.from_message(message, is_smooth=head.is_smooth)
            except InputError as error:
                raise PacketError(str(error)) from error
        has_residual = bool(field.modes.any())
        if len(packet.sections) != 1 + has_residual:
            blocks = "blocks with a residual" if has_residual else "all blocks only predicted"
            raise PacketError(
                f"descriptor at byte 0: expected {1 + has_residual} sections with {blocks}, got {len(packet.sections)}"
            )
        if self.names_step and (head.step is not None) != has_residual:
            raise PacketError("section 0: expected a step if and only if a block has a residual")
        known = self.predict(reference, field)
        residual, step = None, head.step or 0
        if has_residual:
            with named("section 1, residual"):
                residual = self._coding.decode_residual(packet.sections[1], known, field, step)
                coded = spread(field.modes != BlockMode.PREDICTED, *shape[1:], self.manifest.block_latents)
                count += shape[0] * int(coded.sum())
        state = self._next(known, residual, head.serial, self._coding.fine_step(step))
        if packet.checksum:
            packet.verify_crc32(state.crc32())
        return DecodedFrame(
            state,
            is_key=False,
            field=field,
            symbols=residual,
            step=step,
            reference_serial=head.reference_serial,
            symbol_count=count,
        )

    def _next(self, known: Int32, residual: Int32 | None, serial: int, fine_step: int) -> LatentState:
        """The state of a predicted frame; takes the prediction's memory."""
        if residual is not None:
            known += residual * np.int32(fine_step)
            np.clip(known, self._low, self._high, out=known)
        known.flags.writeable = False
        return LatentState(known, serial)

    def _checksum(self, values: Int32, size_bytes: int | None) -> bytes:
        return checksum_bytes(crc32(values), self.manifest.checksum_size_bytes if size_bytes is None else size_bytes)

    def _check_grid(self, shape: tuple[int, ...]) -> tuple[int, int]:
        manifest = self.manifest
        fixed = (manifest.latent_height, manifest.latent_width)
        is_grid = len(shape) == 3 and all(1 <= side <= MAX_SIDE for side in shape[1:])
        if not is_grid or (any(fixed) and shape[1:] != fixed):
            grid = ", ".join(map(str, fixed)) if any(fixed) else "h, w"
            raise InputError(f"y: expected int32 [{manifest.latent_channels}, {grid}], got {list(shape)}")
        if too_large := excess(shape[1], shape[2], self.manifest.block_latents):
            raise InputError(f"y: {too_large}")
        return shape[1], shape[2]
