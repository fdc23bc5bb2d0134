"""`isthmus measure open-question-1` and `-2`: on checkpoints of a few steps, and where there are none."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from support.command_line import isthmus, parsed
from support.photo_sets import pack_photos

from isthmus.command.measure_open_questions import AdaptedHyperpriors, JointTraining
from isthmus.command.train_image import ImageTrainingOptions
from isthmus.common.results import read_results
from isthmus.models.image import transforms as shapes
from isthmus.models.image.hyperprior import HyperShape
from isthmus.models.image.transforms import PatchShape
from isthmus.training.image import adaptive, effort, hyperprior, transforms
from isthmus.training.studies import joint
from isthmus.training.studies.joint_rate import VARIANTS

CODEC = PatchShape(quarter=8, eighth=8, latent_channels=16, synthesis_eighth=8, synthesis_quarter=8)
NARROW = partial(HyperShape, hyper_channels=4, analysis_width=8, synthesis_width=8)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with photographs, which the command runs in."""
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    pack_photos(tmp_path / "photos.npz", 24, 64, 128)
    return tmp_path


@pytest.fixture
def checkpoints(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the command that README and errors name leaves, its networks small and trained for two steps."""
    monkeypatch.setattr(shapes, "PatchShape", lambda: CODEC)
    monkeypatch.setattr(effort, "ImageEffort", partial(effort.ImageEffort, 2, 2, crop=64))
    monkeypatch.setattr(transforms, "START_PATCHES", 256)
    monkeypatch.setattr(adaptive, "AdaptiveEffort", partial(adaptive.AdaptiveEffort, 2, batch=4))
    monkeypatch.setattr(hyperprior, "HyperEffort", partial(hyperprior.HyperEffort, 2))
    monkeypatch.setattr(hyperprior, "HyperShape", NARROW)
    words = "train image --data photos.npz --qualities 3 --synthesized 3 --hyperprior 3 --no-compiled"
    result = isthmus(*words.split())
    assert result.exit_code == 0, result.output
    record = json.loads((here / "codecs" / "image-light-q3" / "training.json").read_text())
    assert record["command"] == f"isthmus {words.removesuffix(' --no-compiled')} --zoo codecs"
    assert parsed(record["command"]).of(ImageTrainingOptions).hyperprior == "3"
    return here / "runs" / "image"


@pytest.mark.slow
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


@pytest.mark.slow
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
