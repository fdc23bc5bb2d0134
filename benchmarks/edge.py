"""What an edge pays for a cloud: 1,024 points in memory to a packet, one thread; and beside it, the thesis's way.

    python benchmarks/edge.py [--codec pc-lite-any-q10] [--zoo DIR] [--rounds 40] [--out results]

Ours is the edge's encoder of point clouds, then the packet's bytes. The comparison is the same network as the
thesis's code runs it: torch eager, Conv1d + BatchNorm1d + ReLU modules with channel shuffles between groups, a max, a
gain, then what CompressAI's entropy bottleneck does to compress one signal: indexes and medians are made and expanded
by tensor operations, the symbols rounded, and symbols, indexes, all tables, their lengths and offsets turned into
Python lists, which the coder turns into native arrays again. Its rANS coder itself cannot be installed beside this
project's NumPy; the nearest here is constriction's compiled ANS coder, one call a symbol, on models that are built
beforehand (an advantage for that side: CompressAI looks its tables up at each call as well).

Both run in one process and in turns of `TURN` clouds, so that they meet the same neighbours on the machine. Absolute
times are this machine's; the ratio travels better.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from benchmark import run_benchmark

from isthmus.common.errors import MissingDependencyError
from isthmus.common.results import Provenance, Results
from isthmus.common.signals import PointCloud
from isthmus.common.zoo import codec_folders, find_zoo
from isthmus.data.pointcloud.furniture import generate_set
from isthmus.edge.pointcloud.encoder import PointCloudEncoder
from isthmus.measure.percentiles import Percentiles

POINTS = 1024
TURN = 50
WARM_UP = 100
SEED = 7
CHANNELS, GROUPS = (3, 8, 8, 16, 16, 32), (1, 1, 1, 2, 4)  # lite; source: thesis, table of configurations
# As long as the longest table of the thesis's recipe trained here (pc-lite-thesis-p1024-q9).
TABLE_LOW, TABLE_SIZE, TABLE_PRECISION_BITS = -28, 57, 16

Encode = Callable[[PointCloud], object]


def main() -> int:
    """Measure, print, write."""
    return run_benchmark("benchmarks/edge.py", __doc__, add_options, measured)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Those of this benchmark."""
    parser.add_argument("--codec", default="pc-lite-any-q10", help="a lite codec of the zoo")
    parser.add_argument("--zoo", type=Path, default=None)
    parser.add_argument("--rounds", type=int, default=40, help=f"turns of {TURN} clouds for each side")


def measured(given: argparse.Namespace, command: str) -> Results:
    """As the options say."""
    return measure(_lite_codec(find_zoo(given.zoo), given.codec), given.rounds, command)


def measure(folder: Path, rounds: int, command: str) -> Results:
    """Both sides in turns; the results file `edge`. `command` is told as what made it."""
    encoder = PointCloudEncoder(folder, threads=1)
    clouds = [PointCloud(points) for points in generate_set(8, POINTS, SEED).clouds]
    eager = eager_encoder()
    stages: list[tuple[float, float, float]] = []

    def ours(cloud: PointCloud) -> object:
        encoded = encoder.encode(cloud)
        data = encoded.packet.to_bytes()
        timing = encoded.timing
        stages.append((timing.seconds("normalize"), timing.seconds("network"), timing.seconds("entropy_encode")))
        return data

    for side in (ours, eager):
        _turn(side, clouds, WARM_UP)
    stages.clear()
    ours_ms: list[float] = []
    eager_ms: list[float] = []
    for _ in range(rounds):
        ours_ms += _turn(ours, clouds, TURN)
        eager_ms += _turn(eager, clouds, TURN)
    fast, slow = Percentiles.of(ours_ms), Percentiles.of(eager_ms)
    normalize_ms, network_ms, entropy_ms = (float(np.median(column)) * 1e3 for column in zip(*stages, strict=True))
    return Results(
        "edge",
        Provenance.of(
            command,
            "generated furniture",
            SEED,
            ("numpy", "onnxruntime", "torch", "constriction"),
        ),
        {
            "edge.lite.encode_ms_p50": fast.p50,
            "edge.lite.encode_ms_p95": fast.p95,
            "edge.lite.eager_ms_p50": slow.p50,
            "edge.lite.speedup_vs_eager": slow.p50 / fast.p50,
        },
        {
            "codec": folder.name,
            "engine": encoder.engine,
            "points": POINTS,
            "threads": 1,
            "clouds_each_side": len(ours_ms),
            "eager_ms_p95": slow.p95,
            "stage_ms_p50": {"normalize": normalize_ms, "network": network_ms, "entropy_encode": entropy_ms},
            "eager": "torch eager Conv1d + BatchNorm1d + ReLU; lists into constriction's AnsCoder, symbol by symbol",
        },
    )


