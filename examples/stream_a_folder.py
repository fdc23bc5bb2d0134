"""Every point cloud in a folder, sent to a cloud as fast as it answers; what cannot be read is told in its place.

isthmus cloud &
python examples/stream_a_folder.py 127.0.0.1:50051 scans/
"""

from __future__ import annotations

import sys
from pathlib import Path

from isthmus.codec import connect, load
from isthmus.common.errors import IsthmusError


def main(address: str, folder: str) -> None:
    codec = load("pc-lite-any-q10", top_k=2)
    files = sorted(Path(folder).iterdir())
    bits = 0
    with connect(address, codec) as cloud:
        for result in cloud.results(files):
            if isinstance(result.outcome, IsthmusError):
                print(f"{result.given.name}: {result.outcome}")
                continue
            bits += result.packet_bits
            print(f"{result.given.name}: {result.value}, {1e3 * result.round_trip_s:.1f} ms")
    print(f"{len(files)} files, {bits} bits sent")


if __name__ == "__main__":
    main(*sys.argv[1:])
