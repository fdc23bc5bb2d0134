"""What can be said of videos: a codec, and its packets, alone or as a stream."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from isthmus.codec.classes import MAX_CLASS_NAMES, classes_said
from isthmus.codec.inspector import Inspector, Rows
from isthmus.common.bits.context import ContextModel
from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.bits.expectation import ExpectationModel
from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.errors import PacketError, RemoteError
from isthmus.common.manifest.folder import CodecFolder, load_codec_folder
from isthmus.common.video.codec_tables import open_tables
from isthmus.common.video.coder import VideoCoder
from isthmus.common.video.decoder import VideoDecoder
from isthmus.common.video.heads import KeyHead, MotionHead
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.motion_field import BlockMode, MotionField
from isthmus.common.video.plane_tables import PlaneTables
from isthmus.common.video.warp import FINE_BITS


def codec_rows(folder: CodecFolder[VideoManifest]) -> Rows:
    """A codec's classes, latents, motion and tables."""
    manifest = folder.manifest
    is_fixed = bool(manifest.frame_height)
    size = f"{manifest.frame_width} x {manifest.frame_height} pixels, others are resized" if is_fixed else "any size"
    grid = f", {manifest.latent_width} x {manifest.latent_height} of them" if is_fixed else ""
    side, units = manifest.block_latents, 1 << manifest.motion_fraction_bits
    tables = open_tables(folder.read(ENTROPY_FILE), manifest)
    parts = tables.planes if isinstance(tables, PlaneTables) else (tables,)
    models: list[tuple[str, ContextModel | ExpectationModel]] = [("motion", tables.motion)]
    for k, part in enumerate(parts):
        where = f" {k}" if len(parts) > 1 else ""
        models += [(f"intra{where}", part.intra), (f"residual{where}", part.residual)]
    classes = classes_said(manifest.class_names, MAX_CLASS_NAMES) if manifest.class_names else "none"
    return [
        ("classes", classes),
        ("frames", size),
        ("latents", _latents_said(manifest, grid)),
        ("symbols of y", _symbols_said(manifest)),
        ("motion", f"a vector for each {side} x {side} latents, in units of 1/{units} latent"),
        *((f"tables: {name}", f"{model.tables.count} tables, {len(model.taps)} taps") for name, model in models),
    ]


def _latents_said(manifest: VideoManifest, grid: str) -> str:
    stride = manifest.stride
    if not manifest.planes:
        return f"{manifest.latent_channels} channels, one for each {stride} x {stride}{grid}"
    return "; ".join(
        f"{p.latent_channels} channels, one for each {stride >> p.halvings} x {stride >> p.halvings}"
        for p in manifest.planes
    )


def _symbols_said(manifest: VideoManifest) -> str:
    bounds = f"{manifest.symbol_min} to {manifest.symbol_max}"
    tile = manifest.tile_latents
    return (
        f"latents {bounds}, coded by their transform over up to {tile} x {tile}, in steps of the frame"
        if tile
        else bounds
    )


def packet_summary(packet: Packet, *, names_step: bool = False) -> str:
    """A video packet's side in words, and the bits of its sections; nothing is decoded."""
    try:
        said = _side(packet, names_step=names_step)
    except PacketError as error:
        return f"damaged: {error}"
    names = ("side", "y") if packet.type is PacketType.INTRA else ("motion", "residual")
    bits = ", ".join(
        f"{names[k] if k < len(names) else 'section'} {8 * len(section)}" for k, section in enumerate(packet.sections)
    )
    return f"{said}; bits: {bits}, checksum {8 * len(packet.checksum)}, packet {8 * packet.size_bytes}"


def stream_summaries(folder: CodecFolder[VideoManifest]) -> Callable[[Packet], str]:
    """What says of each packet of a stream, in order, what it is and what its blocks are; they are decoded for that."""
    coder = _coder(folder)
    decoder = VideoDecoder(coder)

    def summary(packet: Packet) -> str:
        said = packet_summary(packet, names_step=coder.names_step)
        try:
            field = decoder.decode(packet.to_bytes()).field
        except RemoteError as error:
            return f"{said}; cannot be decoded: {error}"
        return said if field is None else f"{said}; {_blocks(field, folder.manifest)}"

    return summary


def packet_rows(folder: CodecFolder[VideoManifest], packet: Packet) -> Rows:
    """A packet alone: what its side says, and its latents where it refers to no other.

    Raises:
        RemoteError: an intra packet that this codec's encoder does not write.
    """
    frame = ("frame", packet_summary(packet, names_step=bool(folder.manifest.tile_latents)))
    if packet.type is PacketType.PREDICTED:
        return [frame, ("latents", "predicted: only a decoder that holds the reference can tell")]
    state = _coder(folder).decode(packet, ()).state.values
    y = state >> FINE_BITS
    zeros = float((y == 0).mean())
    return [frame, ("y", f"{list(y.shape)}, {y.min()} to {y.max()}, {zeros:.1%} zeros")]


def _coder(folder: CodecFolder[VideoManifest]) -> VideoCoder:
    loaded = load_codec_folder(folder.path, needed=(), kind=VideoManifest)
    return VideoCoder(loaded.manifest, open_tables(loaded.read(ENTROPY_FILE), loaded.manifest))


def _side(packet: Packet, *, names_step: bool) -> str:
    """PacketError if the first section does not begin as a frame's does."""
    if packet.type is PacketType.INTRA:
        key = KeyHead.from_bytes(packet.sections[0], names_step=names_step)
        return f"frame {key.serial}, {key.width} x {key.height} latents{_step_said(key.step)}"
    head, _ = MotionHead.from_bytes(packet.sections[0], names_step=names_step)
    smooth = ", smooth motion" if head.is_smooth else ""
    return f"frame {head.serial} from {head.reference_serial}{smooth}{_step_said(head.step)}"


def _step_said(step: int | None) -> str:
    return "" if step is None else f", step {step}"


def _blocks(field: MotionField, manifest: VideoManifest) -> str:
    counts = [int((field.modes == mode).sum()) for mode in BlockMode]
    lengths = np.hypot(field.vectors[..., 0], field.vectors[..., 1]) / (1 << manifest.motion_fraction_bits)
    return (
        f"blocks: {counts[0]} predicted, {counts[1]} with residual, {counts[2]} intra; "
        f"motion of {float(lengths.mean()):.2f} latents"
    )


INSPECTOR = Inspector(
    lambda manifest: f"{manifest.latent_channels} / {manifest.stride}²",
    codec_rows,
    packet_rows,
    "frame",
    stream_summaries,
)
