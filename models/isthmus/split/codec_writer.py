"""From a network, a cut and images to a codec whose channels have fixed steps of their own.

`isthmus.split.stepped_writer` makes the codecs whose frames choose their step; `codec_folder` is what both write.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.tables import VideoTables
from isthmus.split.calibrate import PredictedFrame, first_tables, played_tables
from isthmus.split.codec_folder import (
    Calibrated,
    Learning,
    SplitOptions,
    latents_before,
    open_cut,
    refuse_taken,
    write_calibrated,
)
from isthmus.split.encoder import EncoderSource
from isthmus.split.graphs import open_model
from isthmus.split.halves import cut_halves, unquantised
from isthmus.split.network import Network
from isthmus.split.pictures import Pictures
from isthmus.split.quantiser import Float32, Quantiser, calibrate_steps, scaled_steps


def calibrate_cut(network: Network, pictures: Pictures, options: SplitOptions) -> Calibrated:
    """Cut and quantise, each channel in its own steps.

    Raises:
        InputError: as `open_cut`, or bits out of range.
    """
    sized, cut, free = open_cut(network, pictures, options.tensor)
    plain = cut_halves(sized, cut, options.preprocessing, unquantised(cut), free=free)
    latents = latents_before(plain, pictures)
    quantiser = calibrate_steps(latents, options.bits, options.seed)
    if options.step:
        quantiser = scaled_steps(latents, options.step)
    halves = cut_halves(sized, cut, options.preprocessing, quantiser, free=free)
    facts = {
        "bits": options.bits,
        "symbol_min": quantiser.symbol_min,
        "symbol_max": quantiser.symbol_max,
        "clipped_percent": round(_clipped_percent(latents, quantiser), 4),
        "step_min": float(quantiser.steps.min()),
        "step_max": float(quantiser.steps.max()),
    }
    return Calibrated(halves, quantiser.symbol_min, quantiser.symbol_max, facts=facts)


def write_split_codec(
    network: Network,
    pictures: Pictures,
    options: SplitOptions,
    folder: Path,
    encoders: EncoderSource,
    progress: Callable[[str], None] = lambda _: None,
) -> VideoManifest:
    """Cut a network, calibrate it and write the codec.

    Args:
        network: to cut.
        pictures: to calibrate on.
        options: where and how.
        folder: of the codec, whose name is the codec's.
        encoders: the encoder that its tables are learned from.
        progress: told what is being done.

    Raises:
        InputError: see `calibrate_cut`; or class names that are not one a logit, or a folder that is there already.
        ManifestError: a name that no codec may have.
    """
    refuse_taken(folder)
    progress(f"cut {network.name} at {options.tensor}")
    calibrated = calibrate_cut(network, pictures, options)
    edge, seed = open_model(calibrated.halves.edge), options.seed
    first: list[PredictedFrame] = []

    def begin(manifest: VideoManifest, shown: Pictures) -> VideoTables:
        tables, predicted = first_tables(manifest, edge, shown, encoders, seed, progress)
        first.extend(predicted)
        return tables

    learning = Learning(begin, lambda made, shown: played_tables(made, shown, encoders, first, seed, progress))
    return write_calibrated(network, pictures, options, folder, calibrated, learning)


def _clipped_percent(latents: list[Float32], quantiser: Quantiser) -> float:
    beyond = total = 0
    for x in latents:
        y = np.rint((x - quantiser.centres[:, None, None]) / quantiser.steps[:, None, None])
        beyond += int(((y < quantiser.symbol_min) | (y > quantiser.symbol_max)).sum())
        total += y.size
    return 100 * beyond / total
