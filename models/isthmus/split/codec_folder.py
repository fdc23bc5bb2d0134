"""The folder of a codec made of a cut: how it is written, whole or not at all, whatever its quantiser and tables are.

edge.onnx, cloud.onnx    the halves, quantiser and preprocessing inside
entropy.npz              integer tables of key frames, motion and residuals
manifest.json            what both sides agree on
split.json               where it comes from: the source's SHA-256, the cut, the command, the images
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.errors import InputError
from isthmus.common.manifest.folder import file_sha256, write_codec_manifest
from isthmus.common.video.manifest import (
    MAX_MOTION_FRACTION_BITS,
    MAX_PLANE_FRACTION_BITS,
    VIDEO_TASK,
    VideoManifest,
)
from isthmus.runtime.frame_size import padded
from isthmus.split.cuts import Cut
from isthmus.split.graphs import batch_of, open_model
from isthmus.split.halves import Halves, takes_any_size
from isthmus.split.network import Network
from isthmus.split.pictures import Pictures
from isthmus.split.preprocessing import Preprocessing
from isthmus.split.quantiser import Float32
from isthmus.split.several import find_cut

SPLIT_FILE = "split.json"
PROVISIONAL = (("edge.onnx", "0" * 64),)
BLOCK_PIXELS = 32
"""Side of a motion block, about: a power of two of latents."""
MOST_BLOCK_LATENTS = 16
SMALL_SIDE = 64
"""Stands for the size of frames of a network of any size, where there are no images to take it from."""


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """How a network is cut.

    Attributes:
        tensor: where.
        bits: of the quantiser.
        step: 0 to calibrate a step for each channel; else one step for all, of a network trained for a step of 1.
        preprocessing: that the network expects.
        class_names: of the logits, in their order; empty for numbers.
        seed: of all that is drawn.
        command: that this is done by, for `split.json`.
        training: what else `split.json` tells.
        int8: whether the edge half runs in eight-bit integers.
        least_score, overlap: of boxes that are answered, see `box_forms`.
    """

    tensor: str
    bits: int = 8
    step: float = 0.0
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    class_names: tuple[str, ...] = ()
    seed: int = 0
    command: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)
    int8: bool = False
    least_score: float = 0.25
    overlap: float = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """A cut that is quantised, before tables.

    Attributes:
        halves: graphs.
        symbol_min, symbol_max: bounds of y.
        tile_latents: of a codec whose frames choose their step; 0 of others.
        plane_shapes: of a cut at several tensors, as `VideoManifest` has them; () of others.
        task: what its answers are for, by the word of a manifest.
        facts: what `split.json` tells of the quantiser.
    """

    halves: Halves
    symbol_min: int
    symbol_max: int
    tile_latents: int = 0
    plane_shapes: tuple[tuple[int, int, int, int], ...] = ()
    task: str = VIDEO_TASK
    facts: Mapping[str, Any] = field(default_factory=dict)


class Tables(Protocol):
    """Those of a codec."""

    def save(self, path: str | Path) -> None:
        """Writes the file."""


@dataclass(frozen=True, slots=True, eq=False)
class Learning:
    """How the tables of a calibrated cut are learned.

    Attributes:
        first: from a manifest and pictures, by what is said while it is done.
        played: from a codec's folder with those tables, by what its encoder does.
    """

    first: Callable[[VideoManifest, Pictures], Tables]
    played: Callable[[Path, Pictures], Tables]


def sized_for(network: Network, pictures: Pictures, stride: int = SMALL_SIDE) -> Network:
    """The network for one size of frames: its own, or that of the first image, padded."""
    if network.is_sized:
        return network
    height, width = padded(pictures.frames[0], stride).shape[:2]
    return network.sized(height, width)


def open_cut(network: Network, pictures: Pictures, tensor: str) -> tuple[Network, Cut, bool]:
    """(the network for one size of frames, its cut, whether its halves take any size).

    Raises:
        InputError: no such cut, or a network that takes any size but does not keep to its stride.
    """
    sized = sized_for(network, pictures)
    cut = find_cut(sized, tensor)
    free = takes_any_size(network, cut)
    if not free and not network.is_sized:
        raise InputError(
            f"{network.name}: at {cut.tensor}, sides of frames that are multiples of its stride of {cut.stride} do not "
            "make whole latents: name one size of frames, for example --size 224x224"
        )
    return sized, cut, free


def latents_before(plain: Halves, pictures: Pictures) -> list[Float32]:
    """What halves without a quantiser make of images: float32 [M, h, w] each."""
    edge = open_model(plain.edge)
    return [edge(frame)[0] for frame in frames_before(plain, pictures)]


def frames_before(plain: Halves, pictures: Pictures) -> list[Float32]:
    """Images as the edge half takes them: float32 [1, 3, H, W] each."""
    shown = pictures.sized(plain.frame_height, plain.frame_width)
    stride = plain.cut.stride if not plain.frame_height else 1
    return [batch_of(padded(frame, stride)) for frame in shown.frames]


def refuse_taken(folder: Path) -> None:
    """Raises InputError where something lies at a codec's place."""
    if folder.exists():
        raise InputError(f"{folder}: expected a name that is free, something is there; name the codec otherwise")


