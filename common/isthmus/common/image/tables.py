"""The tables of an image codec, and the file that holds them: `entropy.npz`. Implements BITSTREAM.md §8.3.

Latents are coded in groups: the channels of y or, with a hyperprior, the scales. A group has one or more candidate
tables that lie side by side; the first is its static one, and an image may choose another for each group.

```
group          0              1        2
candidates     0   1   2      3   4    5        first_table = (0, 3, 5, 6)
```
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isthmus.common.bits.cdf import CdfTables
from isthmus.common.bits.context import ContextModel
from isthmus.common.bits.entropy_file import (
    CONTEXT_ARRAYS,
    MAX_OFFSET,
    PRECISION_BITS,
    TABLE_ARRAYS,
    arrays_of,
    arrays_of_context,
    context_in,
    read_arrays,
    tables_in,
)
from isthmus.common.bits.prior import MAX_CHANNELS, Prior
from isthmus.common.errors import InputError, ManifestError
from isthmus.common.manifest.codec_file import Source

Int32 = NDArray[np.int32]

REQUIRED = (*TABLE_ARRAYS, "first_table", *(f"choice_{n}" for n in (*TABLE_ARRAYS, "first_table", "parent", "escape")))
OPTIONAL = (
    tuple(f"q_{n}" for n in TABLE_ARRAYS),
    tuple(f"z_{n}" for n in TABLE_ARRAYS),
    tuple(f"context_{n}" for n in (*TABLE_ARRAYS, *CONTEXT_ARRAYS)),
)


@dataclass(frozen=True, slots=True, eq=False)
class ImageTables:
    """All tables of an image codec, precision 16.

    Attributes:
        tables: candidate tables of all groups, with escapes; those of one group share offset and size.
        first_table: int32 `[G + 1]`, where each group's candidates begin; the last is the number of tables.
        choice: codes which candidate each group takes: G channels, channel g with the values 0 to candidates - 1.
        q_tables: one table with escapes for each channel of q (M_q); None for a codec that does not synthesize.
        z_tables: one table with escapes for each channel of z (N); None for a codec without a hyperprior.
        context: tables with escapes and what chooses among them; its channels are the groups. None for a codec without
            contexts, and always with a hyperprior.

    Raises:
        InputError: a rule above is broken.
    """

    tables: CdfTables
    first_table: Int32
    choice: Prior
    q_tables: CdfTables | None = None
    z_tables: CdfTables | None = None
    context: ContextModel | None = None

    def __post_init__(self) -> None:
        first = np.array(self.first_table, copy=True)
        if first.dtype.kind not in "iu" or first.ndim != 1 or not 2 <= len(first) <= MAX_CHANNELS + 1:
            raise InputError(
                f"expected first_table as 2 to {MAX_CHANNELS + 1} integers, got {first.dtype} {first.shape}"
            )
        counts: NDArray[np.int64] = first[1:].astype(np.int64) - first[:-1]
        if first[0] != 0 or first[-1] != self.tables.count or (counts < 1).any():
            raise InputError(f"expected first_table to grow from 0 to {self.tables.count}, the number of tables")
        first = first.astype(np.int32)
        first.flags.writeable = False
        object.__setattr__(self, "first_table", first)
        static = np.repeat(first[:-1], counts)
        if (self.tables.sizes != self.tables.sizes[static]).any() or (
            self.tables.offsets != self.tables.offsets[static]
        ).any():
            raise InputError("expected the candidate tables of a group to share one offset and one size")
        for name, tables in (
            ("tables", self.tables),
            ("q_tables", self.q_tables),
            ("z_tables", self.z_tables),
            ("context", self.context.tables if self.context is not None else None),
        ):
            if tables is not None and max(abs(int(tables.offsets.min())), int(tables.offsets.max())) > MAX_OFFSET:
                raise InputError(f"{name}: expected offsets from {-MAX_OFFSET} to {MAX_OFFSET}")
            if tables is not None and (not tables.has_escape or tables.precision_bits != PRECISION_BITS):
                raise InputError(f"{name}: expected tables with escapes, of precision {PRECISION_BITS}")
        if self.context is not None and (self.context.channels != len(counts) or self.z_tables is not None):
            raise InputError(
                f"context: expected {len(counts)} channels, one a group, and no tables of z, got "
                f"{self.context.channels} channels{' and tables of z' * (self.z_tables is not None)}"
            )
        choice = self.choice
        if choice.tables.precision_bits != PRECISION_BITS:
            raise InputError(f"choice: expected tables of precision {PRECISION_BITS}")
        if choice.channels != len(counts) or (choice.value_counts != counts).any() or choice.offsets.any():
            raise InputError(
                f"choice: expected {len(counts)} channels, one a group, whose values are 0 to the group's number of "
                "tables less one"
            )

    @property
    def groups(self) -> int:
        """Number of groups."""
        return len(self.first_table) - 1

    @property
    def candidate_counts(self) -> Int32:
        """Candidate tables of each group, int32 `[G]`."""
        return self.first_table[1:] - self.first_table[:-1]

    def save(self, path: str | Path) -> None:
        """Writes the file; the same tables give the same bytes."""
        prior = self.choice
        arrays = arrays_of("", self.tables) | {"first_table": self.first_table} | arrays_of("choice_", prior.tables)
        arrays |= {"choice_first_table": prior.first_table, "choice_parent": prior.parent}
        arrays["choice_escape"] = np.array([prior.tables.has_escape], dtype=np.int32)
        for prefix, tables in (("q_", self.q_tables), ("z_", self.z_tables)):
            arrays |= arrays_of(prefix, tables) if tables is not None else {}
        if self.context is not None:
            arrays |= arrays_of_context("context_", self.context)
        np.savez_compressed(path, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Source) -> ImageTables:
        """Reads the file.

        Raises:
            ManifestError: it is missing, or not exactly the arrays of sound tables.
        """
        try:
            return _tables_of(read_arrays(path, REQUIRED, OPTIONAL))
        except (InputError, ManifestError) as error:
            raise ManifestError(f"{path}: {error}; restore it, or make the codec again") from error


def _tables_of(arrays: dict[str, Int32]) -> ImageTables:
    escape = arrays["choice_escape"].tolist()
    if escape not in ([0], [1]):
        raise ManifestError(f"choice_escape: expected one 0 or 1, got {escape!r:.80}")
    return ImageTables(
        tables=tables_in(arrays, ""),
        first_table=arrays["first_table"],
        choice=Prior(
            tables_in(arrays, "choice_", has_escape=escape == [1]),
            arrays["choice_first_table"],
            arrays["choice_parent"],
        ),
        q_tables=tables_in(arrays, "q_") if "q_sizes" in arrays else None,
        z_tables=tables_in(arrays, "z_") if "z_sizes" in arrays else None,
        context=context_in(arrays, "context_") if "context_sizes" in arrays else None,
    )
