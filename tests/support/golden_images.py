"""The golden image codecs: manifests and tables from `tests/golden/codecs`, and the integer networks of its README."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from isthmus.common.image.coder import ImageCoder
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.tables import ImageTables
from isthmus.common.manifest.folder import read_manifest
from support.paths import GOLDEN

CODECS = GOLDEN / "codecs"
Int32 = npt.NDArray[np.int32]


def golden_image_coder(name: str) -> ImageCoder:
    """The coder of a golden codec."""
    manifest = read_manifest((CODECS / f"{name}.json").read_bytes(), ImageManifest)
    return ImageCoder(
        manifest,
        ImageTables.load(CODECS / f"{name}.npz"),
        synthesize=golden_logits if manifest.bins else None,
        scale_indices=golden_scales if manifest.hyper_channels else None,
    )


def golden_logits(q: Int32) -> Int32:
    """h_s,q of golden-image-q1 and golden-side-q1: logits [2, 8] of q [1, 1] or [2, 3]; q's rows are the channels."""
    limited = np.minimum(np.maximum(q.astype(np.int64), -3), 3).sum(1)
    steepness = 200 + 40 * np.resize(limited, 2)
    return (-steepness[:, None] * np.abs(np.arange(8) - 4)).astype(np.int32)


def golden_scales(z: Int32) -> Int32:
    """h_s of golden-hyper-q1: groups [2, 4a, 4b] of z [1, a, b]."""
    coarse = np.minimum(np.abs(z.astype(np.int64)), 1)
    fine = np.repeat(np.repeat(coarse, 4, 1), 4, 2)
    return np.concatenate([fine, fine]).astype(np.int32)
