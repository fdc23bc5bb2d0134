"""Does motion divide by n^k: gains are found where they are known, and the command measures what was trained."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
from support.coloured_images import coloured_images, pack_labelled
from typer.testing import CliRunner

from isthmus.command.main import app
from isthmus.common.errors import InputError
from isthmus.common.results import read_results
from isthmus.measure.motion.taps import TappedNetwork
from isthmus.measure.motion.warp import Tap
from isthmus.measure.motion_factors.gains import GAINS, RULE, STILL, least_gain, moved, random_shifts
from isthmus.measure.motion_factors.measurement import FactorMeasurement, FactorRow
from isthmus.measure.motion_factors.rows import factors_table
from isthmus.measure.motion_factors.run import pooled_network
from isthmus.models.video.classifier import Pooling
from isthmus.models.video.pooled import PooledClassifier, PooledShape
from isthmus.training.studies.motion_factors import FactorEffort, FactorNetwork, train_motion_factors

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]


def waves(seed: int = 0) -> UInt8:
    """256 x 256 of slow waves: nothing in it aliases."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:256, :256]
    picture = np.zeros((256, 256, 3))
    for _ in range(12):
        angle, phase = rng.uniform(0, 2 * np.pi, 2)
        wave = np.cos(2 * np.pi / 60 * (x * np.cos(angle) + y * np.sin(angle)) + phase)
        picture += wave[:, :, None] * rng.uniform(5, 15, 3)
    return np.clip(picture + 128, 0, 255).astype(np.uint8)


def mean_network(stride: int, claimed: float) -> TappedNetwork:
    """Means of stride x stride pixels, whose tensor says that it has another stride."""

    def run(frame: UInt8) -> list[Float32]:
        side = frame.shape[0] // stride
        blocks = frame.astype(np.float32).reshape(side, stride, side, stride, 3)
        return [np.ascontiguousarray(blocks.mean((1, 3)).transpose(2, 0, 1))]

    return TappedNetwork("mean", "mean", (Tap("y", claimed, (stride - 1) / 2),), run)  # type: ignore[arg-type]


@pytest.mark.parametrize(("stride", "claimed", "gain"), [(4, 4, 1.0), (7, 7, 1.0), (4, 5, 1.25), (8, 6, 0.75)])
def test_the_gain_is_what_latents_moved_by(stride: int, claimed: float, gain: float) -> None:
    """A tensor that divides motion by 4 where its stride is said to be 5 moves by 5 / 4 of the rule."""
    shifts = random_shifts(8, 1)
    (found,) = moved(mean_network(stride, claimed), [waves(0), waves(1)], shifts)
    assert found.gain == pytest.approx(gain, abs=0.03)
    if claimed == stride:
        assert found.left_percent < 5
        assert found.squares[STILL] > 10 * found.squares[RULE]


def test_a_single_latent_moves_nowhere() -> None:
    (found,) = moved(mean_network(224, 224), [waves()], random_shifts(3, 1))
    assert math.isnan(found.gain)
    assert len(found.squares) == len(GAINS)


def test_shifts_repeat_and_keep_to_their_range() -> None:
    shifts = random_shifts(400, 5)
    assert shifts == random_shifts(400, 5) != random_shifts(400, 6)
    assert 30 < np.abs(shifts).max() <= 32


def test_the_least_lies_between_gains_and_at_an_end_on_one() -> None:
    gains = np.array(GAINS)
    for true in (0.57, 1.0, 1.13, 1.46):
        assert least_gain(3 * (gains - true) ** 2 + 1) == pytest.approx(true)
    assert least_gain((gains - 2.0) ** 2) == GAINS[-1]
    assert least_gain(gains) == 0
    assert least_gain(np.abs(gains - 0.4)) == 0.4  # its neighbours are not as far apart


