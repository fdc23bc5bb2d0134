"""What `training.json` and `split.json` of every codec that ships say, against the code and the command they name.

A record names a command. Here that command is understood by today's command line, what it would train is asked of the
code that would train it, and both have to say the same: schedule, trade-off, alphabet, seed, sizes, names, data.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.command_line import Parsed, parsed
from support.macs import graph_macs, layers_of
from support.paths import DATA, ROOT

from isthmus.command.train import ClassifierOptions, CurveOptions, NameOptions, ViewOptions, start_curve
from isthmus.command.train_image import FAMILIES, LIGHT, ImageTrainingOptions, numbers
from isthmus.command.train_options import DestinationOptions, RunOptions, trained_by
from isthmus.command.train_tables import TableOptions, TableRunOptions
from isthmus.command.train_video import VideoTrainingOptions
from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.image.tables import ImageTables
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.video.manifest import VideoManifest
from isthmus.data.image.imagenet import IMAGENET, imagenet_classes
from isthmus.measure.options import words
from isthmus.models.image.transforms import STRIDE
from isthmus.models.pointcloud.pointnet import CONFIGS
from isthmus.split.codec_folder import SPLIT_FILE
from isthmus.split.options import CutOptions, FrameOptions
from isthmus.split.pictures import load_pictures
from isthmus.split.video_zoo import FAMILY, FIRST_ROUND, SECOND_ROUND, STEPS
from isthmus.training.image import transforms
from isthmus.training.image.effort import PARENTS, REFERENCE_PARENTS, ImageEffort
from isthmus.training.image.table_networks import TableEffort
from isthmus.training.image.transforms import ROUND_STEPS
from isthmus.training.origin import HISTORY_FILE, data_digest
from isthmus.training.pointcloud import classifiers
from isthmus.training.pointcloud.curve import point_schedule
from isthmus.training.pointcloud.rate_points import effort_of, ladder
from isthmus.training.pointcloud.thesis_curve import lambda_schedules
from isthmus.training.pointcloud.thesis_recipe import LAMBDAS

ZOO = ROOT / "models" / "zoo"
FOLDERS = sorted(path.parent for path in ZOO.glob("*/manifest.json"))
CLOUDS = [folder for folder in FOLDERS if folder.name.startswith("pc-")]
IMAGES = [folder for folder in FOLDERS if folder.name.startswith("image-")]
VIDEOS = [folder for folder in FOLDERS if folder.name.startswith("video-")]
CUT = [folder for folder in FOLDERS if folder.name.startswith("vision-")]
"""Of networks that were trained elsewhere."""
POINTS = 64
SIDE = 128

of_codec = pytest.mark.parametrize("folder", [*CLOUDS, *IMAGES, *VIDEOS], ids=lambda folder: folder.name)
of_cloud = pytest.mark.parametrize("folder", CLOUDS, ids=lambda folder: folder.name)
of_image = pytest.mark.parametrize("folder", IMAGES, ids=lambda folder: folder.name)
of_video = pytest.mark.parametrize("folder", VIDEOS, ids=lambda folder: folder.name)


def record_of(folder: Path) -> dict[str, Any]:
    """The record of a codec, or of the classifiers."""
    file = folder / (SPLIT_FILE if (folder / SPLIT_FILE).exists() else HISTORY_FILE)
    record: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return record


@cache
def command_of(text: str) -> Parsed:
    """A recorded command, as today's command line understands it."""
    return parsed(text)


