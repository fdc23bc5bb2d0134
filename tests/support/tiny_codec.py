"""A codec small enough to follow by hand, with the interface of the real ones; and a cloud that serves it.

Edge half: of a normalised cloud [3, P] channel c is floor(4 * max over points of coordinate c), 0 to 4. Cloud half:
logits = symbols @ WEIGHTS, three channels to five classes. No torch: the graphs are built with the `onnx` helpers.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

import isthmus
from isthmus.cloud.server import Ready, ServerConfig, serve
from isthmus.common.bits.cdf import CdfTables
from isthmus.common.bits.prior import Prior
from isthmus.common.limits import Limits, StreamLimits
from isthmus.common.manifest.folder import file_sha256, read_manifest, write_codec_manifest
from isthmus.common.pointcloud.manifest import PointCloudManifest, Preprocessing
from isthmus.common.pointcloud.signal import POINT_CLOUD
from isthmus.common.signals import PointCloud

CHANNELS, CLASSES, LEVELS = 3, 5, 5
CLASS_NAMES = ("cube", "cone", "ball", "rod", "disc")
WEIGHTS = np.array([[1, -1, 0, 2, 0], [0, 1, -1, 0, 2], [-1, 0, 2, -1, 1]], np.float32)


def write_codec(
    zoo: Path, name: str = "tiny-q1", *, tables: CdfTables | None = None, checksum_size_bytes: int = 0
) -> Path:
    """Write the codec into `zoo`; return its folder."""
    folder = zoo / name
    folder.mkdir(parents=True)
    _save(
        folder / "edge.onnx", _edge_nodes(), ("points", TensorProto.FLOAT, ["b", 3, "p"]), CHANNELS, TensorProto.INT32
    )
    _save(
        folder / "cloud.onnx",
        _cloud_nodes(),
        ("symbols", TensorProto.INT32, ["b", CHANNELS]),
        CLASSES,
        TensorProto.FLOAT,
    )
    manifest = PointCloudManifest(
        name=name,
        class_names=CLASS_NAMES,
        prior=Prior.independent(tables if tables is not None else default_tables()),
        weights=tuple((n, file_sha256(folder / n)) for n in ("cloud.onnx", "edge.onnx")),
        preprocessing=Preprocessing(min_points=4, max_points=64),
        checksum_size_bytes=checksum_size_bytes,
    )
    write_codec_manifest(manifest, folder)
    return folder


def default_tables() -> CdfTables:
    """One uneven table a channel, values 0 to 4, 8 bits."""
    return CdfTables.from_frequencies([[100, 80, 40, 20, 16]] * CHANNELS, np.zeros(CHANNELS, np.int32), 8)


def clouds(count: int, points: int = 32, seed: int = 0) -> list[PointCloud]:
    """Clouds of different proportions, so that their symbols differ."""
    rng = np.random.default_rng(seed)
    return [
        PointCloud((rng.standard_normal((points, 3)) * rng.uniform(0.05, 1.0, 3)).astype(np.float32))
        for _ in range(count)
    ]


def expected_symbols(normalized: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
    """The edge half in NumPy, [CHANNELS] of a normalised cloud [3, P]."""
    symbols: npt.NDArray[np.int32] = np.floor(normalized.max(1) * np.float32(4)).astype(np.int32)
    return symbols


@dataclass(frozen=True, slots=True)
class LiveCloud:
    """A cloud that runs in a thread of this process."""

    address: str
    stop: threading.Event


LIMITS = StreamLimits(Limits(max_packet_size_bytes=64, max_symbol_count=192, max_signal_count=32), 16, 4096, 5.0)


@contextmanager
def live_cloud(
    zoo: Path, limits: StreamLimits = LIMITS, *, max_stream_count: int = 8, **changes: Any
) -> Iterator[LiveCloud]:
    """Serve `zoo` on a free port of the loopback interface while the block runs; `changes` are of `ServerConfig`."""
    is_ready, stopped = threading.Event(), threading.Event()
    found: list[Ready | BaseException] = []

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def ready(at: Ready) -> None:
            found.append(at)
            is_ready.set()

        def wait() -> None:
            stopped.wait()
            loop.call_soon_threadsafe(stop.set)

        watcher = threading.Thread(target=wait)
        watcher.start()
        try:
            fields = {"grace_s": 1.0, **changes}
            clouds = replace(POINT_CLOUD.allowance, limits=limits)
            fields["allowances"] = {POINT_CLOUD.name: clouds, **fields.get("allowances", {})}
            config = ServerConfig(zoo, port=0, max_stream_count=max_stream_count, **fields)
            await serve(config, ready, stop)
        finally:
            stopped.set()
            watcher.join()

    def main() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:  # told to the test, which waits for either
            found.append(error)
            is_ready.set()

    thread = threading.Thread(target=main)
    thread.start()
    try:
        assert is_ready.wait(30), "the cloud did not start"
        if isinstance(found[0], BaseException):
            raise found[0]
        yield LiveCloud(found[0].address, stopped)
    finally:
        stopped.set()
        thread.join(30)
        assert not thread.is_alive(), "the cloud did not stop"


def child_environment(*more_roots: Path, **extra: str) -> dict[str, str]:
    """Environment for a Python subprocess that finds the source roots this process runs on, and more of them."""
    roots = os.pathsep.join(
        str(root) for root in (*(Path(portion).parent for portion in isthmus.__path__), *more_roots)
    )
    return {**os.environ, "PYTHONPATH": roots, **extra}


def _edge_nodes() -> list[onnx.NodeProto]:
    return [
        helper.make_node("ReduceMax", ["points", "axis"], ["widest"], keepdims=0),
        helper.make_node("Mul", ["widest", "four"], ["scaled"]),
        helper.make_node("Floor", ["scaled"], ["floored"]),
        helper.make_node("Cast", ["floored"], ["symbols"], to=TensorProto.INT32),
    ]


def _cloud_nodes() -> list[onnx.NodeProto]:
    return [
        helper.make_node("Cast", ["symbols"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["floats", "weights"], ["logits"]),
    ]


def _save(
    path: Path, nodes: list[onnx.NodeProto], given: tuple[str, int, list[str | int]], width: int, kind: int
) -> None:
    constants: dict[str, npt.NDArray[np.generic]] = {
        "axis": np.array([2], np.int64),
        "four": np.array(4, np.float32),
        "weights": WEIGHTS,
    }
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info(*given)],
        [helper.make_tensor_value_info(nodes[-1].output[0], kind, ["b", width])],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items() if name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def rewrite_manifest(folder: Path) -> None:
    """Make the manifest name the files as they are now."""
    old = read_manifest((folder / "manifest.json").read_bytes(), PointCloudManifest)
    weights = tuple((name, file_sha256(folder / name)) for name, _ in old.weights)
    fields = {name: getattr(old, name) for name in ("name", "class_names", "prior", "preprocessing")}
    write_codec_manifest(PointCloudManifest(weights=weights, **fields), folder)
