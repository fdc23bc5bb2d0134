"""Halves of a cut at several tensors with the quantiser in them, which meet in one array.

edge.onnx    frame ─ … ─ y_k ─ components of each ─ laid over the coarsest grid, joined ─► y
cloud.onnx   y_hat ─ parted, taken apart ─ latents of each ─ y_hat_k ─ … ─► answers

How planes are laid over one another is `isthmus.common.video.planes`, of which this is the same as a graph.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from isthmus.common.video.planes import Plane
from isthmus.split.components import Components
from isthmus.split.endings import Ending
from isthmus.split.half_graphs import End, finished, mixed
from isthmus.split.halves import Halves
from isthmus.split.plane_halves import PlaneHalves

Shape = tuple[int, int, int, int]
"""Of a plane, as a manifest has it."""


def shape_of(halvings: int, components: Components, sides: tuple[int, int]) -> Shape:
    """A plane's shape; sides of 0 of frames of any size."""
    return components.count, halvings, *sides


def laid_halves(
    plain: PlaneHalves, planes: Sequence[Plane], components: Sequence[Components], ending: Ending
) -> Halves:
    """Both halves.

    Args:
        plain: with nothing between them.
        planes: of their tensors.
        components: of each, in units.
        ending: what becomes of the network's outputs.
    """
    free, cut = not plain.frame_height, plain.cut
    grid = (0, 0) if free else cut.shape[1:]
    channels = sum(plane.laid_channels for plane in planes)
    sides: list[int | str] = ["rows", "columns"] if free else list(grid)
    frame = plain.edge.graph.input[0].type.tensor_type.shape.dim
    frame_shape = [d.dim_param or d.dim_value for d in frame]
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    laid = [_laid(nodes, constants, k, p, c, grid) for k, (p, c) in enumerate(zip(planes, components, strict=True))]
    nodes.append(helper.make_node("Concat", laid, ["y"], axis=1))
    y: End = ("y", [1, channels, *(f"y_{side}" if free else side for side in sides)])
    edge = finished(plain.edge, [], nodes, constants, [("frame", frame_shape)], [y])
    before: list[onnx.NodeProto] = []
    parts: list[onnx.TensorProto] = []
    first = 0
    for k, (plane, mixing) in enumerate(zip(planes, components, strict=True)):
        _taken(before, parts, k, plane, mixing, first, grid)
        first += plane.laid_channels
    y_hat: End = ("y_hat", [1, channels, *(f"y_hat_{side}" if free else side for side in sides)])
    cloud = finished(
        plain.cloud, before, list(ending.nodes), [*parts, *ending.constants], [y_hat], list(ending.outputs)
    )
    sized = (plain.frame_height, plain.frame_width)
    return Halves(edge, cloud, cut, *sized, *grid, channels, ending.classes)


def _laid(
    nodes: list[onnx.NodeProto],
    constants: list[onnx.TensorProto],
    k: int,
    plane: Plane,
    components: Components,
    grid: tuple[int, ...],
) -> str:
    """From `y_k` to its channels over the coarsest grid."""
    h = mixed(nodes, constants, f"y_{k}", components.analysis, -components.analysis @ components.mean, f"plane_{k}")
    side = 1 << plane.halvings
    if plane.latent_height:
        more = [grid[0] * side - plane.latent_height, grid[1] * side - plane.latent_width]
        shape = [1, plane.latent_channels, plane.latent_height, plane.latent_width]
        for axis, count in zip((2, 3), more, strict=True):
            if count:
                name, shape[axis] = f"plane_{k}/beyond_{axis}", count
                constants.append(numpy_helper.from_array(np.zeros(shape, np.float32), name))
                nodes.append(helper.make_node("Concat", [h, name], [f"{name}/made"], axis=axis))
                h, shape[axis] = f"{name}/made", grid[axis - 2] * side
    if side > 1:
        nodes.append(helper.make_node("SpaceToDepth", [h], [f"plane_{k}/laid"], blocksize=side))
        h = f"plane_{k}/laid"
    return h


def _taken(
    nodes: list[onnx.NodeProto],
    constants: list[onnx.TensorProto],
    k: int,
    plane: Plane,
    components: Components,
    first: int,
    grid: tuple[int, ...],
) -> None:
    """From `y_hat` to `y_hat_k`."""
    h = _picked(nodes, constants, "y_hat", 1, range(first, first + plane.laid_channels), f"plane_{k}/part")
    side = 1 << plane.halvings
    if side > 1:
        nodes.append(helper.make_node("DepthToSpace", [h], [f"plane_{k}/apart"], blocksize=side))
        h = f"plane_{k}/apart"
    if plane.latent_height:
        for axis, count in ((2, plane.latent_height), (3, plane.latent_width)):
            if count != grid[axis - 2] * side:
                h = _picked(nodes, constants, h, axis, range(count), f"plane_{k}/within_{axis}")
    h = mixed(nodes, constants, h, components.synthesis, components.mean, f"plane_{k}")
    nodes.append(helper.make_node("Identity", [h], [f"y_hat_{k}"]))


def _picked(
    nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto], h: str, axis: int, places: range, name: str
) -> str:
    """Some places of an axis; a Gather is the one operator for it that has stayed as it was."""
    constants.append(numpy_helper.from_array(np.arange(places.start, places.stop, dtype=np.int64), name))
    nodes.append(helper.make_node("Gather", [h, name], [f"{name}/made"], axis=axis))
    return f"{name}/made"
