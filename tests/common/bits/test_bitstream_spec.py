"""BITSTREAM.md, executed: its examples, its table of errors with their golden files, and its measured figures."""

import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import pytest
from support.golden_images import golden_image_coder
from support.golden_videos import golden_video_coder
from support.paths import ROOT

from isthmus.common import errors
from isthmus.common.bits import context, expectation, range_coder
from isthmus.common.bits.cdf import CdfTables
from isthmus.common.bits.context import ContextModel
from isthmus.common.bits.entropy_file import MAX_FILE_CELLS
from isthmus.common.bits.expectation import ExpectationModel
from isthmus.common.bits.integer_softmax import synthesized_tables
from isthmus.common.bits.packet import Packet
from isthmus.common.bits.prior import MAX_CHANNELS, MAX_TABLE_CELLS, MAX_TABLES, Prior
from isthmus.common.bits.reference_coder import ReferenceEncoder
from isthmus.common.bits.stream_file import StreamReader
from isthmus.common.bits.symbols import Symbols
from isthmus.common.bits.varint import decode_varint, encode_varint
from isthmus.common.errors import IsthmusError
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.side import Adaptation
from isthmus.common.image.signal import IMAGE_LIMITS
from isthmus.common.image.tables import ImageTables
from isthmus.common.limits import Limits
from isthmus.common.manifest.fields import MAX_MANIFEST_SIZE_BYTES
from isthmus.common.manifest.folder import read_manifest
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.common.signals import MAX_PIXELS
from isthmus.common.video.codec_tables import open_tables
from isthmus.common.video.decoder import VideoDecoder
from isthmus.common.video.grid import MAX_BLOCKS, MAX_PLACES
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.motion_field import MotionField
from isthmus.common.video.residual import residual_context
from isthmus.common.video.signal import VIDEO_LIMITS
from isthmus.common.video.state import LatentState
from isthmus.common.video.step import fine_step
from isthmus.common.video.stepped_tables import SteppedTables
from isthmus.common.video.tables import VideoTables
from isthmus.common.video.tiles import basis
from isthmus.common.video.warp import tap_weights

Int32 = npt.NDArray[np.int32]

PAGE = (ROOT / "proto" / "BITSTREAM.md").read_text(encoding="utf-8")
ERRORS = sorted((ROOT / "tests" / "golden" / "errors").glob("*.json"))


