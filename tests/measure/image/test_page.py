"""From measured images to curves, quoted numbers, tables, the picture and the page."""

from __future__ import annotations

import math
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import features
from rich.console import Console

from isthmus.common.bits.cdf import quantize_pmf
from isthmus.common.errors import InputError
from isthmus.common.image.quality import psnr_rgb_db
from isthmus.common.results import read_results, read_summary, rounded
from isthmus.measure.command_line import command_line
from isthmus.measure.curve import Curve, bd_rate
from isthmus.measure.document import render
from isthmus.measure.fuzz.targets import synthetic_picture
from isthmus.measure.image import baselines
from isthmus.measure.image.baselines import (
    CODECS,
    BaselinePoint,
    available,
    decode_picture,
    encode_picture,
    library_versions,
    sweep_image,
    sweep_images,
)
from isthmus.measure.image.bounds import INDEX_BITS, ideal_bits, laplace_tables, plain_bits
from isthmus.measure.image.curves import ImageCurve, bootstrap_interval, compare, published_curves
from isthmus.measure.image.measurement import ImageMeasurement
from isthmus.measure.image.options import FORMATS, ImageOptions
from isthmus.measure.image.photographs import find_image_set
from isthmus.measure.image.plots import draw_image_png
from isthmus.measure.image.point import AdaptationRow, ImageCodecPoint, Macs
from isthmus.measure.image.rows import deltas_table, image_tables, saved_percent
from isthmus.measure.image.run import (
    ImageRun,
    choose_image_codecs,
    image_results_name,
    image_summary_root,
    write_image_outputs,
)
from isthmus.measure.image.specimens import Picture, Specimen, jpeg_of_size, specimen_codec
from isthmus.measure.table import number

IMAGES = 5
PIXELS = np.full(IMAGES, 768.0 * 512)
BASE_BITS = np.array([60_000, 100_000, 180_000, 320_000.0])
SPREAD = np.linspace(0.7, 1.3, IMAGES)


def row(adaptation: str, bits: np.ndarray, side_bits: float = 0.0) -> AdaptationRow:
    """A row whose packets have these bits."""
    packet = np.asarray(bits, np.float64)
    side = np.full(IMAGES, side_bits)
    times = {name: np.full(IMAGES, 2.0) for name in AdaptationRow.__slots__ if name.endswith("_ms")}
    layers = packet - 110, packet - 40, side, packet, packet + 60, packet + 400
    return AdaptationRow(adaptation, *layers, **times)


def point(quality: int, *, family: str = "image-light", scale: float = 1.0, saved: float = 0.075) -> ImageCodecPoint:
    """A quality whose chosen tables save so much, of an ideal of 8 percent."""
    static = scale * BASE_BITS[quality - 1] * SPREAD
    return ImageCodecPoint(
        name=f"{family}-q{quality}",
        family=family,
        quality=quality,
        psnr_db=26 + 3.0 * quality + np.linspace(2, -2, IMAGES),
        ms_ssim=np.full(IMAGES, 0.9 + 0.02 * quality),
        ideal_bits=0.92 * static,
        plain_bits=0.96 * static,
        picture_bits=20 * static,
        rows=(row("static", static), row("chosen", (1 - saved) * static, 300)),
        macs=Macs(4400, 12600, 9.5),
    )


def baseline(name: str, scale: float) -> tuple[BaselinePoint, ...]:
    return tuple(
        BaselinePoint(
            name, k, scale * bits * SPREAD, 26 + 3.0 * (k + 1) + np.linspace(2, -2, IMAGES), *np.full((3, IMAGES), 0.9)
        )
        for k, bits in enumerate(BASE_BITS)
    )


@pytest.fixture(scope="module")
def measurement() -> ImageMeasurement:
    published = {
        "published_factorized": Curve(
            "published_factorized", np.stack([BASE_BITS / PIXELS[0] * 0.9, 26 + 3.0 * np.arange(1, 5)], 1)
        )
    }
    codecs = (*(point(q) for q in range(1, 5)), *(point(q, family="image-hyper", scale=0.8) for q in range(1, 5)))
    sweeps = {"jpeg": baseline("jpeg", 2.0), "avif": baseline("avif", 0.5)}
    names = tuple(f"photo{k}" for k in range(IMAGES))
    settings = {"jpeg": "4:2:0 <quality>", "published_factorized": "a paper"}
    return ImageMeasurement("Kodak", names, PIXELS, codecs, sweeps, published, ("A <note>.",), settings)


