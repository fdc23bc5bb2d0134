"""The tree prior: tables chosen by parents, on both coders, and its integers in JSON."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.common.bits.cdf import CdfTables, quantize_pmf
from isthmus.common.bits.prior import Prior
from isthmus.common.bits.symbols import Symbols
from isthmus.common.errors import InputError, LimitExceededError, ManifestError, PacketError, SymbolRangeError


@st.composite
def priors(draw: st.DrawFn) -> Prior:
    """Trees of up to six channels."""
    has_escape = draw(st.booleans())
    channels = draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows: list[np.ndarray] = []
    offsets: list[int] = []
    first: list[int] = []
    parent: list[int] = []
    counts: list[int] = []
    for channel in range(channels):
        parent.append(draw(st.integers(-1, channel - 1)))
        size, offset = draw(st.integers(1 + has_escape, 6)), draw(st.integers(-3, 3))
        first.append(len(rows))
        fan = counts[parent[-1]] if parent[-1] >= 0 else 1
        rows += [rng.random(size) ** 4 + 1e-9 for _ in range(fan)]
        offsets += [offset] * fan
        counts.append(size - has_escape)
    tables = quantize_pmf(rows, offsets, draw(st.sampled_from([3, 8, 12, 16])), has_escape=has_escape)
    return Prior(tables, np.array(first, dtype=np.int32), np.array(parent, dtype=np.int32))


@st.composite
def coded(draw: st.DrawFn) -> tuple[Prior, Symbols]:
    prior = draw(priors())
    signals = draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = prior.offsets + rng.integers(0, prior.value_counts, (signals, prior.channels))
    if prior.tables.has_escape:
        values = values + (rng.random(values.shape) < 0.2) * rng.integers(-50, 50, values.shape)
    return prior, Symbols(values)


@given(coded())
def test_round_trip_on_both_coders(case: tuple[Prior, Symbols]) -> None:
    prior, symbols = case
    section = prior.encode(symbols)
    assert section == prior.encode_reference(symbols)
    assert prior.decode(section, symbols.signals) == symbols
    assert prior.decode_reference(section, symbols.signals) == symbols


@given(coded())
def test_estimated_bits_foretell_the_section(case: tuple[Prior, Symbols]) -> None:
    prior, symbols = case
    bits = prior.estimated_bits(symbols)
    assert bits.shape == (symbols.signals,)
    # A section is never a byte and a bit longer than its ideal; and each signal alone has the bits it has in a batch.
    assert 8 * len(prior.encode(symbols)) <= bits.sum() + 9
    alone = [prior.estimated_bits(Symbols(row[None]))[0] for row in symbols.values]
    assert alone == pytest.approx(bits.tolist())


@given(priors(), st.integers(1, 3), st.binary(max_size=10))
def test_any_bytes_are_canonical_or_refused(prior: Prior, signals: int, section: bytes) -> None:
    try:
        symbols = prior.decode(section, signals)
    except PacketError as error:
        with pytest.raises(PacketError, match=str(error).replace("(", r"\(").replace(")", r"\)")):
            prior.decode_reference(section, signals)
        return
    assert prior.encode(symbols) == section
    assert prior.decode_reference(section, signals) == symbols


@given(priors())
def test_json_round_trip(prior: Prior) -> None:
    text = json.dumps(prior.to_json())
    again = Prior.from_json(json.loads(text))
    assert again == prior
    assert hash(again) == hash(prior)
    assert json.dumps(again.to_json()) == text
    assert pickle.loads(pickle.dumps(prior)) == prior


def tree() -> Prior:
    """Channel 1 copies channel 0 nearly always."""
    tables = CdfTables.from_frequencies([[128, 128], [255, 1], [1, 255]], [0, 4, 4], 8)
    return Prior(tables, np.array([0, 1]), np.array([-1, 0]))


def test_a_parent_selects_its_childs_table() -> None:
    prior = tree()
    assert prior.table_indices(Symbols(np.array([[0, 4], [1, 4]]))).tolist() == [[0, 1], [0, 2]]
    likely, unlikely = Symbols(np.array([[1, 5]] * 20)), Symbols(np.array([[1, 4]] * 20))
    assert prior.estimated_bits(likely)[0] == pytest.approx(1 + np.log2(256 / 255))
    assert len(prior.encode(likely)) < len(prior.encode(unlikely)) / 5


def test_an_escaped_parent_selects_the_nearest_table() -> None:
    tables = CdfTables.from_frequencies([[3, 3, 2], [1, 6, 1], [6, 1, 1]], [0, 0, 0], 3, has_escape=True)
    prior = Prior(tables, np.array([0, 1]), np.array([-1, 0]))
    symbols = Symbols(np.array([[-9, 0], [9, 1]]))
    assert prior.table_indices(symbols).tolist() == [[0, 1], [0, 2]]
    section = prior.encode(symbols)
    assert section == prior.encode_reference(symbols)
    assert prior.decode(section, 2) == prior.decode_reference(section, 2) == symbols


def test_a_symbol_outside_its_channel_is_this_sides_mistake() -> None:
    symbols = Symbols(np.array([[0, 4], [0, 6]]))
    for encode in (tree().encode, tree().encode_reference):
        with pytest.raises(SymbolRangeError, match=r"signal 1, channel 1: expected a value from 4 to 5 .*, got 6"):
            encode(symbols)
    with pytest.raises(SymbolRangeError, match="expected a value from 4 to 5"):
        tree().estimated_bits(symbols)


def test_a_parent_outside_its_channel_is_named_itself() -> None:
    symbols = Symbols(np.array([[7, 4]]))
    for encode in (tree().encode, tree().encode_reference):
        with pytest.raises(SymbolRangeError, match="signal 0, channel 0: expected a value from 0 to 1"):
            encode(symbols)


@pytest.mark.parametrize(
    "values", [np.zeros((1, 3), dtype=int), np.zeros(2, dtype=int), np.zeros((1, 1, 2), dtype=int)]
)
def test_other_shapes_are_refused(values: np.ndarray) -> None:
    for use in (tree().encode, tree().table_indices):
        with pytest.raises(InputError, match=r"shape \[signals, 2\]"):
            use(Symbols(values))


def test_limits_come_before_memory() -> None:
    with pytest.raises(LimitExceededError, match="at most 1048576 symbols"):
        tree().decode(b"", 2**60)
    with pytest.raises(LimitExceededError, match="at most 3 symbols, got 2 signals of 2"):
        tree().decode(b"", 2, max_symbol_count=3)
    with pytest.raises(InputError, match="at least one signal"):
        tree().decode(b"", 0)


@pytest.mark.parametrize(
    ("first_table", "parent", "message"),
    [
        ([0, 1], [-1], "one length"),
        ([], [], "one length"),
        ([0, 1], [0, -1], "channel 0: expected a parent from -1 to -1, got 0"),
        ([0, 1], [-1, 1], "channel 1: expected a parent"),
        ([0, 2], [-1, 0], "channel 1: expected 2 tables from 2 on, there are 3"),
        ([0, 0], [-1, 0], "channel 1: expected its 2 tables to share"),
        ([-1, 1], [-1, 0], "channel 0: expected 1 tables from -1"),
        ([0.0, 1.0], [-1, 0], "first_table as integers"),
        ([0, 1], [-1, -2], "parent as integers"),
    ],
)
def test_invalid_trees_are_refused(first_table: list[int], parent: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Prior(tree().tables, np.array(first_table, dtype=None if first_table else int), np.array(parent, dtype=int))


def test_json_of_another_kind_is_refused() -> None:
    good = tree().to_json()
    wrong: list[object] = [None, [], {}, {**good, "parent": {}}, {**good, "offsets": [True, 4, 4]}]
    for fields in wrong:
        with pytest.raises(ManifestError, match="prior"):
            Prior.from_json(fields)


def test_independent_channels() -> None:
    prior = Prior.independent(tree().tables)
    assert prior.parent.tolist() == [-1, -1, -1]
    assert prior.first_table.tolist() == [0, 1, 2]
    assert prior.channels == 3
    assert prior != 1
