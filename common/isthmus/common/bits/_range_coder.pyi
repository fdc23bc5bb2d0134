"""Types of the C coder `_range_coder.c`; `range_coder.py`, `prior.py` and `context.py` are its only callers."""

from typing import final

import numpy as np
from numpy.typing import NDArray

Int32s = NDArray[np.int32]
Bools = NDArray[np.bool_]

@final
class Coder:
    """Tables in the form the C loops read; with channels also the tree over them."""

    def __new__(
        cls,
        cumulative: NDArray[np.uint32],
        sizes: Int32s,
        offsets: Int32s,
        precision_bits: int,
        has_escape: bool,
        first_table: Int32s | None,
        parent: Int32s | None,
        /,
    ) -> Coder: ...
    def encode(self, values: Int32s, table_indices: Int32s, /) -> bytes | tuple[int, int]: ...
    def decode(self, data: bytes, table_indices: Int32s, /) -> bytes | tuple[int, int]: ...
    def encode_signals(self, values: Int32s, /) -> bytes | tuple[int, int]: ...
    def decode_signals(self, data: bytes, signals: int, /) -> bytes | tuple[int, int]: ...
    def encode_context(
        self,
        context: Context,
        values: Int32s,
        height: int,
        width: int,
        given: Int32s | None = None,
        mask: Bools | None = None,
        /,
    ) -> tuple[bytes, int, int] | tuple[int, int]: ...
    def decode_context(
        self,
        context: Context,
        data: bytes,
        height: int,
        width: int,
        given: Int32s | None = None,
        mask: Bools | None = None,
        /,
    ) -> bytes | tuple[int, int]: ...
    def context_tables(
        self,
        context: Context,
        values: Int32s,
        height: int,
        width: int,
        given: Int32s | None = None,
        mask: Bools | None = None,
        /,
    ) -> bytes | tuple[int, int]: ...

@final
class Context:
    """Taps, thresholds and tables of every channel in the form the C loops read."""

    def __new__(
        cls,
        order: Int32s,
        first_tap: Int32s,
        taps: Int32s,
        first_threshold: Int32s,
        thresholds: Int32s,
        first_table: Int32s,
        given: int = 0,
        /,
    ) -> Context: ...
