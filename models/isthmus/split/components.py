"""The latents of a cut turned into components: what matters to the answers, decorrelated, each in the same measure.

Theory of operation. An error e of a latent vector (the M channels at one place) costs about e' W e nats of the answer,
with W the *metric*: how the answer's distribution changes with each channel (`sensitivity`). With R = W^(1/2), and
R S R = U diag U' for the covariance S of the latents,

    components  z = U' R (x - mean)          x = R^-1 U z + mean

are uncorrelated, and an error of one size in any of them costs the same: so one step serves all of them, and that step
is the quality. Both maps are 1 x 1 convolutions in the halves. Components that no calibration image ever moves by half
a step are dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError

FLOOR = 0.003
"""Of the mean sensitivity, added to every channel's: none is free, however little it seemed to matter."""
LEAST_EIGENVALUE = 1e-9

Float64 = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """A pair of maps between latents `[M]` of a cut and components `[K]` in units.

    Attributes:
        analysis: float64 `[K, M]`.
        synthesis: float64 `[M, K]`.
        mean: float64 `[M]`, where all components are 0.

    Raises:
        InputError: shapes that do not fit, or numbers that are not finite.
    """

    analysis: Float64
    synthesis: Float64
    mean: Float64

    def __post_init__(self) -> None:
        count, channels = self.analysis.shape
        if not count or self.synthesis.shape != (channels, count) or self.mean.shape != (channels,):
            raise InputError(
                f"components: expected [K, M], [M, K] and [M], got {self.analysis.shape}, {self.synthesis.shape} and "
                f"{self.mean.shape}"
            )
        if not all(np.isfinite(a).all() for a in (self.analysis, self.synthesis, self.mean)):
            raise InputError("components: expected finite numbers")

    @property
    def count(self) -> int:
        """K."""
        return len(self.analysis)

    def of(self, latents: Float32) -> Float32:
        """Components float32 `[K, h, w]` of latents `[M, h, w]`."""
        off = latents.reshape(len(latents), -1) - self.mean[:, None]
        made: Float32 = (self.analysis @ off).astype(np.float32).reshape(self.count, *latents.shape[1:])
        return made

    def latents(self, components: Float32) -> Float32:
        """Latents float32 `[M, h, w]` of components `[K, h, w]`."""
        made = self.synthesis @ components.reshape(self.count, -1).astype(np.float64) + self.mean[:, None]
        return made.astype(np.float32).reshape(-1, *components.shape[1:])

    def in_units(self, unit: float) -> Components:
        """The same, with components counted in so large a unit of what they are now."""
        return Components(self.analysis / unit, self.synthesis * unit, self.mean)

    def first(self, count: int) -> Components:
        """Without all but the first components."""
        return Components(self.analysis[:count], self.synthesis[:, :count], self.mean)


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Mean float64 `[M]` and covariance float64 `[M, M]` of latents."""

    mean: Float64
    covariance: Float64

    @classmethod
    def of(cls, latents: list[Float32]) -> Moments:
        """Of latents `[M, h, w]` of images. InputError if there are none, or some are not finite."""
        if not latents:
            raise InputError("expected latents of calibration images, got none")
        channels = len(latents[0])
        total, products, count = np.zeros(channels), np.zeros((channels, channels)), 0
        for x in latents:
            rows = x.reshape(channels, -1).astype(np.float64)
            total += rows.sum(1)
            products += rows @ rows.T
            count += rows.shape[1]
        if not np.isfinite(products).all():
            raise InputError("expected finite latents of the calibration images, got some that are not")
        mean = total / count
        return cls(mean, products / count - np.outer(mean, mean))


def find_components(metric: Float64, moments: Moments) -> Components:
    """All components of a cut, those of the largest variance first.

    Args:
        metric: float64 `[M, M]`, symmetric: nats of the answers by an error of the latents.
        moments: of the latents.
    """
    channels = len(metric)
    grounded = metric + FLOOR * np.trace(metric) / channels * np.eye(channels)
    weights, directions = np.linalg.eigh((grounded + grounded.T) / 2)
    weights = np.maximum(weights, LEAST_EIGENVALUE * max(float(weights.max()), np.finfo(float).tiny))
    root = (directions * np.sqrt(weights)) @ directions.T
    inverse_root = (directions / np.sqrt(weights)) @ directions.T
    variances, turned = np.linalg.eigh(root @ moments.covariance @ root)
    turned = turned[:, np.argsort(-variances)]
    # The sign of an eigenvector is the library's whim; here the largest weight is positive.
    signs = np.sign(turned[np.abs(turned).argmax(0), np.arange(channels)])
    turned = turned * np.where(signs == 0, 1, signs)
    return Components(turned.T @ root, inverse_root @ turned, moments.mean)
