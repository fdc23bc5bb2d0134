"""What a network's answers are for, told by its outputs where nobody says so."""

from __future__ import annotations

from isthmus.common.tasks import CLASSIFY, TENSORS
from isthmus.split.network import Network


def recognised(network: Network) -> str:
    """The task of a network that was read with its outputs as they are, as a person would ask for it.

    | outputs | task |
    |---|---|
    | one, `[1, n]`, or `[1, n, 1, 1]` | classify |
    | all else | tensors |
    """
    shapes = [network.shape(output) for output in network.output_names]
    if len(shapes) == 1 and (len(shapes[0]) <= 2 or all(side == 1 for side in shapes[0][2:])):
        return CLASSIFY
    return TENSORS
