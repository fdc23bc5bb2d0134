"""Times of a whole network and of its halves, taken in turn: what else a machine does meets all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from isthmus.split.graphs import Float32, open_model
from isthmus.split.half_graphs import PREFIX, entered, finished, prefixed
from isthmus.split.halves import Halves
from isthmus.split.network import Network, part
from isthmus.split.preprocessing import Preprocessing


@dataclass(frozen=True, slots=True)
class HalfTimes:
    """Milliseconds of a frame, medians over the rounds.

    Attributes:
        whole: of the whole network, pixels treated.
        plain, cloud: of both halves, nothing between them.
        floats, integers: of the edge half of either codec, components made.
        coding: of its components to a packet.
        rounds: taken.
    """

    whole: float
    plain: float
    cloud: float
    floats: float
    integers: float
    coding: float
    rounds: int

    def summary(self, macs_share: float) -> dict[str, float]:
        """The numbers that may be quoted, with the edge's share of the multiply-accumulates."""
        time_share = self.plain / (self.plain + self.cloud)
        return {
            "split.lite0.whole_ms": self.whole,
            "split.lite0.edge_ms": self.floats,
            "split.lite0.edge_coding_ms": self.coding,
            "split.lite0.edge_macs_share": macs_share,
            "split.lite0.edge_time_share": time_share,
            "split.lite0.edge_time_ratio_to_share": self.floats / (time_share * self.whole),
            "split.lite0.edge_and_coding_time_ratio_to_share": (self.floats + self.coding) / (time_share * self.whole),
            "split.lite0.edge_time_ratio_to_macs_share": self.floats / (macs_share * self.whole),
            "split.lite0.int8.edge_ms": self.integers,
            "split.lite0.int8.edge_time_ratio": self.integers / self.floats,
            "split.lite0.int8.edge_time_ratio_to_share": self.integers / (time_share * self.whole),
        }


def whole_graph(network: Network, preprocessing: Preprocessing) -> onnx.ModelProto:
    """The whole network with its pixels treated: `frame` float32 [1, 3, H, W] to the logits."""
    model = prefixed(part(network, network.input_name, network.output_name, "whole"))
    before: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    entered(before, constants, preprocessing, PREFIX + network.input_name)
    after = [onnx.helper.make_node("Identity", [PREFIX + network.output_name], ["logits"])]
    shape = list(network.shape(network.output_name))
    sides = [1, 3, network.height, network.width]
    return finished(model, before, after, constants, [("frame", sides)], [("logits", shape)])


def half_times(
    whole: onnx.ModelProto,
    plain: Halves,
    edges: Sequence[onnx.ModelProto],
    code: Callable[[Float32], Any],
    frames: Sequence[Float32],
    rounds: int,
    advance: Callable[[int], None] = lambda _: None,
) -> HalfTimes:
    """Time all of them.

    Args:
        whole: graph of the network.
        plain: halves with nothing between them.
        edges: of the codec in floats, and of that in integers.
        code: components float32 [K, h, w] of the codec in floats to a packet.
        frames: float32 [1, 3, H, W].
        rounds: how often.
        advance: called with each round done.
    """
    floats, integers = (open_model(edge) for edge in edges)
    runs: Mapping[str, Callable[[Float32], Any]] = {
        "whole": open_model(whole),
        "plain": open_model(plain.edge),
        "cloud": open_model(plain.cloud),
        "floats": floats,
        "integers": integers,
        "coding": code,
    }
    latents, components = runs["plain"](frames[0]), floats(frames[0])[0]
    times: dict[str, list[float]] = {name: [] for name in runs}
    for k in range(rounds):
        frame = frames[k % len(frames)]
        given = dict.fromkeys(runs, frame) | {"cloud": latents, "coding": components}
        for name, run in runs.items():
            run(given[name])  # its weights and activations in the caches, as for a stream of frames
            began = time.process_time()
            run(given[name])
            times[name].append(time.process_time() - began)
        advance(1)
    return HalfTimes(**{name: 1e3 * float(np.median(t)) for name, t in times.items()}, rounds=rounds)
