"""What an edge pays for an image: a 768 x 512 picture in memory to a packet, one thread; and beside it, the reference.

    python benchmarks/image.py [--codec image-light-q4] [--zoo DIR] [--rounds 8] [--out results]

Ours is `isthmus.edge.image.encoder.ImageEncoder.encode` (g_a in ONNX Runtime, rounding, the choice of tables, the
range coder), then the packet's bytes. The reference is the analysis transform of bmshj2018-factorized at N = 128,
M = 192 (four strided 5 x 5 convolutions and GDN; random weights, which cost the same) in torch eager, with the same
rounding and this project's range coder over its 192 channels: an advantage for that side, whose usual one is slower.

Both run in one process and in turns, so that they meet the same neighbours on the machine. Absolute times are this
machine's; the ratio travels better.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from benchmark import run_benchmark

from isthmus.common.bits import range_coder
from isthmus.common.bits.cdf import quantize_pmf
from isthmus.common.errors import IsthmusError, MissingDependencyError
from isthmus.common.results import Provenance, Results
from isthmus.common.signals import Image
from isthmus.common.zoo import codec_folders, find_zoo
from isthmus.edge.image.encoder import ImageEncoder
from isthmus.measure.fuzz.targets import synthetic_picture
from isthmus.measure.image.photographs import find_image_set
from isthmus.measure.percentiles import Percentiles

HEIGHT, WIDTH = 512, 768
TURN = 3
SEED = 7
TABLE_REACH, TABLE_SCALE = 30, 1.5  # of the reference's random tables; what they hold costs nothing

Encode = Callable[[Image], object]


def main() -> int:
    """Measure, print, write."""
    return run_benchmark("benchmarks/image.py", __doc__, add_options, measured)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Those of this benchmark."""
    parser.add_argument("--codec", default="image-light-q4", help="a light codec of the zoo")
    parser.add_argument("--zoo", type=Path, default=None)
    parser.add_argument("--rounds", type=int, default=8, help=f"turns of {TURN} images for each side")


def measured(given: argparse.Namespace, command: str) -> Results:
    """As the options say."""
    return measure(light_codec(find_zoo(given.zoo), given.codec), pictures(), given.rounds, command)


def measure(folder: Path, images: tuple[str, list[Image]], rounds: int, command: str) -> Results:
    """Both sides in turns; the results file `image_edge`. `command` is told as what made it."""
    encoder = ImageEncoder(folder, threads=1)
    eager = eager_encoder()
    data, given = images
    stages: list[tuple[float, float]] = []

    def ours(image: Image) -> object:
        encoded = encoder.encode(image)
        stages.append((encoded.timing.seconds("analysis", "hyper"), encoded.timing.seconds("entropy_encode")))
        return encoded.packet.to_bytes()

    for side in (ours, eager):
        _turn(side, given, 1)
    stages.clear()
    ours_ms: list[float] = []
    eager_ms: list[float] = []
    for _ in range(rounds):
        ours_ms += _turn(ours, given, TURN)
        eager_ms += _turn(eager, given, TURN)
    fast, slow = Percentiles.of(ours_ms), Percentiles.of(eager_ms)
    analysis_ms, entropy_ms = (float(np.median(column)) * 1e3 for column in zip(*stages, strict=True))
    height, width = given[0].height, given[0].width
    return Results(
        "image_edge",
        Provenance.of(command, data, SEED, ("numpy", "onnxruntime", "torch")),
        {
            "image.edge_encode_ms": fast.p50,
            "image.edge_eager_reference_ms": slow.p50,
            "image.edge_speedup_vs_eager_reference": slow.p50 / fast.p50,
        },
        {
            "codec": folder.name,
            "image": [height, width],
            "threads": 1,
            "images_each_side": len(ours_ms),
            "ours_ms_p95": fast.p95,
            "eager_ms_p95": slow.p95,
            "stage_ms_p50": {"analysis": analysis_ms, "entropy_encode": entropy_ms},
            "eager": "bmshj2018-factorized g_a, N = 128, M = 192, torch eager, float32; this project's range coder",
        },
    )


def eager_encoder() -> Encode:
    """g_a of the reference shape in torch eager, one thread, and an entropy coder."""
    try:
        import torch

        from isthmus.models.image.transforms import ReferenceAnalysis, ReferenceShape
    except ImportError as error:
        raise MissingDependencyError(f"the comparison needs {error.name}: pip install 'isthmus[train]'") from error
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    shape = ReferenceShape()
    network = ReferenceAnalysis(shape).eval()
    at = np.arange(-TABLE_REACH, TABLE_REACH + 1)
    weights = np.append(np.exp(-np.abs(at) / TABLE_SCALE), 1e-4)
    tables = quantize_pmf([weights] * shape.latent_channels, [-TABLE_REACH] * shape.latent_channels, has_escape=True)

    @torch.no_grad()
    def encode(image: Image) -> object:
        pixels = torch.from_numpy(np.array(image.pixels)).permute(2, 0, 1)[None].float() / 255
        y = network(pixels)[0]
        # Random weights give latents near zero; what is coded has the spread of trained ones.
        symbols = torch.round(y * (2.0 / y.std())).int().numpy()
        rows = np.repeat(np.arange(shape.latent_channels, dtype=np.int32), symbols[0].size)
        return range_coder.encode(symbols.ravel(), rows, tables)

    return encode


def pictures() -> tuple[str, list[Image]]:
    """What is encoded and what it is called: photographs of 768 x 512 where there are some, else a made picture."""
    try:
        images = find_image_set(None)
    except IsthmusError:
        return "a made picture", [synthetic_picture(HEIGHT, WIDTH, SEED)]
    fitting = [i for i, count in enumerate(images.pixel_counts.tolist()) if count == HEIGHT * WIDTH]
    found = [image for image in map(images.read, fitting[:TURN]) if (image.height, image.width) == (HEIGHT, WIDTH)]
    return (images.name, found) if found else ("a made picture", [synthetic_picture(HEIGHT, WIDTH, SEED)])


def light_codec(zoo: Path, wanted: str) -> Path:
    """The codec wanted, else any light one: their g_a differ in weights alone."""
    light = [f for f in codec_folders(zoo) if f.name.startswith("image-light-")]
    named = [f for f in codec_folders(zoo) if f.name == wanted]
    if not named and not light:
        raise MissingDependencyError(f"expected a light image codec in {zoo}, found none: train one, or name --zoo")
    return (named or light)[0]


def _turn(encode: Encode, images: list[Image], count: int) -> list[float]:
    """Milliseconds of each of `count` images."""
    taken = []
    for i in range(count):
        image = images[i % len(images)]
        start_s = time.perf_counter()
        encode(image)
        taken.append(1e3 * (time.perf_counter() - start_s))
    return taken


if __name__ == "__main__":
    raise SystemExit(main())
