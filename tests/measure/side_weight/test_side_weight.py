"""A sweep of lambda_q: dearer side information becomes less, and every figure is of real packets."""

from __future__ import annotations

import json
from pathlib import Path

import PIL.Image
import pytest
from support.adaptive_codecs import write_adaptive_codec
from support.photo_sets import pack_photos
from typer.testing import CliRunner

from isthmus.command.main import app
from isthmus.common.errors import InputError
from isthmus.common.results import read_results
from isthmus.measure.side_weight.run import weights_of
from isthmus.training.image.photos import load_photos
from isthmus.training.origin import HISTORY_FILE


def test_weights_are_numbers_or_fractions() -> None:
    assert weights_of("1/4, 2,0.5") == (0.25, 2.0, 0.5)
    for wrong in ("", "x", "0", "-1", "1/0", "nan"):
        with pytest.raises(InputError, match="--weights: expected positive numbers"):
            weights_of(wrong)


def test_the_command_trains_measures_and_draws(tmp_path: Path) -> None:
    folder = write_adaptive_codec(tmp_path / "zoo", "image-old-q1")
    (folder / HISTORY_FILE).write_text(json.dumps({"macs_per_pixel": {}}))
    photos = pack_photos(tmp_path / "noise.npz", 24, 64, 64)
    shown = tmp_path / "shown"
    shown.mkdir()
    for index, pixels in enumerate(load_photos(photos).pixels[:3]):
        PIL.Image.fromarray(pixels).save(shown / f"{index}.png")
    words = [
        "measure",
        "side-weight",
        "--photos",
        str(photos),
        "--codec",
        "image-old-q1",
        "--zoo",
        str(tmp_path / "zoo"),
    ]
    words += ["--images", str(shown), "--weights", "1/6,200", "--steps", "40", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "(best)" in result.stdout
    found = read_results(tmp_path / "out" / "side_weight.json")
    cheap, dear = found.detail["rows"]
    assert dear["side_bits"] < cheap["side_bits"]
    assert found.summary["image.lambda_q.weights"] == 2
    assert found.summary["image.lambda_q.best"] in (pytest.approx(1 / 6), 200)
    with PIL.Image.open(tmp_path / "out" / "side_weight.png") as picture:
        assert picture.size[0] > 500
