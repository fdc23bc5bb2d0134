"""Contexts: C against the Python reference, damage, and models that must not be."""

import pickle
import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tiny_image_coder

from isthmus.common.bits import context
from isthmus.common.bits.cdf import quantize_pmf
from isthmus.common.bits.context import ContextModel
from isthmus.common.bits.range_coder import IS_COMPILED
from isthmus.common.bits.symbols import INT32_MAX, INT32_MIN
from isthmus.common.bits.taps import SUM_CHANNEL
from isthmus.common.errors import InputError, PacketError, SymbolRangeError

needs_compiler = pytest.mark.skipif(not IS_COMPILED, reason="the C coder was not built")
Int32 = npt.NDArray[np.int32]


def simple(**changes: Any) -> ContextModel:
    """Two channels, the second coded first; the first has two classes by one tap in the second."""
    fields: dict[str, Any] = {
        "tables": quantize_pmf([[1, 8, 1, 0.01], [3, 3, 3, 0.01], [2, 5, 2, 0.01]], [-1] * 3, 16, has_escape=True),
        "order": [1, 0],
        "first_tap": [0, 1, 1],
        "taps": [[1, 0, 0, 2]],
        "first_threshold": [0, 1, 1],
        "thresholds": [2],
        "first_table": [0, 2],
    }
    given: dict[str, Any] = {k: np.array(v) if isinstance(v, list) else v for k, v in (fields | changes).items()}
    return ContextModel(**given)


def latents(model: ContextModel, height: int, width: int, scale: float, seed: int) -> Int32:
    y = tiny_image_coder.latents((model.channels, height, width), scale, seed)
    rng = np.random.default_rng(seed)
    for value in (INT32_MIN, INT32_MAX)[: int(rng.integers(0, 3))]:
        y.ravel()[rng.integers(y.size)] = value
    return y


@settings(max_examples=80)
@given(
    st.integers(1, 6),
    st.integers(1, 40),
    st.integers(0, 9),
    st.integers(1, 9),
    st.integers(1, 9),
    st.floats(0, 30),
    st.integers(0, 2**32 - 1),
)
def test_the_reference_gives_the_same(
    channels: int, classes: int, taps: int, height: int, width: int, scale: float, seed: int
) -> None:
    model = tiny_image_coder.context_model(channels, classes, taps, seed=seed)
    y = latents(model, height, width, scale, seed)
    section, bits = model.encode_measured(y)
    assert section == model.encode(y) == model.encode_reference(y)
    tables = model.table_indices(y)
    assert bits == pytest.approx(float(model.tables.bits(y, tables).sum()), abs=1e-6)
    assert (tables == model._walk(height, width, lambda place, _: int(y[place]))[1]).all()
    for decode in (model.decode, model.decode_reference):
        decoded = decode(section, height, width)
        assert decoded.dtype == np.int32
        assert (decoded == y).all()
        assert not decoded.flags.writeable


@settings(max_examples=80)
@given(
    st.integers(1, 4),
    st.integers(0, 5),
    st.integers(0, 9),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from([None, 0.0, 0.3, 1.0]),
    st.integers(0, 2**32 - 1),
)
def test_the_reference_gives_the_same_with_given_channels_and_a_mask(
    channels: int, known: int, taps: int, height: int, width: int, coded: float | None, seed: int
) -> None:
    model = tiny_image_coder.context_model(channels, 5, taps, seed=seed, given=known)
    rng = np.random.default_rng(seed)
    planes = rng.integers(-20, 21, (known, height, width)).astype(np.int32)
    mask = None if coded is None else rng.random((height, width)) < coded
    y = latents(model, height, width, 3, seed) * (1 if mask is None else mask)
    assert (model.channels, model.given, y.shape[0]) == (channels, known, channels)
    section, bits = model.encode_measured(y, planes, mask)
    assert section == model.encode(y, planes, mask) == model.encode_reference(y, planes, mask)
    places = slice(None) if mask is None else mask
    tables = model.table_indices(y, planes, mask)
    assert bits == pytest.approx(float(model.tables.bits(y, tables)[:, places].sum()), abs=1e-6)
    walked = model._walk(height, width, lambda place, _: int(y[place]), planes, mask)[1]
    assert (tables[:, places] == walked[:, places]).all()
    for decode in (model.decode, model.decode_reference):
        decoded = decode(section, height, width, planes, mask)
        assert (decoded == y).all()
        assert not decoded.flags.writeable
    if known:
        # What is given takes part by magnitudes up to 15, and only there.
        same = np.where(np.abs(planes) >= 15, 99, -planes).astype(np.int32)
        assert model.encode(y, same, mask) == section


