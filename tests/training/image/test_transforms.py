"""Image codecs from photographs to folders: crops, training that learns and resumes, and that it all decodes."""

from __future__ import annotations

import io
import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Picture
from typer.testing import CliRunner

from isthmus.command.main import app
from isthmus.common.errors import InputError
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.side import Adaptation
from isthmus.common.image.signal import IMAGE_LIMITS
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.signals import Image
from isthmus.models.image.transforms import PatchAnalysis, PatchShape, ReferenceShape
from isthmus.runtime import tiles
from isthmus.training import contexts as context_recipe
from isthmus.training import trainer
from isthmus.training.image import adaptive as adaptive_recipe
from isthmus.training.image import effort as effort_of
from isthmus.training.image import hyperprior as hyperprior_recipe
from isthmus.training.image import transforms as image_recipe
from isthmus.training.image.effort import ImageEffort
from isthmus.training.image.photos import Photos, draw_crops, load_photos, split_photos
from isthmus.training.image.transforms import LAMBDAS, load_codec, quantiser_step, train_image_quality

SHAPE = PatchShape(quarter=8, eighth=8, latent_channels=16, synthesis_eighth=8, synthesis_quarter=8)
ADAPTIVE = adaptive_recipe.AdaptiveEffort(steps=8, batch=8, side_channels=8)
TINY = ImageEffort(anchor_steps=8, annealed_steps=0, batch=2, crop=32)


