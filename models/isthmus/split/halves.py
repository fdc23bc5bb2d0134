"""The two halves of a network cut at a tensor, with all that lies between frames and symbols baked in.

edge.onnx    frame (RGB, 0 to 255) ─ order, scale, mean ─ nodes before the cut ─ 1 / step, centre ─► y
cloud.onnx   y_hat ─ step, centre ─ nodes after the cut ─► logits

Instead of a step and a centre a channel there may be a map to components and back, as 1 x 1 convolutions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from isthmus.common.errors import InputError
from isthmus.split.components import Components
from isthmus.split.cuts import Cut, fills_any_grid
from isthmus.split.network import ANY, Network, part
from isthmus.split.quantiser import Float32, Quantiser

PREFIX = "net/"  # of the network's own names, so that none is one of ours
PIXEL_TOP = 255.0
OWN_DOMAINS = ("", "ai.onnx")


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What a network's training did to pixels: `(ordered(frame) * range / 255 - mean) / std`.

    Attributes:
        mean, std: of each channel, in the order that the network takes them.
        order: rgb or bgr.
        top: what the brightest pixel is before the mean is taken off: 255 or 1.
    """

    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    order: Literal["rgb", "bgr"] = "rgb"
    top: Literal[255, 1] = 255

    def __post_init__(self) -> None:
        if not all(np.isfinite(self.mean)) or not all(np.isfinite(s) and s > 0 for s in self.std):
            raise InputError(f"expected finite means and deviations above 0, got {self.mean} and {self.std}")
        if self.order not in ("rgb", "bgr") or self.top not in (255, 1):
            raise InputError(f"expected order rgb or bgr and range 255 or 1, got {self.order} and {self.top}")

    @property
    def gain(self) -> Float32:
        """float32 [3], the factor of each channel."""
        gain: Float32 = (self.top / PIXEL_TOP / np.array(self.std)).astype(np.float32)
        return gain

    @property
    def shift(self) -> Float32:
        """float32 [3], what is added after that."""
        shift: Float32 = (-np.array(self.mean) / np.array(self.std)).astype(np.float32)
        return shift


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
    model = _prefixed(part(network, network.input_name, cut.tensor, "edge", free=free))
    before, constants = [], []
    h = "frame"
    if preprocessing.order == "bgr":
        constants.append(numpy_helper.from_array(np.array([2, 1, 0], np.int64), "order"))
        before.append(helper.make_node("Gather", [h, "order"], ["ordered"], axis=1))
        h = "ordered"
    h = _affine(before, constants, h, preprocessing.gain, preprocessing.shift, "pixels")
    before.append(helper.make_node("Identity", [h], [PREFIX + network.input_name]))
    after: list[onnx.NodeProto] = []
    channels = cut.shape[0]
    if isinstance(quantiser, Components):
        shift = -quantiser.analysis @ quantiser.mean
        h = _mixed(after, constants, PREFIX + cut.tensor, quantiser.analysis, shift, "components")
        channels = quantiser.count
    else:
        h = _affine(after, constants, PREFIX + cut.tensor, quantiser.gains, quantiser.shifts, "steps")
    after.append(helper.make_node("Identity", [h], ["y"]))
    frame: list[int | str] = [1, 3, "frame_rows", "frame_columns"] if free else [1, 3, network.height, network.width]
    grid: list[int | str] = [1, channels, *(("y_rows", "y_columns") if free else cut.shape[1:])]
    return _finished(model, before, after, constants, ("frame", frame), ("y", grid))


def _cloud(
    network: Network, cut: Cut, quantiser: Quantiser | Components, classes: int, rank: int, *, free: bool
) -> onnx.ModelProto:
    model = _prefixed(part(network, cut.tensor, network.output_name, "cloud", free=free))
    before: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    channels = cut.shape[0]
    if isinstance(quantiser, Components):
        h = _mixed(before, constants, "y_hat", quantiser.synthesis, quantiser.mean, "latents")
        channels = quantiser.count
    else:
        h = _affine(before, constants, "y_hat", quantiser.steps, quantiser.centres, "latents")
    before.append(helper.make_node("Identity", [h], [PREFIX + cut.tensor]))
    last = helper.make_node("Identity" if rank == 2 else "Flatten", [PREFIX + network.output_name], ["logits"])
    if rank == 1:
        last.attribute.append(helper.make_attribute("axis", 0))
    grid: list[int | str] = [1, channels, *(("y_hat_rows", "y_hat_columns") if free else cut.shape[1:])]
    return _finished(model, before, [last], constants, ("y_hat", grid), ("logits", [1, classes]))


def _affine(
    nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto], h: str, gain: Float32, shift: Float32, name: str
) -> str:
    """`h * gain + shift`, a number a channel; what does nothing is left out."""
    for operator, numbers, neutral in (("Mul", gain, 1.0), ("Add", shift, 0.0)):
        if (numbers != neutral).any():
            constant, made = f"{name}/{operator.lower()}", f"{name}/{operator.lower()}/made"
            constants.append(numpy_helper.from_array(numbers.astype(np.float32).reshape(1, -1, 1, 1), constant))
            nodes.append(helper.make_node(operator, [h, constant], [made]))
            h = made
    return h


def _mixed(
    nodes: list[onnx.NodeProto],
    constants: list[onnx.TensorProto],
    h: str,
    matrix: npt.NDArray[np.float64],
    shift: npt.NDArray[np.float64],
    name: str,
) -> str:
    """`matrix @ h + shift` at each place: a 1 x 1 convolution with a matrix `[to, from]`."""
    weights = matrix.astype(np.float32)[:, :, None, None]
    constants.append(numpy_helper.from_array(weights, f"{name}/weights"))
    constants.append(numpy_helper.from_array(shift.astype(np.float32), f"{name}/shift"))
    made = f"{name}/made"
    nodes.append(helper.make_node("Conv", [h, f"{name}/weights", f"{name}/shift"], [made], kernel_shape=[1, 1]))
    return made


def _prefixed(model: onnx.ModelProto) -> onnx.ModelProto:
    """All names moved aside."""
    for node in model.graph.node:
        for names in (node.input, node.output):
            renamed = [PREFIX + name if name else "" for name in names]
            del names[:]
            names.extend(renamed)
    for constant in model.graph.initializer:
        constant.name = PREFIX + constant.name
    return model


def _finished(
    model: onnx.ModelProto,
    before: list[onnx.NodeProto],
    after: list[onnx.NodeProto],
    constants: list[onnx.TensorProto],
    given: tuple[str, list[int | str]],
    made: tuple[str, list[int | str]],
) -> onnx.ModelProto:
    graph = model.graph
    nodes = [*before, *graph.node, *after]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (given, made)]
    whole = helper.make_graph(nodes, graph.name, ends[:1], ends[1:], [*constants, *graph.initializer])
    finished = helper.make_model(whole, opset_imports=model.opset_import, producer_name="isthmus")
    finished.ir_version = model.ir_version
    if all(o.domain in OWN_DOMAINS for o in finished.opset_import):
        try:
            onnx.checker.check_model(finished, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            raise InputError(f"{graph.name} half: expected a graph that ONNX's checker passes: {error}") from error
    return finished
