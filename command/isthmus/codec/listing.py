"""Which codecs there are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from isthmus.codec.inspector import inspector_of
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.common.zoo import ZooFolders, codec_folders, find_zoos

TRAINING_FILE = "training.json"


@dataclass(frozen=True, slots=True)
class CodecRow:
    """One codec of a zoo, as its manifest and its training say; its networks are not read.

    Attributes:
        name: to `load` it by.
        signal: what it codes: "point-cloud", "image" or "video".
        tasks: what its cloud half does, in words.
        classes: that its labels name; () where it gives none.
        latents: how many symbols there are, in a few words: "16" for a cloud, "96 / 16²" for channels and stride.
        points: of the aligned clouds that it was made for; 0 for any number, and of other signals.
        validation_bits: a signal of the validation set took, on average; NaN where nobody says.
        validation_top1_percent: of its answers there that were right; NaN where nobody says.
        size_bytes: of its folder.
        identity: SHA-256 of its manifest, in hex.
        path: its folder.
    """

    name: str
    signal: str
    tasks: tuple[str, ...]
    classes: tuple[str, ...]
    latents: str
    points: int
    validation_bits: float
    validation_top1_percent: float
    size_bytes: int
    identity: str
    path: Path


def codecs(zoo: ZooFolders = None) -> tuple[CodecRow, ...]:
    """The codecs of the zoos, by name in natural order; of a name that several zoos have, the first one's.

    Args:
        zoo: a folder of codecs or several, searched before those that ship; None for those of ISTHMUS_ZOO.

    Raises:
        InputError: a folder is none, or holds no codec.
        ManifestError: a codec's manifest is damaged.
    """
    return tuple(_row(path) for path in codec_folders(find_zoos(zoo)))


def training_of(folder: Path) -> dict[str, object]:
    """What a codec's folder says of its training; nothing where it says nothing."""
    path = folder / TRAINING_FILE
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _row(path: Path) -> CodecRow:
    manifest = load_codec_folder(path, needed=()).manifest
    seen = training_of(path).get("validation")
    validation = seen if isinstance(seen, dict) else {}
    return CodecRow(
        name=path.name,
        signal=manifest.signal,
        tasks=manifest.tasks,
        classes=manifest.classes,
        latents=inspector_of(manifest).latents(manifest),
        points=manifest.preprocessing.benchmark_points if isinstance(manifest, PointCloudManifest) else 0,
        validation_bits=float(validation.get("bits", "nan")),
        validation_top1_percent=float(validation.get("top1_percent", "nan")),
        size_bytes=sum(file.stat().st_size for file in path.iterdir()),
        identity=manifest.identity.hex(),
        path=path,
    )
