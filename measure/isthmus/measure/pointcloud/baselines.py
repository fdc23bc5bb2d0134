"""Input compression: the cloud of points itself is coded, sent, decoded and classified.

What a codec of features has to beat. Each baseline is swept over the number of points P and the bits a coordinate
("grid bits"); each decoded cloud goes to the PointNet that was trained for that P; the Pareto front over the whole
sweep is the baseline's curve (thesis chapter on point clouds; TMC13's and Draco's curves are made so there too).

Coders: MPEG G-PCC's reference TMC13, from recorded bit counts or by the program `tmc3` itself, and Google's Draco.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError, MissingDependencyError

Float64 = npt.NDArray[np.float64]

DRAW_SEED = 1234
TMC3_PROGRAM = "tmc3"
TMC3_TIMEOUT_S = 60.0
TMC3_OPTIONS = (
    "--mode=0",
    "--trisoupNodeSizeLog2=0",
    "--mergeDuplicatedPoints=1",
    "--neighbourAvailBoundaryLog2=8",
    "--intra_pred_max_node_size_log2=6",
    "--inferredDirectCodingMode=1",
    "--maxNumQtBtBeforeOt=4",
    "--minQtbtSizeLog2=0",
    "--positionQuantizationScale=1",
    "--disableAttributeCoding=1",
)
RECORDED_TMC13_VERSION = "v23.0-rc2"  # that made the counts beside the project
DRACO_COMPRESSION_LEVEL = 10  # the smallest files it can make

_POSITIONS_SIZE = re.compile(r"positions bitstream size (\d+) B")


@dataclass(frozen=True, slots=True)
class CodedCloud:
    """What a baseline made of one cloud: its bits, and the points that come out (float64 [n, 3], n >= 1)."""

    bits: int
    points: Float64


@dataclass(frozen=True, slots=True)
class Rival:
    """What a baseline is, in words for people.

    Attributes:
        label: the coder and its version, in a table's cell.
        settings: all that decides its bits, but for the points and the bits a coordinate, which are swept.
        counted: which of its bytes count.
    """

    label: str
    settings: str
    counted: str


class InputCodec(Protocol):
    """A baseline. `index` is the cloud's row in the test set, `points` float64 [P, 3] in the unit ball."""

    @property
    def name(self) -> str: ...

    @property
    def rival(self) -> Rival: ...

    @property
    def grid_bits(self) -> tuple[int, ...]: ...

    @property
    def point_counts(self) -> tuple[int, ...]: ...

    def code(self, index: int, points: Float64, grid_bits: int) -> CodedCloud:
        """One cloud, points float64 ``[P, 3]``."""


def draw_order(stored: int, seed: int = DRAW_SEED) -> npt.NDArray[np.int64]:
    """One permutation ``[stored]`` of the stored points for all shapes; its first P are the draw of P points."""
    return np.random.default_rng(seed).permutation(stored)


def quantize_to_grid(points: Float64, grid_bits: int) -> npt.NDArray[np.int64]:
    """Points of the unit ball on a grid of ``2**grid_bits`` steps a side: sorted, each once, int64 [n, 3]."""
    steps = 2**grid_bits - 1
    grid: npt.NDArray[np.int64] = np.unique(np.floor((points + 1) / 2 * steps + 0.5).astype(np.int64), axis=0)
    return grid


def from_grid(grid: npt.NDArray[np.int64], grid_bits: int) -> Float64:
    """Grid points ``[n, 3]`` back between -1 and 1."""
    points: Float64 = grid / (2**grid_bits - 1) * 2 - 1
    return points


@dataclass(frozen=True, slots=True)
class RecordedTmc13:
    """TMC13 by its recorded bit counts; the decoded clouds are rebuilt, as the coder is lossless on the grid.

    The npz holds ``bits[a, b, i]`` and ``unique_points[a, b, i]`` for ``points[a]``, ``grid_bits[b]`` and test
    row i. The rebuilt cloud must have the recorded number of points: so a wrong draw or data set is noticed.
    """

    points: tuple[int, ...]
    grid: tuple[int, ...]
    bits: npt.NDArray[np.int64]
    unique_points: npt.NDArray[np.int64]
    source: str

    @classmethod
    def load(cls, path: Path, clouds: int) -> RecordedTmc13:
        """Read the npz; it must hold one row for each of the `clouds` test clouds."""
        try:
            with np.load(path, allow_pickle=False) as file:
                points = tuple(int(p) for p in file["points"])
                grid = tuple(int(b) for b in file["grid_bits"])
                bits, unique = file["bits"].astype(np.int64), file["unique_points"].astype(np.int64)
        except (OSError, KeyError, ValueError) as error:
            raise InputError(f"expected TMC13's bit counts as an npz, got {path.name}: {error}") from error
        expected = (len(points), len(grid), clouds)
        if bits.shape != expected or unique.shape != expected:
            raise InputError(
                f"{path.name}: expected counts {expected} for this test set, got bits {bits.shape} and unique_points "
                f"{unique.shape}: they belong to another test set; use --tmc13 live or --tmc13 none"
            )
        return cls(points, grid, bits, unique, path.name)

    @property
    def name(self) -> str:
        return "tmc13"

    @property
    def rival(self) -> Rival:
        return _tmc13(RECORDED_TMC13_VERSION)

    @property
    def grid_bits(self) -> tuple[int, ...]:
        return self.grid

    @property
    def point_counts(self) -> tuple[int, ...]:
        return self.points

    def code(self, index: int, points: Float64, grid_bits: int) -> CodedCloud:
        """One cloud, points float64 ``[P, 3]``."""
        cell = self.points.index(len(points)), self.grid.index(grid_bits), index
        decoded = from_grid(quantize_to_grid(points, grid_bits), grid_bits)
        if len(decoded) != self.unique_points[cell]:
            raise InputError(
                f"{self.source}: expected {self.unique_points[cell]} points of cloud {index} at P={len(points)} and "
                f"{grid_bits} bits, got {len(decoded)}: the counts were made on other points"
            )
        return CodedCloud(int(self.bits[cell]), decoded)


