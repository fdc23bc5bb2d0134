"""The project's own video codecs: a trained split classifier, exported and cut as any other network is.

One training gives all qualities: they differ in the step that latents are rounded to, in the steps of the training.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from isthmus.common.manifest.fields import MANIFEST_FILE
from isthmus.data.image.labelled import LabelledImages
from isthmus.models.video.classifier import SplitShape
from isthmus.models.video.classifier_graph import LATENTS, split_graph
from isthmus.split.codec_folder import SplitOptions
from isthmus.split.codec_writer import write_split_codec
from isthmus.split.encoder import EncoderSource
from isthmus.split.network import Network, read_network
from isthmus.split.pictures import Pictures
from isthmus.training.image.photos import Photos
from isthmus.training.video.classifier import SecondRound, load_split, train_split
from isthmus.training.video.split_loss import SplitEffort

FAMILY = "video-tiny"
FIRST_FILE = "pre.pt"
FIRST_ROUND = SplitEffort(epochs=16, rate_weight=0.0, motion_weight=0.2)
"""What the picture shows, and latents that move with it; nothing is rounded."""
SECOND_ROUND = SplitEffort(epochs=3, learning_rate=6e-4, rate_weight=3e-5, motion_weight=0.3, agreement_weight=0.5)
"""The same on rounded latents, their bits weighed, and answers on photographs that stay what they were."""
STEPS: Mapping[int, float] = MappingProxyType({1: 1.5, 2: 0.7, 3: 0.25})
"""Step of each quality."""


def train_rounds(train: LabelledImages, validation: LabelledImages, photos: Photos, runs: Path, seed: int) -> Path:
    """The checkpoint of both rounds of training, in `runs`; rounds that are finished there are not run again."""
    shape = SplitShape(len(train.class_names))
    first = train_split(shape, train, validation, runs / FIRST_FILE, FIRST_ROUND, seed=seed)
    second = SecondRound(first, photos)
    return train_split(shape, train, validation, runs / "main.pt", SECOND_ROUND, seed=seed, second=second)


def told(checkpoint: Path) -> dict[str, Any]:
    """What a finished checkpoint says of its training: effort, seed, seconds and curve."""
    saved = load_split(checkpoint)[1]
    return {name: saved[name] for name in ("effort", "seed", "seconds", "history") if name in saved}


def exported(checkpoint: Path) -> Network:
    """The network of a finished checkpoint."""
    graph = split_graph(load_split(checkpoint)[0])
    return read_network(graph, FAMILY, hashlib.sha256(graph.SerializeToString(deterministic=True)).hexdigest())


def write_video_codecs(
    checkpoint: Path,
    zoo: Path,
    pictures: Pictures,
    class_names: tuple[str, ...],
    encoders: EncoderSource,
    provenance: Mapping[str, Any],
    progress: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Codec folders of all qualities that are not there yet.

    Args:
        checkpoint: of `train_split`.
        zoo: to write into.
        pictures: that tables are learned from.
        class_names: of the logits.
        encoders: the encoder that tables are learned from.
        provenance: of the training: command, data and its SHA-256.
        progress: told what is being done.
    """
    network, training = exported(checkpoint), told(checkpoint)
    written = []
    for quality, step in sorted(STEPS.items()):
        folder = zoo / f"{FAMILY}-q{quality}"
        if (folder / MANIFEST_FILE).exists():
            continue
        options = SplitOptions(
            LATENTS,
            step=step,
            class_names=class_names,
            command=str(provenance["command"]),
            training={"training": {**training, **provenance}},
        )
        write_split_codec(network, pictures, options, folder, encoders, _named(folder.name, progress))
        written.append(folder)
    return written


def _named(name: str, progress: Callable[[str], None]) -> Callable[[str], None]:
    return lambda said: progress(f"{name}: {said}")