def write_calibrated(
    network: Network,
    pictures: Pictures,
    options: SplitOptions,
    folder: Path,
    calibrated: Calibrated,
    learning: Learning,
) -> VideoManifest:
    """Learn the tables of a calibrated cut and write its codec. Arguments and errors as of `write_split_codec`."""
    halves = calibrated.halves
    manifest = codec_manifest(folder.name, calibrated, options.class_names, PROVISIONAL)
    shown = pictures.sized(halves.frame_height, halves.frame_width)
    tables = learning.first(manifest, shown)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Whole or not at all: a codec half written is never seen under its name.
    with tempfile.TemporaryDirectory(prefix=".split-", dir=folder.parent) as aside:
        made = Path(aside) / folder.name
        made.mkdir()
        for name, graph in (("edge.onnx", halves.edge), ("cloud.onnx", halves.cloud)):
            (made / name).write_bytes(graph.SerializeToString(deterministic=True))
        _seal(made, tables, calibrated, options.class_names)
        tables = learning.played(made, shown)
        manifest = _seal(made, tables, calibrated, options.class_names)
        history = _history(network, pictures, options, calibrated) | {"manifest_sha256": manifest.identity.hex()}
        (made / SPLIT_FILE).write_text(json.dumps(history, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        made.rename(folder)
    return manifest


def _seal(folder: Path, tables: Tables, calibrated: Calibrated, class_names: tuple[str, ...]) -> VideoManifest:
    """Tables and the manifest over all files."""
    tables.save(folder / ENTROPY_FILE)
    weights = tuple((name, file_sha256(folder / name)) for name in ("cloud.onnx", "edge.onnx", ENTROPY_FILE))
    manifest = codec_manifest(folder.name, calibrated, class_names, weights)
    write_codec_manifest(manifest, folder)
    return manifest


def codec_manifest(
    name: str, calibrated: Calibrated, class_names: tuple[str, ...], weights: tuple[tuple[str, str], ...]
) -> VideoManifest:
    """The manifest of a calibrated cut. InputError if the class names are not one a logit."""
    halves = calibrated.halves
    classes = class_names or tuple(f"class {i}" for i in range(halves.classes))
    most_bits = MAX_PLANE_FRACTION_BITS if calibrated.plane_shapes else MAX_MOTION_FRACTION_BITS
    if len(classes) != halves.classes:
        raise InputError(f"expected {halves.classes} class names, one a class of the answers, got {len(classes)}")
    stride = halves.cut.stride
    block = max(1, min(MOST_BLOCK_LATENTS, 1 << max(0, round(np.log2(BLOCK_PIXELS / stride)))))
    return VideoManifest(
        name=name,
        weights=weights,
        class_names=classes,
        stride=stride,
        latent_channels=halves.latent_channels,
        frame_height=halves.frame_height,
        frame_width=halves.frame_width,
        latent_height=halves.latent_height,
        latent_width=halves.latent_width,
        block_latents=block,
        # Vectors of whole pixels: what rounding leaves is a sixteenth of a latent at stride 8.
        motion_fraction_bits=min(most_bits, round(np.log2(stride))),
        symbol_min=calibrated.symbol_min,
        symbol_max=calibrated.symbol_max,
        tile_latents=calibrated.tile_latents,
        plane_shapes=calibrated.plane_shapes,
        tasks=(calibrated.task,),
    )


def _history(network: Network, pictures: Pictures, options: SplitOptions, calibrated: Calibrated) -> dict[str, Any]:
    cut = calibrated.halves.cut
    return {
        "command": options.command,
        "source": {"name": network.name, "sha256": network.sha256},
        "cut": {"tensor": cut.tensor, "stride": cut.stride, "shape": list(cut.shape)},
        "macs": {"edge": cut.edge_macs, "cloud": cut.cloud_macs, "frame": _frame_of(calibrated, network, pictures)},
        "quantiser": dict(calibrated.facts),
        "calibration": {"data": pictures.name, "sha256": pictures.sha256, "images": len(pictures)},
        "preprocessing": asdict(options.preprocessing),
        **({"head": network.head} if network.head else {}),
        "seed": options.seed,
        **dict(options.training),
    }


def _frame_of(calibrated: Calibrated, network: Network, pictures: Pictures) -> list[int]:
    """Sides of the frame that the multiply-accumulates are counted for."""
    sized = sized_for(network, pictures)
    assert calibrated.halves.frame_height in (0, sized.height)
    return [sized.height, sized.width]
