"""Joint training: what each variant's gradient reaches, what is counted, and that a run is repeatable and resumes."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.adaptive_codecs import random_bottleneck
from torch import Tensor

from isthmus.common.bits.cdf import quantize_pmf
from isthmus.common.results import read_results
from isthmus.models.image.adaptive import AdaptiveBottleneck, AdaptiveShape, histogram
from isthmus.models.image.transforms import PatchShape
from isthmus.training.checkpoint import save_checkpoint
from isthmus.training.image.photos import Photos
from isthmus.training.image.transforms import ImageCodec, save_codec
from isthmus.training.studies import open_question_1
from isthmus.training.studies.joint import Joint, JointEffort, halves, latents, rebinned, refit, train_jointly
from isthmus.training.studies.joint_figures import change, coded_bits
from isthmus.training.studies.joint_rate import (
    VARIANTS,
    Rate,
    Support,
    Variant,
    full_histogram,
    joint_bits,
    noisy_bits,
    outside_bits,
)
from isthmus.training.studies.open_question_1 import Question, Start, answer

SHAPE = AdaptiveShape(latent_channels=16, hidden_channels=8, side_channels=8, bins=16)
PATCH_SHAPE = PatchShape(quarter=8, eighth=8, latent_channels=16, synthesis_eighth=8, synthesis_quarter=8)
EFFORT = JointEffort(steps=3, refit_steps=3, batch=2, refit_batch=4, crop=64, recount_photos=4)
BY_NAME = {variant.name: variant for variant in VARIANTS}


def _photos(count: int, seed: int = 0) -> Photos:
    rng = np.random.default_rng(seed)
    pictures = (np.clip(128 + rng.normal(size=(64, 64, 3)) * rng.uniform(1, 60), 0, 255) for _ in range(count))
    return Photos("noise", tuple(picture.astype(np.uint8) for picture in pictures))


def _codec() -> ImageCodec:
    torch.manual_seed(0)
    codec = ImageCodec(PATCH_SHAPE)
    with torch.no_grad():
        codec.g_a.get_parameter("linear.1.weight").mul_(12)
        codec.g_a.get_parameter("gain").fill_(0.1)
        codec.g_s.get_parameter("gain").fill_(0.1)
    return codec


def _support(count: int = 8, bins: int = SHAPE.bins) -> Support:
    return Support.of(latents(_codec(), _photos(count)), bins)


def _gradient_of_y(variant: Variant, y: Tensor, net: AdaptiveBottleneck) -> tuple[Tensor, bool]:
    """(gradient of the latents, whether h_a,q was reached) of one batch's bits."""
    y = y.clone().requires_grad_()
    torch.manual_seed(1)
    bits, side = joint_bits(_codec(), net, variant, y, _support())
    net.zero_grad()
    (bits + side).backward()  # type: ignore[no-untyped-call]
    assert y.grad is not None
    first = net.h_a[0].weight.grad
    return y.grad, isinstance(first, Tensor) and bool(first.abs().sum() > 0)


@pytest.fixture
def y() -> Tensor:
    return torch.randn(2, 16, 4, 4, generator=torch.Generator().manual_seed(2)) * 2


def test_every_cause_the_thesis_suspects_has_a_variant() -> None:
    assert len(BY_NAME) == len(VARIANTS)
    assert [v for v in VARIANTS if v.rate is Rate.LEARNED] == [BY_NAME["control"]]
    assert BY_NAME["slow"] == replace(BY_NAME["naive"], name="slow", transform_rate_factor=0.1)
    assert BY_NAME["stopped"] == replace(BY_NAME["naive"], name="stopped", is_table_constant=True)
    assert BY_NAME["more_bins"] == replace(BY_NAME["naive"], name="more_bins", bins_factor=2)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
