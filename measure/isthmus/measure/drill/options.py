"""What a drill does, and how often. Light: commands import it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from isthmus.common.options import option
from isthmus.measure.options import zoo_option


@dataclass(frozen=True, slots=True)
class DrillOptions:
    """Which faults, how many of each, and what is sent through them.

    Attributes:
        codecs: names, comma apart: one of each signal that is sent.
        kills: clouds that are killed while a stream is open (SIGKILL), of each codec.
        terminations: clouds that are told to end (SIGTERM), likewise.
        cuts: connections that are broken: cut, truncated, stalled, or one bit of them flipped; as many in four besides
            are delayed or throttled.
        edge_kills: edges that are killed while they send, each started again on its spool.
        rounds: of each other drill.
        only: names of drills, comma apart; "" for all.
        seed: of everything that is drawn.
        zoo: as of `zoo_option`.
    """

    panel: ClassVar[str] = "Faults"
    codecs: str = option(
        "pc-lite-any-q10,image-light-q4,vision-lite0-b5", "Codecs whose signals are sent, comma apart.", is_limit=True
    )
    kills: int = option(50, "Clouds killed (SIGKILL) in mid-stream, of each codec.", least=0, is_limit=True)
    terminations: int = option(20, "Clouds told to end (SIGTERM), likewise.", least=0, is_limit=True)
    cuts: int = option(200, "Connections broken, likewise.", least=0, is_limit=True)
    edge_kills: int = option(20, "Edges killed, each started again on its spool.", least=0, is_limit=True)
    rounds: int = option(2, "Rounds of each other drill.", least=0, is_limit=True)
    only: str = option("", "Drills, comma apart.", automatic="all", is_limit=True)
    seed: int = option(53, "Of everything that is drawn.")
    zoo: Path | None = zoo_option()
