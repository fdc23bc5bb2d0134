"""Images as a person expects them, whatever the file; and what is refused."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
from PIL import ImageCms
from support.picture_cases import TURNS

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.common.signals import MAX_PIXELS, Image
from isthmus.data.image.colour import PASSED_OVER, ROUGH_INKS
from isthmus.data.image.fast_png import fast_png
from isthmus.data.image.files import FIRST_FRAME, image_paths, read_image, write_image
from isthmus.data.image.formats import is_image_name
from isthmus.data.image.tiff import FIRST_PAGE

UInt8 = npt.NDArray[np.uint8]


def scene(height: int = 20, width: int = 30) -> UInt8:
    """Smooth, so that lossy formats keep it, and different at each corner."""
    rows, columns = np.mgrid[0:height, 0:width]
    planes = (rows * 200 // height + 20, columns * 200 // width + 30, (rows + columns) * 100 // (height + width) + 40)
    return np.stack(planes, axis=2).astype(np.uint8)


def saved(image: PIL.Image.Image, format: str = "PNG", **options: Any) -> bytes:  # noqa: A002
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("format", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("JPEG", {"quality": 98, "subsampling": 0}, 4),
        ("WEBP", {"lossless": True}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("BMP", {}, 0),
    ],
)
def test_formats(tmp_path: Path, format: str, options: dict[str, Any], tolerance: int) -> None:  # noqa: A002
    data = saved(PIL.Image.fromarray(scene()), format, **options)
    path = tmp_path / "picture.of-any-name"
    path.write_bytes(data)
    with path.open("rb") as stream:
        for image in (read_image(path), read_image(data), read_image(stream), read_image(data, format=format.lower())):
            assert image.pixels.dtype == np.uint8
            assert np.abs(image.pixels.astype(int) - scene()).max() <= tolerance


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(format: str, orientation: int) -> None:  # noqa: A002
    """The file holds the scene as the camera was held; what comes out is the scene upright."""
    pixels = scene()
    stored = np.ascontiguousarray(TURNS[orientation](pixels))
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if format == "WEBP" else {"quality": 98, "subsampling": 0} if format == "JPEG" else {}
    found = read_image(saved(PIL.Image.fromarray(stored), format, exif=exif, **options))
    assert found.pixels.shape == pixels.shape
    assert np.abs(found.pixels.astype(int) - pixels).max() <= 6


def test_grey_becomes_rgb() -> None:
    grey = scene()[..., 0]
    for image in (PIL.Image.fromarray(grey), PIL.Image.fromarray(grey > 100)):
        found = read_image(saved(image)).pixels
        assert np.array_equal(found, np.repeat(np.asarray(image.convert("L"))[..., None], 3, 2))
    assert set(np.unique(found)) == {0, 255}


def test_palettes() -> None:
    image = PIL.Image.fromarray(scene()).quantize(16)
    assert np.array_equal(read_image(saved(image)).pixels, np.asarray(image.convert("RGB")))
    image.info["transparency"] = 3
    found = read_image(saved(image, transparency=3)).pixels
    hidden = np.asarray(image) == 3
    assert hidden.any()
    assert (found[hidden] == 255).all()
    assert np.array_equal(found[~hidden], np.asarray(image.convert("RGB"))[~hidden])


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_alpha_lies_over_white(format: str) -> None:  # noqa: A002
    pixels = scene()
    alpha = np.zeros(pixels.shape[:2], np.uint8)
    alpha[:, 10:20], alpha[:, 20:] = 128, 255
    image = PIL.Image.fromarray(np.dstack((pixels, alpha)))
    found = read_image(saved(image, format, **({"lossless": True, "exact": True} if format == "WEBP" else {}))).pixels
    assert (found[:, :10] == 255).all()
    assert np.array_equal(found[:, 20:], pixels[:, 20:])
    mixed = pixels[:, 10:20] * (128 / 255) + 255 * (127 / 255)
    assert np.abs(found[:, 10:20] - mixed).max() <= 1
    grey = read_image(saved(image.convert("LA")))
    assert (grey.pixels[:, :10] == 255).all()


def test_sixteen_bit_grey_is_rounded() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    expected = np.floor(values / 257 + 0.5).astype(np.uint8)
    for format_name in ("PNG", "TIFF"):
        found = read_image(saved(PIL.Image.fromarray(values), format_name)).pixels
        assert np.array_equal(found, np.repeat(expected[..., None], 3, 2))
    big_endian = PIL.Image.fromarray(values.astype(">u2"))
    assert np.array_equal(read_image(saved(big_endian, "TIFF")).pixels[..., 0], expected)


def png_chunks(header: bytes, rows: bytes) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def test_sixteen_bit_rgb_is_rounded() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 65536, (8, 9, 3)).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    found = read_image(png_chunks(struct.pack(">IIBBBBB", 9, 8, 16, 2, 0, 0, 0), rows)).pixels
    assert np.array_equal(found, np.rint(values / 257))


def test_cmyk() -> None:
    image = PIL.Image.fromarray(scene()).convert("CMYK")
    assert np.array_equal(read_image(saved(image, "TIFF")).pixels, np.asarray(image.convert("RGB")))
    read_image(saved(image, "JPEG"))


def test_profiles() -> None:
    """A profile of another space moves the colours; sRGB's own does not; one that cannot be used is passed over."""
    image = PIL.Image.fromarray(scene())
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(read_image(saved(image, icc_profile=own)).pixels, scene())
    for damaged in (b"none", own[:200]):
        assert np.array_equal(read_image(saved(image, icc_profile=damaged)).pixels, scene())
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()  # does not speak of RGB
    assert np.array_equal(read_image(saved(image, icc_profile=lab)).pixels, scene())
    swapped = swap_primaries(own)
    found = read_image(saved(image, icc_profile=swapped)).pixels.astype(int)
    assert np.abs(found[..., 0] - scene()[..., 1]).max() <= 2
    assert np.abs(found[..., 1] - scene()[..., 0]).max() <= 2


