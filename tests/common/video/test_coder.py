"""Coding of videos: round trips, references and their loss, and every kind of damage."""

import pickle
import resource
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tiny_video_coder

from isthmus.common.bits import context, range_coder
from isthmus.common.bits.packet import Packet, PacketType
from isthmus.common.bits.varint import encode_varint
from isthmus.common.errors import (
    InputError,
    LimitExceededError,
    ManifestError,
    PacketError,
    ReferenceMissingError,
    RemoteError,
    SymbolMismatchError,
)
from isthmus.common.limits import Limits
from isthmus.common.video.coder import VideoCoder
from isthmus.common.video.decoder import VideoDecoder
from isthmus.common.video.frames import CodedFrame
from isthmus.common.video.grid import MAX_BLOCKS, MAX_PLACES
from isthmus.common.video.motion_field import MAX_VECTOR, BlockMode, MotionField, phases, spread
from isthmus.common.video.residual import residual_context
from isthmus.common.video.state import LatentState, References
from isthmus.common.video.tables import VideoTables
from isthmus.common.video.warp import warp

Int32 = npt.NDArray[np.int32]
HEIGHT, WIDTH = 9, 14


def predicted_frame(
    coder: VideoCoder, reference: LatentState, serial: int, seed: int = 0, *, modes: bool = True
) -> CodedFrame:
    """A frame with motion and noise."""
    height, width = reference.values.shape[1:]
    field = tiny_video_coder.motion(coder, height, width, seed, modes=modes)
    r = tiny_video_coder.residual(coder, field, height, width, seed)
    return coder.encode_predicted(reference, field, r, serial)


def clip(coder: VideoCoder, frames: int, start: int = 0, key_every: int = 1000) -> list[CodedFrame]:
    """Frames each predicted from the one before it."""
    coded: list[CodedFrame] = []
    for index in range(frames):
        serial = (start + index) % 256
        if index % key_every == 0:
            coded.append(coder.encode_intra(tiny_video_coder.latents(coder, HEIGHT, WIDTH, index), serial))
        else:
            coded.append(predicted_frame(coder, coded[-1].state, serial, index))
    return coded


def expected_state(coder: VideoCoder, reference: LatentState, field: MotionField, r: Int32) -> Int32:
    """The specification's formula, latent by latent where it is one."""
    manifest = coder.manifest
    height, width = reference.values.shape[1:]
    low, high = 16 * manifest.symbol_min, 16 * manifest.symbol_max
    at = phases(field, height, width, manifest.block_latents, manifest.motion_fraction_bits)
    moved = warp(reference.values, at, low, high).astype(np.int64)
    modes = spread(field.modes, height, width, manifest.block_latents)
    moved[:, modes == BlockMode.INTRA] = 0
    return (moved + 16 * r.astype(np.int64)).clip(low, high)


@settings(max_examples=60)
@given(
    st.integers(1, 5),
    st.integers(1, 20),
    st.integers(1, 20),
    st.sampled_from([1, 2, 4, 16]),
    st.integers(0, 4),
    st.integers(0, 2**32 - 1),
    st.booleans(),
    st.sampled_from([0, 2, 4]),
)
def test_round_trip(
    channels: int, height: int, width: int, block: int, fraction: int, seed: int, modes: bool, checksum: int
) -> None:
    coder = tiny_video_coder.coder(
        channels, seed % 1000, block_latents=block, motion_fraction_bits=fraction, checksum_size_bytes=checksum
    )
    decoder = VideoDecoder(coder)
    y = tiny_video_coder.latents(coder, height, width, seed)
    key = coder.encode_intra(y, 255)
    decoded = decoder.decode(key.packet.to_bytes())
    assert (decoded.state.values == 16 * y).all()
    assert (key.state.values == 16 * y).all()
    assert (decoded.is_key, decoded.field, decoded.residual, decoded.reference_serial) == (True, None, None, None)
    assert decoded.symbol_count == y.size
    assert (decoded.state.y_hat == y).all()

    field = tiny_video_coder.motion(coder, height, width, seed, modes=modes)
    r = tiny_video_coder.residual(coder, field, height, width, seed)
    frame = coder.encode_predicted(key.state, field, r, 0)
    data = frame.packet.to_bytes()
    assert len(frame.packet.checksum) == checksum
    assert (frame.motion_bits, frame.residual_bits) == (
        8 * len(frame.packet.sections[0]),
        8 * sum(map(len, frame.packet.sections[1:])),
    )
    bits = coder.tables.motion.encode_measured(field.message())[1]
    if field.modes.any():
        known = residual_context(coder.predict(key.state, field), field, block)
        assert isinstance(coder.tables, VideoTables)
        bits += coder.tables.residual.encode_measured(r, *known)[1]
    assert frame.estimated_bits == pytest.approx(bits)
    assert frame.packet_bits == 8 * len(data)
    assert (frame.state.values == expected_state(coder, key.state, field, r)).all()
    decoded = decoder.decode(data)
    assert (decoded.state.values == frame.state.values).all()
    assert (decoded.state.serial, decoded.reference_serial, decoded.is_key) == (0, 255, False)
    assert decoded.field is not None
    assert (decoded.field.modes == field.modes).all()
    assert (decoded.field.vectors == field.vectors).all()
    assert decoded.field.is_smooth == field.is_smooth
    is_coded = spread(field.modes > 0, height, width, block)
    assert decoded.symbol_count == 3 * field.modes.size + channels * int(is_coded.sum())
    assert (decoded.residual is None) == (not field.modes.any())
    again = decoded.residual if decoded.residual is not None else ()
    assert coder.encode_predicted(key.state, decoded.field, again, 0).packet.to_bytes() == data
    assert [state.serial for state in decoder.references.states] == [0, 255]