def test_networks_of_a_family_beside_the_first_have_keys_of_their_own(measurement: ImageMeasurement) -> None:
    codecs = list(measurement.codecs)
    for place, whole in enumerate(codecs):
        if whole.family == "image-hyper":
            static = whole.rows[0].packet_bits
            named = replace(whole, name=f"image-thesis-q{whole.quality}", family="image-thesis")
            codecs[place] = replace(named, rows=(*whole.rows, row("synthesized", 0.94 * static, 100)))
    summary = replace(measurement, codecs=tuple(codecs)).summary("image")
    assert summary["image.thesis.gap_closed_percent"] == pytest.approx(75)
    assert summary["image.thesis.bd_rate_vs_base_percent"] == pytest.approx(-6)
    assert "image.gap_closed_percent" not in summary


def specimen() -> Specimen:
    pixels = synthetic_picture(40, 60, 1).pixels
    picture = Picture(pixels, 0.3, 30.0)
    return Specimen("photo <1>", "image-light-q2", picture, picture, picture)


@pytest.mark.slow
def test_summary_has_the_issues_keys(measurement: ImageMeasurement) -> None:
    summary = measurement.summary("image")
    assert summary["image.adaptive.bd_rate_vs_base_percent"] == pytest.approx(-7.5)
    assert summary["image.adaptive.bd_rate_vs_base_low_percent"] == pytest.approx(-7.5)
    assert summary["image.adaptive.gap_closed_percent"] == pytest.approx(100 * 7.5 / 8)
    assert summary["image.plain.gap_closed_percent"] == pytest.approx(50)
    assert summary["image.ideal.bd_rate_vs_base_percent"] == pytest.approx(-8)
    assert summary["image.adaptive.mac_per_pixel"] == 9.5
    assert summary["image.bd_rate_vs_jpeg_percent"] == pytest.approx(100 * (0.925 / 2 - 1))
    assert summary["image.bd_rate_vs_avif_percent"] == pytest.approx(100 * (0.925 / 0.5 - 1))
    assert summary["image.base.bd_rate_vs_jpeg_percent"] == pytest.approx(-50)
    # The published curve has its own, other PSNRs of the same mean.
    assert summary["image.bd_rate_vs_published_factorized_percent"] == pytest.approx(100 * (0.925 / 0.9 - 1))
    assert "image.bd_rate_vs_published_factorized_low_percent" not in summary
    # Every image has 70 bits more than estimated, 6 more than the 64 allowed.
    assert summary["image.coded_minus_estimated_bits_max"] == 70
    least = 0.925 * BASE_BITS[0] * SPREAD[0] - 110
    assert summary["image.coded_minus_estimated_percent_max"] == pytest.approx(100 * 6 / least)
    assert summary["image.coded_minus_estimated_all_bits_percent_max"] == pytest.approx(100 * 70 / least)
    assert summary["image.entropy_encode_ms"] == 2
    assert summary["image.entropy_decode_ms"] == 2
    assert summary["image.hyper.adaptive.bd_rate_vs_base_percent"] == pytest.approx(-7.5)
    assert summary["image.hyper.bd_rate_vs_light_percent"] == pytest.approx(-20)
    assert all(math.isfinite(value) for value in summary.values())


@pytest.mark.slow
def test_other_images_and_families_have_keys_of_their_own(measurement: ImageMeasurement) -> None:
    assert (image_results_name(measurement), image_summary_root(measurement)) == ("image_kodak", "image")
    other = replace(measurement, data="holiday photos", pixel_counts=np.full(IMAGES, 1e6))
    assert image_summary_root(other) == "image_holiday_photos"
    summary = other.summary(image_summary_root(other))
    assert not [key for key in summary if not key.startswith("image_holiday_photos.")]
    assert "image_holiday_photos.entropy_encode_ms" not in summary  # of 768 x 512 alone
    hyper = replace(measurement, codecs=measurement.codecs[4:])
    assert image_results_name(hyper) == "image_kodak_hyper"


