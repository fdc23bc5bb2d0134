"""Who decides by what answers lose: the guess from pixels, what becomes of blocks, when a key frame is better."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from support import tiny_stepped_coder
from support.paths import ROOT
from support.tiny_clips import panning, texture
from support.tiny_zoo import open_video_coder

from isthmus.common.errors import InputError
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.signals import Image, VideoFrame
from isthmus.common.video.decoder import VideoDecoder
from isthmus.common.video.frames import CodedFrame
from isthmus.common.video.heads import KeyHead
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.motion_field import BlockMode
from isthmus.edge.video.answer_error import GAINS, START_GAIN, AnswerError, grey_difference, mean_square
from isthmus.edge.video.canvas import CanvasShape
from isthmus.edge.video.coding import policy_of
from isthmus.edge.video.encoder import VideoEncoder
from isthmus.edge.video.judges import AnswerJudge, ShareJudge, judge_of
from isthmus.edge.video.modes import cheapest_modes
from isthmus.edge.video.options import VideoOptions
from isthmus.edge.video.policy import STEPPED_POLICY, VideoPolicy, default_policy

LITE = ROOT / "models" / "zoo" / "vision-lite0-b5"
STEP = 64
BLOCK = 2


def latents(seed: int, scale: float) -> np.ndarray[tuple[int, int, int], np.dtype[np.int32]]:
    """int32 [5, 6, 7] in 1/16 of a unit."""
    return np.rint(np.random.default_rng(seed).laplace(0, scale, (5, 6, 7))).astype(np.int32)


def test_the_guess_is_learned_from_what_is_so() -> None:
    error, y = AnswerError(), latents(0, 40)
    error.held(y, y)
    assert error.expected(3.0) == pytest.approx(3 * START_GAIN)
    added = mean_square(y, y + 24)  # 1.5 units everywhere
    assert added == pytest.approx(2.25)
    error.seen(added / START_GAIN, y, y + 24)
    assert error.gain == pytest.approx(START_GAIN)  # it was as guessed
    error.seen(added / START_GAIN / 1.44, y, y + 24)
    assert error.gain == pytest.approx(1.2 * START_GAIN)  # half of the way
    error.seen(added / START_GAIN / 1e6, y, y + 24)
    assert error.gain == pytest.approx(1.2 * 2**0.5 * START_GAIN)  # and no further
    for _ in range(20):
        error.seen(1e-3, y, y + 24)
    assert error.gain == GAINS[1]
    for _ in range(40):
        error.seen(1e6, y, y)
    assert error.gain == GAINS[0]
    error.seen(0.0, y, y + 24)
    assert error.gain == GAINS[0]  # nothing moved, nothing is learned
    error.forget()
    assert error.gain == START_GAIN


def test_what_was_wrong_before_is_not_put_down_to_motion() -> None:
    y = latents(0, 40)
    fresh, stale = AnswerError(), AnswerError()
    fresh.held(y, y)
    stale.held(y, y + 20)
    for error in (fresh, stale):
        error.seen(5.0, y, y + 24)
    assert stale.gain < fresh.gain


def test_a_difference_is_in_grey_levels() -> None:
    shape = CanvasShape.of(3, 4, 32, 2)
    dark = np.full((shape.rows, shape.columns), 60, np.uint8)
    assert grey_difference(dark, dark, shape) == 0
    assert grey_difference(dark, dark + np.uint8(7), shape) == pytest.approx(7)
    half = dark.copy()
    half[:, : shape.columns // 2] += 8
    assert grey_difference(dark, half, shape) == pytest.approx(4)


@pytest.mark.parametrize("rate_weight", [0.02, 0.07, 0.3])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_blocks_cost_least(seed: int, rate_weight: float) -> None:
    """No block would cost less another way, whatever the others are: each is judged by itself."""
    y = latents(seed, 90)
    predicted = np.where(np.arange(7) < 4, y + latents(seed + 9, 30), latents(seed + 5, 90)).astype(np.int32)
    predicted[:, :2, :2] = y[:, :2, :2]
    modes, residual = cheapest_modes(y, predicted, rate_weight, BLOCK, STEP)
    assert modes.shape == (3, 4)
    assert modes[0, 0] == BlockMode.PREDICTED
    for row, column in product(range(3), range(4)):
        at = np.s_[:, BLOCK * row : BLOCK * row + BLOCK, BLOCK * column : BLOCK * column + BLOCK]
        base = 0 * y[at] if modes[row, column] == BlockMode.INTRA else predicted[at]
        left = np.square((y[at] - base - STEP * residual[at]) / STEP).sum()
        unsent = np.square((y[at] - predicted[at]) / STEP).sum()
        sent = np.count_nonzero(residual[at])
        if modes[row, column] == BlockMode.PREDICTED:
            assert not residual[at].any()
        else:
            assert left + rate_weight * 4 * sent < unsent  # every symbol takes four bits or more
            near = np.abs(y[at] - base) <= STEP / 2
            assert not residual[at][near].any()


def test_bits_that_weigh_too_much_are_not_sent() -> None:
    y = latents(1, 90)
    modes, residual = cheapest_modes(y, latents(2, 90), 1e3, BLOCK, STEP)
    assert not modes.any()
    assert not residual.any()
    modes, residual = cheapest_modes(y, np.zeros_like(y), 1e-6, BLOCK, STEP)
    assert np.abs(y - STEP * residual).max() <= STEP / 2


def coded_key(y: np.ndarray[tuple[int, int, int], np.dtype[np.int32]], step: int) -> CodedFrame:
    return tiny_stepped_coder.coder(3).encode_latents(y, 0, step)


def test_a_key_frame_is_tried_where_it_may_cost_less() -> None:
    y = tiny_stepped_coder.latents(3, 8, 9)
    fine, coarse = coded_key(y, 24), coded_key(y, 60)
    judge = AnswerJudge(replace(STEPPED_POLICY, rate_weight=1e-6))  # bits cost nothing: the finer one is better

    def never(_: object) -> CodedFrame:
        raise AssertionError("tried")

    assert judge.better_key(coarse, y, STEP, lambda _: fine) is fine
    assert judge.better_key(fine, y, STEP, lambda _: coarse) is None
    judge.holds(y, coarse, STEP)  # the last key frame cost much more than this
    assert judge.better_key(fine, y, STEP, never) is None
    dear = AnswerJudge(replace(STEPPED_POLICY, rate_weight=1e3))  # nothing but bits counts
    few, many = sorted((fine, coarse), key=lambda coded: coded.packet_bits)
    assert dear.better_key(many, y, STEP, lambda _: few) is few
    assert dear.better_key(few, y, STEP, lambda _: many) is None


def test_the_policy_names_the_judge() -> None:
    assert isinstance(judge_of(VideoPolicy()), ShareJudge)
    assert isinstance(judge_of(STEPPED_POLICY), AnswerJudge)
    manifest = load_codec_folder(LITE, needed=(), kind=VideoManifest).manifest
    assert default_policy(manifest) == STEPPED_POLICY
    assert policy_of(VideoOptions(), manifest) == STEPPED_POLICY
    asked = policy_of(VideoOptions(key_interval=7, quality=6, mode="motion"), manifest)
    assert asked == replace(STEPPED_POLICY, key_interval=7, step=STEPPED_POLICY.step - 4, mode="motion")


def test_key_frames_are_finer_where_others_follow() -> None:
    policy = replace(STEPPED_POLICY, key_finer=8)
    assert (policy.key_step, replace(policy, mode="intra").key_step) == (policy.step - 8, policy.step)
    assert replace(policy, step=3).key_step == 0
    frame = VideoFrame(Image(texture(96, 128)), 0)
    steps = []
    for mode in ("auto", "intra"):
        packet = VideoEncoder(LITE, replace(policy, mode=mode)).encode(frame).packet
        steps.append(KeyHead.from_bytes(packet.sections[0], names_step=True).step)
    assert steps == [policy.step - 8, policy.step]


def test_a_clip_of_the_codec_that_ships() -> None:
    """The network rests where nothing moves, looks where something new comes, and both sides hold the same."""
    encoder, decoder = VideoEncoder(LITE), VideoDecoder(open_video_coder(LITE))
    still, others = [texture(96, 128)] * 5, panning(5)
    found = []
    for index, pixels in enumerate([*still, *others]):
        coded = encoder.encode(VideoFrame(Image(pixels), index))
        assert np.array_equal(decoder.decode(coded.packet.to_bytes()).state.values, coded.detail.state.values)
        found.append(coded)
    assert [coded.detail.network_runs for coded in found[:5]] == [True, False, False, False, False]
    assert all(coded.packet_bits < 200 for coded in found[1:5])
    assert found[5].detail.network_runs  # another picture


def test_the_network_is_asked_about_every_so_many_frames_at_most() -> None:
    lax = replace(STEPPED_POLICY, answer_error=0.0, cut_damage=9, key_damage=9)
    frames = [VideoFrame(Image(pixels), index) for index, pixels in enumerate(panning(7))]
    for interval in (1, 2, 3):
        encoder = VideoEncoder(LITE, replace(lax, network_interval=interval))
        looks = [encoder.encode(frame).detail.network_runs for frame in frames]
        assert looks == [index % interval == 0 for index in range(7)]


def test_one_step_takes_no_quality() -> None:
    tiny = ROOT / "models" / "zoo" / "video-tiny-q3"
    with pytest.raises(InputError, match="one step only"):
        VideoEncoder(tiny, replace(STEPPED_POLICY, step=20))
