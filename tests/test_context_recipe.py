"""Learning contexts: on latents whose spread varies from place to place they save bits, and always the same."""

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("isthmus.training.context_recipe")

from isthmus.common.context import ContextModel
from isthmus.common.image_tables import CONTEXT_ARRAYS
from isthmus.training.context_recipe import ContextEffort, learn_context, supported_tables

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
