"""A picture of what a codec keeps of a point cloud: its points, the critical ones, what the bits still know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.command.frame import require_packages
from isthmus.common.bits.symbols import Symbols
from isthmus.common.manifest.folder import CodecFolder
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.runtime.engine import End, open_half


def reconstruct(codec: CodecFolder[PointCloudManifest], symbols: Symbols) -> npt.NDArray[np.float32] | None:
    """Points ``[256, 3]`` that the codec's head makes of one point cloud's symbols; None if it has no head."""
    if not codec.has_file("view.onnx"):
        return None
    network = open_half(
        codec, "view", (End("symbols", "int32", symbols.values.shape[1]), End("points", "float", 3, axis=-1))
    )
    return np.asarray(network.run({"symbols": symbols.values})[0][0], np.float32)


def draw_point_cloud(
    path: Path,
    points: npt.NDArray[np.float32],
    critical: npt.NDArray[np.int64],
    rebuilt: npt.NDArray[np.float32] | None,
    title: str,
) -> None:
    """Draw a normalised point cloud beside its critical points and its reconstruction.

    Args:
        path: of the picture.
        points: ``[3, points]``.
        critical: ``[critical]``, indices of points.
        rebuilt: ``[256, 3]``, or None for none.
        title: over it.

    Raises:
        MissingDependencyError: without matplotlib.
    """
    require_packages("a picture", "measure", ("matplotlib",))
    from matplotlib.figure import Figure

    panels: list[tuple[str, npt.NDArray[np.float32], float]] = [
        (f"the cloud: {points.shape[1]} points", points, 3),
        (f"{len(critical)} critical points: the same bits", points[:, critical], 24),
    ]
    if rebuilt is not None:
        panels.append(("what the bits still know", rebuilt.T, 8))
    figure = Figure(figsize=(4 * len(panels), 4.2), layout="constrained")
    figure.suptitle(title)
    for number, (name, xyz, size) in enumerate(panels, 1):
        axes: Any = figure.add_subplot(1, len(panels), number, projection="3d")
        axes.scatter(*xyz, s=size, c=xyz[2], cmap="viridis", vmin=-0.8, vmax=0.8)
        axes.set(xlim=(-0.8, 0.8), ylim=(-0.8, 0.8), zlim=(-0.8, 0.8), title=name)
        axes.set_axis_off()
        axes.view_init(20, -55)
    figure.savefig(path, dpi=110)
