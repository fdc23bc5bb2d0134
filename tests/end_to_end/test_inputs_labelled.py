"""Labelled data as people keep it: each layout gives each file its class, for clouds, images and videos alike."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from isthmus.common.errors import InputError
from isthmus.data.image.labelled import load_labelled_images
from isthmus.data.labelled_files import find_labelled_files, placed
from isthmus.data.pointcloud.labelled import MODELNET10
from isthmus.data.pointcloud.sets import load_labelled
from isthmus.data.video.clips import labelled_videos
from isthmus.data.video.formats import is_video_name

Write = Callable[[Path, int], Path]
"""Writes a file that holds a number, under a path whose suffix it adds; answers the path."""


def cloud(path: Path, value: int) -> Path:
    path = path.with_name(path.name + ".npy")
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.full((4, 3), value, np.float32))
    return path


def image(path: Path, value: int) -> Path:
    path = path.with_name(path.name + ".png")
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4, 3), value, np.uint8)).save(path)
    return path


def files(*names: str) -> Callable[[Path, Write], Path]:
    """Writes files of those names, of the values 0, 1, 2 and so on."""

    def written(root: Path, write: Write) -> Path:
        for i, name in enumerate(names):
            write(root / name, i)
        return root

    return written


classes = files("b/x", "a/y", "b/z")
class_then_split = files("b/test/x", "a/test/y", "b/test/z", "a/train/w")


def table(text: str, name: str = "labels.csv", encoding: str = "utf-8") -> Callable[[Path, Write], Path]:
    def written(root: Path, write: Write) -> Path:
        suffix = {write(root / "files" / stem, i).suffix for i, stem in enumerate("xyzw")}.pop()
        (root / name).write_bytes(text.replace("~", suffix).encode(encoding, "surrogatepass"))
        return root / name

    return written


def empty_folders_beside(root: Path, write: Write) -> Path:
    for name in ("c", "d/test"):
        (root / name).mkdir(parents=True)
    return class_then_split(root, write)


def hidden_files_beside(root: Path, write: Write) -> Path:
    write(root / ".cache" / "q", 9)
    write(root / "a" / ".hidden", 9)
    return classes(root, write)


LAYOUTS: dict[str, Callable[[Path, Write], Path]] = {
    "folders of classes": classes,
    "folders within classes": files("b/monday/x", "a/y", "b/tuesday/z"),
    "class/test": class_then_split,
    "test/class": files("test/b/x", "test/a/y", "test/b/z", "train/a/w"),
    "val/class": files("val/b/x", "val/a/y", "val/b/z", "train/a/w"),
    "flat, hyphens": files("b-001", "a-002", "b-10"),
    "flat, underscores": files("b_1", "a_002", "b_0010"),
    "csv without heads": table("files/x~,b\nfiles/y~,a\nfiles/z~,b\n"),
    "csv with heads the other way round": table("label,id,file\nb,1,files/x~\na,2,files/y~\nb,3,files/z~\n"),
    "csv with a byte order mark": table("file,label\nfiles/x~,b\nfiles/y~,a\nfiles/z~,b\n", encoding="utf-8-sig"),
    "csv in UTF-16, as PowerShell writes": table("file,label\nfiles/x~,b\nfiles/y~,a\nfiles/z~,b\n", encoding="utf-16"),
    "csv in UTF-16 of tabs, as Excel's Unicode text": table(
        "file\tlabel\r\nfiles/x~\tb\r\nfiles/y~\ta\r\nfiles/z~\tb\r\n", encoding="utf-16"
    ),
    "csv in UTF-32": table("files/x~,b\nfiles/y~,a\nfiles/z~,b\n", encoding="utf-32"),
    "csv of old line ends": table("file,label\rfiles/x~,b\rfiles/y~,a\rfiles/z~,b\r"),
    "csv that names its separator": table("sep=;\nfiles/x~;b\nfiles/y~;a\nfiles/z~;b\n"),
    "csv of semicolons": table("path;class\nfiles/x~;b\n\nfiles/y~;a\nfiles/z~;b\n"),
    "tsv": table("files/x~\tb\nfiles/y~\ta\nfiles/z~\tb\n", "labels.tsv"),
    "csv with splits": table("file,label,split\nfiles/x~,b,test\nfiles/y~,a,test\nfiles/z~,b,test\nfiles/w~,a,train\n"),
    "empty folders beside": empty_folders_beside,
    "hidden files beside": hidden_files_beside,
}
EXPECTED = {(0, "b"), (1, "a"), (2, "b")}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_labelled_clouds(tmp_path: Path, layout: str) -> None:
    found = load_labelled(LAYOUTS[layout](tmp_path / "my set", cloud), "test")
    pairs = {(int(c[0, 0]), found.class_names[k]) for c, k in zip(found.clouds, found.labels, strict=True)}
    assert pairs == EXPECTED
    assert found.class_names == ("a", "b")
    assert found.name == ("labels" if "sv" in layout else "my set")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_labelled_images(tmp_path: Path, layout: str) -> None:
    found = load_labelled_images(LAYOUTS[layout](tmp_path / "my set", image))
    pairs = {(int(found.pixels(i)[0, 0, 0]), found.class_names[k]) for i, k in enumerate(found.labels)}
    assert (pairs, found.class_names) == (EXPECTED, ("a", "b"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_labelled_videos(tmp_path: Path, layout: str) -> None:
    def video(path: Path, value: int) -> Path:
        path = path.with_name(path.name + ".mp4")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(value))
        return path

    found = find_labelled_files(LAYOUTS[layout](tmp_path / "my set", video), "test", is_video_name, "video")
    pairs = {(int(p.read_text()), found.class_names[k]) for p, k in zip(found.paths, found.labels, strict=True)}
    assert (pairs, found.class_names) == (EXPECTED, ("a", "b"))


def test_videos_carry_their_label_and_a_codecs_number_of_it(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2", reason="writing a video needs OpenCV, of the extra `video`")
    for name, value in (("Night Stand", 40), ("bed", 200)):
        (tmp_path / "v" / name).mkdir(parents=True)
        writer = cv2.VideoWriter(str(tmp_path / "v" / name / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (32, 32))
        for _ in range(3):
            writer.write(np.full((32, 32, 3), value, np.uint8))
        writer.release()
    clips = labelled_videos(tmp_path / "v", 2)
    assert (clips.name, clips.class_names, len(clips)) == ("v", ("Night Stand", "bed"), 2)
    named = clips.with_classes(("table", "bed", "night_stand"), "a codec")
    seen = {(round(float(c.frames.mean()), -1), c.label, len(c)) for c in (named.clip(0), named.clip(1))}
    assert seen == {(40, 2, 2), (200, 1, 2)}


@pytest.mark.parametrize("layout", ["class/test", "test/class", "csv with splits"])
def test_train_is_apart(tmp_path: Path, layout: str) -> None:
    found = load_labelled(LAYOUTS[layout](tmp_path / "s", cloud), "train")
    assert [(int(c[0, 0]), found.class_names[k]) for c, k in zip(found.clouds, found.labels, strict=True)] == [(3, "a")]


@pytest.mark.parametrize(
    ("write", "split", "match"),
    [
        (lambda r: classes(r, cloud), "train", "split train, got 3 of test alone: put those of train into CLASS/train"),
        (lambda r: (cloud(r / "noname", 1), r)[1], "test", "CLASS/FILE, CLASS/test/FILE, test/CLASS/FILE or LABEL-001"),
        (lambda r: table("files/none~,b\n")(r, cloud), "test", "row 1: expected a file that is there and a label, got"),
        (
            lambda r: table(f"{'n' * 300}~,b\n")(r, cloud),
            "test",
            "row 1: expected a file that is there and a label, got",
        ),
        (lambda r: table("files/\0~,b\n")(r, cloud), "test", "expected text in UTF-8, got a zero byte"),
        (lambda r: table("files/x~\n")(r, cloud), "test", "row 1: expected a file and a label, got 'files/x.npy'"),
        (lambda r: table("file,label,split\nfiles/x~,b,dev\n")(r, cloud), "test", "row 2: .* train or test, got 'dev'"),
        (lambda r: table("\n")(r, cloud), "test", "or a .csv of file and label, got none"),
        (
            lambda r: table("Größe\n", encoding="latin-1")(r, cloud),
            "test",
            "expected a table .* in UTF-8, .*; save it as",
        ),
        (lambda r: table("files/x~,b\n", encoding="utf-16-le")(r, cloud), "test", "a zero byte .*without its mark"),
        (lambda r: table("\ufefffiles/x~,\ud800\n", encoding="utf-16-le")(r, cloud), "test", "text in UTF-16"),
    ],
)
def test_what_is_refused(tmp_path: Path, write: Callable[[Path], Path], split: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        load_labelled(write(tmp_path / "s"), split)


def test_images_are_read_as_everywhere_else(tmp_path: Path) -> None:
    """Upright, over white, of 16 bits: as `read_image` does it, in folders and packed."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right
    files = {"deep": io.BytesIO(), "clear": io.BytesIO(), "turned": io.BytesIO()}
    Image.fromarray(np.full((4, 4), 0x8080, np.uint16)).save(files["deep"], "PNG")
    Image.fromarray(np.full((4, 4, 4), (0, 0, 0, 51), np.uint8)).save(files["clear"], "PNG")
    Image.fromarray(np.repeat([[9], [200]], 6, 1).astype(np.uint8)).save(files["turned"], "TIFF", exif=exif)
    blobs = [file.getvalue() for file in files.values()]
    for name, blob in zip(files, blobs, strict=True):
        (tmp_path / "set" / name).mkdir(parents=True)
        (tmp_path / "set" / name / "x.png").write_bytes(blob)
    offsets = np.cumsum([0, *map(len, blobs)])
    packed: dict[str, Any] = {"jpg": np.frombuffer(b"".join(blobs), np.uint8), "off": offsets, "labels": np.arange(3)}
    np.savez(tmp_path / "set.npz", names=np.array(list(files)), **packed)
    for path in (tmp_path / "set", tmp_path / "set.npz"):
        images = load_labelled_images(path)
        found = {images.class_names[label]: images.pixels(i) for i, label in enumerate(images.labels)}
        assert (found["deep"] == 128).all()
        assert (found["clear"] == 204).all()
        assert found["turned"].shape == (6, 2, 3)
        assert found["turned"][0, :, 0].tolist() == [200, 9]


