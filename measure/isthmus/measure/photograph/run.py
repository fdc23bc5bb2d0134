"""One photograph to a label: as latents, and as image files of every setting that the whole network answers.

It says of one picture what `isthmus measure stills` says of five hundred, so that a person can look at it. The
photograph is resized to the network's frame first, for all alike.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.common.results import Provenance, Results, gather_summary, write_results
from isthmus.common.zoo import find_codec
from isthmus.data.image.files import read_image
from isthmus.edge.video.coding import step_of
from isthmus.measure.image.baselines import available, decode_picture, encode_picture, library_versions
from isthmus.measure.image.photographs import shipped_photographs
from isthmus.measure.options import words
from isthmus.measure.photograph.measurement import PERCENT, Answer, PhotographMeasurement, UInt8
from isthmus.measure.photograph.options import PhotographSettings
from isthmus.measure.photograph.plots import draw_photograph_png
from isthmus.measure.stills.halves import Halves
from isthmus.measure.track import Track
from isthmus.runtime.frame_size import resized
from isthmus.split.answers import divergences, log_probabilities

PHOTO = "coffee.png"
WHOLE = "whole network"
SWEPT = {"jpeg": range(1, 96), "webp": range(0, 100, 2), "avif": range(0, 96, 2)}
"""Qualities of each format; in finer steps than where many images are measured."""
VERSIONED = ("numpy", "onnxruntime", "pillow", "scikit-image")


def measure_photograph(settings: PhotographSettings, track: Track) -> tuple[PhotographMeasurement, tuple[str, ...]]:
    """The measurement, and notes on formats that are left out.

    Raises:
        InputError: no such photograph or codec, or a codec whose frames do not choose their step.
        IsthmusError: what coding raises.
    """
    path = settings.image or next((p for p in shipped_photographs() if p.name == PHOTO), None)
    if path is None:
        raise InputError(f"expected {PHOTO} among the photographs of scikit-image; --image names another")
    halves = Halves(find_codec(settings.codec, settings.zoo))
    manifest = halves.manifest
    seen = resized(read_image(path).pixels, manifest.frame_height, manifest.frame_width)
    y = halves.latents(seen)
    whole = log_probabilities(halves.logits(y)[None])

    def answered(way: str, setting: float, size_bytes: int, logits: npt.NDArray[np.float32]) -> Answer:
        found = log_probabilities(logits[None])
        best = int(found[0].argmax())
        nats = float(divergences(whole, found)[0])
        return Answer(
            way, setting, size_bytes, manifest.class_names[best], PERCENT * float(np.exp(found[0, best])), nats
        )

    packet_bytes, y_hat = halves.coded(y, 0, step_of(settings.quality))
    ours = answered(manifest.name, settings.quality, packet_bytes, halves.logits(y_hat))
    if others := sorted(set(words(settings.rivals)) - set(SWEPT)):
        raise InputError(f"--rivals: expected formats among {', '.join(SWEPT)}, got {', '.join(others)}")
    working, notes = available(words(settings.rivals))
    advance = track("image files", sum(len(SWEPT[codec.name]) for codec in working))
    same: dict[str, Answer] = {}
    as_good: dict[str, Answer] = {}
    as_small: dict[str, tuple[Answer, UInt8]] = {}
    for codec in working:
        alike, good, small = [], [], []
        for quality in SWEPT[codec.name]:
            file = encode_picture(codec, seen, quality)
            pixels = decode_picture(file)
            answer = answered(codec.name, quality, len(file), halves.logits(halves.latents(pixels)))
            if answer.label == ours.label:
                alike.append(answer)
                if answer.nats <= ours.nats:
                    good.append(answer)
            if answer.size_bytes <= packet_bytes:
                small.append((answer, pixels))
            advance(1)
        if alike:
            same[codec.name] = min(alike, key=lambda answer: answer.size_bytes)
        if good:
            as_good[codec.name] = min(good, key=lambda answer: answer.size_bytes)
        if small:
            as_small[codec.name] = min(small, key=lambda pair: pair[0].nats)
    strength = np.abs(y_hat).mean(0).astype(np.float32)
    told = answered(WHOLE, float("nan"), 0, halves.logits(y))
    return PhotographMeasurement(path.name, seen, strength, told, ours, same, as_good, as_small), tuple(notes)


def write_photograph_outputs(measurement: PhotographMeasurement, command: str, folder: Path) -> tuple[Path, ...]:
    """Results file and picture, the summary gathered; answers their paths."""
    chosen = "Of each format the setting that speaks for it, by this photograph; the codec's own quality was given."
    provenance = Provenance.of(command, measurement.data, 0, VERSIONED, chosen=chosen, others=library_versions())
    written = write_results(folder, Results("photograph", provenance, measurement.summary(), measurement.detail()))
    picture = folder / "photograph.png"
    draw_photograph_png(measurement, picture)
    gather_summary(folder)
    return written, picture