def test_given_channels_choose_tables_and_are_no_part_of_the_sum() -> None:
    starts = {"first_tap": [0, 0, 1, 2], "first_threshold": [0, 0, 1, 2]}
    model = simple(
        order=[0, 1, 2],
        taps=[[0, 0, 1, 1], [SUM_CHANNEL, 0, 0, 1]],
        thresholds=[4, 1],
        first_table=[0, 0, 0],
        given=1,
        **starts,
    )
    y = np.array([[[0, 1, 0]], [[0, 0, 0]]], np.int32)
    known = np.array([[[9, -3, 4]]], np.int32)
    assert model.table_indices(y, known).tolist() == [[[0, 1, 0]], [[0, 1, 0]]]


def test_a_mask_of_nothing_codes_nothing() -> None:
    model = tiny_image_coder.context_model(3, given=2)
    y, known, mask = np.zeros((3, 4, 5), np.int32), np.ones((2, 4, 5), np.int32), np.zeros((4, 5), bool)
    assert model.encode_measured(y, known, mask) == (b"", 0.0)
    assert not model.decode(b"", 4, 5, known, mask).any()
    with pytest.raises(PacketError):
        model.decode(b"\x01", 4, 5, known, mask)


@pytest.mark.parametrize(
    ("known", "mask", "message"),
    [
        (None, None, r"given: expected channels of shape \[2, 4, 5\], got none"),
        (np.zeros((1, 4, 5), np.int32), None, "given: expected channels of shape"),
        (np.zeros((2, 5, 4), np.int32), None, "given: expected channels of shape"),
        (np.zeros((2, 4, 5), np.int32), np.zeros((5, 4), bool), r"mask: expected bool of shape \[4, 5\]"),
        (np.zeros((2, 4, 5), np.int32), np.zeros((4, 5), np.uint8), "mask: expected bool of shape"),
        (np.zeros((2, 4, 5), np.int32), np.zeros((4, 5), bool), "latents: expected 0 wherever the mask is false"),
    ],
)
def test_given_channels_and_masks_that_do_not_fit(known: Any, mask: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tiny_image_coder.context_model(3, given=2).encode(np.ones((3, 4, 5), np.int32), known, mask)


def test_given_channels_where_there_are_none() -> None:
    with pytest.raises(InputError, match=r"given: expected channels of shape \[0, 2, 2\]"):
        simple().encode(np.zeros((2, 2, 2), np.int32), np.zeros((1, 2, 2), np.int32))


@settings(max_examples=150)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), st.binary(max_size=12), st.integers(0, 2**32 - 1))
def test_any_bytes_are_canonical_or_refused(channels: int, height: int, width: int, data: bytes, seed: int) -> None:
    model = tiny_image_coder.context_model(channels, seed=seed)
    outcomes = []
    for decode in (model.decode, model.decode_reference):
        try:
            outcomes.append(decode(data, height, width).tobytes())
        except PacketError as error:
            outcomes.append(str(error).encode())
            continue
        assert model.encode(decode(data, height, width)) == data
    assert outcomes[0] == outcomes[1]


def test_activities_at_the_end_of_int32() -> None:
    """The largest activity that a model may have, and thresholds around it."""
    weight = INT32_MAX // 15
    for sign in (1, -1):
        thresholds = sorted((sign * weight * 15, sign * weight * 15 - 1))
        tables = quantize_pmf([[3, 8, 3, 1]] * 4, [-1] * 4, 16, has_escape=True)
        model = simple(
            tables=tables,
            taps=[[1, 0, 0, sign * weight]],
            first_threshold=[0, 2, 2],
            thresholds=thresholds,
            first_table=[0, 3],
        )
        y = np.array([[[0, 1, 1]], [[15, -99, 14]]], np.int32)
        section = model.encode(y)
        assert section == model.encode_reference(y)
        assert (model.decode(section, 1, 3) == y).all()
        assert model.table_indices(y)[0].tolist() == ([[2, 2, 0]] if sign > 0 else [[2, 2, 2]])


def test_two_taps_at_one_place_add_up() -> None:
    model = simple(taps=[[0, 0, -1, 1]] * 2, first_tap=[0, 2, 2])
    y = np.array([[[1, 0, 1, 1]], [[0, 0, 0, 0]]], np.int32)
    assert model.table_indices(y)[0].tolist() == [[0, 1, 0, 1]]
    assert model.encode(y) == model.encode_reference(y)
    assert (model.decode(model.encode(y), 1, 4) == y).all()


