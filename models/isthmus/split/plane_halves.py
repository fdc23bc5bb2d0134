"""The two halves of a network cut at several tensors, which answers with whatever it answers with.

edge.onnx    frame (RGB, 0 to 255) ─ order, scale, mean ─ nodes before the cut ─► y_0 … y_n
cloud.onnx   y_hat_0 … y_hat_n ─ nodes after the cut ─► found/0 … found/m, the network's outputs

Where nothing lies between the two, they are the whole network to the bit, run as they are written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from isthmus.common.errors import InputError
from isthmus.runtime.engine import open_graph
from isthmus.split.branches import reads
from isthmus.split.cuts import Cut, fills_any_grid
from isthmus.split.half_graphs import PREFIX, End, cast, entered, finished, prefixed
from isthmus.split.network import Network, needed, part
from isthmus.split.preprocessing import Preprocessing
from isthmus.split.shape_constants import without_shapes

Array = npt.NDArray[Any]
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class PlaneHalves:
    """Both graphs.

    Attributes:
        edge: `frame` float32 [1, 3, H, W] to `y_0` … of the cut's tensors, float32 [1, M, h, w] each.
        cloud: `y_hat_0` …, the same, to the network's outputs, as `found/0` …
        cut: where.
        frame_height, frame_width: 0 and 0 where any multiple of the coarsest stride will do.
    """

    edge: onnx.ModelProto
    cloud: onnx.ModelProto
    cut: Cut
    frame_height: int
    frame_width: int


def takes_any_size_at(network: Network, cut: Cut) -> bool:
    """Whether both halves take frames of any multiple of the coarsest stride."""
    if network.is_sized:
        return False
    names = [t.name for t in cut.tensors]
    if any(network.input_name in reads(node) for node in needed(network.nodes, names, network.output_names)):
        return False  # sizes are worked out from the frame
    return all(
        fills_any_grid(network.sized(network_side(cut), network_side(cut)), t.name, t.stride) for t in cut.tensors
    )


def network_side(cut: Cut) -> int:
    """A side of frames that a network of any size is looked at with."""
    return 16 * cut.stride


def cut_planes(sized: Network, cut: Cut, preprocessing: Preprocessing, *, free: bool) -> PlaneHalves:
    """Both halves, nothing between them.

    Args:
        sized: the network for one size of frames.
        cut: of that.
        preprocessing: baked into the edge half.
        free: whether the halves are to take any size (see `takes_any_size_at`).

    Raises:
        InputError: ONNX refuses a half.
    """
    network = sized if free else without_shapes(sized)
    names = [t.name for t in cut.tensors]
    return PlaneHalves(
        _edge(network, cut, preprocessing, names, free=free),
        _cloud(network, cut, names, free=free),
        cut,
        *((0, 0) if free else (network.height, network.width)),
    )


def _edge(
    network: Network, cut: Cut, preprocessing: Preprocessing, names: Sequence[str], *, free: bool
) -> onnx.ModelProto:
    model = prefixed(part(network, network.input_name, names, "edge", free=free))
    before: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    entered(before, constants, preprocessing, PREFIX + network.input_name)
    after: list[onnx.NodeProto] = []
    ends: list[End] = []
    for place, t in enumerate(cut.tensors):
        h = cast(after, PREFIX + t.name, t.kind, TensorProto.FLOAT, f"met_{place}")
        after.append(helper.make_node("Identity", [h], [f"y_{place}"]))
        ends.append((f"y_{place}", grid_of(f"y_{place}", t.shape, free=free)))
    frame: list[int | str] = [1, 3, "frame_rows", "frame_columns"] if free else [1, 3, network.height, network.width]
    return finished(model, before, after, constants, [("frame", frame)], ends)


def _cloud(network: Network, cut: Cut, names: Sequence[str], *, free: bool) -> onnx.ModelProto:
    model = prefixed(part(network, names, network.output_names, "cloud", free=free))
    before: list[onnx.NodeProto] = []
    ends: list[End] = []
    for place, t in enumerate(cut.tensors):
        h = cast(before, f"y_hat_{place}", TensorProto.FLOAT, t.kind, f"met_{place}")
        before.append(helper.make_node("Identity", [h], [PREFIX + t.name]))
        ends.append((f"y_hat_{place}", grid_of(f"y_hat_{place}", t.shape, free=free)))
    after = [helper.make_node("Identity", [PREFIX + n], [found(k)]) for k, n in enumerate(network.output_names)]
    made: list[End] = [(found(k), kind) for k, (_, kind) in enumerate(ends_of(network))]
    return finished(model, before, after, [], ends, made)


def found(place: int) -> str:
    """What the cloud half calls an output of the network."""
    return f"found/{place}"


def ends_of(network: Network) -> list[tuple[str, int]]:
    """Names and kinds of a network's outputs."""
    return [(name, network.kinds.get(name, TensorProto.FLOAT)) for name in network.output_names]


def grid_of(name: str, shape: tuple[int, int, int], *, free: bool) -> list[int | str]:
    """[1, M, h, w] of a tensor of latents, its sides free or not."""
    return [1, shape[0], f"{name}_rows", f"{name}_columns"] if free else [1, *shape]


def open_ends(model: onnx.ModelProto, *, optimizes: bool = True) -> Callable[..., list[Array]]:
    """A function from a graph's inputs, in their order, to all its outputs. InputError where it cannot be run."""
    try:
        network = open_graph(model.SerializeToString(), optimizes=optimizes)
    except InputError as error:
        raise InputError(f"{model.graph.name}: {error}") from error
    names = [given.name for given in model.graph.input]

    def run(*values: Array) -> list[Array]:
        return [np.asarray(array) for array in network.run(dict(zip(names, values, strict=True)))]

    return run


@dataclass(frozen=True, slots=True)
class Equality:
    """How the answers of halves compare with the whole network's.

    Attributes:
        is_exact: all outputs are the same to the bit, both graphs run as they are written.
        largest: absolute difference over all outputs of numbers, as ONNX Runtime runs them by itself, fusing layers.
        share: the largest difference of an output as a share of its largest number.
    """

    is_exact: bool
    largest: float
    share: float


def compare(sized: Network, halves: PlaneHalves, frames: Sequence[Float32]) -> Equality:
    """Compare halves without preprocessing with the whole on frames float32 [1, 3, H, W]. InputError if one fails."""
    is_exact, largest, share = True, 0.0, 0.0
    for optimizes in (False, True):
        whole, edge, cloud = (open_ends(m, optimizes=optimizes) for m in (sized.model, halves.edge, halves.cloud))
        for x in frames:
            pairs = list(zip(whole(x), cloud(*edge(x)), strict=True))
            if optimizes:
                for a, b in pairs:
                    off = _difference(a, b)
                    largest = max(largest, off)
                    share = max(share, off / (float(np.abs(a).max(initial=0)) or 1.0))
            else:
                is_exact &= all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs)
    return Equality(is_exact, largest, share)


def _difference(a: Array, b: Array) -> float:
    if a.shape != b.shape:
        return float("inf")
    return float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max(initial=0))
