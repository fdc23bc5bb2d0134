"""Every cut at several tensors of networks of many kinds, its halves compared with the whole network.

No data is needed: weights are drawn, and frames are noise. The halves have nothing between them, so that all there is
to compare is the cutting: run as they are written, their answers must be the whole network's to the bit. ONNX Runtime
computes float16 on a CPU in float32 and rounds where it likes, so networks in float16 are compared apart.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto

from isthmus.common.errors import MissingDependencyError
from isthmus.common.results import Provenance, Results, write_results
from isthmus.common.tasks import TENSORS
from isthmus.measure.table import Table
from isthmus.measure.track import Track
from isthmus.split.network import Network, load_network
from isthmus.split.plane_halves import compare, cut_planes
from isthmus.split.preprocessing import Preprocessing
from isthmus.split.several import all_cuts

FRAMES, SEED = 3, 11
NAME = "split_multi"
COMMAND = "isthmus measure split-cuts"
MEGA = 1e6


@dataclass(frozen=True, slots=True)
class CutRow:
    """One cut at several tensors.

    Attributes:
        tensors: names.
        shapes: [M, h, w] of each.
        strides: of each.
        edge_macs, cloud_macs: of a frame.
        is_exact: whether the halves answer as the whole does, to the bit.
        largest: difference of an answer where the runtime fuses layers.
    """

    tensors: tuple[str, ...]
    shapes: tuple[tuple[int, int, int], ...]
    strides: tuple[int, ...]
    edge_macs: int
    cloud_macs: int
    is_exact: bool
    largest: float


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One network.

    Attributes:
        name: what it is.
        is_half: whether it computes in float16.
        singles: cuts at one tensor.
        cuts: those at several.
    """

    name: str
    is_half: bool
    singles: int
    cuts: tuple[CutRow, ...]

    @property
    def is_equal(self) -> bool:
        """Whether it has such cuts, and all of them are exact."""
        return bool(self.cuts) and all(cut.is_exact for cut in self.cuts)


def measure_cuts(track: Track) -> tuple[CaseRow, ...]:
    """All networks. MissingDependencyError where torch is not installed."""
    if find_spec("torch") is None:
        raise MissingDependencyError("networks are exported by torch: pip install 'isthmus[train]'")
    from isthmus.measure.cuts.networks import networks

    cases = networks()
    rows: list[CaseRow] = []
    done = track("networks", len(cases))
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.onnx"
            path.write_bytes(case.model.SerializeToString())
            network = load_network(path, task=TENSORS)
        rows.append(measure_case(case.name, network))
        done(1)
    return tuple(rows)


def measure_case(name: str, network: Network) -> CaseRow:
    """One network of one size."""
    generator = np.random.default_rng(SEED)
    shape = (1, 3, network.height, network.width)
    frames = [generator.normal(size=shape).astype(np.float32) for _ in range(FRAMES)]
    found = all_cuts(network)
    rows: list[CutRow] = []
    for cut in found:
        if len(cut.tensors) == 1:
            continue
        halves = cut_planes(network, cut, Preprocessing(), free=False)
        equality = compare(network, halves, frames)
        rows.append(
            CutRow(
                tuple(t.name for t in cut.tensors),
                tuple(t.shape for t in cut.tensors),
                tuple(t.stride for t in cut.tensors),
                cut.edge_macs,
                cut.cloud_macs,
                equality.is_exact,
                equality.largest,
            )
        )
    is_half = any(kind == TensorProto.FLOAT16 for kind in network.kinds.values())
    return CaseRow(name, is_half, len(found) - len(rows), tuple(rows))


def write_cuts(rows: tuple[CaseRow, ...], folder: Path) -> Path:
    """Write `split_multi.json`; answers its path."""
    data = f"{len(rows)} networks with drawn weights, {FRAMES} frames of noise each"
    provenance = Provenance.of(COMMAND, data, SEED, ("numpy", "onnx", "onnxruntime", "torch"))
    return write_results(
        folder, Results(NAME, provenance, summary_of(rows), {"networks": [detail_of(r) for r in rows]})
    )


def summary_of(rows: tuple[CaseRow, ...]) -> dict[str, float]:
    """The numbers that are quoted."""
    exact, half = ([row for row in rows if row.is_half == is_half] for is_half in (False, True))
    cuts = [cut for row in exact for cut in row.cuts]
    return {
        "split.multi.networks": len(rows),
        "split.multi.cases": sum(row.is_equal for row in exact),
        "split.multi.cuts": len(cuts),
        "split.multi.most_tensors": max(len(cut.tensors) for row in rows for cut in row.cuts),
        "split.multi.mismatches": sum(not cut.is_exact for cut in cuts),
        "split.multi.largest": max(cut.largest for cut in cuts),
        "split.multi.half_cuts": sum(len(row.cuts) for row in half),
        "split.multi.half_largest": max((cut.largest for row in half for cut in row.cuts), default=0.0),
    }


def detail_of(row: CaseRow) -> dict[str, Any]:
    """A network as plain containers."""
    return asdict(row) | {"is_equal": row.is_equal}


def cuts_table(rows: tuple[CaseRow, ...]) -> Table:
    """Networks, and their cuts at several tensors."""
    cells = [
        (
            row.name,
            f"{row.singles}",
            f"{len(row.cuts)}",
            f"{max((len(cut.tensors) for cut in row.cuts), default=0)}",
            f"{sum(cut.is_exact for cut in row.cuts)}",
            f"{max((cut.largest for cut in row.cuts), default=0.0):.1e}",
        )
        for row in rows
    ]
    heads = ("network", "single cuts", "several", "tensors", "exact", "fused, off by")
    return Table("cuts at several tensors", heads, tuple(cells), least=("single cuts", "tensors"))
