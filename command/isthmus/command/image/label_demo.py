"""A photograph in `isthmus demo` that is labelled by the cloud, from a small part of a JPEG file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.common.zoo import find_codec
from isthmus.data.image.files import read_image

if TYPE_CHECKING:
    from rich.console import Console

PHOTO = "chelsea.png"
"""A cat, among the files of scikit-image."""
JPEG_QUALITY = 75
QUALITIES = (5, 3)


def show_label(console: Console, photo: Path, codec: str, address: str) -> None:
    """Send a photograph at two qualities and print what the cloud says it shows, beside the size of a JPEG file.

    Args:
        console: to print on.
        photo: the image's file.
        codec: whose frames choose their step; the cloud must serve it.
        address: of the cloud.

    Raises:
        IsthmusError: the file is no image, no such codec, or what encoding or the stream raises.
    """
    from isthmus.edge.client import CloudClient
    from isthmus.edge.video.options import StillOptions
    from isthmus.edge.video.stills import StillEncoder
    from isthmus.measure.image.baselines import CODECS, encode_picture
    from isthmus.runtime.frame_size import resized

    folder, image = find_codec(codec), read_image(photo)
    encoders = [StillEncoder(folder, options=StillOptions(quality=quality)) for quality in QUALITIES]
    manifest = encoders[0].manifest
    seen = resized(image.pixels, manifest.frame_height, manifest.frame_width)
    file = encode_picture(CODECS["jpeg"], seen, JPEG_QUALITY)
    console.print(
        f"\n[bold]What does it show?[/bold] {photo.name} crosses as the latents of a classifier, coded by "
        f"{manifest.name}; as a JPEG file of the size that the classifier sees, quality {JPEG_QUALITY}, it is "
        f"{len(file):,} bytes:",
        soft_wrap=True,
    )
    with CloudClient(address, manifest) as client:
        packets = [encoder.encode(image).packet for encoder in encoders]
        for quality, packet, result in zip(QUALITIES, packets, client.results(packets), strict=True):
            label = result.value.top()
            console.print(
                f"  quality {quality}: {packet.size_bytes:,} bytes, {manifest.class_names[label.class_index]}, "
                f"{100 * label.probability:.0f} %"
            )
