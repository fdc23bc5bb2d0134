"""What one photograph says of a codec: its packet, and the image files that say the same, or are as small."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

UInt8 = npt.NDArray[np.uint8]
PERCENT = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of the photograph, and what it cost.

    Attributes:
        way: a codec or a format.
        setting: its quality; nan for none.
        size_bytes: of the whole packet or file.
        label: the likeliest class.
        percent: its probability.
        nats: by how far the answer is from the whole network's (Kullback-Leibler).
    """

    way: str
    setting: float
    size_bytes: int
    label: str
    percent: float
    nats: float

    def to_json(self) -> dict[str, Any]:
        """As plain containers, for a results file."""
        known = {name: getattr(self, name) for name in self.__slots__}
        return {k: v for k, v in known.items() if not (isinstance(v, float) and math.isnan(v))}


@dataclass(frozen=True, slots=True, eq=False)
class PhotographMeasurement:
    """All of it.

    Attributes:
        data: name of the photograph.
        seen: uint8 ``[height, width, 3]``, as the network is given it.
        latents: float32 ``[h, w]``: how far each place of the latents is from none, for the picture.
        whole: of the whole network on `seen`; no bytes.
        ours: of the codec's packet.
        same: a format's smallest file of which the same class is said, however surely, by format; likewise missing.
        as_good: a format's smallest file whose answer is the same class and no further off, by format; those that reach
            it at no setting are missing.
        as_small: a format's best file of no more bytes than the packet and how it looks, by format; those whose files
            are all larger are missing.
    """

    data: str
    seen: UInt8
    latents: npt.NDArray[np.float32]
    whole: Answer
    ours: Answer
    same: dict[str, Answer]
    as_good: dict[str, Answer]
    as_small: dict[str, tuple[Answer, UInt8]]

    def summary(self) -> dict[str, float]:
        """The numbers that may be quoted."""
        found: dict[str, float] = {
            "photograph.bytes": self.ours.size_bytes,
            "photograph.percent": self.ours.percent,
            "photograph.whole_percent": self.whole.percent,
        }
        for remark, answers in (("same", self.same), ("as_good", self.as_good)):
            for name, answer in answers.items():
                found |= {
                    f"photograph.{name}_bytes_{remark}": answer.size_bytes,
                    f"photograph.{name}_percent_{remark}": answer.percent,
                    f"photograph.{name}_ratio_{remark}": answer.size_bytes / self.ours.size_bytes,
                }
        for name, (answer, _) in self.as_small.items():
            found |= {
                f"photograph.{name}_bytes_as_small": answer.size_bytes,
                f"photograph.{name}_percent_as_small": answer.percent,
            }
        return found

    def detail(self) -> dict[str, Any]:
        """Everything, for the results file."""
        return {
            "seen": list(self.seen.shape[:2]),
            "whole": self.whole.to_json(),
            "ours": self.ours.to_json(),
            "same": {name: answer.to_json() for name, answer in self.same.items()},
            "as_good": {name: answer.to_json() for name, answer in self.as_good.items()},
            "as_small": {name: answer.to_json() for name, (answer, _) in self.as_small.items()},
        }