def test_a_way_of_some_qualities_is_compared_at_those(measurement: ImageMeasurement) -> None:
    """Synthesized tables at two of four qualities; chosen ones save 7.5 percent of an ideal 8 everywhere."""
    codecs = [
        replace(p, rows=(*p.rows, row("synthesized", 0.94 * p.rows[0].packet_bits)))
        if p.quality in (2, 3)
        else replace(p, ideal_bits=0.9 * p.rows[0].packet_bits)
        for p in measurement.of_family("image-light")
    ]
    partial = replace(measurement, codecs=(*codecs, *measurement.codecs[5:7]))  # image-hyper: q2, q3
    assert partial.partial_kinds("image-light") == ("synthesized",)
    summary = partial.summary("image")
    assert summary["image.synthesized.bd_rate_vs_base_percent"] == pytest.approx(-6)
    assert summary["image.synthesized.bd_rate_vs_base_points"] == 2
    assert summary["image.synthesized.bd_rate_vs_base_anchor_points"] == 2
    assert summary["image.chosen.bd_rate_vs_base_points"] == 4
    assert summary["image.synthesized.bd_rate_vs_chosen_percent"] == pytest.approx(100 * (0.94 / 0.925 - 1))
    assert summary["image.synthesized.gap_closed_percent"] == pytest.approx(75)
    assert summary["image.synthesized.gap_closed_by_chosen_percent"] == pytest.approx(100 * 7.5 / 8)
    assert summary["image.chosen.gap_closed_percent"] == pytest.approx((93.75 + 75) / 2)
    assert summary["image.hyper.bd_rate_vs_light_percent"] == pytest.approx(-20)
    assert summary["image.hyper.bd_rate_vs_light_points"] == 2
    rows = {line[:2]: line[5:] for line in deltas_table(partial).rows}
    assert rows["image-light, synthesized", "image-light"] == ("q2, q3", "2 of 2 / 2 of 4: few", "–")
    assert rows["image-light, chosen", "image-light"] == ("q1 to q4", "4 of 4 / 4 of 4", "–")
    assert rows["image-hyper, chosen", "image-light, chosen"] == ("q2, q3", "2 of 2 / 2 of 4: few", "–")
    assert rows["image-light, chosen", "jpeg"] == ("q1 to q4", "4 of 4 / 4 of 4", "4:2:0 <quality>")
    assert rows["image-hyper, chosen", "published factorized"] == ("q2, q3", "2 of 2 / 2 of 4: few", "a paper")


def test_without_adaptation_or_baselines(measurement: ImageMeasurement) -> None:
    bare = tuple(replace(p, rows=p.rows[:1], ideal_bits=np.full(IMAGES, np.nan)) for p in measurement.codecs[:4])
    summary = replace(measurement, codecs=bare, sweeps={}, published={}).summary("image")
    assert "image.adaptive.bd_rate_vs_base_percent" not in summary
    assert not [key for key in summary if "gap_closed" in key or "ideal" in key]
    assert summary["image.bits_per_pixel_min"] == pytest.approx(BASE_BITS[0] / PIXELS[0])


def test_rows_are_checked() -> None:
    sound = row("static", np.full(IMAGES, 1000.0))
    with pytest.raises(InputError, match="coded <= packet"):
        replace(sound, coded_bits=sound.packet_bits + 1)


def test_bootstrap_is_paired_and_seeded() -> None:
    rng = np.random.default_rng(3)
    psnr = np.linspace(28, 38, 6)[:, None] + rng.normal(0, 1, 12)
    bits = np.geomspace(0.1, 1.5, 6)[:, None] * np.exp(rng.normal(0, 0.3, 12))
    anchor = ImageCurve("a", bits, psnr)
    # The same saving everywhere has no spread, however different the images are.
    assert bootstrap_interval(ImageCurve("b", 0.9 * bits, psnr), anchor) == pytest.approx((-10, -10))
    saved = 1 - rng.uniform(0.02, 0.2, 12)
    test = ImageCurve("c", bits * saved, psnr)
    low, high = bootstrap_interval(test, anchor)
    delta = bd_rate(anchor.points, test.points)
    assert low < delta < high
    assert high - low < 8
    assert bootstrap_interval(test, anchor) == (low, high)
    wide = bootstrap_interval(
        ImageCurve("d", bits[:, :3] * saved[:3], psnr[:, :3]), ImageCurve("e", bits[:, :3], psnr[:, :3])
    )
    assert wide[0] <= wide[1]
    with pytest.raises(InputError, match="the same images"):
        bootstrap_interval(test, ImageCurve("f", bits[:, :3], psnr[:, :3]))
    far = compare(test, ImageCurve("g", bits, psnr + 50))
    assert math.isnan(far.bd_rate_percent)
    assert math.isnan(far.low_percent)


