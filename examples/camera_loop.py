"""A camera, frame by frame: only how the picture moved is sent, unless that is not enough. Ctrl-C ends it.

isthmus cloud &
python examples/camera_loop.py 127.0.0.1:50051 camera:0
python examples/camera_loop.py 127.0.0.1:50051              # no camera: a generated picture that moves
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from isthmus.codec import connect, load


def moving_picture(count: int = 40) -> Iterator[Any]:
    """Frames uint8 [96, 144, 3]: soft blobs of colour that drift two pixels a frame."""
    coarse = np.random.default_rng(0).integers(0, 256, (12, 18, 3)).astype(np.float32)
    picture = coarse.repeat(8, 0).repeat(8, 1)
    for index in range(count):
        yield np.roll(picture, 2 * index, axis=1).astype(np.uint8)


def main(address: str, camera: str = "") -> None:
    codec = load("vision-lite0-b5")
    with connect(address, codec) as cloud:
        for number, result in enumerate(cloud.results(camera or moving_picture())):
            kind = "not coded" if result.coded is None else result.coded.detail.kind
            print(f"{number}: {kind}, {result.packet_bits} bits, {result.value.best}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
