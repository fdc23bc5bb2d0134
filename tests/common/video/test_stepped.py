"""Codecs with tiles: frames of every step come back, states agree, tables are read with care."""

from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tiny_image_coder, tiny_video_coder
from support.tiny_stepped_coder import coder, latents, tables

from isthmus.common.bits import context, expectation
from isthmus.common.bits.cdf import quantize_pmf
from isthmus.common.bits.expectation import ExpectationModel
from isthmus.common.bits.packet import Packet
from isthmus.common.errors import InputError, ManifestError, PacketError, SymbolMismatchError
from isthmus.common.video.codec_tables import open_tables
from isthmus.common.video.coder import VideoCoder
from isthmus.common.video.decoder import VideoDecoder
from isthmus.common.video.step import STEP_COUNT, fine_step
from isthmus.common.video.stepped_tables import SteppedTables


@settings(max_examples=30)
@given(st.integers(0, STEP_COUNT - 1), st.integers(1, 12), st.integers(1, 12), st.integers(0, 50))
def test_a_key_frame_of_any_step_and_size(step: int, height: int, width: int, seed: int) -> None:
    tiled = coder()
    fine = latents(3, height, width, seed)
    coded = tiled.encode_latents(fine, 9, step)
    decoded = VideoDecoder(tiled).decode(coded.packet.to_bytes())
    assert (decoded.step, decoded.state.serial) == (step, 9)
    np.testing.assert_array_equal(decoded.state.values, coded.state.values)
    # An orthonormal transform keeps errors: half a step, and what rounding to 1/16 and the clip leave.
    inside = np.clip(fine, 16 * -128, 16 * 127)
    error = np.square((coded.state.values - inside).astype(np.float64)).mean() ** 0.5
    assert error <= fine_step(step) / 2 + 1.5


def test_finer_steps_take_more_bits_and_leave_less() -> None:
    tiled, fine = coder(), latents(3, 10, 12)
    # Scales that are true, so that tables fit.
    scales = np.full((3, 4, 4), 8 * 6, np.int32)
    assert isinstance(tiled.tables, SteppedTables)
    tiled = VideoCoder(tiled.manifest, replace(tiled.tables, intra=likely_zeros(), intra_scales=scales))
    coded = [tiled.encode_latents(fine, 0, step) for step in (16, 32, 48)]
    bits = [frame.packet_bits for frame in coded]
    errors = [np.abs(frame.state.values - fine).mean() for frame in coded]
    assert bits == sorted(bits, reverse=True)
    assert errors == sorted(errors)


def likely_zeros() -> ExpectationModel:
    """Tables of ever wider symbols."""
    wide = [np.exp(-np.abs(np.arange(-20, 21)) / width) for width in (0.3, 1, 4)]
    tables = quantize_pmf([np.append(row, 1e-3) for row in wide], np.full(3, -20), has_escape=True)
    return ExpectationModel(tables, np.array([[0, 0, -1, 1]]), np.array([500, 2000]), np.empty(0, np.int32), 500)


@settings(max_examples=20)
@given(st.integers(0, STEP_COUNT - 1), st.integers(0, 60))
def test_a_stream_of_frames(step: int, seed: int) -> None:
    tiled = coder(seed=seed)
    decoder = VideoDecoder(tiled)
    key = tiled.encode_latents(latents(3, 9, 11, seed), 0, 30)
    decoder.decode(key.packet.to_bytes())
    for serial in (1, 2):
        field = tiny_video_coder.motion(tiled, 9, 11, seed + serial)
        residual = tiny_video_coder.residual(tiled, field, 9, 11, seed)
        coded = tiled.encode_predicted(key.state, field, residual, serial, step)
        decoded = decoder.decode(coded.packet.to_bytes())
        np.testing.assert_array_equal(decoded.state.values, coded.state.values)
        assert decoded.step == (step if field.modes.any() else 0)
        predicted = tiled.predict(key.state, field)
        wanted = np.clip(predicted.astype(np.int64) + residual.astype(np.int64) * fine_step(step), -2048, 2032)
        np.testing.assert_array_equal(coded.state.values, wanted)