def test_measurement_goes_through_a_results_file(measurement: ImageMeasurement, tmp_path: Path) -> None:
    run = ImageRun(measurement, (specimen(),))
    written = write_image_outputs(run, "isthmus measure image", tmp_path)
    assert [p.name for p in written] == ["image_kodak.json", "image_kodak.png", "image_kodak.html"]
    again = ImageMeasurement.from_detail(read_results(written[0]).detail)
    assert rounded(again.detail()) == rounded(measurement.detail())
    assert again.settings == measurement.settings
    assert read_results(written[0]).detail["comparisons"][0]["points"] == {
        "test": 4,
        "test_of": 4,
        "anchor": 4,
        "anchor_of": 4,
    }
    assert set(library_versions()) <= set(read_results(written[0]).provenance.versions)
    assert again.summary("image") == pytest.approx(measurement.summary("image"), rel=1e-4)
    assert read_summary(tmp_path) == pytest.approx(measurement.summary("image"), rel=1e-6)
    deltas = "<!-- results: deltas image_kodak -->\n<!-- end results -->"
    assert deltas_table(measurement).to_markdown() in render(deltas, tmp_path).text
    with pytest.raises(InputError, match="measurement of this version"):
        ImageMeasurement.from_detail({"data": "x"})
    with pytest.raises(InputError, match="measure again"):
        ImageCodecPoint.from_json({"name": "image-light-q1"})


