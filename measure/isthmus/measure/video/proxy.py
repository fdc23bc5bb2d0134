"""How well what an encoder guesses from pixels tells what its latents, and so the answers, lose.

Clips are sent with motion alone. Of each predicted frame four numbers are known: what the answers lose (nats), the
latents' mean squared error in squared units, and two guesses from pixels: the mean over blocks of the root mean square
difference in grey levels, which codecs with tiles go by, and the mean damage, which divides by the contrast. Rank
correlations say how well one tells another; the gain is what makes the first guess right on average (of logarithms).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.signals import Image, VideoFrame
from isthmus.common.video.manifest import VideoManifest
from isthmus.data.video.clips import Clip
from isthmus.edge.video.answer_error import LEAST_ERROR, grey_difference
from isthmus.edge.video.damage import block_damage
from isthmus.edge.video.encoder import VideoEncoder
from isthmus.edge.video.motion_search import MotionSearch
from isthmus.edge.video.policy import VideoPolicy
from isthmus.measure.video.network import WholeNetwork
from isthmus.measure.video.runs import Truth
from isthmus.split.answers import divergences, log_probabilities

Float64 = npt.NDArray[np.float64]
MOTION_ALONE = VideoPolicy(mode="motion", key_interval=255)


@dataclass(frozen=True, slots=True)
class ProxyEvidence:
    """Over the predicted frames of all clips.

    Attributes:
        proxy_frames: predicted ones.
        error_to_nats_rank: rank correlation of the latents' squared error with the nats.
        grey_to_error_rank: of the difference in grey levels with that error.
        damage_to_error_rank: of the mean damage with it.
        grey_gain: squared units a grey level.
    """

    proxy_frames: int
    error_to_nats_rank: float
    grey_to_error_rank: float
    damage_to_error_rank: float
    grey_gain: float

    def summary(self) -> dict[str, float]:
        """By name."""
        return {name: float(value) for name, value in asdict(self).items()}


def proxy_evidence(folder: Path, seen: Sequence[tuple[Clip, Truth]], network: WholeNetwork) -> ProxyEvidence:
    """Send clips, each with what is right of it, by the codec of a folder, whose `network` is that."""
    manifest = load_codec_folder(folder, needed=(), kind=VideoManifest).manifest
    encoder, search = VideoEncoder(folder, MOTION_ALONE), MotionSearch(manifest)
    rows: list[Float64] = []
    for clip, truth in seen:
        encoder.force_key()
        states, guesses = [], []
        held = np.zeros((0, 0), np.uint8)
        for index, pixels in enumerate(clip.frames):
            detail = encoder.encode(VideoFrame(Image(pixels), index)).detail
            states.append(detail.state.y_hat)
            canvas, shape = search.canvas_of(pixels), search.shape(*pixels.shape[:2])
            if detail.field is None:
                held, guess = canvas, (0.0, 0.0)
            else:
                held = search.warp(held, detail.field.vectors, shape, is_smooth=detail.field.is_smooth)
                damage = float(block_damage(canvas, held, shape, manifest.block_latents).mean())
                guess = grey_difference(canvas, held, shape), damage
            guesses.append(guess)
        y_hat = np.stack(states)
        errors = np.square(y_hat - truth.latents).mean((1, 2, 3))
        nats = divergences(log_probabilities(network.logits(truth.latents)), log_probabilities(network.logits(y_hat)))
        of_clip = np.column_stack((nats, errors, np.array(guesses)))
        rows.append(of_clip[of_clip[:, 2] > 0])
    nats, errors, grey, damages = np.concatenate(rows).T
    return ProxyEvidence(
        proxy_frames=len(nats),
        error_to_nats_rank=_rank_correlation(errors, nats),
        grey_to_error_rank=_rank_correlation(grey, errors),
        damage_to_error_rank=_rank_correlation(damages, errors),
        grey_gain=float(np.exp(np.mean(np.log(np.maximum(errors, LEAST_ERROR)) - np.log(grey)))),
    )


def _rank_correlation(one: Float64, other: Float64) -> float:
    """Of two rows of numbers; nan where there are none."""
    ranks = np.arange(len(one)) - (len(one) - 1) / 2
    first, second = (ranks[values.argsort().argsort()] for values in (one, other))
    return float(first @ second / (ranks @ ranks)) if len(one) > 1 else float("nan")
