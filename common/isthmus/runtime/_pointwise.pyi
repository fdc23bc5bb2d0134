"""Types of the C engine `_pointwise.c`; `pointwise.py` is its only caller."""

from typing import final

import numpy as np
from numpy.typing import NDArray

Int32s = NDArray[np.int32]

@final
class Network:
    """A narrow edge half in the form the C loops read; arrays of all layers one after the other."""

    def __new__(
        cls,
        input_bits: int,
        head_count: int,
        widths: Int32s,
        tops: Int32s,
        weights: Int32s,
        biases: Int32s,
        shifts: Int32s,
        head_weight: Int32s,
        head_bias: Int32s,
        instruction_set: int = 2,
        /,
    ) -> Network:
        """`instruction_set`: at most this one, 0 the platform's own, 1 AVX2 with FMA, 2 AVX-512."""

    def run(self, points: NDArray[np.float32], count: int, /) -> bytes: ...
