"""A video codec small enough for tests, with the files and the interface of real ones; no torch, no training.

Edge half: the mean of each 8 x 8 pixels, of three channels and of a difference, so that latents move exactly as the
picture does. Cloud half: the mean over all latents, their squares, and a linear map to six classes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from isthmus.common.bits.cdf import quantize_pmf
from isthmus.common.bits.context import ContextModel
from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.manifest.folder import file_sha256, write_codec_manifest
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.tables import MOTION_CHANNELS, VideoTables

NAME = "video-test-q1"
CLASS_NAMES = ("red", "green", "blue", "grey", "dark", "light")
STRIDE, CHANNELS, BLOCK_LATENTS, FRACTION_BITS = 8, 4, 2, 3
SYMBOL_MIN, SYMBOL_MAX = -16, 16
STEP = 8.0
"""Grey levels of one step of the quantiser."""
FILES = ("cloud.onnx", "edge.onnx", ENTROPY_FILE)

Float32 = npt.NDArray[np.float32]


def write_video_codec(
    zoo: Path, name: str = NAME, *, size: tuple[int, int] = (0, 0), block_latents: int = BLOCK_LATENTS
) -> Path:
    """Write the codec into `zoo`; return its folder.

    Args:
        zoo: folder of codecs.
        name: of the codec and its folder.
        size: height and width that frames are resized to, multiples of 8; (0, 0) for frames of any size.
        block_latents: side of a motion block.
    """
    folder = zoo / name
    folder.mkdir(parents=True)
    _save(folder / "edge.onnx", _edge_nodes(), ("frame", [1, 3, "H", "W"]), ("y", [1, CHANNELS, "h", "w"]))
    _save(folder / "cloud.onnx", _cloud_nodes(), ("y_hat", [1, CHANNELS, "h", "w"]), ("logits", [1, len(CLASS_NAMES)]))
    tables().save(folder / ENTROPY_FILE)
    manifest = VideoManifest(
        name=name,
        weights=tuple((file, file_sha256(folder / file)) for file in FILES),
        class_names=CLASS_NAMES,
        stride=STRIDE,
        latent_channels=CHANNELS,
        frame_height=size[0],
        frame_width=size[1],
        latent_height=size[0] // STRIDE,
        latent_width=size[1] // STRIDE,
        block_latents=block_latents,
        motion_fraction_bits=FRACTION_BITS,
        symbol_min=SYMBOL_MIN,
        symbol_max=SYMBOL_MAX,
    )
    write_codec_manifest(manifest, folder)
    return folder


def tables(channels: int = CHANNELS) -> VideoTables:
    """Laplacians, two classes a channel by what lies to the left: narrow where that is 0."""
    return VideoTables(
        _contexts(channels, (2.0, 6.0)),
        _contexts(MOTION_CHANNELS, (0.25, 2.5)),
        _contexts(channels, (0.3, 1.5), given=channels + 1),
    )


def _contexts(channels: int, widths: tuple[float, float], given: int = 0) -> ContextModel:
    values = np.arange(-20, 21)
    pmfs = [np.append(np.exp(-np.abs(values) / width), 1e-4) for width in widths]
    coded = [[given + channel, 0, -1, 1] for channel in range(channels)]
    starts = np.maximum(np.arange(given + channels + 1) - given, 0).astype(np.int32)
    # Tables 0 and 1 for each coded channel; given ones have one that nobody uses.
    rows: list[Float32] = []
    first_table: list[int] = []
    for channel in range(given + channels):
        first_table.append(len(rows))
        rows += pmfs if channel >= given else pmfs[:1]
    return ContextModel(
        quantize_pmf(rows, [-20] * len(rows), 16, has_escape=True),
        np.arange(given + channels, dtype=np.int32),
        starts,
        np.array(coded, np.int32),
        starts,
        np.ones(channels, np.int32),
        np.array(first_table, np.int32),
        given,
    )


def _edge_nodes() -> list[onnx.NodeProto]:
    return [
        helper.make_node("Sub", ["frame", "grey"], ["centred"]),
        helper.make_node("AveragePool", ["centred"], ["means"], kernel_shape=[STRIDE] * 2, strides=[STRIDE] * 2),
        helper.make_node("Conv", ["means", "mix"], ["y"]),
    ]


def _cloud_nodes() -> list[onnx.NodeProto]:
    return [
        helper.make_node("Mul", ["y_hat", "y_hat"], ["squared"]),
        helper.make_node("Concat", ["y_hat", "squared"], ["both"], axis=1),
        helper.make_node("GlobalAveragePool", ["both"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
    ]


def _constants() -> dict[str, Float32]:
    mix = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, -1, 0]], np.float32)[:, :, None, None] / STEP
    weights = np.random.default_rng(3).standard_normal((2 * CHANNELS, len(CLASS_NAMES))).astype(np.float32)
    return {"grey": np.array(128, np.float32), "mix": mix, "weights": weights}


def _save(
    path: Path,
    nodes: list[onnx.NodeProto],
    given: tuple[str, list[str | int]],
    made: tuple[str, list[str | int]],
) -> None:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (given, made)]
    used = {name for node in nodes for name in node.input}
    initializers = [onnx.numpy_helper.from_array(value, name) for name, value in _constants().items() if name in used]
    graph = helper.make_graph(nodes, path.stem, ends[:1], ends[1:], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)
