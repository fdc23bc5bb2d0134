"""From a network, a cut and images to a codec whose frames choose their step: components, tables, folder.

The unit is chosen so that the default step (`DEFAULT_STEP`, four units) moves the answers to the calibration images by
`TARGET_NATS` on average: the same quality means about the same loss in every codec.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.step import DEFAULT_STEP, UNIT_STEP, fine_step
from isthmus.common.video.tiles import MAX_TILE, forward, inverse
from isthmus.split.answers import log_probabilities
from isthmus.split.codec_folder import (
    Calibrated,
    Learning,
    SplitOptions,
    frames_before,
    latents_before,
    open_cut,
    refuse_taken,
    write_calibrated,
)
from isthmus.split.components import Components, Float32, Float64, Moments, find_components
from isthmus.split.cuts import Cut
from isthmus.split.encoder import EncoderSource
from isthmus.split.gradients import full_metric, knows
from isthmus.split.graphs import open_model
from isthmus.split.halves import Halves, cut_halves, unquantised
from isthmus.split.integer_edge import integer_edge
from isthmus.split.network import Network
from isthmus.split.pictures import Pictures
from isthmus.split.sensitivity import channel_metric, mean_divergence
from isthmus.split.stepped_calibrate import first_tables, played_tables

TARGET_NATS = 0.1
SENSITIVE_IMAGES, GRADIENT_IMAGES, TRIED_IMAGES = 32, 160, 48
"""Images that the metric is found on, by forward passes or by gradients, and that steps are tried on."""
LEAST_SYMBOL, MOST_SYMBOL = -128, 127
TRIES = 12
UNITS = fine_step(DEFAULT_STEP) // UNIT_STEP
"""Of the default step."""
FINE = 64
"""Of a step, in which tried coefficients are turned back."""
DROPPED = 0.5
"""Components that no image moves by so many default steps are dropped."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Components of a cut, in units, and how they were found.

    Attributes:
        components: as the halves have them.
        step: of the default quality, as an error of the latents in the metric.
        nats: mean divergence of the answers at that step.
        metric: "gradients" or "forward passes".
    """

    components: Components
    step: float
    nats: float
    metric: str


def write_stepped_codec(
    network: Network,
    pictures: Pictures,
    options: SplitOptions,
    folder: Path,
    encoders: EncoderSource,
    progress: Callable[[str], None] = lambda _: None,
) -> VideoManifest:
    """Cut a network and write the codec; bits and step of the options do not matter.

    Args and errors as of `isthmus.split.codec_writer.write_split_codec`.
    """
    refuse_taken(folder)
    progress(f"cut {network.name} at {options.tensor}")
    sized, cut, free = open_cut(network, pictures, options.tensor)
    plain = cut_halves(sized, cut, options.preprocessing, unquantised(cut), free=free)
    integers = integer_edge(plain.edge, frames_before(plain, pictures), progress) if options.int8 else None
    latents = integers.latents(frames_before(plain, pictures)) if integers else latents_before(plain, pictures)
    found = find_quantiser(plain, latents, options.seed, progress)
    halves = cut_halves(sized, cut, options.preprocessing, found.components, free=free)
    if integers:
        halves = replace(halves, edge=integers.with_components(found.components))
    facts = _facts(found, cut) | ({"edge": "int8"} if integers else {})
    calibrated = Calibrated(halves, LEAST_SYMBOL, MOST_SYMBOL, MAX_TILE, facts=facts)
    edge, seed = open_model(halves.edge), options.seed
    units = [found.components.of(x) for x in latents]
    learning = Learning(
        lambda manifest, shown: first_tables(manifest, units, edge, shown, encoders, seed, progress),
        lambda made, shown: played_tables(made, shown, encoders, seed, progress),
    )
    return write_calibrated(network, pictures, options, folder, calibrated, learning)


def find_quantiser(
    plain: Halves,
    latents: Sequence[Float32],
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Found:
    """Components of a cut and the unit that they are counted in.

    Args:
        plain: halves without a quantiser.
        latents: of calibration images, float32 [M, h, w].
        seed: of the noise.
        progress: told what is being done.
    """
    cloud = open_model(plain.cloud)
    moments = Moments.of(list(latents))
    if knows(plain.cloud):
        images = _spread(latents, GRADIENT_IMAGES)
        metric, how = (
            full_metric(plain.cloud, images, seed, _counted(progress, "gradients of the answers")),
            "gradients",
        )
    else:
        deviations = np.sqrt(np.maximum(np.diag(moments.covariance), 0))
        said = _counted(progress, "answers under noise")
        metric, how = (
            channel_metric(cloud, _spread(latents, SENSITIVE_IMAGES), deviations, seed, said),
            "forward passes",
        )
    components = find_components(metric, moments)
    tried = _spread(latents, TRIED_IMAGES)
    whole = [log_probabilities(cloud(x[None])) for x in tried]
    step, nats = _step_for(components, cloud, tried, whole, progress)
    # Components that never reach a symbol would be coded as zeros for ever.
    most = np.max([np.abs(_transformed(components, x)).max((1, 2)) for x in latents], axis=0)
    kept = components.first(max(1, int(np.flatnonzero(most > DROPPED * step).max(initial=0)) + 1))
    return Found(kept.in_units(step / UNITS), step, nats, how)


def _step_for(
    components: Components,
    cloud: Callable[[Float32], Float32],
    tried: Sequence[Float32],
    whole: Sequence[Float64],
    progress: Callable[[str], None],
) -> tuple[float, float]:
    """(the step at which the answers move by `TARGET_NATS`, by how much they do at it)."""
    coefficients = [_transformed(components, x) for x in tried]
    # To a network that hardly minds, images are still told apart: the largest coefficient is two steps.
    high = max(float(np.abs(c).max()) for c in coefficients) / 2
    low = 1e-6 * high
    step, nats = high, 0.0
    for done in range(TRIES):
        progress(f"step, try {done + 1} of {TRIES}")
        step = float(np.sqrt(low * high))
        nats = mean_divergence(cloud, whole, [_at_step(components, c, step) for c in coefficients])
        low, high = (step, high) if nats < TARGET_NATS else (low, step)
    return step, nats


def _transformed(components: Components, latents: Float32) -> Float32:
    return forward(components.of(latents), MAX_TILE)


def _at_step(components: Components, coefficients: Float32, step: float) -> Float32:
    """Latents that come back from coefficients [K, h, w] rounded to a step."""
    scale = FINE / step  # as integers, so that the inverse takes them
    rounded = np.rint(coefficients / step).astype(np.int64) * FINE
    return components.latents((inverse(rounded, MAX_TILE) / scale).astype(np.float32))


def _facts(found: Found, cut: Cut) -> dict[str, object]:
    return {
        "components": found.components.count,
        "of_channels": cut.shape[0],
        "metric": found.metric,
        "step": found.step,
        "nats": round(found.nats, 4),
    }


def _spread(latents: Sequence[Float32], count: int) -> Sequence[Float32]:
    """As many, evenly spread."""
    if len(latents) <= count:
        return latents
    return [latents[i * len(latents) // count] for i in range(count)]


def _counted(progress: Callable[[str], None], what: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(f"{what}, image {min(done + 1, total)} of {total}")