@dataclass(frozen=True, slots=True)
class LiveTmc13:
    """TMC13 by its program: one process a cloud. Counts its `positions bitstream size`, as the records do."""

    program: str
    point_counts: tuple[int, ...] = (16, 32, 64, 128, 256, 512, 1024)
    grid_bits: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8)

    @classmethod
    def find(cls) -> LiveTmc13 | None:
        """The program on PATH, or None."""
        program = shutil.which(TMC3_PROGRAM)
        return cls(program) if program else None

    @property
    def name(self) -> str:
        return "tmc13"

    @property
    def rival(self) -> Rival:
        return _tmc13(f"of the program {TMC3_PROGRAM}")

    def code(self, index: int, points: Float64, grid_bits: int) -> CodedCloud:
        """One cloud, points float64 ``[P, 3]``."""
        grid = quantize_to_grid(points, grid_bits)
        with tempfile.TemporaryDirectory(prefix="isthmus-tmc13-") as folder:
            source = Path(folder, "cloud.ply")
            source.write_text(_integer_ply(grid), encoding="ascii")
            paths = (f"--uncompressedDataPath={source}", f"--compressedStreamPath={Path(folder, 'cloud.bin')}")
            command = [self.program, *TMC3_OPTIONS, *paths]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=TMC3_TIMEOUT_S, check=False)
            except (OSError, subprocess.TimeoutExpired) as error:
                raise InputError(f"{TMC3_PROGRAM} on cloud {index}: {error}; use --tmc13 recorded or none") from error
        found = _POSITIONS_SIZE.findall(done.stdout)
        if done.returncode != 0 or not found:
            raise InputError(
                f"{TMC3_PROGRAM} on cloud {index}: expected 'positions bitstream size N B', got exit code "
                f"{done.returncode} and {(done.stderr or done.stdout)[-300:]!r}; use --tmc13 recorded or none"
            )
        return CodedCloud(8 * sum(int(size) for size in found), from_grid(grid, grid_bits))


def _tmc13(version: str) -> Rival:
    options = " ".join(option.removeprefix("--") for option in TMC3_OPTIONS)
    return Rival(f"G-PCC TMC13 {version}, octree", f"lossless on a grid over the unit ball; {options}", "positions")


def _integer_ply(grid: npt.NDArray[np.int64]) -> str:
    header = f"ply\nformat ascii 1.0\nelement vertex {len(grid)}\n"
    header += "".join(f"property float {axis}\n" for axis in "xyz") + "end_header\n"
    return header + "".join(f"{x} {y} {z}\n" for x, y, z in grid.tolist())


@dataclass(frozen=True, slots=True)
class Draco:
    """Draco's point-cloud coder, its grid laid over each cloud's own bounding box (its default), whole file counted."""

    point_counts: tuple[int, ...] = (16, 32, 64, 128, 256, 512, 1024)
    grid_bits: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)

    @property
    def name(self) -> str:
        return "draco"

    @property
    def rival(self) -> Rival:
        version = metadata.version("DracoPy")
        settings = f"compression level {DRACO_COMPRESSION_LEVEL}, a grid over each cloud's own box"
        return Rival(f"Draco (DracoPy {version}), level {DRACO_COMPRESSION_LEVEL}", settings, "file")

    def code(self, index: int, points: Float64, grid_bits: int) -> CodedCloud:
        """One cloud, points float64 ``[P, 3]``."""
        try:
            import DracoPy
        except ImportError as error:
            raise MissingDependencyError("Draco needs dracopy: pip install 'isthmus[measure]'") from error
        coded = DracoPy.encode(points, quantization_bits=grid_bits, compression_level=DRACO_COMPRESSION_LEVEL)
        decoded = np.asarray(DracoPy.decode(coded).points, dtype=np.float64)
        if not np.isfinite(decoded).all() or len(decoded) == 0:
            raise InputError(f"draco: expected points back from cloud {index}, got {decoded.shape}")
        return CodedCloud(8 * len(coded), decoded)


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """One operating point of a baseline: mean over the test set."""

    points: int
    grid_bits: int
    bits: float
    top1_percent: float


def sweep(
    codec: InputCodec,
    clouds: Float64,
    labels: npt.NDArray[np.int64],
    classify: Callable[[int, list[Float64]], npt.NDArray[np.int64]],
    point_counts: Collection[int],
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[SweepPoint, ...]:
    """All operating points of a baseline.

    Args:
        codec: the baseline.
        clouds: float64 [clouds, stored, 3], in the unit ball.
        labels: int64 [clouds].
        classify: ``(P, decoded clouds) -> predicted labels``, by the network trained for P.
        point_counts: the P that `classify` knows; others are left out.
        progress: called with the number of clouds done since the last call.
    """
    order = draw_order(clouds.shape[1])
    found = []
    for count in codec.point_counts:
        if count > clouds.shape[1] or count not in point_counts:
            continue
        drawn = clouds[:, order[:count]]
        for grid_bits in codec.grid_bits:
            coded = []
            for index, points in enumerate(drawn):
                coded.append(codec.code(index, points, grid_bits))
                progress(1)
            predicted = classify(count, [c.points for c in coded])
            correct = float((predicted == labels).mean()) * 100
            found.append(SweepPoint(count, grid_bits, float(np.mean([c.bits for c in coded])), correct))
    return tuple(found)
