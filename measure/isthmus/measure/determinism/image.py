"""Do the tables of an image agree, whichever runtime, thread count, batch or precision rebuilt them?

The networks that both sides of an image codec run (h_s,q of the adaptive bottleneck, h_s of a hyperprior) are run in
every case on what real images make of their input; every integer that comes out, and every cumulative frequency of the
tables built from it, is compared with the first case's.

A case is a runtime (onnxruntime, torch, NumPy), a number of threads, a batch and a precision. Two of its corners need
saying. onnxruntime has no convolution of float64: its cases of that name compute in float32 with every graph
optimisation off, which reorders the sums as well. And NumPy has no threads of its own: its cases with two run two
evaluators at once, each on its share of the images.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.cdf import CdfTables
from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.bits.integer_softmax import synthesized_tables
from isthmus.common.errors import InputError, ManifestError
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.side import Adaptation
from isthmus.common.image.symbols import CodedImage
from isthmus.common.image.tables import ImageTables
from isthmus.common.manifest.folder import CodecFolder, load_codec_folder
from isthmus.common.results import Provenance
from isthmus.common.zoo import find_zoo
from isthmus.edge.image.encoder import ImageEncoder
from isthmus.measure.codecs import fitting_codecs
from isthmus.measure.command_line import command_line
from isthmus.measure.determinism.moved_tables import SEED, moved_outcomes
from isthmus.measure.determinism.options import ImageCases
from isthmus.measure.determinism.runtimes import Case, open_runner
from isthmus.measure.determinism.study import Verdict, compared, write_study
from isthmus.measure.image.photographs import ImageSet, find_image_set
from isthmus.measure.track import Track, no_track
from isthmus.runtime.integer_half import LOGITS_FILE, SCALES_FILE

Int32 = npt.NDArray[np.int32]


CASES = tuple(
    Case(runtime, threads, batch, precision)
    for runtime, threads, batch, precision in product(
        ("onnxruntime", "torch", "numpy"), (1, 2), (1, 4), ("float32", "float64")
    )
)


@dataclass(frozen=True, slots=True)
class ImageAgreement:
    """What was compared of one codec, how much of it differed, and what became of packets read with wrong tables.

    Attributes:
        comparisons: integers compared: outputs of the network and cumulative frequencies, over all cases.
        moved: decodings with a wrong table: `refused`, `harmless` (the symbols sent came out) or `silent` (others did).
    """

    codec: str
    images: int
    comparisons: int
    output_mismatches: int
    table_mismatches: int
    refused: int
    harmless: int
    silent: int

    @property
    def mismatches(self) -> int:
        """Outputs and table entries that differed."""
        return self.output_mismatches + self.table_mismatches

    @property
    def moved(self) -> int:
        """Decodings with a wrong table."""
        return self.refused + self.harmless + self.silent

    def counts(self) -> dict[str, int]:
        """What is added up over the codecs."""
        names = ("mismatches", "comparisons", "moved", "refused", "harmless", "silent")
        return {name: getattr(self, name) for name in names}

    def to_json(self) -> dict[str, Any]:
        """As plain containers, for a results file."""
        return asdict(self)


def image_determinism(
    options: ImageCases, out: Path, track: Track = no_track, cases: Sequence[Case] = CASES
) -> Verdict[ImageAgreement]:
    """Compare every image codec that fits the patterns, and write `determinism_image.json`.

    Raises:
        InputError: no such codec, no images.
    """
    images = find_image_set(options.images, options.limit)
    folders = _image_codecs(find_zoo(options.zoo), options.codecs)
    found = compared(
        "image codecs, in every runtime", folders, lambda folder: compare_image_codec(folder, images, cases), track
    )
    command = command_line("isthmus measure determinism-image", options)
    provenance = Provenance.of(command, images.name, SEED, ("numpy", "onnxruntime", "torch", "onnx"))
    summary = {**found.totals, "cases": len(cases), "codecs": len(folders), "images": len(images)}
    detail = {"cases": [asdict(case) for case in cases], "codecs": [a.to_json() for a in found.agreements]}
    write_study(out, "image", provenance, summary, detail)
    return found


def compare_image_codec(folder: Path, images: ImageSet, cases: Sequence[Case] = CASES) -> ImageAgreement:
    """Run a codec's shared networks on some images in every case, and read its packets with wrong tables."""
    codec = load_codec_folder(folder, kind=ImageManifest)
    manifest = codec.manifest
    tables = ImageTables.load(codec.file(ENTROPY_FILE))
    coded = _coded(codec, images)
    compared = outputs_differ = tables_differ = 0
    if manifest.bins or manifest.hyper_channels:
        file = LOGITS_FILE if manifest.bins else SCALES_FILE
        name = "q" if manifest.bins else "z"
        values = [one.symbols.q if manifest.bins else one.symbols.z for one in coded]
        inputs = [value for value in values if value is not None]
        like = _first_candidates(tables) if manifest.bins else None
        reference = Case("onnxruntime", 1, 1, "float32")
        expected = _outputs(codec.file(file), name, inputs, reference)
        expected_tables = [_table(output, like) for output in expected]
        for case in cases:
            for k, output in enumerate(_outputs(codec.file(file), name, inputs, case)):
                built = _table(output, like)
                outputs_differ += _differences(output, expected[k])
                tables_differ += _differences(built, expected_tables[k])
                compared += output.size + built.size
    outcomes = moved_outcomes(codec, tables, coded)
    return ImageAgreement(
        folder.name,
        len(coded),
        compared,
        outputs_differ,
        tables_differ,
        outcomes.count("refused"),
        outcomes.count("harmless"),
        outcomes.count("silent"),
    )


