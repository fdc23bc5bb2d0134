"""Coded frames of random latents that move, without a network."""

from __future__ import annotations

import numpy as np

from isthmus.common.video.coder import VideoCoder
from isthmus.common.video.frames import CodedFrame
from isthmus.common.video.motion_field import BlockMode, MotionField, block_grid, spread
from isthmus.common.video.state import LatentState

NAME = "video-test-q1"


class Frames:
    """Coded frames of random latents that move: what an encoder would send."""

    def __init__(self, coder: VideoCoder, seed: int = 0, height: int = 6, width: int = 8) -> None:
        self.coder, self.random = coder, np.random.default_rng(seed)
        self.shape = (coder.manifest.latent_channels, height, width)
        self.grid = block_grid(height, width, coder.manifest.block_latents)
        self.serial = seed % 256

    def intra(self) -> CodedFrame:
        manifest = self.coder.manifest
        y = np.clip(self.random.normal(size=self.shape) * 3, manifest.symbol_min, manifest.symbol_max)
        self.serial = (self.serial + 1) % 256
        return self.coder.encode_intra(np.rint(y).astype(np.int32), self.serial)

    def predicted(self, reference: LatentState) -> CodedFrame:
        """With every mode in it."""
        modes = self.random.integers(0, 3, self.grid).astype(np.int32)
        vectors = self.random.integers(-6, 7, (*self.grid, 2)).astype(np.int32)
        field = MotionField(modes, vectors, bool(self.random.integers(2)))
        mask = spread(modes, *self.shape[1:], self.coder.manifest.block_latents) != BlockMode.PREDICTED
        residual = (self.random.integers(-2, 3, self.shape) * mask).astype(np.int32)
        self.serial = (self.serial + 1) % 256
        return self.coder.encode_predicted(reference, field, residual, self.serial)

    def chain(self, count: int) -> list[CodedFrame]:
        """One intra frame and predicted ones, each from the one before."""
        frames = [self.intra()]
        while len(frames) < count:
            frames.append(self.predicted(frames[-1].state))
        return frames
