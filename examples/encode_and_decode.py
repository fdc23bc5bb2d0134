"""An image to a packet and back, without a server: its bits, what is in them, and what is left of the picture.

python examples/encode_and_decode.py photo.jpg out.png
"""

from __future__ import annotations

import sys

from isthmus.codec import load
from isthmus.common.image.quality import psnr_rgb_db
from isthmus.data.image.files import read_image, write_image


def main(source: str, target: str) -> None:
    image = read_image(source)  # encode() takes the path as well; here the pixels are compared afterwards
    for name in ("image-light-q2", "image-light-q4", "image-light-q6"):
        codec = load(name)
        coded = codec.encode(image)
        found = codec.decode(coded.packet)
        bits_per_pixel = coded.packet_bits / (image.width * image.height)
        psnr_db = psnr_rgb_db(image.pixels, found.pixels)
        print(f"{name}: {coded.packet_bits} bits, {bits_per_pixel:.3f} a pixel, {psnr_db:.2f} dB")
    print(codec.inspect(coded))
    write_image(found, target)


if __name__ == "__main__":
    main(*sys.argv[1:])
