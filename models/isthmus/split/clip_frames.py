"""Frames of moving clips, each predicted from the one before in the closed loop that the codec runs.

How many blocks take a residual is drawn for each frame, the worst predicted first: tables are learned before there is
an encoder that could decide it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from isthmus.common.video.fine import fine_latents
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.motion_field import BlockMode, MotionField, block_grid, spread
from isthmus.common.video.prediction import moved
from isthmus.data.video.moving_images import ClipMotion, moving_clip
from isthmus.runtime.frame_size import fitted
from isthmus.split.encoder import Search
from isthmus.split.graphs import Float32, batch_of
from isthmus.split.pictures import UInt8

Int32 = npt.NDArray[np.int32]
Frame = TypeVar("Frame")

CLIP_FRAMES = 6
RESIDUAL_SHARES = (0.1, 0.3, 0.6, 1.0)
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, slots=True)
class ClipFrames:
    """What frames are made with.

    Attributes:
        manifest: of the codec.
        edge: its edge half, frame [1, 3, H, W] to y [1, M, h, w] in units.
        search: of its encoder.
        seed: of the clips, and of how many blocks take a residual.
    """

    manifest: VideoManifest
    edge: Callable[[Float32], Float32]
    search: Search
    seed: int

    def predicted(
        self,
        frames: Sequence[UInt8],
        code: Callable[[VideoManifest, Int32, Int32, MotionField, float], tuple[Frame, Int32]],
    ) -> Iterator[Frame]:
        """All frames but the first of each clip, as they are coded.

        Args:
            frames: uint8 [H, W, 3], of which each becomes a clip.
            code: what a frame comes to, and the state after it; given the state before it and its latents, int32
                [M, h, w] in 1/16 of a unit, its motion, and the share of blocks that take a residual.
        """
        generator = np.random.default_rng(self.seed)
        for index, frame in enumerate(frames):
            clip = moving_clip(frame, ClipMotion.random(self.seed + index), CLIP_FRAMES, self.seed + index)
            state, luma = self._latents(clip[0]), _luma(clip[0])
            for shown in clip[1:]:
                before, luma = luma, _luma(shown)
                y = self._latents(shown)
                share = float(generator.choice(RESIDUAL_SHARES))
                coded, state = code(self.manifest, state, y, self.search(luma, before), share)
                yield coded

    def _latents(self, frame: UInt8) -> Int32:
        return fine_latents(self.manifest, self.edge(batch_of(fitted(self.manifest, frame)))[0])


def predict_share(
    manifest: VideoManifest, state: Int32, y: Int32, field: MotionField, share: float
) -> tuple[Int32, MotionField]:
    """(the prediction of a frame, 0 in blocks that are intra; its motion, with modes).

    Args:
        manifest: of the codec.
        state: int32 [M, h, w] of the frame before, in 1/16 of a unit.
        y: int32 [M, h, w] of this one, the same.
        field: its motion.
        share: of the blocks take a residual, those predicted worst.
    """
    _, height, width = y.shape
    block, predicted = manifest.block_latents, moved(manifest, state, field)
    error = _block_sums(np.abs(y - predicted), block)
    worst = np.sort(error.ravel())[::-1][max(0, round(share * error.size) - 1)]
    modes = np.where((error >= worst) & (error > 0), BlockMode.RESIDUAL, BlockMode.PREDICTED).astype(np.int32)
    # Where nothing of the prediction holds, the latents themselves are smaller than what it leaves.
    modes[(modes == BlockMode.RESIDUAL) & (_block_sums(np.abs(y), block) < error)] = BlockMode.INTRA
    predicted[:, spread(modes == BlockMode.INTRA, height, width, block)] = 0
    return predicted, field.with_modes(modes)


def _block_sums(values: Int32, block: int) -> npt.NDArray[np.int64]:
    """Sums over all channels of each block, [bh, bw]."""
    plane = values.sum(0, dtype=np.int64)
    rows, columns = block_grid(plane.shape[0], plane.shape[1], block)
    grown = np.pad(plane, ((0, rows * block - plane.shape[0]), (0, columns * block - plane.shape[1])))
    sums: npt.NDArray[np.int64] = grown.reshape(rows, block, columns, block).sum((1, 3))
    return sums


def _luma(frame: UInt8) -> UInt8:
    luma: UInt8 = np.rint(frame @ LUMA).astype(np.uint8)
    return luma
