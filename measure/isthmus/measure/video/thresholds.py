"""What the video encoder decides by, chosen by a rule that was written down first, on clips that are in no test.

Theory of operation. Every combination of `GRID` encodes the tuning clips: the videos that measurements leave out, and
training photographs under a moving camera. *Agreement* is how often the answer is that of the whole network, nothing
quantised, on the original frame. The rule:

    of the settings that agree at most `ALLOWED_POINTS` less often than all intra does, the one of fewest bits; where
    others need at most `TIE_PERCENT` more bits, the one of them that runs the edge's network for the fewest frames.

Frames that ran the network stand for the edge's time, since they are counted and the same on every machine; times are
written down beside them. Thresholds that are not in the grid stay as `VideoPolicy` has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from isthmus.common.errors import InputError
from isthmus.edge.video.policy import VideoPolicy
from isthmus.measure.curve import pareto_front
from isthmus.measure.table import Table, number

GRID: Mapping[str, tuple[float, ...]] = {
    "key_interval": (6, 8, 12),
    "residual_damage": (0.25, 0.35, 0.5, 0.7, 1.0),
    "latent_error": (0.08, 0.16),
    "deadzone": (0.5, 0.65),
}
"""Fields of `VideoPolicy`, and what is tried of each."""
ALLOWED_POINTS, TIE_PERCENT = 1.0, 1.0
ROOT = "video.thresholds"


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one setting on all frames.

    Attributes:
        values: of each threshold in `GRID`; empty for all intra.
        bits_a_frame: whole packets.
        agreement_percent: with the whole network on original frames.
        network_percent: of the frames for which the edge's network ran.
        edge_ms: mean a frame.
    """

    values: Mapping[str, float]
    bits_a_frame: float
    agreement_percent: float
    network_percent: float
    edge_ms: float


@dataclass(frozen=True, slots=True)
class ThresholdSearch:
    """All that was tried.

    Attributes:
        data: what the clips are, for people.
        codec: name of the codec that encoded.
        clip_names: one a clip.
        frames: of all clips.
        intra: every frame on its own.
        trials: one a setting, in the order of the grid.
    """

    data: str
    codec: str
    clip_names: tuple[str, ...]
    frames: int
    intra: Trial
    trials: tuple[Trial, ...]

    @property
    def chosen(self) -> Trial:
        """By the rule. InputError where no setting agrees often enough."""
        enough = [t for t in self.trials if self.lost_points(t) <= ALLOWED_POINTS]
        if not enough:
            raise InputError(
                f"{self.data}: expected a setting that agrees at most {ALLOWED_POINTS:g} points less often than all "
                f"intra, got none among {len(self.trials)}: try finer ones in `GRID`"
            )
        most = (1 + TIE_PERCENT / 100) * min(t.bits_a_frame for t in enough)
        return min((t for t in enough if t.bits_a_frame <= most), key=lambda t: (t.network_percent, t.bits_a_frame))

    def lost_points(self, trial: Trial) -> float:
        """Percentage points by which a setting agrees less often than all intra."""
        return self.intra.agreement_percent - trial.agreement_percent

    def summary(self, root: str = ROOT) -> dict[str, float]:
        """The numbers that documents quote, under keys that begin with `root`: thresholds, and what they did."""
        chosen, intra = self.chosen, self.intra
        found: dict[str, float] = {
            **chosen.values,
            "settings": len(self.trials),
            "clips": len(self.clip_names),
            "frames": self.frames,
            "bits_a_frame": chosen.bits_a_frame,
            "agreement_percent": chosen.agreement_percent,
            "agreement_lost_points": self.lost_points(chosen),
            "network_percent": chosen.network_percent,
            "intra_bits_a_frame": intra.bits_a_frame,
            "intra_agreement_percent": intra.agreement_percent,
            "allowed_points": ALLOWED_POINTS,
        }
        return {f"{root}.{name}": value for name, value in found.items()}

    def detail(self) -> dict[str, Any]:
        """As plain containers, for a results file."""
        rule = (
            f"of settings that agree at most {ALLOWED_POINTS:g} points less often than all intra, the fewest bits; of "
            f"those within {TIE_PERCENT:g} % of that, the fewest runs of the edge's network"
        )
        return {"rule": rule, **asdict(self), "chosen": asdict(self.chosen)}

    @classmethod
    def from_detail(cls, detail: Mapping[str, Any]) -> ThresholdSearch:
        """Back from a results file."""
        try:
            return cls(
                data=str(detail["data"]),
                codec=str(detail["codec"]),
                clip_names=tuple(detail["clip_names"]),
                frames=int(detail["frames"]),
                intra=Trial(**detail["intra"]),
                trials=tuple(Trial(**trial) for trial in detail["trials"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"expected a search for thresholds of this version, got {error!r}") from error

    def table(self) -> Table:
        """Of all settings that were tried, those that none beats in bits and agreement, and which was chosen."""
        columns = (
            "setting",
            *(name.replace("_", " ") for name in GRID),
            "bits a frame",
            "agreement %",
            "lost, points",
            "network ran %",
            "edge ms",
        )
        front = pareto_front(np.array([(t.bits_a_frame, t.agreement_percent) for t in self.trials])).tolist()
        chosen = self.chosen
        shown = [t for t in self.trials if t is chosen or [t.bits_a_frame, t.agreement_percent] in front]
        rows = tuple(
            (
                "all intra" if t is self.intra else "chosen" if t is chosen else "tried",
                *(f"{t.values[name]:g}" if t.values else "–" for name in GRID),
                number(t.bits_a_frame, 1),
                number(t.agreement_percent, 2),
                number(self.lost_points(t), 2),
                number(t.network_percent, 1),
                number(t.edge_ms, 2),
            )
            for t in (self.intra, *sorted(shown, key=lambda t: t.bits_a_frame))
        )
        return Table(f"{self.data}: {self.codec}, the best of {len(self.trials)} settings", columns, rows)


def tried_policies() -> tuple[tuple[dict[str, float], VideoPolicy], ...]:
    """Every combination of the grid, as values by name and as the policy that has them."""
    return combinations(GRID, policy_with)


def combinations(
    grid: Mapping[str, Sequence[float]], policy_of: Callable[[Mapping[str, float]], VideoPolicy]
) -> tuple[tuple[dict[str, float], VideoPolicy], ...]:
    """Every combination of a grid, as values by name and as the policy that has them."""
    every = (dict(zip(grid, values, strict=True)) for values in product(*grid.values()))
    return tuple((values, policy_of(values)) for values in every)


def policy_with(values: Mapping[str, float]) -> VideoPolicy:
    """The encoder's own policy with these thresholds of the grid."""
    return replace(
        VideoPolicy(),
        key_interval=int(values["key_interval"]),
        residual_damage=values["residual_damage"],
        latent_error=values["latent_error"],
        deadzone=values["deadzone"],
    )