def test_the_adaptive_networks_learn_in_every_variant(variant: Variant, y: Tensor) -> None:
    gradient, is_reached = _gradient_of_y(variant, y, random_bottleneck(SHAPE).train())
    assert is_reached
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("name", ["stopped", "likelihood"])
def test_a_constant_table_has_no_gradient_through_the_histogram(
    name: str, y: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the networks see has no gradient, and what a latent is told is only the price of its own bin."""
    net = random_bottleneck(SHAPE).train()
    seen: list[bool] = []
    analyse = net.analyse

    def spy(p: Tensor) -> Tensor:
        seen.append(p.requires_grad)
        return analyse(p)

    monkeypatch.setattr(net, "analyse", spy)
    _gradient_of_y(BY_NAME[name], y, net)
    _gradient_of_y(BY_NAME["control"], y, net)
    _gradient_of_y(BY_NAME["naive"], y, net)
    assert seen == [False, False, True]


def test_stopped_is_naive_less_the_path_through_the_table(y: Tensor) -> None:
    net = random_bottleneck(SHAPE).train()
    stopped, _ = _gradient_of_y(BY_NAME["stopped"], y, net)
    naive, _ = _gradient_of_y(BY_NAME["naive"], y, net)
    assert not torch.allclose(stopped, naive)
    with torch.no_grad():
        torch.manual_seed(1)
        table, _ = net(histogram(y, SHAPE))
    inside = y.abs() < SHAPE.clip
    below = (torch.floor(y).long() + SHAPE.bins // 2).flatten(2)
    local = (table.gather(2, below) - table.gather(2, (below + 1).clamp_max(SHAPE.bins - 1))).reshape(y.shape)
    assert torch.allclose(stopped[inside], local[inside], atol=1e-5)


def test_the_control_is_the_static_rate(y: Tensor) -> None:
    """Whatever the adaptive networks are, the transforms are told the same."""
    first, _ = _gradient_of_y(BY_NAME["control"], y, random_bottleneck(SHAPE, seed=0).train())
    second, _ = _gradient_of_y(BY_NAME["control"], y, random_bottleneck(SHAPE, seed=1).train())
    assert torch.equal(first, second)


def test_only_a_loss_that_counts_what_is_outside_moves_it_back() -> None:
    y = torch.zeros(1, 16, 2, 2)
    y[0, 3, 0, 0], y[0, 4, 0, 0] = 50.0, -50.0
    net = random_bottleneck(SHAPE).train()
    naive, _ = _gradient_of_y(BY_NAME["naive"], y, net)
    counted, _ = _gradient_of_y(BY_NAME["support"], y, net)
    assert naive[0, 3, 0, 0] == naive[0, 4, 0, 0] == 0
    assert counted[0, 3, 0, 0] > 0 > counted[0, 4, 0, 0]


def test_a_full_histogram_differs_only_beyond_the_clip(y: Tensor) -> None:
    assert torch.equal(full_histogram(y / 2, SHAPE), histogram(y / 2, SHAPE))
    far = torch.full((1, 16, 2, 2), 6.9)  # the clip is 6, the last bin 7
    assert full_histogram(far, SHAPE)[0, 0].argmax() == 15
    assert histogram(far, SHAPE)[0, 0].argmax() == 14


def test_noisy_bits_are_those_of_a_cumulative_that_is_linear_within_a_bin() -> None:
    """The noise of `torch` is known by its seed; the cumulative is written out here."""
    net = random_bottleneck(SHAPE)
    y = torch.linspace(-1.5, 1.5, 32).reshape(1, 1, 32).expand(1, 16, 32).reshape(1, 16, 4, 8)
    table = net.static_logits[None] / math.log(2)
    torch.manual_seed(3)
    bits = noisy_bits(y, table).item()
    torch.manual_seed(3)
    noisy = (y + torch.empty_like(y).uniform_(-0.5, 0.5)).flatten(2)[0].numpy()
    edges = np.arange(SHAPE.bins + 1) - SHAPE.bins // 2 - 0.5
    expected = 0.0
    for values, p in zip(noisy, table[0].exp2().numpy(), strict=True):
        cumulative = np.concatenate([[0], np.cumsum(p)])
        mass = np.interp(values + 0.5, edges, cumulative) - np.interp(values - 0.5, edges, cumulative)
        expected -= np.log2(mass).sum()
    assert bits == pytest.approx(expected, rel=1e-4)


def test_coded_bits_are_those_of_the_integer_tables() -> None:
    """Against `CdfTables.bits`, escapes among them."""
    net = random_bottleneck(SHAPE)
    table = net.static_logits[None].double() / math.log(2)
    support = replace(_support(), low=torch.full((16,), -4), high=torch.full((16,), 3))
    y = torch.randint(-30, 30, (1, 16, 8, 8), generator=torch.Generator().manual_seed(0)).short()
    p = table[0].exp2().numpy()[:, 4:12]
    tables = quantize_pmf([np.append(row, 1 - row.sum()) for row in p], np.full(16, -4), has_escape=True)
    expected = tables.bits(y[0].numpy(), np.arange(16)[:, None, None]).sum()
    assert coded_bits(y, table, support).item() == pytest.approx(expected, rel=5e-3)


def test_outside_bits_come_near_the_coded_escape() -> None:
    net = random_bottleneck(SHAPE)
    table = net.static_logits[None] / math.log(2)
    support = replace(_support(), low=torch.full((16,), -4), high=torch.full((16,), 3))
    y = torch.zeros(1, 16, 2, 2)
    assert outside_bits(y, table, support) == 0
    far = y.clone()
    far[0, :, 0, 0] = 19.0
    escapes = (coded_bits(far, table, support) - coded_bits(y, table, support)).item()
    assert outside_bits(far, table, support).item() == pytest.approx(escapes, rel=0.15)


def test_supports_hold_what_was_seen_and_fold() -> None:
    y = torch.zeros(3, 16, 2, 2, dtype=torch.int16)
    y[0, 0, 0, 0], y[1, 0, 0, 0], y[2, 1, 0, 0] = -5, 3, 20
    support = Support.of(y, 32)
    assert support.low[:3].tolist() == [-5, -1, -1]
    assert support.high[:3].tolist() == [3, 15, 1]
    assert support.counts[2, 1, 31] == 1
    narrow = support.folded(8)
    again = Support.of(y, 8)
    assert all(torch.equal(getattr(narrow, key), getattr(again, key)) for key in ("counts", "low", "high"))
    assert torch.allclose(support.static().sum(1), torch.ones(16, dtype=torch.float64))


def test_rebinned_networks_are_the_same_networks() -> None:
    net = random_bottleneck(SHAPE)
    wide = rebinned(net, _support(bins=32).static())
    assert wide.shape == replace(SHAPE, bins=32)
    for name, parameter in net.named_parameters():
        assert torch.equal(parameter, wide.get_parameter(name))


def _train(variant: Variant, seed: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    codec, support = _codec(), _support(bins=SHAPE.bins * variant.bins_factor)
    net = rebinned(random_bottleneck(SHAPE), support.static())
    joint = train_jointly(Joint(codec, net, support), _photos(8), variant, EFFORT, 0.01, seed=seed)
    return codec.state_dict(), refit(joint.net, joint.support, EFFORT, seed=seed).state_dict()


@pytest.mark.parametrize(
    "variant", [replace(v, recount_every=min(v.recount_every, 2)) for v in VARIANTS], ids=lambda v: v.name
)
def test_a_seed_decides_everything(variant: Variant) -> None:
    runs = [_train(variant, seed) for seed in (0, 0, 1)]
    for first, again, other in zip(*runs, strict=True):
        assert all(torch.equal(first[key], again[key]) for key in first)
        assert any(not torch.equal(first[key], other[key]) for key in first)
    before = _codec().state_dict()
    assert not torch.equal(runs[0][0]["g_a.linear.1.weight"], before["g_a.linear.1.weight"])
    is_entropy_trained = not torch.equal(runs[0][0]["entropy.matrices.0"], before["entropy.matrices.0"])
    assert is_entropy_trained == (variant.rate is Rate.LEARNED)


def test_halves_follow_the_weights_that_are_loaded() -> None:
    codec = _codec()
    analyse, synthesise = halves(codec)
    x = torch.rand(1, 3, 64, 64)
    before = synthesise(analyse(x))
    codec.load_state_dict({key: value * 1.5 for key, value in codec.state_dict().items()})
    assert not torch.equal(before, synthesise(analyse(x)))


def test_a_change_of_loss_is_a_change_of_rate_at_equal_distortion() -> None:
    reference = {"loss": 1.0, "static_loss": 1.1, "bits_per_pixel": 0.5, "psnr_db": 30.0, "mean_psnr_db": 31.0}
    row = reference | {"loss": 0.99, "bits_per_pixel": 0.51, "psnr_db": 30.5}
    figures = change(row, reference)
    assert figures["loss_change_percent"] == pytest.approx(-1)
    assert figures["rate_change_percent"] == pytest.approx(-2)
    assert figures["coded_rate_change_percent"] == pytest.approx(2)
    assert figures["psnr_change_db"] == pytest.approx(0.5)


def test_the_answer_is_written_and_a_killed_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train, held = _photos(8), _photos(4, seed=1)
    variants = (BY_NAME["control"], BY_NAME["more_bins"])
    net = rebinned(random_bottleneck(SHAPE), _support().static())
    question = Question(Start(_codec(), net, 0.01, "a start"), train, held, EFFORT, variants)

    def answered(folder: str) -> Path:
        return answer(question, tmp_path / "work", tmp_path / folder, "a command")

    results = read_results(answered("first"))
    assert {key.split(".")[2] for key in results.summary} == {"control", "more_bins"}
    for name in ("control", "more_bins"):
        row = results.detail[name]["refitted"]
        assert row["loss"] > row["bits_per_pixel"] > row["side_bits_per_pixel"] > 0
        assert row["bits_per_pixel"] > row["ideal_bits_per_pixel"]
    assert results.summary["image.open_question_1.more_bins.loss_change_percent"] == pytest.approx(
        results.detail["more_bins"]["against_control"]["loss_change_percent"]
    )
    assert results.detail["control"]["against_control"]["loss_change_percent"] == 0

    tried: list[str] = []
    whole = open_question_1.try_variant

    def counted(*arguments: object, **options: object) -> object:
        tried.append(arguments[1].name)  # type: ignore[attr-defined]
        return whole(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(open_question_1, "try_variant", counted)
    again = answered("second")
    assert tried == []
    assert read_results(again).detail == results.detail
    assert read_results(again).summary == results.summary
    kept = tmp_path / "work" / "open-question-1-more_bins.json"
    before = json.loads(kept.read_text())
    kept.unlink()
    answered("third")
    assert tried == ["more_bins"]
    assert json.loads(kept.read_text()) == before


def test_a_start_is_read_from_checkpoints(tmp_path: Path) -> None:
    codec, net = _codec(), random_bottleneck(SHAPE)
    save_codec(tmp_path / "q3.pt", codec, {"lambda": 0.01})
    save_checkpoint(tmp_path / "adaptive-q3.pt", {"net": net.state_dict(), "shape": asdict(SHAPE)})
    start = Start.load(tmp_path / "q3.pt", tmp_path / "adaptive-q3.pt")
    assert torch.equal(start.net.static_logits, net.static_logits)
    assert torch.equal(start.codec.state_dict()["g_a.gain"], codec.state_dict()["g_a.gain"])