def test_nobodys_ten_classes_are_modelnet10(tmp_path: Path) -> None:
    """A set is called by its folder; ModelNet10 is what has its classes, all with meshes, and its name."""
    off = "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"

    def written(root: Path, names: Any, empty: tuple[str, ...] = ()) -> Path:
        for name in names:
            (root / name / "test").mkdir(parents=True)
            if name not in empty:
                (root / name / "test" / f"{name}_1.off").write_text(off)
        return root

    eight = sorted(MODELNET10)[:8]
    padded = load_labelled(written(tmp_path / "factory", MODELNET10, tuple(MODELNET10 - {*eight})), "test")
    assert (padded.name, padded.class_names) == ("factory", tuple(eight))
    assert load_labelled(written(tmp_path / "ten", [f"part{i}" for i in range(10)]), "test").name == "ten"
    assert load_labelled(written(tmp_path / "mine", MODELNET10), "test").name == "mine"
    assert load_labelled(written(tmp_path / "ModelNet10", MODELNET10), "test").name == "ModelNet10"


def test_classes_are_found_by_name_and_a_subset_will_do() -> None:
    known = ("bathtub", "bed", "night_stand", "sofa")
    assert placed([0, 1, 1], ["Night Stand", "SOFA"], known, "mine", "codec").tolist() == [2, 3, 3]
    assert placed([1], ["lamp", "night-stand"], known, "mine", "codec").tolist() == [2]  # no lamp among the labels
    synonyms = ("tench, Tinca tinca", "crane", "maillot", "crane, wader")
    names = ["Tench", "tinca_tinca", "wader", "crane", "crane, wader"]
    assert placed(range(5), names, synonyms, "mine", "codec").tolist() == [0, 0, 3, 1, 3]
    assert placed([1, 0], ["b", "a"], ("class 0", "class 1"), "mine", "codec").tolist() == [1, 0]  # a codec of numbers
    with pytest.raises(
        InputError, match=r"knows: bathtub, .*; got bathtup \(did you mean bathtub\?\): rename or leave"
    ):
        placed([0, 1], ["bathtup", "bed"], known, "mine", "codec")
    with pytest.raises(InputError, match="got a, b, c"):
        placed([0, 1, 2], ["a", "b", "c"], ("class 0", "class 1"), "mine", "codec")


