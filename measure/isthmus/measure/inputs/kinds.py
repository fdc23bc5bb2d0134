"""The kinds of inputs, each a row of `docs/inputs.md`, and which tests show what becomes of them.

A row of the document that has no line here, or a line whose pattern fits no test, is a failure of the measurement: so
the document promises nothing that is not shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

TESTS = (
    "tests/end_to_end/test_inputs_*.py",
    "tests/split/test_heads.py",
    "tests/split/test_conventions.py",
    "tests/command/test_video_sources.py",
    "tests/common/data/video/test_pipe.py",
    "tests/common/data/video/test_reopening.py",
    "tests/common/data/image/test_labelled.py",
    "tests/common/data/bag/test_damage.py",
)
"""Files of tests, seen from the checkout."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One row.

    Attributes:
        area: heading in the document that it stands under.
        row: its first cell.
        pattern: a regular expression, found in the names of its tests: ``test_inputs_images::test_pictures[P1]``.
    """

    area: str
    row: str
    pattern: str


def _kinds(area: str, file: str, *rows: tuple[str, str]) -> tuple[Kind, ...]:
    """Rows whose pattern begins in a file's tests, where it names no file of its own."""
    return tuple(Kind(area, row, pattern if "::" in pattern else rf"^{file}::.*{pattern}") for row, pattern in rows)