def planned_cloud(command: Parsed, quality: int) -> dict[str, Any]:
    """What the record of a rate point must say, by the code that the command would run."""
    options, seed = command.of(CurveOptions), command.of(RunOptions).seed
    said = {
        "config": options.config,
        "variant": options.variant,
        "recipe": options.recipe,
        "encoder_macs_per_point": CONFIGS[options.config].macs_per_point,
    }
    if options.recipe == "thesis":
        place = len(LAMBDAS) - quality
        schedules = lambda_schedules(options.config, options.epochs, is_begun=bool(start_curve(options)))
        return said | {
            "schedule": asdict(schedules[place]),
            "lambda": LAMBDAS[place],
            "seed": seed + place,
            "quantizer_macs": 0,
        }
    point = ladder(options.config, options.variant)[quality - 1]
    return said | {
        "schedule": asdict(point_schedule(effort_of(options.config, options.variant, options.epochs), quality)),
        "lambda": point.trade_off,
        "alphabet": asdict(point.alphabet),
        "seed": seed,
        "quantizer_macs": point.alphabet.outputs * CONFIGS[options.config].channels[-1],
    }


def quality_of(folder: Path) -> int:
    return int(folder.name.rpartition("-q")[2])


def test_every_codec_has_a_record() -> None:
    assert len(FOLDERS) == len(CLOUDS) + len(IMAGES) + len(VIDEOS) + len(CUT) == 161
    assert [f.name for f in FOLDERS if not (f / HISTORY_FILE).exists()] == [f.name for f in [*VIDEOS, *CUT]]


@of_codec
def test_a_record_is_of_this_codec_and_these_data(folder: Path) -> None:
    record = record_of(folder)
    assert load_codec_folder(folder).manifest.identity.hex() == record["manifest_sha256"]
    command = command_of(record["command"])
    assert command.of(DestinationOptions) == DestinationOptions(Path("models/zoo"))
    assert folder.name not in (path.name for path in VIDEOS) or command.name == "isthmus train video"


