"""A fourth signal, a fourth task and a third engine, made of what the package offers and of no file of it.

A waveform is a file of numbers, one a line. Its codec sends the loudness of each of eight parts as a symbol of 0 to 7;
the cloud says whether it is a tone or noise (`classification`), or where it is loud (`spans`: a task of its own).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from isthmus.cloud.half import Answer, Bench, Steps, elapsed
from isthmus.codec.inspector import Inspector
from isthmus.common import protocol
from isthmus.common.admission import of_size
from isthmus.common.bits.cdf import CdfTables
from isthmus.common.bits.packet import Packet
from isthmus.common.bits.prior import Prior
from isthmus.common.bits.symbols import Symbols
from isthmus.common.codec import Allowance, Signal
from isthmus.common.coded import Coded, Timing
from isthmus.common.cost import Cost
from isthmus.common.errors import InputError, MessageError, RemoteError
from isthmus.common.limits import Limits, StreamLimits
from isthmus.common.manifest.codec_file import Source, stream_of
from isthmus.common.manifest.folder import file_sha256, load_codec_folder, write_codec_manifest
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.options import option
from isthmus.common.task import Asked, Task, Told
from isthmus.common.zoo import find_codec
from isthmus.data.inputs import found_files
from isthmus.edge.failures import Failure
from isthmus.edge.files import run_files
from isthmus.edge.inputs import Inputs
from isthmus.edge.job import Job, Packed, pack_files

PARTS, LEVELS = 8, 8
CLASS_NAMES = ("noise", "tone")
GAINS_FILE = "gains.txt"
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Waveform:
    """Samples of a sound, float64 [n], at least one a part."""

    samples: Float64

    def __post_init__(self) -> None:
        if self.samples.ndim != 1 or len(self.samples) < PARTS:
            raise InputError(f"waveform: expected at least {PARTS} samples [n], got shape {list(self.samples.shape)}")


@dataclass(frozen=True, slots=True)
class Spans:
    """Outcome of the task `spans`: where a waveform is loud, as (first part, last part, loudness)."""

    found: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class WaveformManifest(Manifest):
    """A codec of waveforms."""

    signal: ClassVar[str] = "waveform"

    parts: int = PARTS
    tasks: tuple[str, ...] = ("classification", "spans")

    @property
    def classes(self) -> tuple[str, ...]:
        return CLASS_NAMES

    def _check(self) -> None: ...

    @classmethod
    def json_fields(cls) -> dict[str, type]:
        return {"parts": int}

    @classmethod
    def from_json(cls, fields: dict[str, Any], shared: dict[str, Any]) -> WaveformManifest:
        return cls(parts=fields["parts"], **shared)

    def _to_json(self) -> dict[str, Any]:
        return {"parts": self.parts}


def prior() -> Prior:
    """What both halves code with."""
    return Prior.independent(CdfTables.from_frequencies([[32] * LEVELS] * PARTS, np.zeros(PARTS, np.int32), 8))


class WaveformEncoder:
    """The edge half."""

    def __init__(self, folder: Path, threads: int = 1, engine: str = "auto") -> None:
        del threads, engine
        codec = load_codec_folder(folder, needed=(GAINS_FILE,), kind=WaveformManifest)
        self.manifest = codec.manifest
        self._gain = float(codec.file(GAINS_FILE).read_text())
        self._prior = prior()

    def encode(self, signal: Waveform) -> Coded[Symbols]:
        parts = np.array_split(signal.samples, PARTS)
        loud = np.array([[np.abs(part).mean() * self._gain for part in parts]])
        symbols = Symbols(np.clip(np.rint(loud), 0, LEVELS - 1).astype(np.int32))
        packet = Packet.intra(self._prior.encode(symbols), symbols, 2)
        return Coded(packet, Timing((("all", 0.0),)), symbols, lambda: self._prior.estimated_bits(symbols))


class WaveformCodec:
    """The cloud half."""

    held_bytes = 0

    def __init__(self, folder: Path, bench: Bench) -> None:
        self.manifest = load_codec_folder(folder, needed=(), kind=WaveformManifest).manifest
        self.limits = bench.allowance.limits.packet

    def open_stream(self, stream_id: str) -> WaveformCodec:
        del stream_id
        return self

    def stop(self) -> None: ...

    def cost(self, packet: bytes) -> Cost:
        return Cost(PARTS, 8 * len(packet))

    def answer(self, packets: Sequence[bytes], opening: protocol.OpenStream) -> Steps[Answer]:
        yield PARTS * len(packets)
        return [self._outcome(data, opening) for data in packets], elapsed(0.0, 0.0, 0.0)

    def _outcome(self, data: bytes, opening: protocol.OpenStream) -> protocol.Outcome:
        try:
            levels = _levels(Packet.from_bytes(data, self.limits))
        except RemoteError as error:
            return error
        if opening.task == SPANS.number:
            return write_spans(spans_of(levels))
        is_tone = max(levels) - min(levels) <= 1
        labels = [int(is_tone) << 10 | 900, int(not is_tone) << 10 | 100]
        return protocol.FrameLabels(tuple(labels[: opening.top_k]))


def spans_of(levels: Sequence[int]) -> Spans:
    """Runs of parts of level 4 and more."""
    found: list[tuple[int, int, int]] = []
    for place, level in enumerate(levels):
        if level >= 4 and found and found[-1][1] == place - 1:
            found[-1] = (found[-1][0], place, max(found[-1][2], level))
        elif level >= 4:
            found.append((place, place, level))
    return Spans(tuple(found))


def write_spans(spans: Spans) -> protocol.FrameAnswer:
    """Three bytes a span."""
    return protocol.FrameAnswer(b"".join(struct.pack("BBB", *span) for span in spans.found))


def read_spans(outcome: protocol.Outcome, asked: Asked) -> Spans:
    """MessageError for what is no answer of ours."""
    del asked
    if not isinstance(outcome, protocol.FrameAnswer) or len(outcome.data) % 3:
        raise MessageError(f"result: expected spans of three bytes each, got {outcome!r:.80}")
    return Spans(tuple(struct.iter_unpack("BBB", outcome.data)))


def tell_spans(spans: Spans, class_names: tuple[str, ...]) -> Told:
    """Parts as a person counts them."""
    del class_names
    words = ", ".join(f"{first}-{last}" for first, last, _ in spans.found) or "none"
    return Told((words, str(len(spans.found))), {"spans": [list(span) for span in spans.found]})


SPANS: Task[Spans] = Task(1001, "spans", read_spans, ("loud parts", "spans*"), tell_spans)


@dataclass(frozen=True, slots=True)
class WaveformOptions:
    """What only waveforms have."""

    panel: ClassVar[str] = "Waveforms"
    volume: float = option(1.0, "What samples are multiplied by.", least=0)


@dataclass(frozen=True, slots=True)
class WaveformLimits:
    """What a cloud takes of them."""

    panel: ClassVar[str] = "Waveforms"
    max_waveform_bytes: int = option(64, "Largest packet.", least=1)

    def taken(self, allowance: Allowance, max_in_flight: int) -> Allowance:
        del max_in_flight
        return of_size(allowance, self.max_waveform_bytes)


def _paths(inputs: Iterable[str | Path]) -> list[Path]:
    return found_files(inputs, WAVEFORM.suffixes, "waveform")


def read_waveform(name: str | Path, volume: float = 1.0) -> Waveform:
    """One number a line. InputError if the file cannot be read so."""
    try:
        return Waveform(np.loadtxt(name, ndmin=1) * volume)
    except (OSError, ValueError) as error:
        raise InputError(f"{name}: expected a number a line: {error}") from error


def open_encoder(folder: Path, options: WaveformOptions, engine: str = "auto") -> WaveformEncoder:
    """For programs."""
    del options  # they say how sounds are read
    return WaveformEncoder(folder, engine=engine)


def read(given: Any, encoder: WaveformEncoder, options: WaveformOptions, format_name: str = "") -> Iterator[Waveform]:
    """The sounds in a path or an array."""
    del encoder, format_name
    if isinstance(given, str | Path):
        yield from (read_waveform(path, options.volume) for path in _paths([given]))
    else:
        yield given if isinstance(given, Waveform) else Waveform(np.asarray(given, np.float64) * options.volume)


def _levels(packet: Packet) -> list[int]:
    symbols = prior().decode(packet.sections[-1], packet.signal_count)
    packet.verify(symbols)
    return [int(level) for level in symbols.values[0]]


INSPECTOR = Inspector(
    latents=lambda manifest: str(manifest.parts),
    codec_rows=lambda folder: [("classes", ", ".join(folder.manifest.classes))],
    packet_rows=lambda _, packet: [("levels", " ".join(map(str, _levels(packet))))],
    heading="levels",
    summaries=lambda _: lambda packet: " ".join(map(str, _levels(packet))),
)


def _opened(job: Job) -> tuple[WaveformEncoder, float]:
    options: WaveformOptions = job.options or WaveformOptions()
    return WaveformEncoder(find_codec(job.codec, job.zoo)), options.volume


def pack(job: Job) -> Iterator[Packed | Failure]:
    encoder, volume = _opened(job)
    return pack_files(encoder, Inputs(job.inputs, _paths), lambda item: read_waveform(item.place.name, volume))


def run(job: Job) -> int:
    encoder, volume = _opened(job)
    return run_files(job, WAVEFORM, encoder, _paths, lambda item: read_waveform(item.place.name, volume))


WAVEFORM = Signal(
    name="waveform",
    noun="waveform",
    plural="waveforms",
    manifest=WaveformManifest,
    formats={".wave": "wave"},
    default_codec="waveform-toy-q1",
    allowance=Allowance(StreamLimits(Limits(64, 64, 1), 16, 4096, 5.0), max_stream_count=2, max_batch_frame_count=4),
    encoder="support.toy_waveform:open_encoder",
    read="support.toy_waveform:read",
    cloud_half="support.toy_waveform:WaveformCodec",
    pack="support.toy_waveform:pack",
    job="support.toy_waveform:run",
    options="support.toy_waveform:WaveformOptions",
    inspector="support.toy_waveform:INSPECTOR",
    admission="support.toy_waveform:WaveformLimits",
)


def write_waveform_codec(zoo: Path, tasks: tuple[str, ...] = ("classification", "spans")) -> Path:
    """The codec's folder in a zoo."""
    folder = zoo / WAVEFORM.default_codec
    folder.mkdir(parents=True)
    (folder / GAINS_FILE).write_text("7.0")
    weights = ((GAINS_FILE, file_sha256(folder / GAINS_FILE)),)
    write_codec_manifest(WaveformManifest(name=folder.name, weights=weights, tasks=tasks), folder)
    return folder


