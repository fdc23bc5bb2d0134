"""`isthmus edge` on images, `isthmus encode`, `decode` and `inspect`: what people and programs get, and how it ends."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from support import tiny_codec
from support.command_line import isthmus
from support.tiny_image_codec import photo

from isthmus.cloud.image.reconstruct import Reconstructor
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.quality import psnr_rgb_db
from isthmus.common.image.signal import IMAGE_LIMITS
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.data.image.files import FIRST_FRAME, read_image, write_image
from isthmus.edge.image.encoder import ImageEncoder
from isthmus.edge.signal_choice import choose_codec

pytestmark = pytest.mark.zoo("tiny-q1", *(f"image-{family}-q{q}" for family in ("test", "light") for q in (1, 4, 9)))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Five photographs; that in the middle is damaged."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(5):
        write_image(photo(40 + 16 * index, 50, seed=index), folder / f"p{index}.png")
    (folder / "p2.png").write_bytes(b"oops")
    (folder / "notes.txt").write_text("no cloud of points")
    return folder


def test_sends_and_saves(photos: Path, zoo: Path, address: str, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    result = isthmus(
        "edge",
        photos,
        photos / "none.png",
        "--cloud",
        address,
        "--zoo",
        zoo,
        "--codec",
        "image-test-q4",
        "--json",
        "--save",
        out,
    )
    assert result.exit_code == 1
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [Path(line["file"]).name for line in lines] == [*(f"p{i}.png" for i in range(5)), "none.png"]
    assert [i for i, line in enumerate(lines) if "error" in line] == [2, 5]
    encoder, reconstructor = ImageEncoder(zoo / "image-test-q4"), Reconstructor(zoo / "image-test-q4", IMAGE_LIMITS)
    for index in (0, 1, 3, 4):
        line, image = lines[index], read_image(photos / f"p{index}.png")
        coded = encoder.encode(image).detail
        expected, _ = reconstructor.reconstruct(coded.packet.to_bytes())
        assert Path(line["saved"]) == out / f"p{index}.image-test-q4.png"
        assert np.array_equal(read_image(line["saved"]).pixels, expected.pixels)
        assert line["psnr_db"] == pytest.approx(psnr_rgb_db(image.pixels, expected.pixels), abs=1e-4)
        assert (line["packet_bits"], line["payload_bits"]) == (coded.packet_bits, coded.payload_bits)
        assert line["bits_per_pixel"] == pytest.approx(coded.packet_bits / (image.width * image.height), abs=1e-6)
        assert (line["codec"], line["width"], line["adaptation"]) == ("image-test-q4", 50, coded.symbols.adaptation)


def test_the_table(photos: Path, zoo: Path, address: str, tmp_path: Path) -> None:
    result = isthmus("edge", photos, "--cloud", address, "--zoo", zoo)
    assert result.exit_code == 1
    heading, *rows = result.stdout.splitlines()
    assert heading.split() == ["file", "codec", "pixels", "bytes", "bits/pixel", "ms"]
    assert rows[0].split()[1:3] == ["image-light-q4", "50x40"]
    assert rows[2].split()[1:] == ["-"] * 5
    assert "p2.png: expected an image" in result.stderr
    result = isthmus("edge", photos / "p0.png", "--cloud", address, "--zoo", zoo, "--save", tmp_path / "out")
    assert "PSNR dB" in result.stdout
    assert result.exit_code == 0


def test_qualities(photos: Path, zoo: Path, address: str) -> None:
    options = (photos / "p0.png", "--cloud", address, "--zoo", zoo, "--json")
    found = {}
    for quality in (1, 4, 9):
        for more in (("--codec", "image-test"), ()):
            result = isthmus("edge", *options, "--quality", str(quality), *more)
            line = json.loads(result.stdout)
            assert line["codec"] == f"image-{'test' if more else 'light'}-q{quality}"
        found[quality] = line["packet_bits"] // 8
    for quality, size in found.items():
        line = json.loads(isthmus("edge", *options, "--max-bytes", str(size)).stdout)
        assert (line["codec"], line["packet_bits"]) == (f"image-light-q{quality}", 8 * size)
    result = isthmus("edge", *options, "--max-bytes", "3")
    assert result.exit_code == 1
    assert f"has {found[1]}" in json.loads(result.stdout)["message"]


def test_each_image_at_its_best_quality(photos: Path, zoo: Path, address: str) -> None:
    """Images that fit at different qualities cross in several streams, and their order stays."""
    (photos / "p2.png").unlink()
    write_image(photo(200, 200), photos / "p2.png")
    encoder = ImageEncoder(zoo / "image-test-q9")
    size = encoder.encode(read_image(photos / "p1.png")).packet.size_bytes
    result = isthmus(
        "edge", photos, "--cloud", address, "--zoo", zoo, "--codec", "image-test", "--json", "--max-bytes", str(size)
    )
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [Path(line["file"]).name for line in lines] == [f"p{i}.png" for i in range(5)]
    codecs = [line.get("codec", "none") for line in lines]
    assert codecs[0] == codecs[1] == "image-test-q9"
    assert len(set(codecs)) > 1


def test_standard_input(photos: Path, zoo: Path, address: str, tmp_path: Path) -> None:
    data = (photos / "p0.png").read_bytes()
    options = ("--cloud", address, "--zoo", zoo, "--codec", "image-test", "--json")
    line = json.loads(isthmus("edge", "-", *options, "--save", tmp_path, stdin=data).stdout)
    assert (line["file"], line["height"]) == ("-", 40)
    assert Path(line["saved"]).name == "stdin.image-test-q4.png"
    result = isthmus("edge", "-", *options, "--format", "jpeg", stdin=data)
    assert "expected an image (jpeg)" in json.loads(result.stdout)["message"]


def test_adaptations(photos: Path, zoo: Path, address: str) -> None:
    options = ("edge", photos / "p0.png", "--cloud", address, "--zoo", zoo, "--codec", "image-test-q4", "--json")
    for word in ("static", "chosen"):
        assert json.loads(isthmus(*options, "--adaptation", word).stdout)["adaptation"] == word
    result = isthmus(*options, "--adaptation", "synthesized")
    assert "does not synthesize tables" in json.loads(result.stdout)["message"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ("--codec", "image-test-q4", "--batch", "2", "--up", "y"),
            "expected no --up, --batch: that is about point clouds",
        ),
        (("--codec", "tiny-q1", "--quality", "2"), "expected no --quality: that is about images"),
        (("--codec", "tiny-q1", "--save", "out"), "expected no --save"),
        (("--codec", "image-test", "--quality", "5"), "expected a quality of 1, 4, 9, got 5"),
        (("--codec", "image-test-q4", "--quality", "9"), "name the family instead"),
        (("--codec", "image-test", "--quality", "1", "--max-bytes", "9"), "got both"),
        (("--codec", "image-none"), "codec 'image-none': expected one of the 1"),
        (("--adaptation", "best"), "expected one of auto, static, chosen, synthesized, context, got 'best'"),
        (("--cloud", "127.0.0.1:1"), "start one with: isthmus cloud"),
        (("--up", "x"), "expected y or z"),
        (("--save", "/proc/none"), "expected a folder, or a place to make it"),
    ],
)
def test_what_cannot_be_done_at_all(
    photos: Path, zoo: Path, address: str, arguments: tuple[str, ...], says: str
) -> None:
    more = () if "--cloud" in arguments else ("--cloud", address)
    result = isthmus("edge", photos / "p0.png", "--zoo", zoo, *more, *arguments)
    assert result.exit_code == 2
    assert says in " ".join(result.stderr.replace("│", " ").split())
    assert result.stdout == ""


def test_which_signal(photos: Path, zoo: Path, tmp_path: Path) -> None:
    def chosen(*inputs: str, codec: str = "", format_name: str = "", quality: int = 0) -> tuple[type, str]:
        choice = choose_codec(inputs, codec, zoo, format_name, by_family=bool(quality))
        return choice.signal.kind, choice.codec

    assert chosen("a.png", "B.JPEG") == (ImageManifest, "image-light-q4")
    assert chosen("a.png", quality=3) == (ImageManifest, "image-light")
    assert chosen(str(photos)) == (ImageManifest, "image-light-q4")
    assert chosen("a.npy") == chosen("-") == (PointCloudManifest, "pc-lite-any-q10")
    assert chosen("-", format_name="webp") == (ImageManifest, "image-light-q4")
    assert chosen("a.npy", codec="image-test") == (ImageManifest, "image-test")
    assert chosen("a.png", codec="tiny-q1") == (PointCloudManifest, "tiny-q1")
    result = isthmus("edge", photos / "p0.png", tmp_path / "a.npy", "--zoo", zoo)
    assert "expected inputs of one signal, got the image" in result.stderr
    assert result.exit_code == 2


def test_to_files_and_back(photos: Path, zoo: Path, tmp_path: Path) -> None:
    options = ("--zoo", zoo, "--codec", "image-test", "--quality", "9")
    result = isthmus("encode", photos, "-o", tmp_path / "coded", *options)
    assert result.exit_code == 1
    assert "p2.png: expected an image" in result.stderr
    assert sorted(p.name for p in (tmp_path / "coded").iterdir()) == [f"p{i}.isth" for i in (0, 1, 3, 4)]
    result = isthmus("decode", *sorted((tmp_path / "coded").iterdir()), "-o", tmp_path / "out", "--zoo", zoo)
    assert result.exit_code == 0, result.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [f"p{i}.png" for i in (0, 1, 3, 4)]
    encoder, reconstructor = ImageEncoder(zoo / "image-test-q9"), Reconstructor(zoo / "image-test-q9", IMAGE_LIMITS)
    for index in (0, 1, 3, 4):
        packet = encoder.encode(read_image(photos / f"p{index}.png")).packet
        expected, _ = reconstructor.reconstruct(packet.to_bytes())
        assert np.array_equal(read_image(tmp_path / "out" / f"p{index}.png").pixels, expected.pixels)
    one = tmp_path / "one.png"
    assert isthmus("decode", tmp_path / "coded" / "p4.isth", "-o", one, "--zoo", zoo).exit_code == 0
    assert one.read_bytes() == (tmp_path / "out" / "p4.png").read_bytes()


def test_many_images_in_one_file(photos: Path, zoo: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.isth"
    result = isthmus("encode", photos, "-o", file, "--zoo", zoo, "--codec", "image-test-q4")
    assert result.exit_code == 1
    result = isthmus("decode", file, "-o", tmp_path / "out", "--zoo", zoo)
    assert [p.name for p in sorted((tmp_path / "out").iterdir())] == [f"all-{i:06d}.png" for i in range(4)]
    result = isthmus("decode", file, "-o", tmp_path / "one.png", "--zoo", zoo)
    assert result.exit_code == 2
    assert "expected one image" in result.stderr
    assert not (tmp_path / "one.png").exists()
    result = isthmus("inspect", file, "--zoo", zoo)
    assert result.exit_code == 0
    assert "50 x 40 pixels" in result.stdout
    assert "4 packets" in result.stdout
    for cut in (10, 100, file.stat().st_size - 1):
        (tmp_path / "cut.isth").write_bytes(file.read_bytes()[:cut])
        result = isthmus("decode", tmp_path / "cut.isth", "-o", tmp_path / "cut", "--zoo", zoo)
        assert result.exit_code == 2
        assert "cut.isth: " in result.stderr


def test_names_that_meet_and_sizes_that_differ(photos: Path, zoo: Path, tmp_path: Path) -> None:
    PIL.Image.open(photos / "p0.png").save(photos / "p0.bmp")
    options = ("--zoo", zoo, "--codec", "image-test", "--max-bytes", "500")
    result = isthmus("encode", photos / "p0.png", photos / "p0.bmp", "-o", tmp_path / "coded", *options)
    assert result.exit_code == 0, result.stderr
    assert sorted(p.name for p in (tmp_path / "coded").iterdir()) == ["p0-2.isth", "p0.isth"]
    result = isthmus("encode", photos / "p0.png", photos / "p0.bmp", "-o", tmp_path / "all.isth", *options)
    assert result.exit_code == 2
    assert "expected a folder, as --max-bytes" in result.stderr
    result = isthmus("encode", photos / "p2.png", "-o", tmp_path / "all.isth", "--zoo", zoo, "--codec", "image-test")
    assert result.exit_code == 2
    assert not (tmp_path / "all.isth").exists()
    result = isthmus("encode", photos / "p0.png", "-o", tmp_path / "none" / "a.isth", "--zoo", zoo)
    assert "expected a place to write to" in result.stderr


def test_another_codec_of_that_name(photos: Path, zoo: Path, tmp_path: Path) -> None:
    isthmus("encode", photos / "p0.png", "-o", tmp_path / "a.isth", "--zoo", zoo, "--codec", "image-test-q4")
    options = ("--codec", zoo / "image-test-q9", "-o", tmp_path / "a.png")
    result = isthmus("decode", tmp_path / "a.isth", *options)
    assert result.exit_code == 2
    assert "expected the manifest" in result.stderr
    result = isthmus("decode", tmp_path / "a.isth", "--zoo", zoo)
    assert "expected --out" in result.stderr
    assert "readable file" in isthmus("decode", tmp_path / "none.isth", "--zoo", zoo).stderr


def test_clouds_of_points(zoo: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "c.npy", tiny_codec.clouds(1)[0].points)
    file = tmp_path / "c.isth"
    result = isthmus("encode", tmp_path / "c.npy", "-o", file, "--zoo", zoo, "--codec", "tiny-q1", "--points", "8")
    assert result.exit_code == 0, result.stderr
    result = isthmus("decode", file, "--zoo", zoo, "--top-k", "2")
    line = json.loads(result.stdout)
    assert line["class"] in tiny_codec.CLASS_NAMES
    assert len(line["labels"]) == 2


def test_inspect(photos: Path, zoo: Path, tmp_path: Path) -> None:
    result = isthmus("inspect", photos / "p0.png", "--zoo", zoo, "--picture", tmp_path / "seen.png")
    assert result.exit_code == 0, result.stderr
    assert "50 x 40 pixels" in result.stdout
    assert "PSNR" in result.stdout
    assert read_image(tmp_path / "seen.png").width == 50
    packet = ImageEncoder(zoo / "image-test-q4").encode(photo(20, 20)).packet
    result = isthmus("inspect", packet.to_bytes().hex(), "--zoo", zoo, "--codec", "image-test-q4")
    assert "20 x 20 pixels" in result.stdout
    result = isthmus("inspect", "image-test-q4", "--zoo", zoo)
    assert "image; reconstruction" in result.stdout
    assert "image-test-q9" in isthmus("inspect", "--zoo", zoo).stdout


@pytest.mark.slow
def test_as_programs(photos: Path, zoo: Path, tmp_path: Path) -> None:
    """The cloud as its own process, which saves what comes in, and the edge as another."""
    ready = tmp_path / "ready"
    arguments = ["--port", "0", "--zoo", str(zoo), "--ready-file", str(ready), "--save", str(tmp_path / "served")]
    server = subprocess.Popen(
        [
            sys.executable,
            "-W",
            "error",
            "-m",
            "isthmus.command",
            "cloud",
            *arguments,
            "--max-image-packet-bytes",
            "100000",
        ],
        env=tiny_codec.child_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        address = server.stdout.readline().split("listening on ")[1].split(",")[0]
        done = subprocess.run(
            [
                sys.executable,
                "-W",
                "error",
                "-m",
                "isthmus.command",
                "edge",
                str(photos / "p0.png"),
                "--cloud",
                address,
                "--zoo",
                str(zoo),
                "--json",
                "--save",
                str(tmp_path),
            ],
            env=tiny_codec.child_environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        line = json.loads(done.stdout)
        assert math.isfinite(line["psnr_db"])
        (served,) = (tmp_path / "served").iterdir()
        assert np.array_equal(read_image(served).pixels, read_image(line["saved"]).pixels)
    finally:
        server.terminate()
        server.wait(30)
        assert server.stdout is not None
        server.stdout.close()
    assert server.returncode == 0


def test_pictures_of_other_formats_are_known_by_their_names(zoo: Path, address: str, tmp_path: Path) -> None:
    """No codec is named, and none is taken for a cloud of points; what was left out of one is said."""
    still, turned = (PIL.Image.fromarray(photo(40, 50, seed=seed).pixels) for seed in (1, 2))
    for name in ("a.gif", "b.ppm", "c.avif", "d.tif"):
        still.save(tmp_path / name)
    still.convert("L").save(tmp_path / "e.pgm")
    still.save(tmp_path / "f.gif", save_all=True, append_images=[turned])
    result = isthmus("edge", tmp_path, "--cloud", address, "--zoo", zoo, "--json")
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [Path(line["file"]).name for line in lines] == ["a.gif", "b.ppm", "c.avif", "d.tif", "e.pgm", "f.gif"]
    assert {line["codec"] for line in lines} == {"image-light-q4"}
    assert [line["notes"] for line in lines] == [[]] * 5 + [[FIRST_FRAME]]
    assert f"note: {tmp_path / 'f.gif'}: {FIRST_FRAME}" in result.stderr


def test_what_is_left_out_is_said_where_images_are_only_coded(zoo: Path, tmp_path: Path) -> None:
    still, turned = (PIL.Image.fromarray(photo(40, 50, seed=seed).pixels) for seed in (1, 2))
    still.save(tmp_path / "f.gif", save_all=True, append_images=[turned])
    result = isthmus("encode", tmp_path / "f.gif", "-o", tmp_path / "f.isth", "--zoo", zoo)
    assert result.exit_code == 0, result.output
    assert f"note: {tmp_path / 'f.gif'}: {FIRST_FRAME}" in result.stderr


def test_heic_says_what_it_needs(zoo: Path, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "photo.heic").write_bytes(b"\0\0\0\x14ftypheic\0\0\0\0mif1" + bytes(100))
    result = isthmus("edge", tmp_path / "photo.heic", "--cloud", address, "--zoo", zoo)
    assert result.exit_code == 1
    assert "HEIC needs pillow-heif: pip install 'isthmus[heif]'" in " ".join(result.output.split())
    assert "point" not in result.output.replace(str(tmp_path), "")
