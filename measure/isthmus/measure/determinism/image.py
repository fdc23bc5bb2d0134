"""Do the tables of an image agree, whichever runtime, thread count, batch or precision rebuilt them?

The networks that both sides of an image codec run (h_s,q of the adaptive bottleneck, h_s of a hyperprior) are run in
every case on what real images make of their input; every integer that comes out, and every cumulative frequency of the
tables built from it, is compared with the first case's.

A case is a runtime (onnxruntime, torch, NumPy), a number of threads, a batch and a precision. Two of its corners need
saying. onnxruntime has no convolution of float64: its cases of that name compute in float32 with every graph
optimisation off, which reorders the sums as well. And NumPy has no threads of its own: its cases with two run two
evaluators at once, each on its share of the images.

What if tables did differ? Packets are decoded with one entry of one table moved by one, and with one logit moved by
one: each must be refused, or decode to the very symbols that were sent (a table the image hardly uses). A checksum of
2 bytes lets one wrong decoding in 65,536 pass; those are counted as silent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.cdf import CdfTables
from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.bits.integer_softmax import synthesized_tables
from isthmus.common.errors import InputError, ManifestError, PacketError, SymbolMismatchError
from isthmus.common.image.coder import Adaptation, CodedImage, ImageCoder, ImageSymbols
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.tables import ImageTables
from isthmus.common.manifest.folder import CodecFolder, load_codec_folder
from isthmus.common.results import Provenance, Results, write_results
from isthmus.common.zoo import codec_folders, find_zoo
from isthmus.edge.image.encoder import ImageEncoder
from isthmus.measure.image.photographs import ImageSet, find_image_set
from isthmus.measure.track import Track, no_track
from isthmus.runtime.engine import open_graph
from isthmus.runtime.integer_half import LOGITS_FILE, SCALES_FILE, open_scale_indices, open_synthesis

Int32 = npt.NDArray[np.int32]
Run = Callable[[Int32], npt.NDArray[Any]]
SEED = 0
MOVES = 4  # of one entry, and of one logit, in each image


@dataclass(frozen=True, slots=True)
class ImageCase:
    """One way to run a graph."""

    runtime: str
    threads: int
    batch: int
    precision: str


CASES = tuple(
    ImageCase(runtime, threads, batch, precision)
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


def image_determinism(
    images: Path | None,
    codecs: str,
    limit: int,
    zoo: Path | None,
    out: Path,
    track: Track = no_track,
    cases: Sequence[ImageCase] = CASES,
) -> list[ImageAgreement]:
    """Compare every image codec that fits the patterns (comma apart), and write `determinism_image.json`.

    Args:
        images: a folder of images; None for the default set.
        limit: take only so many images; 0 for all.

    Raises:
        InputError: no such codec, no images.
    """
    chosen = find_image_set(images, limit)
    folders = _image_codecs(find_zoo(zoo), codecs)
    advance = track("image codecs, in every runtime", len(folders))
    agreements = []
    for folder in folders:
        agreements.append(compare_image_codec(folder, chosen, cases))
        advance(1)
    sums = {
        name: sum(getattr(a, name) for a in agreements)
        for name in ("mismatches", "comparisons", "moved", "refused", "harmless", "silent")
    }
    summary = {f"determinism.image_{name}": number for name, number in sums.items()} | {
        "determinism.image_cases": len(cases),
        "determinism.image_codecs": len(agreements),
        "determinism.image_images": len(chosen),
    }
    command = f"isthmus measure determinism-image --codecs '{codecs}'" + (f" --limit {limit}" if limit else "")
    provenance = Provenance.of(command, chosen.name, SEED, ("numpy", "onnxruntime", "torch", "onnx"))
    detail = {"cases": [asdict(case) for case in cases], "codecs": [asdict(a) for a in agreements]}
    write_results(out, Results("determinism_image", provenance, summary, detail))
    return agreements


def compare_image_codec(folder: Path, images: ImageSet, cases: Sequence[ImageCase] = CASES) -> ImageAgreement:
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
        reference = ImageCase("onnxruntime", 1, 1, "float32")
        expected = _outputs(codec.file(file), name, inputs, reference)
        expected_tables = [_table(output, like) for output in expected]
        for case in cases:
            for k, output in enumerate(_outputs(codec.file(file), name, inputs, case)):
                built = _table(output, like)
                outputs_differ += _differences(output, expected[k])
                tables_differ += _differences(built, expected_tables[k])
                compared += output.size + built.size
    outcomes = _moved_outcomes(codec, tables, coded)
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
    wanted = [pattern.strip() for pattern in patterns.split(",")]
    folders = [
        folder
        for folder in codec_folders(zoo)
        if any(fnmatchcase(folder.name, pattern) for pattern in wanted)
        and isinstance(load_codec_folder(folder, needed=()).manifest, ImageManifest)
    ]
    if not folders:
        raise InputError(f"expected image codecs that fit {patterns!r} in {zoo}, got none")
    return folders


def _coded(codec: CodecFolder[ImageManifest], images: ImageSet) -> list[CodedImage]:
    """Every image's packet; with synthesized tables if the codec has them, else with static ones."""
    encoder = ImageEncoder(codec.path)
    adaptation = Adaptation.SYNTHESIZED if codec.manifest.bins else Adaptation.STATIC
    return [encoder.encode(images.read(index), adaptation).coded for index in range(len(images))]