@pytest.mark.parametrize(
    ("arrays", "sizes"),
    [
        ({"points": np.ones((2, 5, 3), np.int16), "scale": np.float32(0.5)}, [5, 5]),
        ({"points": np.full((2, 5, 3), 0.5, np.float64)}, [5, 5]),
        ({"points": np.ones((7, 3), np.int16), "scale": np.float32(0.5), "offsets": np.array([0, 3, 7])}, [3, 4]),
        ({"points": np.full((7, 3), 0.5, np.float32), "offsets": np.array([0, 3, 7])}, [3, 4]),
    ],
)
def test_packed_clouds(tmp_path: Path, arrays: dict[str, Any], sizes: list[int]) -> None:
    """`scale` multiplies integers, `offsets` cut clouds of several sizes; all are test without `is_test`."""
    np.savez(tmp_path / "p.npz", labels=np.array([1, 0]), class_names=np.array(["a", "b"]), **arrays)
    found = load_labelled(tmp_path / "p.npz", "test")
    assert [len(c) for c in found.clouds] == sizes
    assert (found.points == 0.5).all()
    assert [found.class_names[k] for k in found.labels] == ["b", "a"]


UTM = np.array([500_000.0, 5_400_000.0, 300.0])


@pytest.mark.parametrize("kind", ["float64", "int32", "int64", "float64 and a scale", "ragged", "lidar"])
def test_packed_clouds_far_from_the_origin_keep_their_shape(tmp_path: Path, kind: str) -> None:
    """Map coordinates in millimetres: a cast before the scale would leave steps of a half metre."""
    shape = np.random.default_rng(3).integers(0, 3000, (2, 40, 3)) / 1000.0
    far = shape + UTM
    whole = np.rint(far * 1000)
    arrays: dict[str, Any] = {"labels": np.array([0, 1]), "class_names": np.array(["a", "b"])}
    stored, scale = {
        "float64": (far, None),
        "int32": (whole.astype(np.int64) % 2**32, 0.001),
        "int64": (whole.astype(np.int64), 0.001),
        "float64 and a scale": (far * 8, 0.125),
        "ragged": (far.reshape(-1, 3), None),
        "lidar": (whole.astype(np.int64).reshape(-1, 3), None),
    }[kind]
    if kind == "int32":
        stored = (stored % 2**31).astype(np.int32)
        shape = stored * 0.001
    arrays |= {"points_milli" if kind == "lidar" else "points": stored}
    arrays |= {} if scale is None else {"scale": np.float64(scale)}
    if kind in ("ragged", "lidar"):
        arrays["offsets"] = np.array([0, 40, 80])
    if kind == "lidar":
        arrays["is_test"] = np.ones(2, bool)
    np.savez(tmp_path / "set.npz", **arrays)
    found = load_labelled(tmp_path / "set.npz", "test")
    for cloud_found, expected in zip(found.clouds, shape, strict=True):
        x, y, z = (expected - expected[0]).T
        turned = np.stack((x, -z, y), 1) if kind == "lidar" else np.stack((x, y, z), 1)
        np.testing.assert_allclose(cloud_found - cloud_found[0], turned, rtol=0, atol=2e-6)


def test_hdf5_clouds_far_from_the_origin_keep_their_shape(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="h5py is missing: pip install 'isthmus[hdf5]'")
    shape = np.random.default_rng(3).random((2, 40, 3))
    with h5py.File(tmp_path / "far.h5", "w") as file:
        file["data"], file["label"] = shape + UTM, np.array([0, 1])
    x, y, z = np.moveaxis(shape - shape[:, :1], -1, 0)
    found = np.stack(load_labelled(tmp_path / "far.h5", "test").clouds)
    np.testing.assert_allclose(found - found[:, :1], np.stack((x, -z, y), -1), rtol=0, atol=2e-6)
