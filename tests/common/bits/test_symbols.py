"""Symbols: immutable, int32, and their checksum."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from isthmus.common.bits.symbols import Symbols
from isthmus.common.errors import InputError


def test_the_array_is_copied_and_frozen() -> None:
    source = np.array([[1, 2]], dtype=np.int32)
    symbols = Symbols(source)
    source[0, 0] = 9
    assert symbols.values.tolist() == [[1, 2]]
    with pytest.raises(ValueError, match="read-only"):
        symbols.values[0, 0] = 3


def test_a_read_only_view_of_a_writable_array_is_copied_too() -> None:
    source = np.array([[1, 2]], dtype=np.int32)
    view = source[:]
    view.flags.writeable = False
    symbols = Symbols(view)
    source[0, 0] = 9
    assert symbols.values.tolist() == [[1, 2]]


def test_an_array_over_bytes_is_not_copied() -> None:
    array = np.frombuffer(bytes(8), dtype=np.int32).reshape(1, 2)
    assert Symbols(array).values is array


@given(arrays(np.int32, array_shapes(min_dims=1, max_dims=4, max_side=4)))
def test_checksum_is_the_crc_of_little_endian_int32(values: np.ndarray) -> None:
    symbols = Symbols(np.asfortranarray(values))
    raw = b"".join(int(v).to_bytes(4, "little", signed=True) for v in values.ravel())
    assert symbols.crc32() == zlib.crc32(raw)
    assert symbols.checksum(4) == zlib.crc32(raw).to_bytes(4, "little")
    assert symbols.checksum(2) == symbols.checksum(4)[:2]
    assert symbols.checksum(0) == b""
    assert symbols.count == values.size
    assert symbols.signals == values.shape[0]


def test_known_checksum() -> None:
    assert Symbols(np.array([[1, -2, 3]])).checksum(4).hex() == "e605b2a4"


@given(st.sampled_from([np.int8, np.uint16, np.int64, np.uint64]))
def test_other_integers_become_int32(dtype: type[np.integer]) -> None:
    assert Symbols(np.array([[5]], dtype=dtype)) == Symbols(np.array([[5]], dtype=np.int32))


@pytest.mark.parametrize("values", [np.array([[0.5]]), np.array([[2**31]]), np.array([[-(2**31) - 1]]), np.array(3)])
def test_what_is_not_int32_is_refused(values: np.ndarray) -> None:
    with pytest.raises(InputError, match="expected symbols"):
        Symbols(values)


def test_equal_symbols_are_equal_and_hash_alike() -> None:
    a, b = Symbols(np.array([[1, 2]])), Symbols(np.array([[1, 2]]))
    assert a == b
    assert hash(a) == hash(b)
    assert a != Symbols(np.array([[1], [2]]))
    assert a != "symbols"


def test_a_checksum_of_three_bytes_is_refused() -> None:
    with pytest.raises(InputError, match="0, 2 or 4 bytes, got 3"):
        Symbols(np.array([[1]])).checksum(3)