def _size(symbols: ImageSymbols) -> tuple[int, int]:
    return symbols.height, symbols.width


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


def _outputs(path: Path, name: str, inputs: Sequence[Int32], case: ImageCase) -> list[Int32]:
    """The graph's integers for each input, those of one shape in batches; a value that is no integer is an error."""
    outputs: dict[int, Int32] = {}
    shapes = {value.shape for value in inputs}
    batches = []
    for shape in sorted(shapes):
        alike = [k for k, value in enumerate(inputs) if value.shape == shape]
        batches += [alike[start : start + case.batch] for start in range(0, len(alike), case.batch)]
    workers = case.threads if case.runtime == "numpy" else 1
    runs = [_runner(path, name, case) for _ in range(workers)]

    def run_share(worker: int) -> None:
        for batch in batches[worker::workers]:
            floats = runs[worker](np.stack([inputs[k] for k in batch]))
            integers = floats.astype(np.int32)
            if not np.array_equal(integers, floats):
                raise ManifestError(f"{path.name}: expected a graph of exact integers, got others in {case}")
            outputs.update(zip(batch, integers, strict=True))

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(run_share, range(workers)))
    return [outputs[k] for k in range(len(inputs))]


def _runner(path: Path, name: str, case: ImageCase) -> Run:
    is_double = case.precision == "float64"
    if case.runtime == "onnxruntime":
        network = open_graph(path, case.threads, optimizes=not is_double)
        return lambda values: np.asarray(network.run({name: values})[0])
    import onnx

    model = onnx.load(path)
    if case.runtime == "numpy":
        from isthmus.models.exact.onnx_numpy import OnnxNumpy

        evaluator = OnnxNumpy(model, np.float64 if is_double else np.float32)
        return lambda values: evaluator.run({name: values})[0]
    import torch

    from isthmus.models.exact.onnx_torch import OnnxTorch

    net = OnnxTorch(model, torch.float64 if is_double else torch.float32)

    def run(values: Int32) -> npt.NDArray[Any]:
        before = torch.get_num_threads()
        torch.set_num_threads(case.threads)
        try:
            return np.asarray(net.run({name: values})[0])
        finally:
            torch.set_num_threads(before)

    return run


def _moved_outcomes(codec: CodecFolder[ImageManifest], tables: ImageTables, coded: Sequence[CodedImage]) -> list[str]:
    """What becomes of each image's packet under tables that are off by one."""
    rng = np.random.default_rng(SEED)
    manifest = codec.manifest
    synthesize = open_synthesis(codec) if manifest.bins else None
    scale_indices = open_scale_indices(codec) if manifest.hyper_channels else None
    right = ImageCoder(manifest, tables, synthesize=synthesize, scale_indices=scale_indices)
    outcomes = []
    for one in coded:
        symbols = one.symbols
        used = _used_groups(symbols, scale_indices)
        static = right.encode(symbols.y, *_size(symbols), adaptation=Adaptation.STATIC, z=symbols.z)
        for group in rng.choice(used, MOVES):
            wrong = replace(tables, tables=moved_entry(tables.tables, int(tables.first_table[group])))
            reader = ImageCoder(manifest, wrong, synthesize=synthesize, scale_indices=scale_indices)
            outcomes.append(_outcome(reader, static))
        if synthesize is None or symbols.q is None:
            continue
        logits = synthesize(symbols.q)
        for group in rng.choice(used, MOVES):
            moved = logits.copy()
            moved[group, manifest.bins // 2] += 1
            outcomes.append(_outcome(ImageCoder(manifest, tables, synthesize=_always(moved)), one))
    return outcomes


def _always(logits: Int32) -> Callable[[Int32], Int32]:
    return lambda _: logits


def _used_groups(symbols: ImageSymbols, scale_indices: Callable[[Int32], Int32] | None) -> npt.NDArray[np.int64]:
    """Groups whose latents are not all alike, or all of them."""
    if scale_indices is not None and symbols.z is not None:
        return np.unique(scale_indices(symbols.z)).astype(np.int64)
    flat = symbols.y.reshape(len(symbols.y), -1)
    used = np.flatnonzero(flat.min(1) != flat.max(1))
    return used if len(used) else np.arange(len(flat))


def moved_entry(tables: CdfTables, table: int) -> CdfTables:
    """The tables, with one unit of frequency moved from the likeliest entry of `table` to its neighbour."""
    cumulative = tables.cumulative.copy()
    frequencies = tables.frequencies(table)
    likeliest = int(frequencies.argmax())
    if likeliest + 1 < len(frequencies):
        cumulative[table, likeliest + 1] -= 1
    else:
        cumulative[table, likeliest] += 1
    return CdfTables(cumulative, tables.sizes, tables.offsets, tables.precision_bits, tables.has_escape)


def _outcome(reader: ImageCoder, coded: CodedImage) -> str:
    try:
        symbols = reader.decode(coded.packet.to_bytes())
    except (PacketError, SymbolMismatchError):
        return "refused"
    return "harmless" if np.array_equal(symbols.y, coded.symbols.y) else "silent"