@pytest.mark.parametrize(
    ("name", "digests"),
    sorted(
        {
            (str(command_of(record["command"]).values["data"]), str(record.get("training", record)["data_sha256"]))
            for record in map(record_of, [*CLOUDS, *IMAGES, *VIDEOS, ZOO / classifiers.FOLDER])
        }
    ),
)
def test_data_are_those_that_are_named(name: str, digests: str) -> None:
    """A name stands for one file only, whose digest it is where it lies beside the project."""
    if not (DATA / name).exists():
        pytest.skip(f"no {name} in {DATA}")
    assert data_digest(DATA / name) == digests


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a record says of its images."""

    data: str
    sha256: str
    images: int


@cache
def _calibration(data: str, count: int) -> Calibration:
    pictures = load_pictures(DATA / data, count)
    return Calibration(pictures.name, pictures.sha256, len(pictures))


@pytest.mark.parametrize("folder", CUT, ids=lambda folder: folder.name)
def test_a_cut_codec_is_what_its_command_makes(folder: Path) -> None:
    record, manifest = record_of(folder), load_codec_folder(folder, kind=VideoManifest).manifest
    assert manifest.identity.hex() == record["manifest_sha256"]
    command = command_of(record["command"])
    cut, frames = command.of(CutOptions), command.of(FrameOptions)
    assert command.name == "isthmus split"
    assert cut.at == record["cut"]["tensor"] == f"block{folder.name.removeprefix('vision-lite0-b')}/output"
    assert (cut.bits, cut.step, cut.seed) == (0, 0, record["seed"])
    assert cut.count == record["calibration"]["images"]
    pixels = [[float(x) for x in words.split(",")] for words in (frames.mean, frames.std)]
    assert pixels == [record["preprocessing"]["mean"], record["preprocessing"]["std"]]
    assert str(command.values["classes"]) == IMAGENET
    assert manifest.class_names == imagenet_classes()
    assert manifest.latent_channels == record["quantiser"]["components"] <= record["quantiser"]["of_channels"]
    height, width = record["macs"]["frame"]
    places = manifest.latent_height * manifest.latent_width
    mixing = record["quantiser"]["of_channels"] * manifest.latent_channels * places
    assert graph_macs(folder / "edge.onnx", 1, 3, height, width) == record["macs"]["edge"] + mixing
    data = Path(command.values["images"]).name
    if (DATA / data).exists():
        assert record["calibration"] == asdict(_calibration(data, cut.count))


@of_cloud
def test_a_cloud_codec_is_what_its_command_trains(folder: Path) -> None:
    record, quality = record_of(folder), quality_of(folder)
    command = command_of(record["command"])
    assert command.name == "isthmus train pointcloud"
    options = command.of(CurveOptions)
    assert folder.name == f"{command.of(NameOptions).name or f'pc-{options.curve}'}-q{quality}"
    planned = planned_cloud(command, quality)
    schedule, found = planned.pop("schedule"), record["schedule"]
    assert {name: record[name] for name in planned} == planned
    if folder.name == "pc-full-thesis-p1024-q9":  # the first of all, of before records held the whole schedule
        assert set(found) == {"epochs", "patience", "early_stop"}
        schedule = {name: schedule[name] for name in found}
    assert found == schedule
    validation, epochs = record["validation"], planned_epochs(planned_cloud(command, quality)["schedule"], record)
    assert 1 <= validation["best_epoch"] <= validation["epochs"] == epochs
    assert (folder / "view.onnx").exists() == (f"q{quality}" in command.of(ViewOptions).views.split(","))


def planned_epochs(schedule: dict[str, Any], record: dict[str, Any]) -> int:
    """Epochs that a training by this schedule has run, its best one known."""
    if schedule["kind"] == "cosine":
        return int(schedule["epochs"])
    return int(min(schedule["epochs"], record["validation"]["best_epoch"] + schedule["early_stop"]))


def test_a_curve_is_whole() -> None:
    """What a command trains, all of it, is what ships under it; what it goes on from is another curve that ships."""
    curves: dict[str, set[int]] = {}
    for folder in CLOUDS:
        curves.setdefault(record_of(folder)["command"], set()).add(quality_of(folder))
    for text, qualities in curves.items():
        options = command_of(text).of(CurveOptions)
        count = len(LAMBDAS) if options.recipe == "thesis" else len(ladder(options.config, options.variant))
        assert qualities == set(range(1, count + 1)), text
        start = start_curve(options)
        assert not start or (ZOO / f"pc-{start}-q1").exists()
        assert bool(start) == (options.config == "full" and options.variant != "p1024")


@of_cloud
def test_macs_of_a_cloud_codec_are_those_of_its_graph(folder: Path) -> None:
    """Layers in groups are written whole, the weights between groups 0; recipes of scalars drop channels that died."""
    record, layers = record_of(folder), layers_of(folder / "edge.onnx", 1, 3, POINTS)
    used = sum(layer.weights for layer in layers if layer.operator == "Conv")
    counted = sum(layer.macs for layer in layers if layer.operator == "Conv") / POINTS
    macs, is_grouped = record["encoder_macs_per_point"], max(CONFIGS[record["config"]].groups) > 1
    assert sum(layer.macs for layer in layers if layer.operator == "Gemm") == record["quantizer_macs"]
    if record["recipe"] == "thesis":
        assert 0 < used <= macs
    else:
        assert 0.9 * macs < used <= macs
        assert macs < counted if is_grouped else macs == counted


def test_classifiers_are_what_their_command_trains() -> None:
    record = record_of(ZOO / classifiers.FOLDER)
    command = command_of(record["command"])
    assert command.name == "isthmus train classifiers"
    start = command.of(ClassifierOptions).start
    assert start == Path("runs") / "full-p1024" / "pretrained.pt"
    assert record["seed"] == command.of(RunOptions).seed
    trained = {f"p{points}": epochs for points, epochs in classifiers.EPOCHS.items() if points != 1024}
    assert {name: row["epochs"] for name, row in record["validation"].items()} == trained
    shipped = {path.stem for path in (ZOO / classifiers.FOLDER).glob("*.onnx")}
    assert shipped == {f"pointnet-p{points}" for points in classifiers.POINT_COUNTS}


@of_image
def test_an_image_codec_is_what_its_command_trains(folder: Path) -> None:
    record, quality = record_of(folder), quality_of(folder)
    command = command_of(record["command"])
    options = command.of(ImageTrainingOptions)
    assert command.name == "isthmus train image"
    assert record["seed"] == command.of(RunOptions).seed
    is_light = options.transforms == LIGHT
    parents = PARENTS if is_light else REFERENCE_PARENTS
    effort = ImageEffort() if is_light else ImageEffort.of_reference()
    assert record["steps"] == effort.of(quality, parents)[0]
    assert record["lambda"] == transforms.LAMBDAS[quality - 1]
    assert [row[0] for row in record["curve"]] == list(range(ROUND_STEPS, record["steps"] + 1, ROUND_STEPS))
    is_hyper = folder.name == f"{options.name}-hyper-q{quality}"
    family = f"{options.name}-{FAMILIES[options.transforms]}"
    if "tables" in record:
        family = command_of(record["tables"]["command"]).of(TableOptions).family or family
    assert is_hyper or folder.name == f"{family}-q{quality}"
    assert ("hyperprior" in record) == is_hyper
    if not is_hyper and "tables" not in record:
        assert bool(record["synthesized"]) == (quality in numbers(options.synthesized))


@pytest.mark.parametrize("folder", [f for f in IMAGES if "tables" in record_of(f)], ids=lambda folder: folder.name)
def test_tables_of_an_image_codec_are_what_their_command_trains(folder: Path) -> None:
    record = record_of(folder)["tables"]
    command = command_of(record["command"])
    options, run = command.of(TableOptions), command.of(TableRunOptions)
    assert command.name == "isthmus train tables"
    assert command.of(DestinationOptions) == DestinationOptions(Path("models/zoo"))
    assert record["of"] in words(options.of)
    assert folder.name == f"{options.family or record['of'].rpartition('-q')[0]}-q{quality_of(folder)}"
    assert record["way"] == options.way
    assert record["seed"] == command.of(RunOptions).seed
    assert record["effort"] == asdict(TableEffort(steps=run.steps) if run.steps else TableEffort())
    assert record["data_sha256"] == record_of(folder)["data_sha256"]
    assert record["curve"][-1]["step"] == record["effort"]["steps"]


def test_image_codecs_that_ship_are_all_that_their_command_makes() -> None:
    made: set[str] = set()
    for text in {record_of(folder)["command"] for folder in IMAGES}:
        options = command_of(text).of(ImageTrainingOptions)
        family = f"{options.name}-{FAMILIES[options.transforms]}"
        made |= {f"{family}-q{quality}" for quality in numbers(options.qualities)}
        made |= {f"{options.name}-hyper-q{quality}" for quality in numbers(options.hyperprior)}
    for text in {record_of(folder)["tables"]["command"] for folder in IMAGES if "tables" in record_of(folder)}:
        tables = command_of(text).of(TableOptions)
        names = [name.rpartition("-q") for name in words(tables.of)]
        made |= {f"{tables.family or family}-q{quality}" for family, _, quality in names}
    assert {folder.name for folder in IMAGES} == made


@of_image
def test_macs_of_an_image_codec_are_those_of_its_graphs(folder: Path) -> None:
    said = dict(record_of(folder)["macs_per_pixel"])
    tables, rows = ImageTables.load(folder / ENTROPY_FILE), SIDE // STRIDE

    def counted(name: str, *shape: int) -> int:
        return graph_macs(folder / name, *shape)

    found = {
        "g_a": counted("edge.onnx", 1, 3, SIDE, SIDE) / SIDE**2,
        "g_s": counted("cloud.onnx", 1, 256, rows, rows) / SIDE**2,
    }
    if "h_a" in said:
        found["h_a"] = counted("h_a.onnx", 1, 256, rows, rows) / SIDE**2
        found["h_s"] = counted("h_s.onnx", 1, 48, rows // 4, rows // 4) / SIDE**2
        found["adaptive"] = found["h_a"] + found["h_s"]
    else:
        assert tables.context is not None
        found["adaptive"] = tables.context.macs_per_latent_position / STRIDE**2
    if "synthesized" in said:
        # Of an image of 768 x 512. h_s,q mirrors h_a,q; its graph has transposed kernels of 15 taps as two of 8.
        image = 768 * 512
        bins = load_codec_folder(folder).manifest.bins  # type: ignore[attr-defined]
        if load_codec_folder(folder).manifest.side_columns:  # type: ignore[attr-defined]
            both = counted("h_a_q.onnx", 1, 256, bins) + counted("h_s_q.onnx", 1, TableEffort().components, 1)
            assert said.pop("synthesized") == pytest.approx(both / image, rel=1e-12)
            assert said == found
            return
        assert said.pop("synthesized") == 2 * counted("h_a_q.onnx", 1, 256, bins) / image
        assert 2 * counted("h_a_q.onnx", 1, 256, bins) == pytest.approx(
            counted("h_a_q.onnx", 1, 256, bins) + counted("h_s_q.onnx", 1, 16, bins // 8), rel=0.02
        )
    assert said == found


@of_video
def test_a_video_codec_is_what_its_command_trains(folder: Path) -> None:
    record, quality = record_of(folder), quality_of(folder)
    command, training = command_of(record["command"]), record["training"]
    assert training["command"] == record["command"]
    assert folder.name == f"{FAMILY}-q{quality}"
    assert {f.name for f in VIDEOS} == {f"{FAMILY}-q{number}" for number in STEPS}
    seed = command.of(RunOptions).seed
    assert [record["seed"], training["seed"], training["first_round"]["seed"]] == [seed] * 3
    assert record["calibration"]["images"] == command.of(VideoTrainingOptions).count
    assert record["calibration"]["data"] == Path(command.values["photos"]).stem
    assert training["effort"] == asdict(SECOND_ROUND)
    first = training["first_round"]["effort"]
    assert first == {name: asdict(FIRST_ROUND)[name] for name in first}
    assert {"epochs", "learning_rate", "batch", "motion_weight", "rate_weight", "weight_decay"} == set(first)
    assert len(training["history"]) == SECOND_ROUND.epochs
    assert len(training["first_round"]["history"]) == FIRST_ROUND.epochs
    step = float(np.float32(STEPS[quality]))
    assert (record["quantiser"]["step_min"], record["quantiser"]["step_max"]) == (step, step)


@of_video
def test_macs_of_a_video_codec_are_those_of_its_graphs(folder: Path) -> None:
    record = record_of(folder)
    height, width = record["macs"]["frame"]
    stride, channels = record["cut"]["stride"], record["cut"]["shape"][0]
    grid = (1, channels, height // stride, width // stride)
    assert graph_macs(folder / "edge.onnx", 1, 3, height, width) == record["macs"]["edge"]
    assert graph_macs(folder / "cloud.onnx", *grid) == record["macs"]["cloud"]


@pytest.mark.parametrize("text", sorted({record_of(f)["command"] for f in [*CLOUDS, *IMAGES]}))
def test_a_command_is_recorded_as_it_would_be_today(text: str) -> None:
    command = command_of(text)
    zoo, run, data = command.of(DestinationOptions).zoo, command.of(RunOptions), command.values["data"]
    if command.name == "isthmus train image":
        assert trained_by(f"{command.name} --data {data}", zoo, command.of(ImageTrainingOptions), run) == text
        return
    curve = command.of(CurveOptions)
    words = f"--data {data} --config {curve.config} --variant {curve.variant} --recipe {curve.recipe}"
    options = (curve, run, command.of(NameOptions), command.of(ViewOptions))
    assert trained_by(f"{command.name} {words}", zoo, *options, said=("config", "variant", "recipe")) == text
