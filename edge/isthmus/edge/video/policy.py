"""What an encoder of videos decides by: every threshold, in one place.

*Damage* is how far a block of the picture is from what the cloud holds of it, as `isthmus.edge.video.damage` estimates
it from pixels: a share of the frame's contrast. *Latent error* is the same seen by the network, once it has run.

Codecs with tiles (BITSTREAM.md §7.9) send components in which an error of one size moves the answers as much in each:
there a plain squared error, in steps, is what the answers lose, and costs of blocks are summed as `D + weight * bits`.
Their encoders go by that (`STEPPED_POLICY`); those of other codecs by shares of contrast and energy (`VideoPolicy()`).

`isthmus measure video-thresholds` chose key interval, residual damage, latent error and dead zone, and of codecs with
tiles key interval, answer error, rate weight and how much finer key frames are, on clips that are in no test;
`results/video_thresholds.json` and `results/video_lite0_thresholds.json` are its record, and tests hold the defaults to
them.
"""

from __future__ import annotations

from dataclasses import dataclass

from isthmus.common.errors import InputError
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.state import SERIALS
from isthmus.common.video.step import DEFAULT_STEP, STEP_COUNT, fine_step
from isthmus.edge.video.motion_search import DEFAULT_LAMBDA

MODES = ("auto", "intra", "motion")
REFERENCES = ("latest", "key")
_NOT_NEGATIVE = (
    *("residual_damage", "rate_weight", "answer_error", "key_damage", "cut_damage", "latent_error", "key_share"),
    "motion_lambda",
)


@dataclass(frozen=True, slots=True)
class VideoPolicy:
    """Thresholds of an encoder, valid from birth.

    Attributes:
        mode: "auto" for what is cheapest and good enough; "intra" for key frames only; "motion" for key frames and
            motion without residuals.
        key_interval: frames from one key frame to the next at most, 1 to 255.
        reference: what frames are predicted from, the "latest" frame (motion is small, errors of warping add up) or
            the last "key" frame (warped once only, but motion grows).
        residual_damage: damage of a block, a share of the contrast, from which on the network runs to see whether a
            residual is due. Mode "auto" only.
        rate_weight: squared steps that a bit must save: what becomes of blocks, and of the frame, is what costs least;
            instead of `residual_damage`, `latent_error`, `deadzone` and `key_share`. 0: by those.
        answer_error: mean squared error of latents, in squared steps, that motion may add, as far as pixels tell,
            before the network runs to see (`isthmus.edge.video.answer_error`). Where there is a rate weight.
        network_interval: frames from one that the network has seen to the next that it may be asked about, at least: 2
            for at most every other one, which bounds the edge's time; 1 for any. Cuts, drift and key frames that are
            due are not asked about.
        key_finer: by how many steps key frames are finer than `step`, as others are predicted from them. Not in mode
            "intra", nor in codecs of one step.
        key_damage: mean damage of a frame from which on it becomes a key frame: it has drifted too far.
        cut_damage: growth of the mean damage from one frame to the next from which on it is taken for a scene cut.
        latent_error: root mean square error of a block's latents, a share of the root mean square of the frame's,
            from which on it takes a residual, once the network has run.
        deadzone: smallest error of a latent that is sent, in steps of the quantiser, 0.5 to 1: more saves bits.
        key_share: a frame with residuals becomes a key frame where it would take this share of a key frame's bits.
        motion_lambda: grey levels of mean error that a bit of motion must save.
        step: of the quantiser, in codecs that let each frame choose: 0 to 95, eight to an octave, 32 the codec's own.
        max_bytes: of a packet, in such codecs: frames take the finest step from `step` on that keeps to it, or the
            coarsest; 0 for no bound.
        uses_vectors: whether the motion vectors that a video carries are taken, where it does, instead of a search:
            faster, and as good as its encoder's search was.

    Raises:
        InputError: a value out of range.
    """

    mode: str = "auto"
    key_interval: int = 12
    reference: str = "latest"
    residual_damage: float = 0.35
    rate_weight: float = 0.0
    answer_error: float = 0.0
    network_interval: int = 1
    key_finer: int = 0
    key_damage: float = 0.5
    cut_damage: float = 0.35
    latent_error: float = 0.16
    deadzone: float = 0.5
    key_share: float = 0.85
    motion_lambda: float = DEFAULT_LAMBDA
    step: int = DEFAULT_STEP
    max_bytes: int = 0
    uses_vectors: bool = False

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise InputError(f"mode: expected one of {', '.join(MODES)}, got {self.mode!r}")
        if self.reference not in REFERENCES:
            raise InputError(f"reference: expected one of {', '.join(REFERENCES)}, got {self.reference!r}")
        if not 1 <= self.key_interval < SERIALS:
            raise InputError(f"key_interval: expected 1 to {SERIALS - 1} frames, got {self.key_interval}")
        for name in _NOT_NEGATIVE:
            value = getattr(self, name)
            if not value >= 0:
                raise InputError(f"{name}: expected 0 or more, got {value}")
        fine_step(self.step)
        if self.network_interval < 1:
            raise InputError(f"network_interval: expected 1 frame or more, got {self.network_interval}")
        if not 0 <= self.key_finer < STEP_COUNT:
            raise InputError(f"key_finer: expected 0 to {STEP_COUNT - 1} steps, got {self.key_finer}")
        if self.max_bytes < 0:
            raise InputError(f"max_bytes: expected 0 or more, got {self.max_bytes}")
        if not 0.5 <= self.deadzone <= 1:
            raise InputError(f"deadzone: expected 0.5 to 1 steps, got {self.deadzone}")

    @property
    def key_step(self) -> int:
        """The step of key frames."""
        return self.step if self.mode == "intra" else max(0, self.step - self.key_finer)


STEPPED_POLICY = VideoPolicy(key_interval=24, rate_weight=0.05, answer_error=0.05, network_interval=2)
"""Of codecs with tiles."""


def default_policy(manifest: VideoManifest) -> VideoPolicy:
    """What an encoder of a codec decides by when nothing is asked for."""
    return STEPPED_POLICY if manifest.tile_latents else VideoPolicy()