class EvaluatorEngine:
    """A third engine: graphs of ONNX in the reference evaluator, in NumPy."""

    name = "evaluator"
    suffix = ".onnx"

    def __init__(self) -> None:
        self.runs = 0

    def missing(self) -> str:
        return ""

    def open(self, graph: Source | bytes, threads: int, *, optimizes: bool = True) -> EvaluatorNetwork:
        del threads, optimizes
        return EvaluatorNetwork(self, graph)


class EvaluatorNetwork:
    """One graph, opened by it."""

    def __init__(self, engine: EvaluatorEngine, graph: Source | bytes) -> None:
        import onnx
        from onnx.reference import ReferenceEvaluator

        model = onnx.load_from_string(graph) if isinstance(graph, bytes) else onnx.load(stream_of(graph))
        self._engine = engine
        self._evaluator = ReferenceEvaluator(model)
        elements: dict[int, str] = {onnx.TensorProto.FLOAT: "float", onnx.TensorProto.INT32: "int32"}
        self.ends = tuple(
            (
                end.name,
                elements[end.type.tensor_type.elem_type],
                tuple(d.dim_value or d.dim_param for d in end.type.tensor_type.shape.dim),
            )
            for end in (*model.graph.input, *model.graph.output)
        )

    def run(self, feeds: Mapping[str, Any]) -> Sequence[Any]:
        self._engine.runs += 1
        outputs: Sequence[Any] = self._evaluator.run(None, dict(feeds))  # type: ignore[assignment]
        return outputs
