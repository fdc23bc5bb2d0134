"""Image coders over random tables, small and large, and latents to code with them. No networks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from isthmus.common.bits.cdf import quantize_pmf
from isthmus.common.bits.context import ContextModel
from isthmus.common.bits.prior import Prior
from isthmus.common.bits.taps import SUM_CHANNEL
from isthmus.common.image.coder import ImageCoder
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.image.symbols import ImageSymbols
from isthmus.common.image.tables import ImageTables

Int32 = npt.NDArray[np.int32]
WEIGHTS = (("cloud.onnx", "0" * 64), ("edge.onnx", "f" * 64), ("entropy.npz", "a" * 64))
SCALES = 5
SIDE_CHANNELS = 2
HYPER_CHANNELS = 3


def manifest(channels: int = 4, *, bins: int = 0, hyper: bool = False, **changes: object) -> ImageManifest:
    """Of a codec without files."""
    fields: dict[str, object] = {
        "name": "image-test-q1",
        "family": "image-test",
        "quality": 1,
        "weights": WEIGHTS,
        "latent_channels": channels,
        "hyper_channels": HYPER_CHANNELS if hyper else 0,
        "hyper_stride": 64 if hyper else 0,
        "halo_pixels": 32,
        "halo_latents": 2,
        "bins": bins,
    }
    return ImageManifest(**(fields | changes))  # type: ignore[arg-type]


def tables(
    groups: int = 4,
    candidates: int = 3,
    reach: int = 6,
    *,
    bins: int = 0,
    hyper: bool = False,
    seed: int = 0,
    context: bool = False,
) -> ImageTables:
    """Laplacians of different widths around different centres, and a choice whose groups follow the one before."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, candidates + 1, groups)
    counts[0] = candidates
    pmfs, offsets = [], []
    for count in counts:
        side = int(rng.integers(1, reach + 1))
        values = np.arange(-side, side + 1)
        for scale in np.geomspace(0.4, 1.5 * reach, candidates)[rng.permutation(candidates)[:count]]:
            pmf = np.exp(-np.abs(values - rng.normal()) / scale)
            pmfs.append(np.append(pmf / pmf.sum(), 1e-3))
            offsets.append(-side)
    parent = np.array([-1 if g % 4 == 0 else g - 1 for g in range(groups)])
    fans = [1 if p < 0 else int(counts[p]) for p in parent]
    choice_pmfs = [rng.random(count) ** 4 + 0.01 for count, fan in zip(counts, fans, strict=True) for _ in range(fan)]
    choice_tables = quantize_pmf(choice_pmfs, np.zeros(len(choice_pmfs), np.int64), 16)
    side_pmfs = [[1, 4, 9, 4, 1, 0.01]] * (SIDE_CHANNELS if bins else HYPER_CHANNELS)
    side_tables = quantize_pmf(side_pmfs, [-2] * len(side_pmfs), 16, has_escape=True)
    return ImageTables(
        quantize_pmf(pmfs, offsets, 16, has_escape=True),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
        Prior(choice_tables, np.cumsum([0, *fans[:-1]]).astype(np.int32), parent.astype(np.int32)),
        side_tables if bins else None,
        side_tables if hyper else None,
        context_model(groups, seed=seed) if context else None,
    )


def context_model(channels: int = 4, classes: int = 4, taps: int = 5, *, seed: int = 0, given: int = 0) -> ContextModel:
    """Taps, weights and thresholds at random, and tables that widen with the class; some channels have one class."""
    rng = np.random.default_rng(seed)
    order = np.concatenate([np.arange(given), given + rng.permutation(channels)])
    all_taps: list[list[int]] = []
    all_thresholds: list[int] = []
    first_tap, first_threshold, pmfs, offsets = [0], [0], [], []
    before: dict[int, list[int]] = {int(channel): order[:place].tolist() for place, channel in enumerate(order)}
    for channel in range(given + channels):
        in_row = 0
        count = int(rng.integers(0, taps + 1)) if channel >= given else 0
        for source in rng.choice([channel, SUM_CHANNEL, *before[channel]], count).tolist():
            down, right = (int(step) for step in rng.integers(-2, 3, 2))
            if source == channel:
                down = -abs(down)
                right = right if down else -max(1, abs(right))
                in_row += down == 0
            if source != channel or down or in_row <= 2:
                all_taps.append([source, down, right, int(rng.choice([-3, -1, 1, 2, 5, 3000]))])
        first_tap.append(len(all_taps))
        steps = rng.integers(1, 9, rng.integers(0, classes) if channel >= given else 0)
        all_thresholds += (int(rng.integers(-5, 6)) + np.cumsum(steps)).tolist()
        first_threshold.append(len(all_thresholds))
        for width in np.geomspace(0.3, 6, len(steps) + 1):
            side = int(rng.integers(0, 7))
            pmfs.append(np.append(np.exp(-np.abs(np.arange(-side, side + 1)) / width), 1e-3))
            offsets.append(-side)
    return ContextModel(
        quantize_pmf(pmfs, offsets, 16, has_escape=True),
        order.astype(np.int32),
        np.array(first_tap, np.int32),
        np.array(all_taps, np.int32).reshape(-1, 4),
        np.array(first_threshold, np.int32),
        np.array(all_thresholds, np.int32),
        (np.array(first_threshold[:-1]) + np.arange(given + channels)).astype(np.int32),
        given,
    )


def coder(
    channels: int = 4, *, bins: int = 0, hyper: bool = False, context: bool = False, **changes: int
) -> ImageCoder:
    """A coder whose h_s,q and h_s are a few integer operations."""
    return ImageCoder(
        manifest(channels, bins=bins, hyper=hyper),
        tables(SCALES if hyper else channels, bins=bins, hyper=hyper, context=context, **changes),
        synthesize=(lambda q: synthesize(q, channels, bins)) if bins else None,
        scale_indices=(lambda z: scale_indices(z, channels)) if hyper else None,
    )


def synthesize(q: Int32, channels: int, bins: int) -> Int32:
    """Logits [channels, bins] of q [SIDE_CHANNELS, bins / 8]: peaks whose sharpness q says."""
    clipped = np.clip(q.astype(np.int64), -8, 8)
    steep = 300 + 30 * np.resize(clipped.ravel(), channels)
    return (-steep[:, None] * np.abs(np.arange(bins) - bins // 2)).astype(np.int32)


def scale_indices(z: Int32, channels: int) -> Int32:
    """Groups [channels, 4a, 4b] of z [N, a, b]."""
    coarse = np.clip(np.abs(z.astype(np.int64)).sum(0), 0, SCALES - 1)
    fine = np.repeat(np.repeat(coarse, 4, 0), 4, 1)
    return np.ascontiguousarray(np.broadcast_to(fine, (channels, *fine.shape))).astype(np.int32)


def latents(shape: tuple[int, ...], scale: float = 2.0, seed: int = 0) -> Int32:
    """Rounded Laplacian noise whose width differs between channels; the last is wide."""
    rng = np.random.default_rng(seed)
    widths = scale * rng.random((shape[0],) + (1,) * (len(shape) - 1))
    widths[-1] = scale
    noise: Int32 = np.rint(rng.laplace(size=shape) * widths).astype(np.int32)
    return noise


def again(coder: ImageCoder, symbols: ImageSymbols, checksum_size_bytes: int) -> bytes:
    """The packet of decoded symbols."""
    coded = coder.encode(
        symbols.y,
        symbols.height,
        symbols.width,
        adaptation=symbols.adaptation,
        q=symbols.q,
        z=symbols.z,
        checksum_size_bytes=checksum_size_bytes,
    )
    return coded.packet.to_bytes()