@settings(max_examples=25)
@given(st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_the_python_reference_gives_the_same(channels: int, seed: int) -> None:
    coder = tiny_video_coder.coder(channels, seed % 1000)
    key = coder.encode_intra(tiny_video_coder.latents(coder, 6, 5, seed), 7)
    frame = predicted_frame(coder, key.state, 8, seed)
    with pytest.MonkeyPatch.context() as patch:
        for module in (range_coder, context):
            patch.setattr(module, "compiled", None)
        slow = tiny_video_coder.coder(channels, seed % 1000)
        assert slow.encode_intra(tiny_video_coder.latents(coder, 6, 5, seed), 7).packet == key.packet
        same = predicted_frame(slow, key.state, 8, seed)
        assert same.packet == frame.packet
        assert same.estimated_bits == pytest.approx(frame.estimated_bits, abs=1e-6)
        assert (slow.decode(frame.packet, (key.state,)).state.values == frame.state.values).all()


def test_a_residual_may_be_left_out_where_there_is_none() -> None:
    coder = tiny_video_coder.coder()
    key = coder.encode_intra(tiny_video_coder.latents(coder, HEIGHT, WIDTH), 0)
    still = tiny_video_coder.motion(coder, HEIGHT, WIDTH, modes=False)
    zeros = np.zeros_like(key.state.values)
    one, other = (coder.encode_predicted(key.state, still, r, 1) for r in ((), zeros))
    assert one.packet == other.packet
    assert len(one.packet.sections) == 1
    # Zeros in blocks that could have had another residual are a residual too.
    coded = coder.encode_predicted(key.state, still.with_modes(np.ones_like(still.modes)), (), 1)
    assert len(coded.packet.sections) == 2
    assert (coded.state.values == one.state.values).all()


def test_intra_blocks_owe_the_reference_nothing() -> None:
    coder = tiny_video_coder.coder()
    y = tiny_video_coder.latents(coder, HEIGHT, WIDTH, 3)
    grid = coder.block_grid(HEIGHT, WIDTH)
    field = MotionField(np.full(grid, BlockMode.INTRA), np.full((*grid, 2), 9))
    reference = coder.encode_intra(tiny_video_coder.latents(coder, HEIGHT, WIDTH, 4), 0).state
    assert not coder.predict(reference, field).any()
    frame = coder.encode_predicted(reference, field, y, 1)
    assert (frame.state.values == 16 * y).all()


def test_contexts_of_a_residual_know_mode_and_prediction() -> None:
    predicted = np.array([[[0, 7, 8, -8, -9, 320]]], np.int32)
    modes = np.array([[BlockMode.PREDICTED, BlockMode.RESIDUAL, BlockMode.INTRA]], np.int32)
    given_channels, mask = residual_context(predicted, MotionField(modes, np.zeros((1, 3, 2), np.int32)), 2)
    assert given_channels.tolist() == [[[0, 0, 15, 15, 8, 8]], [[0, 0, 1, 0, -1, 20]]]
    assert mask.tolist() == [[False, False, True, True, True, True]]


def test_a_long_chain_stays_the_same_on_both_sides_and_serials_wrap() -> None:
    coder = tiny_video_coder.coder()
    decoder = VideoDecoder(coder)
    for frame in clip(coder, 600, start=250):
        decoded = decoder.decode(frame.packet.to_bytes())
        assert (decoded.state.values == frame.state.values).all()
        assert decoded.state.serial == frame.state.serial


def test_frames_may_refer_to_the_key_frame() -> None:
    coder = tiny_video_coder.coder()
    decoder = VideoDecoder(coder)
    key = coder.encode_intra(tiny_video_coder.latents(coder, HEIGHT, WIDTH), 10)
    decoder.decode(key.packet.to_bytes())
    for serial in range(11, 15):
        frame = predicted_frame(coder, key.state, serial, serial)
        assert (decoder.decode(frame.packet.to_bytes()).state.values == frame.state.values).all()
        assert [state.serial for state in decoder.references.states] == [serial, 10]


def test_a_dropped_packet_is_missed_until_the_next_key_frame() -> None:
    coder = tiny_video_coder.coder()
    decoder = VideoDecoder(coder)
    frames = clip(coder, 9, key_every=6)
    outcomes = []
    for index, frame in enumerate(frames):
        if index == 2:
            continue
        before = decoder.references.states
        try:
            decoded = decoder.decode(frame.packet.to_bytes())
            assert (decoded.state.values == frame.state.values).all()
            outcomes.append("ok")
        except ReferenceMissingError as error:
            assert f"got {index - 1}; send a key frame" in str(error)  # noqa: PT017
            assert decoder.references.states == before
            outcomes.append("missing")
    assert outcomes == ["ok", "ok", "missing", "missing", "missing", "ok", "ok", "ok"]


def test_a_new_stream_holds_nothing() -> None:
    coder = tiny_video_coder.coder()
    frames = clip(coder, 2)
    with pytest.raises(ReferenceMissingError, match=r"among the serials \[\], got 0"):
        VideoDecoder(coder).decode(frames[1].packet.to_bytes())
    decoder = VideoDecoder(coder)
    decoder.decode(frames[0].packet.to_bytes())
    decoder.references.clear()
    with pytest.raises(ReferenceMissingError):
        decoder.decode(frames[1].packet.to_bytes())


def test_a_wrong_reference_of_the_right_serial_is_detected() -> None:
    """256 frames were lost: the serial is there, the state is another."""
    coder = tiny_video_coder.coder()
    decoder = VideoDecoder(coder)
    decoder.decode(coder.encode_intra(tiny_video_coder.latents(coder, HEIGHT, WIDTH, 1), 3).packet.to_bytes())
    other = coder.encode_intra(tiny_video_coder.latents(coder, HEIGHT, WIDTH, 2), 3)
    before = decoder.references.states
    field = tiny_video_coder.motion(coder, HEIGHT, WIDTH, modes=False)
    with pytest.raises(SymbolMismatchError):
        decoder.decode(coder.encode_predicted(other.state, field, (), 4).packet.to_bytes())
    assert decoder.references.states == before


def test_a_state_makes_place_for_one_of_its_serial() -> None:
    states = [LatentState(np.full((1, 1, 1), n, np.int32), n % 256) for n in range(258)]
    references = References()
    assert len(references.states) == 0
    for state in states:
        references.add(state, is_key=state is states[0])
        if state is states[255]:
            assert list(references.states) == [states[255], states[0]]
    assert list(references.states) == [states[257], states[256]]
    assert references.find(0) is states[256]
    assert references.find(1) is states[257]
    with pytest.raises(ReferenceMissingError, match=r"among the serials \[1, 0\], got 2"):
        references.find(2)
    references.add(states[9], is_key=True)
    assert list(references.states) == [states[9]]


@pytest.fixture(name="scene")
def scene_of_two() -> tuple[VideoCoder, LatentState, Packet, Packet]:
    """A coder, the state of a key frame of serial 5, its packet, and a predicted one with a residual."""
    coder = tiny_video_coder.coder()
    key = coder.encode_intra(tiny_video_coder.latents(coder, HEIGHT, WIDTH), 5)
    frame = predicted_frame(coder, key.state, 6)
    assert len(frame.packet.sections) == 2
    return coder, key.state, key.packet, frame.packet


Scene = tuple[VideoCoder, LatentState, Packet, Packet]


@pytest.mark.parametrize(
    ("side", "message"),
    [
        (b"", "expected a serial at byte 0, got no bytes"),
        (b"\0", "latents' height in section 0 at byte 1 is cut"),
        (b"\0\x05", "latents' width in section 0 at byte 2 is cut"),
        (b"\0\x85\0\x05", "height in section 0 at byte 1 is not in its shortest form"),
        (b"\0\0\x05", "expected latents with sides of 1 to 65535, got 0 x 5"),
        (b"\0\x05\0", "got 5 x 0"),
        (b"\0\x05" + encode_varint(65_536), "got 5 x 65536"),
        (b"\0\x09\x0e\0", "expected nothing after the width, got 1 bytes"),
    ],
)
def test_side_sections_that_are_none(scene: Scene, side: bytes, message: str) -> None:
    coder, _, key, _ = scene
    with pytest.raises(PacketError, match=message):
        coder.decode(Packet(PacketType.INTRA, (side, key.sections[1])), ())


def test_packets_of_another_form(scene: Scene) -> None:
    coder, state, key, frame = scene
    for packet in (
        Packet(PacketType.INTRA, key.sections[1:]),
        Packet(PacketType.INTRA, (*key.sections, b"")),
        Packet(PacketType.INTRA, key.sections, signal_count=2),
        Packet(PacketType.PREDICTED, (*frame.sections, b"")),
        Packet(PacketType.PREDICTED, frame.sections, signal_count=2),
    ):
        with pytest.raises(PacketError, match="descriptor at byte 0: expected an intra packet of 2 sections"):
            coder.decode(packet, (state,))


def test_latents_of_another_size_than_the_codecs() -> None:
    fixed = {"frame_height": 64, "frame_width": 64, "latent_height": 8, "latent_width": 8}
    coder, free = tiny_video_coder.coder(**fixed), tiny_video_coder.coder()
    packet = free.encode_intra(tiny_video_coder.latents(free, 8, 9), 0).packet
    with pytest.raises(PacketError, match="section 0: expected latents 8 x 8, got 8 x 9"):
        coder.decode(packet, ())
    y = tiny_video_coder.latents(coder, 8, 8)
    assert (coder.decode(coder.encode_intra(y, 0).packet, ()).state.values == 16 * y).all()
    with pytest.raises(InputError, match=r"y: expected int32 \[3, 8, 8\], got \[3, 8, 9\]"):
        coder.encode_intra(tiny_video_coder.latents(free, 8, 9), 0)


def test_symbols_outside_the_codecs_range() -> None:
    wide, narrow = tiny_video_coder.coder(symbol_max=100), tiny_video_coder.coder()
    y = tiny_video_coder.latents(narrow, HEIGHT, WIDTH)
    y[0, 0, 0] = 21
    with pytest.raises(PacketError, match=r"section 1, y: expected symbols from -20 to 20, got .* to 21"):
        narrow.decode(wide.encode_intra(y, 0).packet, ())
    with pytest.raises(InputError, match="y: expected -20 to 20, got"):
        narrow.encode_intra(y, 0)


def test_residuals_outside_the_codecs_range(scene: Scene) -> None:
    _, state, _, _ = scene
    wide, narrow = tiny_video_coder.coder(symbol_max=100), tiny_video_coder.coder()
    field = MotionField.still(*narrow.block_grid(HEIGHT, WIDTH))
    field = field.with_modes(field.modes + 1)
    r = np.zeros_like(state.values)
    r[0, 0, 0] = 41
    with pytest.raises(PacketError, match="section 1, residual: expected values within 40, got 0 to 41"):
        narrow.decode(wide.encode_predicted(state, field, r, 0).packet, (state,))
    with pytest.raises(InputError, match="residual: expected values within 40, got 0 to 41"):
        narrow.encode_predicted(state, field, r, 0)


def motion_packet(coder: VideoCoder, message: Int32, *more: bytes, head: bytes = b"\x06\x05\0") -> Packet:
    """A predicted packet of a message that need not be a field's."""
    return Packet(PacketType.PREDICTED, (head + coder.tables.motion.encode(message), *more))


def test_fields_that_are_none(scene: Scene) -> None:
    coder, state, _, frame = scene
    still = MotionField.still(*coder.block_grid(HEIGHT, WIDTH)).message()
    assert coder.decode(motion_packet(coder, still), (state,)).state.serial == 6
    for mode in (3, -1):
        message = still.copy()
        message[0, 1, 2] = mode
        with pytest.raises(PacketError, match="section 0, motion: modes: expected integers 0 to 2"):
            coder.decode(motion_packet(coder, message, b""), (state,))
    for difference in (MAX_VECTOR + 1, -MAX_VECTOR - 1, 2**31 - 1, -(2**31)):
        message = still.copy()
        message[2, 0, 0] = difference
        with pytest.raises(PacketError, match=r"section 0, motion: vector of block \(0, 0\): expected components"):
            coder.decode(motion_packet(coder, message), (state,))
    with pytest.raises(PacketError, match="expected 1 sections with all blocks only predicted, got 2"):
        coder.decode(motion_packet(coder, still, b""), (state,))
    with pytest.raises(PacketError, match="expected 2 sections with blocks with a residual, got 1"):
        coder.decode(Packet(PacketType.PREDICTED, frame.sections[:1]), (state,))


@pytest.mark.parametrize("head", [b"", b"\x06", b"\x06\x05"])
def test_motion_sections_that_are_cut(scene: Scene, head: bytes) -> None:
    coder, state, _, _ = scene
    with pytest.raises(PacketError, match=rf"expected serial, reference and flags in 3 bytes, got {len(head)}"):
        coder.decode(Packet(PacketType.PREDICTED, (head,)), (state,))


@pytest.mark.parametrize("flags", [2, 3, 0x80])
def test_reserved_flags(scene: Scene, flags: int) -> None:
    coder, state, _, _ = scene
    with pytest.raises(PacketError, match="expected the reserved flags at byte 2 to be zero"):
        coder.decode(Packet(PacketType.PREDICTED, (bytes((6, 5, flags)),)), (state,))


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("tail", [b"\0", b"\x01", bytes(9)])
def test_bytes_after_the_end(scene: Scene, part: int, tail: bytes) -> None:
    coder, state, key, frame = scene
    for packet in (key, frame):
        sections = list(packet.sections)
        sections[part] += tail
        with pytest.raises(PacketError, match=r"section \d"):
            coder.decode(Packet(packet.type, tuple(sections)), (state,))


def test_a_checksum_of_something_else(scene: Scene) -> None:
    coder, state, key, frame = scene
    for packet in (key, frame):
        wrong = bytes((packet.checksum[0] ^ 1, packet.checksum[1]))
        with pytest.raises(SymbolMismatchError):
            coder.decode(Packet(packet.type, packet.sections, wrong), (state,))


def test_checksums_are_over_y_and_over_the_state(scene: Scene) -> None:
    coder, state, key, frame = scene
    values = coder.decode(frame, (state,)).state.values
    assert key.checksum == zlib.crc32((state.values // 16).astype("<i4").tobytes()).to_bytes(4, "little")[:2]
    assert frame.checksum == zlib.crc32(values.astype("<i4").tobytes()).to_bytes(4, "little")[:2]


def test_limits_come_first(scene: Scene) -> None:
    coder, state, _, frame = scene
    huge = b"\0" + encode_varint(65_535) + encode_varint(65_535)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(LimitExceededError, match="at most 8388608 symbols, it would decode to"):
        VideoDecoder(coder).decode(Packet(PacketType.INTRA, (huge, b"")).to_bytes())
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16_384
    grid = coder.block_grid(HEIGHT, WIDTH)
    most = 3 * grid[0] * grid[1] + state.values.size
    assert coder.decode(frame, (state,), Limits(4096, most, 1)).state.serial == 6
    with pytest.raises(LimitExceededError, match=f"at most {most - 1} symbols"):
        coder.decode(frame, (state,), Limits(4096, most - 1, 1))
    with pytest.raises(LimitExceededError, match="at most 9 bytes"):
        VideoDecoder(coder, Limits(9, 100, 1)).decode(frame.to_bytes())


def test_the_number_of_blocks_is_limited() -> None:
    coder = tiny_video_coder.coder(1, block_latents=1)
    for width, is_allowed in ((256, True), (257, False)):
        packet = Packet(PacketType.INTRA, (b"\0" + encode_varint(256) + encode_varint(width), b""))
        if is_allowed:
            assert coder.decode(packet, ()).symbol_count == MAX_BLOCKS
        else:
            with pytest.raises(LimitExceededError, match="at most 65536 motion blocks, got 256 x 257"):
                coder.decode(packet, ())
            with pytest.raises(InputError, match="at most 65536 motion blocks"):
                coder.encode_intra(np.zeros((1, 256, width), np.int32), 0)


def test_the_number_of_latents_in_a_channel_is_limited() -> None:
    coder = tiny_video_coder.coder(1, block_latents=16)
    for width, is_allowed in ((1024, True), (1025, False)):
        packet = Packet(PacketType.INTRA, (b"\0" + encode_varint(1024) + encode_varint(width), b""))
        if is_allowed:
            assert coder.decode(packet, ()).symbol_count == MAX_PLACES
        else:
            with pytest.raises(LimitExceededError, match="at most 1048576 latents in a channel, got 1024 x 1025"):
                coder.decode(packet, ())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"serial": 256}, "serial: expected 0 to 255, got 256"),
        ({"serial": -1}, "serial: expected 0 to 255"),
        ({"residual": np.ones((3, HEIGHT, WIDTH), np.int32)}, "residual: expected 0 everywhere"),
        ({"residual": np.ones((3, HEIGHT, 2), np.int32)}, r"residual: expected int32 \[3, 9, 14\]"),
        ({"residual": np.zeros((3, HEIGHT, WIDTH))}, r"residual: expected int32"),
        ({"field": MotionField.still(2, 3)}, r"motion field: expected blocks \(3, 4\), got \(2, 3\)"),
        ({"reference": LatentState(np.zeros((4, HEIGHT, WIDTH), np.int32), 0)}, "reference: expected 3 channels"),
    ],
)
def test_arguments_that_must_not_be(arguments: dict[str, Any], message: str) -> None:
    coder = tiny_video_coder.coder()
    good: dict[str, Any] = {
        "reference": LatentState(np.zeros((3, HEIGHT, WIDTH), np.int32), 0),
        "field": MotionField.still(3, 4),
        "residual": (),
        "serial": 0,
    }
    with pytest.raises(InputError, match=message):
        coder.encode_predicted(**(good | arguments))