@pytest.mark.slow
def test_same_numbers_give_the_same_picture(measurement: ImageMeasurement, tmp_path: Path) -> None:
    draw_image_png(measurement, tmp_path / "a.png")
    draw_image_png(measurement, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    draw_image_png(replace(measurement, sweeps={}, published={}), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.cells: list[str] = []
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_cell = tag == "td"
        self.sources += [v for k, v in attrs if k in ("src", "href") and v]

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.cells.append(data)

    def handle_endtag(self, _tag: str) -> None:
        self._in_cell = False


def test_page_is_self_contained_and_escaped(measurement: ImageMeasurement, tmp_path: Path) -> None:
    write_image_outputs(ImageRun(measurement, (specimen(),)), "isthmus measure image", tmp_path)
    text = (tmp_path / "image_kodak.html").read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert len(page.sources) == 4  # the plot, and a specimen's three pictures
    assert all(source.startswith("data:image/") for source in page.sources)
    assert "A &lt;note&gt;." in text
    assert "4:2:0 &lt;quality&gt;" in text
    assert "photo &lt;1&gt;" in text
    cells = {cell for table in image_tables(measurement) for line in table.rows for cell in line}
    assert cells <= set(page.cells)


def test_deltas_are_whole_in_a_narrow_terminal(measurement: ImageMeasurement) -> None:
    for width in (80, 100, 140):
        file = StringIO()
        Console(file=file, width=width).print(deltas_table(measurement).to_rich())
        assert "…" not in file.getvalue()
        for comparison in measurement.comparisons:
            assert number(comparison.bd_rate_percent, 2, signed=True) in file.getvalue()
    assert "4:2:0" in file.getvalue()
    assert "<quality>" in file.getvalue()


def test_savings_and_specimen_codec(measurement: ImageMeasurement) -> None:
    saved = saved_percent(measurement, "image-light", "chosen")
    assert [s for _, s in saved] == pytest.approx([7.5] * 4)
    assert saved_percent(measurement, "image-light", "synthesized") == []
    assert specimen_codec(measurement.of_family("image-light"), PIXELS.sum()).name == "image-light-q2"


def test_bounds_are_what_they_say() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(3, dtype=np.int32), 400)
    values = np.rint(rng.laplace(0.3, np.repeat([0.05, 1.0, 9.0], 400))).astype(np.int32)
    expected = 0.0
    for group in range(3):
        _, counts = np.unique(values[groups == group], return_counts=True)
        expected -= float((counts * np.log2(counts / 400)).sum())
    assert ideal_bits(values, groups) == pytest.approx(expected)
    plain = plain_bits(values, groups)
    assert expected < plain < 1.15 * expected + 3 * INDEX_BITS
    # What the bits are of: one of the tables in each group, the best one.
    tables = laplace_tables()
    every = tables.bits(values[None, :], np.arange(tables.count)[:, None])
    best = sum(float(every[:, groups == g].sum(1).min()) for g in range(3))
    assert plain == pytest.approx(best + 3 * INDEX_BITS)
    assert ideal_bits(np.zeros(9, np.int32), np.zeros(9, np.int32)) == 0
    far = np.array([5000], np.int32)
    assert plain_bits(far, np.zeros(1, np.int32)) > INDEX_BITS + 16
    static = quantize_pmf([[1.0, 1.0]], [0])
    assert float(static.bits([0, 1], [0, 0]).sum()) >= ideal_bits(np.array([0, 1], np.int32), np.zeros(2, np.int32))


def test_baselines_are_files() -> None:
    pixels = synthetic_picture(96, 128, 2).pixels
    codecs, notes = available(tuple(CODECS))
    for codec in codecs:
        sizes, quality = [], []
        for setting in (codec.settings[0], codec.settings[-1]):
            data = encode_picture(codec, pixels, setting)
            decoded = decode_picture(data)
            assert decoded.shape == pixels.shape
            sizes.append(len(data))
            quality.append(psnr_rgb_db(pixels, decoded))
        assert sizes[0] < sizes[1]
        assert quality[0] < quality[1]
    assert len(codecs) + len(notes) == len(CODECS)
    with pytest.raises(InputError, match="baselines among avif"):
        available(("gif",))


def test_files_are_told_with_library_options_and_sweep() -> None:
    assert CODECS["jpeg"].told({"libjpeg-turbo": "3.2.0", "libwebp": "1"}) == (
        "libjpeg-turbo 3.2.0: 4:2:0, optimised Huffman tables, baseline; quality 4 to 92"
    )
    assert CODECS["avif"].told({"libavif": "1.4.2", "aom": "3.14.1"}).startswith("libavif 1.4.2 with aom 3.14.1: speed")
    assert CODECS["webp"].told({}) == "libwebp: lossy, 4:2:0, method 6; quality 0 to 93"
    versions = library_versions()
    working, _ = available(tuple(CODECS))
    assert all(codec.libraries[0] in versions for codec in working)
    # What is told is what is asked for.
    assert CODECS["jpeg"].options(9) == {"quality": 9, "optimize": True, "subsampling": "4:2:0"}
    assert CODECS["webp"].options(9) == {"quality": 9, "method": 6}
    assert CODECS["avif"].options(9)["speed"] == 6


def test_missing_baseline_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda feature: feature != "avif")
    codecs, notes = available(("jpeg", "avif"))
    assert [codec.name for codec in codecs] == ["jpeg"]
    assert notes == ["avif is left out: this Pillow cannot write it as wanted."]


def test_encoder_that_refuses_its_options_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = replace(CODECS["jpeg"], options=lambda quality: {"quality": quality, "subsampling": "9:9:9"})
    monkeypatch.setattr(baselines, "CODECS", {"jpeg": refused})
    assert available(("jpeg",)) == ([], ["jpeg is left out: this Pillow cannot write it as wanted."])


def test_sweep_in_processes_is_the_sweep(tmp_path: Path) -> None:
    import PIL.Image

    paths = []
    for seed, (height, width) in enumerate(((90, 64), (170, 161))):
        paths.append(tmp_path / f"{seed}.png")
        PIL.Image.fromarray(synthetic_picture(height, width, seed).pixels).save(paths[-1])
    done: list[int] = []
    codec = CODECS["jpeg"]
    points = sweep_images([codec], paths, done.append)["jpeg"]
    assert sum(done) == 2
    assert [p.setting for p in points] == list(codec.settings)
    for index, path in enumerate(paths):
        for measured, expected in zip(points, sweep_image("jpeg", path), strict=True):
            assert (measured.bits[index], measured.psnr_db[index]) == expected[:2]
    assert np.isnan(points[0].ms_ssim[0])  # too small for five scales
    assert 0 < points[0].ms_ssim[1] < 1


