"""The integer networks that both sides of an image codec run, as the functions its coder calls.

`h_s_q.onnx` turns the side information q into the logits of adapted tables, `h_s.onnx` the hyperprior's z into a scale
index for every latent. Both are exact: integers held in float32, every sum under 2^24, so that any runtime, batch or
number of threads gives the same values (which is why the coder may trust them with the bitstream).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.image.coder import ImageCoder, ScaleIndices, Synthesize
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.tables import ImageTables
from isthmus.common.manifest.folder import CodecFolder
from isthmus.runtime.engine import AUTO, End, open_half, run_exact

Int32 = npt.NDArray[np.int32]

LOGITS_HALF, LOGITS_FILE = "h_s_q", "h_s_q.onnx"
SCALES_HALF, SCALES_FILE = "h_s", "h_s.onnx"


def coder_files(manifest: ImageManifest) -> tuple[str, ...]:
    """Files of a codec folder that `open_coder` reads."""
    return (
        ENTROPY_FILE,
        *((LOGITS_FILE,) if manifest.bins else ()),
        *((SCALES_FILE,) if manifest.hyper_channels else ()),
    )


def open_coder(folder: CodecFolder[ImageManifest], threads: int = 1, engine: str = AUTO) -> ImageCoder:
    """The codec's entropy coder, its integer networks in it. ManifestError if a file is damaged or does not fit."""
    manifest = folder.manifest
    return ImageCoder(
        manifest,
        ImageTables.load(folder.read(ENTROPY_FILE)),
        synthesize=open_synthesis(folder, threads, engine) if manifest.bins else None,
        scale_indices=open_scale_indices(folder, threads, engine) if manifest.hyper_channels else None,
    )


def open_synthesis(folder: CodecFolder[ImageManifest], threads: int = 1, engine: str = AUTO) -> Synthesize:
    """h_s,q: q int32 `[M_q, W]` to integer logits int32 `[M, B]`. ManifestError if the graph does not fit."""
    manifest, path = folder.manifest, folder.file(LOGITS_FILE)
    ends = End("q", "int32", manifest.side_width, axis=2), End("logits", "float", manifest.latent_channels)
    network = open_half(folder, LOGITS_HALF, ends, threads, engine)
    return lambda q: run_exact(network, str(path), "q", q)


def open_scale_indices(folder: CodecFolder[ImageManifest], threads: int = 1, engine: str = AUTO) -> ScaleIndices:
    """h_s: z int32 `[N, hz, wz]` to scale indices int32 `[M, h, w]`. ManifestError if the graph does not fit."""
    manifest, path = folder.manifest, folder.file(SCALES_FILE)
    ends = End("z", "int32", manifest.hyper_channels), End("indices", "float", manifest.latent_channels)
    network = open_half(folder, SCALES_HALF, ends, threads, engine)
    return lambda z: run_exact(network, str(path), "z", z)