def photos_of(count: int, height: int = 64, width: int = 64, seed: int = 0) -> Photos:
    """Smooth colours, each photograph with noise of a strength of its own."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width] / 64.0
    pixels = []
    for _ in range(count):
        waves = [np.sin(rows * rng.uniform(-4, 4) + columns * rng.uniform(-4, 4) + rng.uniform(0, 6)) for _ in range(3)]
        noise = rng.normal(size=(height, width, 3)) * rng.uniform(1, 40)
        pixels.append((128 + 80 * np.stack(waves, 2) + noise).clip(0, 255).astype(np.uint8))
    return Photos("waves", tuple(pixels))


def pack(photos: Photos, path: Path) -> Path:
    """As the packed file that training reads; lossless pictures are as good as JPEG's for it."""
    parts = []
    for pixels in photos.pixels:
        file = io.BytesIO()
        Picture.fromarray(pixels).save(file, "PNG")
        parts.append(np.frombuffer(file.getvalue(), np.uint8))
    np.savez(path, jpg=np.concatenate(parts), off=np.cumsum([0, *(len(p) for p in parts)]))
    return path


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Crops, batches and the interval of checkpoints of a training that takes a second."""
    make_small(monkeypatch)


def make_small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ROUND_STEPS", 4), ("START_PATCHES", 256)):
        monkeypatch.setattr(image_recipe, name, value)


def test_photos_are_read_from_a_packed_file_and_from_a_folder(tmp_path: Path) -> None:
    photos = photos_of(3, 20, 33)
    packed = load_photos(pack(photos, tmp_path / "some.npz"))
    assert packed.name == "some"
    for k, pixels in enumerate(photos.pixels):
        (tmp_path / "deep" / "er").mkdir(parents=True, exist_ok=True)
        Picture.fromarray(pixels).save(tmp_path / "deep" / "er" / f"{k}.PNG")
    (tmp_path / "deep" / "notes.txt").write_text("no photograph")
    Picture.fromarray(photos.pixels[0][:, :, 0]).save(tmp_path / "deep" / "grey.png")
    folder = load_photos(tmp_path / "deep")
    assert len(packed) == 3
    assert len(folder) == 4
    for read in (packed, Photos("", folder.pixels[:3])):
        assert all(np.array_equal(a, b) for a, b in zip(read.pixels, photos.pixels, strict=True))
    assert folder.pixels[3].shape == (20, 33, 3)


def test_what_holds_no_photographs_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", points=np.zeros(3))
    with pytest.raises(InputError, match=r"other\.npz: expected packed photographs with .* jpg and off; got points"):
        load_photos(tmp_path / "other.npz")
    with pytest.raises(InputError, match=r"expected a packed \.npz or a folder"):
        load_photos(tmp_path)


def test_a_twentieth_is_held_out_always_the_same() -> None:
    photos = photos_of(60, 8, 8)
    train, held = split_photos(photos)
    assert (len(train), len(held)) == (57, 3)
    seen, kept = ({p.tobytes() for p in part.pixels} for part in (train, held))
    assert not seen & kept
    assert len(seen | kept) == 60
    assert [p.tobytes() for p in split_photos(photos)[1].pixels] == [p.tobytes() for p in held.pixels]
    assert len(split_photos(photos_of(5, 8, 8))[1]) == 1


def test_crops_are_parts_of_photographs_and_repeatable() -> None:
    photos = photos_of(4, 40, 56)
    crops = draw_crops(photos, 12, 24, torch.Generator().manual_seed(3))
    assert crops.shape == (12, 3, 24, 24)
    assert 0 <= float(crops.min()) < float(crops.max()) <= 1
    assert torch.equal(crops, draw_crops(photos, 12, 24, torch.Generator().manual_seed(3)))
    assert not torch.equal(crops, draw_crops(photos, 12, 24, torch.Generator().manual_seed(4)))
    whole = Photos("one", (photos.pixels[0][:24, :24],))
    values = np.sort(whole.pixels[0].reshape(-1, 3), axis=0)
    for crop in draw_crops(whole, 8, 24, torch.Generator().manual_seed(0)):  # mirrored and turned, nothing else
        got = np.sort(np.rint(crop.numpy() * 255).reshape(3, -1).T.astype(np.uint8), axis=0)
        assert np.array_equal(got, values)
    with pytest.raises(InputError, match="sides of at least 41, got 40 x 56"):
        draw_crops(photos, 1, 41, torch.Generator())


def test_the_step_is_where_rate_and_distortion_meet_the_trade_off() -> None:
    """``-dD/dR`` of ``D = step^2 / 12`` and R in bits a pixel of three colours is 1 / lambda."""
    trade_off = LAMBDAS[2]
    distortion = quantiser_step(trade_off) ** 2 / 12  # a colour; halves twice with every bit a colour
    assert 2 * math.log(2) * distortion / 3 == pytest.approx(1 / trade_off)


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_training_lowers_the_loss(tmp_path: Path) -> None:
    train, held = photos_of(24), photos_of(4, seed=1)
    judged = []
    for steps in (0, 80):
        effort = ImageEffort(anchor_steps=steps, batch=2, crop=32)
        path = train_image_quality(SHAPE, 3, train, held, tmp_path / str(steps), effort, seed=0)
        codec, saved = load_codec(path)
        judged.append(saved["validation"])
        assert (saved["quality"], saved["lambda"], saved["steps"]) == (3, LAMBDAS[2], steps)
        assert not codec.training
    before, after = judged
    assert after["loss"] < before["loss"]
    assert after["bits_per_pixel"] < 0.75 * before["bits_per_pixel"]
    assert after["psnr_db"] > before["psnr_db"] - 0.5
    assert saved["history"][-1][0] == 80


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("shape", [SHAPE, ReferenceShape(8, 8)], ids=["patch", "reference"])
def test_a_killed_training_ends_as_one_that_was_not(
    shape: PatchShape | ReferenceShape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, held = photos_of(8), photos_of(2, seed=1)
    whole = train_image_quality(shape, 6, train, held, tmp_path / "whole", TINY, seed=5)
    save = trainer.save_checkpoint  # type: ignore[attr-defined]

    def dies(path: Path, state: dict[str, object]) -> None:
        save(path, state)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "save_checkpoint", dies)
        with pytest.raises(KeyboardInterrupt):
            train_image_quality(shape, 6, train, held, tmp_path / "cut", TINY, seed=5)
    assert [p.name for p in (tmp_path / "cut").iterdir()] == ["q6.resume.pt"]
    again = train_image_quality(shape, 6, train, held, tmp_path / "cut", TINY, seed=5)
    one, other = load_codec(whole), load_codec(again)
    for name, value in one[0].state_dict().items():
        assert torch.equal(value, other[0].state_dict()[name]), name
    assert one[1]["history"] == other[1]["history"]
    assert [p.name for p in (tmp_path / "cut").iterdir()] == ["q6.pt"]
    stamp = again.stat().st_mtime_ns
    assert train_image_quality(shape, 6, train, held, tmp_path / "cut", TINY, seed=5).stat().st_mtime_ns == stamp


@pytest.mark.usefixtures("small")
def test_a_neighbour_is_annealed_from_its_parent_with_a_step_of_its_own(tmp_path: Path) -> None:
    train, held = photos_of(8), photos_of(2, seed=1)
    with pytest.raises(InputError, match=r"expected q3\.pt, which q2 is annealed from"):
        train_image_quality(SHAPE, 2, train, held, tmp_path, TINY, seed=0)
    parent, _ = load_codec(train_image_quality(SHAPE, 3, train, held, tmp_path, TINY, seed=0))
    child, _ = load_codec(train_image_quality(SHAPE, 2, train, held, tmp_path, TINY, seed=0))
    for name, value in parent.state_dict().items():
        if not name.endswith(".scale"):
            assert torch.equal(value, child.state_dict()[name]), name
    assert isinstance(child.g_a, PatchAnalysis)
    assert float(child.g_a.scale) == pytest.approx(255 / quantiser_step(LAMBDAS[1]))


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `isthmus train image` writes, everything in it tiny."""
    folder = tmp_path_factory.mktemp("training")
    data = pack(photos_of(72), folder / "waves.npz")
    patch = pytest.MonkeyPatch()
    make_small(patch)
    for module, name, made in (
        (image_recipe, "train_image_quality", lambda _, *rest, **more: train_image_quality(SHAPE, *rest, **more)),
        (effort_of, "ImageEffort", partial(ImageEffort, anchor_steps=8, batch=2, crop=32)),
        (adaptive_recipe, "train_adaptive", partial(adaptive_recipe.train_adaptive, effort=ADAPTIVE)),
        (hyperprior_recipe, "HyperEffort", partial(hyperprior_recipe.HyperEffort, 8)),
        (context_recipe, "ContextEffort", partial(context_recipe.ContextEffort, 3, 4, 2, 500)),
    ):
        patch.setattr(module, name, made)
    options = ["--data", str(data), "--runs", str(folder / "runs"), "--zoo", str(folder / "zoo"), "--no-compiled"]
    options += ["--qualities", "3", "--synthesized", "3", "--hyperprior", "3"]
    result = CliRunner().invoke(app, ["train", "image", *options], catch_exceptions=False)
    patch.undo()
    assert result.exit_code == 0, result.output
    assert result.stdout.split()[::3] == [str(folder / "zoo" / f"image-{kind}-q3") for kind in ("light", "hyper")]
    return folder / "zoo"


