"""What `isthmus inspect` says of images: their packets, and a file as a codec sees it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.common.bits.packet import Packet
from isthmus.common.bits.varint import decode_varint
from isthmus.common.errors import PacketError
from isthmus.common.image.coder import IMAGE_LIMITS, KINDS, Adaptation, ImageSymbols
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.manifest.folder import CodecFolder, load_codec_folder
from isthmus.runtime.integer_half import coder_files, open_coder

if TYPE_CHECKING:
    from rich.table import Table

DEFAULT_CODEC = "image-light-q4"


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


def add_symbol_rows(table: Table, folder: CodecFolder[ImageManifest], data: bytes) -> None:
    """Rows about the decoded symbols of a packet. Raises as `ImageCoder.decode`."""
    loaded = load_codec_folder(folder.path, needed=coder_files(folder.manifest), kind=ImageManifest)
    _add_rows(table, open_coder(loaded).decode(data, IMAGE_LIMITS))


def image_table(table: Table, path: Path, folder: CodecFolder[ImageManifest], picture: Path | None) -> None:
    """Rows about an image file through a codec; `picture` is where the reconstruction goes."""
    from isthmus.cloud.image.reconstruct import Reconstructor
    from isthmus.common.image.quality import psnr_rgb_db
    from isthmus.data.image.files import read_image, write_image
    from isthmus.edge.image.encoder import ImageEncoder

    image = read_image(path)
    encoded = ImageEncoder(folder).encode(image)
    coded = encoded.coded
    found, _ = Reconstructor(folder, IMAGE_LIMITS).reconstruct(coded.packet.to_bytes())
    _add_rows(table, coded.symbols)
    table.add_row("estimated bits", f"{coded.estimated_bits:.1f}")
    table.add_row("side information", f"{coded.side_bits} bits")
    pixel_count = image.width * image.height
    table.add_row("packet", f"{coded.packet_bits} bits, {coded.packet_bits / pixel_count:.4f} a pixel")
    table.add_row("PSNR", f"{psnr_rgb_db(image.pixels, found.pixels):.2f} dB")
    timing = encoded.timing
    table.add_row(
        "time", f"analysis {timing.analysis_s * 1e3:.1f} ms, entropy coding {timing.entropy_encode_s * 1e3:.1f} ms"
    )
    if picture is not None:
        write_image(found, picture)
        table.add_row("picture", str(picture))


def _add_rows(table: Table, symbols: ImageSymbols) -> None:
    y = symbols.y
    table.add_row("size", f"{symbols.width} x {symbols.height} pixels")
    table.add_row("tables", str(symbols.adaptation))
    if symbols.q is not None:
        table.add_row("q", " ".join(map(str, symbols.q.ravel().tolist())))
    if symbols.z is not None:
        table.add_row("z", f"{list(symbols.z.shape)}, {symbols.z.min()} to {symbols.z.max()}")
    zeros = float((y == 0).mean())
    table.add_row("y", f"{list(y.shape)}, {y.min()} to {y.max()}, {zeros:.1%} zeros")
