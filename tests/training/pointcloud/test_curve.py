"""Training end to end on a few generated clouds: it learns, resumes after a kill, and freezes into a working codec."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from isthmus.common.bits.symbols import Symbols
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.data.pointcloud.furniture import generate_set
from isthmus.models.bottleneck import EntropyBottleneck
from isthmus.models.pointcloud.categorical import Alphabet
from isthmus.models.pointcloud.pointnet import CONFIGS
from isthmus.training.origin import Origin
from isthmus.training.pointcloud import curve as curves
from isthmus.training.pointcloud import rate_points, thesis_curve
from isthmus.training.pointcloud.augment import Augmentation, normalize
from isthmus.training.pointcloud.curve import train_isthmus_curve
from isthmus.training.pointcloud.datasets import CloudSet, split_validation
from isthmus.training.pointcloud.fit import CurveRun, Schedule, fit
from isthmus.training.pointcloud.isthmus_recipe import Backbone, Pretraining
from isthmus.training.pointcloud.rate_points import VARIANTS, Effort, RatePoint
from isthmus.training.pointcloud.thesis_curve import train_thesis_curve
from isthmus.training.pointcloud.views import views
from isthmus.training.pointcloud.zoo_writer import codec_names, freeze_curve

ORIGIN = Origin("a test", "generated furniture", "0" * 64)


@pytest.fixture(scope="module")
def clouds() -> CloudSet:
    made = generate_set(12, 256, 7)
    return CloudSet(made.stacked().copy(), made.labels, made.class_names, made.name)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_validation_is_stratified_and_apart(clouds: CloudSet) -> None:
    train, validation = split_validation(clouds)
    assert len(train) + len(validation) == len(clouds)
    assert set(validation.labels) == set(clouds.labels)
    held = {p.tobytes() for p in validation.points}
    assert not held & {p.tobytes() for p in train.points}
    assert (split_validation(clouds)[1].points == validation.points).all()


def test_augmented_clouds_are_centred_in_the_unit_ball(clouds: CloudSet) -> None:
    strong = Augmentation(32, 200, heading_degrees=180, tilt_degrees=5, scale=0.3, jitter=0.02, drop=0.3, clump=0.4)
    generator = torch.Generator().manual_seed(0)
    sizes = set()
    for _ in range(20):
        drawn = strong.draw(torch.from_numpy(clouds.points[:8]), generator)
        sizes.add(drawn.shape[2])
        assert drawn.shape[:2] == (3, 8)
        assert drawn.mean(2).abs().max() < 1e-5
        torch.testing.assert_close(drawn.square().sum(0).amax(1), torch.ones(8))
    assert len(sizes) > 5
    assert 32 <= min(sizes) <= max(sizes) <= 200


def test_normalize_of_one_point_is_zero() -> None:
    assert normalize(torch.ones(3, 1, 5)).abs().max() == 0


def pretraining(clouds: CloudSet) -> Pretraining:
    torch.manual_seed(0)
    return Pretraining(Backbone(CONFIGS["micro"], torch.float32), len(clouds.class_names), Augmentation(64, 64))


def test_a_killed_run_resumes_to_the_same_weights(clouds: CloudSet, tmp_path: Path) -> None:
    held_out = views(clouds, 64, random_heading=False)
    schedule = Schedule(4, batch_size=16, ema_decay=0.9)
    whole = pretraining(clouds)
    fit(whole, clouds, held_out, schedule, seed=1)

    class KilledError(Exception):
        pass

    cut = pretraining(clouds)
    steps = 0
    loss = cut.loss

    def loss_until_killed(*args: object) -> torch.Tensor:
        nonlocal steps
        steps += 1
        if steps > 2 * (len(clouds) // 16) + 3:  # in the third epoch
            raise KilledError
        return loss(*args)  # type: ignore[arg-type]

    cut.loss = loss_until_killed  # type: ignore[method-assign, assignment]
    with pytest.raises(KilledError):
        fit(cut, clouds, held_out, schedule, seed=1, checkpoint=tmp_path / "c.ckpt")
    resumed = pretraining(clouds)
    history = fit(resumed, clouds, held_out, schedule, seed=1, checkpoint=tmp_path / "c.ckpt")
    assert history["epochs"] == 4
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.slow
@pytest.mark.parametrize("cached", [False, True])
def test_our_curve_trains_and_freezes(
    clouds: CloudSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cached: bool
) -> None:
    monkeypatch.setattr(rate_points, "LADDER", (RatePoint(Alphabet(3, 4), 200.0),))
    monkeypatch.setattr(curves, "FEATURE_VIEWS", 4)
    variant = replace(VARIANTS["p256"], augmentation=Augmentation(128, 128))
    monkeypatch.setitem(VARIANTS, "p256", variant)
    folder = tmp_path / "micro-p256"
    effort = Effort(pretrain=25, symbols=(15,), cached=cached)
    train_isthmus_curve("micro", variant, clouds, clouds, effort, CurveRun(folder))
    history = json.loads((folder / "q1.json").read_text())
    assert history["top1_percent"] > 40  # ten classes: chance is 10
    (codec,) = freeze_curve(codec_names(folder), tmp_path / "zoo", clouds, ORIGIN, frozenset({"q1"}))
    loaded = load_codec_folder(codec, kind=PointCloudManifest)
    assert loaded.manifest.name == "pc-micro-p256-q1"
    assert loaded.manifest.channels == 3
    points, labels = views(clouds, 128, random_heading=False)
    feed = np.ascontiguousarray(points.permute(1, 0, 2).numpy())
    symbols = onnxruntime.InferenceSession(codec / "edge.onnx").run(None, {"points": feed})[0]
    section = loaded.manifest.prior.encode(Symbols(symbols))
    read = loaded.manifest.prior.decode(section, len(symbols)).values
    logits = onnxruntime.InferenceSession(codec / "cloud.onnx").run(None, {"symbols": read})[0]
    top1 = 100 * (logits.argmax(1) == labels.numpy()).mean()
    assert top1 > history["top1_percent"] - 10  # the integer halves are the float network
    view = onnxruntime.InferenceSession(codec / "view.onnx").run(None, {"symbols": read[:2]})[0]
    assert view.shape == (2, 256, 3)
    assert np.isfinite(view).all()


@pytest.mark.slow
def test_thesis_curve_trains_and_freezes(clouds: CloudSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thesis_curve, "LAMBDAS", (1000.0,))
    monkeypatch.setattr(thesis_curve, "SCHEDULE", Schedule(30, kind="plateau", batch_size=16))
    train_thesis_curve("micro", 128, clouds, clouds, CurveRun(tmp_path / "micro-thesis-p128"))
    names = codec_names(tmp_path / "micro-thesis-p128", "pc-mine")
    assert list(names.values()) == ["pc-mine-q9"]
    (codec,) = freeze_curve(names, tmp_path / "zoo", clouds, ORIGIN)
    manifest = load_codec_folder(codec, kind=PointCloudManifest).manifest
    points, labels = views(clouds, 128, random_heading=False)
    feed = np.ascontiguousarray(points.permute(1, 0, 2).numpy())
    symbols = onnxruntime.InferenceSession(codec / "edge.onnx").run(None, {"points": feed})[0]
    assert symbols.shape[1] == manifest.channels <= 16
    read = manifest.prior.decode(manifest.prior.encode(Symbols(symbols)), len(symbols)).values
    logits = onnxruntime.InferenceSession(codec / "cloud.onnx").run(None, {"symbols": read})[0]
    history = json.loads((tmp_path / "micro-thesis-p128" / "lambda0.json").read_text())
    assert 100 * (logits.argmax(1) == labels.numpy()).mean() > history["top1_percent"] - 10
    bits = manifest.prior.estimated_bits(Symbols(symbols)).mean()
    assert bits == pytest.approx(history["bits"], rel=0.25)


def test_entropy_bottleneck_is_a_density() -> None:
    torch.manual_seed(0)
    bottleneck = EntropyBottleneck(4).eval()
    grid = torch.arange(-400, 401).float()[:, None].expand(-1, 4)
    mass = bottleneck.likelihood(grid).sum(0)
    torch.testing.assert_close(mass, torch.ones(4), atol=1e-3, rtol=0)
    median = bottleneck.quantile(0.5)
    below = torch.sigmoid(bottleneck.logits_cumulative(median[:, None, None]))[:, 0, 0]
    torch.testing.assert_close(below, torch.full((4,), 0.5), atol=1e-3, rtol=0)
