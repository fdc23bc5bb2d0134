"""A frozen graph, opened in onnxruntime the one way that edge and cloud both want, its ends checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.common.errors import ManifestError

if TYPE_CHECKING:
    import onnxruntime


@dataclass(frozen=True, slots=True)
class End:
    """One input or output that a graph must have.

    Attributes:
        name: of the tensor.
        element: what it holds, "float" or "int32".
        size: length of `axis`, the one the manifest decides.
        axis: usually the channels.
    """

    name: str
    element: str
    size: int
    axis: int = 1


def open_session(path: Path, ends: tuple[End, ...], threads: int = 1) -> onnxruntime.InferenceSession:
    """A session over the graph in `path`.

    Args:
        path: an ONNX file.
        ends: its inputs, then its outputs, all of them.
        threads: threads of one run. One is fastest where edge and cloud share a machine.

    Raises:
        ManifestError: no graph that onnxruntime can run, or one with other ends.
    """
    import onnxruntime  # takes longer to import than all the rest

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    # A spinning pool would burn a core between signals, which the other side, or the event loop, needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ManifestError(f"{path}: expected an ONNX graph that onnxruntime can run: {error}") from error
    nodes = (*session.get_inputs(), *session.get_outputs())
    expected = tuple((end.name, f"tensor({end.element})", end.size) for end in ends)
    axes = [end.axis for end in ends] if len(ends) == len(nodes) else [1] * len(nodes)
    actual = tuple((node.name, node.type, _length(node.shape, axis)) for node, axis in zip(nodes, axes, strict=True))
    if actual != expected:
        raise ManifestError(f"{path}: expected a graph {expected}, got {actual}")
    return session


def _length(shape: list[int | str | None], axis: int) -> int | str | None:
    return shape[axis] if -len(shape) <= axis < len(shape) else None