def swap_primaries(profile: bytes) -> bytes:
    """sRGB's profile, of another name and with red and green exchanged."""
    data = bytearray(profile)
    count = struct.unpack_from(">I", data, 128)[0]
    for at in range(132, 132 + 12 * count, 12):
        name = bytes(data[at : at + 4])
        if name in (b"rXYZ", b"gXYZ"):
            data[at : at + 4] = b"gXYZ" if name == b"rXYZ" else b"rXYZ"
        elif name == b"desc":
            offset, size = struct.unpack_from(">II", data, at + 4)
            text = bytes(data[offset : offset + size])
            data[offset : offset + size] = text.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    return bytes(data)


def test_one_pixel() -> None:
    assert read_image(saved(PIL.Image.fromarray(scene(1, 1)))).pixels.shape == (1, 1, 3)


def test_the_first_page() -> None:
    pages = [PIL.Image.fromarray(scene()), PIL.Image.fromarray(scene()[::-1])]
    data = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert np.array_equal(read_image(data).pixels, scene())


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_cut_files(tmp_path: Path, format: str) -> None:  # noqa: A002
    data = saved(PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)), format)
    path = tmp_path / "cut.file"
    for size in (1, 9, 30, len(data) // 2, len(data) - (60 if format == "PNG" else 200)):
        path.write_bytes(data[:size])
        with pytest.raises(InputError, match=r"cut\.file: expected"):
            read_image(path)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_damaged_files(format: str) -> None:  # noqa: A002
    """Any bytes changed: an image, or an InputError, and no warning."""
    data = saved(PIL.Image.fromarray(scene()), format)
    rng = np.random.default_rng(1)
    refusals: list[str] = []
    for _ in range(150):
        damaged = bytearray(data)
        for at in rng.integers(0, min(len(data), 400), 3):
            damaged[at] = rng.integers(256)
        try:
            read_image(bytes(damaged))
        except InputError as error:
            refusals.append(str(error))
    assert refusals
    assert all("expected" in refusal for refusal in refusals)


def test_bombs() -> None:
    """A few bytes that claim a plane of gigabytes."""
    for side in (8193, 20_000, 65_535, 2**31 - 1):
        data = png_chunks(struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0), b"")
        with pytest.raises(InputError, match=rf"expected at most {MAX_PIXELS} pixels|cannot decode"):
            read_image(data)


