"""The point-cloud measure: rate against accuracy over a live wire, beside input compression and the optimum."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from isthmus.common.errors import InputError
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.common.results import Provenance, Results, gather_summary, write_results
from isthmus.common.zoo import find_zoo
from isthmus.data.beside import data_beside, reference_beside
from isthmus.data.pointcloud.furniture import generate_set
from isthmus.data.pointcloud.labelled import LabelledClouds
from isthmus.data.pointcloud.sets import load_labelled
from isthmus.measure.cloud_process import CloudProcess
from isthmus.measure.codecs import fitting_codecs
from isthmus.measure.key import slug
from isthmus.measure.options import words
from isthmus.measure.packages import require_packages
from isthmus.measure.pointcloud.baselines import (
    DRAW_SEED,
    RECORDED_TMC13_VERSION,
    Draco,
    InputCodec,
    LiveTmc13,
    RecordedTmc13,
    Rival,
    SweepPoint,
    sweep,
)
from isthmus.measure.pointcloud.classifiers import Classifiers
from isthmus.measure.pointcloud.curves import published_curves
from isthmus.measure.pointcloud.label_optimum import label_prior
from isthmus.measure.pointcloud.live import clouds_to_send, measure_codec
from isthmus.measure.pointcloud.measurement import Measurement
from isthmus.measure.pointcloud.options import BENCHMARK_POINTS, TMC13_CHOICES, LiveOptions, PointCloudOptions
from isthmus.measure.pointcloud.page import write_page
from isthmus.measure.pointcloud.plots import draw_png
from isthmus.measure.pointcloud.point import CodecName, CodecPoint
from isthmus.measure.pointcloud.trial_clouds import TrialClouds
from isthmus.measure.track import Track, no_track

SHARED_DATA = data_beside("modelnet10_2048.npz")
SHARED_TMC13 = reference_beside("tmc13_modelnet10_bits.npz")
BENCHMARK_DATA = "ModelNet10, voxel-derived"
FURNITURE_PER_CLASS, FURNITURE_POINTS, FURNITURE_SEED = 40, 2048, 20_000
STORED_ROUNDING = 0.01  # packed sets keep integers: a point of the unit ball may lie this far outside
VERSIONED = ("numpy", "onnxruntime", "grpcio", "protobuf", "DracoPy")


def measure(options: PointCloudOptions, live: LiveOptions | None = None, track: Track = no_track) -> Measurement:
    """Measure codecs over the wire, then the baselines.

    Raises:
        InputError: no codec or data fits the options; each message ends with what to do.
        IsthmusError: what the cloud, the codecs or a baseline raise.
    """
    live = live or LiveOptions()
    zoo = find_zoo(options.zoo)
    folders = choose_codecs(zoo, options)
    test_set, notes = _test_set(options)
    manifest = load_codec_folder(folders[0], needed=(), kind=PointCloudManifest).manifest
    test_set = test_set.with_classes(manifest.class_names, manifest.name)
    trial = TrialClouds.draw(test_set, options.points, options.draws)
    codecs = _measure_codecs(folders, trial, options, live, track)
    sweeps: dict[str, tuple[SweepPoint, ...]] = {}
    rivals: dict[str, Rival] = {}
    if words(options.baselines):
        sweeps, rivals, more_notes = _measure_baselines(test_set, options, live.threads, track)
        notes += more_notes
    published = published_curves(options.published) if options.published is not None else {}
    prior = label_prior(test_set.labels)
    return Measurement(test_set.name, options.points, codecs, sweeps, prior, published, rivals, tuple(notes))


def choose_codecs(zoo: Path, options: PointCloudOptions) -> list[Path]:
    """Folders of the codecs asked for, by family and step. InputError if none fits."""
    patterns = options.codecs or f"pc-*-p{options.points}-q*,pc-*-any-q*"
    chosen = fitting_codecs(zoo, patterns)
    if not chosen:
        raise InputError(
            f"expected codecs like {patterns.replace(',', ' or ')} in {zoo}, found none of them: "
            "name others with --codecs, or train them with `isthmus train pointcloud`"
        )
    return sorted(chosen, key=lambda f: (CodecName.parse(f.name).family, CodecName.parse(f.name).step))


def require_pointcloud_packages(options: PointCloudOptions, *, page: bool = True) -> None:
    """MissingDependencyError if a package is missing that this needs."""
    needed = [
        "matplotlib",
        *(["plotly"] if page else []),
        *(["DracoPy"] if "draco" in words(options.baselines) else []),
    ]
    if options.cloud == "":
        needed.append("grpc_health")
    require_packages(needed)


def results_name(measurement: Measurement) -> str:
    """Stem of the results file: ``pointcloud_p1024``, or with the data where it is not the benchmark's."""
    where = "" if measurement.data == BENCHMARK_DATA else f"_{slug(measurement.data)}"
    return f"pointcloud{where}_p{measurement.points}"


def summary_root(measurement: Measurement) -> str:
    """First part of the summary keys: plain `pointcloud` for the benchmark alone."""
    if measurement.data == BENCHMARK_DATA and measurement.points == BENCHMARK_POINTS:
        return "pointcloud"
    return results_name(measurement)


