"""The ways to run a graph that are compared: a runtime, its threads, a batch, a precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from isthmus.runtime.engine import open_graph
from isthmus.runtime.pointwise import PointwiseNetwork
from isthmus.runtime.pointwise_plan import load_plan


@dataclass(frozen=True, slots=True)
class Case:
    """One way to run a graph."""

    runtime: str
    threads: int
    batch: int
    precision: str = "float32"

    @property
    def dtype(self) -> type[np.floating[Any]]:
        """That sums are made in, where the runtime has it."""
        return np.float64 if self.precision == "float64" else np.float32


Runner = Callable[[Mapping[str, Any]], npt.NDArray[Any]]
"""From inputs by name to the first output."""


def open_runner(path: Path, case: Case) -> Runner:
    """A graph, or the plan of a compiled engine, as the case runs it. KeyError for a runtime that there is not."""
    return RUNTIMES[case.runtime](path, case)


def open_reference(path: Path) -> Runner:
    """A graph run by ONNX's reference evaluator: plain NumPy, and slow."""
    from onnx.reference import ReferenceEvaluator

    evaluator = cast(Any, ReferenceEvaluator(str(path)))
    return lambda feeds: np.asarray(evaluator.run(None, dict(feeds))[0])


def _onnxruntime(path: Path, case: Case) -> Runner:
    # It has no convolution of float64: what that case means here is other sums, with no optimisation.
    network = open_graph(path, case.threads, optimizes=case.precision == "float32")
    return lambda feeds: np.asarray(network.run(feeds)[0])


def _torch(path: Path, case: Case) -> Runner:
    import onnx
    import torch

    from isthmus.models.exact.onnx_torch import OnnxTorch

    net = OnnxTorch(onnx.load(path), torch.float64 if case.precision == "float64" else torch.float32)

    def run(feeds: Mapping[str, Any]) -> npt.NDArray[Any]:
        before = torch.get_num_threads()
        torch.set_num_threads(case.threads)
        try:
            return np.asarray(net.run(dict(feeds))[0])
        finally:
            torch.set_num_threads(before)

    return run


def _numpy(path: Path, case: Case) -> Runner:
    import onnx

    from isthmus.models.exact.onnx_numpy import OnnxNumpy

    evaluator = OnnxNumpy(onnx.load(path), case.dtype)
    return lambda feeds: evaluator.run(dict(feeds))[0]


def _compiled(path: Path, _case: Case) -> Runner:
    compiled = PointwiseNetwork(load_plan(path))
    return lambda feeds: compiled.symbols(feeds["points"])


RUNTIMES: Mapping[str, Callable[[Path, Case], Runner]] = {
    "onnxruntime": _onnxruntime,
    "torch": _torch,
    "numpy": _numpy,
    "reference": lambda path, _: open_reference(path),
    "compiled": _compiled,
}
