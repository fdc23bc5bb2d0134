"""The two halves of a network cut at a tensor, with all that lies between frames and symbols baked in.

edge.onnx    frame (RGB, 0 to 255) ─ order, scale, mean ─ nodes before the cut ─ 1 / step, centre ─► y
cloud.onnx   y_hat ─ step, centre ─ nodes after the cut ─► logits

Instead of a step and a centre a channel there may be a map to components and back, as 1 x 1 convolutions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper

from isthmus.common.errors import InputError
from isthmus.split.components import Components
from isthmus.split.cuts import Cut, fills_any_grid
from isthmus.split.half_graphs import PREFIX, affine, cast, entered, finished, mixed, prefixed
from isthmus.split.network import ANY, Network, part
from isthmus.split.preprocessing import Preprocessing
from isthmus.split.quantiser import Quantiser


@dataclass(frozen=True, slots=True, eq=False)
class Halves:
    """Both graphs and the grid between them.

    Attributes:
        edge: `frame` float32 [1, 3, H, W] to `y` float32 [1, M, h, w] in steps.
        cloud: `y_hat` float32 [1, M, h, w] in steps to `logits` float32 [1, classes].
        cut: where.
        frame_height, frame_width: 0 and 0 where any multiple of the stride will do.
        latent_height, latent_width: the same.
        latent_channels: M.
        classes: number of logits.
    """

    edge: onnx.ModelProto
    cloud: onnx.ModelProto
    cut: Cut
    frame_height: int
    frame_width: int
    latent_height: int
    latent_width: int
    latent_channels: int
    classes: int


def takes_any_size(network: Network, cut: Cut) -> bool:
    """Whether both halves take frames of any multiple of the stride."""
    if network.is_sized or not fills_any_grid(network, cut.tensor, cut.stride):
        return False
    sides = (16 * cut.stride, 21 * cut.stride)
    try:
        return network.sized(*sides).shape(network.output_name) == network.sized(*sides[::-1]).shape(
            network.output_name
        )
    except InputError:
        return False


def unquantised(cut: Cut) -> Quantiser:
    """Steps of 1 for all channels of a cut of one tensor."""
    channels = cut.shape[0]
    return Quantiser(np.ones(channels, np.float32), np.zeros(channels, np.float32), 0, 0)


def cut_halves(
    sized: Network, cut: Cut, preprocessing: Preprocessing, quantiser: Quantiser | Components, *, free: bool
) -> Halves:
    """Both halves.

    Args:
        sized: the network for one size of frames.
        cut: of that.
        preprocessing: baked into the edge half.
        quantiser: baked into both; or components, whose units y comes in.
        free: whether the halves are to take any size (see `takes_any_size`).

    Raises:
        InputError: the quantiser is not of the cut's channels, or the logits are no list of numbers.
    """
    channels = cut.shape[0]
    taken = len(quantiser.mean if isinstance(quantiser, Components) else quantiser.steps)
    if taken != channels:
        raise InputError(f"{cut.tensor}: expected {channels} steps, one a channel, got {taken}")
    output = sized.shape(sized.output_name)
    classes = class_count(sized)
    edge = _edge(sized, cut, preprocessing, quantiser, free=free)
    cloud = _cloud(sized, cut, quantiser, classes, len(output), free=free)
    height, width = (0, 0) if free else (sized.height, sized.width)
    grid = (0, 0) if free else cut.shape[1:]
    made = quantiser.count if isinstance(quantiser, Components) else channels
    return Halves(edge, cloud, cut, height, width, *grid, made, classes)


def class_count(sized: Network) -> int:
    """How many classes the logits of a network of one size have. InputError if they are no list of two or more."""
    output = sized.shape(sized.output_name)
    # Shape inference may lose sight of the batch of 1, never of the classes.
    several = [length for length in output[1 if len(output) > 1 else 0 :] if length not in (1, ANY)]
    is_batch = len(output) == 1 or output[:1] in ((1,), (ANY,))
    is_list = len(several) == 1 and output[1:2] != (ANY,)
    if not (is_batch and is_list):
        advice = ""
        if output and not several:
            advice = "; one number alone is read as two classes where the graph ends in a Sigmoid"
        raise InputError(
            f"{sized.name}: expected logits [1, classes], of two classes or more, got {sized.output_name} "
            f"{list(output)}{advice}"
        )
    return several[0]


def _edge(
    network: Network, cut: Cut, preprocessing: Preprocessing, quantiser: Quantiser | Components, *, free: bool
) -> onnx.ModelProto:
    model = prefixed(part(network, network.input_name, cut.tensor, "edge", free=free))
    before: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    entered(before, constants, preprocessing, PREFIX + network.input_name)
    after: list[onnx.NodeProto] = []
    channels = cut.shape[0]
    h = cast(after, PREFIX + cut.tensor, cut.coarsest.kind, TensorProto.FLOAT, "met")
    if isinstance(quantiser, Components):
        shift = -quantiser.analysis @ quantiser.mean
        h = mixed(after, constants, h, quantiser.analysis, shift, "components")
        channels = quantiser.count
    else:
        h = affine(after, constants, h, quantiser.gains, quantiser.shifts, "steps")
    after.append(helper.make_node("Identity", [h], ["y"]))
    frame: list[int | str] = [1, 3, "frame_rows", "frame_columns"] if free else [1, 3, network.height, network.width]
    grid: list[int | str] = [1, channels, *(("y_rows", "y_columns") if free else cut.shape[1:])]
    return finished(model, before, after, constants, [("frame", frame)], [("y", grid)])


def _cloud(
    network: Network, cut: Cut, quantiser: Quantiser | Components, classes: int, rank: int, *, free: bool
) -> onnx.ModelProto:
    model = prefixed(part(network, cut.tensor, network.output_name, "cloud", free=free))
    before: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    channels = cut.shape[0]
    if isinstance(quantiser, Components):
        h = mixed(before, constants, "y_hat", quantiser.synthesis, quantiser.mean, "latents")
        channels = quantiser.count
    else:
        h = affine(before, constants, "y_hat", quantiser.steps, quantiser.centres, "latents")
    h = cast(before, h, TensorProto.FLOAT, cut.coarsest.kind, "met")
    before.append(helper.make_node("Identity", [h], [PREFIX + cut.tensor]))
    after: list[onnx.NodeProto] = []
    kind = network.kinds.get(network.output_name, TensorProto.FLOAT)
    h = cast(after, PREFIX + network.output_name, kind, TensorProto.FLOAT, "answer")
    last = helper.make_node("Identity" if rank == 2 else "Flatten", [h], ["logits"])
    if rank == 1:
        last.attribute.append(helper.make_attribute("axis", 0))
    grid: list[int | str] = [1, channels, *(("y_hat_rows", "y_hat_columns") if free else cut.shape[1:])]
    after.append(last)
    return finished(model, before, after, constants, [("y_hat", grid)], [("logits", [1, classes])])
