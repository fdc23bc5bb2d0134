"""Image tables agree in every runtime, and packets read with wrong ones are refused: a part, on a small codec."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image as PillowImage
from support.adaptive_codecs import write_adaptive_codec, write_hyper_codec
from typer.testing import CliRunner

from isthmus.command.measure import measure_determinism_image
from isthmus.common.errors import InputError
from isthmus.common.image.tables import ImageTables
from isthmus.measure.determinism.image import CASES, compare_image_codec, image_determinism
from isthmus.measure.determinism.moved_tables import moved_entry
from isthmus.measure.determinism.options import ImageCases
from isthmus.measure.image.photographs import find_image_set


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adaptive_codec(tmp_path_factory.mktemp("zoo")).parent


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise of different contrasts, two shapes."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for number in range(6):
        noise = 128 + rng.normal(size=(64, 80 if number % 2 else 96, 3)) * (15 + 12 * number)
        PillowImage.fromarray(np.clip(noise, 0, 255).astype(np.uint8)).save(folder / f"{number}.png")
    return folder


def test_all_cases_agree_and_wrong_tables_are_refused(zoo: Path, pictures: Path, tmp_path: Path) -> None:
    (agreement,) = image_determinism(ImageCases(images=pictures, zoo=zoo), tmp_path).agreements
    assert len(CASES) == 24
    assert agreement.mismatches == 0
    assert agreement.comparisons > 24 * 6 * 16 * 32
    assert agreement.moved == 6 * 8
    assert agreement.refused > agreement.moved // 2
    assert agreement.silent == 0
    written = json.loads((tmp_path / "determinism_image.json").read_text())
    assert written["summary"]["determinism.image_mismatches"] == 0
    assert written["summary"]["determinism.image_cases"] == 24


def test_a_hyperpriors_indices_agree(pictures: Path, tmp_path: Path) -> None:
    folder = write_hyper_codec(tmp_path)
    agreement = compare_image_codec(folder, find_image_set(pictures))
    assert agreement.mismatches == 0
    assert agreement.comparisons == len(CASES) * 16 * (3 * 4 * 8 + 3 * 4 * 8)
    assert (agreement.moved, agreement.silent) == (6 * 4, 0)


def test_a_difference_is_counted(zoo: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from isthmus.models.exact.onnx_numpy import OnnxNumpy

    honest = OnnxNumpy.run

    def off_by_one(
        self: OnnxNumpy, feeds: dict[str, object]
    ) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
        (logits,) = honest(self, feeds)
        logits[0, 0, 16] += 1
        return [logits]

    monkeypatch.setattr(OnnxNumpy, "run", off_by_one)
    images = find_image_set(pictures, 2)
    cases = [case for case in CASES if case.batch == 1 and case.threads == 1]
    agreement = compare_image_codec(zoo / "image-tiny-q1", images, cases)
    assert agreement.output_mismatches == 4  # two precisions of NumPy, two images
    assert agreement.table_mismatches > 0


def test_one_unit_of_frequency_moves(zoo: Path) -> None:
    tables = ImageTables.load(zoo / "image-tiny-q1" / "entropy.npz").tables
    moved = moved_entry(tables, 3)
    changed = np.argwhere(moved.cumulative.astype(np.int64) != tables.cumulative)
    assert changed.tolist() == [[3, int(tables.frequencies(3).argmax()) + 1]]


def test_the_command(zoo: Path, pictures: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(measure_determinism_image)
    words = ["--images", str(pictures), "--zoo", str(zoo), "--out", str(tmp_path), "--limit", "2"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "0 mismatches" in done.output
    assert "0 decoded to something else" in " ".join(done.output.split())
    none = CliRunner().invoke(app, [*words, "--codecs", "video-*"])
    assert none.exit_code == 2


def test_no_codec_fits(zoo: Path, pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected image codecs that fit"):
        image_determinism(ImageCases(images=pictures, codecs="video-*", zoo=zoo), tmp_path)
