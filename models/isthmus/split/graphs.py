"""Graphs run in memory, one thread each, as edge and cloud run them from files."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from isthmus.common.errors import InputError
from isthmus.runtime.engine import open_graph

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]
Given = TypeVar("Given")


def open_model(model: onnx.ModelProto) -> Callable[[Float32], Float32]:
    """A function from the graph's one input [1, ...] to its one output. InputError where the graph cannot be run."""
    try:
        network = open_graph(model.SerializeToString())
    except InputError as error:
        raise InputError(f"{model.graph.name}: {error}") from error
    name = network.ends[0][0]

    def run(value: Float32) -> Float32:
        out: Float32 = network.run({name: value})[0]
        return out

    return run


def ran_shapes(model: onnx.ModelProto, shape: tuple[int, ...], tensors: Collection[str]) -> dict[str, tuple[int, ...]]:
    """Shapes that tensors have when the graph runs on zeros of this shape: what no reading of the graph may tell.

    Raises:
        InputError: the graph cannot be run.
    """
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    del shown.graph.output[:]
    names = sorted(tensors)
    shown.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    network = open_graph(shown.SerializeToString())
    made = network.run({network.ends[0][0]: np.zeros(shape, np.float32)})
    return {name: array.shape for name, array in zip(names, made, strict=True)}


def batch_of(frame: UInt8) -> Float32:
    """uint8 [H, W, 3] to float32 [1, 3, H, W], 0 to 255."""
    return np.ascontiguousarray(frame.transpose(2, 0, 1)[None], np.float32)


def milliseconds(run: Callable[[Given], Any], values: Sequence[Given], least: int = 5) -> float:
    """Median of the runs over `values`, at least `least` of them, after one to warm up."""
    run(values[0])
    times = []
    for i in range(max(least, len(values))):
        began = time.perf_counter()
        run(values[i % len(values)])
        times.append(time.perf_counter() - began)
    return 1e3 * float(np.median(times))