def test_what_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("notes")
    with pytest.raises(InputError, match=r"notes.png: expected an image \(png, .*, heif\), got 5 bytes"):
        read_image(tmp_path / "notes.png")
    with pytest.raises(InputError, match="expected a readable file"):
        read_image(tmp_path / "none.png")
    with pytest.raises(InputError, match="standard input: expected an image, got an empty file"):
        read_image(io.BytesIO())
    with pytest.raises(InputError, match="expected an image format"):
        read_image(b"", format="tga")
    with pytest.raises(InputError, match=r"expected an image \(jpeg\)"):
        read_image(saved(PIL.Image.fromarray(scene())), format="jpeg")
    with pytest.raises(InputError, match="got floats"):
        read_image(saved(PIL.Image.fromarray(scene()[..., 0].astype(np.float32)), "TIFF"))
    with pytest.raises(InputError, match="got signed samples"):
        read_image(saved(PIL.Image.fromarray(np.full((2, 2), 70000, np.int32)), "TIFF"))


def test_writes_png(tmp_path: Path) -> None:
    image = Image(scene())
    write_image(image, tmp_path / "out.png")
    assert np.array_equal(read_image(tmp_path / "out.png", format="png").pixels, scene())
    with pytest.raises(InputError, match="place to write"):
        write_image(image, tmp_path / "none" / "out.png")


@pytest.mark.parametrize("shape", [(1, 1), (1, 70_000 // 2), (20, 30), (2000, 400)])
def test_fast_png(shape: tuple[int, int]) -> None:
    image = Image(np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8))
    data = fast_png(image)
    assert np.array_equal(read_image(data, format="png").pixels, image.pixels)
    assert len(data) < 3 * shape[0] * shape[1] * 1.01 + shape[0] + 200


def test_folders(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpeg", "c.tif", "notes.md", ".hidden.png", "deep/d.webp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [p.name for p in image_paths([tmp_path / "notes.md", tmp_path])] == [
        "notes.md",
        "a.jpeg",
        "b.PNG",
        "c.tif",
        "d.webp",
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"expected image files \(.png"):
        image_paths([tmp_path / "empty"])
    assert is_image_name("a/b.JPG")
    assert not is_image_name("a.npy")


def test_what_is_left_out_is_said() -> None:
    still, moving = PIL.Image.fromarray(scene()), [PIL.Image.fromarray(scene()[::-1].copy())]
    for format_name in ("GIF", "WEBP", "PNG", "AVIF"):
        assert read_image(saved(still, format_name)).notes == ()
        assert read_image(saved(still, format_name, save_all=True, append_images=moving)).notes == (FIRST_FRAME,)
    for packing in ("jpeg", "tiff_lzw"):
        assert read_image(saved(still, "TIFF", compression=packing)).notes == ()
        pages = saved(still, "TIFF", compression=packing, save_all=True, append_images=moving)
        assert read_image(pages).notes == (FIRST_PAGE,)
    assert read_image(saved(still, "MPO", save_all=True, append_images=moving)).notes == ()
    for format_name in ("PNG", "TIFF", "JPEG"):
        assert read_image(saved(still, format_name, icc_profile=b"none" * 40)).notes == (PASSED_OVER,)
    assert read_image(saved(still.convert("CMYK"), "JPEG")).notes == (ROUGH_INKS,)


def test_a_gif_cut_behind_its_first_frame_is_read() -> None:
    """What follows is no matter; that there is more is said all the same."""
    still, moving = PIL.Image.fromarray(scene()).quantize(8), [PIL.Image.fromarray(scene()[::-1].copy()).quantize(8)]
    alone, both = saved(still, "GIF"), saved(still, "GIF", save_all=True, append_images=moving)
    found = read_image(both[:-60])
    assert np.array_equal(found.pixels, read_image(alone).pixels)
    assert found.notes == (FIRST_FRAME,)


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1", b"msf1", b"hevc"])
def test_heic_without_its_reader(brand: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "photo.heic").write_bytes(struct.pack(">I4s4sI4s", 20, b"ftyp", brand, 0, b"heic") + bytes(100))
    with pytest.raises(
        MissingDependencyError, match=r"photo\.heic: HEIC needs pillow-heif: pip install 'isthmus\[heif\]'"
    ):
        read_image(tmp_path / "photo.heic")
    with pytest.raises(InputError, match=r"expected an image \(png\)"):
        read_image(tmp_path / "photo.heic", format="png")
