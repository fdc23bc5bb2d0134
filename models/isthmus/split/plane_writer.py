"""From any network, a cut at one tensor or several, and images, to a codec whose frames choose their step.

As `stepped_writer`, for networks with any answers: what an error costs is the distance of the answers (`soft_answers`),
and one step serves all tensors, as the components of each are counted in the same measure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isthmus.common.errors import InputError
from isthmus.common.tasks import CLASSIFY
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.planes import Plane
from isthmus.common.video.tiles import MAX_TILE, forward, inverse
from isthmus.runtime.frame_size import padded
from isthmus.split.box_forms import BoxRules
from isthmus.split.codec_folder import (
    Calibrated,
    Learning,
    SplitOptions,
    refuse_taken,
    sized_for,
    write_calibrated,
)
from isthmus.split.components import Components, Float32, Moments, find_components
from isthmus.split.encoder import EncoderSource
from isthmus.split.endings import ending_of
from isthmus.split.graphs import batch_of, open_model
from isthmus.split.laid_halves import laid_halves, shape_of
from isthmus.split.network import Network
from isthmus.split.pictures import Pictures
from isthmus.split.plane_calibrate import first_plane_tables, played_plane_tables
from isthmus.split.plane_halves import PlaneHalves, compare, cut_planes, open_ends, takes_any_size_at
from isthmus.split.plane_metric import plane_metrics
from isthmus.split.preprocessing import Preprocessing
from isthmus.split.several import find_cut
from isthmus.split.shape_constants import without_shapes
from isthmus.split.soft_answers import Distance, answering_softly, soft_outputs
from isthmus.split.stepped_calibrate import first_tables, played_tables
from isthmus.split.stepped_writer import (
    DROPPED,
    FINE,
    LEAST_SYMBOL,
    MOST_SYMBOL,
    TARGET_NATS,
    TRIED_IMAGES,
    TRIES,
    UNITS,
)

TARGET_SHARE = 0.01
"""Of the variance of answers that are no classes: by so much the default step moves them."""
METRIC_IMAGES = 64
MOST_NUMBERS = 1 << 27
"""Latents of all calibration images together; of more, fewer images are taken."""
LARGEST = 0.02
"""By so much of its largest answer a network in float16 may differ from its halves; one cut wrongly differs by all."""


@dataclass(frozen=True, slots=True, eq=False)
class PlanesFound:
    """Components of each tensor, in units, and how they were found.

    Attributes:
        components: of each.
        step: of the default quality, as an error of the latents in the metric.
        moved: mean distance of the answers at that step.
        metric: "gradients" or "forward passes".
    """

    components: tuple[Components, ...]
    step: float
    moved: float
    metric: str


def write_plane_codec(
    network: Network,
    pictures: Pictures,
    options: SplitOptions,
    folder: Path,
    encoders: EncoderSource,
    progress: Callable[[str], None] = lambda _: None,
) -> VideoManifest:
    """Cut a network at the tensors that the options name, comma apart, and write the codec.

    Args and errors as of `isthmus.split.codec_writer.write_split_codec`; or InputError where the halves do not answer
    as the network does.
    """
    refuse_taken(folder)
    progress(f"cut {network.name} at {options.tensor}")
    sized = sized_for(network, pictures)
    cut = find_cut(sized, options.tensor)
    free = takes_any_size_at(network, cut)
    if not free and not network.is_sized:
        raise InputError(
            f"{network.name}: at {cut.tensor} its halves do not take frames of any size: name one, for example "
            f"--size {sized.height}x{sized.width}"
        )
    rules = BoxRules(options.least_score, options.overlap, len(options.class_names))
    ending = ending_of(sized, rules)
    plain = cut_planes(sized, cut, options.preprocessing, free=free)
    _check_halves(sized, cut_planes(sized, cut, Preprocessing(), free=free), pictures)
    latents = latents_of(plain, pictures)
    fixed = sized if free else without_shapes(sized)
    soft = answering_softly(fixed, soft_outputs(fixed, [t.name for t in cut.tensors]))
    softly = cut_planes(soft, cut, options.preprocessing, free=free)
    found = find_plane_quantiser(network.task, softly, latents, options.seed, progress)
    shapes = tuple(
        shape_of((cut.stride // t.stride).bit_length() - 1, c, (0, 0) if free else t.shape[1:])
        for t, c in zip(cut.tensors, found.components, strict=True)
    )
    planes = tuple(Plane(*shape, 1, LEAST_SYMBOL, MOST_SYMBOL, MAX_TILE) for shape in shapes)
    halves = laid_halves(plain, planes, found.components, ending)
    several = shapes if len(shapes) > 1 else ()
    facts = {
        "components": [c.count for c in found.components],
        "of_channels": [t.shape[0] for t in cut.tensors],
        "metric": found.metric,
        "step": found.step,
        "moved": round(found.moved, 5),
    }
    calibrated = Calibrated(halves, LEAST_SYMBOL, MOST_SYMBOL, MAX_TILE, several, ending.word, facts)
    edge, seed = open_model(halves.edge), options.seed
    units = [_units(planes, found.components, ys) for ys in latents]
    first, played = (first_plane_tables, played_plane_tables) if several else (first_tables, played_tables)
    learning = Learning(
        lambda manifest, shown: first(manifest, units, edge, shown, encoders, seed, progress),
        lambda made, shown: played(made, shown, encoders, seed, progress),
    )
    return write_calibrated(network, pictures, options, folder, calibrated, learning)


def latents_of(plain: PlaneHalves, pictures: Pictures) -> list[list[Float32]]:
    """What halves with nothing between them make of images: of each the tensors, float32 [M, h, w]."""
    edge = open_ends(plain.edge)
    shown = pictures.sized(plain.frame_height, plain.frame_width).frames
    stride = 1 if plain.frame_height else plain.cut.stride
    most = max(1, MOST_NUMBERS // plain.cut.latents)
    taken = shown if len(shown) <= most else [shown[i * len(shown) // most] for i in range(most)]
    return [[y[0] for y in edge(batch_of(padded(frame, stride)))] for frame in taken]


def find_plane_quantiser(
    task: str,
    soft: PlaneHalves,
    latents: Sequence[Sequence[Float32]],
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> PlanesFound:
    """Components of each tensor of a cut and the unit that they are all counted in.

    Args:
        task: of the network.
        soft: halves whose answers change little where latents do.
        latents: of images, of each tensor float32 [M, h, w].
        seed: of what is drawn.
        progress: told what is being done.
    """
    cloud = open_ends(soft.cloud)
    shown = _spread(latents, METRIC_IMAGES)
    distance = Distance.of(task, [cloud(*(y[None] for y in ys)) for ys in shown])
    metrics, how = plane_metrics(soft.cloud, shown, distance, seed, progress)
    # Where nothing that the latents do moves the answers, all channels are as good as one another.
    metrics = [m if np.trace(m) > 0 else np.eye(len(m)) for m in metrics]
    count = len(metrics)
    components = [find_components(metrics[k], Moments.of([ys[k] for ys in latents])) for k in range(count)]
    tried = _spread(latents, TRIED_IMAGES)
    step, moved = _step_for(components, cloud, tried, distance, progress)
    # Components that never reach a symbol would be coded as zeros for ever.
    kept = []
    for k, c in enumerate(components):
        most = np.max([np.abs(forward(c.of(ys[k]), MAX_TILE)).max((1, 2)) for ys in latents], axis=0)
        kept.append(c.first(max(1, int(np.flatnonzero(most > DROPPED * step).max(initial=0)) + 1)))
    return PlanesFound(tuple(c.in_units(step / UNITS) for c in kept), step, moved, how)


def _step_for(
    components: Sequence[Components],
    cloud: Callable[..., list[Float32]],
    tried: Sequence[Sequence[Float32]],
    distance: Distance,
    progress: Callable[[str], None],
) -> tuple[float, float]:
    """(the step at which the answers move as far as they should, by how much they do at it)."""
    coefficients = [[forward(c.of(y), MAX_TILE) for c, y in zip(components, ys, strict=True)] for ys in tried]
    whole = [cloud(*(y[None] for y in ys)) for ys in tried]
    target = TARGET_NATS if distance.task == CLASSIFY else TARGET_SHARE
    high = max(float(np.abs(c).max()) for cs in coefficients for c in cs) / 2 or 1.0  # of latents that are all one
    low, step, moved = 1e-6 * high, high, 0.0
    for done in range(TRIES):
        progress(f"step, try {done + 1} of {TRIES}")
        step = float(np.sqrt(low * high))
        distances = []
        for cs, answer in zip(coefficients, whole, strict=True):
            ys = [_at_step(c, one, step)[None] for c, one in zip(components, cs, strict=True)]
            distances.append(distance.between(answer, cloud(*ys)))
        moved = float(np.mean(distances))
        low, high = (step, high) if moved < target else (low, step)
    return step, moved


def _at_step(components: Components, coefficients: Float32, step: float) -> Float32:
    """Latents that come back from coefficients [K, h, w] rounded to a step."""
    scale = FINE / step  # as integers, so that the inverse takes them
    rounded = np.rint(coefficients / step).astype(np.int64) * FINE
    return components.latents((inverse(rounded, MAX_TILE) / scale).astype(np.float32))


def _units(planes: Sequence[Plane], components: Sequence[Components], ys: Sequence[Float32]) -> Float32:
    """All planes in units, laid."""
    laid = [plane.laid(c.of(y)) for plane, c, y in zip(planes, components, ys, strict=True)]
    return np.concatenate(laid)


def _check_halves(sized: Network, halves: PlaneHalves, pictures: Pictures) -> None:
    """InputError where they do not answer as the whole does."""
    frames = pictures.sized(sized.height, sized.width).frames[:1]
    equal = compare(sized, halves, [batch_of(frame) / np.float32(255) for frame in frames])
    if not equal.is_exact and equal.share > LARGEST:
        raise InputError(
            f"{sized.name}: expected halves at {halves.cut.tensor} that answer as the whole does, they are off by "
            f"{equal.share:.2g} of its largest answer"
        )


def _spread(latents: Sequence[Sequence[Float32]], count: int) -> Sequence[Sequence[Float32]]:
    """As many, evenly spread."""
    if len(latents) <= count:
        return latents
    return [latents[i * len(latents) // count] for i in range(count)]
