"""What a classifier's graph ends in, taken off as far as it turns logits into something else.

A codec's answer is the softmax of its network's logits, so a network that ends in a Softmax of its own would be asked
for the softmax of probabilities: 1.000 would become 0.232 of five classes.

| the graph ends in | what becomes of it |
|---|---|
| logits, LogSoftmax | nothing: the softmax of either is the probabilities |
| Softmax | taken off, also from behind Identity, Reshape, Squeeze, Flatten, Cast |
| Sigmoid of several classes | taken off; they are in the same order, but as probabilities of one class among all |
| Sigmoid of one number | taken off, and a logit of 0 put before it: two classes, of the very same probabilities |
| probabilities by other nodes | their logarithm is taken, whose softmax they are; `are_probabilities` sees it |
| ArgMax, TopK, Hardmax | refused: logits cannot be told from it |
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference

from isthmus.common.errors import InputError

KEEPERS = frozenset({"Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Cast", "Dropout", "Transpose"})
"""What only hands a classifier's numbers on."""
CHOICES = frozenset({"ArgMax", "ArgMin", "TopK", "Hardmax"})
"""What leaves of all numbers which is the largest."""
SOFTMAX, SIGMOID = "Softmax", "Sigmoid"
AXIS_OPSET = 13
"""From here on a Softmax is over its axis alone, the last one unless it says so; before, over all from axis 1 on."""
SUM_TOLERANCE = 2e-3
TINY = 1e-30
Array = npt.NDArray[np.floating]


def without_head(model: onnx.ModelProto, name: str, output: str = "") -> tuple[onnx.ModelProto, str]:
    """(the graph down to its logits, the operator that was taken off: Softmax, Sigmoid, or "").

    Args:
        model: a classifier's graph.
        name: of its file, for messages.
        output: tensor of the answer: an output or any other; "" for the only output.

    Raises:
        InputError: several outputs, no such tensor, or an answer that logits cannot be told from.
    """
    makers = {made: node for node in model.graph.node for made in node.output if made}
    answer = _answer(model, name, output, makers)
    head = last_operator(answer, makers)
    if head is None:
        return _with_output(model, answer), ""
    if head.op_type in CHOICES:
        raise InputError(
            f"{name}: expected an answer of logits, a number a class; got {answer}, which {head.op_type} makes of them"
            f": name the tensor before it, --output {head.input[0]}"
        )
    if head.op_type not in (SOFTMAX, SIGMOID):
        return _with_output(model, answer), ""
    numbers = _numbers(model, head, name)
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for node in changed.graph.node:
        if node.output and node.output[0] == head.output[0]:
            node.op_type, node.domain = "Identity", ""
            del node.attribute[:]
    if numbers == 1:  # of a Sigmoid: the other class has a logit of 0
        answer = _two_classes(changed, answer)
    return _with_output(changed, answer), head.op_type


def with_answers(model: onnx.ModelProto, name: str, outputs: str = "") -> onnx.ModelProto:
    """The graph with its answers as they are: all its outputs, or the tensors that are named, comma apart.

    Raises:
        InputError: no such tensor, or no output at all.
    """
    if not outputs:
        if not model.graph.output:
            raise InputError(f"{name}: expected a graph of one output or more, got none")
        return model
    names = [word.strip() for word in outputs.split(",") if word.strip()]
    known = {made for node in model.graph.node for made in node.output if made}
    if unknown := [tensor for tensor in names if tensor not in known]:
        raise InputError(
            f"{name}: expected --output to name tensors of the graph, got {', '.join(unknown)}; its outputs are "
            f"{', '.join(o.name for o in model.graph.output)}"
        )
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    kept = {o.name: o for o in model.graph.output}
    del changed.graph.output[:]
    for tensor in dict.fromkeys(names):
        changed.graph.output.append(kept.get(tensor) or helper.make_empty_tensor_value_info(tensor))
    return changed


def last_operator(answer: str, makers: Mapping[str, onnx.NodeProto]) -> onnx.NodeProto | None:
    """The node that makes an answer, behind those that only hand it on; None where it is the frame itself."""
    node = makers.get(answer)
    while node is not None and node.op_type in KEEPERS and node.input:
        node = makers.get(node.input[0])
    return node


