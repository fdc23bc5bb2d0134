"""How many frames a live pipe is behind: MPEG-TS, H.264 and MJPEG, written at their time, read as `isthmus edge` does.

    python benchmarks/pipe.py [--frames 100] [--fps 25] [--out results]

A writer encodes a frame when it is due, without B-frames or look-ahead, and flushes it into a pipe. When frame k comes
out at the other end, the newest frame that was written by then is k + d: that d is the delay. One is what a stream
needs that shows the end of a frame by the beginning of the next (H.264, MJPEG); MPEG-TS needs it twice.
"""

from __future__ import annotations

import argparse
import io
import os
import threading
import time
from typing import Any

import numpy as np
from benchmark import run_benchmark

from isthmus.common.results import Provenance, Results
from isthmus.data.video.files import open_video
from isthmus.data.video.libraries import import_av
from isthmus.data.video.moving_images import ClipMotion, moving_clip

SEED = 7
HEIGHT, WIDTH = 240, 320
CONTAINERS = {"ts": ("mpegts", "libx264"), "h264": ("h264", "libx264"), "mjpeg": ("mjpeg", "mjpeg")}
WARM_UP_FRAMES = 10


def main() -> int:
    """Measure, print, write."""
    return run_benchmark("benchmarks/pipe.py", __doc__, add_options, measured)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Those of this benchmark."""
    parser.add_argument("--frames", type=int, default=100, help="of each stream")
    parser.add_argument("--fps", type=int, default=25, help="frames a second")


def measured(given: argparse.Namespace, command: str) -> Results:
    """As the options say."""
    return measure(given.frames, given.fps, command)


def measure(frames: int, fps: int, command: str) -> Results:
    """Every container; the results file `pipe`. `command` is told as what made it."""
    behind = {name: frames_behind(frames, fps, *container) for name, container in CONTAINERS.items()}
    return Results(
        "pipe",
        Provenance.of(command, "generated noise under a moving camera", SEED, ("numpy", "av")),
        {f"video.pipe_delay_frames.{name}": float(np.median(found)) for name, found in behind.items()},
        {"frames": frames, "fps": fps, "most": {name: max(found) for name, found in behind.items()}},
    )


def frames_behind(frames: int, fps: int, container: str, codec: str) -> list[int]:
    """For each frame but the first few, how many newer ones had been written when it came out."""
    noise = np.random.default_rng(SEED).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    pictures = moving_clip(noise, ClipMotion(pan=(0.0, 0.01)), frames, SEED)
    reading, writing = os.pipe()
    newest = [-1]

    def write() -> None:
        av = import_av()
        options = {"tune": "zerolatency", "preset": "ultrafast"} if codec == "libx264" else {}
        with (
            io.FileIO(writing, "w") as into,
            av.open(into, "w", format=container, options={"flush_packets": "1"}) as film,
        ):
            stream: Any = film.add_stream(codec, rate=fps, options=options)
            stream.height, stream.width = HEIGHT, WIDTH
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            start_s = time.perf_counter()
            for index, pixels in enumerate(pictures):
                time.sleep(max(0.0, start_s + index / fps - time.perf_counter()))
                film.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
                newest[0] = index
            film.mux(stream.encode(None))

    writer = threading.Thread(target=write)
    writer.start()
    with io.FileIO(reading) as given, open_video(given, format=None if container == "mpegts" else container) as video:
        found = [newest[0] - frame.index for frame in video]
    writer.join()
    return [max(0, each) for each in found[WARM_UP_FRAMES:]]


if __name__ == "__main__":
    raise SystemExit(main())