def write_outputs(measurement: Measurement, command: str, folder: Path, *, page: bool = True) -> tuple[Path, ...]:
    """Write the results file, the picture and the page, and gather the summary; answers their paths."""
    name = results_name(measurement)
    others = {name: rival.label for name, rival in measurement.rivals.items()}
    chosen = measurement.chosen
    provenance = Provenance.of(command, measurement.data, DRAW_SEED, VERSIONED, chosen=chosen, others=others)
    summary = measurement.summary(summary_root(measurement))
    written = [write_results(folder, Results(name, provenance, summary, measurement.detail()))]
    written.append(folder / f"{name}.png")
    draw_png(measurement, written[-1])
    if page:
        written.append(folder / f"{name}.html")
        write_page(measurement, command, written[-1])
    gather_summary(folder)
    return tuple(written)


def default_test_set(data: Path | None) -> LabelledClouds:
    """The test split of `data`; without it ModelNet10 where it lies beside the project, else generated furniture."""
    if data is not None or SHARED_DATA.is_file():
        return load_labelled(data or SHARED_DATA, "test")
    return generate_set(FURNITURE_PER_CLASS, FURNITURE_POINTS, FURNITURE_SEED)


def spread_over(clouds: LabelledClouds, limit: int) -> LabelledClouds:
    """At most `limit` of the clouds, evenly spread over the set; 0 for all."""
    if not 0 < limit < len(clouds):
        return clouds
    return clouds.subset(np.linspace(0, len(clouds) - 1, limit).round().astype(np.int64))


def _test_set(options: PointCloudOptions) -> tuple[LabelledClouds, list[str]]:
    test_set = default_test_set(options.data)
    notes = []
    if options.data is None and not SHARED_DATA.is_file():
        notes.append("The clouds are generated furniture, as no data set was given (--data) or found.")
    if options.limit_clouds and options.limit_clouds < len(test_set):
        test_set = spread_over(test_set, options.limit_clouds)
        notes.append(f"Only {len(test_set)} clouds, evenly spread over the test set.")
    return test_set, notes


def _measure_codecs(
    folders: Sequence[Path], trial: TrialClouds, options: PointCloudOptions, live: LiveOptions, track: Track
) -> tuple[CodecPoint, ...]:
    with ExitStack() as stack:
        address = options.cloud or stack.enter_context(CloudProcess(find_zoo(options.zoo))).address
        advance = track("codecs, over the wire", len(folders) * clouds_to_send(trial, live))
        return tuple(measure_codec(folder, trial, address, live, advance) for folder in folders)


def _measure_baselines(
    test_set: LabelledClouds, options: PointCloudOptions, threads: int, track: Track
) -> tuple[dict[str, tuple[SweepPoint, ...]], dict[str, Rival], list[str]]:
    classifiers = Classifiers(find_zoo(options.zoo) / "classifiers", threads)
    clouds = _in_unit_ball(test_set)
    known = [count for count in classifiers.point_counts if count <= clouds.shape[1]]
    sweeps: dict[str, tuple[SweepPoint, ...]] = {}
    rivals: dict[str, Rival] = {}
    notes: list[str] = []
    for codec in _input_codecs(options, len(test_set), notes):
        counts = [count for count in codec.point_counts if count in known]
        advance = track(f"{codec.name}, P × grid bits", len(counts) * len(codec.grid_bits) * len(clouds))
        rivals[codec.name] = codec.rival
        sweeps[codec.name] = sweep(
            codec, clouds, test_set.labels, classifiers.predict, classifiers.point_counts, progress=advance
        )
    return sweeps, rivals, notes


def _input_codecs(options: PointCloudOptions, clouds: int, notes: list[str]) -> list[InputCodec]:
    baselines = words(options.baselines)
    bits = options.tmc13_bits or SHARED_TMC13
    unknown = set(baselines) - {"tmc13", "draco"}
    if unknown or options.tmc13 not in TMC13_CHOICES:
        raise InputError(
            f"expected baselines tmc13 and draco and --tmc13 one of {', '.join(TMC13_CHOICES)}, "
            f"got {', '.join(baselines)} and {options.tmc13}"
        )
    found: list[InputCodec] = []
    if "tmc13" in baselines and options.tmc13 != "none":
        live = LiveTmc13.find() if options.tmc13 in ("auto", "live") else None
        if live is not None:
            found.append(live)
            notes.append("TMC13's bits: the program tmc3, run on each cloud.")
        elif options.tmc13 == "live":
            raise InputError("expected the program tmc3 on PATH, found none: install TMC13, or use --tmc13 recorded")
        elif options.tmc13 == "recorded" or (bits.is_file() and not options.limit_clouds):
            found.append(RecordedTmc13.load(bits, clouds))
            notes.append(f"TMC13's bits: recorded counts of TMC13 {RECORDED_TMC13_VERSION}, {bits.name}.")
        else:
            notes.append("TMC13 is left out: no program tmc3 on PATH, and no recorded counts for this test set.")
    if "draco" in baselines:
        found.append(Draco())
    return found


def _in_unit_ball(test_set: LabelledClouds) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Clouds float64 [clouds, stored, 3]; sets in other units are centred and scaled, the benchmark's left as it is."""
    clouds = test_set.stacked().astype(np.float64)
    if np.linalg.norm(clouds, axis=2).max() > 1 + STORED_ROUNDING:
        clouds = clouds - clouds.mean(1, keepdims=True)
        clouds = clouds / np.linalg.norm(clouds, axis=2).max(1)[:, None, None]
    return clouds
