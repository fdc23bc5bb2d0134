"""Milliseconds of every stage, in turn: what else a machine does meets all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from isthmus.measure.complexity.stages import Stage, prepared


def milliseconds(
    stages: Sequence[Stage], rounds: int, advance: Callable[[int], None] = lambda _: None
) -> tuple[float, ...]:
    """Of each stage the median over the rounds, in the processor's time, of one thread."""
    runs = [prepared(stage).whole for stage in stages]
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for run, found in zip(runs, times, strict=True):
            run()  # its weights in the caches, as for a stream of images
            began = time.process_time()
            run()
            found.append(1e3 * (time.process_time() - began))
        advance(1)
    return tuple(float(np.median(found)) for found in times)