def test_a_residual_outside_its_blocks() -> None:
    coder = tiny_video_coder.coder()
    modes = np.zeros((3, 4), np.int32)
    modes[0, 0] = BlockMode.RESIDUAL
    state = LatentState(np.zeros((3, HEIGHT, WIDTH), np.int32), 0)
    r = np.zeros((3, HEIGHT, WIDTH), np.int32)
    r[:, 3, 3] = 1
    field = MotionField(modes, np.zeros((3, 4, 2), np.int32))
    assert coder.encode_predicted(state, field, r, 0).state.values[0, 3, 3] == 16
    r[1, 3, 4] = 1
    with pytest.raises(InputError, match="expected 0 wherever the mask is false"):
        coder.encode_predicted(state, field, r, 0)


@pytest.mark.parametrize(
    ("values", "serial", "message"),
    [
        (np.zeros((1, 1, 1)), 0, "state: expected int32"),
        (np.zeros((1, 1), np.int32), 0, "state: expected int32"),
        (np.zeros((1, 0, 1), np.int32), 0, "state: expected int32"),
        (np.zeros((1, 1, 1), np.int32), 256, "serial: expected"),
    ],
)
def test_states_that_must_not_be(values: Any, serial: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        LatentState(values, serial)


def test_states_do_not_change() -> None:
    values = np.zeros((1, 2, 2), np.int32)
    state = LatentState(values, 0)
    values[:] = 9
    assert not state.values.any()
    coder = tiny_video_coder.coder()
    frames = clip(coder, 2)
    kept = frames[0].state.values.copy()
    assert not frames[0].state.values.flags.writeable
    assert not frames[1].state.values.flags.writeable
    coder.predict(frames[0].state, MotionField.still(3, 4))[:] = 1
    assert (frames[0].state.values == kept).all()


def test_tables_of_other_channels() -> None:
    with pytest.raises(ManifestError, match="video-test: expected tables of 4 channels, got 3"):
        VideoCoder(tiny_video_coder.manifest(4), tiny_video_coder.tables(3))


def test_context_models_with_given_channels_are_pickled() -> None:
    model = tiny_video_coder.tables().residual
    assert pickle.loads(pickle.dumps(model)).given == model.given


def test_packets_cut_anywhere_and_with_any_bit_flipped(scene: Scene) -> None:
    coder, state, key, frame = scene
    damaged_count = accepted = 0
    for packet in (key, frame):
        data = packet.to_bytes()
        flipped = []
        for bit in range(8 * len(data)):
            damaged = bytearray(data)
            damaged[bit // 8] ^= 1 << bit % 8
            # The checksum does not know serials and sizes: these bytes have rules of their own.
            flipped += [bytes(damaged)] if bit // 8 > 4 else []
        for bad in [data[:size] for size in range(len(data))] + flipped:
            decoder = VideoDecoder(coder)
            decoder.references.add(state, is_key=True)
            damaged_count += 1
            try:
                decoder.decode(bad)
                accepted += 1
            except RemoteError as error:
                assert str(error)  # noqa: PT017
                assert decoder.references.states == (state,)
    assert damaged_count > 1000
    assert accepted <= damaged_count // 500  # a checksum of 2 bytes


@settings(max_examples=200)
@given(st.integers(0, 3), st.binary(max_size=30), st.integers(0, 2**32 - 1))
def test_any_bytes_are_canonical_or_refused(kind: int, tail: bytes, seed: int) -> None:
    """Random sections under heads that are sound."""
    coder = tiny_video_coder.coder(2, seed % 50)
    state = coder.encode_intra(tiny_video_coder.latents(coder, 6, 7, 1), 5).state
    cut = len(tail) // 2
    packet = (
        Packet(PacketType.INTRA, (b"\x05\x06\x07", tail)),
        Packet(PacketType.PREDICTED, (b"\x06\x05\0" + tail,)),
        Packet(PacketType.PREDICTED, (b"\x06\x05\x01" + tail[:cut], tail[cut:])),
        Packet(PacketType.PREDICTED, (b"\x06\x05\0" + tail[:4], tail[4:])),
    )[kind]
    outcomes = []
    for is_compiled in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            if not is_compiled:
                patch.setattr(context, "compiled", None)
            try:
                frame = coder.decode(packet, (state,))
            except RemoteError as error:
                outcomes.append(str(error))
                continue
            outcomes.append(frame.state.values.tobytes().hex())
        if frame.is_key:
            again = coder.encode_intra(frame.state.values >> 4, 5, checksum_size_bytes=0)
        else:
            assert frame.field is not None
            r = frame.residual if frame.residual is not None else ()
            again = coder.encode_predicted(state, frame.field, r, 6, checksum_size_bytes=0)
        assert again.packet == packet
    assert outcomes[0] == outcomes[1]


def test_motion_made_once_gives_frames_of_any_modes() -> None:
    """What is tried of modes moves nothing again, gives the very packets, and leaves what was made as it was."""
    coder = tiny_video_coder.coder()
    rng = np.random.default_rng(11)
    reference = coder.encode_intra(
        rng.integers(-4, 5, (coder.manifest.latent_channels, 5, 7)).astype(np.int32), 3
    ).state
    grid = coder.block_grid(5, 7)
    field = MotionField(np.zeros(grid, np.int32), rng.integers(-9, 9, (*grid, 2)).astype(np.int32), is_smooth=True)
    made = coder.moved(reference, field)
    before = made.values.copy()
    for _ in range(3):
        modes = rng.integers(0, 3, grid).astype(np.int32)
        modes[0, 0] = 1
        coded = spread(modes != 0, 5, 7, coder.manifest.block_latents)
        residual = (rng.integers(-2, 3, before.shape) * coded).astype(np.int32)
        again = coder.encode_moved(made, modes, residual, 4)
        assert again.packet == coder.encode_predicted(reference, field.with_modes(modes), residual, 4).packet
        np.testing.assert_array_equal(coder.decode(again.packet, [reference]).state.values, again.state.values)
    np.testing.assert_array_equal(made.values, before)
