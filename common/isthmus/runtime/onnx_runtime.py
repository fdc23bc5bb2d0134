"""The engine ONNX Runtime: `.onnx` graphs on the CPU, opened the one way that edge and cloud both want."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.common.manifest.codec_file import CodecFile, Source
from isthmus.runtime.external_data import check_no_external_data

if TYPE_CHECKING:
    import onnxruntime

Array = npt.NDArray[Any]


class OnnxNetwork:
    """A session of ONNX Runtime.

    Attributes:
        run: all outputs of inputs by name.
    """

    __slots__ = ("_session", "run")

    run: Callable[[Mapping[str, Array]], Sequence[Array]]

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        # Bound here, not in a method: a small network takes no longer than one more call of Python's.
        run, names = session.run, None
        self.run = lambda feeds: run(names, feeds)

    @property
    def ends(self) -> tuple[tuple[str, str, tuple[int | str | None, ...]], ...]:
        """Name, element and shape of every input, then of every output."""
        nodes = (*self._session.get_inputs(), *self._session.get_outputs())
        return tuple((n.name, n.type.removeprefix("tensor(").removesuffix(")"), tuple(n.shape)) for n in nodes)


class OnnxRuntime:
    """Opens ONNX graphs. Imported only when the first is opened: it takes longer to import than all the rest."""

    name = "onnxruntime"
    suffix = ".onnx"

    def missing(self) -> str:
        """Why it cannot run here; "" if it can."""
        if find_spec("onnxruntime") is None:
            return "the engine onnxruntime needs the package onnxruntime: pip install onnxruntime"
        return ""

    def open(self, graph: Source | bytes, threads: int, *, optimizes: bool = True) -> OnnxNetwork:
        """A session over a graph. InputError if ONNX Runtime cannot run it."""
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingDependencyError(self.missing() or f"onnxruntime does not import: {error}") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        level = onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = level.ORT_ENABLE_ALL if optimizes else level.ORT_DISABLE_ALL
        # A spinning pool would burn a core between signals, which the other side, or the event loop, needs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        where = "graph" if isinstance(graph, bytes) else str(graph)
        try:
            source = _bytes_of(graph)
            check_no_external_data(source)
            # No falling back: there is nothing to fall back to, and it is said on standard output.
            session = onnxruntime.InferenceSession(
                source, options, providers=["CPUExecutionProvider"], enable_fallback=False
            )
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        except Exception as error:  # the runtime raises classes of its own
            raise InputError(f"{where}: expected an ONNX graph that onnxruntime can run: {error}") from error
        return OnnxNetwork(session)


def _bytes_of(graph: Source | bytes) -> bytes:
    if isinstance(graph, bytes):
        return graph
    return graph.data if isinstance(graph, CodecFile) else graph.read_bytes()
