"""The sweep over points: every codec codes every test cloud, every packet is decoded and answered."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from isthmus.cloud.pointcloud.classifier import Classifier
from isthmus.common.errors import CodecError, InputError
from isthmus.common.manifest.fields import MANIFEST_FILE
from isthmus.common.pointcloud.coder import Decoder
from isthmus.common.results import Provenance, Results, gather_summary, write_results
from isthmus.edge.pointcloud.encoder import PointCloudEncoder
from isthmus.measure.point_sweep.measurement import PointSweepMeasurement
from isthmus.measure.point_sweep.options import PointSweepOptions
from isthmus.measure.point_sweep.plots import draw_point_sweep_png
from isthmus.measure.point_sweep.sweep_point import PATTERN, SweepName, SweepPoint
from isthmus.measure.pointcloud.baselines import DRAW_SEED
from isthmus.measure.pointcloud.curves import published_curves
from isthmus.measure.pointcloud.run import default_test_set, spread_over
from isthmus.measure.pointcloud.training_record import TrainingRecord
from isthmus.measure.pointcloud.trial_clouds import TrialClouds
from isthmus.measure.track import Track

PUBLISHED = Path(__file__).with_name("published_modelnet40.csv")
"""The thesis's own curves, of another data set."""
PUBLISHED_NAMES = tuple(
    f"thesis-{config}-p{points}"
    for config in ("full", "lite", "micro")
    for points in (8, 16, 32, 64, 128, 256, 512, 1024)
)
VERSIONED = ("numpy", "onnxruntime")


def measure_point_sweep(options: PointSweepOptions, track: Track) -> PointSweepMeasurement:
    """Measure every codec of the zoo whose name says that it is of the sweep.

    Raises:
        InputError: there is none, or its training record tells of no validation, or no such data.
        CodecError: a packet gave other symbols than were coded.
    """
    folders = sorted(folder for folder in options.zoo.glob(PATTERN) if (folder / MANIFEST_FILE).exists())
    if not folders:
        raise InputError(
            f"{options.zoo}: expected codecs like {PATTERN}, found none: train them with "
            "`isthmus train pointcloud-sweep`"
        )
    test_set = spread_over(default_test_set(options.data), options.limit_clouds)
    by_points: dict[int, list[tuple[SweepName, Path]]] = defaultdict(list)
    for folder in folders:
        name = SweepName.parse(folder.name)
        by_points[name.points].append((name, folder))
    advance = track("codecs", len(folders))
    rows = []
    for points, named in sorted(by_points.items()):
        classes = Classifier(named[0][1]).manifest.class_names
        trial = TrialClouds.draw(test_set.with_classes(classes, named[0][1].name), points)
        for name, folder in named:
            rows.append(measure_sweep_codec(name, folder, trial))
            advance(1)
    rows.sort(key=lambda row: (row.config, row.points, row.trade_off, row.seed))
    published = published_curves(PUBLISHED, PUBLISHED_NAMES)
    return PointSweepMeasurement(test_set.name, len(test_set), tuple(rows), published)


def measure_sweep_codec(name: SweepName, folder: Path, trial: TrialClouds) -> SweepPoint:
    """One codec: a packet a cloud, decoded and answered."""
    encoder, classifier = PointCloudEncoder(folder), Classifier(folder)
    record, decoder = TrainingRecord.read(folder), Decoder(encoder.manifest)
    if record.validation is None:
        raise InputError(f"{folder}: expected a training record that tells of validation, got none: train it again")
    if encoder.manifest.class_names != trial.class_names:
        raise InputError(f"{folder}: expected a codec of the classes {trial.class_names}, got another's")
    coded = [encoder.encode(cloud) for cloud in trial.draws[0]]
    decoded = [decoder.decode(one.packet.to_bytes()).values for one in coded]
    symbols = np.concatenate(decoded)
    if not np.array_equal(symbols, np.concatenate([one.detail.values for one in coded])):
        raise CodecError(f"{folder}: expected the symbols that were coded from its packets, got others")
    answers = classifier.logits(symbols).argmax(1)
    return SweepPoint(
        config=name.config,
        points=name.points,
        trade_off=name.trade_off,
        seed=name.seed,
        top1_percent=100 * float((answers == trial.labels).mean()),
        coded_bits=float(np.mean([one.payload_bits for one in coded])),
        packet_bits=float(np.mean([one.packet_bits for one in coded])),
        estimated_bits=float(np.mean([one.estimated_bits.sum() for one in coded])),
        validation=record.validation,
        edge_macs=record.edge_macs(name.points),
        decoder_macs=record.decoder_macs,
        edge_parameters=record.edge_parameters,
        decoder_parameters=record.decoder_parameters,
    )


def write_point_sweep_outputs(measurement: PointSweepMeasurement, command: str, folder: Path) -> tuple[Path, ...]:
    """Results file and picture, the summary gathered; answers their paths."""
    chosen = "Weights, rate points and fronts were chosen on validation, cut from train; nothing on these clouds."
    others = {"thesis": "the thesis's own figures, ModelNet40, likelihoods for bits (arXiv 2308.05959, 2409.08376)"}
    provenance = Provenance.of(command, measurement.data, DRAW_SEED, VERSIONED, chosen=chosen, others=others)
    summary, detail = measurement.summary(), measurement.detail()
    written = write_results(folder, Results("pointcloud_sweep", provenance, summary, detail))
    picture = folder / "pointcloud_sweep.png"
    draw_point_sweep_png(measurement, picture)
    gather_summary(folder)
    return written, picture
