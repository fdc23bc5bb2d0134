"""The one training loop: resuming to the bit, what it refuses, what it keeps; and checkpoints that hold data alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from isthmus.common.errors import InputError
from isthmus.training.checkpoint import load_checkpoint, save_checkpoint
from isthmus.training.plan import Moment, Plan, Plateau, warm_cosine
from isthmus.training.recipe import Cost, Group, Recipe
from isthmus.training.trainer import Trainer


class KilledError(Exception):
    pass


class LineRecipe(Recipe):
    """A line through noisy points; `losses` are what its validations find, or its own."""

    def __init__(self, losses: tuple[float, ...] = (), killed_at: int = -1) -> None:
        torch.manual_seed(3)
        self.model = nn.Linear(2, 1)
        self._losses, self._killed_at = iter(losses), killed_at

    def groups(self) -> list[Group]:
        return [Group([self.model.get_parameter("weight")], 0.1, 0.01), Group([self.model.get_parameter("bias")], 0.5)]

    def costs(self, at: Moment, generator: torch.Generator) -> Iterator[Cost]:
        if at.number == self._killed_at:
            raise KilledError
        x = torch.randn(8, 2, generator=generator)
        for part in (x, x + torch.rand_like(x)):  # two gradients a step, of both kinds of random numbers
            loss = (self.model(part) - part.sum(1, keepdim=True)).square().mean()
            yield Cost(loss, {"error": loss.item()})

    def validate(self, judged: nn.Module) -> dict[str, float]:
        assert not judged.training
        own = float((judged(torch.eye(2)) - 1).square().mean())
        return {"loss": next(self._losses, own)}


def train(recipe: LineRecipe, plan: Plan, resume: Path | None = None) -> list[dict[str, float]]:
    torch.manual_seed(2)  # the caller's duty
    generator = torch.Generator().manual_seed(1)
    return Trainer(recipe, plan, generator, label="a line", resume=resume).run().history


PLANS = (
    Plan(5, warm_cosine(0.1), epochs=3, average_decay=0.9, is_best_kept=True),
    Plan(15, warm_cosine(0.1), round_steps=4, is_best_kept=True),
    Plan(5, Plateau(1, 9), epochs=3, is_best_kept=True),
    Plan(5, lambda at: 1 - at.epoch / at.epochs, epochs=3, average_decay=0.5),
)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("killed_at", [1, 6, 14])
def test_a_killed_training_ends_as_one_that_was_not(plan: Plan, killed_at: int, tmp_path: Path) -> None:
    whole, resumed, path = LineRecipe(), LineRecipe(), tmp_path / "deep" / "line.ckpt"
    history = train(whole, plan)
    with pytest.raises(KilledError):
        train(LineRecipe(killed_at=killed_at), plan, path)
    assert path.exists() == (killed_at >= (plan.round_steps or plan.steps))
    assert train(resumed, plan, path) == history
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name])
    assert train(LineRecipe(), plan, path) == history  # all of it is done: nothing is trained


def test_rounds_are_rows_of_means_and_the_last_may_be_short() -> None:
    rows = train(LineRecipe(), Plan(10, warm_cosine(0.1), round_steps=4))
    assert [row["step"] for row in rows] == [4, 8, 10]
    assert set(rows[0]) == {"step", "error", "loss"}
    assert [row["epoch"] for row in train(LineRecipe(), Plan(2, warm_cosine(0.1), epochs=3))] == [1, 2, 3]
    assert train(LineRecipe(), Plan(0, warm_cosine(0.1))) == []


def test_the_best_round_is_kept() -> None:
    first = LineRecipe()
    train(first, Plan(4, lambda _: 1.0))
    best = LineRecipe(losses=(1.0, 2.0, float("nan")))
    train(best, Plan(4, lambda _: 1.0, epochs=3, is_best_kept=True))
    assert torch.equal(first.model.weight, best.model.weight)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a line: expected a finite validation loss"):
        train(LineRecipe(losses=(float("nan"),) * 2), Plan(4, lambda _: 1.0, epochs=2, is_best_kept=True))


def test_a_plateau_ends_a_training_that_gets_no_better() -> None:
    plan = Plan(2, Plateau(patience=1, early_stop=3), epochs=20, is_best_kept=True)
    assert len(train(LineRecipe(losses=(1.0,) * 20), plan)) == 4


def test_a_checkpoint_of_another_plan_is_refused(tmp_path: Path) -> None:
    train(LineRecipe(), Plan(4, warm_cosine(0.1)), tmp_path / "line.ckpt")
    with pytest.raises(InputError, match=r"line\.ckpt: expected a checkpoint of .*'steps': 5.*'steps': 4"):
        train(LineRecipe(), Plan(5, warm_cosine(0.1)), tmp_path / "line.ckpt")


def test_checkpoints_hold_data_and_nothing_that_runs(tmp_path: Path) -> None:
    content, path = {"names": ("a", "b"), "figures": [1, 2.5], "none": None}, tmp_path / "some.pt"
    save_checkpoint(path, content | {"state": {"w": torch.arange(3)}})
    loaded = load_checkpoint(path, expected=("state", "names"))
    assert torch.equal(loaded.pop("state")["w"], torch.arange(3))
    assert loaded == content
    assert [p.name for p in tmp_path.iterdir()] == ["some.pt"]
    with pytest.raises(InputError, match=r"expected a checkpoint with codec, got \['figures', 'names'"):
        load_checkpoint(path, expected=("codec",))
    torch.save({"plan": PLANS[0].moment(0)}, path)  # an object of a class
    with pytest.raises(InputError, match="expected a checkpoint of tensors and numbers"):
        load_checkpoint(path)
    path.write_bytes(b"no checkpoint")
    with pytest.raises(InputError, match="expected a checkpoint of tensors and numbers"):
        load_checkpoint(path)
    with pytest.raises(InputError, match=r"none\.pt: expected a checkpoint"):
        load_checkpoint(tmp_path / "none.pt")
