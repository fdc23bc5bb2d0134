"""Do symbols and results agree, whichever runtime, thread count, batch or precision made or read the bits?

Every codec's two halves are run by ONNX Runtime, by torch, and by ONNX's reference evaluator (plain NumPy); the edge
halves of narrow codecs also by the compiled engine, where it was built. The symbols of each run are compared with those
of the first, bit for bit; so are the logits, and the coded bytes are read back by every runtime's cloud half.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.symbols import Symbols
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.common.results import Provenance
from isthmus.common.zoo import find_zoo
from isthmus.data.pointcloud.labelled import LabelledClouds
from isthmus.data.pointcloud.normalize import normalize
from isthmus.measure.command_line import command_line
from isthmus.measure.determinism.options import PointCloudCases
from isthmus.measure.determinism.runtimes import Case, Runner, open_reference, open_runner
from isthmus.measure.determinism.study import Verdict, compared, write_study
from isthmus.measure.pointcloud.baselines import DRAW_SEED, draw_order
from isthmus.measure.pointcloud.options import PointCloudOptions
from isthmus.measure.pointcloud.run import choose_codecs, default_test_set
from isthmus.measure.track import Track, no_track
from isthmus.runtime.pointwise import IS_COMPILED
from isthmus.runtime.pointwise_plan import PLAN_FILE

REFERENCE_CLOUDS = 4  # the NumPy evaluator is slow


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

    def counts(self) -> dict[str, int]:
        """What is added up over the codecs."""
        return {"mismatches": self.mismatches, "comparisons": self.comparisons}

    def to_json(self) -> dict[str, Any]:
        """As plain containers, for a results file."""
        return asdict(self)


def compare_codec(folder: Path, points: npt.NDArray[np.float32], cases: Sequence[Case] = CASES) -> Agreement:
    """Run a codec on normalised clouds ``[clouds, 3, points]`` in every case."""
    codec = load_codec_folder(folder, kind=PointCloudManifest)
    manifest = codec.manifest
    expected_symbols = _batched(_opened(folder / "edge.onnx", CASES[0]), "points", points, 1)
    expected_logits = _batched(_opened(folder / "cloud.onnx", CASES[0]), "symbols", expected_symbols, 1)
    section = manifest.prior.encode(Symbols(expected_symbols))
    compared = symbols_differ = logits_differ = bytes_differ = 0
    for case in cases:
        count = REFERENCE_CLOUDS if case.runtime == "numpy" else len(points)
        symbols = _batched(_opened(folder / "edge.onnx", case), "points", points[:count], case.batch)
        symbols_differ += int((symbols != expected_symbols[:count]).sum())
        read = manifest.prior.decode(section, len(points)).values[:count]
        logits = _batched(_opened(folder / "cloud.onnx", case), "symbols", read, case.batch)
        logits_differ += int((logits.astype(np.float32) != expected_logits[:count]).sum())
        if count == len(points):
            bytes_differ += manifest.prior.encode(Symbols(symbols)) != section
        compared += symbols.size + logits.size
    for case in COMPILED_CASES if codec.has_file(PLAN_FILE) else ():
        symbols = _batched(_opened(codec.file(PLAN_FILE), case), "points", points, case.batch)
        symbols_differ += int((symbols != expected_symbols).sum())
        bytes_differ += manifest.prior.encode(Symbols(symbols)) != section
        compared += symbols.size
    return Agreement(folder.name, compared, symbols_differ, logits_differ, bytes_differ)


def pointcloud_determinism(options: PointCloudCases, out: Path, track: Track = no_track) -> Verdict[Agreement]:
    """Compare every codec that fits the patterns, and write `determinism.json`.

    Raises:
        InputError: no such codec, no clouds.
    """
    clouds = default_test_set(options.data)
    folders = choose_codecs(find_zoo(options.zoo), PointCloudOptions(codecs=options.codecs))
    drawn = trial_points(clouds, options.points, options.clouds)
    found = compared("codecs, in every runtime", folders, lambda folder: compare_codec(folder, drawn), track)
    command = command_line("isthmus measure determinism", options)
    provenance = Provenance.of(command, clouds.name, DRAW_SEED, ("numpy", "onnxruntime", "torch", "onnx"))
    summary = {**found.totals, "codecs": len(folders), "cases": len(CASES)}
    cases = [asdict(case) for case in (*CASES, *COMPILED_CASES)]
    detail = {"cases": cases, "codecs": [a.to_json() for a in found.agreements]}
    write_study(out, "pointcloud", provenance, summary, detail)
    return found


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


def _opened(path: Path, case: Case) -> Runner:
    """NumPy is ONNX's own evaluator here, which shares no line with the other runtimes."""
    return open_reference(path) if case.runtime == "numpy" else open_runner(path, case)


def _parts(values: npt.NDArray[Any], batch: int) -> Iterator[npt.NDArray[Any]]:
    for start in range(0, len(values), batch):
        yield values[start : start + batch]
