"""`entropy.npz`: integer tables as arrays with names, read with care. Implements BITSTREAM.md §8.3.

The file comes from outside: every size is checked before it is used, and nothing is ever unpickled.
"""

from __future__ import annotations

import io
import tokenize
import zipfile
import zlib

import numpy as np
from numpy.typing import NDArray

from isthmus.common.bits.cdf import CdfTables
from isthmus.common.bits.context import ContextModel
from isthmus.common.bits.prior import MAX_TABLE_CELLS, MAX_TABLES
from isthmus.common.errors import InputError, ManifestError
from isthmus.common.manifest.codec_file import Source, stream_of

ENTROPY_FILE = "entropy.npz"
PRECISION_BITS = 16
MAX_OFFSET = 1 << 24
"""Furthest value of a table's first entry."""
MAX_FILE_CELLS = 1 << 22
"""Most numbers of one array in the file."""
TABLE_ARRAYS = ("frequencies", "sizes", "offsets")
NPZ_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ValueError,
    MemoryError,
    RuntimeError,  # of zipfile for what is encrypted, or packed in another way; of a header with too many brackets
    # A header is a Python literal, which NumPy takes apart with Python's own means, and these are what they raise.
    SyntaxError,
    tokenize.TokenError,
    TypeError,
    OverflowError,
)
"""Whatever zipfile and NumPy raise for a file that is no sound npz; that it cannot be read at all is an OSError."""
CONTEXT_ARRAYS = ("order", "first_tap", "taps", "first_threshold", "thresholds", "first_table")

Int32 = NDArray[np.int32]


def arrays_of(prefix: str, tables: CdfTables) -> dict[str, Int32]:
    """The arrays of tables by name, int32 ``[n]`` each."""
    rows = [tables.frequencies(table) for table in range(tables.count)]
    return {
        f"{prefix}frequencies": np.concatenate(rows).astype(np.int32),
        f"{prefix}sizes": tables.sizes,
        f"{prefix}offsets": tables.offsets,
    }


def arrays_of_context(prefix: str, context: ContextModel) -> dict[str, Int32]:
    """The arrays of a context model by name, int32 ``[n]`` each; how many channels are given is not among them."""
    arrays = {prefix + name: getattr(context, name).ravel() for name in CONTEXT_ARRAYS}
    return arrays_of(prefix, context.tables) | arrays


def tables_in(arrays: dict[str, Int32], prefix: str, *, has_escape: bool = True) -> CdfTables:
    """The tables among a file's arrays, int32 ``[n]`` each."""
    frequencies, sizes, offsets = (arrays[prefix + name] for name in TABLE_ARRAYS)
    is_sound = 1 <= len(sizes) <= MAX_TABLES and int(sizes.min()) >= 1
    if not is_sound or int(sizes.sum(dtype=np.int64)) != len(frequencies):
        raise ManifestError(
            f"{prefix}sizes: expected 1 to {MAX_TABLES} sizes from 1 up that sum to the {len(frequencies)} frequencies"
        )
    if len(sizes) * (int(sizes.max()) + 1) > MAX_TABLE_CELLS:
        raise ManifestError(
            f"{prefix}sizes: expected at most {MAX_TABLE_CELLS} entries when padded, got {len(sizes)} tables of up to "
            f"{int(sizes.max())}"
        )
    return CdfTables.from_flat_frequencies(
        frequencies.astype(np.int64), sizes.astype(np.int64), offsets, PRECISION_BITS, has_escape=has_escape
    )


def context_in(arrays: dict[str, Int32], prefix: str, *, given: int = 0) -> ContextModel:
    """The context model among a file's arrays, int32 ``[n]`` each."""
    parts = {name: arrays[prefix + name] for name in CONTEXT_ARRAYS}
    if len(parts["taps"]) % 4:
        raise ManifestError(f"{prefix}taps: expected four numbers a tap, got {len(parts['taps'])} numbers")
    parts["taps"] = parts["taps"].reshape(-1, 4)
    try:
        return ContextModel(tables_in(arrays, prefix), **parts, given=given)
    except InputError as error:
        raise ManifestError(f"{prefix.removesuffix('_')}: {error}") from error


def read_arrays(
    source: Source, required: tuple[str, ...], optional: tuple[tuple[str, ...], ...] = ()
) -> dict[str, Int32]:
    """The arrays of a file, int32 `[n]` each, their sizes checked before they are read.

    Args:
        source: the file.
        required: names of arrays that must be there.
        optional: groups of arrays of which all or none are there; no others may be.

    Raises:
        ManifestError: it is missing, damaged, or has other arrays.
    """
    try:
        with zipfile.ZipFile(stream_of(source)) as archive:
            names = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
            present = [name for group in optional if set(group) <= set(names) for name in group]
            expected = sorted([*required, *present])
            if sorted(names) != expected:
                raise ManifestError(f"expected the arrays {expected}, got {sorted(names)!r:.400}")
            arrays: dict[str, Int32] = {}
            for name, entry in names.items():
                if entry.file_size > 4 * MAX_FILE_CELLS:
                    raise ManifestError(
                        f"{name}: expected at most {MAX_FILE_CELLS} numbers, got {entry.file_size} bytes"
                    )
                with archive.open(entry) as stream:
                    arrays[name] = _array(name, stream.read(entry.file_size + 1))
    except OSError as error:
        raise ManifestError(f"cannot read it: {error.strerror or error}") from error
    except NPZ_ERRORS as error:
        raise ManifestError(f"expected an npz file: {error}") from error
    return arrays


def _array(name: str, data: bytes) -> Int32:
    """The array of a `.npy` member: int32, one axis, all bytes used."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ManifestError(f"{name}: expected npy version 1.0, got {version}")
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    start = stream.tell()
    if dtype != np.dtype("<i4") or len(shape) != 1 or len(data) - start != 4 * shape[0]:
        raise ManifestError(f"{name}: expected int32 numbers on one axis, got {dtype} of shape {shape}")
    return np.frombuffer(data, dtype="<i4", offset=start).astype(np.int32)
