"""The critical points of a cloud: the few points that alone give the same bits.

Source: thesis chapter on point clouds (Qi et al. 2017): ``x_C`` is the union over channels of the point that wins the
maximum. At most as many as the edge half has channels: 32 for lite, 16 for micro.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import MissingDependencyError
from isthmus.runtime.engine import open_graph


def critical_points(edge_graph: Path, points: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Indices, sorted, of the critical points of a normalised cloud ``[3, points]`` for a codec's `edge.onnx`.

    A channel that is zero for every point needs none: its maximum is zero whatever is left out.

    Raises:
        MissingDependencyError: the package onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingDependencyError(
            "critical points: expected the package onnx, got none; run: pip install 'isthmus[measure]'"
        ) from error
    model = onnx.load(edge_graph)
    (pool,) = (node for node in model.graph.node if node.op_type == "ReduceMax")
    name = pool.input[0]
    model.graph.output.append(onnx.ValueInfoProto(name=name))
    # The added output has no type: the engine infers it.
    *_, values = open_graph(model.SerializeToString()).run({"points": points[None]})
    before_pool = np.asarray(values)[0]  # [channels, points]
    winners = before_pool.argmax(1)
    alive = before_pool.max(1) > 0
    return np.unique(winners[alive]).astype(np.int64)