def test_the_sum_is_of_channels_coded_before_whatever_their_number() -> None:
    channels = 40
    model = tiny_image_coder.context_model(channels, 30, 12, seed=5)
    y = latents(model, 7, 11, 9, 5)
    assert (model.decode_reference(model.encode(y), 7, 11) == y).all()


def test_models_are_shared_by_threads_and_pickled() -> None:
    model = tiny_image_coder.context_model(12, seed=1)
    y = latents(model, 60, 70, 3, 1)
    section, outcomes = model.encode(y), []
    copy = pickle.loads(pickle.dumps(model))
    assert copy.encode(y) == section

    def work() -> None:
        outcomes.append((model.decode(section, 60, 70) == y).all() and model.encode(y) == section)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [True] * 3


@pytest.mark.parametrize("is_compiled", [True, False])
def test_a_latent_outside_tables_without_escape(is_compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    model = simple(tables=quantize_pmf([[1, 8, 1], [3, 3, 3], [2, 5, 2]], [-1] * 3, 16))
    if not is_compiled:
        monkeypatch.setattr(context, "compiled", None)
    y = np.zeros((2, 2, 2), np.int32)
    y[1, 1, 0], y[0, 1, 0] = 1, 2
    with pytest.raises(SymbolRangeError, match=r"latent .*expected a value from -1 to 1 \(table 1, no escape\), got 2"):
        model.encode(y)


@pytest.mark.parametrize("shape", [(3, 2, 2), (2, 2), (2, 0, 3)])
def test_latents_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"expected latents of shape \[2, h, w\]"):
        simple().encode(np.zeros(shape, np.int32))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"given": -1}, "given: expected 0 to 4097 and fewer than the 2 channels"),
        ({"given": 2}, "given: expected 0 to 4097 and fewer than the 2 channels"),
        ({"given": 1}, "order: expected the 1 given channels first"),
        ({"given": 1, "order": [0, 1]}, "first_tap: expected none for the 1 given channels"),
        (
            {"given": 1, "order": [0, 1], "first_tap": [0, 0, 0], "taps": np.empty((0, 4), np.int32)},
            "first_threshold: expected none for the 1 given channels",
        ),
        ({"order": [1, 1]}, "order: expected each of"),
        ({"order": [2, 0]}, "order: expected each of"),
        ({"order": np.arange(5000)}, "order: expected each of up to 4096 channels"),
        ({"taps": [1, 0, 0, 2]}, r"taps of shape \[taps, 4\]"),
        ({"taps": [[0, 0, 0, 2]]}, r"tap \(0, 0, 0\) is coded later"),
        ({"taps": [[0, 0, 1, 2]]}, r"tap \(0, 0, 1\) is coded later"),
        ({"taps": [[0, 1, -1, 2]]}, r"tap \(0, 1, -1\) is coded later"),
        ({"first_tap": [0, 0, 1], "taps": [[0, 0, 0, 2]]}, r"channel 1: tap \(0, 0, 0\) is coded later"),
        ({"taps": [[1, 3, 0, 2]]}, "reaches too far"),
        ({"taps": [[1, 0, -3, 2]]}, "reaches too far"),
        ({"taps": [[2, 0, 0, 2]]}, "reaches too far"),
        ({"taps": [[-2, 0, 0, 2]]}, "reaches too far"),
        ({"taps": [[1, 0, 0, INT32_MAX // 15 + 1]]}, "activities within int32"),
        ({"taps": [[1, 0, 0, INT32_MIN]]}, "activities within int32"),
        ({"taps": [[SUM_CHANNEL, 0, 0, INT32_MAX // 30 + 1]]}, "activities within int32"),
        ({"taps": [[0, 0, -1, 1]] * 3, "first_tap": [0, 3, 3]}, "a tap a place"),
        ({"taps": [[1, 0, 0, 1]] * 65, "first_tap": [0, 65, 65]}, "first_tap: expected at most 64 a channel"),
        ({"first_tap": [0, 1, 2]}, "first_tap: expected 3 rising numbers from 0 to 1"),
        ({"first_tap": [0, 2, 1]}, "first_tap: expected 3 rising numbers"),
        ({"first_tap": [0, 1]}, "first_tap: expected 3 rising numbers"),
        ({"first_threshold": [1, 1, 1]}, "first_threshold: expected 3 rising numbers"),
        ({"thresholds": np.arange(64), "first_threshold": [0, 64, 64]}, "first_threshold: expected at most 63"),
        ({"thresholds": [3, 4, 5], "first_threshold": [0, 3, 3]}, "first_table: expected"),
        ({"thresholds": [3, 3], "first_threshold": [0, 2, 2], "first_table": [0, 0]}, "expected them to rise"),
        ({"first_table": [0, 3]}, "first_table: expected"),
        ({"first_table": [-1, 0]}, "first_table: expected"),
        ({"first_table": [0]}, "first_table: expected"),
    ],
)
def test_models_that_must_not_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        simple(**changes)


def test_thresholds_may_fall_between_channels() -> None:
    model = simple(first_threshold=[0, 1, 2], thresholds=[9, 1], first_table=[0, 0])
    assert model.encode(np.zeros((2, 3, 3), np.int32)) == b""


@needs_compiler
class TestCompiledContextItself:
    """The C type refuses what its Python caller never passes."""

    @staticmethod
    def make(**changes: Any) -> Any:
        arrays: dict[str, Any] = {
            "order": [1, 0],
            "first_tap": [0, 1, 1],
            "taps": [1, 0, 0, 2],
            "first_threshold": [0, 1, 1],
            "thresholds": [2],
            "first_table": [0, 2],
        } | changes
        given = arrays.pop("given", 0)
        compiled: Any = context.compiled  # type: ignore[attr-defined]
        return compiled.Context(*(a if isinstance(a, bytes) else np.array(a, np.int32) for a in arrays.values()), given)

    @pytest.mark.parametrize(
        "changes",
        [
            {"order": []},
            {"order": [0, 0]},
            {"order": [0, 2]},
            {"order": b"abc"},
            {"first_tap": [0, 1]},
            {"first_tap": [0, 2, 1]},
            {"first_tap": [0, -1, 1]},
            {"first_tap": [0, 0, 0]},
            {"taps": [1, 0, 0]},
            {"taps": [0, 0, 0, 1]},
            {"taps": [0, 1, 0, 1]},
            {"taps": [1, 0, 3, 1]},
            {"taps": [1, -3, 0, 1]},
            {"taps": [2, 0, 0, 1]},
            {"taps": [1, 0, 0, INT32_MIN]},
            {"taps": [0, 0, -1, 1] * 3, "first_tap": [0, 3, 3]},
            {"first_threshold": [0, 2, 1]},
            {"thresholds": list(range(64)), "first_threshold": [0, 64, 64]},
            {"first_table": [0, -1]},
            {"first_table": [0]},
            {"given": -1},
            {"given": 1},
            {"given": 2},
            {"given": 1, "order": [0, 1]},
            {"given": 1, "order": [0, 1], "first_tap": [0, 0, 0], "taps": []},
        ],
    )
    def test_bad_models(self, changes: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="expected"):
            self.make(**changes)

    def test_bad_arguments(self) -> None:
        coder, sound = simple()._coder, self.make()
        y = np.zeros(8, np.int32)
        assert coder.encode_context(sound, y, 2, 2)[0] == b""
        for sides in ((2, 3), (0, 2), (-1, 2), (1 << 20, 1), (2**62, 2)):
            with pytest.raises(ValueError, match=r"expected sides|does not fit"):
                coder.encode_context(sound, y, *sides)
        for wrong in (None, coder, 3):
            with pytest.raises(TypeError, match="expected a Context"):
                coder.decode_context(wrong, b"", 1, 1)
        with pytest.raises(ValueError, match="names a table"):
            coder.decode_context(self.make(first_table=[0, 3]), b"", 1, 1)

    def test_bad_given_channels_and_masks(self) -> None:
        model = tiny_image_coder.context_model(3, given=2)
        coder, sound = model._coder, model._context
        y, known, mask = np.zeros((3, 4, 5), np.int32), np.zeros((2, 4, 5), np.int32), np.ones((4, 5), bool)
        assert coder.encode_context(sound, y, 4, 5, known, mask)[0] == model.encode(y, known, mask)
        for arguments in ((known[:1], mask), (None, mask), (known, mask[:3])):
            with pytest.raises(ValueError, match="does not fit"):
                coder.encode_context(sound, y, 4, 5, *arguments)
            with pytest.raises(ValueError, match="does not fit"):
                coder.decode_context(sound, b"", 4, 5, *arguments)
        with pytest.raises(TypeError, match="expected 4 or 6 arguments, got 5"):
            coder.decode_context(sound, b"", 4, 5, known)
        with pytest.raises(TypeError):
            coder.decode_context(sound, b"", 4, 5, known, 3)
