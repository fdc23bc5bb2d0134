"""Image codecs small enough for tests, with the files and the reach of real ones; no torch, no training.

Edge half: three strided convolutions, so y is a sixteenth of the pixels' size and depends on at most 14 pixels beyond
its own. Cloud half: one convolution and a pixel shuffle, so a pixel depends on one latent beyond its own. Quality
scales y: the higher, the more bits.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.manifest.folder import file_sha256, write_codec_manifest
from isthmus.common.signals import Image
from support import tiny_image_coder

CHANNELS = 8
FILES = ("cloud.onnx", "edge.onnx", ENTROPY_FILE)

Float32 = npt.NDArray[np.float32]


def write_image_codec(zoo: Path, name: str = "image-test-q1") -> Path:
    """Write the codec into `zoo`; return its folder. Codecs of one family differ in the scale of y."""
    family, _, quality = name.rpartition("-q")
    folder = zoo / name
    folder.mkdir(parents=True)
    _save(folder / "edge.onnx", _edge_nodes(), _edge_weights(int(quality)), ("pixels", 3), ("y", CHANNELS))
    _save(folder / "cloud.onnx", _cloud_nodes(), _cloud_weights(), ("y_hat", CHANNELS), ("pixels", 3))
    tiny_image_coder.tables(CHANNELS).save(folder / ENTROPY_FILE)
    manifest = ImageManifest(
        name=name,
        weights=tuple((file, file_sha256(folder / file)) for file in FILES),
        family=family,
        quality=int(quality),
        latent_channels=CHANNELS,
        halo_pixels=16,
        halo_latents=1,
    )
    write_codec_manifest(manifest, folder)
    return folder


def photo(height: int = 96, width: int = 130, seed: int = 0) -> Image:
    """Gradients and some noise."""
    rows, columns = np.mgrid[0:height, 0:width]
    planes = (rows * 255 // height, columns * 255 // width, (rows + columns) * 255 // (height + width))
    noise = np.random.default_rng(seed).integers(-20, 20, (height, width, 3))
    return Image(np.clip(np.stack(planes, 2) + noise, 0, 255).astype(np.uint8))


def _edge_nodes() -> list[onnx.NodeProto]:
    return [
        helper.make_node("Sub", ["pixels", "grey"], ["centred"]),
        helper.make_node("Conv", ["centred", "w1"], ["a"], strides=[4, 4], pads=[2] * 4),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "w2"], ["c"], strides=[2, 2], pads=[1] * 4),
        helper.make_node("Conv", ["c", "w3"], ["y"], strides=[2, 2], pads=[1] * 4),
    ]


def _edge_weights(quality: int) -> dict[str, Float32]:
    rng = np.random.default_rng(1)
    return {
        "grey": np.array(128, np.float32),
        "w1": _normal(rng, (12, 3, 5, 5), 0.05),
        "w2": _normal(rng, (12, 12, 3, 3), 0.1),
        "w3": _normal(rng, (CHANNELS, 12, 3, 3), 0.02 * quality),
    }


def _cloud_nodes() -> list[onnx.NodeProto]:
    return [
        helper.make_node("Conv", ["y_hat", "w"], ["patches"], pads=[1] * 4),
        helper.make_node("DepthToSpace", ["patches"], ["shuffled"], blocksize=16),
        helper.make_node("Add", ["shuffled", "grey"], ["pixels"]),
    ]


def _cloud_weights() -> dict[str, Float32]:
    rng = np.random.default_rng(2)
    return {"grey": np.array(128, np.float32), "w": _normal(rng, (768, CHANNELS, 3, 3), 3.0)}


def _normal(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> Float32:
    return (rng.standard_normal(shape) * scale).astype(np.float32)


def _save(
    path: Path, nodes: list[onnx.NodeProto], weights: dict[str, Float32], given: tuple[str, int], made: tuple[str, int]
) -> None:
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, f"{name}_rows", f"{name}_columns"])
        for name, channels in (given, made)
    ]
    initializers = [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, path.stem, ends[:1], ends[1:], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)
