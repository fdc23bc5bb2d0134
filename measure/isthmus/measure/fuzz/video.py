"""The decoder of a video codec as a target of fuzzing: key frames and predicted ones, with references at hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.bits.packet import Packet
from isthmus.common.bits.symbols import CHECKSUM_SIZES_BYTES
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.video.codec_tables import open_tables
from isthmus.common.video.coder import VideoCoder
from isthmus.common.video.frames import CodedFrame, DecodedFrame
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.motion_field import BlockMode, MotionField, spread
from isthmus.common.video.plane_tables import PlaneTables
from isthmus.common.video.planes import planes_laid
from isthmus.common.video.state import LatentState
from isthmus.common.video.stepped_tables import SteppedTables
from isthmus.measure.fuzz.trial import FUZZ_LIMITS, FuzzTarget

VIDEO = "video"
"""Key frames, and frames predicted from them."""
SEVERAL = "video_planes"
"""The same of a cut at several tensors."""
# Grids of latents; a codec whose frames have one size has one grid.
GRIDS = ((1, 1), (4, 4), (5, 9))
FOLLOWERS = 3  # predicted frames after each key frame
# Channels, halvings of the stride, and rows and columns of each tensor with frames of one size: the finer ones lack
# rows and columns of what their halvings would make of the coarsest, so some places must stay 0.
TENSORS = ((3, 0, 3, 5), (2, 1, 5, 9), (1, 2, 11, 18))


def codec_target(folder: Path) -> FuzzTarget:
    """The decoder of a codec, and packets of random latents: no network has a part in it."""
    codec = load_codec_folder(folder, needed=(ENTROPY_FILE,), kind=VideoManifest)
    return video_target(VideoCoder(codec.manifest, open_tables(codec.file(ENTROPY_FILE), codec.manifest)))


def several_targets(folder: Path) -> tuple[FuzzTarget, ...]:
    """Decoders of cuts at three tensors, for frames of any size and of one, with the tables of a codec with tiles.

    None of other codecs. No codec that ships is cut at several tensors; the tables need not be of a network's, as no
    network has a part in it.
    """
    codec = load_codec_folder(folder, needed=(ENTROPY_FILE,), kind=VideoManifest)
    tables = open_tables(codec.file(ENTROPY_FILE), codec.manifest)
    if not isinstance(tables, SteppedTables):
        return ()
    return tuple(video_target(several_coder(codec.manifest, tables, is_fixed=fixed)) for fixed in (False, True))


def several_coder(manifest: VideoManifest, tables: SteppedTables, *, is_fixed: bool) -> VideoCoder:
    """The coder of such a cut; each tensor has the tables of the first channels there are."""
    stride = 8 << max(halvings for _, halvings, *_ in TENSORS)
    rows, columns = TENSORS[0][2:] if is_fixed else (0, 0)
    cut = replace(
        manifest,
        name=f"{manifest.name}-several-{'one-size' if is_fixed else 'any-size'}",
        plane_shapes=TENSORS if is_fixed else tuple((*shape[:2], 0, 0) for shape in TENSORS),
        latent_channels=sum(channels << 2 * halvings for channels, halvings, *_ in TENSORS),
        stride=stride,
        frame_height=rows * stride,
        frame_width=columns * stride,
        latent_height=rows,
        latent_width=columns,
        block_latents=2,
        motion_fraction_bits=3,
    )
    used = tuple(
        replace(
            tables,
            intra_scales=tables.intra_scales[:channels],
            residual_scales=tables.residual_scales[:, :channels],
        )
        for channels, *_ in TENSORS
    )
    return VideoCoder(cut, PlaneTables(used))


def video_target(coder: VideoCoder) -> FuzzTarget:
    """The decoder under `FUZZ_LIMITS`; it holds the references of its largest grid's predicted packets."""
    fixed = (coder.manifest.latent_height, coder.manifest.latent_width)
    packets: list[bytes] = []
    references: list[LatentState] = []
    for grid in [fixed] if any(fixed) else GRIDS:
        references = []
        for seed, size_bytes in enumerate(CHECKSUM_SIZES_BYTES):
            key = _key(coder, grid, seed, size_bytes)
            references.append(key.state)
            packets.append(key.packet.to_bytes())
    for seed in range(FOLLOWERS * len(references)):
        reference = references[seed % len(references)]
        size_bytes = CHECKSUM_SIZES_BYTES[seed // FOLLOWERS]
        packets.append(_follower(coder, reference, seed, size_bytes).packet.to_bytes())

    def decode(data: bytes) -> DecodedFrame:
        return coder.decode(Packet.from_bytes(data, FUZZ_LIMITS), references, FUZZ_LIMITS)

    def encode(frame: DecodedFrame, packet: Packet) -> bytes:
        size_bytes, serial = len(packet.checksum), frame.state.serial
        if frame.field is None:
            assert frame.symbols is not None
            key = coder.encode_intra(frame.symbols, serial, frame.step, checksum_size_bytes=size_bytes)
            return key.packet.to_bytes()
        (reference,) = (state for state in references if state.serial == frame.reference_serial)
        residual = frame.residual if frame.residual is not None else ()
        coded = coder.encode_predicted(
            reference, frame.field, residual, serial, frame.step, checksum_size_bytes=size_bytes
        )
        return coded.packet.to_bytes()

    kind = SEVERAL if coder.manifest.planes else VIDEO
    return FuzzTarget(coder.manifest.name, kind, tuple(packets), decode, encode)


def _there(coder: VideoCoder, height: int, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Which latents of `[M, height, width]` there are: all, but for places beyond a tensor's own grid."""
    planes = coder.manifest.planes
    if not planes:
        return np.ones((coder.manifest.latent_channels, height, width), np.bool_)
    return planes_laid(planes, [np.ones((p.latent_channels, *p.sides(height, width)), np.bool_) for p in planes])


def _key(coder: VideoCoder, grid: tuple[int, int], seed: int, size_bytes: int) -> CodedFrame:
    manifest, random = coder.manifest, np.random.default_rng((seed, *grid))
    noise = np.rint(random.laplace(size=(manifest.latent_channels, *grid)) * 2)
    y = noise.clip(manifest.symbol_min, manifest.symbol_max).astype(np.int32) * _there(coder, *grid)
    step = 7 * seed if coder.names_step else 0
    return coder.encode_intra(y, seed, step, checksum_size_bytes=size_bytes)


def _follower(coder: VideoCoder, reference: LatentState, seed: int, size_bytes: int) -> CodedFrame:
    """Every third without a residual."""
    random, shape = np.random.default_rng((seed, 1)), reference.values.shape
    _, height, width = shape
    grid = coder.block_grid(height, width)
    modes = random.choice(len(BlockMode), grid, p=[0.6, 0.3, 0.1]) if seed % 3 else np.zeros(grid, int)
    vectors = np.rint(random.laplace(size=(*grid, 2)) * 4).astype(np.int32)
    field = MotionField(modes.astype(np.int32), vectors, bool(random.integers(2)))
    is_coded = spread(modes != BlockMode.PREDICTED, height, width, coder.manifest.block_latents)
    there = _there(coder, height, width) & is_coded
    residual = (np.rint(random.laplace(size=shape)).astype(np.int32) * there).astype(np.int32)
    step = seed if coder.names_step and modes.any() else 0
    return coder.encode_predicted(reference, field, residual, 100 + seed, step, checksum_size_bytes=size_bytes)
