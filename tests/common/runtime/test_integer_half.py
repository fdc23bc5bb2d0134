"""Codecs with networks in their coder: a hyperprior's h_s, and h_s,q that synthesizes tables; and graphs that lie."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper
from support import tiny_image_codec, tiny_image_coder
from support.tiny_image_codec import CHANNELS, photo

from isthmus.cloud.image.reconstruct import Reconstructor
from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.errors import InputError, ManifestError
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.side import Adaptation
from isthmus.common.image.signal import IMAGE_LIMITS
from isthmus.common.manifest.folder import file_sha256, load_codec_folder, write_codec_manifest
from isthmus.edge.image.encoder import ImageEncoder

BINS = 16
SIDE, HYPER = tiny_image_coder.SIDE_CHANNELS, tiny_image_coder.HYPER_CHANNELS
Nodes = list[onnx.NodeProto]


def save(
    path: Path,
    nodes: Nodes,
    given: tuple[str, int, list[int | str]],
    made: tuple[str, int, list[int | str]],
    constants: dict[str, npt.NDArray[np.generic]],
) -> None:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(*given)],
        [helper.make_tensor_value_info(*made)],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)


def renew(folder: Path, **changes: object) -> None:
    """Make the manifest name the files as they are now."""
    old = load_codec_folder(folder, needed=(), kind=ImageManifest).manifest
    files = sorted(p.name for p in folder.iterdir() if p.name != "manifest.json")
    weights = tuple((name, file_sha256(folder / name)) for name in files)
    write_codec_manifest(dataclasses.replace(old, weights=weights, **changes), folder)  # type: ignore[arg-type]


def hyper_codec(zoo: Path, factor: float = 1.0) -> Path:
    """z: a sixteenth of the mean of 4 x 4 latents' magnitudes; index: |z| of its first channel, times `factor`."""
    folder = tiny_image_codec.write_image_codec(zoo)
    weight = np.full((HYPER, CHANNELS, 4, 4), 1 / 128, np.float32)
    nodes = [helper.make_node("Abs", ["y"], ["a"]), helper.make_node("Conv", ["a", "w"], ["z"], strides=[4, 4])]
    save(
        folder / "h_a.onnx",
        nodes,
        ("y", TensorProto.FLOAT, [1, CHANNELS, "h", "w4"]),
        ("z", TensorProto.FLOAT, [1, HYPER, "a", "b"]),
        {"w": weight},
    )
    nodes = [
        helper.make_node("Cast", ["z"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Slice", ["f", "zero", "one", "one"], ["s"]),
        helper.make_node("Abs", ["s"], ["m"]),
        helper.make_node("Mul", ["m", "factor"], ["n"]),
        helper.make_node("Clip", ["n", "least", "top"], ["c"]),
        helper.make_node("Resize", ["c", "", "fours"], ["r"], mode="nearest"),
        helper.make_node("Tile", ["r", "channels"], ["indices"]),
    ]
    constants: dict[str, npt.NDArray[np.generic]] = {
        "zero": np.array([0]),
        "one": np.array([1]),
        "factor": np.array(factor, np.float32),
        "least": np.array(0, np.float32),
        "top": np.array(tiny_image_coder.SCALES - 1, np.float32),
        "fours": np.array([1, 1, 4, 4], np.float32),
        "channels": np.array([1, CHANNELS, 1, 1]),
    }
    save(
        folder / "h_s.onnx",
        nodes,
        ("z", TensorProto.INT32, [1, HYPER, "a", "b"]),
        ("indices", TensorProto.FLOAT, [1, CHANNELS, "h", "w"]),
        constants,
    )
    tiny_image_coder.tables(tiny_image_coder.SCALES, hyper=True).save(folder / ENTROPY_FILE)
    renew(folder, hyper_channels=HYPER, hyper_stride=64)
    return folder


def adaptive_codec(zoo: Path) -> Path:
    """q: the histograms' first channels, coarsened, in hundredths; logits: peaks at the middle that q does not move."""
    folder = tiny_image_codec.write_image_codec(zoo)
    nodes = [
        helper.make_node("Slice", ["histograms", "from", "to", "axis"], ["h"]),
        helper.make_node("AveragePool", ["h"], ["p"], kernel_shape=[8], strides=[8]),
        helper.make_node("Mul", ["p", "hundred"], ["m"]),
        helper.make_node("Cast", ["m"], ["q"], to=TensorProto.INT32),
    ]
    constants: dict[str, npt.NDArray[np.generic]] = {
        "from": np.array([0]),
        "to": np.array([SIDE]),
        "axis": np.array([1]),
        "hundred": np.array(30, np.float32),
    }
    save(
        folder / "h_a_q.onnx",
        nodes,
        ("histograms", TensorProto.FLOAT, ["n", CHANNELS, BINS]),
        ("q", TensorProto.INT32, ["n", SIDE, BINS // 8]),
        constants,
    )
    peak = (-300 * np.abs(np.arange(BINS) - BINS // 2)).astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["q"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["f", "axes"], ["s"], keepdims=1),
        helper.make_node("Add", ["s", "peaks"], ["logits"]),
    ]
    save(
        folder / "h_s_q.onnx",
        nodes,
        ("q", TensorProto.INT32, ["n", SIDE, BINS // 8]),
        ("logits", TensorProto.FLOAT, ["n", CHANNELS, BINS]),
        {"axes": np.array([1, 2]), "peaks": np.tile(peak, (1, CHANNELS, 1))},
    )
    tiny_image_coder.tables(CHANNELS, bins=BINS).save(folder / ENTROPY_FILE)
    renew(folder, bins=BINS)
    return folder


@pytest.mark.parametrize("shape", [(1, 1), (64, 64), (100, 150), (1000, 1200)])
def test_a_hyperprior(tmp_path: Path, shape: tuple[int, int]) -> None:
    folder = hyper_codec(tmp_path)
    encoder = ImageEncoder(folder)
    encoded = encoder.encode(photo(*shape))
    image, symbols = Reconstructor(folder, IMAGE_LIMITS).reconstruct(encoded.packet.to_bytes())
    assert image.pixels.shape == (*shape, 3)
    assert symbols.z is not None
    assert encoded.detail.symbols.z is not None
    assert np.array_equal(symbols.z, encoded.detail.symbols.z)
    assert np.array_equal(symbols.y, encoded.detail.symbols.y)
    assert symbols.y.shape[1:] == tuple(4 * side for side in symbols.z.shape[1:])
    assert len(encoded.packet.sections) == 3
    assert encoded.timing.seconds("hyper") > 0


def test_synthesized_tables(tmp_path: Path) -> None:
    folder = adaptive_codec(tmp_path)
    encoder = ImageEncoder(folder)
    encoded = encoder.encode(photo(), Adaptation.SYNTHESIZED)
    coded = encoded.detail.symbols
    assert coded.adaptation is Adaptation.SYNTHESIZED
    assert coded.q is not None
    assert coded.q.any()
    symbols = Reconstructor(folder, IMAGE_LIMITS).decode(encoded.packet.to_bytes())
    assert symbols.q is not None
    assert np.array_equal(symbols.q, coded.q)
    assert np.array_equal(symbols.y, coded.y)
    assert encoder.encode(photo()).detail.symbols.adaptation in (Adaptation.STATIC, Adaptation.CHOSEN)
    # An edge without h_a,q codes the other ways.
    (folder / "h_a_q.onnx").unlink()
    renew(folder)
    without = ImageEncoder(folder)
    assert without.encode(photo()).packet == encoder.encode(photo()).packet
    with pytest.raises(InputError, match="does not synthesize tables"):
        without.encode(photo(), Adaptation.SYNTHESIZED)


def test_a_graph_that_is_not_exact(tmp_path: Path) -> None:
    """Half a scale index is no index: a graph in floats may not decide a bit."""
    folder = hyper_codec(tmp_path, factor=0.3)
    with pytest.raises(ManifestError, match=r"h_s\.onnx: expected a graph of exact integers"):
        ImageEncoder(folder).encode(photo(200, 200))


def test_a_graph_with_other_ends(tmp_path: Path) -> None:
    folder = hyper_codec(tmp_path)
    (folder / "h_s.onnx").write_bytes((folder / "h_a.onnx").read_bytes())
    renew(folder)
    for load in (ImageEncoder, lambda path: Reconstructor(path, IMAGE_LIMITS)):
        with pytest.raises(ManifestError, match=r"h_s\.onnx: expected a graph .*'z'"):
            load(folder)