def eager_encoder() -> Encode:
    """The lite network and its entropy coder as the thesis's code runs them; random weights, which cost the same."""
    try:
        import constriction
        import torch
        from torch import Tensor, nn
    except ImportError as error:
        raise MissingDependencyError(
            f"the comparison needs {error.name}: pip install 'isthmus[train]' constriction"
        ) from error
    torch.set_num_threads(1)
    torch.manual_seed(SEED)

    class Shuffle(nn.Module):
        """Channel shuffle as it is usually written."""

        def __init__(self, groups: int) -> None:
            super().__init__()
            self.groups = groups

        def forward(self, x: Tensor) -> Tensor:
            b, c, n = x.shape
            return x.view(b, self.groups, c // self.groups, n).transpose(1, 2).reshape(b, c, n)

    layers: list[nn.Module] = []
    for i, (before, after, groups) in enumerate(zip(CHANNELS, CHANNELS[1:], GROUPS, strict=False)):
        if groups > 1 and GROUPS[i - 1] > 1:
            layers.append(Shuffle(GROUPS[i - 1]))
        layers += [nn.Conv1d(before, after, 1, groups=groups, bias=False), nn.BatchNorm1d(after), nn.ReLU()]
    network = nn.Sequential(*layers).eval()
    gain = torch.full((1, CHANNELS[-1], 1), 10.0)
    quantiles = torch.zeros(CHANNELS[-1], 1, 3)
    weights = np.exp(-np.abs(np.arange(TABLE_SIZE) + TABLE_LOW) / 6.0)
    cumulative = np.concatenate(([0], np.round(np.cumsum(weights) / weights.sum() * 2**TABLE_PRECISION_BITS)))
    tables = torch.tensor(np.tile(cumulative, (CHANNELS[-1], 1)), dtype=torch.int32)
    lengths = torch.full((CHANNELS[-1],), TABLE_SIZE + 1, dtype=torch.int32)
    offsets = torch.full((CHANNELS[-1],), TABLE_LOW, dtype=torch.int32)
    shares: npt.NDArray[np.float32] = (weights / weights.sum()).astype(np.float32)
    models: list[Any] = [constriction.stream.model.Categorical(shares, perfect=False) for _ in range(CHANNELS[-1])]

    def lists(y: Tensor) -> tuple[list[int], list[int], list[int]]:
        """Symbols, indexes and offsets of one signal, by way of tensors and lists."""
        indexes = torch.arange(y.shape[1]).view(1, -1, 1).int().repeat(y.shape[0], 1, y.shape[2])
        medians = quantiles[:, :, 1:2].detach().view(1, -1, 1).expand(y.shape[0], -1, -1)
        symbols = y.clone()
        symbols -= medians
        symbols = torch.round(symbols).int()
        listed = symbols[0].reshape(-1).int().tolist(), indexes[0].reshape(-1).int().tolist()
        lows = offsets.reshape(-1).int().tolist()
        for given in (tables.tolist(), lengths.reshape(-1).int().tolist(), *listed, lows):
            np.asarray(given, dtype=np.int32)  # what a binding does with a list of numbers
        return *listed, lows

    @torch.no_grad()
    def encode(cloud: PointCloud) -> object:
        points = torch.tensor(cloud.points)
        points = points - points.mean(0)
        points = points / points.norm(dim=1).max()
        y = network(points.t()[None]).max(2, keepdim=True).values * gain
        values, rows, lows = lists(y)
        coder = constriction.stream.stack.AnsCoder()
        for value, row in zip(reversed(values), reversed(rows), strict=True):
            coder.encode_reverse(min(max(value - lows[row], 0), TABLE_SIZE - 1), models[row])
        return coder.get_compressed().tobytes()

    return encode


def _turn(encode: Encode, clouds: Sequence[PointCloud], count: int) -> list[float]:
    """Milliseconds of each of `count` clouds."""
    taken = []
    for i in range(count):
        cloud = clouds[i % len(clouds)]
        start_s = time.perf_counter()
        encode(cloud)
        taken.append(1e3 * (time.perf_counter() - start_s))
    return taken


def _lite_codec(zoo: Path, wanted: str) -> Path:
    """The codec wanted, else any lite one: their edge halves differ in the quantiser alone."""
    lite = [f for f in codec_folders(zoo) if f.name.startswith("pc-lite-") and "thesis" not in f.name]
    named = [f for f in lite if f.name == wanted]
    if not lite:
        raise MissingDependencyError(f"expected a lite codec in {zoo}, found none: train one, or name another --zoo")
    return (named or lite)[0]


if __name__ == "__main__":
    raise SystemExit(main())
