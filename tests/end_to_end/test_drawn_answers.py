"""`isthmus edge --draw`: from photographs over the wire to pictures with their boxes and masks on them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from support.command_line import isthmus
from support.constant_detector import detector
from support.soft_pictures import soft_pictures

pytest.importorskip("onnx")
pytest.importorskip("torch")

from isthmus.data.image.files import read_image
from isthmus.edge.video.drawing import colour_of
from isthmus.measure.cuts.networks import exported
from isthmus.measure.split.edge_encoder import EDGE_ENCODER
from isthmus.models.shapes.networks import UNet
from isthmus.split.codec_folder import SplitOptions
from isthmus.split.network import Network, read_network
from isthmus.split.pictures import Pictures
from isthmus.split.plane_writer import write_plane_codec
from isthmus.split.preprocessing import Preprocessing
from isthmus.split.several import all_cuts

SIZE = (64, 96)
CLASSES = ("cat", "dog")
SIDES = np.array([[12, 24, 28, 36], [50, 20, 70, 40]], np.float32)  # in the network's own frame
BOXES = {"boxes": SIDES, "labels": np.array([0, 1], np.int64), "scores": np.array([0.9, 0.7], np.float32)}
TIMES = 2  # as large as that frame the photographs are


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A codec that finds two boxes in any frame, and one that makes masks."""
    folder = tmp_path_factory.mktemp("zoo")
    boxes = read_network(detector(BOXES, SIZE), "found", task="detect")
    masks = read_network(exported(UNet(resizes=True), SIZE, ("mask",)), "unet", task="segment")
    _write(boxes, "cut", folder / "video-boxes", CLASSES)
    cut = next(cut for cut in all_cuts(masks) if len(cut.tensors) == 3)
    _write(masks, cut.tensor, folder / "video-masks", ())
    return folder


def _write(network: Network, at: str, folder: Path, classes: tuple[str, ...]) -> None:
    pictures = Pictures("made", "0" * 64, tuple(soft_pictures(4)))
    options = SplitOptions(at, preprocessing=Preprocessing(top=1), class_names=classes)
    write_plane_codec(network, pictures, options, folder, EDGE_ENCODER)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two photographs of one name in two folders, one of another, and one file that is none."""
    folder = tmp_path_factory.mktemp("photos")
    paths = [folder / name for name in ("a/one.png", "b/one.png", "b/two.png")]
    for path, pixels in zip(paths, soft_pictures(3), strict=True):
        path.parent.mkdir(exist_ok=True)
        picture = PIL.Image.fromarray(pixels).resize((TIMES * SIZE[1], TIMES * SIZE[0]))
        picture.save(path)
    (folder / "b/bad.png").write_bytes(b"oops")
    return [*paths, folder / "b/bad.png"]


def test_boxes_are_drawn_where_they_were_found(zoo: Path, address: str, photos: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "found" / "here"
    told = isthmus("edge", *photos, "--zoo", zoo, "--codec", "video-boxes", "--cloud", address, "--draw", out, "--json")
    assert told.exit_code == 1, told.output  # one file is no picture
    rows = [json.loads(line) for line in told.stdout.splitlines()]
    assert [len(row["boxes"]) for row in rows if "boxes" in row] == [2, 2, 2]
    # Neither of two photographs of one name takes the other's place.
    assert sorted(path.name for path in out.iterdir()) == ["one-2.png", "one.png", "two.png"]
    for path, name in zip(photos, ("one.png", "one-2.png", "two.png"), strict=False):
        before, after = read_image(path).pixels, np.asarray(PIL.Image.open(out / name))
        assert after.shape == before.shape
        changed = (after != before).any(2)
        for sides, index in zip(SIDES, (0, 1), strict=True):
            left, top, right, bottom = (round(TIMES * side) for side in sides)
            edge = after[bottom - 1, left + 4 : right - 4]
            np.testing.assert_array_equal(edge, np.broadcast_to(colour_of(index), edge.shape))
            middle = changed[(top + bottom) // 2, (left + right) // 2 - 2 : (left + right) // 2 + 2]
            assert not middle.any()  # a box is a frame around what is in it
        assert changed.mean() < 0.2


def test_masks_are_drawn_over_the_whole_picture(zoo: Path, address: str, photos: list[Path], tmp_path: Path) -> None:
    asked = ("--zoo", zoo, "--codec", "video-masks", "--cloud", address, "--draw", tmp_path / "out", "--json")
    told = isthmus("edge", photos[0], *asked)
    assert told.exit_code == 0, told.output
    (row,) = (json.loads(line) for line in told.stdout.splitlines())
    before, after = read_image(photos[0]).pixels, np.asarray(PIL.Image.open(tmp_path / "out" / "one.png"))
    assert after.shape == before.shape
    # The first class is left as it is, all others are tinted.
    tinted = sum(each["pixels"] for each in row["classes"] if each["class_index"])
    assert 0 < tinted < row["height"] * row["width"]
    assert 0.9 * tinted < (after != before).any(2).sum() <= tinted


def test_labels_have_nothing_to_draw(photos: list[Path], tmp_path: Path) -> None:
    told = isthmus("edge", photos[0], "--codec", "image-light-q4", "--draw", tmp_path / "out")
    assert told.exit_code == 2
    assert "--draw" in told.output
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_told(zoo: Path, address: str, photos: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    asked = ("--zoo", zoo, "--codec", "video-boxes", "--cloud", address, "--draw", tmp_path / "file")
    told = isthmus("edge", photos[0], *asked)
    assert told.exit_code in (1, 2)
    assert str(tmp_path / "file") in " ".join(told.output.split())
