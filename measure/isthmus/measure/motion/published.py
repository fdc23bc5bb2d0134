"""What the thesis published of latent motion, digitised from its figures: two csv files that lie beside this module."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from isthmus.measure.curve import read_published

SWEEPS_FILE = Path(__file__).with_name("published_sweeps.csv")
RANDOM_FILE = Path(__file__).with_name("published_random_affine.csv")
LAYERS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "resnet34.conv0": ("ResNet-34 conv0", 2),
        "resnet34.add_3": ("ResNet-34 add_3", 8),
        "resnet34.add_7": ("ResNet-34 add_7", 16),
        "densenet121.pool3_pool": ("DenseNet-121 pool3", 8),
        "densenet121.pool4_pool": ("DenseNet-121 pool4", 16),
    }
)
"""Title and stride of each layer that the files name."""

Curves = Mapping[tuple[str, str], list[tuple[float, float]]]


def published_sweeps(path: Path = SWEEPS_FILE) -> Curves:
    """(panel, layer) to points (x, NRMSE). InputError if it is no such file."""

    def read(row: Mapping[str, str]) -> tuple[tuple[str, str], float, float]:
        return (row["panel"], row["layer"]), float(row["x"]), float(row["nrmse"])

    return read_published(path, ("panel", "layer", "x", "nrmse"), read)


@cache
def published_random() -> tuple[tuple[str, int, float], ...]:
    """(layer's title, stride, mean NRMSE over 2,048 random affine maps of one photograph) of each layer."""

    def read(row: Mapping[str, str]) -> tuple[str, float, float]:
        return row["layer"], float(row["mean"]), float(row["std"])

    found = read_published(RANDOM_FILE, ("layer", "mean", "std"), read)
    return tuple((*LAYERS[layer], points[0][0]) for layer, points in found.items())
