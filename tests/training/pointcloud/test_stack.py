"""Networks trained side by side: each as it would be alone, gone on from a checkpoint, and kept under its own name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from isthmus.common.errors import InputError
from isthmus.models.pointcloud.pointnet import CONFIGS
from isthmus.training.checkpoint import load_checkpoint
from isthmus.training.pointcloud import stack_trainer
from isthmus.training.pointcloud.datasets import CloudSet
from isthmus.training.pointcloud.point_sweep import (
    SEEDED_LAMBDAS,
    SWEPT_LAMBDAS,
    SweepCurve,
    curves_to_train,
    sweep_curves,
    sweep_schedule,
    train_sweep_curve,
)
from isthmus.training.pointcloud.stacked_recipe import StackedRecipe
from isthmus.training.pointcloud.thesis_recipe import ThesisRecipe

CLASSES = ("a", "b", "c")
CURVE = SweepCurve("micro", 16, 1, (10.0, 1000.0))


def clouds(count: int, seed: int) -> CloudSet:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % len(CLASSES)
    points = rng.normal(size=(count, 32, 3)) * (1 + labels[:, None, None])
    return CloudSet(points.astype(np.float32), labels.astype(np.int64), CLASSES, "made up")


@pytest.mark.parametrize(("config", "points"), [("lite", 16), ("micro", 24), ("micro", 512)])
def test_each_network_of_a_stack_learns_what_it_would_learn_alone(config: str, points: int) -> None:
    torch.manual_seed(0)
    networks = [ThesisRecipe(CONFIGS[config], 10, points, t, torch.float32) for t in (10.0, 160.0, 4000.0)]
    for network in networks:
        network.train()
        for module in network.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
    stack = StackedRecipe(networks)
    x, labels = torch.randn(3, 8, points), torch.randint(0, 10, (8,))
    noise = torch.rand(3, networks[0].g_a.out_channels, 8) - 0.5
    y_hat = stack._y(x, is_training=True) + noise
    cost = stack._bits(y_hat).mean(1) + stack._logits(y_hat, is_training=True).square().mean((1, 2))
    together = torch.autograd.grad(cost.sum(), list(stack.learned.values()))
    for number, network in enumerate(networks):
        alone_y = network.y(x) + noise[number].t()
        bits = -torch.log2(network.bottleneck.likelihood(alone_y)).sum(1)
        alone = bits.mean() + network.g_s(alone_y * (10 * network.gain_s)).square().mean()
        assert cost[number].item() == pytest.approx(alone.item(), rel=1e-5)
        gradients = torch.autograd.grad(alone, list(network.parameters()))
        for name, expected, found in zip(stack.learned, gradients, together, strict=True):
            row = stack.rows(found)[number].view_as(expected)
            assert torch.allclose(row, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max() + 1e-3)), name
        tracked = stack.state(number)
        for name, value in network.state_dict().items():
            assert torch.allclose(tracked[name].double(), value.double(), rtol=1e-4, atol=1e-5), name
    judged = stack.judge(x, labels)
    for number, network in enumerate(networks):
        with torch.no_grad():
            sums = network.eval().validate(x, labels)
        assert judged.loss[number].item() == pytest.approx(sums["loss"] / 8, rel=1e-4)
        assert judged.top1_percent[number].item() == pytest.approx(sums["top1_percent"] / 8)


def test_a_killed_stack_ends_in_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train, validation, schedule = clouds(70, 0), clouds(12, 1), sweep_schedule(3)
    whole = train_sweep_curve(CURVE, train, validation, tmp_path / "whole", schedule)
    assert list(whole.values()) == ["pc-micro-p16-lambda10-seed1", "pc-micro-p16-lambda1000-seed1"]
    monkeypatch.setattr(stack_trainer, "SAVE_EVERY_S", 0.0)
    epoch, done = stack_trainer.StackTrainer._epoch, []

    def killed(self: stack_trainer.StackTrainer, step: stack_trainer._Step) -> int:
        done.append(step)
        if len(done) == 3:
            raise KeyboardInterrupt
        return epoch(self, step)

    monkeypatch.setattr(stack_trainer.StackTrainer, "_epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        train_sweep_curve(CURVE, train, validation, tmp_path / "killed", schedule)
    again = train_sweep_curve(CURVE, train, validation, tmp_path / "killed", schedule)
    assert len(done) == 4  # the third epoch alone was done again
    for a, b in zip(whole, again, strict=True):
        one, other = load_checkpoint(a), load_checkpoint(b)
        assert all(torch.equal(one["state"][name], other["state"][name]) for name in one["state"])
        assert one["history"]["loss"] == other["history"]["loss"]
    assert not (tmp_path / "killed" / CURVE.name / "unfinished.ckpt").exists()
    with pytest.raises(InputError, match="the clouds with the CRC"):
        train_sweep_curve(CURVE, clouds(70, 2), validation, tmp_path / "killed", schedule)


def test_a_network_that_stands_still_learns_slower_and_is_given_up() -> None:
    schedule, member = sweep_schedule(), stack_trainer.Member(10.0, {})
    member.judged({"loss": 2.0}, dict, schedule)
    for _ in range(schedule.patience):
        assert member.rate == 1.0
        member.judged({"loss": 3.0}, dict, schedule)
    assert member.rate == pytest.approx(0.1)
    assert not member.is_done
    for _ in range(schedule.early_stop - schedule.patience):
        member.judged({"loss": 2.0}, dict, schedule)
    assert member.is_done
    assert member.best == {"epoch": 1, "loss": 2.0}


def test_first_seeds_have_all_trade_offs_and_others_five() -> None:
    curves = sweep_curves(["micro", "lite"], [8, 16], 3)
    assert [curve.seed for curve in curves] == [0] * 4 + [1] * 4 + [2] * 4
    assert curves[0].trade_offs == SWEPT_LAMBDAS
    assert curves[-1].trade_offs == SEEDED_LAMBDAS
    assert set(SEEDED_LAMBDAS) < set(SWEPT_LAMBDAS)
    there = {"pc-micro-p8-lambda10", *(curves[1].codec_name(t) for t in SWEPT_LAMBDAS)}
    left = curves_to_train(curves, there.__contains__)
    assert len(left) == len(curves) - 1
    assert left[0].trade_offs == SWEPT_LAMBDAS[1:]
