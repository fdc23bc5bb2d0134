"""Learning contexts: on latents whose spread varies from place to place they save bits, and always the same."""

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("isthmus.training.contexts")

from isthmus.common.bits.context import ContextModel
from isthmus.common.bits.entropy_file import CONTEXT_ARRAYS
from isthmus.common.errors import InputError
from isthmus.training.contexts import (
    ContextEffort,
    counted_pmfs,
    learn_context,
    learn_motion,
    stack_latents,
    supported_tables,
)

TOP = 24
EFFORT = ContextEffort(taps=6, classes=5, neighbours=3, positions=4000)


def correlated(images: int, channels: int, side: int, seed: int) -> npt.NDArray[np.int16]:
    """Laplacian noise under a smooth spread that all channels share."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(images, 1, side // 4, side // 4))
    spread = np.exp(1.2 * coarse.repeat(4, 2).repeat(4, 3)) * np.geomspace(0.3, 2, channels)[None, :, None, None]
    noise = rng.laplace(size=(images, channels, side, side)) * spread
    return np.clip(np.rint(noise), -TOP, TOP).astype(np.int16)


def learn(latents: npt.NDArray[np.int16], seed: int = 0) -> tuple[ContextModel, npt.NDArray[np.float64]]:
    values = latents.swapaxes(0, 1).reshape(latents.shape[1], -1).astype(np.int64) + TOP
    counts = np.stack([np.bincount(channel, minlength=2 * TOP + 1) for channel in values]) + 0.1
    pmfs = counts / counts.sum(1, keepdims=True)
    return learn_context(latents, pmfs, EFFORT, seed), pmfs


def test_contexts_save_bits_on_correlated_latents() -> None:
    model, pmfs = learn(correlated(12, 6, 24, 0))
    static = supported_tables(list(pmfs), [(-TOP, TOP)] * len(pmfs), TOP)
    context_bits = static_bits = 0.0
    for y in correlated(3, 6, 24, 1).astype(np.int32):
        section, bits = model.encode_measured(y)
        assert (model.decode(section, *y.shape[1:]) == y).all()
        context_bits += bits
        channel = np.arange(len(y))[:, None, None]
        static_bits += float(static.bits(y, channel).sum())
    assert context_bits < 0.97 * static_bits


def test_the_same_latents_give_the_same_model() -> None:
    latents = correlated(6, 4, 16, 2)
    one, other = learn(latents)[0], learn(latents)[0]
    assert one.tables == other.tables
    for name in CONTEXT_ARRAYS:
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_channels_that_say_nothing_get_one_table() -> None:
    latents = correlated(6, 4, 16, 3)
    latents[:, 1] = 0
    model, _ = learn(latents)
    assert model.first_threshold[2] - model.first_threshold[1] == 0
    assert model.first_tap[2] - model.first_tap[1] == 0


def test_residuals_are_learned_from_what_is_given_and_where_they_are_coded() -> None:
    rng = np.random.default_rng(4)
    mask = rng.random((20, 16, 16)) < 0.5
    spread = rng.choice([0, 1, 12], (20, 3, 16, 16))
    r = (np.rint(rng.laplace(size=spread.shape) * spread / 3) * mask[:, None]).clip(-TOP, TOP).astype(np.int16)
    pmfs = counted_pmfs(r, TOP, mask)
    known, blind = (learn_context(r[:15], pmfs, EFFORT, given=g, mask=mask[:15]) for g in (spread[:15], None))
    assert (known.given, known.channels, blind.given) == (3, 3, 0)
    known_bits = blind_bits = 0.0
    for image in range(15, 20):
        y, given = r[image].astype(np.int32), spread[image].astype(np.int32)
        section, bits = known.encode_measured(y, given, mask[image])
        assert (known.decode(section, 16, 16, given, mask[image]) == y).all()
        known_bits += bits
        blind_bits += blind.encode_measured(y, None, mask[image])[1]
    assert known_bits < 0.85 * blind_bits


def test_latents_of_several_sizes_are_learned_from_together() -> None:
    latents = [correlated(1, 4, side, side)[0] for side in (8, 16, 24, 24)]
    stacked, mask = stack_latents(latents)
    assert (stacked.shape, mask.sum()) == ((4, 4, 24, 24), 64 + 256 + 2 * 576)
    counts = counted_pmfs(stacked, TOP, mask)
    assert counts.sum(1) == pytest.approx(1)
    # What is padded is not counted.
    values = np.concatenate([entry[0].ravel() for entry in latents])
    assert counts[0, TOP] == pytest.approx((values == 0).mean(), abs=0.01)
    model = learn_context(stacked, counts, EFFORT, mask=mask)
    y = latents[0].astype(np.int32)
    assert (model.decode(model.encode(y), 8, 8) == y).all()


def test_motion_is_learned_from_messages_of_several_sizes() -> None:
    rng = np.random.default_rng(5)
    messages = [rng.integers(-2, 3, (3, *rng.integers(2, 9, 2))) for _ in range(30)]
    for message in messages:
        message[0] = np.abs(message[0])
    model = learn_motion(messages, EFFORT)
    assert (model.channels, model.given) == (3, 0)
    one: npt.NDArray[np.int32] = messages[0].astype(np.int32)
    assert (model.decode(model.encode(one), *one.shape[1:]) == one).all()
    one[1, 0, 0] = 70_000  # an escape
    assert (model.decode(model.encode(one), *one.shape[1:]) == one).all()


def test_a_mask_of_nothing_is_refused() -> None:
    latents = correlated(2, 2, 8, 0)
    with pytest.raises(InputError, match="mask: expected latents to learn from"):
        learn_context(latents, counted_pmfs(latents, TOP), EFFORT, mask=np.zeros((2, 8, 8), bool))
