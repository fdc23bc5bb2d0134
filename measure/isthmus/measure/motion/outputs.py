"""A whole run of the motion measure, and what it leaves behind: results file and pictures."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

from isthmus.common.results import Provenance, Results, read_results, write_results
from isthmus.measure.motion.measurement import MotionMeasurement
from isthmus.measure.motion.networks import ablation, chosen_networks
from isthmus.measure.motion.options import GraphOptions, MotionEffort, MotionOptions, MotionOutputs
from isthmus.measure.motion.pictures import load_pictures
from isthmus.measure.motion.plots import draw_ablation, draw_parts, draw_sweeps
from isthmus.measure.motion.published import SWEEPS_FILE, published_sweeps
from isthmus.measure.motion.run import measure_network
from isthmus.measure.motion.summary import summary_of
from isthmus.measure.track import Track

RESULTS_NAME = "motion"
VERSIONED = ("numpy", "onnxruntime", "pillow", "scipy", "torch")


def measure_motion(
    options: MotionOptions, graphs: GraphOptions, effort: MotionEffort, track: Track
) -> MotionMeasurement:
    """Measure every network, and the ablation where there are checkpoints.

    Raises:
        InputError: no such network, no images; each message ends with what to do.
    """
    networks = chosen_networks(options, graphs)
    data, pictures = load_pictures(options.images, options.limit)
    taps = [tap for network in networks for tap in measure_network(network, pictures, effort, track)]
    rows = []
    if options.checkpoints is not None:
        rows = ablation(options.checkpoints, options.labelled, pictures, effort, track)
    titles = MappingProxyType({network.name: network.title for network in networks})
    return MotionMeasurement(data, len(pictures), effort, titles, tuple(taps), tuple(rows))


def write_motion_outputs(
    measurement: MotionMeasurement, command: str, outputs: MotionOutputs, out: Path
) -> tuple[MotionMeasurement, tuple[Path, ...]]:
    """Write the results file and its pictures; answers what is in them now, merged if that is wanted, and their paths.

    Raises:
        InputError: what is there cannot be merged with, or the published curves are none.
    """
    if outputs.merge:
        kept = read_results(out / f"{RESULTS_NAME}.json")
        measurement = MotionMeasurement.from_detail(kept.detail).followed_by(measurement)
        command = f"{kept.provenance.command}; {command} --merge"
    provenance = Provenance.of(command, measurement.data, measurement.effort.seed, VERSIONED)
    results = Results(RESULTS_NAME, provenance, summary_of(measurement), measurement.detail())
    written = [write_results(out, results)]
    if measurement.taps:
        published = outputs.published or SWEEPS_FILE
        draw_sweeps(measurement, published_sweeps(published) if published.is_file() else {}, out / "motion.png")
        draw_parts(measurement, out / "motion_parts.png")
        written += [out / "motion.png", out / "motion_parts.png"]
    if measurement.ablation:
        draw_ablation(measurement, out / "motion_halvings.png")
        written.append(out / "motion_halvings.png")
    return measurement, tuple(written)