def _image_codecs(zoo: Path, patterns: str) -> list[Path]:
    fitting = fitting_codecs(zoo, patterns)
    folders = [f for f in fitting if isinstance(load_codec_folder(f, needed=()).manifest, ImageManifest)]
    if not folders:
        raise InputError(f"expected image codecs that fit {patterns!r} in {zoo}, got none")
    return folders


def _coded(codec: CodecFolder[ImageManifest], images: ImageSet) -> list[CodedImage]:
    """Every image's packet; with synthesized tables if the codec has them, else with static ones."""
    encoder = ImageEncoder(codec.path)
    adaptation = Adaptation.SYNTHESIZED if codec.manifest.bins else Adaptation.STATIC
    return [encoder.encode(images.read(index), adaptation).detail for index in range(len(images))]


def _first_candidates(tables: ImageTables) -> CdfTables:
    """The static table of every group."""
    rows = tables.first_table[:-1]
    all_tables = tables.tables
    width = int(all_tables.sizes[rows].max()) + 1
    return CdfTables(
        all_tables.cumulative[rows, :width],
        all_tables.sizes[rows],
        all_tables.offsets[rows],
        all_tables.precision_bits,
        all_tables.has_escape,
    )


def _table(output: Int32, like: CdfTables | None) -> npt.NDArray[np.uint32]:
    """Cumulative frequencies that the logits give; scale indices name tables that are there already."""
    return synthesized_tables(output, like).cumulative if like is not None else np.empty(0, np.uint32)


def _differences(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> int:
    return int((a != b).sum()) if a.shape == b.shape else max(a.size, b.size)


def _outputs(path: Path, name: str, inputs: Sequence[Int32], case: Case) -> list[Int32]:
    """The graph's integers for each input, those of one shape in batches; a value that is no integer is an error."""
    outputs: dict[int, Int32] = {}
    shapes = {value.shape for value in inputs}
    batches = []
    for shape in sorted(shapes):
        alike = [k for k, value in enumerate(inputs) if value.shape == shape]
        batches += [alike[start : start + case.batch] for start in range(0, len(alike), case.batch)]
    workers = case.threads if case.runtime == "numpy" else 1
    runs = [open_runner(path, case) for _ in range(workers)]

    def run_share(worker: int) -> None:
        for batch in batches[worker::workers]:
            floats = runs[worker]({name: np.stack([inputs[k] for k in batch])})
            integers = floats.astype(np.int32)
            if not np.array_equal(integers, floats):
                raise ManifestError(f"{path.name}: expected a graph of exact integers, got others in {case}")
            outputs.update(zip(batch, integers, strict=True))

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(run_share, range(workers)))
    return [outputs[k] for k in range(len(inputs))]
