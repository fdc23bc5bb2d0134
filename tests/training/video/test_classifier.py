"""Training of the split classifier: its warps, its losses, resuming, and what the second round starts from."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from isthmus.data.image.labelled import LabelledImages
from isthmus.models.video.classifier import Pooling, SplitClassifier, SplitShape
from isthmus.training.image.photos import Photos
from isthmus.training.video import classifier as split_recipe
from isthmus.training.video.classifier import SecondRound, load_split, train_split
from isthmus.training.video.split_loss import LogisticRate, SplitEffort
from isthmus.training.video.two_views import compose, two_views, warped

SHAPE = SplitShape(2, latent_channels=4, edge_widths=(4, 4, 6, 6), cloud_widths=(8, 8), blocks=1)
EFFORT = SplitEffort(epochs=2, batch=8, rate_weight=0.0, motion_weight=0.2)


def _images(count: int = 24, size: int = 32) -> LabelledImages:
    """Two classes: stripes down, stripes across, of many phases."""
    files, labels = [], []
    for i in range(count):
        wave = (127 + 120 * np.sin(np.arange(size) * 0.9 + i)).astype(np.uint8)
        picture = np.broadcast_to(wave if i % 2 else wave[:, None], (size, size))
        file = io.BytesIO()
        Image.fromarray(np.repeat(picture[:, :, None], 3, 2)).save(file, "PNG")
        files.append(file.getvalue())
        labels.append(i % 2)
    return LabelledImages("stripes", tuple(files), np.array(labels), ("down", "across"))


def test_the_rate_is_the_entropy_of_the_distribution_it_stands_for() -> None:
    rate = LogisticRate(1)
    values = torch.arange(-60, 61, dtype=torch.float32)
    masses = torch.sigmoid(values + 0.5) - torch.sigmoid(values - 0.5)
    bits = sum(float(p) * rate(v.reshape(1, 1, 1, 1)).item() for p, v in zip(masses, values, strict=True))
    assert bits == pytest.approx(-(masses * torch.log2(masses.clamp_min(1e-30))).sum().item(), abs=1e-2)


def test_maps_are_composed_in_their_order() -> None:
    first = torch.tensor([[[0.0, -1.0, 0.5], [1.0, 0.0, 0.0]]])
    second = torch.tensor([[[2.0, 0.0, 0.0], [0.0, 1.0, 1.0]]])
    u = torch.tensor([0.3, -0.2, 1.0])
    inner = torch.cat([second[0] @ u, torch.ones(1)])
    assert torch.allclose(compose(first, second)[0] @ u, first[0] @ inner)


def test_the_second_view_is_the_first_one_warped() -> None:
    generator = torch.Generator().manual_seed(3)
    smooth = torch.nn.functional.interpolate(torch.rand(4, 3, 5, 5, generator=generator), size=64, mode="bicubic")
    first, second, between = two_views(smooth.clamp(0.2, 0.8), generator)
    predicted, mask = warped(first, between)
    error = ((predicted - second).abs() * mask).sum() / mask.sum() / 3
    apart = ((first - second).abs() * mask).sum() / mask.sum() / 3
    assert error < 0.03 < apart


def test_warping_by_a_whole_latent_shifts() -> None:
    y = torch.rand(1, 2, 8, 8)
    moved, mask = warped(y, torch.tensor([[[1.0, 0.0, 2 / 8], [0.0, 1.0, 0.0]]]))
    assert torch.allclose(moved[..., :7], y[..., 1:], atol=1e-5)
    assert mask[0, 0, :, :7].all()
    assert not mask[0, 0, :, 7].any()


@pytest.mark.parametrize("pooling", list(Pooling))
def test_every_pooling_halves_and_takes_any_size(pooling: Pooling) -> None:
    model = SplitClassifier(replace(SHAPE, pooling=pooling)).eval()
    assert model.shape.stride == 8
    y = model.edge(torch.rand(1, 3, 40, 72))
    assert y.shape == (1, 4, 5, 9)
    assert model.cloud(y).shape == (1, 2)


def test_two_rounds_learn_and_a_finished_round_is_not_run_again(tmp_path: Path) -> None:
    train, held = _images(), _images(8)
    photos = Photos("photos", tuple(np.random.default_rng(i).integers(0, 255, (140, 140, 3), np.uint8) for i in (1, 2)))
    torch.set_num_threads(1)
    first = train_split(SHAPE, train, held, tmp_path / "first.pt", replace(EFFORT, epochs=12), seed=0, size=32)
    history = load_split(first)[1]["history"]
    assert history[-1]["ce"] < history[0]["ce"] - 0.05
    how = replace(EFFORT, epochs=1, rate_weight=1e-5, agreement_weight=0.5, photos=2)
    second = train_split(
        SHAPE, train, held, tmp_path / "second.pt", how, seed=0, size=32, second=SecondRound(first, photos)
    )
    model, saved = load_split(second)
    assert {"bits", "agreement", "photo_agreement", "top1_rounded_percent"} <= set(saved["history"][0])
    # Latents are in steps of the quantiser, and the normalisations kept what the first round had counted.
    y = model.edge(torch.from_numpy(split_recipe.decode_all(train, 32)).float().div(255))
    assert 1.0 < y.std((0, 2, 3)).mean() < 4.0
    before, after = load_split(first)[0], model
    for name, value in before.edge.state_dict().items():
        if "running" in name:
            assert torch.equal(value, after.edge.state_dict()[name])
    stamp = second.stat().st_mtime_ns
    assert train_split(SHAPE, train, held, second, how, seed=0, size=32) == second
    assert second.stat().st_mtime_ns == stamp


def test_a_killed_round_goes_on_as_if_it_had_not_been(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train, held = _images(16), _images(4)
    torch.set_num_threads(1)
    whole = load_split(train_split(SHAPE, train, held, tmp_path / "whole.pt", EFFORT, seed=1, size=32))[0]
    real, calls = split_recipe.validate_split, []

    def killed(*arguments: object, **options: object) -> dict[str, float]:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(split_recipe, "validate_split", killed)
    with pytest.raises(KeyboardInterrupt):
        train_split(SHAPE, train, held, tmp_path / "cut.pt", EFFORT, seed=1, size=32)
    monkeypatch.setattr(split_recipe, "validate_split", real)
    resumed = load_split(train_split(SHAPE, train, held, tmp_path / "cut.pt", EFFORT, seed=1, size=32))[0]
    left: dict[str, Tensor] = whole.state_dict()
    assert all(torch.equal(left[name], value) for name, value in resumed.state_dict().items())
    assert not (tmp_path / "cut.resume.pt").exists()
