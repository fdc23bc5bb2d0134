"""Networks whose inner tensors are looked at: ONNX graphs, and checkpoints of our split classifier.

Of a graph that nobody named tensors of, the first one of each stride is taken, after its nonlinearity, and the outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.measure.motion.geometry import first_of_each_stride, graph_taps
from isthmus.measure.motion.warp import Tap
from isthmus.runtime.engine import open_graph

if TYPE_CHECKING:
    import onnx

    from isthmus.split.preprocessing import Preprocessing

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]

SQUEEZENET_TAPS = ("conv1", "pool1", "pool4", "fire5", "pool8", "fire9")
LITE0_TAPS = ("block0", "block2", "block4", "block5", "block10", "block11", "block15")
"""The last block of each stride, and of strides 16 and 32 the first one too: where the shipped codecs are cut."""


@dataclass(frozen=True, slots=True)
class TappedNetwork:
    """A network and the tensors to look at.

    Attributes:
        name: for tables and keys: a-z, 0-9 and _.
        title: for people.
        taps: the tensors.
        run: a frame uint8 [H, W, 3] to one float32 [C, h, w] a tap.
    """

    name: str
    title: str
    taps: tuple[Tap, ...]
    run: Callable[[UInt8], list[Float32]]


def squeezenet(weights: Path) -> TappedNetwork:
    """SqueezeNet 1.0 from the packed file of its weights. MissingDependencyError without onnx."""
    _needs_onnx()
    from isthmus.models.video.squeezenet_graph import squeezenet_model

    model = squeezenet_model(weights, SQUEEZENET_TAPS)
    taps = graph_taps(model.graph, SQUEEZENET_TAPS)
    return _network("squeezenet", "SqueezeNet 1.0", model, taps, SQUEEZENET_TAPS)


def lite0() -> TappedNetwork:
    """EfficientNet-Lite0 from the package of its weights, as published: RGB, (pixel - 127) / 128.

    Raises:
        MissingDependencyError: no onnx, no torch, or no package of weights.
    """
    _needs_onnx()
    from isthmus.models.video.efficientnet_graph import DEVIATION, MEAN, efficientnet_model
    from isthmus.models.video.efficientnet_weights import read_efficientnet_weights
    from isthmus.split.preprocessing import Preprocessing

    model = efficientnet_model(read_efficientnet_weights().arrays)
    tensors = [f"{block}/output" for block in LITE0_TAPS]
    taps = [replace(tap, name=block) for tap, block in zip(graph_taps(model.graph, tensors), LITE0_TAPS, strict=True)]
    pixels = Preprocessing((MEAN,) * 3, (DEVIATION,) * 3)
    return _network("lite0", "EfficientNet-Lite0", _tapped(model, tensors), taps, tensors, pixels)


def onnx_network(
    path: Path, name: str, title: str, tensors: Sequence[str] = (), pixels: Preprocessing | None = None
) -> TappedNetwork:
    """Any graph with one input, frames float32 [1, 3, H, W].

    Args:
        path: of the file.
        name, title: of the network.
        tensors: to look at; () for the first of each stride.
        pixels: what is done to pixels first; None for nothing, so that they are RGB from 0 to 255.

    Raises:
        InputError: no such graph, or a tensor that is none of its own or has no places.
    """
    _needs_onnx()
    import onnx

    try:
        model = onnx.load(str(path))
        model = onnx.shape_inference.infer_shapes(model)
    except Exception as error:
        raise InputError(f"{path}: expected an ONNX graph: {error}") from error
    if tensors:
        found = dict(zip(tensors, graph_taps(model.graph, tensors), strict=True))
    else:
        found = first_of_each_stride(model.graph)
    if not found:
        raise InputError(f"{path}: expected tensors of a stride of 2 or more, found none")
    return _network(name, title, _tapped(model, tuple(found)), tuple(found.values()), tuple(found), pixels)


def checkpoint_network(path: Path) -> tuple[TappedNetwork, Any]:
    """(the edge half of a split classifier, the whole classifier) of a finished checkpoint; needs torch."""
    try:
        import torch
    except ImportError as error:
        raise MissingDependencyError("checkpoints need torch: pip install 'isthmus[train]'") from error
    from isthmus.training.video.classifier import load_split

    model, _ = load_split(path)

    def run(frame: UInt8) -> list[Float32]:
        with torch.no_grad():
            x = torch.from_numpy(frame.transpose(2, 0, 1)[None].astype(np.float32) / 255)
            found = model.edge.features(x.contiguous(memory_format=torch.channels_last))
        return [tensor[0].numpy() for tensor in found]

    taps = split_taps(model.shape.pooling.value, len(model.shape.edge_widths))
    return TappedNetwork(path.stem.replace("-", "_"), path.stem, taps, run), model


def split_taps(pooling: str, stages: int) -> tuple[Tap, ...]:
    """The tensors after each stage of a split classifier, and y. An even window looks between two pixels."""
    taps, stride, offset = [], 1, 0.0
    for stage in range(stages):
        if stage < stages - 1:
            # A strided convolution of 3 pads 1 and stays on its pixel; max-blur moves by two halves.
            offset += {"stride": 0.0, "max-blur": 1.0}.get(pooling, 0.5) * stride
            stride *= 2
        taps.append(Tap(f"stage{stage + 1}", stride, offset))
    return (*taps, Tap("y", stride, offset))


def _tapped(model: onnx.ModelProto, tensors: Sequence[str]) -> onnx.ModelProto:
    """The graph with these tensors as its outputs, and without what they do not need."""
    from onnx import helper

    from isthmus.split.network import needed

    cut = type(model)()
    cut.CopyFrom(model)
    nodes = needed(cut.graph.node, cut.graph.input[0].name, tensors)
    del cut.graph.node[:], cut.graph.output[:], cut.graph.value_info[:]
    cut.graph.node.extend(nodes)
    cut.graph.output.extend(helper.make_empty_tensor_value_info(tensor) for tensor in tensors)
    return cut


def _network(
    name: str,
    title: str,
    model: onnx.ModelProto,
    taps: Sequence[Tap],
    tensors: Sequence[str],
    pixels: Preprocessing | None = None,
) -> TappedNetwork:
    network = open_graph(model.SerializeToString())
    names = [end for end, _, _ in network.ends]
    places = [names.index(tensor) - 1 for tensor in tensors]

    def run(frame: UInt8) -> list[Float32]:
        planes = frame.transpose(2, 0, 1)[None].astype(np.float32)
        if pixels is not None:
            ordered = planes if pixels.order == "rgb" else planes[:, ::-1]
            planes = ordered * pixels.gain[:, None, None] + pixels.shift[:, None, None]
        outputs = network.run({names[0]: np.ascontiguousarray(planes)})
        return [outputs[place][0] for place in places]

    return TappedNetwork(name, title, tuple(taps), run)


def _needs_onnx() -> None:
    from importlib.util import find_spec

    if find_spec("onnx") is None:
        raise MissingDependencyError("looking into a graph needs onnx: pip install 'isthmus[measure]'")
