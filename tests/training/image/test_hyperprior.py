"""Training the hyperprior on frozen latents, freezing it, and the answer to open question 2, on toy photographs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from isthmus.common.image.coder import ImageCoder
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.tables import ImageTables
from isthmus.common.limits import Limits
from isthmus.models.exact.onnx_numpy import OnnxNumpy
from isthmus.models.image.hyperprior import SCALE_LEVELS, HyperShape
from isthmus.models.image.transforms import PatchAnalysis, PatchShape
from isthmus.training import trainer
from isthmus.training.checkpoint import load_checkpoint
from isthmus.training.image import hyperprior as hyperprior_recipe
from isthmus.training.image.hyperprior import (
    HyperEffort,
    latents_of,
    load_hyperprior,
    train_hyperprior,
)
from isthmus.training.image.hyperprior_freeze import code_latents, freeze_hyperprior
from isthmus.training.image.photos import Photos
from isthmus.training.image.scale_tables import channel_kinds, gaussian_pmf
from isthmus.training.image.table_choice import codec_tables
from isthmus.training.image.transforms import ImageCodec, load_codec, save_codec
from isthmus.training.studies.open_question_2 import answer

CODEC = PatchShape(quarter=8, eighth=8, latent_channels=8, synthesis_eighth=8, synthesis_quarter=8)
HYPER = HyperShape(latent_channels=8, hyper_channels=4, analysis_width=8, synthesis_width=8)
EFFORT = HyperEffort(steps=240, annealed_steps=4, rate=5e-3)


def toy_photos(count: int, seed: int) -> Photos:
    """Noise of a strength that varies from photograph to photograph and from left to right."""
    rng = np.random.default_rng(seed)
    strength = rng.uniform(2, 60, size=(count, 1, 1, 1)) * np.linspace(0.2, 1, 128)[None, None, :, None]
    pixels = (128 + rng.normal(size=(count, 64, 128, 3)) * strength).clip(0, 255).astype(np.uint8)
    return Photos("toy", tuple(pixels))


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("codec") / "q3.pt"
    model = ImageCodec(CODEC)
    with torch.no_grad():
        assert isinstance(model.g_a, PatchAnalysis)
        model.g_a.scale.fill_(32)
    save_codec(path, model, {})
    return path


@pytest.fixture(scope="module")
def trained(codec: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hyper")
    return train_hyperprior(codec, toy_photos(48, 0), toy_photos(8, 1), folder, EFFORT, seed=0, shape=HYPER)


@pytest.mark.slow
def test_a_killed_training_ends_as_one_that_was_not(
    codec: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hyperprior_recipe, "ROUND_STEPS", 100)
    save = trainer.save_checkpoint  # type: ignore[attr-defined]

    def dies(path: Path, state: dict[str, object]) -> None:
        save(path, state)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "save_checkpoint", dies)
        with pytest.raises(KeyboardInterrupt):
            train_hyperprior(codec, toy_photos(48, 0), toy_photos(8, 1), tmp_path, EFFORT, seed=0, shape=HYPER)
    again = train_hyperprior(codec, toy_photos(48, 0), toy_photos(8, 1), tmp_path, EFFORT, seed=0, shape=HYPER)
    whole, resumed = load_hyperprior(trained).state_dict(), load_hyperprior(again).state_dict()
    for name, value in whole.items():
        assert torch.equal(resumed[name], value), name
    assert sorted(p.name for p in tmp_path.iterdir()) == ["hyper-q3.pt"]


def test_annealing_starts_from_the_parent(codec: Path, trained: Path, tmp_path: Path) -> None:
    path = train_hyperprior(
        codec, toy_photos(48, 0), toy_photos(8, 1), tmp_path, EFFORT, seed=0, shape=HYPER, parent=trained
    )
    before, after = (load_checkpoint(p)["validation"] for p in (trained, path))
    assert sum(after.values()) < 1.1 * sum(before.values())


def test_the_frozen_hyperprior_beats_one_table_a_channel_and_loses_nothing_to_integers(
    codec: Path, trained: Path
) -> None:
    g_a, model = load_codec(codec)[0].g_a, load_hyperprior(trained)
    seen, held = latents_of(g_a, toy_photos(48, 0)), latents_of(g_a, toy_photos(8, 1))
    frozen = freeze_hyperprior(model, seen, held, kinds=2)
    stats = frozen.stats
    assert stats["y_tables"] < stats["static_factorised"]
    assert stats["y_tables"] == pytest.approx(stats["y_tables_float_index"], rel=0.01)
    assert frozen.y_tables.count == 2 * SCALE_LEVELS
    assert frozen.z_tables.count == HYPER.hyper_channels
    coded = code_latents(model, frozen.h_s, held)
    assert coded.indices.shape == coded.y.shape == held.shape
    assert coded.indices.max() < frozen.y_tables.count
    pixels = held.shape[0] * held.shape[2] * held.shape[3] * 256
    bits = frozen.y_tables.bits(coded.y, coded.indices).sum() / pixels
    assert bits == pytest.approx(stats["y_tables"])


def test_the_codec_s_tables_have_a_group_for_each_index(codec: Path, trained: Path, tmp_path: Path) -> None:
    g_a, model = load_codec(codec)[0].g_a, load_hyperprior(trained)
    seen = latents_of(g_a, toy_photos(48, 0))
    frozen = freeze_hyperprior(model, seen, seen[:4], kinds=2)
    tables = codec_tables(frozen, code_latents(model, frozen.h_s, seen), weight=6.0)
    assert tables.groups == 2 * SCALE_LEVELS
    assert tables.z_tables == frozen.z_tables
    tables.save(tmp_path / "entropy.npz")
    assert ImageTables.load(tmp_path / "entropy.npz").tables == tables.tables


def test_a_photograph_crosses_the_coder_and_pays_what_was_estimated(codec: Path, trained: Path) -> None:
    g_a, model = load_codec(codec)[0].g_a, load_hyperprior(trained)
    seen = latents_of(g_a, toy_photos(48, 0))
    frozen = freeze_hyperprior(model, seen, seen[:4], kinds=2)
    coded = code_latents(model, frozen.h_s, seen)
    manifest = ImageManifest(
        name="image-toy-q3",
        weights=(("entropy.npz", "0" * 64),),
        family="image-toy",
        quality=3,
        latent_channels=8,
        hyper_channels=HYPER.hyper_channels,
        hyper_stride=64,
        halo_pixels=16,
        halo_latents=1,
    )
    engine = OnnxNumpy(frozen.h_s)
    coder = ImageCoder(
        manifest,
        codec_tables(frozen, coded, weight=1.0),
        scale_indices=lambda z: engine.run({"z": z[None]})[0][0].astype(np.int32),
    )
    for photo in range(4):
        sent = coder.encode(coded.y[photo], 64, 128, z=coded.z[photo])
        got = coder.decode(sent.packet.to_bytes(), Limits())
        np.testing.assert_array_equal(got.y, coded.y[photo])
        assert got.z is not None
        np.testing.assert_array_equal(got.z, coded.z[photo])
        assert abs(8 * len(sent.packet.to_bytes()) - sent.estimated_bits) < 0.005 * sent.estimated_bits + 100


def test_the_answer_is_written_with_every_row(codec: Path, trained: Path, tmp_path: Path) -> None:
    path = answer(
        {3: codec},
        {3: trained},
        toy_photos(48, 0),
        {"validation": [toy_photos(8, 1)]},
        {"validation": 1.0},
        tmp_path,
        "a test",
    )
    document = json.loads(path.read_text())
    rows = document["detail"]["q3"]["validation"]
    assert set(rows) == {
        "z_bits_per_pixel",
        "factorised_chosen",
        "hyperprior_chosen_by_index",
        "hyperprior_chosen_by_kind_and_index",
        "hyperprior_shifted",
        "hyperprior_corrected",
    }
    for name, row in rows.items():
        if name != "z_bits_per_pixel":
            assert row["ideal_bits_per_pixel"] <= row["adapted_bits_per_pixel"] <= row["static_bits_per_pixel"]
    static = {rows[f"hyperprior_{n}"]["static_bits_per_pixel"] for n in ("chosen_by_kind_and_index", "shifted")}
    assert max(static) == pytest.approx(min(static), rel=1e-5)
    assert "image.open_question_2.validation.q3.gain_percent" in document["summary"]


def test_gaussians_sum_to_one_and_widen() -> None:
    pmf = gaussian_pmf(255)
    np.testing.assert_allclose(pmf.sum(1), 1, atol=1e-12)
    assert (np.diff(pmf[:, 255]) < 0).all()


def test_channels_of_one_mean_become_one_kind() -> None:
    rng = np.random.default_rng(0)
    counts = np.zeros((6, SCALE_LEVELS, 16), np.int64)
    for channel in range(6):
        symbols = rng.normal(0.45 if channel % 2 else -0.45, 0.5, 4000).round().astype(int) + 7
        counts[channel, 3] = np.bincount(symbols.clip(0, 15), minlength=16)
    kinds = channel_kinds(counts, 2)
    assert kinds[0] != kinds[1]
    np.testing.assert_array_equal(kinds, np.tile(kinds[:2], 3))