def blocks(kind: str) -> list[str]:
    """The fenced blocks of one kind; a kind that the page lost fails here."""
    found = re.findall(rf"^```{kind}\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"BITSTREAM.md has no {kind} block"
    return found


def examples(kind: str) -> list[tuple[str, str]]:
    """The lines `left -> right` of all blocks of one kind."""
    lines = [line.split(" -> ") for block in blocks(kind) for line in block.splitlines()]
    return [(left, right) for left, right in lines]


def section_of_page(number: int) -> str:
    return PAGE.split(f"\n## {number}. ")[1].split("\n## ")[0]


def golden_manifest(codec: str) -> bytes:
    return (ROOT / "tests" / "golden" / "codecs" / f"{codec}.json").read_bytes()


def golden_prior(codec: str) -> Prior:
    return read_manifest(golden_manifest(codec), PointCloudManifest).prior


def test_the_page_has_its_fifteen_sections() -> None:
    assert [int(number) for number in re.findall(r"^## (\d+)\. ", PAGE, re.MULTILINE)] == list(range(1, 16))


@pytest.mark.parametrize(("data", "value"), examples("varint"))
def test_varint_examples(data: str, value: str) -> None:
    assert encode_varint(int(value)) == bytes.fromhex(data)
    assert decode_varint(bytes.fromhex(data), 0) == (int(value), len(bytes.fromhex(data)))


@pytest.mark.parametrize(("data", "fields"), examples("packet"))
def test_packet_examples(data: str, fields: str) -> None:
    packet = Packet.from_bytes(bytes.fromhex(data))
    sections = ",".join(section.hex() for section in packet.sections)
    assert (
        f"type={int(packet.type)} signals={packet.signal_count} sections=[{sections}] checksum={packet.checksum.hex()}"
        == fields
    )
    assert packet.to_bytes() == bytes.fromhex(data)


@pytest.mark.parametrize(("values", "data"), examples("checksum"))
def test_checksum_examples(values: str, data: str) -> None:
    assert Symbols(np.array([[int(value) for value in values.split()]])).checksum(4) == bytes.fromhex(data)


@pytest.mark.parametrize(("left", "data"), examples("section"))
def test_section_examples(left: str, data: str) -> None:
    codec, values = left.split(": ")
    prior, symbols = golden_prior(codec), Symbols(np.array([[int(value) for value in values.split()]]))
    section = b"" if data == "(empty)" else bytes.fromhex(data)
    assert prior.encode(symbols) == prior.encode_reference(symbols) == section
    assert prior.decode(section) == prior.decode_reference(section, 1) == symbols


def test_the_stream_example() -> None:
    data = bytes.fromhex(re.sub(r"#.*", "", blocks("stream")[0]))
    reader = StreamReader(io.BytesIO(data))
    manifest = read_manifest(golden_manifest("golden-tree"), PointCloudManifest)
    assert (reader.header.codec_name, reader.header.identity) == (manifest.name, manifest.identity)
    symbols = [manifest.prior.decode(packet.sections[0]).values.tolist() for packet in reader]
    assert symbols == [[[0, 0, -1, 2]], [[0, 0, -1, 0]]]


def test_the_trace_is_what_the_coder_does() -> None:
    prior = golden_prior("golden-tree")
    encoder = ReferenceEncoder(prior.tables)
    for line in blocks("trace")[0].splitlines()[1:]:
        symbol, table, low, length, *written = line.split()
        if symbol != "-":
            assert encoder.put(int(symbol), int(table)) == 0
        state = (encoder._low, encoder._range, encoder._out.hex())
        assert state == (int(low, 16), int(length, 16), "".join(written))
    assert encoder.finish().hex() == "bf90"


def test_the_manifests_of_the_page_are_the_golden_ones() -> None:
    pages = [block.encode() for block in blocks("manifest")]
    names = (
        "golden-tree",
        "golden-escape",
        "golden-image-q1",
        "golden-hyper-q1",
        "golden-context-q1",
        "golden-side-q1",
        "golden-video",
        "golden-tiles",
        "golden-planes",
    )
    assert pages == [golden_manifest(name) for name in names]
    for data, kind in zip(pages, [PointCloudManifest] * 2 + [ImageManifest] * 4 + [VideoManifest] * 3, strict=True):
        manifest = read_manifest(data)
        assert type(manifest) is kind
        assert manifest.to_bytes() == data


def test_the_tables_of_the_page_are_the_golden_ones() -> None:
    pages = [json.loads(block) for block in blocks("tables")]
    names = (
        "golden-image-q1",
        "golden-hyper-q1",
        "golden-context-q1",
        "golden-side-q1",
        "golden-video",
        "golden-tiles",
        "golden-planes",
    )
    assert pages == [golden_arrays(name) for name in names]


def golden_arrays(codec: str) -> dict[str, Any]:
    with np.load(ROOT / "tests" / "golden" / "codecs" / f"{codec}.npz", allow_pickle=False) as arrays:
        assert {arrays[name].dtype for name in arrays} == {np.dtype(np.int32)}
        return {name: arrays[name].tolist() for name in arrays}


@pytest.mark.parametrize(("left", "data"), examples("image"))
def test_image_examples(left: str, data: str) -> None:
    codec, size, adaptation, q, z, y = re.fullmatch(r"(\S+): (\S+) (\w+) q=(.*) z=(.*) y=(.*)", left).groups()  # type: ignore[union-attr]
    coder, (height, width) = golden_image_coder(codec), map(int, size.split("x"))
    packet = bytes.fromhex(data)
    symbols = coder.decode(packet)
    assert (symbols.height, symbols.width, symbols.adaptation) == (height, width, Adaptation(adaptation))
    for part, expected in ((symbols.q, q), (symbols.z, z), (symbols.y, y)):
        assert (part.ravel().tolist() if part is not None else []) == [int(value) for value in expected.split()]
    again = coder.encode(
        symbols.y,
        height,
        width,
        adaptation=symbols.adaptation,
        q=symbols.q,
        z=symbols.z,
        checksum_size_bytes=len(Packet.from_bytes(packet).checksum),
    )
    assert again.packet.to_bytes() == packet


def trace(model: ContextModel, planes: Int32, y: Int32, mask: npt.NDArray[np.bool_], tables: Int32) -> list[list[int]]:
    """Channel, row, column, symbol, activity and table of every latent that is coded, in order.

    `planes` are the given channels and then y.
    """
    magnitudes = np.minimum(np.abs(planes.astype(np.int64)), 15)
    lines, order = [], model.order.tolist()
    for place, channel in enumerate(order[model.given :], model.given):
        sources = {-1: magnitudes[order[model.given : place]].sum(0)} | dict(enumerate(magnitudes))
        for row, column in np.argwhere(mask).tolist():
            activity = 0
            for source, down, right, weight in model.taps[slice(*model.first_tap[channel : channel + 2])].tolist():
                at = (row + down, column + right)
                is_inside = 0 <= at[0] < mask.shape[0] and 0 <= at[1] < mask.shape[1]
                activity += weight * int(sources[source][at]) if is_inside else 0
            cell = (channel - model.given, row, column)
            lines.append([channel, row, column, int(y[cell]), activity, int(tables[cell])])
    return lines


def traced(kind: str) -> list[list[int]]:
    return [[int(word) for word in line.split()] for line in blocks(kind)[0].splitlines()[1:]]


def test_the_trace_of_contexts_is_what_the_model_does() -> None:
    coder = golden_image_coder("golden-context-q1")
    packet = next(right for left, right in examples("image") if left.startswith("golden-context-q1"))
    y, model = coder.decode(bytes.fromhex(packet)).y, coder.tables.context
    assert model is not None
    assert trace(model, y, y, np.ones(y.shape[1:], bool), model.table_indices(y)) == traced("context")


def test_the_trace_of_given_channels_is_what_the_model_does() -> None:
    coder = golden_video_coder("golden-video")
    decoder = VideoDecoder(coder)
    packets = [bytes.fromhex(right) for _, right in examples("video")]
    key = decoder.decode(packets[0]).state
    frame = decoder.decode(
        next(p for p in packets if Packet.from_bytes(p).type and len(Packet.from_bytes(p).sections) > 1)
    )
    assert frame.field is not None
    assert frame.residual is not None
    given, mask = residual_context(coder.predict(key, frame.field), frame.field, coder.manifest.block_latents)
    assert isinstance(coder.tables, VideoTables)
    model, r = coder.tables.residual, frame.residual
    tables = model.table_indices(r, given, mask)
    assert trace(model, np.concatenate([given, r]), r, mask, tables) == traced("given")


def test_video_examples() -> None:
    """In their order: each names the state that it refers to."""
    states: dict[int, LatentState] = {}
    for left, data in examples("video"):
        words = re.fullmatch(r"(\S+): (key|predicted) (.*) state=(.*)", left).groups()  # type: ignore[union-attr]
        coder, packet = golden_video_coder(words[0]), Packet.from_bytes(bytes.fromhex(data))
        frame = coder.decode(packet, tuple(states.values()))
        assert frame.state.values.ravel().tolist() == [int(value) for value in words[3].split()]
        fields = dict(re.findall(r"(\w+)=([-\d ]*)(?= \w|$)", words[2]))
        numbers = {name: [int(value) for value in text.split()] for name, text in fields.items()}
        assert [frame.state.serial] == numbers["serial"]
        if words[1] == "key":
            height, width = map(int, words[2].split()[0].split("x"))
            y = np.array(numbers["y"], np.int32).reshape(-1, height, width)
            assert [frame.step] == numbers.get("step", [0])
            again = coder.encode_intra(y, frame.state.serial, frame.step, checksum_size_bytes=len(packet.checksum))
        else:
            reference = states[numbers["reference"][0]]
            grid = coder.block_grid(*reference.values.shape[1:])
            vectors = np.array(numbers["vectors"]).reshape(*grid, 2)
            field = MotionField(np.array(numbers["modes"]).reshape(grid), vectors, " smooth " in f" {words[2]} ")
            r = np.array(numbers["residual"], np.int32).reshape(reference.values.shape) if numbers["residual"] else ()
            again = coder.encode_predicted(
                reference, field, r, frame.state.serial, frame.step, checksum_size_bytes=len(packet.checksum)
            )
        assert again.packet.to_bytes().hex(" ") == data
        assert (again.state.values == frame.state.values).all()
        states[frame.state.serial] = frame.state


def test_the_trace_of_expectations_is_what_the_model_does() -> None:
    coder = golden_video_coder("golden-tiles")
    packet = next(data for left, data in examples("video") if left.startswith("golden-tiles"))
    frame = coder.decode(Packet.from_bytes(bytes.fromhex(packet)), ())
    assert frame.symbols is not None
    assert isinstance(coder.tables, SteppedTables)
    model, y = coder.tables.intra, frame.symbols
    # Rows and columns of a tile of 3 x 2: bands 0, 0, 1 down and 0, 1 across.
    scales = coder.tables.intra_scales[:, [0, 0, 1]][:, :, [0, 1, 0, 1]]
    expected = coder.tables.expected[np.clip(scales - frame.step + 128, 0, 255)]
    assert expectation_trace(model, y, expected) == traced("expectation")


def expectation_trace(model: ExpectationModel, y: Int32, expected: Int32) -> list[list[int]]:
    """Channel, row, column, symbol, expected, found, known and table of every latent, worked out apart."""
    tables = model.table_indices(y, expected)
    found, known = np.minimum(np.abs(y.astype(np.int64)), 15), np.minimum(expected.astype(np.int64), 15 * 1024)
    lines = []
    for c, r, k in np.ndindex(*y.shape):
        sums = [0, 0]
        for back, down, right, weight in model.taps.tolist():
            at = (r + down, k + right)
            if back <= c and 0 <= at[0] < y.shape[1] and 0 <= at[1] < y.shape[2]:
                for n, plane in enumerate((found, known)):
                    source = plane[:c].sum(0) if back == -1 else plane[c - back]
                    sums[n] += weight * int(source[at])
        cell = (c, r, k)
        lines.append([c, r, k, int(y[cell]), int(expected[cell]), *sums, int(tables[cell])])
    return lines


@pytest.mark.parametrize(("step", "size"), examples("step"))
def test_step_examples(step: str, size: str) -> None:
    assert fine_step(int(step)) == int(size)


@pytest.mark.parametrize(("left", "row"), examples("basis"))
def test_basis_examples(left: str, row: str) -> None:
    length, frequency = map(int, left.split())
    assert basis(length)[frequency].tolist() == [int(value) for value in row.split()]


@pytest.mark.parametrize(("phase", "weights"), examples("taps"))
def test_tap_examples(phase: str, weights: str) -> None:
    assert tap_weights()[int(phase)].tolist() == [int(weight) for weight in weights.split()]


@pytest.mark.parametrize(("left", "frequencies"), examples("softmax"))
def test_softmax_examples(left: str, frequencies: str) -> None:
    support, logits = left.split(": ")
    first, last = map(int, support.split(".."))
    size = last - first + 2
    like = CdfTables.from_frequencies([[65536 - size + 1] + [1] * (size - 1)], np.array([first]), 16, has_escape=True)
    tables = synthesized_tables(np.array([[int(logit) for logit in logits.split()]], np.int32), like)
    assert tables.frequencies(0).tolist() == [int(frequency) for frequency in frequencies.split()]


def test_the_limits_of_the_page_are_those_enforced() -> None:
    numbers = [int(number) for number in re.findall(r"\| (\d+) \|$", section_of_page(10), re.MULTILINE)]
    limits = Limits()
    assert numbers == [
        limits.max_packet_size_bytes,
        limits.max_symbol_count,
        limits.max_signal_count,
        MAX_MANIFEST_SIZE_BYTES,
        MAX_CHANNELS,
        MAX_TABLES,
        MAX_TABLE_CELLS,
        IMAGE_LIMITS.max_packet_size_bytes,
        IMAGE_LIMITS.max_symbol_count,
        IMAGE_LIMITS.max_signal_count,
        MAX_PIXELS,
        MAX_FILE_CELLS,
        VIDEO_LIMITS.max_packet_size_bytes,
        VIDEO_LIMITS.max_symbol_count,
        VIDEO_LIMITS.max_signal_count,
        MAX_BLOCKS,
        MAX_PLACES,
    ]


def test_every_row_of_errors_has_its_file_and_every_file_its_row() -> None:
    rows = re.findall(r"^\| `(\w+)` \| §[\d.]+: .+ \| `(\w+)` \|$", section_of_page(11), re.MULTILINE)
    assert len(rows) == len({name for name, _ in rows})
    assert dict(rows) == {path.stem: json.loads(path.read_text())["error"] for path in ERRORS}


def malformed_manifest(case: dict[str, Any]) -> bytes:
    if "bytes" in case:
        return bytes.fromhex(case["bytes"])
    if "text" in case:
        return bytes(case["text"], "utf-8") * int(case.get("repeat", 1))
    old, new = map(str, case["replace"])
    row, count = case.get("repeat_row", ["", 0])
    text = golden_manifest(case["codec"]).decode()
    assert text.count(old) == 1
    return text.replace(old, new.replace("@", row * count + str(row).rstrip(","))).encode()


def malformed_tables(case: dict[str, Any]) -> bytes:
    if "bytes" in case:
        return bytes.fromhex(case["bytes"])
    arrays = golden_arrays(case["codec"]) | case["change"]
    kept = {name: np.array(entries) for name, entries in arrays.items() if entries is not None}
    file = io.BytesIO()
    narrow: dict[str, Any] = {name: a.astype(np.int32) if a.dtype.kind == "i" else a for name, a in kept.items()}
    np.savez(file, **narrow)
    return file.getvalue()


@contextmanager
def in_python(*, is_reference: bool) -> Iterator[None]:
    """With the coders that are compiled, or with their references in Python."""
    with ExitStack() as stack:
        for module in (range_coder, context, expectation) if is_reference else ():
            stack.enter_context(patch.object(module, "compiled", None))
        yield


def read_tables(case: dict[str, Any], folder: Path) -> None:
    (folder / "entropy.npz").write_bytes(malformed_tables(case))
    if case.get("codec") in ("golden-video", "golden-tiles", "golden-planes"):
        open_tables(folder / "entropy.npz", golden_video_coder(case["codec"]).manifest)
    else:
        ImageTables.load(folder / "entropy.npz")


def read_image(case: dict[str, Any], data: bytes, limits: Limits, *, is_reference: bool) -> None:
    coder = golden_image_coder(case["codec"])
    with in_python(is_reference=is_reference):
        coder.decode(data, limits)


def read_video(case: dict[str, Any], data: bytes, limits: Limits, *, is_reference: bool) -> None:
    decoder = VideoDecoder(golden_video_coder(case["codec"], case.get("replace", ("", ""))), limits)
    with in_python(is_reference=is_reference):
        if "reference" in case:
            decoder.decode(bytes.fromhex(case["reference"]))
        decoder.decode(data)


def read_points(case: dict[str, Any], data: bytes, limits: Limits) -> None:
    prior, packet = golden_prior(case["codec"]), Packet.from_bytes(data, limits)
    limits.check_symbol_count(packet.signal_count * prior.channels)
    packet.verify(prior.decode(packet.sections[0], packet.signal_count))


def read_section(case: dict[str, Any], data: bytes, *, is_reference: bool) -> None:
    prior = golden_prior(case["codec"])
    (prior.decode_reference if is_reference else prior.decode)(data, case["signals"])


def read_malformed(case: dict[str, Any], folder: Path, *, is_reference: bool) -> None:
    """Reads a golden file's bytes as its kind says."""
    limits = Limits(**case.get("limits", {}))
    data = bytes.fromhex(case.get("bytes", ""))
    readers: dict[str, Callable[[], object]] = {
        "manifest": lambda: read_manifest(malformed_manifest(case)),
        "tables": lambda: read_tables(case, folder),
        "packet": lambda: Packet.from_bytes(data, limits),
        "stream": lambda: list(StreamReader(io.BytesIO(data), limits)),
        "section": lambda: read_section(case, data, is_reference=is_reference),
        "image": lambda: read_image(case, data, limits, is_reference=is_reference),
        "video": lambda: read_video(case, data, limits, is_reference=is_reference),
        "decode": lambda: read_points(case, data, limits),
    }
    readers[case["kind"]]()


@pytest.mark.parametrize("path", ERRORS, ids=lambda path: path.stem)
def test_golden_errors(path: Path, tmp_path: Path) -> None:
    case = json.loads(path.read_text())
    for is_reference in (False, True):
        with pytest.raises(IsthmusError) as caught:
            read_malformed(case, tmp_path, is_reference=is_reference)
        assert type(caught.value) is getattr(errors, case["error"])
        assert case["message"] in str(caught.value)


def test_the_overhead_table_is_the_measured_one() -> None:
    detail = json.loads((ROOT / "results" / "coder.json").read_text())["detail"]
    lines = [line for line in section_of_page(12).splitlines() if re.match(r"\| \d", line)]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    expected = [
        [
            str(row["symbols"]),
            *(
                f"{row[key]:.2f}"
                for key in (
                    "ideal_bits",
                    "coded_bits",
                    "overhead_bits",
                    "packet_bits",
                    "constriction_range_bits",
                    "constriction_ans_bits",
                )
            ),
        ]
        for row in detail["overhead"]
    ]
    assert [row[:7] for row in rows] == expected


def test_the_measured_overhead_meets_the_aim() -> None:
    summary = json.loads((ROOT / "results" / "coder.json").read_text())["summary"]
    assert summary["coder.overhead_bits_32_symbols"] <= 3.5
    assert summary["coder.overhead_bits_1024_symbols"] <= 5
