"""What `isthmus inspect` says of an image file: as a codec sees it."""

from __future__ import annotations

from pathlib import Path

from isthmus.codec.image import symbol_rows
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.signal import IMAGE_LIMITS
from isthmus.common.manifest.folder import CodecFolder


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
        *symbol_rows(coded.symbols),
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