def test_jpeg_of_a_size() -> None:
    pixels = synthetic_picture(96, 128, 3).pixels
    data = jpeg_of_size(pixels, 4000)
    assert 2500 < len(data) <= 4000
    assert len(jpeg_of_size(pixels, 1)) > 1  # as short as it gets


def test_published_curves(tmp_path: Path) -> None:
    rates, adaptive = tmp_path / "rates.csv", tmp_path / "adaptive.csv"
    assert published_curves(rates, adaptive) == {}
    rates.write_text(
        "codec,bits_per_pixel,psnr_rgb_db,ms_ssim_db\n"
        "compressai-bmshj2018-factorized_mse_cpu,0.2,29,\ncompressai-bmshj2018-factorized_mse_cpu,0.1,27,\nother,1,2,\n"
    )
    adaptive.write_text("quality,psnr_db,adaptive_bpp_bitstream\n1,26.9,0.113\n")
    curves = published_curves(rates, adaptive)
    assert curves["published_factorized"].points.tolist() == [[0.1, 27], [0.2, 29]]
    assert curves["published_adaptive"].points.tolist() == [[0.113, 26.9]]
    rates.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"rates.*expected a csv of codec, bits_per_pixel, psnr_rgb_db"):
        published_curves(rates, adaptive)


def test_image_sets(tmp_path: Path) -> None:
    import PIL.Image

    folder = tmp_path / "kodak"
    folder.mkdir()
    for k in range(5):
        PIL.Image.new("RGB", (20 + k, 10)).save(folder / f"kodim0{k}.png")
    found = find_image_set(folder)
    assert found.name == "Kodak"
    assert found.image_names == tuple(f"kodim0{k}" for k in range(5))
    assert found.pixel_counts.tolist() == [200, 210, 220, 230, 240]
    assert find_image_set(folder, 2).image_names == ("kodim00", "kodim04")
    assert find_image_set(folder).read(1).width == 21
    # Published curves are of all of Kodak's images, and stand beside nothing less.
    assert not found.is_kodak
    whole = replace(found, paths=found.paths * 6, pixel_counts=np.repeat(found.pixel_counts, 6))
    assert not whole.is_kodak
    assert replace(whole, paths=whole.paths[:24]).is_kodak
    assert not replace(whole, name="photos", paths=whole.paths[:24]).is_kodak
    with pytest.raises(InputError, match="nothing"):
        find_image_set(tmp_path / "nothing")


def test_photographs_that_a_library_ships(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("skimage", reason="scikit-image ships the photographs (extra measure)")
    monkeypatch.chdir(tmp_path)
    found = find_image_set(None)
    assert found.name == "scikit-image photographs"
    assert "astronaut" in found.image_names
    assert len(found) >= 3


def test_commands_and_codecs(tmp_path: Path) -> None:
    assert command_line("isthmus measure image", ImageOptions()) == "isthmus measure image"
    options = ImageOptions(images=Path("/a/b/photos"), codec="image-hyper", baselines=False, limit_images=3)
    assert command_line("isthmus measure image", options) == (
        "isthmus measure image --images photos --codec image-hyper --limit 3 --no-baselines"
    )
    for where, said in (("my/photos", "my/photos"), ("../photos", "photos"), ("fire2/squeeze", "fire2/squeeze")):
        command = command_line("isthmus measure image", ImageOptions(images=Path(where)))
        assert command == f"isthmus measure image --images {said}"
    for name in ("image-light-q10", "image-light-q2", "image-hyper-q1", "pc-lite-any-q1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text("{}")
    names = [f.name for f in choose_image_codecs(tmp_path, ("image-light", "image-hyper"))]
    assert names == ["image-light-q2", "image-light-q10", "image-hyper-q1"]
    with pytest.raises(InputError, match="expected codecs image-other-q1"):
        choose_image_codecs(tmp_path, ("image-light", "image-other"))


def test_formats_that_are_offered_are_those_there_are() -> None:
    assert set(FORMATS) == set(baselines.CODECS)
