"""Do symbols and results agree, whichever runtime, thread count, batch or precision made or read the bits?

Every codec's two halves are run by ONNX Runtime, by torch, and by ONNX's reference evaluator (plain NumPy); the edge
halves of narrow codecs also by the compiled engine, where it was built. The symbols of each run are compared with those
of the first, bit for bit; so are the logits, and the coded bytes are read back by every runtime's cloud half.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.symbols import Symbols
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.common.results import Provenance, Results, write_results
from isthmus.common.zoo import find_zoo
from isthmus.data.pointcloud.labelled import LabelledClouds
from isthmus.data.pointcloud.normalize import normalize
from isthmus.measure.pointcloud.baselines import DRAW_SEED, draw_order
from isthmus.measure.pointcloud.run import PointCloudOptions, choose_codecs, default_test_set
from isthmus.measure.track import Track, no_track
from isthmus.runtime.engine import open_graph
from isthmus.runtime.pointwise import IS_COMPILED, PLAN_FILE, PointwiseNetwork, load_plan

Runner = Callable[[dict[str, Any]], npt.NDArray[Any]]
REFERENCE_CLOUDS = 4  # the NumPy evaluator is slow


@dataclass(frozen=True, slots=True)
class Case:
    """One way to run a graph."""

    runtime: str
    threads: int
    batch: int
    precision: str = "float32"


CASES = (
    *(Case("onnxruntime", threads, batch) for threads in (1, 2) for batch in (1, 4, 32)),
    *(Case("torch", threads, batch, p) for threads in (1, 2) for batch in (1, 4, 32) for p in ("float32", "float64")),
    Case("numpy", 1, 4),
)
# Of the edge half alone, for codecs that have a plan.
COMPILED_CASES = tuple(Case("compiled", 1, batch) for batch in (1, 4, 32)) if IS_COMPILED else ()


@dataclass(frozen=True, slots=True)
class Agreement:
    """What was compared, and how much of it differed."""

    codec: str
    comparisons: int
    symbol_mismatches: int
    logit_mismatches: int
    byte_mismatches: int

    @property
    def mismatches(self) -> int:
        """All of them."""
        return self.symbol_mismatches + self.logit_mismatches + self.byte_mismatches


def compare_codec(folder: Path, points: npt.NDArray[np.float32], cases: Sequence[Case] = CASES) -> Agreement:
    """Run a codec on normalised clouds ``[clouds, 3, points]`` in every case."""
    codec = load_codec_folder(folder, kind=PointCloudManifest)
    manifest = codec.manifest
    expected_symbols = _batched(_runner(folder / "edge.onnx", CASES[0]), "points", points, 1)
    expected_logits = _batched(_runner(folder / "cloud.onnx", CASES[0]), "symbols", expected_symbols, 1)
    section = manifest.prior.encode(Symbols(expected_symbols))
    compared = symbols_differ = logits_differ = bytes_differ = 0
    for case in cases:
        count = REFERENCE_CLOUDS if case.runtime == "numpy" else len(points)
        symbols = _batched(_runner(folder / "edge.onnx", case), "points", points[:count], case.batch)
        symbols_differ += int((symbols != expected_symbols[:count]).sum())
        read = manifest.prior.decode(section, len(points)).values[:count]
        logits = _batched(_runner(folder / "cloud.onnx", case), "symbols", read, case.batch)
        logits_differ += int((logits.astype(np.float32) != expected_logits[:count]).sum())
        if count == len(points):
            bytes_differ += manifest.prior.encode(Symbols(symbols)) != section
        compared += symbols.size + logits.size
    for case in COMPILED_CASES if codec.has_file(PLAN_FILE) else ():
        symbols = _batched(_runner(codec.file(PLAN_FILE), case), "points", points, case.batch)
        symbols_differ += int((symbols != expected_symbols).sum())
        bytes_differ += manifest.prior.encode(Symbols(symbols)) != section
        compared += symbols.size
    return Agreement(folder.name, compared, symbols_differ, logits_differ, bytes_differ)


def compare_all(
    data: Path | None, codecs: str, count: int, points: int, zoo: Path | None, out: Path, track: Track = no_track
) -> list[Agreement]:
    """Compare every codec that fits the patterns, and write `determinism.json`."""
    clouds = default_test_set(data)
    folders = choose_codecs(find_zoo(zoo), PointCloudOptions(codecs=codecs))
    drawn = trial_points(clouds, points, count)
    advance = track("codecs, in every runtime", len(folders))
    agreements = []
    for folder in folders:
        agreements.append(compare_codec(folder, drawn))
        advance(1)
    summary = {
        "determinism.pointcloud_mismatches": sum(a.mismatches for a in agreements),
        "determinism.pointcloud_comparisons": sum(a.comparisons for a in agreements),
        "determinism.pointcloud_codecs": len(agreements),
        "determinism.pointcloud_cases": len(CASES),
    }
    command = f"isthmus measure determinism --codecs '{codecs}' --clouds {count} --points {points}"
    provenance = Provenance.of(command, clouds.name, DRAW_SEED, ("numpy", "onnxruntime", "torch", "onnx"))
    cases = [asdict(case) for case in (*CASES, *COMPILED_CASES)]
    detail = {"cases": cases, "codecs": [asdict(a) for a in agreements]}
    write_results(out, Results("determinism", provenance, summary, detail))
    return agreements


def trial_points(clouds: LabelledClouds, points: int, count: int) -> npt.NDArray[np.float32]:
    """`count` clouds spread over the set, drawn and normalised as the edge does, ``[count, 3, points]``."""
    chosen = np.linspace(0, len(clouds) - 1, count).round().astype(int)
    stacked = []
    for index in chosen:
        cloud = clouds.cloud(int(index))
        stacked.append(normalize(np.ascontiguousarray(cloud[draw_order(len(cloud))[:points]])))
    return np.stack(stacked)


def _batched(run: Runner, name: str, values: npt.NDArray[Any], batch: int) -> npt.NDArray[Any]:
    parts = [run({name: np.ascontiguousarray(part)}) for part in _parts(values, batch)]
    return np.concatenate(parts)


def _parts(values: npt.NDArray[Any], batch: int) -> Iterator[npt.NDArray[Any]]:
    for start in range(0, len(values), batch):
        yield values[start : start + batch]


def _runner(path: Path, case: Case) -> Runner:
    if case.runtime == "compiled":
        compiled = PointwiseNetwork(load_plan(path))
        return lambda feeds: compiled.symbols(feeds["points"])
    if case.runtime == "onnxruntime":
        network = open_graph(path, case.threads)
        return lambda feeds: np.asarray(network.run(feeds)[0])
    import onnx

    model = onnx.load(path)
    if case.runtime == "torch":
        import torch

        from isthmus.models.exact.onnx_torch import OnnxTorch

        net = OnnxTorch(model, torch.float32 if case.precision == "float32" else torch.float64)

        def run(feeds: dict[str, Any]) -> npt.NDArray[Any]:
            before = torch.get_num_threads()
            torch.set_num_threads(case.threads)
            try:
                return np.asarray(net.run(feeds)[0])
            finally:
                torch.set_num_threads(before)

        return run
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(model)

    def evaluate(feeds: dict[str, Any]) -> npt.NDArray[Any]:
        outputs: Any = evaluator.run(None, feeds)
        return np.asarray(outputs[0])

    return evaluate
