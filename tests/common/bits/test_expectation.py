"""Tables chosen by expectations: both coders alike, every rule refused, and what is saved by what is found."""

import pickle
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.common.bits import expectation
from isthmus.common.bits.cdf import CdfTables, quantize_pmf
from isthmus.common.bits.expectation import MAX_EXPECTED, ExpectationModel
from isthmus.common.errors import InputError, PacketError

Int32 = npt.NDArray[np.int32]
TAPS = ((0, -1, 0, 4), (0, 0, -1, 5), (1, 0, 0, 255), (3, 1, 1, 2), (16, -2, 2, 1), (-1, 0, 0, 2), (-1, 2, -2, 1))


def tables(count: int, seed: int = 0, *, has_escape: bool = True) -> CdfTables:
    random = np.random.default_rng(seed)
    return quantize_pmf(
        [random.random(7) + 0.01 for _ in range(count)], -3 + np.arange(count) % 2, has_escape=has_escape
    )


def model(seed: int = 0) -> ExpectationModel:
    edges, thresholds = np.array([100, 1000, 4000]), np.array([30, 80])
    return ExpectationModel(tables(12, seed), np.array(TAPS), edges, thresholds, 500)


def frame(shape: tuple[int, int, int], seed: int = 0, scale: float = 1.5) -> tuple[Int32, Int32, npt.NDArray[np.bool_]]:
    random = np.random.default_rng(seed)
    y = np.rint(random.laplace(0, scale, shape)).astype(np.int32)
    return y, random.integers(0, 6000, shape).astype(np.int32), random.random(shape[1:]) < 0.7


@settings(max_examples=25)
@given(st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(1, 6)), st.integers(0, 99), st.booleans())
def test_both_coders_write_and_read_the_same(shape: tuple[int, int, int], seed: int, is_masked: bool) -> None:
    coder = model(seed)
    y, expected, mask = frame(shape, seed, 1 + 300 * (seed % 5 == 0))
    used = mask if is_masked else None
    y = (y * mask).astype(np.int32) if is_masked else y
    section, bits = coder.encode_measured(y, expected, used)
    assert section == coder.encode_reference(y, expected, used)
    for decode in (coder.decode, coder.decode_reference):
        np.testing.assert_array_equal(decode(section, expected, used), y)
    with patch.object(expectation, "compiled", None):
        again, told = model(seed).encode_measured(y, expected, used)
        assert again == section
        np.testing.assert_array_equal(model(seed).decode(section, expected, used), y)
        slow = model(seed).table_indices(y, expected, used)
    np.testing.assert_array_equal(coder.table_indices(y, expected, used), slow)
    assert told == pytest.approx(bits, abs=0.01)
    assert len(section) <= bits / 8 + 1


def test_a_copy_codes_alike() -> None:
    y, expected, _ = frame((3, 4, 5))
    copy = pickle.loads(pickle.dumps(model()))
    assert copy.encode_measured(y, expected) == model().encode_measured(y, expected)


@given(st.binary(max_size=12))
def test_any_bytes_are_canonical_or_refused(data: bytes) -> None:
    coder, expected = model(), frame((2, 3, 3))[1]
    try:
        y = coder.decode(data, expected)
    except PacketError:
        with pytest.raises(PacketError):
            coder.decode_reference(data, expected)
        return
    assert coder.encode_measured(y, expected)[0] == data


def test_the_extremes_fit() -> None:
    coder = model()
    y = np.full((17, 2, 2), 2**31 - 1, np.int32)
    y[::2] = -(2**31)
    expected = np.full(y.shape, MAX_EXPECTED, np.int32)
    section, _ = coder.encode_measured(y, expected)
    assert section == coder.encode_reference(y, expected)
    np.testing.assert_array_equal(coder.decode(section, expected), y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"taps": np.array([[0, 0, 0, 1]])}, "coded before"),
        ({"taps": np.array([[0, 0, 1, 1]])}, "coded before"),
        ({"taps": np.array([[0, 1, -1, 1]])}, "coded before"),
        ({"taps": np.array([[-2, 0, 0, 1]])}, "coded before"),
        ({"taps": np.array([[17, 0, 0, 1]])}, "coded before"),
        ({"taps": np.array([[1, 3, 0, 1]])}, "coded before"),
        ({"taps": np.array([[1, 0, 0, 0]])}, "coded before"),
        ({"taps": np.array([[1, 0, 0, 256]])}, "coded before"),
        ({"taps": np.array([1, 0, 0, 1])}, "four numbers"),
        ({"taps": np.array([[1, 0, 0, 1]] * 65)}, "up to 64"),
        ({"edges": np.array([5, 5])}, "edges: expected up to 63 rising"),
        ({"edges": np.array([0, 5, 6])}, "edges: expected up to 63 rising"),
        ({"thresholds": np.array([9, 8])}, "thresholds: expected up to 63 rising"),
        ({"thresholds": np.array([1, 1 << 17])}, "thresholds: expected up to 63 rising"),
        ({"inertia": 0}, "inertia"),
        ({"edges": np.array([5, 6])}, "expected 9 tables"),
        ({"tables": tables(12, has_escape=False)}, "with escapes"),
    ],
)
def test_rules(change: dict[str, object], message: str) -> None:
    good = model()
    fields: dict[str, object] = {
        name: getattr(good, name) for name in ("tables", "taps", "edges", "thresholds", "inertia")
    }
    with pytest.raises(InputError, match=message):
        ExpectationModel(**(fields | change))  # type: ignore[arg-type]


def test_arrays_that_do_not_fit() -> None:
    coder = model()
    y, expected, mask = frame((2, 3, 4))
    with pytest.raises(InputError, match="expected: expected magnitudes of shape"):
        coder.encode_measured(y, expected[:, :2])
    with pytest.raises(InputError, match="expected 0 to"):
        coder.encode_measured(y, -expected - 1)
    with pytest.raises(InputError, match="mask: expected bool"):
        coder.encode_measured(y, expected, mask[:2])
    with pytest.raises(InputError, match="0 wherever the mask"):
        coder.encode_measured(np.ones_like(y), expected, np.zeros_like(mask))
    with pytest.raises(InputError, match=r"\[M, h, w\]"):
        coder.encode_measured(y[0], expected[0])
