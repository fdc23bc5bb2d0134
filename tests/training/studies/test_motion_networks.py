"""The small networks of the pooling ablation: trained, resumed, refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.coloured_images import coloured_images, pack_labelled
from support.command_line import isthmus, parsed
from support.paths import ROOT

from isthmus.command.train_motion_networks import MotionNetworkOptions
from isthmus.common.errors import InputError
from isthmus.common.results import read_results
from isthmus.measure.key import slug
from isthmus.measure.motion.options import MotionOptions

torch = pytest.importorskip("torch")

from isthmus.models.video.classifier import Pooling  # noqa: E402
from isthmus.training.studies.motion_networks import (  # noqa: E402
    NETWORKS,
    NetworkEffort,
    top1_percent,
    train_motion_networks,
)
from isthmus.training.video.classifier import load_split  # noqa: E402


def test_every_kind_has_a_network_and_names_are_unique() -> None:
    assert {network.pooling for network in NETWORKS if not network.motion_weight} == set(Pooling)
    assert len({network.name for network in NETWORKS}) == len(NETWORKS)
    pairs = {(n.pooling, n.widths, n.motion_weight) for n in NETWORKS}
    assert len(pairs) == len(NETWORKS)


def test_networks_are_trained_once_and_can_be_measured(tmp_path: Path) -> None:
    images = coloured_images(24)
    effort = NetworkEffort(epochs=1, batch=4, train_share=1, names=("max-s8", "blur-motion"))
    paths = train_motion_networks(images, tmp_path, effort)
    assert [path.name for path in paths] == ["max-s8.pt", "blur-motion.pt"]
    model, saved = load_split(paths[1])
    assert model.shape.stride == 16
    assert saved["effort"]["motion_weight"] > 0
    before = paths[0].read_bytes()
    train_motion_networks(images, tmp_path, effort)
    assert paths[0].read_bytes() == before
    assert 0 <= top1_percent(model, pack_labelled(images, tmp_path / "l.npz")) <= 100


def test_an_unknown_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="got 'median'"):
        train_motion_networks(coloured_images(4), tmp_path, NetworkEffort(names=("median",)))


def test_networks_are_trained_as_those_that_were_measured() -> None:
    """Of the ablation that results hold; how many epochs each had is said in docs/latent-motion.md."""
    measured = json.loads((ROOT / "results" / "motion.json").read_text())["detail"]["ablation"]
    assert [slug(network.name) for network in NETWORKS] == [row["name"] for row in measured]
    for network, row in zip(NETWORKS, measured, strict=True):
        assert (network.pooling.value, network.motion_weight) == (row["pooling"], row["motion_weight"])
        assert 2 ** (len(network.widths) - 1) == row["stride"]
        assert network.epochs == (6 if row["stride"] == 8 else 3)
    assert "three epochs, the pair of stride 8 for six" in (ROOT / "docs" / "latent-motion.md").read_text()


def test_what_is_missing_is_made_by_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (256, 256)).save(tmp_path / "grey.png")
    result = isthmus(*["measure", "motion", "--network", "none", "--images", ".", "--checkpoints", "runs/motion"])
    assert result.exit_code == 2
    command = result.output.strip().partition("first ")[2]
    assert command == "isthmus train motion-networks --data tinyimagenet50.npz --runs runs/motion"
    assert str(parsed(command).of(MotionNetworkOptions).runs) == "runs/motion"


def test_what_a_command_trains_another_measures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    images = coloured_images(24)
    files = [np.frombuffer(file, np.uint8) for file in images.files]
    blob, offsets, labels = np.concatenate(files), np.cumsum([0, *map(len, files)]), images.labels
    np.savez(
        tmp_path / "few.npz",
        train_jpg=blob,
        train_off=offsets,
        y_train=labels,
        val_jpg=blob,
        val_off=offsets,
        y_val=labels,
        names=np.array(images.class_names),
    )
    (tmp_path / "photos").mkdir()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (256, 256, 3), np.uint8)).save("photos/noise.png")
    result = isthmus(*["train", "motion-networks", "--data", "few.npz", "--networks", "max-s8", "--epochs", "1"])
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "runs/motion/max-s8.pt"), result.output
    words = "measure motion --images photos --checkpoints runs/motion --network none --labelled few.npz"
    effort = "--sweep-images 1 --dense-images 0 --ablation-maps 2"
    result = isthmus(*f"{words} {effort} --out out".split())
    assert result.exit_code == 0, result.output
    command = read_results(tmp_path / "out" / "motion.json").provenance.command
    assert sorted(command.split()) == sorted(f"isthmus {words} {effort}".split())
    assert parsed(command).of(MotionOptions) == MotionOptions(
        images=Path("photos"), checkpoints=Path("runs/motion"), network="none", labelled=Path("few.npz")
    )
