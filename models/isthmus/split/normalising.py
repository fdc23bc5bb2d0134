"""What a graph itself does to a frame before its first layer, and which frames it therefore wants."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from isthmus.split.branches import reads
from isthmus.split.entry import takes_bytes
from isthmus.split.network import Network
from isthmus.split.preprocessing import Preprocessing

Float64 = npt.NDArray[np.float64]
HANDED_ON = frozenset({"Identity", "Cast", "Transpose", "Dropout"})
CHANNELS = 3
LEAST_PIXEL_MEAN = 1.5
"""A mean above it is one of pixels of 0 to 255, below it of 0 to 1."""
MOST_PIXEL_GAIN = 0.1
"""Pixels of 0 to 255 are scaled by less than this, 1/64 and 1/255 for example; those of 0 to 1 by more than 1."""


def own_preprocessing(network: Network) -> Preprocessing | None:
    """The frames that a graph with a normalisation of its own wants, taken as they are; None where it has none."""
    found = _affine(network)
    if takes_bytes(network.model):
        return Preprocessing()
    if found is None:
        return None
    gain, shift = found
    mean = -shift / gain
    if (np.abs(mean) > LEAST_PIXEL_MEAN).any():
        top = 255
    elif (mean > 0).any() or gain.min() > 1:
        top = 1
    elif gain.max() < MOST_PIXEL_GAIN:
        top = 255
    else:
        return None  # it does too little to tell
    # Photographs are redder than they are blue, and so are the means that trainings take off.
    is_bgr = mean[0] < mean[-1]
    return Preprocessing(order="bgr" if is_bgr else "rgb", top=1 if top == 1 else 255)


def _affine(network: Network) -> tuple[Float64, Float64] | None:
    """(gain, shift) [3] of each channel before the first layer; None where there is no such node."""
    constants = {c.name: numpy_helper.to_array(c) for c in network.model.graph.initializer}
    for node in network.nodes:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    gain, shift = np.ones(CHANNELS), np.zeros(CHANNELS)
    tensor, is_found = network.input_name, False
    while True:
        readers = [node for node in network.nodes if tensor in reads(node)]
        if len(readers) != 1:
            break
        node = readers[0]
        if node.op_type not in HANDED_ON:
            step = _step(node, tensor, constants)
            if step is None:
                break
            gain, shift, is_found = gain * step[0], shift * step[0] + step[1], True
        tensor = node.output[0]
    if not is_found or not np.isfinite([gain, shift]).all() or not gain.all():
        return None
    return gain, shift


def _step(
    node: onnx.NodeProto, tensor: str, constants: dict[str, npt.NDArray[np.generic]]
) -> tuple[Float64, Float64] | None:
    """(gain, shift) [3] of one node; None where it is no number a channel."""
    values = []
    for name in node.input:
        if name == tensor:
            continue
        number = constants.get(name)
        if number is None or number.size not in (1, CHANNELS) or number.dtype.kind not in "fiu":
            return None
        values.append(np.broadcast_to(number.astype(np.float64).ravel(), CHANNELS))
    is_first = node.input[0] == tensor
    one, none = np.ones(CHANNELS), np.zeros(CHANNELS)
    step = None
    match node.op_type, values:
        case "Add", [x]:
            step = one, x
        case "Sub", [x]:
            step = (one, -x) if is_first else (-one, x)
        case "Mul", [x]:
            step = x, none
        case "Div", [x] if is_first and x.all():
            step = 1 / x, none
        case "BatchNormalization", [scale, bias, mean, variance]:
            epsilon = next((helper.get_attribute_value(a) for a in node.attribute if a.name == "epsilon"), 1e-5)
            factor = scale / np.sqrt(variance + epsilon)
            step = factor, bias - mean * factor
    return step