def are_probabilities(answers: Array) -> bool:
    """Whether answers `[frames, classes]` to several frames look like probabilities, or per cent: same sums, none
    below 0, not all alike."""
    if answers.ndim != 2 or answers.shape[1] < 2 or len(answers) < 2 or not np.isfinite(answers).all():
        return False
    sums = answers.sum(1, dtype=np.float64)
    is_steady = sums.min() > 0 and np.ptp(sums) <= SUM_TOLERANCE * sums.mean()
    return bool(answers.min() >= -SUM_TOLERANCE and is_steady and np.ptp(answers, axis=0).max() > 0)


def with_logarithm(model: onnx.ModelProto) -> onnx.ModelProto:
    """A graph whose one output, probabilities, is replaced by their logarithm."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    answer = changed.graph.output[0].name
    changed.graph.initializer.append(numpy_helper.from_array(np.array(TINY, np.float32), f"{answer}/tiny"))
    changed.graph.node.extend(
        [
            helper.make_node("Add", [answer, f"{answer}/tiny"], [f"{answer}/above"]),
            helper.make_node("Log", [f"{answer}/above"], [f"{answer}/log"]),
        ]
    )
    return _with_output(changed, f"{answer}/log")


def _answer(model: onnx.ModelProto, name: str, output: str, makers: Mapping[str, onnx.NodeProto]) -> str:
    outputs = [o.name for o in model.graph.output]
    if output:
        if output not in makers:
            raise InputError(
                f"{name}: expected --output to name a tensor of the graph, got {output!r}; its outputs are "
                f"{', '.join(outputs)}"
            )
        return output
    if len(outputs) != 1:
        raise InputError(
            f"{name}: expected one output, the logits, got {len(outputs)}: {', '.join(outputs)}; name the one of the "
            f"logits, for example --output {outputs[0] if outputs else 'TENSOR'}"
        )
    return outputs[0]


def _numbers(model: onnx.ModelProto, head: onnx.NodeProto, name: str) -> int:
    """How many numbers the head turns into probabilities, 0 where the graph does not say. InputError if it cannot."""
    shape = _inferred_shape(model, head.input[0])
    if head.op_type == SIGMOID or not shape:
        return int(np.prod(shape)) if shape and min(shape) > 0 else 0
    opset = max((int(o.version) for o in model.opset_import if o.domain in ("", "ai.onnx")), default=AXIS_OPSET)
    axis = next((int(a.i) for a in head.attribute if a.name == "axis"), -1 if opset >= AXIS_OPSET else 1)
    axis %= len(shape)
    over = shape[axis : axis + 1] if opset >= AXIS_OPSET else shape[axis:]
    if 0 < int(np.prod(over)) < 2 and min(over) > 0:
        raise InputError(
            f"{name}: expected a Softmax over the classes, got one over {list(over)} of {list(shape)}, which makes "
            f"every answer 1: name the tensor before it, --output {head.input[0]}"
        )
    return 0


def _inferred_shape(model: onnx.ModelProto, tensor: str) -> tuple[int, ...]:
    """Shape of a tensor, its batch taken for 1; lengths that are not told are 0."""
    try:
        graph = shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception:
        return ()
    for info in (*graph.value_info, *graph.input, *graph.output):
        if info.name == tensor and info.type.tensor_type.HasField("shape"):
            lengths = [d.dim_value for d in info.type.tensor_type.shape.dim]
            return (max(1, lengths[0]), *lengths[1:]) if lengths else ()
    return ()


def _two_classes(model: onnx.ModelProto, answer: str) -> str:
    """One logit as two, `[1, 2]`: 0, and itself."""
    constants = [
        numpy_helper.from_array(np.array([1, 1], np.int64), f"{answer}/one"),
        numpy_helper.from_array(np.zeros((1, 1), np.float32), f"{answer}/zero"),
    ]
    model.graph.initializer.extend(constants)
    model.graph.node.extend(
        [
            helper.make_node("Reshape", [answer, f"{answer}/one"], [f"{answer}/single"]),
            helper.make_node("Concat", [f"{answer}/zero", f"{answer}/single"], [f"{answer}/both"], axis=1),
        ]
    )
    return f"{answer}/both"


def _with_output(model: onnx.ModelProto, answer: str) -> onnx.ModelProto:
    """The graph with this tensor as its one output."""
    if [o.name for o in model.graph.output] == [answer]:
        return model
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    del changed.graph.output[:]
    changed.graph.output.append(helper.make_tensor_value_info(answer, TensorProto.FLOAT, None))
    return changed
