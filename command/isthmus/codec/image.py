"""What can be said of images: a codec, and its packets."""

from __future__ import annotations

from isthmus.codec.inspector import Inspector, Rows
from isthmus.common.bits.packet import Packet
from isthmus.common.errors import RemoteError
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.side import Side
from isthmus.common.image.signal import IMAGE_LIMITS
from isthmus.common.image.symbols import ImageSymbols
from isthmus.common.manifest.folder import CodecFolder, load_codec_folder
from isthmus.runtime.integer_half import open_coder


def packet_summary(packet: Packet) -> str:
    """An image packet's first section in words, and the sizes of the others; nothing is decoded."""
    sizes = " + ".join(str(len(section)) for section in packet.sections)
    try:
        side = Side.from_bytes(packet.sections[0])
    except RemoteError as error:
        return f"damaged: {error}"
    bits_per_pixel = 8 * packet.size_bytes / (side.height * side.width)
    return (
        f"{side.width} x {side.height} pixels, {side.adaptation} tables, {bits_per_pixel:.3f} bits a pixel, "
        f"sections of {sizes} bytes"
    )


def codec_rows(folder: CodecFolder[ImageManifest]) -> Rows:
    """A codec's latents, what its tables are fitted by, and the pixels that tiles share."""
    manifest = folder.manifest
    side, hyper_side = manifest.stride, manifest.hyper_stride
    rows = [("latents", f"{manifest.latent_channels} channels, one for each {side} x {side}")]
    if manifest.hyper_channels:
        rows.append(("hyperprior", f"{manifest.hyper_channels} channels, one for each {hyper_side} x {hyper_side}"))
    if manifest.bins:
        rows.append(("synthesized distributions", f"of {manifest.bins} bins"))
    rows.append(("halo", f"{manifest.halo_pixels} pixels (edge), {manifest.halo_latents} latents (cloud)"))
    return rows


def packet_rows(folder: CodecFolder[ImageManifest], packet: Packet) -> Rows:
    """The decoded symbols of a packet. Raises as `ImageCoder.decode`."""
    loaded = load_codec_folder(folder.path, needed=(), kind=ImageManifest)
    return symbol_rows(open_coder(loaded).decode(packet.to_bytes(), IMAGE_LIMITS))


def symbol_rows(symbols: ImageSymbols) -> Rows:
    """An image's size, its tables and its latents."""
    y = symbols.y
    rows = [("size", f"{symbols.width} x {symbols.height} pixels"), ("tables", str(symbols.adaptation))]
    if symbols.q is not None:
        rows.append(("q", " ".join(map(str, symbols.q.ravel().tolist()))))
    if symbols.z is not None:
        rows.append(("z", f"{list(symbols.z.shape)}, {symbols.z.min()} to {symbols.z.max()}"))
    zeros = float((y == 0).mean())
    rows.append(("y", f"{list(y.shape)}, {y.min()} to {y.max()}, {zeros:.1%} zeros"))
    return rows


INSPECTOR = Inspector(
    lambda manifest: f"{manifest.latent_channels} / {manifest.stride}²",
    codec_rows,
    packet_rows,
    "image",
    lambda _: packet_summary,
)
