"""Networks for the tables of a finished codec: both ways, from the command to pictures that come back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.adaptive_codecs import write_adaptive_codec
from support.photo_sets import pack_photos
from typer.testing import CliRunner

from isthmus.command.main import app
from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.errors import InputError
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.side import Adaptation
from isthmus.common.image.tables import ImageTables
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.signals import Image
from isthmus.edge.image.encoder import ImageEncoder
from isthmus.runtime.integer_half import open_coder
from isthmus.training.image import adaptive, table_networks
from isthmus.training.image.photos import load_photos, split_photos
from isthmus.training.image.table_networks import TableEffort, TableRun, counts_for, write_table_codec
from isthmus.training.origin import HISTORY_FILE, Origin

EFFORT = TableEffort(steps=60, batch=8, components=5)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished codec, its networks random."""
    folder = write_adaptive_codec(tmp_path_factory.mktemp("zoo"), "image-old-q1")
    (folder / HISTORY_FILE).write_text(json.dumps({"macs_per_pixel": {"g_a": 48.0}, "lambda": 0.01}))
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack_photos(tmp_path_factory.mktemp("photos") / "noise.npz", 48, 64, 64)


@pytest.mark.parametrize("way", ["components", "thesis"])
def test_a_finished_codec_gets_networks_and_keeps_the_rest(way: str, old: Path, photos: Path, tmp_path: Path) -> None:
    counts = counts_for(way, old, *split_photos(load_photos(photos)))
    assert counts.bins >= (256 if way == "thesis" else 64)
    run = TableRun(way, old, counts, EFFORT, 0, tmp_path / "resume.pt")
    folder = write_table_codec(run, tmp_path / "zoo" / "image-new-q1", Origin("a command", "noise", "0" * 64))
    before, after = (load_codec_folder(path, kind=ImageManifest).manifest for path in (old, folder))
    assert (after.family, after.bins, after.side_width) == (
        "image-new",
        counts.bins,
        1 if way == "components" else counts.bins // 8,
    )
    same = {name: digest for name, digest in before.weights if name in ("edge.onnx", "cloud.onnx")}
    assert same.items() <= dict(after.weights).items()
    tables, others = (ImageTables.load(path / ENTROPY_FILE) for path in (old, folder))
    assert np.array_equal(tables.tables.cumulative, others.tables.cumulative)
    record = json.loads((folder / HISTORY_FILE).read_text())
    assert record["lambda"] == 0.01
    assert record["manifest_sha256"] == after.identity.hex()
    assert (record["tables"]["way"], record["tables"]["of"]) == (way, "image-old-q1")
    assert record["tables"]["curve"][-1]["step"] == 60
    encoder, coder = ImageEncoder(folder), open_coder(load_codec_folder(folder, kind=ImageManifest))
    for pixels in load_photos(photos).pixels[:3]:
        coded = encoder.encode(Image(pixels), Adaptation.SYNTHESIZED).detail
        symbols = coder.decode(coded.packet.to_bytes())
        assert symbols.q is not None
        assert symbols.q.shape == (len(symbols.q), after.side_width)
        assert np.array_equal(symbols.y, encoder.encode(Image(pixels), Adaptation.STATIC).detail.symbols.y)
    if way == "components":
        assert 0 < record["synthesized"]["float_gap_closed_percent"] < 100
        assert record["synthesized"]["integer_gain_percent"] == pytest.approx(
            record["synthesized"]["float_gain_percent"], abs=1.5
        )


def test_a_killed_training_goes_on_to_the_same_bytes(
    old: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_networks, "ROUND_STEPS", 20)
    counts = counts_for("components", old, *split_photos(load_photos(photos)))
    origin = Origin("a command", "noise", "0" * 64)

    def written(where: str) -> Path:
        run = TableRun("components", old, counts, EFFORT, 0, tmp_path / f"{where}.pt")
        return write_table_codec(run, tmp_path / where / "image-new-q1", origin)

    whole = written("whole")
    true, calls = adaptive.validate_adaptive, iter(range(2))

    def killed(*given: object) -> object:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return true(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(adaptive, "validate_adaptive", killed)
        with pytest.raises(KeyboardInterrupt):
            written("resumed")
    assert (tmp_path / "resumed.pt").exists()
    resumed = written("resumed")
    for name in ("h_a_q.onnx", "h_s_q.onnx", ENTROPY_FILE):
        assert (whole / name).read_bytes() == (resumed / name).read_bytes(), name
    assert not (tmp_path / "resumed.pt").exists()


def test_the_command_writes_codecs_and_leaves_what_it_made(
    old: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_ZOO", str(old.parent))
    monkeypatch.chdir(tmp_path)
    words = ["train", "tables", "--data", str(photos), "--of", "image-old-q1", "--family", "image-mine", "--steps", "4"]
    first = CliRunner().invoke(app, words)
    assert first.exit_code == 0, first.output
    folder = tmp_path / "codecs" / "image-mine-q1"
    record = json.loads((folder / HISTORY_FILE).read_text())["tables"]
    assert record["command"] == (
        "isthmus train tables --data noise.npz --of image-old-q1 --family image-mine --steps 4 --zoo codecs"
    )
    stamp = (folder / ENTROPY_FILE).stat().st_mtime_ns
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 0, again.output
    assert "made before" in again.stderr
    assert (folder / ENTROPY_FILE).stat().st_mtime_ns == stamp
    elsewhere = CliRunner().invoke(app, [*words, "--runs", "other"])
    assert elsewhere.exit_code == 2
    assert "expected a new name" in elsewhere.stderr


def test_other_ways_and_other_codecs_are_refused(photos: Path) -> None:
    with pytest.raises(InputError, match="way: expected one of components, thesis, got 'magic'"):
        counts_for("magic", Path("nowhere"), *split_photos(load_photos(photos)))
    result = CliRunner().invoke(app, ["train", "tables", "--data", str(photos), "--of", "pc-lite-any-q1"])
    assert result.exit_code == 2
    assert "image" in result.stderr
