"""How large a frame may be: the finest step whose packet is small enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from isthmus.common.video.frames import CodedFrame


def within_bytes(code: Callable[[int], CodedFrame], steps: Sequence[int], max_bytes: int) -> CodedFrame:
    """A frame coded at the first of rising steps whose packet has at most so many bytes, or at the last of them.

    Packets shrink with steps but for a few bytes, so halving finds the step, or one beside it.

    Args:
        code: codes the frame at a step.
        steps: from the finest that is wanted.
        max_bytes: 0 for no bound.
    """
    coded = code(steps[0])
    if not max_bytes or coded.packet.size_bytes <= max_bytes or len(steps) == 1:
        return coded
    low, high, best = 0, len(steps) - 1, code(steps[-1])  # too large at `low`; `best`, at `high`, whatever it is
    while high - low > 1:
        middle = (low + high) // 2
        tried = code(steps[middle])
        if tried.packet.size_bytes <= max_bytes:
            high, best = middle, tried
        else:
            low = middle
    return best