def row(factor: int, seed: int, count: int, gain: float) -> FactorRow:
    return FactorRow("max", factor, seed, 30.0 + seed, count, gain, 40.0, 0.05 + 0.01 * seed, math.nan)


def test_seeds_are_averaged_and_nan_is_left_out() -> None:
    rows = tuple(row(n, seed, k, 1 + 0.1 * seed) for n in (2, 3) for seed in (0, 1, 2) for k in (1, 2))
    measured = FactorMeasurement("photos", 5, 7, 9, (*rows, row(4, 0, 4, math.nan)))
    found = measured.summary()
    assert found["motion.factors.networks"] == 7
    assert found["motion.factors.seeds"] == 1  # of n = 4 there is one
    assert found["motion.factors.max.n3.k2.gain"] == pytest.approx(1.1)
    assert found["motion.factors.max.n3.k2.gain_deviation"] == pytest.approx(0.1)
    assert found["motion.factors.max.n2.k1.nrmse"] == pytest.approx(0.06)
    assert found["motion.factors.top1_percent_least"] == 30
    assert found["motion.factors.top1_percent_most"] == 32
    assert found["motion.factors.gain_from_1_most"] == pytest.approx(0.1)
    assert not [key for key in found if "relative" in key or "n4.k4.gain" in key]
    again = FactorMeasurement.from_detail(measured.detail())
    assert factors_table(again) == factors_table(measured)
    last = factors_table(measured).rows[-1]
    assert last[:3] == ("max, 4 x 4, 4 times", "256", "–")
    with pytest.raises(InputError, match="expected the details of a measurement of pooling factors"):
        FactorMeasurement.from_detail({"data": "x", "pictures": 1, "maps": 1, "shifts": 1, "rows": [{"factor": 2}]})


def test_places_of_a_pooled_network_look_at_the_middle_of_their_windows() -> None:
    known = FactorNetwork(Pooling.MEAN, 3, 0)
    network = pooled_network(known, PooledClassifier(PooledShape(2, 3, Pooling.MEAN)).eval())
    assert [(tap.stride, tap.offset) for tap in network.taps] == [(3, 1.0), (9, 4.0), (27, 13.0), (81, 40.0)]
    tensors = network.run(np.zeros((224, 224, 3), np.uint8))
    assert [tensor.shape[1:] for tensor in tensors] == [(75, 75), (25, 25), (9, 9), (3, 3)]


def test_the_command_measures_those_that_are_there(tmp_path: Path) -> None:
    images = coloured_images(24)
    labelled = pack_labelled(images, tmp_path / "labelled.npz")
    runs, photos, out = tmp_path / "runs", tmp_path / "photos", tmp_path / "out"
    effort = FactorEffort(epochs=1, batch=8, names=("max-n2-seed0", "max-n2-seed1", "max-n4-seed0"))
    train_motion_factors(images, runs, effort)
    photos.mkdir()
    for i in range(2):
        PIL.Image.fromarray(waves(i)).save(photos / f"{i}.png")
    words = ["measure", "motion-factors", "--checkpoints", str(runs), "--images", str(photos)]
    words += ["--labelled", str(labelled), "--maps", "4", "--shifts", "3", "--out", str(out)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    found = read_results(out / "motion_factors.json")
    assert found.summary["motion.factors.networks"] == 3
    assert found.summary["motion.factors.max.n2.k1.gain"] > 0
    assert "motion.factors.max.n4.k4.gain" not in found.summary  # one latent alone
    with PIL.Image.open(out / "motion_factors.png") as picture:
        assert picture.size[0] > 500
    assert factors_table(FactorMeasurement.from_detail(found.detail)).rows[0][:2] == ("max, 2 x 2, 1 times", "2")


def test_without_networks_it_says_how_to_train_them(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["measure", "motion-factors", "--checkpoints", str(tmp_path)])
    assert result.exit_code == 2
    assert "first isthmus train motion-factors --data" in " ".join(result.stderr.split())
