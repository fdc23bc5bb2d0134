"""A codec's two halves and its coder, side by side: what comes back of an image without a cloud."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.entropy_file import ENTROPY_FILE
from isthmus.common.errors import InputError
from isthmus.common.video.codec_tables import open_tables
from isthmus.common.video.coder import VideoCoder
from isthmus.common.video.decoder import VideoDecoder
from isthmus.common.video.fine import fine_latents
from isthmus.measure.video.network import WholeNetwork

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]


class Halves:
    """Both halves of a codec whose frames choose their step, run as they are, and its coder.

    Raises:
        ManifestError: the folder is damaged, or not of a video codec.
        InputError: a codec of another kind.
    """

    def __init__(self, folder: Path) -> None:
        self.network = WholeNetwork(folder)
        manifest = self.manifest = self.network.manifest
        if not manifest.tile_latents or not manifest.frame_height:
            raise InputError(
                f"{manifest.name}: expected a codec of frames of one size that choose their step, as `isthmus split` "
                "makes without --bits, got another"
            )
        self.coder = VideoCoder(manifest, open_tables(folder / ENTROPY_FILE, manifest))

    def latents(self, frame: UInt8) -> Float32:
        """Of a frame of the codec's size, float32 `[M, h, w]` in units."""
        y: Float32 = self.network.latents(frame[None])[0]
        return y

    def logits(self, y_hat: Float32) -> Float32:
        """Of latents `[M, h, w]` in units, float32 `[classes]`."""
        found: Float32 = self.network.logits(y_hat[None])[0]
        return found

    def coded(self, y: Float32, frame: int, step: int) -> tuple[int, Float32]:
        """(bytes of a key frame's packet, the latents that come back from it) of latents ``[M, h, w]`` in units."""
        packet = self.coder.encode_latents(fine_latents(self.manifest, y), frame, step).packet
        return packet.size_bytes, VideoDecoder(self.coder).decode(packet.to_bytes()).state.y_hat