def test_without_a_compiler_the_bytes_are_the_same() -> None:
    fine, tiled = latents(3, 6, 7), coder()
    key = tiled.encode_latents(fine, 0, 28)
    field = tiny_video_coder.motion(tiled, 6, 7, 3)
    residual = tiny_video_coder.residual(tiled, field, 6, 7)
    predicted = tiled.encode_predicted(key.state, field, residual, 1, 28)
    with patch.object(expectation, "compiled", None), patch.object(context, "compiled", None):
        slow = coder()
        assert slow.encode_latents(fine, 0, 28).packet == key.packet
        assert slow.encode_predicted(key.state, field, residual, 1, 28).packet == predicted.packet
        np.testing.assert_array_equal(slow.decode(predicted.packet, (key.state,)).state.values, predicted.state.values)


def test_one_table_off_is_seen_by_the_checksum() -> None:
    tiled = coder()
    other = VideoCoder(tiled.manifest, tables(seed=1))
    wrong = 0
    for seed in range(20):
        packet = tiled.encode_latents(latents(3, 6, 6, seed), 0, 30).packet
        try:
            decoded = other.decode(packet, ())
        except (PacketError, SymbolMismatchError):
            continue
        wrong += not np.array_equal(decoded.state.values, tiled.decode(packet, ()).state.values)
    assert wrong == 0


@given(st.integers(0, 200), st.data())
def test_damage_is_refused_or_canonical(seed: int, data: st.DataObject) -> None:
    tiled = coder()
    good = tiled.encode_latents(latents(3, 4, 5, seed % 7), 0, 34).packet.to_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    damaged = good[:at] + bytes((good[at] ^ data.draw(st.integers(1, 255)),)) + good[at + 1 :]
    try:
        packet = Packet.from_bytes(damaged)
        frame = tiled.decode(packet, ())
    except (PacketError, SymbolMismatchError):
        return
    except Exception as error:
        assert type(error).__name__ in ("LimitExceededError", "ReferenceMissingError")  # noqa: PT017
        return
    assert frame.symbols is not None
    again = tiled.encode_intra(frame.symbols, frame.state.serial, frame.step, checksum_size_bytes=len(packet.checksum))
    assert again.packet.to_bytes() == damaged


def test_wrong_arguments() -> None:
    tiled, plain = coder(), tiny_video_coder.coder()
    with pytest.raises(InputError, match="step: expected 0 to 95, got 96"):
        tiled.encode_latents(latents(3, 4, 4), 0, 96)
    with pytest.raises(InputError, match="step: expected 0, video-test has one step only, got 3"):
        plain.encode_intra(np.zeros((3, 4, 4), np.int32), 0, 3)
    with pytest.raises(InputError, match="expected symbols within 262144 at step 32"):
        tiled.encode_intra(np.full((3, 4, 4), 1 << 20, np.int32), 0, 32)
    with pytest.raises(ManifestError, match="tables of a codec with tiles"):
        VideoCoder(tiled.manifest, plain.tables)
    with pytest.raises(ManifestError, match="tables of a codec with tiles"):
        VideoCoder(plain.manifest, tiled.tables)


def test_tables_come_back(tmp_path: Path) -> None:
    good = tables(channels=3, bands=5)
    good.save(tmp_path / "entropy.npz")
    first = (tmp_path / "entropy.npz").read_bytes()
    read = open_tables(tmp_path / "entropy.npz", coder().manifest)
    assert isinstance(read, SteppedTables)
    read.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == first
    fine = latents(3, 6, 6)
    packets = [VideoCoder(coder().manifest, t).encode_latents(fine, 0, 30).packet for t in (good, read)]
    assert packets[0] == packets[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"intra_scales": np.zeros((3, 4, 5), np.int32)}, "intra_scales: expected"),
        ({"intra_scales": np.zeros((3, 17, 17), np.int32)}, "intra_scales: expected"),
        ({"intra_scales": np.full((3, 4, 4), 2000, np.int32)}, "scales within 1024"),
        ({"residual_scales": np.zeros((2, 4), np.int32)}, "residual_scales: expected"),
        ({"expected": np.arange(256)[::-1].astype(np.int32)}, "never fall"),
        ({"expected": np.arange(255, dtype=np.int32)}, "expected 256 numbers"),
        ({"motion": tiny_image_coder.context_model(4)}, "motion: expected 3 channels"),
    ],
)
def test_rules_of_tables(change: dict[str, object], message: str) -> None:
    good = tables()
    fields: dict[str, object] = {
        name: getattr(good, name)
        for name in ("intra", "motion", "residual", "intra_scales", "residual_scales", "expected")
    }
    with pytest.raises(InputError, match=message):
        SteppedTables(**(fields | change))  # type: ignore[arg-type]