@pytest.mark.usefixtures("small")
def test_the_reference_has_a_family_of_its_own_and_one_anchor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from isthmus.cloud.image.reconstruct import Reconstructor
    from isthmus.edge.image.encoder import ImageEncoder

    def tiny(_: ReferenceShape, *rest: Any, **more: Any) -> Path:
        return train_image_quality(ReferenceShape(8, 16), *rest, **more)

    monkeypatch.setattr(image_recipe, "train_image_quality", tiny)
    monkeypatch.setattr(ImageEffort, "of_reference", lambda: ImageEffort(8, 4, batch=2, crop=32))
    monkeypatch.setattr(context_recipe, "ContextEffort", partial(context_recipe.ContextEffort, 3, 4, 2, 500))
    data = pack(photos_of(48), tmp_path / "waves.npz")
    options = ["--data", str(data), "--runs", str(tmp_path / "runs"), "--zoo", str(tmp_path), "--no-compiled"]
    options += ["--transforms", "reference"]
    refused = CliRunner().invoke(app, ["train", "image", *options, "--hyperprior", "6"])
    assert refused.exit_code == 2
    assert "--hyperprior: expected the light transforms, got reference" in refused.stderr
    made = CliRunner().invoke(app, ["train", "image", *options, "--qualities", "6,5"], catch_exceptions=False)
    assert made.exit_code == 0, made.output
    image = Image(photos_of(1, 70, 120, seed=7).pixels[0])
    for name, steps in (("image-2018-q6", 8), ("image-2018-q5", 4)):
        assert json.loads((tmp_path / name / "training.json").read_text())["steps"] == steps
        manifest = load_codec_folder(tmp_path / name, kind=ImageManifest).manifest
        assert (manifest.family, manifest.latent_channels) == ("image-2018", 16)
        coded = ImageEncoder(tmp_path / name).encode(image).detail
        decoded, symbols = Reconstructor(tmp_path / name, IMAGE_LIMITS).reconstruct(coded.packet.to_bytes())
        assert np.array_equal(symbols.y, coded.symbols.y)
        assert decoded.pixels.shape == image.pixels.shape


