"""The image measure over a real wire, with a tiny codec of random weights; and the image benchmark."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import typer
from support.paths import ROOT
from typer.testing import CliRunner

from isthmus.command.measure import add_commands
from isthmus.common.errors import InputError
from isthmus.common.image.quality import ms_ssim, psnr_rgb_db
from isthmus.common.limits import DEFAULT_LIMITS
from isthmus.common.results import read_results
from isthmus.measure.fuzz.options import FuzzOptions
from isthmus.measure.fuzz.targets import run_fuzz, synthetic_picture
from isthmus.measure.image.measurement import ImageMeasurement
from isthmus.measure.image.options import ImageOptions
from isthmus.measure.image.run import measure_images

SCRIPT = ROOT / "benchmarks" / "image.py"
SIZES = ((170, 192), (48, 65))


pytestmark = pytest.mark.zoo("image-test-q1", "image-test-q2")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos") / "two photos"
    folder.mkdir()
    for seed, size in enumerate(SIZES):
        PIL.Image.fromarray(synthetic_picture(*size, seed).pixels).save(folder / f"photo{seed}.png")
    return folder


@pytest.fixture(scope="module")
def measured(zoo: Path, photos: Path) -> ImageMeasurement:
    options = ImageOptions(images=photos, codec="image-test", formats="jpeg", zoo=zoo, with_pictures=False)
    return measure_images(options).measurement


def test_rows_are_what_a_reconstructor_says(measured: ImageMeasurement, zoo: Path, photos: Path) -> None:
    from isthmus.cloud.image.reconstruct import Reconstructor
    from isthmus.common.image.side import Adaptation
    from isthmus.data.image.files import read_image
    from isthmus.edge.image.encoder import ImageEncoder

    assert [p.name for p in measured.codecs] == ["image-test-q1", "image-test-q2"]
    asked = {"static": Adaptation.STATIC, "chosen": Adaptation.AUTO}
    for point in measured.codecs:
        assert [row.adaptation for row in point.rows] == ["static", "chosen"]
        encoder, reconstructor = ImageEncoder(zoo / point.name), Reconstructor(zoo / point.name, DEFAULT_LIMITS)
        for index in range(len(SIZES)):
            image = read_image(photos / f"photo{index}.png")
            for row in point.rows:
                encoded = encoder.encode(image, asked[row.adaptation])
                assert row.packet_bits[index] == 8 * len(encoded.packet.to_bytes())
                assert row.estimated_bits[index] == pytest.approx(encoded.detail.estimated_bits)
                back, _ = reconstructor.reconstruct(encoded.packet.to_bytes())
                assert point.psnr_db[index] == pytest.approx(psnr_rgb_db(image.pixels, back.pixels))
                assert -1 < row.excess_bits[index] < 80
                assert row.wire_bits[index] < row.message_bits[index] + 8 * 1500
                assert row.total_ms[index] > 0
            assert point.ideal_bits[index] <= point.rows[0].packet_bits[index]
            assert point.picture_bits[index] > 8 * 100
        assert point.ms_ssim[0] == pytest.approx(ms_ssim(*_pair(zoo, photos, point.name)))
        assert np.isnan(point.ms_ssim[1])  # 48 pixels have no five scales
        assert (point.rows[1].packet_bits <= point.rows[0].packet_bits).all()


def _pair(zoo: Path, photos: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    from isthmus.cloud.image.reconstruct import Reconstructor
    from isthmus.data.image.files import read_image
    from isthmus.edge.image.encoder import ImageEncoder

    image = read_image(photos / "photo0.png")
    packet = ImageEncoder(zoo / name).encode(image).packet.to_bytes()
    return image.pixels, Reconstructor(zoo / name, DEFAULT_LIMITS).reconstruct(packet)[0].pixels


@pytest.mark.slow
def test_command_writes_everything(zoo: Path, photos: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    add_commands(app)
    arguments = ["image", "--images", str(photos), "--codec", "image-test", "--zoo", str(zoo), "--out", str(tmp_path)]
    result = CliRunner().invoke(app, [*arguments, "--no-baselines", "--adaptations", "chosen"])
    assert result.exit_code == 0, result.output
    files = [f"image_two_photos_test.{kind}" for kind in ("html", "json", "png")]
    assert sorted(path.name for path in tmp_path.iterdir()) == [*files, "summary.json"]
    results = read_results(tmp_path / files[1])
    assert results.provenance.command == (
        "isthmus measure image --images 'two photos' --codec image-test --adaptations chosen --no-baselines"
    )
    assert "image_two_photos_test.coded_minus_estimated_percent_max" in results.summary
    page = (tmp_path / files[0]).read_text(encoding="utf-8")
    assert page.count("data:image/webp;base64,") == 3 * len(SIZES)
    assert "photo1" in page


def test_what_cannot_be_measured(zoo: Path, photos: Path) -> None:
    with pytest.raises(InputError, match="adaptations among static"):
        measure_images(ImageOptions(images=photos, codec="image-test", zoo=zoo, adaptations="best"))
    with pytest.raises(InputError, match="expected codecs image-none-q1"):
        measure_images(ImageOptions(images=photos, codec="image-none", zoo=zoo, baselines=False))


def test_a_real_codec_is_fuzzed(zoo: Path) -> None:
    run = run_fuzz(FuzzOptions(codecs="image-test-q1", cases=1000, zoo=zoo))
    assert run.failures == 0
    assert run.cases == 1000


def test_both_sides_of_the_benchmark_run(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="the comparison is torch's eager mode")
    monkeypatch.syspath_prepend(str(SCRIPT.parent))  # where a script finds its neighbours
    spec = importlib.util.spec_from_file_location("image_benchmark", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    images = "a small picture", [synthetic_picture(64, 96, 0)]
    results = benchmark.measure(benchmark.light_codec(zoo, "image-test-q1"), images, 1, "python benchmarks/image.py")
    assert results.provenance.command == "python benchmarks/image.py"
    summary = results.summary
    ratio = summary["image.edge_eager_reference_ms"] / summary["image.edge_encode_ms"]
    assert summary["image.edge_speedup_vs_eager_reference"] == pytest.approx(ratio)
    assert results.detail["image"] == [64, 96]
    assert results.detail["images_each_side"] == benchmark.TURN
