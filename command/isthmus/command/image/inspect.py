"""What `isthmus inspect` says of images: a codec, its packets, and a file as a codec sees it."""

from __future__ import annotations

from pathlib import Path

from isthmus.common.bits.packet import Packet
from isthmus.common.bits.varint import decode_varint
from isthmus.common.errors import PacketError
from isthmus.common.image.coder import KINDS, Adaptation, ImageSymbols
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.signal import IMAGE_LIMITS
from isthmus.common.manifest.folder import CodecFolder, load_codec_folder
from isthmus.runtime.integer_half import coder_files, open_coder


def packet_summary(packet: Packet) -> str:
    """An image packet's first section in words, and the sizes of the others; nothing is decoded."""
    sizes = " + ".join(str(len(section)) for section in packet.sections)
    try:
        height, at = decode_varint(packet.sections[0], 0, "height")
        width, at = decode_varint(packet.sections[0], at, "width")
    except PacketError as error:
        return f"damaged: {error}"
    rest = packet.sections[0][at:]
    kind = KINDS.get(rest[0], f"kind {rest[0]}") if rest else Adaptation.STATIC
    bits_per_pixel = 8 * packet.size_bytes / max(1, height * width)
    return f"{width} x {height} pixels, {kind} tables, {bits_per_pixel:.3f} bits a pixel, sections of {sizes} bytes"


def codec_rows(manifest: ImageManifest) -> list[tuple[str, str]]:
    """A codec's latents, what its tables are fitted by, and the pixels that tiles share."""
    side, hyper_side = manifest.stride, manifest.hyper_stride
    rows = [("latents", f"{manifest.latent_channels} channels, one for each {side} x {side}")]
    if manifest.hyper_channels:
        rows.append(("hyperprior", f"{manifest.hyper_channels} channels, one for each {hyper_side} x {hyper_side}"))
    if manifest.bins:
        rows.append(("synthesized distributions", f"of {manifest.bins} bins"))
    rows.append(("halo", f"{manifest.halo_pixels} pixels (edge), {manifest.halo_latents} latents (cloud)"))
    return rows


def packet_rows(folder: CodecFolder[ImageManifest], packet: Packet) -> list[tuple[str, str]]:
    """The decoded symbols of a packet. Raises as `ImageCoder.decode`."""
    loaded = load_codec_folder(folder.path, needed=coder_files(folder.manifest), kind=ImageManifest)
    return _symbol_rows(open_coder(loaded).decode(packet.to_bytes(), IMAGE_LIMITS))


def image_rows(path: Path, folder: CodecFolder[ImageManifest], picture: Path | None) -> list[tuple[str, str]]:
    """An image file through a codec; `picture` is where the reconstruction goes."""
    from isthmus.cloud.image.reconstruct import Reconstructor
    from isthmus.common.image.quality import psnr_rgb_db
    from isthmus.data.image.files import read_image, write_image
    from isthmus.edge.image.encoder import ImageEncoder

    image = read_image(path)
    encoded = ImageEncoder(folder).encode(image)
    coded = encoded.detail
    found, _ = Reconstructor(folder, IMAGE_LIMITS).reconstruct(coded.packet.to_bytes())
    pixel_count = image.width * image.height
    analysis_ms, coding_ms = (1e3 * encoded.timing.seconds(step) for step in ("analysis", "entropy_encode"))
    rows = [
        *_symbol_rows(coded.symbols),
        ("estimated bits", f"{coded.estimated_bits:.1f}"),
        ("side information", f"{coded.side_bits} bits"),
        ("packet", f"{coded.packet_bits} bits, {coded.packet_bits / pixel_count:.4f} a pixel"),
        ("PSNR", f"{psnr_rgb_db(image.pixels, found.pixels):.2f} dB"),
        ("time", f"analysis {analysis_ms:.1f} ms, entropy coding {coding_ms:.1f} ms"),
    ]
    if picture is not None:
        write_image(found, picture)
        rows.append(("picture", str(picture)))
    return rows


def _symbol_rows(symbols: ImageSymbols) -> list[tuple[str, str]]:
    y = symbols.y
    rows = [("size", f"{symbols.width} x {symbols.height} pixels"), ("tables", str(symbols.adaptation))]
    if symbols.q is not None:
        rows.append(("q", " ".join(map(str, symbols.q.ravel().tolist()))))
    if symbols.z is not None:
        rows.append(("z", f"{list(symbols.z.shape)}, {symbols.z.min()} to {symbols.z.max()}"))
    zeros = float((y == 0).mean())
    rows.append(("y", f"{list(y.shape)}, {y.min()} to {y.max()}, {zeros:.1%} zeros"))
    return rows