@pytest.mark.parametrize("size", [(64, 64), (50, 71), (16, 131)])
def test_every_adaptation_of_a_trained_codec_gives_the_same_pixels(zoo: Path, size: tuple[int, int]) -> None:
    from isthmus.cloud.image.reconstruct import Reconstructor
    from isthmus.edge.image.encoder import ImageEncoder

    image = Image(photos_of(1, *size, seed=7).pixels[0])
    shown = []
    for name, adaptations in (
        ("image-light-q3", tuple(Adaptation)),
        ("image-hyper-q3", (Adaptation.AUTO, Adaptation.STATIC, Adaptation.CHOSEN)),
    ):
        encoder, reconstructor = ImageEncoder(zoo / name), Reconstructor(zoo / name, IMAGE_LIMITS)
        for adaptation in adaptations:
            coded = encoder.encode(image, adaptation).detail
            decoded, symbols = reconstructor.reconstruct(coded.packet.to_bytes())
            assert np.array_equal(symbols.y, coded.symbols.y)
            assert decoded.pixels.shape == image.pixels.shape
            assert 8 * len(coded.packet.to_bytes()) >= coded.estimated_bits
            shown.append((name, adaptation, decoded.pixels))
    by_family = [
        [pixels for family, _, pixels in shown if family == name] for name in ("image-light-q3", "image-hyper-q3")
    ]
    for pixels in by_family:
        assert all(np.array_equal(p, pixels[0]) for p in pixels)
    error = np.mean((by_family[0][0].astype(float) - image.pixels) ** 2)
    assert error < 0.5 * image.pixels.astype(float).var()  # it is a picture of that image


def test_tiles_of_a_trained_codec_are_the_whole(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from isthmus.cloud.image.reconstruct import Reconstructor
    from isthmus.edge.image.encoder import ImageEncoder

    image = Image(photos_of(1, 300, 340, seed=3).pixels[0])
    folder = zoo / "image-light-q3"
    encoder, reconstructor = ImageEncoder(folder), Reconstructor(folder, IMAGE_LIMITS)
    y, packet = encoder.latents(image), encoder.encode(image).packet.to_bytes()
    whole, _ = reconstructor.reconstruct(packet)
    monkeypatch.setattr(tiles, "MAX_WHOLE_CELLS", 16)
    monkeypatch.setattr(tiles, "TILE_CELLS", 5)
    np.testing.assert_allclose(encoder.latents(image), y, atol=1e-4)
    tiled, _ = reconstructor.reconstruct(packet)
    difference = np.abs(tiled.pixels.astype(int) - whole.pixels)
    assert difference.max() <= 1  # floats at the edge between two grey levels
    assert np.mean(difference > 0) < 1e-3


def test_the_folders_say_where_they_came_from(zoo: Path) -> None:
    for kind in ("light", "hyper"):
        folder = zoo / f"image-{kind}-q3"
        manifest = load_codec_folder(folder, kind=ImageManifest).manifest
        history = json.loads((folder / "training.json").read_text())
        assert history["manifest_sha256"] == manifest.identity.hex()
        assert history["data"] == "waves"
        assert history["lambda"] == LAMBDAS[2]
        macs = history["macs_per_pixel"]
        assert {"g_a", "g_s", "adaptive"} <= set(macs)
        assert all(value > 0 for value in macs.values())
        assert manifest.latent_channels == SHAPE.latent_channels
    assert (manifest.hyper_stride, manifest.bins) == (64, 0)
    assert manifest.latent_shape(65, 10) == (16, 8, 4)
    light = load_codec_folder(zoo / "image-light-q3", kind=ImageManifest).manifest
    assert light.hyper_channels == light.hyper_stride == 0
    assert light.bins >= 64


def test_qualities_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    data = pack(photos_of(2), tmp_path / "two.npz")
    result = CliRunner().invoke(app, ["train", "image", "--data", str(data), "--qualities", "9"])
    assert result.exit_code == 2
    assert "from 1 to 8" in result.output
