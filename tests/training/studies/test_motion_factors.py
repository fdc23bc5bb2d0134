"""Networks that differ in the factor of their poolings: trained once, gone on with, refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.coloured_images import coloured_images, pack_labelled

from isthmus.common.errors import InputError
from isthmus.data.image.labelled import LabelledImages

torch = pytest.importorskip("torch")

from isthmus.models.video.classifier import Pooling  # noqa: E402
from isthmus.models.video.pooled import FACTORS, KINDS, PooledClassifier, PooledShape  # noqa: E402
from isthmus.training.studies.motion_factors import (  # noqa: E402
    NETWORKS,
    SEEDS,
    FactorEffort,
    load_pooled,
    top1_percent,
    train_motion_factors,
)


def test_every_factor_has_a_network_of_every_kind_and_seed() -> None:
    found = {(network.pooling, network.factor, network.seed) for network in NETWORKS}
    assert found == {(kind, factor, seed) for kind in KINDS for factor in FACTORS for seed in range(SEEDS)}
    assert len({network.name for network in NETWORKS}) == len(NETWORKS)
    assert SEEDS >= 3


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("kind", KINDS)
def test_stages_pool_by_the_factor(factor: int, kind: Pooling) -> None:
    model = PooledClassifier(PooledShape(5, factor, kind)).eval()
    side = factor**3
    found = model.features(torch.zeros(1, 3, side, side))
    assert [tuple(each.shape[1:]) for each in found] == [
        (width, max(1, side // factor**k), max(1, side // factor**k)) for k, width in enumerate((16, 32, 64, 128), 1)
    ]
    assert model(torch.rand(2, 3, 64, 64)).shape == (2, 5)


def test_other_poolings_are_refused() -> None:
    with pytest.raises(ValueError, match="expected max or mean by a factor of 2 or more, got blur by 2"):
        PooledShape(5, 2, Pooling.BLUR)
    with pytest.raises(ValueError, match="by 1"):
        PooledShape(5, 1)


def test_networks_are_trained_once_and_differ_by_their_seed(tmp_path: Path) -> None:
    images = coloured_images(40)
    names = ("max-n3-seed0", "max-n3-seed1", "mean-n4-seed0")
    effort = FactorEffort(epochs=2, batch=8, names=names)
    paths = train_motion_factors(images, tmp_path, effort)
    assert [path.name for path in paths] == [f"{name}.pt" for name in names]
    assert not list(tmp_path.glob("*.resume.pt"))
    before = [path.read_bytes() for path in paths]
    train_motion_factors(images, tmp_path, effort)
    assert [path.read_bytes() for path in paths] == before
    first, second, other = (load_pooled(path) for path in paths)
    assert (other.shape.factor, other.shape.pooling) == (4, Pooling.MEAN)
    x = torch.rand(1, 3, 64, 64)
    assert not torch.equal(first(x), second(x))
    assert 0 <= top1_percent(first, pack_labelled(images, tmp_path / "labelled.npz")) <= 100


def test_it_learns_what_tells_two_colours_apart(tmp_path: Path) -> None:
    images = coloured_images(80)
    effort = FactorEffort(epochs=4, batch=8, names=("max-n2-seed0",))
    (path,) = train_motion_factors(images, tmp_path, effort)
    assert top1_percent(load_pooled(path), pack_labelled(images, tmp_path / "labelled.npz")) > 90


def test_what_is_no_network_or_image_of_its_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"networks: expected some of .*, got 'max-n5-seed0'"):
        train_motion_factors(coloured_images(4), tmp_path, FactorEffort(names=("max-n5-seed0",)))
    small = coloured_images(4, side=32)
    with pytest.raises(InputError, match=r"expected images of 64 x 64 pixels, got \[32, 32\]"):
        train_motion_factors(small, tmp_path, FactorEffort(names=("max-n2-seed0",)))
    empty = LabelledImages("none", (), small.labels[:0], small.class_names)
    with pytest.raises(InputError, match="none: expected images of 64 x 64 pixels, got no image"):
        train_motion_factors(empty, tmp_path, FactorEffort(names=("max-n2-seed0",)))


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    torch.save({"model": {}, "shape": {"factor": 2}}, tmp_path / "other.pt")
    with pytest.raises(InputError, match=r"other\.pt"):
        load_pooled(tmp_path / "other.pt")
