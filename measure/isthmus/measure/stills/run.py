"""Labelled stills through codecs whose frames choose their step: rate against accuracy, beside image files.

Every image becomes a packet of a key frame at every step and comes back from it, and the codec's own cloud half
answers. A rival's file is decoded and answered by the whole network, which is the codec's two halves with nothing
rounded between them. Images are resized to the network's frame first, for all alike. Some cross a live wire as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.common.results import Provenance, Results, gather_summary, write_results
from isthmus.common.video.step import DEFAULT_STEP, STEP_COUNT
from isthmus.common.zoo import find_codec
from isthmus.data.image.labelled import load_labelled_images
from isthmus.measure.image.baselines import BaselineCodec, available, decode_picture, encode_picture, library_versions
from isthmus.measure.options import words
from isthmus.measure.split.live import cross_live
from isthmus.measure.stills.halves import Float32, Halves, UInt8
from isthmus.measure.stills.loss import Float64, loss_factor
from isthmus.measure.stills.measurement import SURE, StillCurve, StillMeasurement, StillPoint
from isthmus.measure.stills.options import StillSettings
from isthmus.measure.stills.plots import draw_stills_png
from isthmus.measure.track import Track
from isthmus.runtime.frame_size import resized
from isthmus.split.answers import divergences, log_probabilities

Int64 = npt.NDArray[np.int64]
VERSIONED = ("numpy", "onnxruntime", "pillow")


def measure_stills(settings: StillSettings, track: Track) -> StillMeasurement:
    """Measure all codecs, then the rivals.

    Raises:
        InputError: no such codec, a codec of another kind, labels that are not of its classes, or codecs of several
            frame sizes.
        IsthmusError: what the cloud or a codec raises.
    """
    images = load_labelled_images(settings.images)
    folders = [find_codec(name, settings.zoo) for name in words(settings.codec)]
    opened = [Halves(folder) for folder in folders]
    manifest = opened[0].manifest
    sides = manifest.frame_height, manifest.frame_width
    for other in opened[1:]:
        if (other.manifest.frame_height, other.manifest.frame_width) != sides:
            raise InputError(
                f"{other.manifest.name}: expected frames of {sides[0]} x {sides[1]}, as of {manifest.name}"
            )
    if len(images.class_names) > len(manifest.class_names):
        raise InputError(
            f"{images.name}: expected labels of the {len(manifest.class_names)} classes of {manifest.name}, got "
            f"{len(images.class_names)}"
        )
    frames = [resized(images.pixels(i), *sides) for i in range(len(images))]
    labels = np.asarray(images.labels, np.int64)
    curves, whole = [], np.empty(0)
    for halves in opened:
        advance = track(halves.manifest.name, len(frames) * (1 + len(words(settings.offsets))))
        units = [halves.latents(frame) for frame in frames]
        answers = _answers(halves, units, advance)
        whole = answers if not len(whole) else whole
        points = [point_at(halves, units, step, answers, labels, advance) for step in _steps(settings.offsets)]
        macs = halves.network.macs(*sides)
        curves.append(StillCurve(halves.manifest.name, tuple(points), DEFAULT_STEP, macs[0], sum(macs)))
    working, notes = available(words(settings.rivals))
    total = sum(len(codec.settings) for codec in working)
    advance = track("image files", total)
    rivals = tuple(_rival(opened[0], codec, frames, whole, labels, advance) for codec in working)
    top1 = 100 * float((whole.argmax(1) == labels).mean())
    every = [p for curve in (*curves, *rivals) for p in curve.points]
    lost = [top1 - 100 * float(p.is_right.mean()) for p in every]
    live = (manifest.name, 0, 0)
    if settings.live:
        shown = frames[: settings.live]
        crossed = cross_live(folders[0], shown, track("live wire", len(shown)))
        live = (manifest.name, len(shown), crossed.differing_packets + crossed.differing_answers)
    return StillMeasurement(
        images.name,
        len(frames),
        top1,
        np.exp(whole).max(1) >= SURE,
        loss_factor([float(p.nats.mean()) for p in every], lost),
        tuple(curves),
        rivals,
        live,
        tuple(notes),
    )


def write_still_outputs(measurement: StillMeasurement, command: str, folder: Path) -> tuple[Path, ...]:
    """Results file and picture, the summary gathered; answers their paths."""
    chosen = (
        "Codecs: calibrated on other images, as their split.json tells; no step was chosen by these images. The factor "
        "of the smoothed loss was fitted on the points measured."
    )
    provenance = Provenance.of(command, measurement.data, 0, VERSIONED, chosen=chosen, others=library_versions())
    written = write_results(folder, Results("stills", provenance, measurement.summary(), measurement.detail()))
    picture = folder / "stills.png"
    draw_stills_png(measurement, picture)
    gather_summary(folder)
    return written, picture


def _steps(offsets: str) -> list[int]:
    try:
        found = sorted({DEFAULT_STEP + int(word) for word in words(offsets)}, reverse=True)
    except ValueError:
        raise InputError(f"--offsets: expected whole numbers, comma apart, got {offsets!r}") from None
    if not found or found[-1] < 0 or found[0] >= STEP_COUNT:
        raise InputError(f"--offsets: expected steps from 0 to {STEP_COUNT - 1}, got {offsets!r}")
    return found


def _answers(halves: Halves, units: Sequence[Float32], advance: Callable[[int], None]) -> Float64:
    """Log probabilities ``[images, classes]`` of latents ``[M, h, w]`` as they are."""
    found = []
    for y in units:
        found.append(halves.logits(y))
        advance(1)
    return log_probabilities(np.stack(found))


def point_at(
    halves: Halves,
    units: Sequence[Float32],
    step: int,
    whole: Float64,
    labels: Int64,
    advance: Callable[[int], None],
) -> StillPoint:
    """Latents ``[M, h, w]`` of all images at a step, against the whole network's log probabilities and the labels."""
    bits, found = [], []
    for index, y in enumerate(units):
        packet_bytes, y_hat = halves.coded(y, index % 256, step)
        bits.append(8 * packet_bytes)
        found.append(halves.logits(y_hat))
        advance(1)
    return _judged(step, bits, np.stack(found), whole, labels)


def _judged(setting: float, bits: Sequence[int], logits: Float32, whole: Float64, labels: Int64) -> StillPoint:
    answers = logits.argmax(1)
    return StillPoint(
        setting,
        np.array(bits, np.float64),
        divergences(whole, log_probabilities(logits)),
        answers == labels,
        answers == whole.argmax(1),
    )


def _rival(
    halves: Halves,
    codec: BaselineCodec,
    frames: Sequence[UInt8],
    whole: Float64,
    labels: Int64,
    advance: Callable[[int], None],
) -> StillCurve:
    points = []
    for setting in codec.settings:
        files = [encode_picture(codec, frame, setting) for frame in frames]
        logits = np.stack([halves.logits(halves.latents(decode_picture(data))) for data in files])
        points.append(_judged(setting, [8 * len(data) for data in files], logits, whole, labels))
        advance(1)
    return StillCurve(codec.name, tuple(points))
