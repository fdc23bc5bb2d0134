"""`isthmus measure open-question-1` and `-2`: on checkpoints of a few steps, and where there are none."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from support.adaptive_codecs import random_bottleneck
from support.command_line import isthmus, parsed
from support.photo_sets import pack_photos

from isthmus.command.measure_open_questions import AdaptedHyperpriors, JointTraining
from isthmus.common.results import read_results
from isthmus.models.image.adaptive import AdaptiveShape
from isthmus.models.image.hyperprior import HyperShape
from isthmus.models.image.transforms import PatchShape
from isthmus.training.checkpoint import save_checkpoint
from isthmus.training.image.hyperprior import HyperEffort, train_hyperprior
from isthmus.training.image.photos import load_photos, split_photos
from isthmus.training.image.transforms import ImageCodec, save_codec
from isthmus.training.studies import joint
from isthmus.training.studies.joint_rate import VARIANTS

CODEC = PatchShape(quarter=8, eighth=8, latent_channels=16, synthesis_eighth=8, synthesis_quarter=8)
ADAPTIVE = AdaptiveShape(latent_channels=16, hidden_channels=8, side_channels=8, bins=16)
HYPER = HyperShape(latent_channels=16, hyper_channels=4, analysis_width=8, synthesis_width=8)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with photographs, which the command runs in."""
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    pack_photos(tmp_path / "photos.npz", 24, 64, 128)
    (tmp_path / "runs" / "image").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def checkpoints(here: Path) -> Path:
    """What `isthmus train image` would leave, of small networks that have hardly been trained."""
    runs = here / "runs" / "image"
    torch.manual_seed(0)
    save_codec(runs / "q3.pt", ImageCodec(CODEC), {"lambda": 0.01})
    net = random_bottleneck(ADAPTIVE)
    save_checkpoint(runs / "adaptive-q3.pt", {"net": net.state_dict(), "shape": asdict(ADAPTIVE)})
    train, held = split_photos(load_photos(here / "photos.npz"))
    train_hyperprior(runs / "q3.pt", train, held, runs, HyperEffort(steps=2), seed=0, shape=HYPER)
    return runs


def test_question_1_is_answered_and_says_by_which_command(
    here: Path, checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = partial(joint.JointEffort, refit_steps=1, batch=2, refit_batch=4, crop=64, recount_photos=4)
    monkeypatch.setattr(joint, "JointEffort", few)
    result = isthmus(
        *["measure", "open-question-1", "--photos", "photos.npz", "--steps", "2", "--no-compiled", "--out", "out"]
    )
    assert result.exit_code == 0, result.output
    found = read_results(here / "out" / "open_question_1.json")
    assert found.provenance.command == "isthmus measure open-question-1 --photos photos.npz --steps 2"
    assert parsed(found.provenance.command).of(JointTraining) == JointTraining(steps=2)
    assert found.detail["effort"]["steps"] == 2
    assert {variant.name for variant in VARIANTS} <= set(found.detail)
    assert checkpoints.joinpath("open-question-1-control.json").exists()


def test_question_2_is_answered_and_says_by_which_command(here: Path, checkpoints: Path) -> None:
    pack_photos(here / "others.npz", 2, 64, 64)
    words = "measure open-question-2 --photos photos.npz --qualities 3 --kodak others.npz --out out"
    result = isthmus(*words.split())
    assert result.exit_code == 0, result.output
    found = read_results(here / "out" / "open_question_2.json")
    command = "isthmus measure open-question-2 --photos photos.npz --qualities 3 --kodak others.npz"
    assert found.provenance.command == command
    assert parsed(command).of(AdaptedHyperpriors) == AdaptedHyperpriors(qualities="3", kodak=Path("others.npz"))
    assert set(found.detail["q3"]) >= {"validation", "kodak"}
    assert checkpoints.exists()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("words", "missing", "train"),
    [
        ("open-question-1", "q3.pt", "--qualities 3 --runs runs/image"),
        ("open-question-1 --quality 1", "q1.pt", "--qualities 3,2,1 --runs runs/image"),
        ("open-question-2", "q3.pt", "--qualities 3,6 --runs runs/image"),
        ("open-question-2 --runs r --qualities 5,6", "q5.pt", "--qualities 6,5 --runs r"),
    ],
)
def test_a_checkpoint_that_is_missing_is_made_by_a_command(words: str, missing: str, train: str) -> None:
    result = isthmus("measure", *words.split(), "--photos", "photos.npz")
    assert result.exit_code == 2
    assert result.output.count("\n") == 1
    assert f"/{missing}: expected a finished checkpoint, found none" in result.output.replace("r/q", "/q")
    command = result.output.strip().partition("first ")[2]
    assert command == f"isthmus train image --data photos.npz {train}"
    parsed(command)


def test_a_missing_hyperprior_is_made_by_a_command(checkpoints: Path) -> None:
    (checkpoints / "hyper-q3.pt").unlink()
    result = isthmus(*["measure", "open-question-2", "--photos", "photos.npz", "--qualities", "3"])
    assert result.exit_code == 2
    assert "hyper-q3.pt: expected a finished checkpoint, found none: first isthmus train image " in result.output
    command = result.output.strip().partition("first ")[2]
    assert command.endswith("--qualities 3 --runs runs/image --hyperprior 3")
    parsed(command)


def test_qualities_that_are_none_are_one_line(here: Path) -> None:
    result = isthmus(*["measure", "open-question-2", "--photos", "photos.npz", "--qualities", "3,x"])
    assert result.exit_code == 2
    assert "expected qualities from 1 to 8, comma apart, got '3,x'" in result.output
    assert not np.any([path.name == "results" for path in here.iterdir()])
