"""The demo's photograph: what is printed and drawn, and what is said where something is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from support import tiny_codec
from support.tiny_image_codec import photo
from typer.testing import CliRunner

from isthmus.command.demo import _show_shipped_photo
from isthmus.command.image import demo as image_demo
from isthmus.command.image.demo import CENTRE, Crossing, bits_table, cross, draw, image_codec_folder, shipped_photo
from isthmus.command.main import app
from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.common.image.quality import psnr_rgb_db
from isthmus.data.image.files import read_image, write_image
from isthmus.measure.image import photographs

pytestmark = pytest.mark.zoo("image-light-q2", "image-light-q9", "tiny-q1")


@pytest.fixture(autouse=True)
def _zoo_of_the_command(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_ZOO", str(zoo))


@pytest.fixture(scope="module")
def crossing(zoo: Path, address: str, tmp_path_factory: pytest.TempPathFactory) -> Crossing:
    path = tmp_path_factory.mktemp("photo") / "hill.png"
    write_image(photo(200, 330), path)
    return cross(path, zoo / "image-light-q9", address)


def test_a_photograph_crosses_beside_a_jpeg_file_that_is_no_longer(crossing: Crossing) -> None:
    assert crossing.ours.shape == crossing.jpeg.shape == crossing.original.shape == (200, 330, 3)
    assert psnr_rgb_db(crossing.original, crossing.ours) == crossing.point.psnr_db[0]
    assert crossing.best.packet_bits[0] == min(row.packet_bits[0] for row in crossing.point.rows)
    assert crossing.is_jpeg_longer == (crossing.jpeg_bytes > crossing.best.packet_bits[0] / 8)


def test_the_table_has_every_layer_and_what_static_tables_cost(crossing: Crossing) -> None:
    table = bits_table(crossing)
    assert table.columns[1:6] == ("estimated", "coded", "packet", "message", "wire ↑")
    names = [row[0] for row in table.rows]
    assert "image-light-q9, static tables" in names
    assert names[-1].startswith("JPEG")
    packets = [float(row[3].replace(",", "")) for row in table.rows]
    assert packets[:-1] == sorted(packets[:-1])
    assert (names[-1] == "JPEG, at most as long") == (packets[-1] <= packets[0])


@pytest.mark.parametrize("size", [(200, 330), (60, 40), (1, 1), (30, 900)])
@pytest.mark.parametrize("centre", [CENTRE, (0.0, 1.0)])
def test_the_picture_shows_all_three_and_a_part_magnified(
    crossing: Crossing, tmp_path: Path, size: tuple[int, int], centre: tuple[float, float]
) -> None:
    rows, columns = size
    original, ours, jpeg = (np.full((rows, columns, 3), level, np.uint8) for level in (40, 120, 200))
    one = Crossing("a.png", crossing.point, original, ours, jpeg, jpeg_bytes=1000)
    draw(one, tmp_path / "sheet.png", centre)
    sheet = read_image(tmp_path / "sheet.png").pixels
    assert sheet.shape[1] == 3 * image_demo.PANEL_WIDTH + 2 * image_demo.GAP
    for number, level in enumerate((40, 120, 200)):
        x = number * (image_demo.PANEL_WIDTH + image_demo.GAP)
        assert (sheet[image_demo.CAPTION_HEIGHT, x] == level).all()
        assert (sheet[-1, x] == level).all()


@pytest.mark.slow
def test_the_demo_sends_images_of_a_folder(tmp_path: Path) -> None:
    for number in range(4):
        write_image(photo(64, 80, seed=number), tmp_path / f"p{number}.png")
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["demo", "--data", str(tmp_path), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "image-light-q9, static tables" in result.output
    assert "% of what static tables cost." in result.output
    assert "Milliseconds: g_a" in result.output
    assert "the first 3 of 4 images" in result.output
    assert sorted(p.name for p in out.iterdir()) == [f"p{n}.image-light-q9.png" for n in range(3)]


def test_the_shipped_photograph_is_found_without_a_download() -> None:
    path = shipped_photo()
    assert "site-packages" in path.parts
    assert read_image(path).pixels.shape == (512, 512, 3)
    code = (
        "import sys; from isthmus.command.image.demo import shipped_photo; shipped_photo();"
        "print([name for name in ('skimage', 'pooch') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=tiny_codec.child_environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_familys_default_quality_is_taken_or_the_one_that_is_there() -> None:
    assert image_codec_folder("image-light").name == "image-light-q9"
    assert image_codec_folder("image-light-q2").name == "image-light-q2"
    with pytest.raises(InputError, match="image-dark"):
        image_codec_folder("image-dark")


def test_a_missing_package_or_codec_is_a_line_and_no_failure(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = Console(record=True, width=200)
    _show_shipped_photo(console, "image-dark", tmp_path, address)
    assert "No photograph crosses: codec 'image-dark'" in console.export_text()
    monkeypatch.setattr(photographs, "find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match=r"isthmus\[measure\]"):
        shipped_photo()
    _show_shipped_photo(console, "image-light", tmp_path, address)
    assert "No photograph crosses: photograph: expected astronaut.png" in console.export_text()
