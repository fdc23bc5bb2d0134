"""Types of the C histograms `_histogram.c`; `histogram.py` is their only caller."""

import numpy as np
from numpy.typing import NDArray

def shares(values: NDArray[np.int32], channels: int, bins: int, most: int, /) -> bytes: ...