KINDS: tuple[Kind, ...] = (
    *_kinds(
        "Point clouds",
        "test_inputs_pointclouds",
        ("all", r"far_away|far away|a picture|without a(ny)? return"),
        ("all text", r"\[\w+ in utf-|UTF-16"),
        ("XYZ, CSV, TXT", r"\[(xyz|csv) "),
        ("NPY", r"\[npy "),
        ("BIN", r"\[(pcd\.)?bin "),
        ("PCD", r"\[pcd "),
        ("PLY", r"\[ply"),
        ("OFF, OBJ", r"\[(off|obj)"),
        ("STL", r"\[stl"),
        ("LAS, LAZ", r"^test_inputs_surveys::.*(\[la[sz]|laz)"),
        ("E57", r"^test_inputs_surveys::.*e57"),
        ("PCAP, PCAPNG", r"^test_inputs_recordings::.*pcap"),
        ("glTF, GLB", r"^test_inputs_scenes::.*\[gl(b|tf)"),
        ("3MF", r"^test_inputs_scenes::.*3mf"),
        ("DAE", r"^test_inputs_scenes::.*dae"),
        ("arrays", r"test_a_program_s_arrays"),
    ),
    *_kinds(
        "Images",
        "test_inputs_images",
        ("all", r"orientation|of two frames|ICC of"),
        ("PNG", r"\[(png|PNG)"),
        ("TIFF, BigTIFF", r"\[(tiff|TIFF)"),
        ("JPEG", r"\[(jpeg|mpo|JPEG)"),
        ("WebP, GIF, APNG", r"\[(webp|WEBP|gif|PNG of two frames)"),
        ("BMP", r"\[bmp"),
        ("PPM, PGM, PBM, PNM", r"\[(b')?P[1-6f]"),
        ("AVIF", r"\[(avif|AVIF)"),
        ("HEIC", r"test_heic"),
    ),
    *_kinds(
        "Videos",
        "test_inputs_video",
        ("MP4, MOV, MKV, WebM, AVI, WMV, FLV, MPEG-TS, Y4M, raw H.264, …", r"\[whole, |, 264\]"),
        ("display matrix (MP4, MOV, MKV, H.264's own)", r"\[turned by"),
        ("pixels that are not square", r"\[pixels "),
        ("matrix of colours", r"untagged|BT\.(601|709)"),
        ("range", r"full range"),
        ("primaries, HDR (PQ, HLG), interlacing, alpha", r"\[taken as it is"),
        ("edit lists, dropped frames of AVI", r"\[an (edit list|AVI with gaps)"),
        ("a cut or damaged file", r"\[cut at"),
        ("a folder of images, `frame%04d.png`", r"\[(frame|a pattern)"),
        ("GIF, WebP, PNG that move (with `--video`)", r"\[a moving image|that does not move"),
        ("a pipe, `-` or a named one", r"^test_video_sources::.*(pipe|stalls)|^test_inputs_video::.*in a pipe"),
        ("MP4 or MOV in a pipe", r"an? (MP4|MOV) in a pipe"),
        ("an address (`http://`, `rtsp://`), `camera:0`", r"^test_video_sources::.*address|^test_reopening::"),
        ("with `--low-delay`", r"^test_pipe::.*(b_frames|another_order)"),
    ),
    *_kinds(
        "Bags of robots",
        "test_inputs_bags",
        ("all", r"test_(containers|several_topics|nothing)"),
        ("a cut or damaged bag", r"^test_damage::test_(damaged_bags|memory)"),
        ("MCAP (`.mcap`)", r"\[mcap"),
        ("ROS 2 in SQLite (`.db3`)", r"\[(db3|rosbag2 folder, sqlite3)"),
        ("a folder of ROS 2", r"\[rosbag2 folder"),
        ("ROS 1 (`.bag`)", r"\[ros 1"),
        ("`sensor_msgs/PointCloud2`", r"test_messages\[.*(cloud|point)"),
        ("`sensor_msgs/Image`", r"test_messages\[.*(rgb|bgr|mono|bayer|yuv|8UC)"),
        ("`sensor_msgs/CompressedImage`", r"test_messages\[.*(compressed|JPEG|jpeg|png|PNG)"),
    ),
    *_kinds(
        "Networks",
        "test_inputs_networks",
        (
            "an input float32 or uint8, `[N, 3, H, W]` or `[N, H, W, 3]`, of any or a fixed batch",
            r"test_frames_of_any_layout",
        ),
        ("logits, LogSoftmax", r"^test_heads::test_log_probabilities_and_logits"),
        ("Softmax, also behind Identity, Reshape, Squeeze, Flatten, Cast", r"^test_heads::.*\[Softmax"),
        ("Sigmoid of one number", r"^test_heads::test_one_sigmoid"),
        ("Sigmoid of several", r"^test_heads::test_sigmoids"),
        (
            "probabilities by other nodes (Exp and Div, means, per cent)",
            r"^test_heads::.*(\[Exp|\[mean of|test_per_cent|by_their_sums)",
        ),
        ("ArgMax, ArgMin, TopK, Hardmax at the end", r"^test_heads::.*without_logits"),
        ("quantised, in QDQ form", r"\[QDQ"),
        ("quantised operators (QLinearConv), float16 inside", r"\[(operators of integers|float16)"),
        ("a version of the format (IR) of tomorrow", r"tomorrow"),
        (
            "another file: Git LFS pointer, PyTorch, Keras, TensorFlow Lite, `.ort`, gzip, web page, empty",
            r"test_networks_that_are_refused|test_any_cut",
        ),
        ("several outputs", r"^test_heads::.*(an_output|one output)"),
        ("a normalisation before its first layer", r"^test_conventions::test_a_graph_that_normalises"),
        ("no normalisation", r"^test_conventions::test_(a_network_is_fed|pixels|flags|images|doubts|the_score)"),
    ),
    *_kinds(
        "Labelled data",
        "test_inputs_labelled",
        ("`class/*`, at any depth", r"\[folders "),
        ("`class/train/*`, `class/test/*`", r"\[class/test"),
        ("`train/class/*`, `test/class/*` (or `val`, `validation`)", r"\[(test|val)/class"),
        ("`LABEL-001.suffix`, `LABEL_001.suffix`", r"\[flat"),
        (
            "`.csv`, `.tsv` of file and label, perhaps `split`; UTF-8, or UTF-16 and UTF-32 with their marks; "
            "Excel's `sep=;`",
            r"\[[ct]sv",
        ),
        ("packed `.npz` of clouds", r"test_packed_clouds"),
        ("packed `.npz` of images", r"^test_labelled::test_a_packed_file"),
    ),
)


def rows_of(document: str) -> tuple[tuple[str, str], ...]:
    """(heading, first cell) of each row of the tables of a document in Markdown, their heads left out."""
    found, area, rows = [], "", 0
    for line in document.splitlines():
        if line.startswith("## "):
            area = line[3:].strip()
        rows = rows + 1 if line.startswith("|") else 0
        if rows > 2:  # its head and the ruler below
            found.append((area, re.split(r"(?<!\\)\|", line)[1].strip()))
    return tuple(found)


def unsaid(document: str) -> tuple[str, ...]:
    """Rows of the document that no kind is, and kinds that are no row of it."""
    rows, known = set(rows_of(document)), {(kind.area, kind.row) for kind in KINDS}
    return tuple(f"{area}: {row}" for area, row in sorted(rows ^ known))


def tests_of(kind: Kind, names: Iterable[str]) -> tuple[str, ...]:
    """Those of some tests that show a kind."""
    pattern = re.compile(kind.pattern)
    return tuple(name for name in names if pattern.search(name))
